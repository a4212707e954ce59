"""What the terminal prints of a debugger: a stop, source lines, the parts of a call, the numbers of a tensor."""

from __future__ import annotations

import linecache
from collections.abc import Iterator
from typing import Any

import torch

from graphtools.changes import shown_name, value_text
from graphtools.debugger import Debugger
from graphtools.fold import relative
from graphtools.frames import Frame
from graphtools.graph import Node, Source, module_path
from graphtools.recording import Event, ValueLost
from graphtools.statistics import Histogram, histogram, number, statistics
from graphtools.structure import tensors
from graphtools.visible import PositionError
from graphtools.words import bytes_text, count_text, elide, plain, settings_text, source_line

_MARKED = 1_000_000  # elements up to which a stop says whether they are finite: below a millisecond
BARS, ASCII_BARS = " ▁▂▃▄▅▆▇█", " .:-=+*#@"  # from none to most
BOLD, DIM, RED, _END = "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[0m"


class Screen:
    """Lines of text about a debugger, at most `width` columns wide where they can be; `color` adds ANSI codes, `bars`
    are the letters of a histogram."""

    def __init__(self, debugger: Debugger, width: int = 80, color: bool = False, bars: str = BARS) -> None:
        self.debugger = debugger
        self.width = width
        self.color = color
        self.bars = bars

    def paint(self, text: str, style: str) -> str:
        """`text` in that style, if there are colors."""
        return f"{style}{text}{_END}" if self.color and text else text

    # -- a stop -----------------------------------------------------------------------------------------------------

    def stop(self) -> list[str]:
        """One line for the current event, one for its line of source, and one if what it gave is not finite."""
        debugger = self.debugger
        event = debugger.event
        head = f"[{debugger.position}/{len(debugger) - 1} {event.phase}{f', step {event.step}' if event.step else ''}]"
        node = debugger.node
        scope = "" if node is not None and node.kind == "parameter" else plain(event.scope)  # its path tells
        what = "  ".join(_what(debugger, event))
        place = str(event.source) if event.source is not None else ""
        code = source_line(event.source.file, event.source.line).strip() if event.source is not None else ""
        line = " ".join([head, "  ".join(part for part in (scope, what, place) if part)])
        if len(line) > self.width and code:  # the place moves down to the code
            line, code = line.removesuffix("  " + place), f"{place}: {code}"
        if len(line) > self.width and scope:
            line = line.replace(scope, elide(scope, max(8, len(scope) - len(line) + self.width)), 1)
        lines = [self.paint(head, BOLD) + line[len(head) :]]
        part = debugger.frames.part(debugger.position, debugger.frame)
        ended = ""
        if part is not None and part.scope != event.scope and part.stop == debugger.position + 1:
            ended = f"  (end of {plain(part.scope)})"
        if code or ended:
            shown = elide(plain(code), self.width - 3 - len(ended), middle=False)
            lines.append(f"-> {shown}{self.paint(ended, DIM)}" if code else f"  {ended}")
        failure = debugger.graph.failure
        if failure is not None and failure.node == event.node:
            message = failure.message.splitlines()[0] if failure.message else ""
            lines.append(
                self.paint(elide(plain(f"   raised {failure.type}: {message}"), self.width, middle=False), RED)
            )
        elif self._is_small(event) and not debugger.moment().finite:
            lines.append(self.paint("   holds NaN or infinity: `i` counts them", RED))
        return lines

    def _is_small(self, event: Event) -> bool:
        node = self.debugger.node
        if node is None:
            return False
        nodes = (node, *self.debugger.graph.arguments(node)) if event.phase == "backward" else (node,)
        return sum(output.spec.n_elements for node in nodes for output in node.outputs) <= _MARKED

    # -- source -----------------------------------------------------------------------------------------------------

    def listing(self, source: Source, first: int, last: int) -> list[str]:
        """Lines `first` to `last` of the file, the line of `source` marked `->`, those with breakpoints `B`."""
        if not source_line(source.file, source.line):
            return [f"{plain(source.file)} cannot be read here"]
        stops = self._stop_lines(source.file)
        lines = []
        for count in range(max(1, first), last + 1):
            text = linecache.getline(source.file, count)
            if not text:
                break
            mark = "->" if count == source.line else " B" if count in stops else "  "
            line = f"{count:4} {mark} {plain(text.rstrip(chr(10)).expandtabs())}"
            lines.append(self.paint(elide(line.rstrip(), self.width, middle=False), BOLD if mark == "->" else ""))
        return lines

    def _stop_lines(self, file: str) -> set[int]:
        events = self.debugger.recording.events
        sources = (events[i].source for point in self.debugger.breakpoints for i in point.location.indexes[:1])
        return {source.line for source in sources if source is not None and source.file == file}

    # -- the parts of a call ----------------------------------------------------------------------------------------

    def call(self, frame: Frame) -> list[str]:
        """The operations and calls made directly in `frame`, one a line; the current one is marked `->`."""
        debugger = self.debugger
        title = "  ".join(
            part for part in (plain(frame.scope) or "the whole recording", self._class(frame.scope)) if part
        )
        rows = list(self._rows(frame))
        first = max(len(name) for _, _, _, name, _, _ in rows)
        second = max(len(kind) for *_, kind, _ in rows)
        lines = [f"{title}: events {frame.start} to {frame.stop - 1}"]
        for start, stop, phase, name, kind, shape in rows:
            mark = "->" if start <= debugger.position < stop else "  "
            if phase and frame.parent is None:
                lines.append(f"  {phase}")
            line = f"{mark} {start:>{len(str(len(debugger)))}}  {name:<{first}}  {kind:<{second}}  {shape}".rstrip()
            style = BOLD if mark == "->" else DIM if start > debugger.position else ""
            lines.append(self.paint(elide(line, self.width), style))
        return lines

    def _rows(self, frame: Frame) -> Iterator[tuple[int, int, str, str, str, str]]:
        """First event, end, phase if it is a new one, name, kind and shape of each part."""
        debugger = self.debugger
        index, phase = frame.start, ""
        while index < frame.stop:
            event = debugger.recording.events[index]
            part = debugger.frames.part(index, frame)
            stop = index + 1 if part is None else part.stop
            new = event.phase if event.phase != phase else ""
            phase = event.phase
            name, *types = _what(debugger, debugger.recording.events[stop - 1])
            shape = types[0] if types else ""
            if event.phase != "forward" and stop - index > 1:
                shape = f"{stop - index} events"
            if part is None:
                yield index, stop, new, name, "", shape
            else:
                yield index, stop, new, plain(relative(part.scope, frame.scope)), self._class(part.scope), shape
            index = stop

    def _class(self, scope: str) -> str:
        module = self.debugger.graph.modules.get(module_path(scope))
        if module is None:
            return ""
        return plain(f"{module.class_name} {settings_text(module.class_name, module.settings)}".rstrip())

    # -- values -----------------------------------------------------------------------------------------------------

    def inspection(self, of: Node | str) -> list[str]:
        """Statistics and a histogram of what `of` gave and of its gradient, as far as they can be seen."""
        debugger = self.debugger
        node = debugger.graph.node(of)
        said = [node.target if node.kind == "call" else node.kind, plain(node.scope), str(node.source or "")]
        lines = ["  ".join(part for part in (shown_name(node), *said) if part)]
        try:
            lines += self._numbers("value", debugger.value(of))
        except (PositionError, ValueLost) as reason:
            lines.append(f"value  {reason}")
        grad = debugger.grad(of)
        if grad is not None:
            return lines + self._numbers("grad", grad)
        arrives = debugger.recording.grad_event(of)
        return [*lines, "grad   none yet" + (f": it arrives at event {arrives}" if _ahead(arrives, debugger) else "")]

    def _numbers(self, word: str, value: Any) -> list[str]:
        found = list(tensors(value))
        if not found:
            return [f"{word:<6} {value_text(value) or 'none'}"]
        lines = []
        for path, tensor in found:
            numbers = statistics(tensor)
            size = bytes_text(tensor.element_size() * tensor.numel()) if tensor.layout == torch.strided else ""
            elements = f"{count_text(numbers.n_elements)} element{'s' * (numbers.n_elements != 1)}"
            place = f"[{path[0]}]" if len(found) > 1 else ""
            device = str(tensor.device) if tensor.device.type != "cpu" else ""
            said = (f"{word + place:<5}", numbers.spec, device, elements, size)
            lines.append("  ".join(part for part in said if part))
            if numbers.n_finite:
                words = (("min", numbers.min), ("max", numbers.max), ("mean", numbers.mean), ("std", numbers.std))
                shown = [
                    f"{name} {number(item)}" for name, item in (*words, ("norm", numbers.norm)) if item is not None
                ]
                lines.append("       " + "  ".join(shown))
            lines.append("       " + f"zeros {100 * numbers.zeros:.3g} %  " + self._finite(numbers))
            lines += [f"       {line}" for line in _histogram(histogram(tensor, min(40, self.width - 40)), self.bars)]
        return lines

    def _finite(self, numbers: Any) -> str:
        if numbers.note:
            return str(numbers.note)
        if numbers.is_finite:
            return "all finite"
        counts = (("NaN", numbers.n_nan), ("+Inf", numbers.n_pos_inf), ("-Inf", numbers.n_neg_inf))
        return self.paint("  ".join(f"{count} {name}" for name, count in counts if count), RED)


def _ahead(index: int | None, debugger: Debugger) -> bool:
    return index is not None and index > debugger.position


def _what(debugger: Debugger, event: Event) -> list[str]:
    """What ran and the type of what it gave: `conv2d_1`, `f32[1, 64, 56, 56]`."""
    node = debugger.graph[event.node] if event.node else None
    if node is None:
        return [plain(event.name)]
    name = plain(shown_name(node))
    if event.phase == "backward":
        name = f"{plain(event.name)} of {name}"
    elif event.index in debugger.recording.content.updates:
        name = f"{plain(event.name)} updates {name}"
    others = f" +{len(node.outputs) - 1}" if len(node.outputs) > 1 else ""
    return [name, f"{node.spec}{others}"] if node.spec is not None else [name]


def _histogram(found: Histogram, letters: str) -> list[str]:
    """The counts as bars in one line between the ends of the range."""
    if not found.counts:
        return []
    most = max(found.counts)
    bars = "".join(letters[-(-count * (len(letters) - 1) // most)] for count in found.counts)
    note = f"  every {found.step}th element" if found.step > 1 else ""
    return [f"{number(found.edges[0])} {bars} {number(found.edges[-1])}{note}"]
