"""`graphtools record`: records a run in a process of its own and writes it as a page, a file, or both."""

from __future__ import annotations

import argparse
import os

from graphtools.cli import fail
from graphtools.cli.child import ask_for_recording
from graphtools.cli.debug import request_of
from graphtools.cli.output import write
from graphtools.words import wrapped


def record(arguments: argparse.Namespace) -> int:
    """Runs the command; returns its exit code."""
    files = {name: os.path.abspath(path) for name in ("html", "save") if (path := getattr(arguments, name))}
    answer = ask_for_recording({**request_of(arguments), "files": files})
    if answer.graph is None:
        fail(answer.message or "no answer")
        return answer.exit_code
    notes = answer.inputs_note.splitlines()

    def table(width: int | None, color: bool) -> str:
        from graphtools.table import format_graph

        assert answer.graph is not None
        lines = [line for note in notes for line in wrapped(note, width or 100, " " * 8)]
        return "\n".join([format_graph(answer.graph, arguments.depth, width, color), *lines])

    # The page and the file were written by the process that holds the values.
    shown = argparse.Namespace(depth=arguments.depth, json=False, dot=False, mermaid=False, html=None)
    write(answer.graph, shown, table, answer.graph.to_json)
    if answer.message:
        return fail(answer.message)
    for name in files:
        size = os.path.getsize(files[name]) / 1e6
        print(f"wrote {getattr(arguments, name)} ({size:.3g} MB)")
    return answer.exit_code
