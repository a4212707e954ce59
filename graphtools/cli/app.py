"""`graphtools app`: opens the app, on a model right away if one is given."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from graphtools.cli import fail

_ALLOW = "GRAPHTOOLS_ALLOW_CODE"


def app(arguments: argparse.Namespace) -> int:
    """Runs the command until the app is stopped by Ctrl-C; returns its exit code."""
    main = _main()
    if main is None:
        return fail(
            "the app's files are not there: they come with a clone of the repository, not with the package alone. "
            "Clone it and install it with `pip install -e .`"
        )
    target = arguments.target
    if target and target.partition(":")[0].endswith((".py", ".gt")) and not os.path.exists(target.partition(":")[0]):
        return fail(f"no file {target.partition(':')[0]}")
    try:
        from streamlit.web.cli import main as streamlit
    except ImportError:
        return fail("streamlit is not installed: pip install streamlit")
    environment = {_ALLOW: "1"} if arguments.allow_code else {}
    os.environ.update(environment)
    words = ["run", str(main), "--server.headless", "true" if arguments.no_browser else "false"]
    words += ["--server.address", arguments.address]
    words += ["--server.port", str(arguments.port)] if arguments.port else []
    if target:
        words += ["--", _absolute(target), *arguments.input]
    os.chdir(main.parent.parent)  # where the settings of the server are
    sys.argv = ["streamlit", *words]
    try:
        streamlit(words, standalone_mode=False)
    except KeyboardInterrupt:
        return 0
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    return 0


def _main() -> Path | None:
    main = Path(__file__).resolve().parents[2] / "app" / "main.py"
    return main if main.exists() else None


def _absolute(target: str) -> str:
    """The target with the path that it has from here; a name (`torchvision:resnet18`) stays."""
    path, separator, name = target.partition(":")
    return str(Path(path).resolve()) + separator + name if os.path.exists(path) else target
