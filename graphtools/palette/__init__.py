"""What a draft can be made of, read from the installed packages: names, documentation, parameters, ports.

entries = graphtools.palette.entries()                 # torch.nn, torch, torch.nn.functional, torchvision
graphtools.palette.search("conv norm")                 # best first
graphtools.palette.entries_of(my_module)               # the module classes in a model of the user's
"""

from __future__ import annotations

from graphtools.palette.collecting import entries, entries_of, find_entry, to_json
from graphtools.palette.entry import Entry, Parameter, Port
from graphtools.palette.searching import search

__all__ = ["Entry", "Parameter", "Port", "entries", "entries_of", "find_entry", "search", "to_json"]
