"""One HTML page that shows two graphs or recordings side by side, colored by how they differ."""

from __future__ import annotations

import math
import os
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphtools.payload import drawn_nodes, graph_payload
from graphtools.viewer.page import page_html, write_whole
from graphtools.viewer.run_page import recording_data

if TYPE_CHECKING:
    from graphtools.comparing import Comparison
    from graphtools.comparing.pairs import Pair


def comparison_html(
    comparison: Comparison, file: str | os.PathLike[str] | None = None, titles: tuple[str, str] = ("a", "b")
) -> str | Path:
    """The page as text, or the path it was written to if `file` is given, all of it or nothing.

    Reads every value of both. Raises OSError, naming the file, if it cannot be written.
    """
    page = page_html(pair_data(comparison, titles), " and ".join(titles))
    if file is None:
        return page
    path = Path(file)
    write_whole(path, page)
    return path


def pair_data(comparison: Comparison, titles: tuple[str, str] = ("a", "b")) -> dict[str, Any]:
    """What the viewer's `mountPair` takes: both sides with what their page holds, and which row stands for which."""
    sides = [
        {**_held(shown), "title": title, **_differences(comparison, which)}
        for which, (shown, title) in enumerate(zip((comparison.a, comparison.b), titles, strict=True))
    ]
    return {"a": sides[0], "b": sides[1], "pairing": _pairing(comparison)}


def _held(shown: Any) -> dict[str, Any]:
    from graphtools.recording import Recording

    return recording_data(shown) if isinstance(shown, Recording) else {"payload": graph_payload(shown)}


def _rows(comparison: Comparison) -> tuple[dict[str, int], dict[str, int]]:
    found = [
        {node.name: row for row, node in enumerate(drawn_nodes(graph))}
        for graph in (comparison.graph_a, comparison.graph_b)
    ]
    return found[0], found[1]


def _row(pair: Pair, which: int, rows: tuple[dict[str, int], dict[str, int]]) -> int | None:
    side = pair.b if which else pair.a
    if side is None or side.node is None or side.phase not in ("forward", "state"):
        return None
    return rows[which].get(side.node.name)


def _differences(comparison: Comparison, which: int) -> dict[str, Any]:
    rows = _rows(comparison)
    differences: list[float | None] = [None] * len(rows[which])
    alone = []
    for pair in comparison.pairs:
        row = _row(pair, which, rows)
        if row is None:
            continue
        if not pair.is_matched:
            alone.append(row)
        elif pair.is_different:
            relative = pair.relative
            differences[row] = relative if relative and math.isfinite(relative) else 1.0
    return {"differences": differences, "alone": alone}


def _pairing(comparison: Comparison) -> dict[str, Any]:
    rows = _rows(comparison)
    matched_rows, events = [], []
    for pair in comparison.pairs:
        if pair.a is None or pair.b is None:
            continue
        a, b = _row(pair, 0, rows), _row(pair, 1, rows)
        if a is not None and b is not None:
            matched_rows.append([a, b])
        if pair.a.event is not None and pair.b.event is not None:
            events.append([pair.a.event.index, pair.b.event.index])
    first = comparison.first
    at = first.a.event.index if first is not None and first.a is not None and first.a.event is not None else -1
    lines = list(takewhile(lambda line: not line.startswith("  "), str(comparison).splitlines()))
    summary = "\n".join(line for line in lines if line.strip())
    return {"rows": matched_rows, "events": events, "summary": summary, "first": at}
