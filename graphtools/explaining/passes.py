"""One backward pass by node: the gradients that came to it, the parts that its users sent, what it sent on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch

from graphtools.derivatives import Call
from graphtools.graph import Node, Path, Ref
from graphtools.recording import Recording, Stage, ValueLost


@dataclass(frozen=True)
class Part:
    """A gradient that one backward event sent to a value. `user` is the operation's name, "" for one not recorded.

    `gradient` is None where it was not kept.
    """

    user: str
    event: int
    ref: Ref
    gradient: torch.Tensor | None


class Pass:
    """The events of one backward pass of a recording; reads a gradient when it is asked for."""

    def __init__(self, recording: Recording, stage: Stage) -> None:
        self.recording = recording
        self.stage = stage
        self.known: dict[tuple[str, str], Any] = {}  # what a walk found out of an operation, for the next walk

    @cached_property
    def _received(self) -> dict[str, list[tuple[Ref, int, int]]]:
        return self._places("of")

    @cached_property
    def _sent(self) -> dict[str, list[tuple[Ref, int, int]]]:
        return self._places("to")

    @cached_property
    def _sent_by(self) -> dict[str, list[tuple[Ref, int, int]]]:
        """What each operation sent, to whom and at which event; a parameter of a loop has a thousand senders."""
        found: dict[str, list[tuple[Ref, int, int]]] = {}
        for places in self._sent.values():
            for ref, index, place in places:
                if self._is_there("outgoing", index, place):
                    found.setdefault(self.recording.events[index].node, []).append((ref, index, place))
        return found

    def _places(self, side: str) -> dict[str, list[tuple[Ref, int, int]]]:
        found: dict[str, list[tuple[Ref, int, int]]] = {}
        flows = self.recording.content.flows
        for index in range(self.stage.start, self.stage.stop):
            if index in flows:
                for place, refs in enumerate(getattr(flows[index], side)):
                    for ref in refs:
                        found.setdefault(ref.node, []).append((ref, index, place))
        return found

    @cached_property
    def _events_of(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        flows = self.recording.content.flows
        for event in self.recording.events[self.stage.start : self.stage.stop]:
            if event.index in flows:
                found.setdefault(event.node, []).append(event.index)
        return found

    def _read(self, side: str, index: int, place: int) -> torch.Tensor | None:
        read = self.recording.incoming if side == "incoming" else self.recording.outgoing
        try:
            gradients = read(index)
        except ValueLost:
            return None
        return gradients[place] if place < len(gradients) else None

    def _is_there(self, side: str, index: int, place: int) -> bool:
        gradients = getattr(self.recording.content.flows[index], side)
        return place < len(gradients) and gradients[place] is not None

    def has_reached(self, node: Node) -> bool:
        """True if a gradient of `node` arrived in this pass."""
        return any(self._is_there("incoming", index, place) for _, index, place in self._received.get(node.name, ()))

    def incoming(self, node: Node) -> dict[Path, torch.Tensor]:
        """∂L/∂output by path; of an operation whose result autograd knows under another name, what its events got."""
        found = {}
        for ref, index, place in self._received.get(node.name, ()):
            gradient = self._read("incoming", index, place)
            if gradient is not None:
                found[ref.path] = gradient
        if not found and node.kind == "call":
            for index in self._events_of.get(node.name, ())[:1]:
                gradient = self._read("incoming", index, 0)
                if gradient is not None:
                    found[()] = gradient
        return found

    def parts(self, node: Node, path: Path | None = None) -> list[Part]:
        """What the users of `node` sent to it (at `path`), in the order in which it arrived."""
        found = []
        for ref, index, place in self._sent.get(node.name, ()):
            if path in (None, ref.path) and self._is_there("outgoing", index, place):
                user = self.recording.events[index].node
                found.append(Part(user, index, ref, self._read("outgoing", index, place)))
        return found

    def outgoing(self, node: Node) -> dict[Ref, torch.Tensor]:
        """What the operation sent to each of its arguments, summed where it sent several parts to one."""
        found: dict[Ref, torch.Tensor] = {}
        refs = set(node.refs())
        for ref, index, place in self._sent_by.get(node.name, ()):
            gradient = self._read("outgoing", index, place) if ref in refs else None
            if gradient is not None:
                found[ref] = gradient if ref not in found else found[ref] + gradient
        return {ref: found[ref] for ref in dict.fromkeys(node.refs()) if ref in found}

    def call(self, node: Node) -> Call:
        """The call of an operation with the gradients of this pass.

        Of an output that the operation itself used for another one (the cell state of an LSTM cell), only what came
        from outside counts as incoming: the rest is a part of the derivative.
        """
        incoming = self.incoming(node)
        for path in incoming:
            parts = self.parts(node, path)
            outside = [part.gradient for part in parts if part.user != node.name and part.gradient is not None]
            if len(outside) < len(parts) and all(part.gradient is not None for part in parts):
                incoming[path] = torch.stack(outside).sum(0) if outside else torch.zeros_like(incoming[path])
        return Call(self.recording, node, incoming, self.outgoing(node))

    @cached_property
    def root(self) -> Node | None:
        """The node that `backward` started from; None if it is no recorded one."""
        name = self.stage.name
        return self.recording.graph[name] if name and name in self.recording.graph else None


class Passes:
    """The backward passes of a recording. One for all explanations of it saves each of them the walks of the others."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.known: dict[str, Any] = {}  # what a walk found out of a value, for the next walk
        self._passes = [Pass(recording, stage) for stage in reversed(recording.stages) if stage.kind == "backward"]

    def begun(self, before: int | None = None) -> Iterator[Pass]:
        """Those that began before event index `before`, the last first."""
        return (one for one in self._passes if before is None or one.stage.start < before)

    def that_reached(self, node: Node, before: int | None = None) -> Pass | None:
        """The last pass that brought `node` a gradient; if none did, the last pass; None without a backward pass."""
        found = list(self.begun(before))
        return next((one for one in found if one.has_reached(node)), found[0] if found else None)
