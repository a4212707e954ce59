"""Where values come in at a node: the arguments that are connected or open, and those that could be given besides."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from torch import nn

from graphtools.drafting.plan import OPEN, OUTPUT, Place, Plan, places
from graphtools.drafting.sources import Sources
from graphtools.drafting.targets import signature
from graphtools.errors import DraftError, MissingError
from graphtools.graph import ListArg, Node, Ref
from graphtools.palette import Entry, entries_of, find_entry


@dataclass(frozen=True, slots=True)
class InPort:
    """One of them. `source` is None where nothing is connected; it `must` be, or it may."""

    place: Place
    label: str
    source: Ref | None
    must: bool


def ports_of(plan: Plan, node: Node, sources: Sources) -> tuple[InPort, ...]:
    """The ports of a node from left to right; none for an input or a parameter."""
    if node.kind not in ("call", "output"):
        return ()
    names = _names(plan, node, sources)
    found = []
    taken = set()
    for place, arg in places(node):
        head = place[0]
        label = names[head] if isinstance(head, int) and head < len(names) else str(head)
        label += "".join(f"[{key}]" for key in place[1:])
        if node.kind == "output":
            label = ".".join(map(str, place[1:]))
        found.append(InPort(place, label, arg if isinstance(arg, Ref) else None, arg == OPEN or node.kind == "output"))
        taken.add(names[head] if isinstance(head, int) and head < len(names) else head)
    found += _more(node, names, taken, entry_of(sources, node))
    return tuple(found)


def _more(node: Node, names: tuple[str, ...], taken: set[Any], entry: Entry | None) -> Iterator[InPort]:
    """Ports that could be connected besides: one more of a list, and what has a default."""
    if node.name == OUTPUT:
        return
    for index, arg in enumerate(node.args):
        if isinstance(arg, ListArg | tuple) and any(isinstance(item, Ref) for item in arg) and OPEN not in arg:
            label = names[index] if index < len(names) else str(index)
            yield InPort((index, len(arg)), f"{label}[{len(arg)}]", None, False)
    for port in entry.inputs if entry is not None else ():
        position = names.index(port.name) if port.name in names else -1
        is_given = position >= 0 and position < len(node.args) and node.args[position] is not None
        is_given = is_given or port.name in taken or port.name in node.kwargs
        if not (is_given or port.is_list or port.is_required):
            yield InPort((port.name,), port.name, None, False)


def _names(plan: Plan, node: Node, sources: Sources) -> tuple[str, ...]:
    layer = plan.layer(node)
    try:
        found = signature(sources.find(node.target) if layer is None else sources.class_of(layer))
    except DraftError:
        return ()
    return tuple(found.parameters) if found is not None else ()


def entry_of(sources: Sources, node: Node) -> Entry | None:
    """The entry for what a node calls: of the palette, or of a module of the user's; None for what has none."""
    if node.kind != "call":
        return None
    return own_entries(sources).get(node.target) or _entry(node.target)


def own_entries(sources: Sources) -> dict[str, Entry]:
    """The entries of the user's own module classes, those of the model that the draft was opened from, by target."""
    return {} if sources.model is None else _own(sources.model)


@lru_cache(maxsize=8)
def _own(model: nn.Module) -> dict[str, Entry]:
    return {entry.target: entry for entry in entries_of(model)}


@lru_cache(maxsize=4096)
def _entry(target: str) -> Entry | None:
    try:
        return find_entry(target)
    except MissingError:
        pass
    words = target.rsplit(".", 1)
    for home in ("torch", "torch.nn.functional"):  # operator.add and torch.Tensor.add are as torch.add
        try:
            return find_entry(f"{home}.{words[-1].strip('_')}")
        except MissingError:
            continue
    return None
