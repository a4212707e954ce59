"""What an event did: which value, gradient or parameter appeared, was overwritten or was cleared."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

import torch

from graphtools.graph import Node, Path, Ref
from graphtools.recording import Event, Flow, Recording, ValueLost
from graphtools.statistics import number, one_line
from graphtools.visible import Visible
from graphtools.words import plain

What = Literal["value", "gradient", "parameter", "buffer", "state", "stopped"]
Verb = Literal["appeared", "overwritten", "accumulated", "cleared", "sent", "updated", "raised"]


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that differs because of the event with index `event`: the `what` called `name` was `verb`ed.

    A gradient "appeared" where it arrived whole, and was "sent" where it is one part of what arrives later. "state" is
    the optimizer's. `now` and `before` read the tensor when they are called: None where there is none.
    """

    event: int
    what: What
    name: str
    verb: Verb
    now: Callable[[], Any] = field(default=lambda: None, repr=False, compare=False)
    before: Callable[[], Any] = field(default=lambda: None, repr=False, compare=False)

    @property
    def text(self) -> str:
        """What is there now in one line; reads the tensor, and of a parameter also what it was before."""
        try:
            now = self.now()
            line = value_text(now)
            if self.what == "parameter" and isinstance(now, torch.Tensor):
                before = self.before()
                if isinstance(before, torch.Tensor):
                    line += f", moved by ‖Δ‖={number(_distance(now, before))} of {number(_norm(before))}"
            return line
        except ValueLost:
            return "not kept"

    def __str__(self) -> str:
        said = f"{self.what} {plain(self.name)} {self.verb}"
        text = "" if self.verb in ("overwritten", "cleared") and self.what == "value" else self.text
        return f"{said}: {text}" if text else said


def value_text(value: Any) -> str:
    """Any recorded value in one line; "" for None."""
    if isinstance(value, torch.Tensor):
        return one_line(value)
    if isinstance(value, tuple) and any(isinstance(part, torch.Tensor) for part in value):
        return ", ".join(map(value_text, value))
    return "" if value is None else plain(value if isinstance(value, str) else repr(value))


def shown_name(node: Node, path: Path = ()) -> str:
    """The name a person types for what `node` gave: a parameter's path, else the node's name and the place in it."""
    return node.target if node.kind in ("parameter", "buffer") else str(Ref(node.name, path))[1:]


def _norm(tensor: torch.Tensor) -> float:
    return float(tensor.double().norm())


def _distance(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one.double() - other.double()).norm())


def changes_of(recording: Recording, visible: Visible, event: Event) -> Iterator[Change]:
    """The changes that `event` made, in order, what was cleared just before it first. Reads no tensor."""
    for name in visible.cleared_at.get(event.index, ()):
        before = partial(visible.grad, name, event.index - 1)
        yield Change(event.index, "gradient", name, "cleared", before=before)
    if event.phase == "backward":
        flow = recording.content.flows.get(event.index)
        if flow is not None:
            yield from _backward(recording, visible, event, flow)
    elif event.index in recording.content.updates:
        yield from _update(recording, visible, event)
    elif event.node:
        yield from _operation(recording, visible, event)


def _operation(recording: Recording, visible: Visible, event: Event) -> Iterator[Change]:
    graph = recording.graph
    node = graph[event.node]
    failure = graph.failure
    if failure is not None and failure.node == node.name:
        yield Change(event.index, "stopped", node.name, "raised", lambda: f"{failure.type}: {failure.message}")
        return
    paths: list[Path] = list(recording.content.values.get(node.name, {})) or [output.path for output in node.outputs]
    for path in paths or [()]:
        yield Change(event.index, "value", shown_name(node, path), "appeared", partial(_kept, recording, node, path))
    for name in node.writes:
        written = graph[name]
        if written.kind in ("parameter", "buffer"):
            now = partial(visible.value, written.target, event.index)
            before = partial(visible.value, written.target, event.index - 1)
            yield Change(event.index, written.kind, written.target, "overwritten", now, before)
        elif written.kind == "constant" and written.target.endswith(".grad"):
            target = written.target.removesuffix(".grad")
            now, before = (partial(visible.grad, target, index) for index in (event.index, event.index - 1))
            yield Change(event.index, "gradient", target, "overwritten", now, before)
        else:
            yield Change(event.index, "value", name, "overwritten", before=partial(recording.value, name))


def _kept(recording: Recording, node: Node, path: Path) -> Any:
    return recording.value(node, path) if recording.content.values.get(node.name) else None


def _backward(recording: Recording, visible: Visible, event: Event, flow: Flow) -> Iterator[Change]:
    for place, refs in enumerate(flow.of):
        if flow.incoming[place] is None:
            continue
        for ref in refs:
            node = recording.graph[ref.node]
            if flow.accumulated is not None:
                now, before = (partial(visible.grad, node.target, index) for index in (event.index, event.index - 1))
                is_first = visible.grad(node.target, event.index - 1) is None
                verb: Verb = "appeared" if is_first else "accumulated"
                yield Change(event.index, "gradient", node.target, verb, now, before)
            else:
                now = partial(recording.grad, node, ref.path, event.index + 1)
                yield Change(event.index, "gradient", shown_name(node, ref.path), "appeared", now)
    for place, refs in enumerate(flow.to):
        if place < len(flow.outgoing) and flow.outgoing[place] is not None:
            for ref in refs:
                name = shown_name(recording.graph[ref.node], ref.path)
                yield Change(event.index, "gradient", name, "sent", partial(_sent, recording, event, place))


def _sent(recording: Recording, event: Event, place: int) -> Any:
    return recording.outgoing(event)[place]


def _update(recording: Recording, visible: Visible, event: Event) -> Iterator[Change]:
    update = recording.content.updates[event.index]
    yield Change(
        event.index,
        "parameter",
        update.parameter,
        "updated",
        lambda: recording.update(event).after,
        lambda: recording.update(event).before,
    )
    earlier = [index for index in visible.updates_of.get(update.parameter, ()) if index < event.index]
    known = recording.content.updates[earlier[-1]].state if earlier else {}
    for key in update.state:
        verb: Verb = "updated" if key in known else "appeared"
        before = partial(_state, recording, earlier[-1], key) if key in known else lambda: None
        yield Change(
            event.index,
            "state",
            f"{update.parameter} {key}",
            verb,
            partial(_state, recording, event.index, key),
            before,
        )


def _state(recording: Recording, index: int, key: str) -> Any:
    return recording.update(index).state[key]
