"""What a command shows, in the form that was asked for: a table, JSON, DOT or Mermaid, and an HTML page."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Callable
from typing import Any

from graphtools.cli import fail
from graphtools.graph import Graph


def write(
    graph: Graph,
    arguments: argparse.Namespace,
    table: Callable[[int | None, bool], str],
    document: Callable[[], str],
    page: Callable[..., Any] | None = None,
) -> int:
    """Prints one form of the graph and writes the page; returns 0, or the exit code for a page that cannot be written.

    `table(width, color)` gives the text, with None for a width without end; `document()` the JSON; `page(file, title)`
    writes the page, which is the graph's own if it is not given.
    """
    if arguments.json:
        print(document())
    elif arguments.dot:
        print(graph.to_dot(arguments.depth))
    elif arguments.mermaid:
        print(graph.to_mermaid(arguments.depth))
    else:
        is_terminal = sys.stdout.isatty()
        width = max(60, shutil.get_terminal_size((100, 24)).columns) if is_terminal else None
        print(table(width, is_terminal and not os.environ.get("NO_COLOR")))
    if arguments.html:
        try:
            (page or graph.to_html)(arguments.html, title=f"{graph.capture.model} · graphtools")
        except OSError as error:
            return fail(f"cannot write {arguments.html}: {os.strerror(error.errno) if error.errno else error}")
        print(f"wrote {arguments.html}", file=sys.stderr)
    if graph.failure is not None and (arguments.json or arguments.dot or arguments.mermaid):
        print(f"graphtools: the run stopped early: {graph.failure}", file=sys.stderr)
    return 0
