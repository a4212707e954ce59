"""`graphtools app`: opens the app, on a model right away if one is given."""

from __future__ import annotations

import argparse
import importlib.util
import os
import signal
import subprocess
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
    if importlib.util.find_spec("streamlit") is None:
        return fail("streamlit is not installed: pip install streamlit")
    words = ["--server.headless", "true" if arguments.no_browser else "false", "--server.address", arguments.address]
    words += ["--server.port", str(arguments.port)] if arguments.port else []
    words += ["--", _absolute(target), *arguments.input] if target else []
    command = [sys.executable, "-m", "streamlit", "run", str(main), *words]
    environment = {**os.environ, _ALLOW: "1"} if arguments.allow_code else dict(os.environ)
    # The folder is where the settings of the server are.
    with subprocess.Popen(command, cwd=main.parents[1], env=environment) as server:
        _pass_on_signals(server)
        while True:
            try:
                return server.wait()
            except KeyboardInterrupt:
                continue  # the terminal sent it to the server too, which ends in its own time


def _pass_on_signals(server: subprocess.Popen[bytes]) -> None:
    signal.signal(signal.SIGTERM, lambda *_: server.terminate())


def _main() -> Path | None:
    main = Path(__file__).resolve().parents[2] / "app" / "main.py"
    return main if main.exists() else None


def _absolute(target: str) -> str:
    """The target with the path that it has from here; a name (`torchvision:resnet18`) stays."""
    path, separator, name = target.partition(":")
    return str(Path(path).resolve()) + separator + name if os.path.exists(path) else target
