"""What can be seen of a recording from a position: what has run, what parameters hold then, which gradients arrived."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Mapping
from functools import cached_property, partial
from typing import Any

from graphtools.errors import GraphtoolsError
from graphtools.graph import Node, Path, Ref
from graphtools.recording import Recording, ValueLost

History = list[tuple[int, Callable[[], Any]]]  # from which event on, and what reads the content


class PositionError(GraphtoolsError, LookupError):
    """What was asked for cannot be seen or reached from where the debugger stands: it comes later, or came before."""


class Visible:
    """Values and gradients as of a position, the index of the last event that has happened. Holds no tensor itself."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self._histories: dict[str, tuple[list[int], History]] = {}

    # -- values -----------------------------------------------------------------------------------------------------

    def value(self, of: Node | str, position: int, path: Path | None = None) -> Any:
        """What `of` gave, if it has run; of a parameter or buffer what it holds at `position`.

        Raises PositionError if it comes later, MissingError and ValueLost as `Recording.value` does.
        """
        node = self.recording.graph.node(of)
        born = self.born[node.name]
        if born > position:
            raise PositionError(self._not_yet(of, node, born, position))
        if node.kind in ("parameter", "buffer"):
            return self._content("value of " + node.target, position, lambda: self._value_history(node.target))
        return self.recording.value(node, path)

    def has_happened(self, of: Node | str, position: int) -> bool:
        """True if `of` can be seen at `position`."""
        return self.born[self.recording.graph.node(of).name] <= position

    @cached_property
    def born(self) -> Mapping[str, int]:
        """From which event on each node can be seen; -1: from the start."""
        graph = self.recording.graph
        born: dict[str, int] = {}
        for node in graph.nodes:
            if node.kind == "call" and node.name in self.event_of:
                born[node.name] = self.event_of[node.name]
            elif node.kind in ("call", "output"):
                born[node.name] = max((born[ref.node] for ref in node.refs()), default=-1)
            elif node.kind == "constant":  # from outside the recorded operations; the recorder met it at its first use
                born[node.name] = self._first_use(node) - 1
            elif node.kind in ("parameter", "buffer") and self.nodes_of[node.target][0].name != node.name:
                use = self._first_use(node)
                before = [index for index in self.updates_of.get(node.target, ()) if index < use]
                born[node.name] = before[-1] if before else use - 1
            else:
                born[node.name] = -1
        return born

    @cached_property
    def event_of(self) -> Mapping[str, int]:
        """The event at which each operation ran."""
        updates = self.recording.content.updates
        return {
            event.node: event.index
            for event in reversed(self.recording.events)
            if event.phase != "backward" and event.index not in updates
        }

    @cached_property
    def updates_of(self) -> Mapping[str, tuple[int, ...]]:
        """The events at which an optimizer updated each parameter, by its path."""
        found: dict[str, list[int]] = {}
        for index, update in sorted(self.recording.content.updates.items()):
            found.setdefault(update.parameter, []).append(index)
        return {target: tuple(indexes) for target, indexes in found.items()}

    @cached_property
    def nodes_of(self) -> Mapping[str, tuple[Node, ...]]:
        """The nodes that stand for each parameter, buffer or constant over the steps, by its path."""
        found: dict[str, list[Node]] = {}
        for node in self.recording.graph.nodes:
            if node.is_state:
                found.setdefault(node.target, []).append(node)
        return {target: tuple(nodes) for target, nodes in found.items()}

    @cached_property
    def writers_of(self) -> Mapping[str, tuple[Node, ...]]:
        """The operations that overwrite what each node gave, in order."""
        found: dict[str, list[Node]] = {}
        for node in self.recording.graph.operations:
            for name in node.writes:
                found.setdefault(name, []).append(node)
        return {name: tuple(nodes) for name, nodes in found.items()}

    def _first_use(self, node: Node) -> int:
        uses = [self.event_of[user.name] for user in self.recording.graph.users(node) if user.name in self.event_of]
        return min(uses, default=len(self.recording.events))

    def _value_history(self, target: str) -> History:
        history: History = []
        for node in self.nodes_of[target]:
            history.append((self.born[node.name], partial(self.recording.value, node)))
            history += self._written(node, target)
        for index in self.updates_of.get(target, ()):
            history.append((index, partial(self._after, index)))
        return history

    def _written(self, node: Node, target: str) -> History:
        """What operations left in the memory of `node`, which they overwrote directly or after one another."""
        history: History = []
        own = {Ref(node.name)}  # the names under which the whole memory goes
        todo = [(writer, True) for writer in self.writers_of.get(node.name, ())]
        met = {node.name}
        while todo:
            writer, is_sure = todo.pop(0)
            if writer.name in met or writer.name not in self.event_of:
                continue
            met.add(writer.name)
            index = self.event_of[writer.name]
            path = result_in_place(writer, own)
            if path is not None:
                own.add(Ref(writer.name, path))
                history.append((index, partial(self.recording.value, writer, path)))
            elif is_sure:
                history.append((index, partial(self._lost, target, writer)))
            else:
                continue
            # What overwrites a result given in place overwrites this memory; any other result may be memory of its own.
            todo += [(later, path == ()) for later in self.writers_of.get(writer.name, ())]
        return history

    def _after(self, index: int) -> Any:
        return self.recording.update(index).after

    def _lost(self, target: str, writer: Node) -> Any:
        raise ValueLost(
            f"{writer.name} overwrote {target} at event {self.event_of[writer.name]}, and what it holds since then was "
            f"not kept; what it held before: debugger.recording.value({target!r})"
        )

    def _content(self, key: str, position: int, make: Callable[[], History]) -> Any:
        if key not in self._histories:
            history = sorted(make(), key=lambda entry: entry[0])
            self._histories[key] = [index for index, _ in history], history
        indexes, history = self._histories[key]
        place = bisect_right(indexes, position)
        return history[place - 1][1]() if place else None

    def _not_yet(self, of: Node | str, node: Node, born: int, position: int) -> str:
        name = of if isinstance(of, str) else node.name
        if node.kind in ("parameter", "buffer"):
            return (
                f"{name} is {node.target} from event {born} on, and this is position {position}; "
                f"what it holds here: debugger.value({node.target!r})"
            )
        if node.kind != "call":
            return f"{name} is not there yet at position {position}; it is from event {born} on: debugger.goto({born})"
        if name != node.name:
            return f"{name} has not ended yet at position {position}; it ends at event {born}: debugger.goto({born})"
        return f"{name} has not run yet at position {position}; it runs at event {born}: debugger.run_to({name!r})"

    # -- gradients --------------------------------------------------------------------------------------------------

    def grad(self, of: Node | str, position: int, path: Path | None = None) -> Any:
        """The gradient that has arrived at what `of` gave, of a parameter its `.grad` then; None if there is none."""
        node = self.recording.graph.node(of)
        if node.kind != "parameter":
            return self.recording.grad(node, path, before=position + 1)
        return self._content("grad of " + node.target, position, lambda: self._grad_history(node.target))

    @cached_property
    def cleared_at(self) -> Mapping[int, tuple[str, ...]]:
        """The parameters whose gradient zero_grad cleared just before an event."""
        found: dict[int, tuple[str, ...]] = {}
        for stage in self.recording.stages:
            if stage.kind == "zero_grad":
                found[stage.start] = found.get(stage.start, ()) + stage.changed
        return found

    def _grad_history(self, target: str) -> History:
        """What `.grad` of a parameter holds: cleared, accumulated, overwritten by gradient clipping."""
        history: History = [(index, lambda: None) for index, names in self.cleared_at.items() if target in names]
        flows = self.recording.content.flows
        names = {node.name: node for node in self.nodes_of[target]}
        for index in sorted(flows):  # after the clearing that the sort leaves in front of it
            for refs in flows[index].of:
                for ref in refs:
                    if ref.node in names:
                        history.append((index, partial(self.recording.grad, names[ref.node], before=index + 1)))
        for node in self.nodes_of.get(target + ".grad", ()):
            history += self._written(node, target + ".grad")
        return history


def result_in_place(writer: Node, written: Collection[Ref]) -> Path | None:
    """Where in the result of `writer` stands the whole of what it wrote over one of `written`; None if nowhere."""
    out = _place(writer.kwargs.get("out"), written)
    if out is not None:
        return out
    word = writer.operation
    is_in_place = (word.endswith("_") and not word.endswith("__")) or word == "setitem" or word in _AUGMENTED
    if not is_in_place and writer.kwargs.get("inplace") is not True:
        return None
    return _place(writer.args[0] if writer.args else writer.kwargs.get("input"), written)


def _place(arg: Any, refs: Collection[Ref]) -> Path | None:
    if isinstance(arg, Ref):
        return () if arg in refs else None
    if isinstance(arg, tuple):  # torch._foreach_mul_([...])
        return next(((place,) for place, item in enumerate(arg) if isinstance(item, Ref) and item in refs), None)
    return None


_AUGMENTED = frozenset("iadd isub imul itruediv ifloordiv imod ipow iand ior ixor ilshift irshift imatmul".split())
