"""A comparison as text: the first difference, what is only in one of the two, then a table. Without torch."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from graphtools.comparing.changes import SOFT
from graphtools.comparing.pairs import Pair
from graphtools.comparing.parts import settled
from graphtools.comparing.sides import Side
from graphtools.graph import Graph, enclosing_scopes, module_path
from graphtools.words import elide, plain

if TYPE_CHECKING:
    from graphtools.comparing import Comparison
    from graphtools.comparing.deviations import Deviation

_WIDTH = 120
_MOST_ROWS = 24  # of the table
_MOST_STATES = 8  # of these rows, if there are events to show too
_MOST_GROUPS = 8  # of what is only in one of the two
_TITLES = ("where", "what", "value", "max error", "relative", "differ", "why")
_WIDEST = (40, 24, 44, 9, 8, 7)
_LEAST_WHY = 24


def report(comparison: Comparison) -> str:
    """The comparison in lines of at most 120 columns. Reads every value."""
    different = comparison.differences()
    lines = [*_wrapped(_counted(comparison)), *(part for line in _headline(comparison) for part in _wrapped(line))]
    for which, graph, only in (
        ("a", comparison.graph_a, comparison.only_in_a),
        ("b", comparison.graph_b, comparison.only_in_b),
    ):
        lines += _only_in(which, graph, [pair for pair in only if pair.is_different])
    lines += _softly(comparison)
    rows = [pair for pair in different if pair.is_matched]
    if rows:
        lines += ["", *_table(rows)]
    return "\n".join(line.rstrip() for line in lines)


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(plain(text), _WIDTH, subsequent_indent="    ", break_on_hyphens=False)


def pair_line(pair: Pair) -> str:
    """A pair in one line: `layer2.0.conv1 conv2d at model.py:31: max error 3.1e-5, relative 2e-6, 4 % of elements`."""
    side = pair.side
    words = [side.name, side.where] if side.phase == "state" else [side.where, side.name]
    place = f" at {side.source}" if side.source is not None and side.phase != "state" else ""
    said = [pair.why] if pair.why and pair.why != "same inputs, another result" else []
    if pair.is_matched and (numbers := _numbers(pair)):
        said.append(numbers)
    if not pair.is_different and not said:
        said.append("equal" if pair.is_equal else "no difference")
    return f"{' '.join(word for word in words if word)}{place}: {', '.join(said) or 'differs'}"


def _numbers(pair: Pair) -> str:
    if pair.worst is None:
        return ""
    label, found = pair.worst
    said = []
    if found.note and not found.is_equal and all(change.kind != "shape" for change in pair.changes):
        said.append(found.note)
    if found.max_error is not None and found.is_different:
        error, relative = _errors(found)
        said.append(f"max error {error}, relative {relative}")
        if found.n_elements > 1:
            said.append(f"{percent(found)} of elements")
    broken = _broken(found)
    if broken:
        said.append(broken)
    return (f"{label}: " if label and said else "") + ", ".join(said)


def _errors(found: Deviation) -> tuple[str, str]:
    """The largest and the relative error; "nan" where an element is NaN or infinite on one side, or in another way."""
    if found.n_nonfinite_a or found.n_nonfinite_b or not found.max_error:
        return "nan", "nan"
    return number(found.max_error), number(found.relative or 0.0)


def _broken(found: Deviation) -> str:
    counts = [(found.n_nonfinite_a, "a"), (found.n_nonfinite_b, "b")]
    return ", ".join(f"{count} not finite in {which} alone" for count, which in counts if count)


def number(value: float) -> str:
    """A number in two digits: `3.1e-5`, `0.25`."""
    return f"{value:.2g}".replace("e-0", "e-").replace("e+0", "e+")


def percent(found: Deviation) -> str:
    """The share of elements that differ: `0.4 %`."""
    share = 100 * found.share
    if 0 < share < 0.01:
        return "<0.01 %"
    return f"{share:.2g} %" if share < 99.5 else "100 %" if found.n_different == found.n_elements else "99 %"


# -- above the table ---------------------------------------------------------------------------------------------------


def _counted(comparison: Comparison) -> str:
    noun = "events" if comparison.has_values else "operations"
    counts = [
        sum(side is not None and side.phase not in ("state", "output") for side in sides)
        for sides in ([pair.a for pair in comparison], [pair.b for pair in comparison])
    ]
    matched = sum(pair.is_matched and pair.side.phase not in ("state", "output") for pair in comparison)
    names = [graph.capture.model or which for which, graph in zip("ab", _graphs(comparison), strict=True)]
    return f"a: {names[0]}, {counts[0]} {noun}; b: {names[1]}, {counts[1]} {noun}; {matched} in both"


def _graphs(comparison: Comparison) -> tuple[Graph, Graph]:
    return comparison.graph_a, comparison.graph_b


def _headline(comparison: Comparison) -> list[str]:
    lines = []
    for which, graph in zip("ab", _graphs(comparison), strict=True):
        if graph.failure is not None:
            lines.append(f"{which} was stopped by {str(graph.failure).splitlines()[0]}")
    first = comparison.first
    lost = Counter(note for pair in comparison for note in pair.not_compared)
    if first is None:
        lines.append(_nothing(comparison, bool(lost)))
    else:
        lines.append(f"first difference: {first}")
        if first.side.phase == "state":
            event = next((p for p in comparison if p.is_different and p.side.phase not in ("state", "output")), None)
            if event is not None:
                lines.append(f"first event that differs: {event}")
        lines.append(_begins(comparison))
    lines += [f"{_count(count, 'value')} could not be compared: {note}" for note, count in lost.items()]
    return lines


def _nothing(comparison: Comparison, is_part_lost: bool) -> str:
    n_events = sum(pair.side.phase not in ("state", "output") for pair in comparison)
    if not comparison.has_values:
        return f"no difference: the same {_count(n_events, 'operation')} in the same order"
    if comparison.is_equal and not is_part_lost:
        return f"no difference: all {_count(n_events, 'event')} are equal, bit for bit"
    if comparison.is_equal or is_part_lost:
        return "no difference in what could be compared"
    n_equal = sum(pair.is_equal and pair.side.phase not in ("state", "output") for pair in comparison)
    within = f" (rtol={comparison.rtol:g}, atol={comparison.atol:g})" if comparison.rtol or comparison.atol else ""
    return f"no difference within tolerance{within}; {n_equal} of {_count(n_events, 'event')} are equal, bit for bit"


def _begins(comparison: Comparison) -> str:
    n_different = len(comparison.differences())
    n_origins = len(comparison.origins)
    if not n_origins:
        start = "as errors within the tolerance" if comparison.rtol or comparison.atol else "in memory not written yet"
        return f"{_count(n_different, 'difference')}, which begin {start}"
    rest = n_different - n_origins
    inherited = f"; {rest} more inherit {'it' if n_origins == 1 else 'them'}" if rest else ""
    return f"differences begin at {_count(n_origins, 'place')}{inherited}"


def _only_in(which: str, graph: Graph, only: Sequence[Pair]) -> list[str]:
    """What is only in one of the two, whole scopes at a time."""
    if not only:
        return []
    sides = [pair.side for pair in only]
    counts = Counter(_NOUNS[side.phase] for side in sides)
    title = f"only in {which}: {', '.join(_count(count, noun) for noun, count in counts.items())}"
    total: Counter[str] = Counter(scope for node in graph.operations for scope in enclosing_scopes(node.scope))
    operations = [side for side in sides if side.node is not None and side.node.kind == "call" and _is_operation(side)]
    found = Counter(scope for side in operations if side.node for scope in enclosing_scopes(side.node.scope))
    groups: dict[str, list[Side]] = {}
    for place, side in enumerate(operations):
        assert side.node is not None
        whole = [scope for scope in enclosing_scopes(side.node.scope) if scope and found[scope] == total[scope]]
        groups.setdefault(whole[-1] if whole else f"%{place}", []).append(side)
    lines = ["", title]
    for scope, group in list(groups.items())[:_MOST_GROUPS]:
        module = graph.modules.get(module_path(scope))
        class_name = f" {module.class_name}" if module is not None else ""
        if len(group) == 1:
            said = f"{group[0].where} {group[0].name}" + (f" at {group[0].source}" if group[0].source else "")
        else:
            said = f"{scope}{class_name}: {_count(len(group), 'operation')}"
        lines.append("  " + elide(plain(said), _WIDTH - 2))
    if len(groups) > _MOST_GROUPS:
        lines.append(f"  and {_count(len(groups) - _MOST_GROUPS, 'more place')}")
    return lines


_NOUNS = {
    "state": "parameter, buffer or input",
    "forward": "operation",
    "backward": "derivative",
    "update": "update",
    "output": "output",
}


def _is_operation(side: Side) -> bool:
    return side.phase == "forward" or (side.phase == "update" and side.node is not None and side.node.kind == "call")


def _softly(comparison: Comparison) -> list[str]:
    """What changed all over: dtype, device, autocast."""
    counts = Counter(
        str(change)
        for pair in comparison
        if pair.side.phase == "forward"
        for change in pair.changes
        if change.kind in SOFT
    )
    lines = [f"{text} in {_count(count, 'operation')}" for text, count in counts.most_common(4)]
    return ["", *lines] if lines else []


def _count(count: int, noun: str) -> str:
    if count == 1:
        return f"1 {noun}"
    if noun.startswith("parameter,"):
        return f"{count} parameters, buffers or inputs"
    return f"{count} {noun}s"


# -- the table ---------------------------------------------------------------------------------------------------------


def _table(different: Sequence[Pair]) -> list[str]:
    """A row for each difference, in order; where there are too many, those where one begins before the others."""
    shown = _chosen(different)
    cells = [_TITLES, *(tuple(map(plain, _cells(pair))) for pair in shown)]
    columns = [i for i in range(7) if any(row[i] for row in cells[1:])]
    widths = _fit(cells, columns)
    lines = []
    for mark, row in zip(["  ", *("* " if pair.is_origin else "  " for pair in shown)], cells, strict=True):
        parts = [elide(row[i], widths[i], middle=i < 6) for i in columns]
        padded = [
            part.rjust(widths[i]) if 3 <= i <= 5 else part.ljust(widths[i])
            for i, part in zip(columns, parts, strict=True)
        ]
        lines.append(mark + "  ".join(padded))
    if len(different) > len(shown):
        kept = set(shown)
        rest = [pair for pair in different if pair not in kept]
        n_origins = sum(pair.is_origin for pair in rest)
        said = f", {n_origins} of them with *" if n_origins else ""
        lines.append(f"  and {len(rest)} more{said}")
    return [*lines, "* a difference begins here: what it takes is equal"] if any(p.is_origin for p in shown) else lines


def _fit(cells: Sequence[Sequence[str]], columns: Sequence[int]) -> list[int]:
    """Widths of the columns that leave room for the last one."""
    widths = [min(max(len(row[i]) for row in cells), most) for i, most in enumerate(_WIDEST)]
    room = _WIDTH - 2 * len(columns) - sum(widths[i] for i in columns if i < 6)
    for i, least in ((2, 18), (1, 14), (0, 26)):
        if room < _LEAST_WHY and i in columns:
            cut = max(0, min(_LEAST_WHY - room, widths[i] - least))
            widths[i] -= cut
            room += cut
    return [*widths, room]


def _chosen(different: Sequence[Pair]) -> list[Pair]:
    """Some of the parameters, and of the events the first ones and those where a difference begins."""
    if len(different) <= _MOST_ROWS:
        return list(different)
    states = [pair for pair in different if pair.side.phase == "state"]
    events = [pair for pair in different if pair.side.phase != "state"]
    shown = states[: max(_MOST_STATES, _MOST_ROWS - len(events))]
    n_events = _MOST_ROWS - len(shown)
    ranked = dict.fromkeys([*events[:4], *(pair for pair in events if pair.is_origin), *events])
    chosen = {*shown, *list(ranked)[:n_events]}
    return [pair for pair in different if pair in chosen]


def _cells(pair: Pair) -> tuple[str, ...]:
    side = pair.side
    label, found = pair.worst if pair.worst is not None else ("", None)
    if found is not None:
        one, other = found.spec_a, found.spec_b
    else:
        one, other = (side.node.spec if side and side.node else None for side in (pair.a, pair.b))
    value = ""
    if one is not None and other is not None:
        value = str(one)
        if settled(one.shape) != settled(other.shape):
            value = f"{one} → {other}"
        elif one.dtype != other.dtype:
            value = f"{one.dtype} → {other}"
    error = relative = differ = ""
    if found is not None and found.is_different and found.max_error is not None:
        (error, relative), differ = _errors(found), percent(found)
    wheres = dict.fromkeys(side.where for side in (pair.a, pair.b) if side is not None)
    return (
        " → ".join(wheres),
        side.name,
        (f"{label}: " if label else "") + value,
        error,
        relative,
        differ,
        _why(pair, found),
    )


def _why(pair: Pair, found: Deviation | None) -> str:
    why = pair.why.replace(shape, "").strip(", ") if (shape := _shape(pair)) else pair.why
    said = [why] if found is None else [_broken(found), why]  # the column may be cut at its end
    if found is not None and found.note and not found.is_equal and not pair.changes:
        said.append(found.note)
    if pair.causes:
        said.append(f"from {_sources(pair)}")
    return ", ".join(part for part in said if part)


def _shape(pair: Pair) -> str:
    """The change of shape, which the column of values shows already."""
    return next((str(change) for change in pair.changes if change.kind == "shape"), "")


def _sources(pair: Pair) -> str:
    names = list(dict.fromkeys(_source(cause, pair) for cause in pair.causes))
    return names[0] + (f" and {len(names) - 1} more" if len(names) > 1 else "")


def _source(cause: Pair, pair: Pair) -> str:
    side = cause.side
    if not cause.is_matched:
        return f"{side.where} {side.name} in {'b' if cause.a is None else 'a'}"
    is_plain = side.where and (side.phase == "state" or side.where != pair.side.where)
    return side.where if is_plain else f"{side.where} {side.name}".strip()
