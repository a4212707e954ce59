"""Compares two recordings or two graphs: what stands for what, where they first differ, and by how much.

    comparison = graphtools.compare(a, b)
    print(comparison)                           # first difference first
    comparison.first, comparison.origins        # where it begins
    for pair in comparison: ...                 # everything, aligned

Graphs are compared without torch.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from graphtools.comparing.causes import Origins, differing
from graphtools.comparing.changes import Change, Changes
from graphtools.comparing.pairs import Pair
from graphtools.comparing.parts import operation_word
from graphtools.comparing.sides import Side, matched_graphs, matched_recordings
from graphtools.errors import missing
from graphtools.graph import Graph, Node
from graphtools.kinds import category
from graphtools.recording import Content, Event, Flow, Kept, Recording, Update, ValueLost

if TYPE_CHECKING:
    import os
    from pathlib import Path

    from graphtools.comparing.deviations import Deviation

__all__ = ["Comparison", "Pair", "Side", "compare"]


def compare(a: Recording | Graph, b: Recording | Graph, *, rtol: float = 0.0, atol: float = 0.0) -> Comparison:
    """The Comparison of two recordings, or of two graphs; of a recording and a graph the graphs are compared.

    They may differ in length, names, dtype and device: two runs, two branches, two checkpoints, two models. Elements
    are equal where |a − b| ≤ atol + rtol · max(|a|, |b|). Aligning costs about 20 µs an event; values are read when
    somebody looks. Raises TypeError for anything else, ValueError for a tolerance that is negative or not finite.
    """
    for value in (a, b):
        if not isinstance(value, Recording | Graph):
            raise TypeError(f"compare takes two recordings or two graphs, not a {type(value).__name__}")
    if not (0 <= rtol < math.inf and 0 <= atol < math.inf):
        raise ValueError(f"a tolerance is 0 or a positive number, not rtol={rtol}, atol={atol}")
    return Comparison(a, b, rtol, atol)


class Comparison:
    """Two recordings or graphs side by side; made by `compare`. `print` shows it.

    Alignment and errors are computed when they are first asked for, and then kept.
    """

    def __init__(self, a: Recording | Graph, b: Recording | Graph, rtol: float = 0.0, atol: float = 0.0) -> None:
        self.a = a
        self.b = b
        self.rtol = rtol
        self.atol = atol
        self._recordings = (a, b) if isinstance(a, Recording) and isinstance(b, Recording) else None
        self._known: dict[tuple[int, int], Deviation] = {}  # one tensor is the outgoing and the incoming of two events

    # -- graphs and pairs -------------------------------------------------------------------------------------------

    @property
    def graph_a(self) -> Graph:
        """The graph of a."""
        return self.a.graph if isinstance(self.a, Recording) else self.a

    @property
    def graph_b(self) -> Graph:
        """The graph of b."""
        return self.b.graph if isinstance(self.b, Recording) else self.b

    @property
    def has_values(self) -> bool:
        """True if both are recordings, so that values are compared; False if only the graphs are."""
        return self._recordings is not None

    @property
    def _contents(self) -> tuple[Content | None, Content | None]:
        return (None, None) if self._recordings is None else (self._recordings[0].content, self._recordings[1].content)

    @cached_property
    def _matched(self) -> tuple[tuple[Pair, ...], Changes]:
        content_a, content_b = self._contents
        with _collector_paused(self.has_values):
            if content_a is not None and content_b is not None:
                matched, partners = matched_recordings(content_a, content_b)
            else:
                matched, partners = matched_graphs(self.graph_a, self.graph_b)
            pairs = tuple([Pair(self, one, other) for one, other in matched])
        return pairs, Changes(self.graph_a, self.graph_b, partners)

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """Everything in a and b, in the order of a; what is only in b stands before what follows it there.

        First the inputs, parameters and buffers that the run began with, then the events, the output, and last the
        parameters and buffers that only one has.
        """
        return self._matched[0]

    def __iter__(self) -> Iterator[Pair]:
        return iter(self.pairs)

    def __len__(self) -> int:
        return len(self.pairs)

    @cached_property
    def only_in_a(self) -> tuple[Pair, ...]:
        """What has no counterpart in b."""
        return tuple(pair for pair in self.pairs if pair.b is None)

    @cached_property
    def only_in_b(self) -> tuple[Pair, ...]:
        """What has no counterpart in a."""
        return tuple(pair for pair in self.pairs if pair.a is None)

    def pair_of_a(self, of: Node | Event | str) -> Pair:
        """The pair of an event of a, or of a node, its name, or a scope. Raises MissingError."""
        return self._pair_of(of, self.graph_a, 0)

    def pair_of_b(self, of: Node | Event | str) -> Pair:
        """The pair of an event of b, or of a node, its name, or a scope. Raises MissingError."""
        return self._pair_of(of, self.graph_b, 1)

    def _pair_of(self, of: Node | Event | str, graph: Graph, which: int) -> Pair:
        key = of.index if isinstance(of, Event) else graph.node(of).name
        found = self._by_key[which].get(key)
        if found is None:
            raise missing("event or node", str(key), [str(known) for known in self._by_key[which]])
        return found

    @cached_property
    def _by_key(self) -> tuple[dict[int | str, Pair], dict[int | str, Pair]]:
        found: tuple[dict[int | str, Pair], dict[int | str, Pair]] = ({}, {})
        for pair in self.pairs:
            for side, table in zip((pair.a, pair.b), found, strict=True):
                if side is not None and side.event is not None:
                    table[side.event.index] = pair
                if side is None or side.node is None or side.phase == "backward":
                    continue
                if side.event is None or side.node.kind == "call":  # not an update, which is no parameter
                    table[side.node.name] = pair
        return found

    # -- differences ------------------------------------------------------------------------------------------------

    @cached_property
    def first(self) -> Pair | None:
        """The first difference in the order of a; None if there is none. Reads no value behind it."""
        with _collector_paused(self.has_values):
            return next((pair for pair in self.pairs if pair.is_different), None)

    def differences(self) -> list[Pair]:
        """All pairs that differ, the first difference first. Reads every value."""
        with _collector_paused(self.has_values):
            return [pair for pair in self.pairs if pair.is_different]

    @cached_property
    def origins(self) -> tuple[Pair, ...]:
        """Where differences begin: pairs that differ while all that they take values from does not, in order.

        An operation that was edited, is only in one of the two, drew other random numbers or gives another result from
        the same inputs; a parameter with another value. All other differences are inherited from these, or from errors
        within the tolerance.
        """
        return tuple(pair for pair in self.pairs if pair.is_origin)

    def worst(self, n: int = 10) -> list[Pair]:
        """The `n` pairs whose values are furthest apart, by the relative error; NaN or infinity in one alone first."""
        return sorted((p for p in self.differences() if p.worst), key=lambda p: p.worst[1].size, reverse=True)[:n]  # type: ignore[index]

    @cached_property
    def is_equal(self) -> bool:
        """True if each has all that the other has, and every value is the same, bit for bit."""
        return all(pair.is_equal for pair in self.pairs)

    def to_html(
        self,
        file: str | os.PathLike[str] | None = None,
        titles: tuple[str, str] = ("a", "b"),
        language: str = "en",
    ) -> str | Path:
        """One HTML page with both side by side, walked together and colored by their differences; see
        `graphtools.viewer.pair_page`. Gives the page as text, or the path of `file` if that is given. The viewer's
        words are in `language`, "en" or "ko". Raises OSError.
        """
        from graphtools.viewer.pair_page import comparison_html

        return comparison_html(self, file, titles, language)

    def show(self, height: int = 760) -> Any:
        """Both side by side in a notebook, as `to_html` writes them. Needs IPython."""
        from graphtools.viewer.notebook import show_page

        return show_page(str(self.to_html()), repr(self), height, "comparison.to_html('compared.html')")

    # -- what a pair asks -------------------------------------------------------------------------------------------

    def changes_of(self, pair: Pair) -> tuple[Change, ...]:
        """What changed in a pair; see `Pair.changes`."""
        a, b = pair.a, pair.b
        assert a is not None and b is not None
        updates = self._updates_of(pair)
        if updates is not None:
            one, other = updates
            return tuple(
                Change("settings", str(one.settings.get(key)), str(other.settings.get(key)), key)
                for key in {**one.settings, **other.settings}
                if one.settings.get(key) != other.settings.get(key)
            )
        if a.phase == "backward":
            return (Change("operation", a.name, b.name),) if a.name != b.name else ()
        return self._matched[1].between(a.node, b.node) if a.node is not None and b.node is not None else ()

    def deviations_of(self, pair: Pair) -> Mapping[str, Deviation]:
        """How far the values of a pair are apart; see `Pair.deviations`."""
        found = {label: self._deviation(label, one, other) for label, one, other in self._values_of(pair)}
        if self._is_unset(pair):
            note = "memory that was not written yet"
            found = {label: replace(d, is_equal=True, is_different=False, note=note) for label, d in found.items()}
        return found

    def _is_unset(self, pair: Pair) -> bool:
        """True for what `torch.empty` gives, and for that after a part of it was written: it differs by chance."""
        node = pair.a.node if pair.a is not None else None
        while node is not None and node.kind == "call":
            word = operation_word(node.target)
            if word.startswith(("empty", "newempty")):
                return True
            first = next(node.refs(), None)
            is_part = category(node.target) == "indexing" and word not in ("copy", "fill", "zero")
            node = self.graph_a[first.node] if node.writes and is_part and first is not None else None
        return False

    def causes_of(self, pair: Pair) -> tuple[Pair, ...]:
        """The differing pairs that a pair takes values from."""
        found: list[Pair | None] = []
        for side, origins in zip((pair.a, pair.b), self._origins, strict=True):
            if side is not None:
                found += origins.before(side)
        return differing([*found, *self._numbers_behind(pair)], pair)

    def reasons_of(self, pair: Pair) -> list[str]:
        """Why the operation of a pair gives something else: it was edited, or drew other random numbers."""
        if self._recordings is None or pair.a is None or pair.b is None or pair.a.node is None or pair.b.node is None:
            return []
        edits = [
            recording._edits.get(side.node.name) if side.node is not None else None
            for recording, side in zip(self._recordings, (pair.a, pair.b), strict=True)
        ]
        marks = [side.node.state.get("edited") for side in (pair.a, pair.b) if side.node is not None]
        if (edits[0] is not edits[1] or marks[0] != marks[1]) and pair.side.phase == "forward":
            return ["edited"]
        states = [side.event.rng_state if side.event is not None else None for side in (pair.a, pair.b)]
        if states[0] is None or states[1] is None:
            return []
        from graphtools.comparing.deviations import is_same_random_state

        return [] if is_same_random_state(*states) else ["other random numbers"]

    def is_unused(self, pair: Pair) -> bool:
        """True for a parameter or buffer that the other model has too and did not use as a node."""
        node = pair.side.node
        if node is None or node.kind not in ("parameter", "buffer"):
            return False
        path, _, name = node.target.rpartition(".")
        module = (self.graph_b if pair.b is None else self.graph_a).modules.get(path)
        return module is not None and any(state.name == name for state in module.states)

    @cached_property
    def _origins(self) -> tuple[Origins, Origins]:
        content_a, content_b = self._contents
        return (
            Origins(self.graph_a, content_a, [(pair.a, pair) for pair in self.pairs if pair.a is not None]),
            Origins(self.graph_b, content_b, [(pair.b, pair) for pair in self.pairs if pair.b is not None]),
        )

    def _numbers_behind(self, pair: Pair) -> Iterator[Pair]:
        """The pairs that carried a Python number out of the graph which is an argument here: `x * s.item()`."""
        for change in pair.changes:
            if change.kind == "argument" and pair.side.event is not None:
                for other in self._python_values.get((change.a, change.b), ()):
                    if other.side.event is not None and other.side.event.index < pair.side.event.index:
                        yield other

    @cached_property
    def _python_values(self) -> dict[tuple[str, str], list[Pair]]:
        """The operations that gave a Python number, by how it is written in a and b, where that differs."""
        found: dict[tuple[str, str], list[Pair]] = {}
        for pair in self.pairs if self.has_values else ():
            node = pair.a.node if pair.a is not None else None
            if pair.is_matched and node is not None and node.kind == "call" and not node.outputs and pair.is_different:
                for _, one, other in self._values_of(pair):
                    if one is not None and other is not None:
                        found.setdefault((repr(one.value), repr(other.value)), []).append(pair)
        return found

    # -- values -----------------------------------------------------------------------------------------------------

    def _values_of(self, pair: Pair) -> Iterator[tuple[str, Kept | None, Kept | None]]:
        a, b = pair.a, pair.b
        content_a, content_b = self._contents
        if a is None or b is None or content_a is None or content_b is None:
            return
        updates = self._updates_of(pair)
        if updates is not None:
            yield from _of_updates(*updates)
        elif a.phase == "backward":
            assert a.event is not None and b.event is not None
            yield from _of_flows(content_a.flows.get(a.event.index), content_b.flows.get(b.event.index))
        elif a.node is not None and b.node is not None:
            one, other = content_a.values.get(a.node.name, {}), content_b.values.get(b.node.name, {})
            for path in dict.fromkeys([*one, *other]) or [output.path for output in a.node.outputs]:
                yield ".".join(map(str, path)), one.get(path), other.get(path)

    def _updates_of(self, pair: Pair) -> tuple[Update, Update] | None:
        a, b = pair.a, pair.b
        content_a, content_b = self._contents
        if a is None or b is None or content_a is None or content_b is None or a.event is None or b.event is None:
            return None
        one, other = content_a.updates.get(a.event.index), content_b.updates.get(b.event.index)
        return (one, other) if one is not None and other is not None else None

    def _deviation(self, label: str, a: Kept | None, b: Kept | None) -> Deviation:
        from graphtools.comparing.deviations import Deviation, deviation

        assert self._recordings is not None
        if a is None or b is None:
            which = "a" if a is None else "b"
            if label.partition(" ")[0] in ("incoming", "outgoing", "accumulated", "grad"):
                return Deviation(is_different=True, note=f"no gradient in {which}")
            return Deviation(note=f"not kept in {which}" if a is not b else "not kept")
        known = self._known.get((id(a), id(b)))
        if known is None:
            values = []
            for which, recording, kept in zip("ab", self._recordings, (a, b), strict=True):
                try:
                    values.append(recording._read("", kept))
                except ValueLost:
                    return Deviation(note=f"lost in {which}: overwritten since")
            known = self._known[id(a), id(b)] = deviation(values[0], values[1], self.rtol, self.atol)
        return known

    # -- text -------------------------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        return f"<Comparison of {self.graph_a.capture.model or 'a'} and {self.graph_b.capture.model or 'b'}>"

    def __str__(self) -> str:
        from graphtools.comparing.report import report

        return report(self)

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"


@contextmanager
def _collector_paused(is_paused: bool) -> Iterator[None]:
    """Makes many objects and frees none, so Python's cyclic collector would look at all of them in vain."""
    if not is_paused:
        yield
        return
    from graphtools.compat import pause_collector, resume_collector

    pause_collector()
    try:
        yield
    finally:
        resume_collector()


def _of_flows(a: Flow | None, b: Flow | None) -> Iterator[tuple[str, Kept | None, Kept | None]]:
    if a is None or b is None:
        return
    for side in ("incoming", "outgoing"):
        for place, (one, other) in enumerate(zip_longest(getattr(a, side), getattr(b, side))):
            if one is not None or other is not None:
                yield f"{side} {place}", one, other
    if a.accumulated is not None or b.accumulated is not None:
        yield "accumulated", a.accumulated, b.accumulated


def _of_updates(a: Update, b: Update) -> Iterator[tuple[str, Kept | None, Kept | None]]:
    yield "before", a.before, b.before
    if a.grad is not None or b.grad is not None:
        yield "grad", a.grad, b.grad
    yield "after", a.after, b.after
    for key in {**a.state, **b.state}:
        yield key, _as_kept(a.state.get(key)), _as_kept(b.state.get(key))


def _as_kept(item: Any) -> Kept | None:
    return item if item is None or isinstance(item, Kept) else Kept(item)
