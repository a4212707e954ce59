"""Two graphs or recordings side by side, for one HTML page or for a host: colored by how they differ, and said in words
what each of them knows."""

from __future__ import annotations

import math
import os
from collections import Counter
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphtools.graph import Graph
from graphtools.payload import drawn_nodes, graph_payload
from graphtools.recording import Recording
from graphtools.viewer.knowing import Sentence, known, untraceable
from graphtools.viewer.page import page_html, write_whole
from graphtools.viewer.run_page import held_looks, run_document

if TYPE_CHECKING:
    from graphtools.comparing import Comparison
    from graphtools.comparing.pairs import Pair

_MOST_KINDS = 4  # of operations that only one side has, which are named


def comparison_html(
    comparison: Comparison,
    file: str | os.PathLike[str] | None = None,
    titles: tuple[str, str] = ("a", "b"),
    language: str = "en",
) -> str | Path:
    """The page as text, or the path it was written to if `file` is given, all of it or nothing.

    Reads every value of both. Raises OSError, naming the file, if it cannot be written.
    """
    data = pair_data(comparison, titles)
    data["options"] = {"language": language}
    page = page_html(data, f"{data['a']['title']} and {data['b']['title']}", language)
    if file is None:
        return page
    path = Path(file)
    write_whole(path, page)
    return path


def pair_data(comparison: Comparison, titles: tuple[str, str] = ("a", "b")) -> dict[str, Any]:
    """What the viewer's `mountPair` takes, for a page: `pair_document` with the looks of all tensors in `held`."""
    data = pair_document(comparison, titles)
    for name, shown in (("a", comparison.a), ("b", comparison.b)):
        if isinstance(shown, Recording):
            data[name]["held"] = held_looks(shown)
    return data


def pair_document(comparison: Comparison, titles: tuple[str, str] = ("a", "b")) -> dict[str, Any]:
    """Both sides for a host that answers questions itself, as JSON without tensors: `a`, `b` and the `pairing`.

    Each side has its `payload`, of a recording the `run`, a `title`, `notes` to read above it, which rows are `alone`,
    and between two recordings the `differences` by row, for which all values are read. Of a graph beside a recording,
    the notes say what each knows and when. Sentences are English with blanks and what goes into them.
    """
    mixed = isinstance(comparison.a, Recording) != isinstance(comparison.b, Recording)
    shown = comparison.a, comparison.b
    if mixed and titles == ("a", "b"):
        titles = _title(comparison.a), _title(comparison.b)
    notes = (known(shown[0]), known(shown[1])) if mixed else ((), ())
    sides = [
        {**_document(one), "title": title, "notes": list(words), **_differences(comparison, which, valued=not mixed)}
        for which, (one, title, words) in enumerate(zip(shown, titles, notes, strict=True))
    ]
    return {"a": sides[0], "b": sides[1], "pairing": _pairing(comparison, mixed)}


def lone_document(recording: Recording, reason: str) -> dict[str, Any]:
    """As `pair_document`, of a recording beside the graph that there is not: in its place stands `reason`."""
    why: dict[str, Any] = {"payload": None, "title": _BEFORE, "notes": list(untraceable(reason))}
    run = {**_document(recording), "title": _title(recording), "notes": list(known(recording))}
    nothing: dict[str, Any] = {"differences": None, "alone": []}
    pairing = {"rows": [], "events": [], "summary": "", "first": -1}
    return {"a": {**why, **nothing}, "b": {**run, **nothing}, "pairing": pairing}


_BEFORE = "Define and run: before any data"


def _title(shown: Graph | Recording) -> str:
    if isinstance(shown, Recording):
        return "Define by run: what ran"
    if shown.capture.method != "fx":
        return "Graph"
    has_shapes = any(node.spec is not None for node in shown.operations)
    return "Define and run: before the run" if has_shapes else _BEFORE


def _document(shown: Graph | Recording) -> dict[str, Any]:
    return run_document(shown) if isinstance(shown, Recording) else {"payload": graph_payload(shown)}


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


def _differences(comparison: Comparison, which: int, valued: bool) -> dict[str, Any]:
    rows = _rows(comparison)
    differences: list[float | None] = [None] * len(rows[which])
    alone = []
    for pair in comparison.pairs:
        row = _row(pair, which, rows)
        if row is None:
            continue
        if not pair.is_matched:
            alone.append(row)
        elif valued and pair.is_different:
            relative = pair.relative
            differences[row] = relative if relative and math.isfinite(relative) else 1.0
    return {"differences": differences if valued else None, "alone": alone}


def _pairing(comparison: Comparison, mixed: bool) -> dict[str, Any]:
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
    summary = _shared(comparison) if mixed else "\n".join(line for line in lines if line.strip())
    return {"rows": matched_rows, "events": events, "summary": summary, "first": at}


def _shared(comparison: Comparison) -> list[Sentence]:
    """How many operations a graph and a recording share, and which only one of them has."""
    alone: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
    shared = 0
    for pair in comparison.pairs:
        side = pair.a or pair.b
        if side is None or side.node is None or side.node.kind != "call" or side.phase != "forward":
            continue
        if pair.is_matched:
            shared += 1
        else:
            alone[pair.a is None][side.node.target.rpartition(".")[2]] += 1
    sentences: list[Sentence] = [("{n} operations on both sides.", {"n": shared})]
    for counted, shown in zip(alone, (comparison.a, comparison.b), strict=True):
        only = "Only in the run: {n} ({names})." if isinstance(shown, Recording) else "Only in the code: {n} ({names})."
        if counted:
            names = ", ".join(f"{name} ×{n}" if n > 1 else name for name, n in counted.most_common(_MOST_KINDS))
            names += ", …" if len(counted) > _MOST_KINDS else ""
            sentences.append((only, {"n": counted.total(), "names": names}))
    return sentences
