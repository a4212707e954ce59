"""graphtools: see, step through and rebuild PyTorch's computational graphs.

    graph = graphtools.trace(model, x)          # what is computed
    recording = graphtools.run(model, x)        # what happened: every value of one forward pass
    with graphtools.record(model) as recording: # your own code, unchanged
        ...

Names are imported when first used, so `import graphtools` costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from graphtools.capture.api import record, run, trace
    from graphtools.errors import (
        CaptureError,
        FormatError,
        GraphError,
        GraphtoolsError,
        LimitError,
        LoadError,
        MissingError,
    )
    from graphtools.graph import Graph, Node, Ref, Source, Spec
    from graphtools.recording import Event, Limits, Recording, ValueLost
    from graphtools.replaying import replay

_HOMES = {
    "graphtools.capture.api": "trace run record",
    "graphtools.errors": "GraphtoolsError GraphError FormatError CaptureError LimitError LoadError MissingError",
    "graphtools.graph": "Graph Node Ref Source Spec",
    "graphtools.recording": "Recording Event Limits ValueLost",
    "graphtools.replaying": "replay",
}
_HOME = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = [
    "CaptureError",
    "Event",
    "FormatError",
    "Graph",
    "GraphError",
    "GraphtoolsError",
    "LimitError",
    "Limits",
    "LoadError",
    "MissingError",
    "Node",
    "Recording",
    "Ref",
    "Source",
    "Spec",
    "ValueLost",
    "record",
    "replay",
    "run",
    "trace",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        value = getattr(importlib.import_module(_HOME[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'graphtools' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
