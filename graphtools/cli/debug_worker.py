"""The child process of `graphtools debug`: records a run of the user's model, or loads a recording, and opens a prompt.

Until the prompt opens, the user's file can neither read what is typed nor write to stdout.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from graphtools.cli.child import TALKING
from graphtools.cli.worker import Refusal, announced, prepare, refusal_for, serve
from graphtools.watchdog import time_limit

if TYPE_CHECKING:
    from graphtools.loading import Loaded
    from graphtools.recording import Recording


def main(folder: str, request: dict[str, Any]) -> None:
    """Holds one session."""

    def session(request: dict[str, Any], fault: Any) -> dict[str, Any]:
        with _set_aside():
            recording, notes = (
                _load(request) if request["target"].endswith(".gt") else record_run(folder, request, fault)
            )
        return _talk(recording, notes, request, os.path.join(folder, TALKING))

    serve(folder, request, session)


@contextlib.contextmanager
def _set_aside() -> Iterator[None]:
    """Gives the block an empty stdin, and stderr as its stdout."""
    keyboard, screen = os.dup(0), os.dup(1)
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    try:
        yield
    finally:
        with contextlib.suppress(Exception):  # whatever the user's file has put there
            sys.stdout.flush()
        os.dup2(keyboard, 0)
        os.dup2(screen, 1)
        os.close(keyboard)
        os.close(screen)


def _talk(recording: Recording, notes: list[str], request: dict[str, Any], talking: str) -> dict[str, Any]:
    from graphtools.debugger import Debugger
    from graphtools.terminal import Terminal
    from graphtools.visible import PositionError

    # Fresh ones, as the user's file may have closed or replaced them. What the encoding lacks is shown as "?".
    sys.stdin = os.fdopen(0, "r", errors="replace", closefd=False)
    sys.stdout = os.fdopen(1, "w", buffering=1, errors="replace", closefd=False)
    failure = recording.failure
    try:
        debugger = Debugger(recording, len(recording) - 1 if failure is not None else 0)
    except PositionError as error:
        return {"exit_code": 1 if failure is not None else 2, "message": str(failure or error)}
    with open(talking, "w", encoding="utf-8"):
        pass
    try:
        Terminal(debugger).run(*_intro(recording), *notes, "`h` lists the commands.")
    except BrokenPipeError:
        sys.stdout = sys.stderr
    return {"exit_code": 0 if failure is None else 1}


def _intro(recording: Recording) -> Iterator[str]:
    from graphtools.words import plain, seconds_text

    phases = Counter(event.phase for event in recording.events)
    counts = ", ".join(f"{count} {phase}" for phase, count in phases.items())
    name = plain(recording.graph.capture.model) or "run"
    yield f"{name}: {len(recording)} events ({counts}) in {seconds_text(recording.duration_s)}"
    if recording.failure is not None:
        yield f"stopped by {plain(str(recording.failure))}"


def _load(request: dict[str, Any]) -> tuple[Recording, list[str]]:
    from graphtools.errors import FormatError
    from graphtools.saving import load

    try:
        return load(request["target"]), []
    except FormatError as error:
        raise Refusal(str(error), 2) from None
    except OSError as error:
        raise Refusal(f"cannot read {request['target']}: {error.strerror or error}", 2) from None


def record_run(folder: str, request: dict[str, Any], fault: Any) -> tuple[Recording, list[str]]:
    """The recording that the request asks for, and notes on inputs, loss and optimizer. Raises Refusal."""
    loaded, limit_s = prepare(folder, request, fault)
    notes = [f"inputs: {loaded.inputs_note}"]
    try:
        with time_limit(limit_s, fault, request["limits"][2]), announced(f"running {request['target']}", 10):
            made = _training_step(loaded, request, notes) if request["train"] else _forward(loaded, request)
        return made, [*notes, *(f"at {node.name}: {text}" for node, text in made.mistakes())]
    except BaseException as error:
        from graphtools.errors import LoadError

        recording = getattr(error, "recording", None)
        if recording is None or isinstance(error, LoadError):
            raise refusal_for(request["target"], error) from None
        return recording, notes


def _forward(loaded: Loaded, request: dict[str, Any]) -> Recording:
    from graphtools.capture.api import run
    from graphtools.recording import Limits

    limits = Limits(*request["limits"])
    return run(loaded.model, *loaded.args, limits=limits, limit_bytes=request["limit_bytes"], **loaded.kwargs)


def _training_step(loaded: Loaded, request: dict[str, Any], notes: list[str]) -> Recording:
    from graphtools.example_step import example_step
    from graphtools.recording import Limits

    return example_step(
        loaded,
        notes,
        loss=request["loss"],
        optimizer=request["optimizer"],
        lr=request["lr"],
        seed=request["seed"],
        limits=Limits(*request["limits"]),
        limit_bytes=request["limit_bytes"],
    )


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
