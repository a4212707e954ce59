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
    from graphtools.comparing import Comparison, compare
    from graphtools.conditions import ConditionError
    from graphtools.debugger import Debugger
    from graphtools.drafting.draft import Draft
    from graphtools.editing import edit
    from graphtools.errors import (
        CaptureError,
        DraftError,
        EditError,
        FormatError,
        GraphError,
        GraphtoolsError,
        LimitError,
        LoadError,
        MissingError,
    )
    from graphtools.explaining import Explanation
    from graphtools.graph import Graph, Node, Ref, Source, Spec
    from graphtools.recording import Event, Flow, Limits, Recording, Stage, Update, ValueLost
    from graphtools.replaying import replay
    from graphtools.saving import load
    from graphtools.training import training_step
    from graphtools.visible import PositionError

_HOMES = {
    "graphtools.capture.api": "trace run record",
    "graphtools.comparing": "Comparison compare",
    "graphtools.conditions": "ConditionError",
    "graphtools.debugger": "Debugger",
    "graphtools.drafting.draft": "Draft",
    "graphtools.editing": "edit",
    "graphtools.errors": (
        "GraphtoolsError GraphError FormatError CaptureError DraftError EditError LimitError LoadError MissingError"
    ),
    "graphtools.explaining": "Explanation",
    "graphtools.graph": "Graph Node Ref Source Spec",
    "graphtools.recording": "Recording Event Flow Limits Stage Update ValueLost",
    "graphtools.replaying": "replay",
    "graphtools.saving": "load",
    "graphtools.training": "training_step",
    "graphtools.visible": "PositionError",
}
_HOME = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = [
    "CaptureError",
    "Comparison",
    "ConditionError",
    "Debugger",
    "Draft",
    "DraftError",
    "EditError",
    "Event",
    "Explanation",
    "Flow",
    "FormatError",
    "Graph",
    "GraphError",
    "GraphtoolsError",
    "LimitError",
    "Limits",
    "LoadError",
    "MissingError",
    "Node",
    "PositionError",
    "Recording",
    "Ref",
    "Source",
    "Spec",
    "Stage",
    "Update",
    "ValueLost",
    "compare",
    "edit",
    "load",
    "record",
    "replay",
    "run",
    "trace",
    "training_step",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        value = getattr(importlib.import_module(_HOME[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'graphtools' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
