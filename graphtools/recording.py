"""What happened in a run: a Graph, its events in order, and the values that flowed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from graphtools.errors import GraphtoolsError, missing
from graphtools.graph import Failure, Graph, Node, Path, Ref, Source

Phase = Literal["forward"]


class ValueLost(GraphtoolsError, LookupError):
    """A value was not kept: it was overwritten after the recording ended, or the recording was told to keep none."""


@dataclass(frozen=True, slots=True)
class Event:
    """One operation as it ran. `duration_s` is the time of the call on the CPU, without what the recorder adds.

    `rng_state` is the state of torch's CPU generator just before an operation that draws random numbers, else None.
    """

    index: int
    phase: Phase
    node: str
    scope: str
    source: Source | None
    duration_s: float
    rng_state: Any = None


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


class Recording:
    """A run that was watched. Made by `graphtools.run` and `graphtools.record`; never changes once the run has ended.

    `graph` is built when first asked for. `error` is the exception that ended the run, or None.
    """

    def __init__(
        self,
        build_graph: Callable[[], Graph],
        kept_values: Callable[[], Mapping[str, Mapping[Path, Kept]]],
        durations_s: Mapping[str, float],
        rng_states: Mapping[str, Any],
        error: BaseException | None = None,
        duration_s: float = 0.0,
        read_version: Callable[[Any], int | None] = lambda value: None,
    ) -> None:
        self._build_graph = build_graph
        self._kept_values = kept_values
        self._durations_s = durations_s
        self._rng_states = rng_states
        self._read_version = read_version
        self.error = error
        self.duration_s = duration_s

    @cached_property
    def _values(self) -> Mapping[str, Mapping[Path, Kept]]:
        return self._kept_values()

    @cached_property
    def graph(self) -> Graph:
        """The operations that ran, with the types of their results. Costs about 10 µs an operation, once."""
        return self._build_graph()

    @cached_property
    def events(self) -> tuple[Event, ...]:
        """The operations in the order they ran, an operation that raised included."""
        return tuple(
            Event(
                index,
                "forward",
                node.name,
                node.scope,
                node.source,
                self._durations_s.get(node.name, 0.0),
                self._rng_states.get(node.name),
            )
            for index, node in enumerate(self.graph.operations)
        )

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
        kept = self._values.get(node.name)
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
            for path, kept in self._values.get(node.name, {}).items():
                yield Ref(node.name, path), self._read(node.name, kept)

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
