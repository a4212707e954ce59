"""`graphtools code`: asks a child process for the source of a model and prints or writes it."""

from __future__ import annotations

import argparse
import os
import sys

from graphtools.cli import fail
from graphtools.cli.child import ask_for_code


def code(arguments: argparse.Namespace) -> int:
    """Runs the command; returns its exit code."""
    answer = ask_for_code(
        {
            "target": arguments.target,
            "inputs": arguments.input,
            "method": arguments.method,
            "fake": False,
            "train": False,
            "device": "cpu",
            "seed": arguments.seed,
            "name": arguments.name,
            "limits": [None, None, arguments.limit_seconds],
        }
    )
    if not answer.code:
        fail(answer.message or "no answer")
        return answer.exit_code
    if arguments.out is None:
        sys.stdout.write(answer.code)
        return 0
    try:
        with open(arguments.out, "w", encoding="utf-8") as file:
            file.write(answer.code)
    except OSError as error:
        return fail(f"cannot write {arguments.out}: {os.strerror(error.errno) if error.errno else error}")
    n_lines = answer.code.count("\n")
    print(f"wrote {arguments.out} ({n_lines} lines; inputs: {answer.inputs_note})", file=sys.stderr)
    return 0
