"""`graphtools compare`: how two saved recordings differ. Nothing in the files is run."""

from __future__ import annotations

import argparse
import os
import sys

from graphtools.cli import fail
from graphtools.errors import FormatError
from graphtools.words import plain


def compare(arguments: argparse.Namespace) -> int:
    """Runs the command; returns its exit code, that of `diff`: 0 for no difference, 1 for some."""
    import graphtools as gt
    from graphtools.saving import load

    recordings = []
    for file in (arguments.a, arguments.b):
        try:
            recordings.append(load(file))
        except FormatError as error:
            return fail(plain(f"{file}: {error}"))
        except OSError as error:
            return fail(f"cannot read {file}: {error.strerror or error}")
    found = gt.compare(*recordings, rtol=arguments.rtol, atol=arguments.atol)
    print(plain_lines(str(found)))
    if arguments.html:
        try:
            found.to_html(arguments.html, (os.path.basename(arguments.a), os.path.basename(arguments.b)))
        except OSError as error:
            return fail(f"cannot write {arguments.html}: {os.strerror(error.errno) if error.errno else error}")
        print(f"wrote {arguments.html}", file=sys.stderr)
    return 0 if found.first is None else 1


def plain_lines(text: str) -> str:
    """The text without what a terminal would take for commands; a name in a file may hold anything."""
    return "\n".join(plain(line) for line in text.splitlines())
