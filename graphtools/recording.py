"""What happened in a run: a Graph, its events in order, and the values and gradients that flowed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from graphtools.errors import GraphtoolsError, missing
from graphtools.graph import Failure, Graph, Node, Path, Ref, Source

if TYPE_CHECKING:
    import os
    from pathlib import Path as FilePath

    from graphtools.explaining import Explanation

Phase = Literal["forward", "backward", "update"]
StageKind = Literal["forward", "zero_grad", "backward", "update", "step"]


class ValueLost(GraphtoolsError, LookupError):
    """A value was not kept: it was overwritten after the recording ended, or the recording was told to keep none."""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened: an operation ran, its derivative ran, or an optimizer updated a parameter.

    `node` is the graph's node that it belongs to: the operation, or the parameter; "" for a derivative of no recorded
    operation. `name` is what ran: `conv2d`, `ConvolutionBackward0`, `SGD`. `step` counts the optimizer steps that had
    ended before. `duration_s` is the time on the CPU, without what the recorder adds; of a derivative, the time since
    the backward event before it. `rng_state` is the state of torch's generators just before an operation that draws
    random numbers, else None.
    """

    index: int
    phase: Phase
    node: str
    scope: str
    source: Source | None
    duration_s: float
    rng_state: Any = None
    name: str = ""
    step: int = 0


@dataclass(frozen=True, slots=True)
class Stage:
    """One part of a training step as it really happened: the events from index `start` up to, not including, `stop`.

    `kind` is "forward" (a run of operations), "zero_grad", "backward", "update" (operations on gradients: clipping, an
    update written by hand) or "step" (of an optimizer). `name` is the model,
    the node that `backward` started from, or the optimizer's class. `before` are the parameters that had a gradient
    when the stage began, `changed` those whose gradient ("zero_grad", "backward") or value ("step") it changed.
    """

    kind: StageKind
    start: int
    stop: int
    name: str = ""
    source: Source | None = None
    before: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Limits:
    """Where a run is stopped with LimitError: after so many operations, bytes of results, or seconds. None: nowhere."""

    events: int | None = None
    bytes: int | None = None
    seconds: float | None = None


@dataclass(slots=True)
class Kept:
    """A value held by a recording. `version` is the tensor's in-place counter when the recording ended;
    `requires_grad` says whether the run's own tensor took part in gradients; `recipe`, where there is one, computes the
    value when it is looked at, in place of `value`."""

    value: Any
    version: int | None = None
    requires_grad: bool = False
    recipe: Callable[[], Any] | None = None


@dataclass(frozen=True, slots=True)
class Flow:
    """The gradients of one backward event, a None where there was none.

    `incoming[i]` is ∂L/∂(output i of the operation), the whole gradient of each of the values `of[i]`; `outgoing[i]` is
    what it sends on to the values `to[i]`, which may get more from elsewhere. `accumulated` is a parameter's `.grad`
    after this event, for the events that accumulate one.
    """

    incoming: tuple[Kept | None, ...]
    outgoing: tuple[Kept | None, ...]
    of: tuple[tuple[Ref, ...], ...]
    to: tuple[tuple[Ref, ...], ...]
    accumulated: Kept | None = None


@dataclass(frozen=True, slots=True)
class Update:
    """What one optimizer step did to one parameter: tensors shaped as the parameter, on its device.

    `settings` are those of its parameter group (`lr`, `momentum`, ...), `state` what the optimizer holds for it after
    the step (`momentum_buffer`, `exp_avg`, `step`, ...). In a recording's own tables the tensors are `Kept`.
    """

    parameter: str
    optimizer: str
    group: int
    before: Any
    after: Any
    grad: Any
    settings: Mapping[str, Any] = field(default_factory=dict)
    state: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ratio(self) -> float:
        """‖after − before‖ / ‖before‖, about 1e-3 where training goes well (Karpathy, CS231n notes); inf from zero."""
        before = float(self.before.double().norm())
        change = float((self.after.double() - self.before.double()).norm())
        return change / before if before else float("inf") if change else 0.0


@dataclass(frozen=True, slots=True)
class Content:
    """All that a recording holds; `flows` and `updates` are by event index, `values` by node name and path."""

    graph: Graph
    events: tuple[Event, ...]
    values: Mapping[str, Mapping[Path, Kept]]
    flows: Mapping[int, Flow] = field(default_factory=dict)
    updates: Mapping[int, Update] = field(default_factory=dict)
    stages: tuple[Stage, ...] = ()


def is_path(node: Node, of: Node | str) -> bool:
    """Whether `of`, which found the node, is the path of a parameter: that stands for it in every step. A parameter of
    the model itself, such as `weight`, has a node of that name too, in the first step."""
    return node.kind == "parameter" and isinstance(of, str) and (of != node.name or of == node.target)


class Recording:
    """A run that was watched. Made by `graphtools.run`, `record` and `training_step`, or loaded; never changes.

    What it holds is put together when first asked for, at about 10 µs an event. `error` is the exception that ended the
    run, or None; a loaded recording knows only its `failure`.
    """

    def __init__(
        self,
        build: Callable[[], Content],
        error: BaseException | None = None,
        duration_s: float = 0.0,
        read_version: Callable[[Any], int | None] = lambda value: None,
        program: Any = None,
    ) -> None:
        self._build = build
        self._read_version = read_version
        self._program = program  # how to run it again; see graphtools.editing
        self._shared: dict[int, list[Kept]] = {}  # see graphtools.capture.guard
        self._edits: Mapping[str, Any] = {}  # what was changed in this run
        self._end: Any = None  # of a changed training step: what it left behind; see graphtools.capture.ends
        self.error = error
        self.duration_s = duration_s

    @cached_property
    def content(self) -> Content:
        """The tables behind everything else here."""
        return self._build()

    @property
    def graph(self) -> Graph:
        """The operations that ran, with the types of their results."""
        return self.content.graph

    @property
    def events(self) -> tuple[Event, ...]:
        """What happened, in order; an operation that raised included."""
        return self.content.events

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The structure of the training step or steps: forward, zero_grad, backward and step, as they happened."""
        return self.content.stages

    @property
    def failure(self) -> Failure | None:
        """Why and where the run stopped early; None if it came to its end."""
        return self.graph.failure

    def value(self, of: Node | str, path: Path | None = None) -> Any:
        """The value that `of` (a node, its name, or a scope) gave: a tensor without gradient, on its own device.

        A node that gave several tensors gives a tuple of them, or the one at `path`. `.item()` and its like give the
        Python value. The tensor is the recorded one, not a copy: do not write into it. A batch norm or addition that
        was overwritten in place is computed again from its inputs, to the same bits. Raises MissingError for an unknown
        name and ValueLost if the value was not kept.
        """
        node = self.graph.node(of)
        kept = self.content.values.get(node.name)
        if not kept:
            why = "it raised" if self.failure and self.failure.node == node.name else "the recording keeps none"
            raise ValueLost(f"no value of {node.name!r}: {why}")
        if path is not None:
            if path not in kept:
                raise missing(f"result of {node.name!r}", str(path), map(str, kept))
            return self._read(node.name, kept[path])
        values = tuple(self._read(node.name, item) for item in kept.values())
        return values[0] if len(values) == 1 else values

    def has_value(self, of: Node | str) -> bool:
        """True if `value(of)` gives something."""
        try:
            self.value(of)
        except ValueLost:
            return False
        return True

    def values(self) -> Iterator[tuple[Ref, Any]]:
        """All values kept, in the order of the graph, each with the reference that names it."""
        for node in self.graph.nodes:
            for path, kept in self.content.values.get(node.name, {}).items():
                yield Ref(node.name, path), self._read(node.name, kept)

    def grad(self, of: Node | str, path: Path | None = None, before: int | None = None) -> Any:
        """Gradient of the loss with respect to what `of` gave, shaped as that value; None if none arrived.

        `of` is a node, its name, or a scope. Of a parameter it is the accumulated `.grad`. With several backward passes
        it is that of the last one before event index `before`. For a node that gave several tensors, `path` picks one.
        The tensor is the recorded one: do not write into it. Raises MissingError and ValueLost as `value` does.
        """
        found = self._arrival(of, path, before)
        if found is None:
            return None
        index, name, place = found
        flow = self.content.flows[index]
        kept = flow.accumulated if flow.accumulated is not None else flow.incoming[place]
        return None if kept is None else self._read(f"the gradient of {name}", kept)

    def grad_event(self, of: Node | str, path: Path | None = None, before: int | None = None) -> int | None:
        """Index of the backward event at which the whole gradient of `of` had arrived; None if it never did."""
        found = self._arrival(of, path, before)
        return None if found is None else found[0]

    def _arrival(self, of: Node | str, path: Path | None, before: int | None) -> tuple[int, str, int] | None:
        """The last event before `before` that got the gradient of `of`, the node's name, and which of its gradients."""
        node = self.graph.node(of)
        names = {node.name}
        if is_path(node, of):  # in every step's own node
            names = {other.name for other in self.graph.nodes if other.target == node.target}
        indexes = sorted({index for name in names for index in self._grad_events.get(name, ())}, reverse=True)
        for index in indexes:
            if before is not None and index >= before:
                continue
            flow = self.content.flows[index]
            for place, refs in enumerate(flow.of):
                for ref in refs:
                    if ref.node in names and path in (None, ref.path) and flow.incoming[place] is not None:
                        return index, ref.node, place
        return None

    @cached_property
    def _grad_events(self) -> Mapping[str, tuple[int, ...]]:
        found: dict[str, list[int]] = {}
        for index, flow in self.content.flows.items():
            for refs in flow.of:
                for ref in refs:
                    events = found.setdefault(ref.node, [])
                    if not events or events[-1] != index:
                        events.append(index)
        return {name: tuple(sorted(indexes)) for name, indexes in found.items()}

    def incoming(self, event: Event | int) -> tuple[Any, ...]:
        """The gradients that came into a backward event, ∂L/∂output, None where there was none. () for other events."""
        return self._flow(event, "incoming")

    def outgoing(self, event: Event | int) -> tuple[Any, ...]:
        """The gradients that a backward event sent on, ∂L/∂input as far as this operation goes. () for other events."""
        return self._flow(event, "outgoing")

    def _flow(self, event: Event | int, side: str) -> tuple[Any, ...]:
        index = event if isinstance(event, int) else event.index
        flow = self.content.flows.get(index)
        if flow is None:
            return ()
        name = f"event {index}"
        return tuple(None if kept is None else self._read(name, kept) for kept in getattr(flow, side))

    def update(self, of: Event | Node | int | str) -> Update:
        """What an update event did, or the last update of a parameter. Raises MissingError if there is none."""
        updates = self.content.updates
        if isinstance(of, Event | int):
            index: int | None = of if isinstance(of, int) else of.index
        else:
            target = self.graph.node(of).target
            index = next((i for i in reversed(list(updates)) if updates[i].parameter == target), None)
        if index is None or index not in updates:
            raise missing("update", str(of), [update.parameter for update in updates.values()])
        found = updates[index]
        state = {
            key: self._read(f"{found.parameter} {key}", item) if isinstance(item, Kept) else item
            for key, item in found.state.items()
        }
        return replace(
            found,
            before=self._read(f"{found.parameter} before the update", found.before),
            after=self._read(f"{found.parameter} after the update", found.after),
            grad=None if found.grad is None else self._read(f"{found.parameter}.grad", found.grad),
            state=state,
        )

    def explain(
        self, of: Node | str, path: Path | None = None, check: bool = False, before: int | None = None
    ) -> Explanation:
        """Why the value and the gradient of `of` are what they are: the operation's derivative rule with the actual
        factors, what arrived from which users, and for a zero, missing or non-finite one the way to where it began.

        With several backward passes it is the last one that began before event index `before`. `check` compares the
        rule with finite differences, which runs the operation about forty times. Prints well. See
        `graphtools.explaining.explain` for what it costs and raises.
        """
        from graphtools.explaining import explain

        return explain(self, of, path, check, before)

    def mistakes(self) -> list[tuple[Node, str]]:
        """What torch takes without a word at a loss and is wrong all the same, such as a softmax before cross-entropy
        or shapes that are stretched against each other: the node, and what to write instead. Reads the losses' inputs.
        """
        from graphtools.mistakes import mistakes

        return mistakes(self)

    def save(self, file: str | os.PathLike[str]) -> None:
        """Writes the recording, all values included, to a `.gt` file that `graphtools.load` opens without the model.

        The file is complete or not there: an interrupted save leaves an older file as it was. Raises OSError.
        """
        from graphtools.saving import save

        save(self, file)

    def to_html(
        self, file: str | os.PathLike[str] | None = None, title: str | None = None, language: str = "en"
    ) -> str | FilePath:
        """One HTML page that walks through the run, with numbers, histogram and pictures of every value and gradient.

        It needs neither Python nor a network. Gives the page as text, or the path of `file` if that is given. The words
        around the graph are in `language`, "en" or "ko". Reads every tensor; see `graphtools.viewer.run_page`. Raises
        OSError.
        """
        from graphtools.viewer.run_page import recording_html

        return recording_html(self, file, title, language)

    def show(self, height: int = 760, language: str = "en") -> Any:
        """Shows the recording in a notebook, interactively: see `graphtools.viewer.notebook.show_recording`."""
        from graphtools.viewer.notebook import show_recording

        return show_recording(self, height, language)

    def _read(self, name: str, kept: Kept) -> Any:
        if kept.recipe is not None:
            return kept.recipe()
        if kept.version is not None and self._read_version(kept.value) != kept.version:
            raise ValueLost(
                f"the value of {name!r} was overwritten in place after the recording ended; "
                "clone the tensor before you change it, or record that code too"
            )
        return kept.value

    def __len__(self) -> int:
        return len(self.events)

    def __repr__(self) -> str:
        graph = self.graph
        stopped = f", stopped by {graph.failure.type}" if graph.failure else ""
        name = graph.capture.model or "run"
        return f"<Recording of {name}: {len(self.events)} events in {self.duration_s:.3g} s{stopped}>"

    def __str__(self) -> str:
        return str(self.graph)

    def _repr_html_(self) -> str:
        return self.graph._repr_html_()
