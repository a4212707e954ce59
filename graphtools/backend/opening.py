"""Opens what a person chose: loads the model, records a step, says in words what went wrong."""

from __future__ import annotations

import linecache
import os
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from graphtools.backend.choice import Choice
from graphtools.capture.api import run
from graphtools.errors import GraphtoolsError, LoadError
from graphtools.example_step import example_pass, example_step
from graphtools.graph import Failure, Source
from graphtools.loading import Loaded, give_inputs, load_model
from graphtools.projects import Project, open_project
from graphtools.recording import Limits, Recording
from graphtools.saving import load as load_recording

LIMITS = Limits(events=100_000, bytes=4 * 1024**3)  # seconds are those of the request
_LARGE = 200_000_000  # parameters from which on a step, which needs several times their memory, has to be asked for
Tell = Callable[[str], None]


@dataclass(slots=True)
class Opened:
    """What became of a choice: a recording, whole or up to where the run stopped, or a `problem` and no recording.

    `project` is what was recognized, where a folder was chosen; `mistakes` are those of `Recording.mistakes`.

    `lines` are those of the file in which it stopped; `seconds` is how long all took; `model` is what was run.
    """

    choice: Choice
    recording: Recording | None = None
    problem: Failure | None = None
    notes: list[str] = field(default_factory=list)
    mistakes: list[str] = field(default_factory=list)
    seconds: float = 0.0
    lines: list[str] = field(default_factory=list)
    model: Callable[..., Any] | None = None
    project: Project | None = None

    @property
    def failure(self) -> Failure | None:
        """Why the run stopped early, or why it never began."""
        return self.problem or (self.recording.failure if self.recording else None)

    @property
    def first_event(self) -> int:
        """The event to look at first: the operation that raised, or the last one before; else the first of all."""
        if self.failure is None or self.recording is None:
            return 0
        events = self.recording.events
        raised = next((event.index for event in events if event.node == (self.failure.node or "")), None)
        return max(0, len(events) - 1) if raised is None else raised


def open_choice(choice: Choice, tell: Tell = lambda doing: None) -> Opened:
    """Loads the model and records one step of it on its example inputs. Never raises what the model does.

    `tell` is told what is being done. The process should be a fresh one: what the file imports stays imported.
    """
    started = time.perf_counter()
    opened = Opened(choice)
    sys.argv = [choice.target.partition(":")[0]]  # what a file that reads its arguments is to see: its name alone
    if choice.kind == "recording":
        tell("Reading the recording")
        _open_recording(opened)
    else:
        _open_model(opened, tell)
    if opened.failure and opened.failure.source:
        file = opened.failure.source.file
        linecache.checkcache(file)
        opened.lines = [line.rstrip("\n") for line in linecache.getlines(file)]
    if opened.recording is not None:
        opened.mistakes = [f"At {node.name}: {text}" for node, text in opened.recording.mistakes()]
    opened.seconds = time.perf_counter() - started
    return opened


def _open_recording(opened: Opened) -> None:
    try:
        opened.recording = load_recording(opened.choice.target)
    except (GraphtoolsError, OSError) as error:
        opened.problem = Failure(type(error).__name__, str(error))


def _open_model(opened: Opened, tell: Tell) -> None:
    choice = opened.choice
    try:
        tell("Loading the model")
        if os.path.isdir(choice.target.partition(":")[0]):
            opened.project = open_project(choice.target.partition(":")[0])  # to be seen also where its code fails
        loaded = load_model(choice.target, choice.inputs, run_source=choice.may_run_source)
        opened.notes += loaded.notes
        give_inputs(loaded, choice.inputs, attempt=lambda text: tell(f"Trying inputs: {text}"))
    except (Exception, SystemExit, KeyboardInterrupt) as error:
        opened.problem = _why_not_loaded(choice, error)
        return
    if loaded.inputs_note:
        opened.notes.append(f"Input: {loaded.inputs_note.replace('`', '')}")
    try:
        tell("Running the model")
        opened.model = loaded.model
        opened.recording = _record(loaded, choice, opened.notes)
    except (Exception, SystemExit, KeyboardInterrupt) as error:
        opened.recording = getattr(error, "recording", None)
        if opened.recording is None or opened.recording.failure is None:
            opened.problem = Failure(type(error).__name__, str(error) or _INTERRUPTED.get(type(error), ""))


_INTERRUPTED: dict[type, str] = {
    KeyboardInterrupt: "The run was stopped before its first operation had ended.",
    MemoryError: "Memory ran out: use a smaller input, or raise the limit in the settings.",
}


def _record(loaded: Loaded, choice: Choice, notes: list[str]) -> Recording:
    model = loaded.model
    parameters = [p for p in model.parameters() if p.requires_grad] if isinstance(model, nn.Module) else []
    if choice.mode == "step" and choice.kind == "torchvision" and sum(p.numel() for p in parameters) > _LARGE:
        notes.append("Forward pass only: a training step of a model this large takes much memory")
    elif choice.mode == "step" and parameters:
        if choice.kind != "torchvision":
            return _told(example_step, loaded, notes)
        try:
            return _told(example_step, loaded, notes)
        except Exception as error:  # detectors need targets to train, and some norms more than one image
            why = f"{type(error).__name__}: {_first_line(error)}"
            notes.append(f"Forward pass only: a training step stopped with {why}")
    elif choice.mode == "step":
        return _told(example_pass, loaded, notes)
    if isinstance(model, nn.Module):
        model.eval()
    return run(model, *loaded.args, limits=LIMITS, **loaded.kwargs)


def _told(record: Callable[..., Recording], loaded: Loaded, notes: list[str]) -> Recording:
    """Records, and keeps what is said of the loss and the optimizer."""
    said: list[str] = []
    try:
        return record(loaded, said, limits=LIMITS)
    finally:
        notes += [note[:1].upper() + note[1:].replace("; choose it by --loss", "") for note in said]


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [""])[0][:200]


def _why_not_loaded(choice: Choice, error: BaseException) -> Failure:
    name = type(error).__name__
    if isinstance(error, LoadError):
        return Failure(name, str(error))
    if isinstance(error, SyntaxError) and error.filename:
        return Failure(name, error.msg, source=Source(error.filename, error.lineno or 1, error.offset or 0))
    if isinstance(error, SystemExit):
        advice = 'Put what only a script should do under `if __name__ == "__main__":`'
        name, message = "sys.exit", f"the file ended the process with sys.exit({error.code!r}). {advice}"
    elif isinstance(error, KeyboardInterrupt):
        message = "The file was stopped while it was being loaded."
    else:
        message = str(error) or _INTERRUPTED.get(type(error), "")
    path = os.path.abspath(choice.target.partition(":")[0])
    frames = traceback.extract_tb(error.__traceback__)
    files = [os.path.abspath(frame.filename) for frame in frames]
    # Of a project all files are the user's own.
    own = [f for f, file in zip(frames, files, strict=True) if file == path or file.startswith(path + os.sep)]
    own = own or frames[-1:]
    if not own:
        return Failure(name, message)
    last = own[-1]
    return Failure(name, message, source=Source(last.filename, last.lineno or 1, (last.colno or -1) + 1, last.name))
