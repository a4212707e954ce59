"""Conditions on events: what they see of an event, and how one is made of keywords or of a line of Python."""

from __future__ import annotations

import ast
import builtins
import difflib
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any

import torch

from graphtools.errors import GraphtoolsError, missing
from graphtools.graph import Node, Source
from graphtools.recording import Event, Update, ValueLost
from graphtools.statistics import Statistics, is_finite, statistics
from graphtools.structure import tensors
from graphtools.visible import Visible

Condition = Callable[["Moment"], Any]
PHASES = ("forward", "backward", "update")


class ConditionError(GraphtoolsError, ValueError):
    """A condition, a place or a breakpoint given to a debugger makes no sense."""


class Moment:
    """One event as conditions see it, with everything up to it visible. Reads a tensor only when it is asked for."""

    def __init__(self, visible: Visible, event: Event) -> None:
        self._visible = visible
        self.event = event

    @property
    def index(self) -> int:
        """The position at which this event is the current one."""
        return self.event.index

    @property
    def phase(self) -> str:
        """ "forward", "backward" or "update"."""
        return self.event.phase

    @property
    def scope(self) -> str:
        """The module call that the event belongs to."""
        return self.event.scope

    @property
    def source(self) -> Source | None:
        """The line of the user's code."""
        return self.event.source

    @property
    def step(self) -> int:
        """How many optimizer steps had ended before."""
        return self.event.step

    @property
    def node(self) -> Node | None:
        """The operation, or the parameter; None for the derivative of an operation that was not recorded."""
        return self._visible.recording.graph[self.event.node] if self.event.node else None

    @property
    def name(self) -> str:
        """The node's name; of a parameter its path."""
        node = self.node
        return "" if node is None else node.target if node.kind == "parameter" else node.name

    @property
    def shape(self) -> tuple[int | str, ...] | None:
        """Shape of the first tensor that the node gives; a gradient has the same. None if unknown."""
        spec = self.node.spec if self.node is not None else None
        return None if spec is None else spec.shape

    @cached_property
    def value(self) -> torch.Tensor | None:
        """The first tensor that the node gave, after an update the new parameter; None if none is kept."""
        return self._read(lambda: self._visible.value(self.event.node, self.index))

    @cached_property
    def grad(self) -> torch.Tensor | None:
        """The gradient that has arrived at that value; None if none has."""
        if self.event.phase == "update" and self._update is not None:
            return self._update.grad
        return self._read(lambda: self._visible.grad(self.event.node, self.index))

    @cached_property
    def statistics(self) -> Statistics | None:
        """Statistics of what the event gave: of the gradient in the backward pass, else of the value."""
        tensor = self.grad if self.event.phase == "backward" else self.value
        return None if tensor is None else statistics(tensor)

    @cached_property
    def finite(self) -> bool:
        """False if a tensor that the event gave, or a gradient that it got, holds NaN or infinity."""
        return all(map(is_finite, self._tensors()))

    @cached_property
    def _update(self) -> Update | None:
        recording = self._visible.recording
        return recording.update(self.event) if self.index in recording.content.updates else None

    def _tensors(self) -> Iterator[torch.Tensor]:
        recording = self._visible.recording
        try:
            if self.event.phase == "backward":
                found: Any = (recording.incoming(self.event), recording.outgoing(self.event), self.grad)
            elif self._update is not None:
                found = self._update.after
            else:
                found = recording.value(self.event.node)
        except ValueLost:
            return
        for _, tensor in tensors(found):
            yield tensor

    def _read(self, read: Callable[[], Any]) -> torch.Tensor | None:
        if not self.event.node:
            return None
        try:
            return next((tensor for _, tensor in tensors(read())), None)
        except ValueLost:
            return None


def condition_of(condition: Condition | str | None, keywords: dict[str, Any]) -> Condition:
    """The condition that a function, a line of Python (`expression`) and keywords (`matching`) make together."""
    if condition is None:
        return matching(**keywords)
    first = expression(condition) if isinstance(condition, str) else condition
    if not keywords:
        return first
    rest = matching(**keywords)
    return lambda moment: rest(moment) and first(moment)


# -- made of keywords --------------------------------------------------------------------------------------------------


def matching(
    phase: str | None = None,
    name: str | None = None,
    scope: str | None = None,
    shape: Sequence[int | None] | None = None,
    finite: bool | None = None,
    step: int | None = None,
) -> Condition:
    """The condition that all the keywords given hold.

    `name` is a node's name, a parameter's path, an operation (`relu`) or a derivative (`ReluBackward0`). `scope` is
    one and everything called in it. A None in `shape` stands for any size.
    """
    check_phase(phase)
    tests: list[Condition] = []
    if phase is not None:
        tests.append(lambda moment: moment.event.phase == phase)
    if step is not None:
        tests.append(lambda moment: moment.event.step == step)
    if name is not None:
        tests.append(
            lambda moment: (
                moment.event.name == name
                or (moment.node is not None and name in (moment.name, moment.node.name, moment.node.operation))
            )
        )
    if scope is not None:
        tests.append(lambda moment: moment.event.scope == scope or moment.event.scope.startswith(scope + "."))
    if shape is not None:
        sizes = tuple(shape)
        tests.append(
            lambda moment: moment.node is not None and any(_fits(o.spec.shape, sizes) for o in moment.node.outputs)
        )
    if finite is not None:
        tests.append(lambda moment: moment.finite == finite)
    if not tests:
        raise ConditionError(
            "no condition is given; give a function of the moment, or finite=False, phase=..., name=..."
        )
    return lambda moment: all(test(moment) for test in tests)


def check_phase(phase: str | None) -> None:
    """Raises MissingError unless `phase` is None or a phase."""
    if phase is not None and phase not in PHASES:
        raise missing("phase", phase, PHASES)


def _fits(shape: tuple[int | str, ...], sizes: tuple[int | None, ...]) -> bool:
    return len(shape) == len(sizes) and all(want in (None, size) for size, want in zip(shape, sizes, strict=True))


# -- made of a line of Python -----------------------------------------------------------------------------------------

_NAMES = "event node name scope phase step index source shape value grad statistics finite".split()
_MAY_BE_NONE = frozenset({"node", "source", "shape", "value", "grad", "statistics"})


def expression(text: str) -> Condition:
    """The condition that a line of Python says, with the names of a Moment and `torch`: `value.abs().max() > 10`.

    It is False at events that have none of what it names: no value, no gradient. The text is run as Python: it must
    come from the user who is debugging, never from a file. Raises ConditionError if it is no expression or names
    something else.
    """
    names = sorted(names_in(text))
    unknown = [name for name in names if name not in (*_NAMES, "torch") and not hasattr(builtins, name)]
    if unknown:
        near = difflib.get_close_matches(unknown[0], _NAMES, n=1)
        hint = f"; did you mean {near[0]}?" if near else f". It may use {', '.join(_NAMES)} and torch"
        raise ConditionError(f"the condition `{text}` uses {unknown[0]!r}, which it does not know{hint}")
    code = compile(text, "<condition>", "eval")

    def condition(moment: Moment) -> Any:
        known = {name: getattr(moment, name) for name in names if name in _NAMES}
        if any(value is None and name in _MAY_BE_NONE for name, value in known.items()):
            return False
        return eval(code, {"torch": torch, **known})

    return condition


def names_in(text: str) -> set[str]:
    """The names that an expression reads and does not bind itself. Raises ConditionError if it is no expression."""
    try:
        tree = ast.parse(text, mode="eval")
    except SyntaxError as error:
        raise ConditionError(f"`{text}` is no Python expression: {error.msg}") from None
    except ValueError as error:  # a null byte
        raise ConditionError(f"`{text!r}` is no Python expression: {error}") from None
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    bound = {node.id for node in names if not isinstance(node.ctx, ast.Load)}
    bound |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    return {node.id for node in names} - bound
