"""The content of a recording out of the JSON of `recording.json`, checked: every index, name and size must be there."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import Any, cast, get_args

import torch

from graphtools import compat
from graphtools.encoding import read_source
from graphtools.encoding.arguments import read_path
from graphtools.encoding.checks import array, count, each, fail, fields_of, mapping, of_type, one_of, short, text
from graphtools.graph import Graph, Path, Ref
from graphtools.recording import Content, Event, Flow, Kept, Phase, Stage, StageKind, Update, ValueLost
from graphtools.saving.archive import Storage
from graphtools.saving.layouts import Composite, Dense, Stored, read_layout
from graphtools.saving.plain import read_plain
from graphtools.words import plain

_PHASES, _STAGE_KINDS = get_args(Phase), get_args(StageKind)
_LARGEST_STATE = 1 << 16  # bytes; torch's largest random state takes 5056


class Lost:
    """The recipe of a value that was not kept: calling it says why."""

    def __init__(self, reason: str) -> None:
        self.reason = reason

    def __call__(self) -> Any:
        raise ValueLost(self.reason)


class ContentReader:
    """Makes a Content of the document's fields. Reads no tensors but those of random states."""

    def __init__(self, fields: dict[str, Any], graph: Graph, storages: Sequence[Storage]) -> None:
        self._fields = fields
        self._graph = graph
        self._storages = storages
        self._nodes = {node.name for node in graph.nodes}
        self._targets = {node.target for node in graph.nodes}
        self._kept = each(self._read_kept, fields["kept"], "kept")
        self._phases: list[str] = []

    def content(self) -> Content:
        """The content. Raises FormatError, which says where, for what is damaged or points at nothing."""
        fields = self._fields
        rows = array(fields["events"], "events")
        events = tuple(self._event(row, f"events[{index}]", index) for index, row in enumerate(rows))
        self._phases = [event.phase for event in events]
        return Content(
            self._graph,
            events,
            self._values(fields["values"]),
            self._by_event(fields["flows"], "flows", "backward", self._flow),
            self._by_event(fields["updates"], "updates", "update", self._update),
            each(self._stage, fields["stages"], "stages"),
        )

    # -- values -------------------------------------------------------------------------------------------------------

    def _read_kept(self, value: Any, where: str) -> Kept:
        fields = fields_of(value, where, (), {"tensor": None, "value": None, "lost": None, "requires_grad": False})
        requires_grad = of_type(bool, fields["requires_grad"], f"{where}.requires_grad")
        if len(found := value.keys() & {"tensor", "value", "lost"}) != 1:
            fail(where, f"expected one of tensor, value, lost, not {len(found)} of them")
        if "tensor" in found:
            layout = read_layout(fields["tensor"], f"{where}.tensor", self._storages)
            return Kept(None, None, requires_grad, Stored(layout))
        if "lost" in found:
            return Kept(None, None, requires_grad, Lost(plain(text(fields["lost"], f"{where}.lost"))))
        return Kept(read_plain(fields["value"], f"{where}.value"), None, requires_grad)

    def _values(self, rows: Any) -> dict[str, dict[Path, Kept]]:
        values: dict[str, dict[Path, Kept]] = {}
        for index, row in enumerate(array(rows, "values")):
            where = f"values[{index}]"
            name, path, kept = array(row, where, 3)
            by_path = values.setdefault(self._node(name, where), {})
            place = read_path(path, where)
            if place in by_path:
                fail(where, f"a second value of {short(name)}")
            by_path[place] = self._at(kept, where)
        return values

    def _at(self, value: Any, where: str) -> Kept:
        index = count(value, where)
        if index >= len(self._kept):
            fail(where, f"there is no value {index}; there are {len(self._kept)}")
        return self._kept[index]

    def _at_or_none(self, value: Any, where: str) -> Kept | None:
        return None if value is None else self._at(value, where)

    def _tensor_at(self, value: Any, where: str) -> Kept:
        kept = self._at(value, where)
        return kept if kept.recipe is not None else fail(where, "expected a tensor, not a Python value")

    def _node(self, value: Any, where: str) -> str:
        name = text(value, where)
        return name if name in self._nodes else fail(where, f"the graph has no node {short(name)}")

    # -- events -------------------------------------------------------------------------------------------------------

    def _event(self, value: Any, where: str, index: int) -> Event:
        defaults = {"node": "", "name": "", "scope": "", "source": None, "rng_state": None, "step": 0}
        fields = fields_of(value, where, ("phase", "duration_s"), defaults)
        state = fields["rng_state"]
        return Event(
            index,
            cast(Phase, one_of(fields["phase"], _PHASES, f"{where}.phase")),
            "" if fields["node"] == "" else self._node(fields["node"], f"{where}.node"),
            text(fields["scope"], f"{where}.scope"),
            read_source(fields["source"], f"{where}.source"),
            read_duration(fields["duration_s"], f"{where}.duration_s"),
            None if state is None else self._random_state(state, f"{where}.rng_state"),
            text(fields["name"], f"{where}.name"),
            count(fields["step"], f"{where}.step"),
        )

    def _random_state(self, value: Any, where: str) -> compat.RandomState:
        fields = fields_of(value, where, ("cpu",), {"cuda": [], "own": None})
        own = None if fields["own"] is None else self._state(fields["own"], f"{where}.own")
        cuda = list(each(self._state, fields["cuda"], f"{where}.cuda"))
        return compat.RandomState(self._state(fields["cpu"], f"{where}.cpu"), cuda, own)

    def _state(self, value: Any, where: str) -> torch.Tensor:
        layout = read_layout(value, where, self._storages)
        if isinstance(layout, Composite) or not _is_state(layout):
            fail(where, "the state of a random generator is a row of bytes")
        return Stored(layout)()

    def _by_event(
        self, rows: Any, where: str, phase: str, read: Callable[[dict[str, Any], str], Any]
    ) -> dict[int, Any]:
        """What `read` makes of each row, by its event, which is of that phase and later than the one before."""
        found: dict[int, Any] = {}
        for position, row in enumerate(array(rows, where)):
            at = f"{where}[{position}]"
            index = count(mapping(row, at).get("event"), f"{at}.event")
            if index >= len(self._phases) or self._phases[index] != phase:
                fail(f"{at}.event", f"event {index} is no {phase} event")
            if found and index <= next(reversed(found)):
                fail(f"{at}.event", f"event {index} comes after event {next(reversed(found))}")
            found[index] = read(row, at)
        return found

    def _flow(self, row: dict[str, Any], where: str) -> Flow:
        fields = fields_of(row, where, ("event", "incoming", "outgoing", "of", "to"), {"accumulated": None})
        incoming = each(self._at_or_none, fields["incoming"], f"{where}.incoming")
        outgoing = each(self._at_or_none, fields["outgoing"], f"{where}.outgoing")
        of = each(self._refs, fields["of"], f"{where}.of")
        to = each(self._refs, fields["to"], f"{where}.to")
        if len(of) != len(incoming) or len(to) != len(outgoing):
            fail(where, "as many gradients are needed as places that they belong to")
        accumulated = self._at_or_none(fields["accumulated"], f"{where}.accumulated")
        return Flow(incoming, outgoing, of, to, accumulated)

    def _refs(self, value: Any, where: str) -> tuple[Ref, ...]:
        return each(self._ref, value, where)

    def _ref(self, value: Any, where: str) -> Ref:
        if not array(value, where):
            fail(where, "expected a node's name and a path")
        return Ref(self._node(value[0], where), read_path(value[1:], where))

    def _update(self, row: dict[str, Any], where: str) -> Update:
        names = ("event", "parameter", "optimizer", "group", "before", "after", "grad", "settings", "state")
        fields = fields_of(row, where, names)
        parameter = text(fields["parameter"], f"{where}.parameter")
        if parameter not in self._targets:
            fail(f"{where}.parameter", f"the graph has no parameter {short(parameter)}")
        before = self._tensor_at(fields["before"], f"{where}.before")
        after = self._tensor_at(fields["after"], f"{where}.after")
        grad = None if fields["grad"] is None else self._tensor_at(fields["grad"], f"{where}.grad")
        settings = mapping(fields["settings"], f"{where}.settings")
        state = mapping(fields["state"], f"{where}.state")
        return Update(
            parameter,
            text(fields["optimizer"], f"{where}.optimizer"),
            count(fields["group"], f"{where}.group"),
            before,
            after,
            grad,
            MappingProxyType({key: read_plain(item, f"{where}.settings[{key!r}]") for key, item in settings.items()}),
            MappingProxyType({key: self._state_item(item, f"{where}.state[{key!r}]") for key, item in state.items()}),
        )

    def _state_item(self, value: Any, where: str) -> Any:
        fields = fields_of(value, where, (), {"kept": None, "value": None})
        if fields["kept"] is not None:
            return self._tensor_at(fields["kept"], f"{where}.kept")
        return read_plain(fields["value"], f"{where}.value")

    def _stage(self, value: Any, where: str) -> Stage:
        defaults: dict[str, Any] = {"name": "", "source": None, "before": [], "changed": []}
        fields = fields_of(value, where, ("kind", "start", "stop"), defaults)
        start, stop = count(fields["start"], f"{where}.start"), count(fields["stop"], f"{where}.stop")
        if not start <= stop <= len(self._phases):
            fail(where, f"it goes from event {start} to {stop}, and there are {len(self._phases)}")
        return Stage(
            cast(StageKind, one_of(fields["kind"], _STAGE_KINDS, f"{where}.kind")),
            start,
            stop,
            text(fields["name"], f"{where}.name"),
            read_source(fields["source"], f"{where}.source"),
            each(text, fields["before"], f"{where}.before"),
            each(text, fields["changed"], f"{where}.changed"),
        )


def read_duration(value: Any, where: str) -> float:
    """Seconds: a finite number, not negative."""
    if type(value) not in (int, float) or not math.isfinite(value) or value < 0:
        fail(where, f"expected a number of seconds, not {short(value)}")
    return float(value)


def _is_state(layout: Dense) -> bool:
    is_row = layout.dtype is torch.uint8 and len(layout.size) == 1 and layout.stride == (1,)
    return is_row and layout.size[0] <= _LARGEST_STATE and not layout.is_meta
