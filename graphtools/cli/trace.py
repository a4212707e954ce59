"""`graphtools trace`: asks a child process for the graph and shows it."""

from __future__ import annotations

import argparse
import shutil
import sys

from graphtools.cli import fail
from graphtools.cli.child import Answer, ask
from graphtools.graph import Graph


def trace(arguments: argparse.Namespace) -> int:
    """Runs the command; returns its exit code."""
    answer = ask(
        {
            "target": arguments.target,
            "inputs": arguments.input,
            "method": arguments.method,
            "fake": arguments.fake,
            "train": arguments.train,
            "device": arguments.device,
            "seed": arguments.seed,
            "limits": [arguments.limit_operations, arguments.limit_bytes, arguments.limit_seconds],
        }
    )
    if answer.graph is None:
        fail(answer.message or "no answer")
        return answer.exit_code
    try:
        _show(answer.graph, answer, arguments)
    except OSError as error:
        return fail(f"cannot write {error.filename or arguments.html}: {error.strerror or error}")
    return answer.exit_code


def _show(graph: Graph, answer: Answer, arguments: argparse.Namespace) -> None:
    if arguments.json:
        print(graph.to_json())
    elif arguments.dot:
        print(graph.to_dot(arguments.depth))
    elif arguments.mermaid:
        print(graph.to_mermaid(arguments.depth))
    else:
        from graphtools.table import format_graph

        width = shutil.get_terminal_size((100, 24)).columns if sys.stdout.isatty() else 110
        print(format_graph(graph, depth=arguments.depth, width=max(width, 60), color=sys.stdout.isatty()))
        print(f"inputs: {answer.inputs_note}")
    if arguments.html:
        graph.to_html(arguments.html, title=f"{graph.capture.model} · graphtools")
        print(f"wrote {arguments.html}", file=sys.stderr)
    if graph.failure is not None and (arguments.json or arguments.dot or arguments.mermaid):
        print(f"graphtools: the run stopped early: {graph.failure}", file=sys.stderr)
