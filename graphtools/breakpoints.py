"""Places in a recording, by node, scope or source line, and the breakpoints that stand at them."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field

from graphtools.conditions import Condition, ConditionError, check_phase
from graphtools.errors import missing
from graphtools.frames import Frames
from graphtools.graph import Node, module_path
from graphtools.recording import Event, Recording

Where = Event | Node | str | int


@dataclass(frozen=True, slots=True)
class Location:
    """A place in the program and the events at which it is reached, in order.

    `text` names it. `note` says what was taken in place of what was asked for: the next line, for one without code.
    """

    text: str
    indexes: tuple[int, ...]
    note: str = ""

    def after(self, position: int) -> int | None:
        """The first event of it behind `position`."""
        place = bisect_right(self.indexes, position)
        return self.indexes[place] if place < len(self.indexes) else None

    def before(self, position: int) -> int | None:
        """The last event of it in front of `position`."""
        place = bisect_left(self.indexes, position)
        return self.indexes[place - 1] if place else None


@dataclass(frozen=True, slots=True)
class Breakpoint:
    """A place to stop at, if `condition` holds there; `text` is the condition as it was written, "" for none."""

    number: int
    location: Location
    condition: Condition | None = field(default=None, compare=False)
    text: str = ""
    is_enabled: bool = True

    def __str__(self) -> str:
        n_events = len(self.location.indexes)
        said = f"{self.number}  {self.location.text}  {n_events} event{'s' * (n_events != 1)}"
        return said + (f"  if {self.text}" if self.text else "") + ("" if self.is_enabled else "  (disabled)")


def locate(recording: Recording, frames: Frames, where: Where | None, phase: str | None = None) -> Location:
    """The events at which `where` is reached, those of one `phase` if it is given.

    - a node or its name: the first of its events in each pass: where it runs, where its derivative runs
    - a parameter's path: where its gradient is accumulated, where it is updated
    - a scope: the first event of each call of the module; with its number (`body#1`) of that call alone
    - `file.py:31`: the first event of each time that the line runs; the end of a path is enough. A line without an
      operation of its own stands for the next one that has some, and `note` says so.
    - an event or its index; None: every event

    A name that is both is the node. Raises MissingError with near misses, and ConditionError where nothing happens.
    """
    check_phase(phase)
    location = _located(recording, frames, where)
    if phase is None:
        return location
    indexes = tuple(index for index in location.indexes if recording.events[index].phase == phase)
    if not indexes:
        raise ConditionError(f"{location.text} has no {phase} event in this recording")
    return Location(f"{location.text} {phase}", indexes, location.note)


def _located(recording: Recording, frames: Frames, where: Where | None) -> Location:
    events = recording.events
    if where is None:
        return Location("every event", tuple(range(len(events))))
    if isinstance(where, int | Event):
        index = where if isinstance(where, int) else where.index
        if not 0 <= index < len(events):
            raise ConditionError(f"no event {index}; the events are 0 to {len(events) - 1}")
        return Location(f"event {index}", (index,))
    if isinstance(where, str) and where not in recording.graph:
        line = re.fullmatch(r"(.+):(\d+)", where)
        if line is not None:
            return _line(events, line[1], int(line[2]))
    node = recording.graph.node(where)
    if isinstance(where, Node) or where in (node.name, node.target):
        return _node(recording, frames, node)
    wanted = [
        frame.start
        for scope, calls in frames.calls().items()
        if scope == where or ("#" not in where and module_path(scope) == where)
        for frame in calls
    ]
    return Location(where, tuple(sorted(wanted)))


def _node(recording: Recording, frames: Frames, node: Node) -> Location:
    is_state = node.kind in ("parameter", "buffer")
    names = (
        {n.name for n in recording.graph.nodes if n.target == node.target and n.kind == node.kind}
        if is_state
        else {node.name}
    )
    found: dict[int, int] = {}
    for event in recording.events:
        if event.node in names:
            found.setdefault(frames.segment(event.index)[0], event.index)
    text = node.target if is_state else node.name
    if not found:
        raise ConditionError(f"{text} is {_a(node.kind)} and has no event of its own; it is there from the start")
    return Location(text, tuple(found.values()))


def _a(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _line(events: tuple[Event, ...], file: str, line: int) -> Location:
    wanted = file.replace("\\", "/")
    files = {event.source.file: event.source.file.replace("\\", "/") for event in events if event.source is not None}
    matching = {
        full for full, path in files.items() if path == wanted or path.endswith("/" + wanted.removeprefix("./"))
    }
    if not matching:
        raise missing("source file", file, {path.rsplit("/", 1)[-1] for path in files.values()})
    lines = sorted({e.source.line for e in events if e.source is not None and e.source.file in matching})
    later = [number for number in lines if number >= line]
    name = wanted.rsplit("/", 1)[-1]
    if not later:
        raise ConditionError(f"{name} has no operation at line {line} or after; the last is at line {lines[-1]}")
    note = (
        f"{name}:{line} runs no operation of its own; the next line that does is {later[0]}" if later[0] != line else ""
    )
    return Location(f"{name}:{later[0]}", tuple(_times(events, matching, later[0])), note)


def _times(events: tuple[Event, ...], files: set[str], line: int) -> list[int]:
    """The first event of each time that a line runs.

    Events that follow one another on it are one time, until one comes again: the same operation at the same column,
    for another node.
    """
    found = []
    met: dict[tuple[str, int, str], str] = {}
    for event in events:
        source = event.source
        if source is None:  # a gradient is accumulated, which no line says
            continue
        if source.line != line or source.file not in files:
            met = {}
            continue
        key = (event.phase, source.column, event.name)
        if not any(known[0] == event.phase for known in met) or met.get(key, event.node) != event.node:
            found.append(event.index)
            met = {}
        met[key] = event.node
    return found
