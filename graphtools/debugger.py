"""A position in a recording, and the ways to move it: by event, by module call, to a place, to a condition.

    debugger = graphtools.Debugger(recording)
    debugger.step_over()                        # the next module call as a whole
    debugger.run_until(finite=False)            # the first NaN or infinity
    debugger.value("layer1.0.conv1"), debugger.grad("fc.weight"), print(debugger.where())

Nothing here runs the model.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from graphtools.breakpoints import Breakpoint, Location, Where, locate
from graphtools.changes import Change, changes_of
from graphtools.conditions import Condition, ConditionError, Moment, condition_of, expression
from graphtools.frames import Frame, Frames
from graphtools.graph import Graph, Node, Path, Source, module_path
from graphtools.recording import Event, Phase, Recording
from graphtools.visible import PositionError, Visible
from graphtools.words import plain, source_line

if TYPE_CHECKING:
    from graphtools.capture.edits import What


@dataclass(frozen=True, slots=True)
class Stop:
    """Where a debugger stands: the event, its line in the source, and the module calls around it.

    `code` is the text of the line, "" where the file cannot be read. `modules` are pairs of scope and class, outermost
    first, the model with the scope "".
    """

    position: int
    event: Event
    source: Source | None
    code: str
    modules: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        function = f" in {self.source.function}" if self.source is not None and self.source.function else ""
        lines = [f"{self.source}{function}" if self.source is not None else "no line of its own"]
        lines += [f"    {self.code}"] if self.code else []
        names = [plain(scope) or "the model" for scope, _ in self.modules]
        width = max(map(len, names), default=0)
        lines += [
            f"  {name:<{width}}  {plain(kind)}".rstrip() for name, (_, kind) in zip(names, self.modules, strict=True)
        ]
        return "\n".join(lines)


class Debugger:
    """A position in a recording; the only object of this library that changes.

    `position` is the index of the current event, whose result can be seen; of what comes later nothing can. It starts
    at the first event. Every method that moves returns the event arrived at, or None where it did not find what it was
    asked for. A step costs microseconds whatever the model; only conditions on values read tensors.

    A frame is one call of a module. Steps over and out go by the frame that the debugger is in: the innermost call
    around the current event, or after a step over or out the call in which that step was made. Only `run` and
    `run_back` stop at breakpoints; every other move goes where it was told to. Runs look at the events behind the
    current one; before the first move, at the current one too.

    Raises PositionError for a recording without events.
    """

    def __init__(self, recording: Recording, position: int = 0) -> None:
        if not recording.events:
            raise PositionError("this recording holds no events: nothing ran that could be stepped through")
        self.recording = recording
        self.frames = Frames(recording)
        self.visible = Visible(recording)
        self._events = recording.events
        self._breakpoints: dict[int, Breakpoint] = {}
        self._n_made = 0
        self._position = 0
        self._previous = 0
        self._has_moved = False
        self._frame = self.frames.at(0)
        if position:
            self.goto(position)

    # -- where we are -----------------------------------------------------------------------------------------------

    @property
    def position(self) -> int:
        """Index of the current event."""
        return self._position

    @property
    def previous(self) -> int:
        """The position before the last move."""
        return self._previous

    @property
    def event(self) -> Event:
        """The current event, the last that has happened."""
        return self._events[self._position]

    @property
    def node(self) -> Node | None:
        """The node of the current event; None for the derivative of an operation that was not recorded."""
        return self.graph[self.event.node] if self.event.node else None

    @property
    def frame(self) -> Frame:
        """The module call that steps over and out go by."""
        return self._frame

    @property
    def graph(self) -> Graph:
        """The graph of the recording."""
        return self.recording.graph

    def __len__(self) -> int:
        return len(self._events)

    def __repr__(self) -> str:
        event = self.event
        where = " ".join(part for part in (event.scope, event.name) if part)
        return f"<Debugger at {self.position} of 0 to {len(self) - 1}, {event.phase}: {where}>"

    def where(self) -> Stop:
        """The line of source and the module calls around the current event. Reads at most one line of the file."""
        event = self.event
        source = event.source
        code = source_line(source.file, source.line).strip() if source is not None else ""
        modules = []
        for frame in reversed([frame for frame in self.frames.at(self._position).around() if frame.is_call]):
            module = self.graph.modules.get(module_path(frame.scope))
            modules.append((frame.scope, module.class_name if module is not None else ""))
        return Stop(self._position, event, source, plain(code), tuple(modules))

    # -- steps ------------------------------------------------------------------------------------------------------

    def step(self) -> Event | None:
        """Moves to the next event; None at the last."""
        return self._moved(self._position + 1) if self._position + 1 < len(self) else None

    def step_back(self) -> Event | None:
        """Moves to the event before; None at the first."""
        return self._moved(self._position - 1) if self._position else None

    def step_into(self) -> Event | None:
        """Moves to the next event, into a module call if one begins there: the same as `step`."""
        return self.step()

    def step_over(self) -> Event | None:
        """Moves past the next operation or module call of the current frame; None at the last event.

        Where the frame has ended, it goes on in the nearest one around it that has not. So with

            event   0     1         2         3     4       5
            scope   stem  body.one  body.two  body  body#1  head

        it moves 0 → 3 (the end of `body`) → 4 → 5; after `step_into` to 1 it moves 1 → 2 → 3 → 4. In the backward pass
        the calls come in reverse and are stepped over in the same way.
        """
        return self._moved_in(self.frames.over(self._position, self._frame))

    def step_back_over(self) -> Event | None:
        """Moves to just before the operation or module call of the current frame that ended here; None at the first.

        After a `step_over` it leads back to where that began, unless that was before the first event. In the example
        there it moves 5 → 4 → 3 → 0, and after `step_back` to 2 it moves 2 → 1 → 0.
        """
        return self._moved_in(self.frames.back_over(self._position, self._frame))

    def step_out(self) -> Event | None:
        """Moves to the end of the current frame, or of the nearest one around it that has not ended; None at the last.

        Outside of all calls it moves to the end of the pass (forward, backward, update), or of the next one.
        """
        return self._moved_in(self.frames.out(self._position, self._frame))

    def step_back_out(self) -> Event | None:
        """Moves to just before the current frame, or the one around it if it is a single event; None at the first.

        Outside of all calls it moves to just before the pass.
        """
        return self._moved_in(self.frames.back_out(self._position, self._frame))

    def goto(self, index: int) -> Event:
        """Moves to the event of that index, in either direction; negative ones count from the end."""
        place = index + len(self) if index < 0 else index
        if not 0 <= place < len(self):
            raise PositionError(f"no event {index}; the events are 0 to {len(self) - 1}")
        return self._moved(place)

    # -- runs -------------------------------------------------------------------------------------------------------

    def run_to(self, where: Where, phase: Phase | None = None) -> Event:
        """Moves forward to the next time that `where` is reached; see `locate` for what it may be.

        Raises MissingError for what does not exist, PositionError for what does not come again.
        """
        return self._arrived(self.locate(where, phase), forward=True)

    def run_back_to(self, where: Where, phase: Phase | None = None) -> Event:
        """Moves back to the last time that `where` was reached before the current event, as `run_to` does forward."""
        return self._arrived(self.locate(where, phase), forward=False)

    def run_until(self, condition: Condition | str | None = None, **keywords: Any) -> Event | None:
        """Moves forward to the next event at which the condition holds; if there is none, to the last, and gives None.

        The condition is a function of a Moment (`event`, `node`, `name`, `phase`, `value`, `grad`, `statistics`, ...),
        or Python text with those names (`"value.abs().max() > 10"`), or the keywords of `matching`: `finite=False`,
        `phase="backward"`, `name="relu"`, `scope="layer1"`, `shape=(None, 64)`, `step=1`. What a function raises comes
        out unchanged, and nothing has moved. Reads the tensors that the condition asks for.
        """
        return self._search(range(self._passed() + 1, len(self)), condition_of(condition, keywords), len(self) - 1)

    def run_back_until(self, condition: Condition | str | None = None, **keywords: Any) -> Event | None:
        """Moves back to the last event before this at which the condition holds, else to the first; see `run_until`."""
        return self._search(range(self._position - 1, -1, -1), condition_of(condition, keywords), 0)

    def run(self) -> Event | None:
        """Moves forward to the next breakpoint whose condition holds; if there is none, to the last event.

        If a condition raises, the debugger stands at the event where it did, and the exception comes out unchanged.
        """
        return self._to_breakpoint(forward=True)

    def run_back(self) -> Event | None:
        """Moves back to the last breakpoint before this event, else to the first event; see `run`."""
        return self._to_breakpoint(forward=False)

    # -- breakpoints ------------------------------------------------------------------------------------------------

    @property
    def breakpoints(self) -> tuple[Breakpoint, ...]:
        """All breakpoints, oldest first."""
        return tuple(self._breakpoints.values())

    def locate(self, where: Where | None, phase: Phase | None = None) -> Location:
        """The events at which `where` is reached; see `graphtools.breakpoints.locate`."""
        return locate(self.recording, self.frames, where, phase)

    def break_at(
        self, where: Where | None = None, condition: Condition | str | None = None, phase: Phase | None = None
    ) -> Breakpoint:
        """A new breakpoint at `where` (see `locate`; None is every event), for `run` and `run_back` to stop at.

        `condition` is a function of a Moment or Python text, as for `run_until`: only where it holds is stopped.
        """
        location = self.locate(where, phase)
        if where is None and condition is None:
            raise ConditionError("a breakpoint at every event needs a condition; to go to the next event, step")
        text = condition if isinstance(condition, str) else getattr(condition, "__name__", "a function")
        holds = expression(condition) if isinstance(condition, str) else condition
        self._n_made += 1
        made = Breakpoint(self._n_made, location, holds, text if condition is not None else "")
        self._breakpoints[made.number] = made
        return made

    def clear(self, number: int | None = None) -> None:
        """Removes the breakpoint of that number, or all."""
        if number is None:
            self._breakpoints.clear()
        else:
            del self._breakpoints[self._breakpoint(number).number]

    def enable(self, number: int) -> Breakpoint:
        """Turns the breakpoint on again."""
        return self._switched(number, True)

    def disable(self, number: int) -> Breakpoint:
        """Turns the breakpoint off, without removing it."""
        return self._switched(number, False)

    # -- what can be seen -------------------------------------------------------------------------------------------

    def value(self, of: Node | str | None = None, path: Path | None = None) -> Any:
        """What `of` (a node, its name, a scope; by default the current node) gave, as of the current position.

        Of a parameter or buffer it is what it holds now, after the updates so far. Inputs, parameters and buffers can
        be seen from the start, a constant just before the first operation that takes it. Raises PositionError for what
        has not run yet; else as `Recording.value`.
        """
        return self.visible.value(self._current() if of is None else of, self._position, path)

    def grad(self, of: Node | str | None = None, path: Path | None = None) -> Any:
        """Gradient of the loss with respect to what `of` gave, shaped as that; None before it arrives, or if none does.

        Of a parameter it is its `.grad` now: accumulated so far, None after zero_grad (also one that writes zeros),
        clipped once clipping has run.
        """
        return self.visible.grad(self._current() if of is None else of, self._position, path)

    def moment(self) -> Moment:
        """The current event as conditions see it."""
        return Moment(self.visible, self.event)

    def changes(self, since: int | None = None) -> tuple[Change, ...]:
        """What the current event did, or all that differs from the earlier position `since`: one Change each.

        A value, gradient, parameter or optimizer state that appeared, was overwritten or cleared. A Change reads its
        tensors when it is printed.
        """
        first = self._position if since is None else since + 1
        return tuple(
            change
            for event in self._events[max(0, first) : self._position + 1]
            for change in changes_of(self.recording, self.visible, event)
        )

    # -- what if ----------------------------------------------------------------------------------------------------

    def edit(self, of: Node | str, to: Any, what: What = "value") -> Recording:
        """A new recording, a branch, of the same program with one change at `of`; see `graphtools.edit`.

        The debugger stays where it is, in the old recording: `Debugger(branch, debugger.position)` goes on in the new.
        """
        from graphtools.editing import edit

        return edit(self.recording, of, to, what)

    # -- inside -----------------------------------------------------------------------------------------------------

    def _moved(self, position: int, frame: Frame | None = None) -> Event:
        self._previous, self._position, self._has_moved = self._position, position, True
        self._frame = self.frames.at(position) if frame is None else frame
        return self._events[position]

    def _passed(self) -> int:
        """The last event that a run forward does not look at: the current one, once the debugger has moved."""
        return self._position if self._has_moved else self._position - 1

    def _moved_in(self, place: tuple[int, Frame] | None) -> Event | None:
        return None if place is None else self._moved(*place)

    def _arrived(self, location: Location, forward: bool) -> Event:
        here = self._position
        index = location.after(self._passed()) if forward else location.before(here)
        if index is not None:
            return self._moved(index)
        nearest = location.before(here + 1) if forward else location.after(here - 1)
        way, side = ("after", "last") if forward else ("before", "first")
        raise PositionError(
            f"{location.text} is not reached {way} position {here}; it {side} is at event {nearest}: "
            f"debugger.goto({nearest})"
        )

    def _search(self, indexes: Iterable[int], condition: Condition, end: int) -> Event | None:
        for index in indexes:
            if condition(Moment(self.visible, self._events[index])):
                return self._moved(index)
        if end != self._position:
            self._moved(end)
        return None

    def _to_breakpoint(self, forward: bool) -> Event | None:
        position = self._passed() if forward else self._position
        while True:
            found: dict[int, list[Breakpoint]] = {}
            for point in self._breakpoints.values():
                index = point.location.after(position) if forward else point.location.before(position)
                if point.is_enabled and index is not None:
                    found.setdefault(index, []).append(point)
            if not found:
                end = len(self) - 1 if forward else 0
                if end != self._position:
                    self._moved(end)
                return None
            position = min(found) if forward else max(found)
            for point in found[position]:
                try:
                    holds = point.condition is None or point.condition(Moment(self.visible, self._events[position]))
                except Exception:
                    self._moved(position)
                    raise
                if holds:
                    return self._moved(position)

    def _breakpoint(self, number: int) -> Breakpoint:
        if number not in self._breakpoints:
            known = ", ".join(map(str, self._breakpoints)) or "there is none"
            raise ConditionError(f"no breakpoint {number}; the numbers are: {known}")
        return self._breakpoints[number]

    def _switched(self, number: int, is_enabled: bool) -> Breakpoint:
        self._breakpoints[number] = replace(self._breakpoint(number), is_enabled=is_enabled)
        return self._breakpoints[number]

    def _current(self) -> Node:
        node = self.node
        if node is None:
            raise PositionError(
                f"event {self._position}, {self.event.name}, belongs to no recorded operation; name the node to look at"
            )
        return node
