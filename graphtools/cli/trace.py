"""`graphtools trace`: asks a child process for the graph and shows it."""

from __future__ import annotations

import argparse

from graphtools.cli import fail
from graphtools.cli.child import Answer, ask
from graphtools.cli.output import write
from graphtools.graph import Graph
from graphtools.words import wrapped


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
    return _show(answer.graph, answer, arguments) or answer.exit_code


def _show(graph: Graph, answer: Answer, arguments: argparse.Namespace) -> int:
    def table(width: int | None, color: bool) -> str:
        from graphtools.table import format_graph

        note = wrapped(f"inputs: {answer.inputs_note}", width or 100, " " * 8)
        return "\n".join([format_graph(graph, arguments.depth, width, color), *note])

    return write(graph, arguments, table, graph.to_json)
