"""One HTML page that walks through a recorded run, with the look of every tensor in it: no Python, no network."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from graphtools.payload import drawn_nodes, graph_payload, run_payload
from graphtools.recording import Recording
from graphtools.viewer.page import page_html, write_whole

MOST_TENSORS = 6000  # of which a page holds the numbers; each takes about a kilobyte
EXPLAINING_S = 20.0  # seconds for all explanations together: in a long chain each of them walks far
PICTURE_BYTES = 6 * 1024 * 1024  # for all pictures together


def recording_html(
    recording: Recording,
    file: str | os.PathLike[str] | None = None,
    title: str | None = None,
    language: str = "en",
) -> str | Path:
    """The page as text, or the path it was written to if `file` is given, all of it or nothing.

    Reads every tensor of the recording: about 5 ns an element and a millisecond each. A page takes some 10 KB for each
    tensor, of at most 6,000; those beyond are named and say that the page leaves them out. Raises OSError, naming the
    file, if it cannot be written.
    """
    name = title or recording.graph.capture.model or "recording"
    options = {"title": title or "", "focus": True, "language": language}
    page = page_html({**recording_data(recording), "options": options}, name, language)
    if file is None:
        return page
    path = Path(file)
    write_whole(path, page)
    return path


def recording_data(recording: Recording) -> dict[str, Any]:
    """What the viewer's page holds of a recording: `payload`, `run`, and `held`, the look of its tensors."""
    return {**run_document(recording), "held": held_looks(recording)}


def run_document(recording: Recording) -> dict[str, Any]:
    """What a host sends that answers questions about the tensors itself: `payload` and `run`."""
    return {"payload": graph_payload(recording.graph), "run": run_payload(recording)}


def held_looks(recording: Recording) -> dict[str, Any]:
    """The looks of its tensors, of as many as a page holds, with metrics, thumbnails and explanations."""
    from graphtools.summaries import Summaries  # needs torch

    summaries = Summaries(recording)
    keys = list(summaries.keys())
    kept = keys[:MOST_TENSORS]
    pixels = PICTURE_BYTES * 3 // 4 // max(1, len(kept))  # in base64 four bytes hold three
    tensors = {}
    for key in kept:
        # Of an update, what the parameter is afterwards has a picture; before, change and state have their numbers.
        has_picture = not key.startswith("u.") or key.endswith(".after")
        tensors[key] = summaries.tensor_within(key, pixels if has_picture else 0)
    for key in keys[MOST_TENSORS:]:
        tensors[key] = {"key": key, "lost": f"this page holds the first {MOST_TENSORS:,} tensors; save a .gt file"}
    return {
        "tensors": tensors,
        "metrics": summaries.metrics(),
        "thumbnails": summaries.thumbnails(),
        "explanations": dict(_explanations(recording)),
    }


def _explanations(recording: Recording) -> Iterator[tuple[str, Any]]:
    """What is said of each row, of as many as have tensors in the page and as the time allows."""
    from graphtools.answering import explanation  # needs torch
    from graphtools.explaining import Passes

    end = time.monotonic() + EXPLAINING_S
    drawn, passes = drawn_nodes(recording.graph), Passes(recording)
    rows = {node.name: row for row, node in enumerate(drawn)}
    for row, node in enumerate(drawn[:MOST_TENSORS]):
        if time.monotonic() < end:
            yield str(row), explanation(passes, rows, node)
        else:
            words = f"This page leaves it out; in Python recording.explain({node.name!r}) says it."
            yield str(row), {**_NOTHING_SAID, "notes": [words]}


_NOTHING_SAID: dict[str, Any] = dict.fromkeys(("value", "gradient", "symbol", "words", "sum"), "")
_NOTHING_SAID |= {name: [] for name in ("factors", "arrivals", "sent", "origins", "notes")}
