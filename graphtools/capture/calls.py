"""One operation as raw as a recorder met it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from torch import nn

from graphtools.capture.clock import Lapse
from graphtools.capture.source import Place

if TYPE_CHECKING:
    from graphtools.capture.edits import Edits
    from graphtools.capture.values import Value


class Call:
    """One operation, as raw as it was met; `graphtools.capture.assemble` makes a Node of it."""

    __slots__ = (
        "after",
        "args",
        "autocast",
        "duration",
        "edits",
        "func",
        "grad",
        "index",
        "kind",
        "kwargs",
        "module",
        "name",
        "place",
        "raised",
        "random",
        "result",
        "rng_state",
        "scope",
        "target",
        "values",
        "writes",
    )  # fmt: skip

    def __init__(self, index: int, kind: str, name: str, target: str, scope: str, place: Place | None) -> None:
        self.index = index
        self.kind = kind
        self.name = name
        self.target = target
        self.scope = scope
        self.place = place
        self.func: Callable[..., Any] | None = None
        self.module: nn.Module | None = None
        self.args: tuple[Any, ...] = ()
        self.kwargs: dict[str, Any] = {}
        self.values: list[Value] = []
        self.result: Any = None
        self.writes: tuple[str, ...] = ()
        self.after: tuple[str, ...] = ()
        self.random = False
        self.raised = False
        self.rng_state: Any = None
        self.grad = True
        self.autocast: str | None = None
        self.duration: float | Lapse = 0.0
        self.edits: Edits = ()
