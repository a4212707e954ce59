"""The `graphtools` command. A user's file runs in a child process, which sends back a graph; `show` imports torch."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command and returns its exit code: 0; 1 if the model's run stopped early; 2 if nothing could be run."""
    from graphtools.cli.arguments import make_parser

    parser = make_parser()
    arguments = parser.parse_args(argv)
    if arguments.command is None:
        parser.print_help()
        return 0
    try:
        return int(arguments.run(arguments))
    except BrokenPipeError:  # `graphtools trace model.py | head`
        sys.stderr.close()
        return 0
    except KeyboardInterrupt:
        print("graphtools: interrupted", file=sys.stderr)
        return 1


def fail(message: str) -> int:
    """Says what went wrong on stderr; gives the exit code for "nothing could be run"."""
    print(f"graphtools: {message}", file=sys.stderr)
    return 2
