"""The module calls of a recording as intervals of its events: where a step over, into or out of one ends.

    event     0        1         2       3       4
    scope     stem     body.one  body    body#1  head        frames: the whole ⊃ stem, body ⊃ body.one, body#1, head

In the backward pass the calls come in reverse. A derivative stands in the call that its operation was made in, also
where a module was called by reference from another; what accumulates a gradient stands with the derivative before it.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from itertools import pairwise

from graphtools.graph import enclosing_scopes, module_path
from graphtools.recording import Event, Recording


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One call of a module: the events from index `start` up to, not including, `stop`. The recording itself is the
    frame without a `parent`, with the scope "". A ModuleList or ModuleDict holds calls but is none: steps see through
    it."""

    scope: str
    start: int
    stop: int
    parent: Frame | None = None
    is_call: bool = True

    def around(self) -> tuple[Frame, ...]:
        """This frame and those around it, innermost first."""
        found = [self]
        while found[-1].parent is not None:
            found.append(found[-1].parent)
        return tuple(found)


class Frames:
    """The frames of a recording, made once in about 10 µs an event; each question then costs the modules' depth.

    A step starts from a position and a frame that holds it, and gives the next of both.
    """

    def __init__(self, recording: Recording) -> None:
        events = recording.events
        self.segments = _segments(recording)  # where the forward pass, the backward pass, ... begin
        self.root = Frame("", 0, len(events))
        containers = {
            path
            for path, module in recording.graph.modules.items()
            if module.type in ("torch.nn.ModuleList", "torch.nn.ModuleDict")
        }
        self._innermost, self._by_scope = _build(events, self.segments, self.root, containers)

    def at(self, position: int) -> Frame:
        """The innermost frame that holds the event at `position`."""
        return self._innermost[position]

    def calls(self) -> dict[str, list[Frame]]:
        """The frames by their scope, in order: one in the forward pass, one in the backward pass, ..."""
        return self._by_scope

    def part(self, position: int, frame: Frame) -> Frame | None:
        """The call made directly in `frame` that holds the event at `position`; None if the event is no part of one."""
        inner = self._innermost[position]
        found = None
        while inner is not frame:
            found = inner if inner.is_call else found
            assert inner.parent is not None, "the position is not in the frame"
            inner = inner.parent
        return found

    def over(self, position: int, frame: Frame) -> tuple[int, Frame] | None:
        """The end of the next part of `frame`, or of the nearest around it that has not ended; None at the end."""
        if position + 1 >= self.root.stop:
            return None
        frame = self._holding(position + 1, frame)
        part = self.part(position + 1, frame)
        return (position + 1 if part is None else part.stop - 1), frame

    def back_over(self, position: int, frame: Frame) -> tuple[int, Frame] | None:
        """Just before the part of `frame` that ends here; None at the first event."""
        if position == 0:
            return None
        part = self.part(position, frame)
        target = max(0, (position if part is None else part.start) - 1)
        return target, self._holding(target, frame) if part is None or part.start else self.at(0)

    def out(self, position: int, frame: Frame) -> tuple[int, Frame] | None:
        """The end of the nearest frame that has not ended, else of the pass (forward, ...); None at the last event."""
        if position + 1 >= self.root.stop:
            return None
        frame = self._holding(position + 1, frame)
        if frame.parent is not None:
            return frame.stop - 1, self._holding(frame.stop - 1, frame.parent)
        following = bisect_right(self.segments, position + 1)
        end = self.segments[following] if following < len(self.segments) else self.root.stop
        return end - 1, frame

    def back_out(self, position: int, frame: Frame) -> tuple[int, Frame] | None:
        """Just before the nearest frame of more than one event, else before the pass; None at the first event."""
        if position == 0:
            return None
        while frame.parent is not None and (frame.stop - frame.start == 1 or not frame.is_call):
            frame = frame.parent
        if frame.parent is not None:
            start = frame.start
        else:
            start = self.segments[bisect_right(self.segments, position) - 1]
        target = max(0, start - 1)
        return target, self._holding(target, frame) if start else self.at(0)

    def segment(self, position: int) -> tuple[int, int]:
        """First event of the pass that holds `position`, and the index after its last."""
        following = bisect_right(self.segments, position)
        end = self.segments[following] if following < len(self.segments) else self.root.stop
        return self.segments[following - 1], end

    @staticmethod
    def _holding(position: int, frame: Frame) -> Frame:
        while not (frame.is_call and frame.start <= position < frame.stop):
            assert frame.parent is not None, "the position is not in the recording"
            frame = frame.parent
        return frame


def _segments(recording: Recording) -> list[int]:
    """Where a pass begins: at a change of phase, and where a stage with events begins or ends."""
    events = recording.events
    begins = {0}
    begins.update(e.index for before, e in pairwise(events) if before.phase != e.phase)
    for stage in recording.stages:
        if stage.stop > stage.start:
            begins.update((stage.start, stage.stop))
    return sorted(index for index in begins if index < len(events))


def _build(
    events: tuple[Event, ...], segments: list[int], root: Frame, containers: set[str]
) -> tuple[list[Frame], dict[str, list[Frame]]]:
    """The innermost frame of each event, and all frames by scope."""
    begins = set(segments)
    # The calls as columns, for a frame cannot be made before its end is known; parents by their number.
    scopes: list[str] = []
    starts: list[int] = []
    stops: list[int] = []
    parents: list[int] = []
    stack: list[int] = []  # numbers of the calls that are open, outermost first
    before: Chain = ()
    innermost: list[int] = []
    for index, chain in enumerate(_chains(events, segments)):
        if index in begins:
            kept = 0
        elif chain is before:
            innermost.append(stack[-1] if stack else -1)
            continue
        else:
            kept = next((k for k, pair in enumerate(zip(before, chain, strict=False)) if pair[0] != pair[1]), -1)
            kept = min(len(before), len(chain)) if kept < 0 else kept
        for number in stack[kept:]:
            stops[number] = index
        del stack[kept:]
        for scope in chain[kept:]:
            parents.append(stack[-1] if stack else -1)
            stack.append(len(scopes))
            scopes.append(scope)
            starts.append(index)
            stops.append(len(events))
        before = chain
        innermost.append(stack[-1] if stack else -1)
    frames: list[Frame] = []
    by_scope: dict[str, list[Frame]] = {}
    for scope, start, stop, parent in zip(scopes, starts, stops, parents, strict=True):
        is_call = not containers or module_path(scope) not in containers
        frame = Frame(scope, start, stop, frames[parent] if parent >= 0 else root, is_call)
        frames.append(frame)
        by_scope.setdefault(scope, []).append(frame)
    return [frames[number] if number >= 0 else root for number in innermost], by_scope


Chain = tuple[str, ...]  # the scopes of the calls around an event, outermost first


def _chains(events: tuple[Event, ...], segments: list[int]) -> list[Chain]:
    if not events:
        return []
    chains: list[Chain] = []
    of_node: dict[str, Chain] = {}
    for begin, end in zip(segments, [*segments[1:], len(events)], strict=True):
        part = events[begin:end]
        if part[0].phase == "forward":
            found = _forward_chains(part)
            of_node.update((event.node, chain) for event, chain in zip(part, found, strict=True))
            chains += found
        elif part[0].phase == "backward":
            for event in part:
                chain = of_node.get(event.node)
                if chain is None:  # a parameter, or an operation that was not recorded
                    chain = chains[-1] if event is not part[0] else _enclosing(event.scope)
                chains.append(chain)
        else:
            chains += [_enclosing(event.scope) for event in part]
    return chains


def _forward_chains(events: tuple[Event, ...]) -> list[Chain]:
    """The chains of operations: each call lasts from its first operation to its last, whoever is called in between."""
    enclosing: dict[str, Chain] = {}
    last: dict[str, int] = {}
    for event in events:
        if event.scope not in enclosing:
            enclosing[event.scope] = _enclosing(event.scope)
        for scope in enclosing[event.scope]:
            last[scope] = event.index
    chain: Chain = ()
    found = []
    for event in events:
        kept = 0
        while kept < len(chain) and last[chain[kept]] >= event.index:
            kept += 1
        own = enclosing[event.scope]
        if own[:kept] == chain[:kept]:
            chain = own
        else:  # a module called by reference: its own scopes stand inside those that are open
            chain = chain[:kept] + tuple(scope for scope in own if scope not in chain[:kept])
        found.append(chain)
    return found


def _enclosing(scope: str) -> Chain:
    return tuple(enclosing_scopes(scope))[-2::-1]
