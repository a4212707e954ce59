"""Opens what a person chose: loads the model, records a step, says in words what went wrong. Imports no streamlit."""

from __future__ import annotations

import ast
import linecache
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from torch import nn

import graphtools as gt
from graphtools.capture.source import hide
from graphtools.example_step import example_pass, example_step
from graphtools.graph import Failure, Graph, Node, Source
from graphtools.loading import Loaded, load

hide(str(Path(__file__).resolve().parent))  # the app's own lines are no part of the user's program

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
LIMITS = gt.Limits(events=100_000, bytes=4 * 1024**3, seconds=120)
_FIRST = "small_cnn"  # what the app shows before anything is chosen
_LARGE = 200_000_000  # parameters from which on a step, which needs several times their memory, has to be asked for
Mode = Literal["step", "forward"]
_lock = threading.Lock()  # torch's seed and sys.modules belong to the process: one model is opened at a time


@dataclass(frozen=True, slots=True)
class Choice:
    """What to open. `target` and `inputs` are as for graphtools.loading.load; `run` tells runs apart.

    `mode` is "step" for a training step (forward, loss, backward, update), or "forward" for a forward pass alone.
    """

    kind: Literal["example", "torchvision", "file", "recording"]
    target: str
    title: str
    inputs: tuple[str, ...] = ()
    run: int = 0
    mode: Mode = "step"

    @property
    def revision(self) -> str:
        """A text that differs from that of any other choice."""
        return "\n".join([self.kind, self.target, *self.inputs, str(self.run), self.mode])


@dataclass(slots=True)
class Opened:
    """What became of a choice: a recording, whole or up to where the run stopped, or a `problem` and no recording."""

    choice: Choice
    recording: gt.Recording | None = None
    problem: Failure | None = None
    notes: list[str] = field(default_factory=list)
    opened_s: float = 0.0
    lines: dict[str, list[str]] = field(default_factory=dict)

    @property
    def graph(self) -> Graph | None:
        """The graph of the recording, if there is one."""
        return self.recording.graph if self.recording else None

    @property
    def operations(self) -> tuple[Node, ...]:
        """The operations that ran, in order."""
        return self.recording.graph.operations if self.recording else ()

    @property
    def failure(self) -> Failure | None:
        """Why the run stopped early, or why it never began."""
        return self.problem or (self.recording.failure if self.recording else None)

    @property
    def failure_event(self) -> int:
        """The event to look at first: the operation that raised, or the last one before; else the first of all."""
        if self.failure is None or self.recording is None:
            return 0
        events = self.recording.events
        raised = next((event.index for event in events if event.node == (self.failure.node or "")), None)
        return max(0, len(events) - 1) if raised is None else raised


def example_titles() -> dict[str, str]:
    """The bundled examples: name to the first line of the docstring, the one shown first first."""
    names = sorted((path.stem for path in EXAMPLES.glob("*.py")), key=lambda name: (name != _FIRST, name))
    return {name: example_text(name)[0] for name in names}


def example_text(name: str) -> tuple[str, str]:
    """Title and lesson of an example's docstring."""
    text = ast.get_docstring(ast.parse((EXAMPLES / f"{name}.py").read_text(encoding="utf-8"))) or name
    title, _, lesson = text.partition("\n\n")
    return title, lesson


def example_choice(name: str, mode: Mode = "step") -> Choice:
    """The choice of a bundled example."""
    return Choice("example", str(EXAMPLES / f"{name}.py"), name, mode=mode)


def first_choice() -> Choice:
    """What the app opens by itself: a bundled example."""
    return example_choice(_FIRST)


def open_choice(choice: Choice) -> Opened:
    """Loads the model and records one step of it on its example inputs. Never raises what the model does."""
    started = time.perf_counter()
    opened = Opened(choice)
    with _lock, _modules_apart(choice):
        if choice.kind == "recording":
            _open_recording(opened)
        else:
            _open_model(opened)
    _keep_lines(opened)
    opened.opened_s = time.perf_counter() - started
    return opened


def _open_recording(opened: Opened) -> None:
    try:
        opened.recording = gt.load(opened.choice.target)
    except (gt.GraphtoolsError, OSError) as error:
        opened.problem = Failure(type(error).__name__, str(error))


def _open_model(opened: Opened) -> None:
    choice = opened.choice
    try:
        loaded = load(choice.target, choice.inputs)
    except (Exception, SystemExit, KeyboardInterrupt) as error:
        opened.problem = _why_not_loaded(choice, error)
        return
    if loaded.inputs_note:
        opened.notes.append(f"Input: {loaded.inputs_note.replace('`', '')}")
    try:
        opened.recording = _record(loaded, choice, opened.notes)
    except (Exception, SystemExit, KeyboardInterrupt) as error:
        opened.recording = getattr(error, "recording", None)
        if opened.recording is None or opened.recording.failure is None:
            opened.problem = Failure(type(error).__name__, str(error))


def _record(loaded: Loaded, choice: Choice, notes: list[str]) -> gt.Recording:
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
    return gt.run(model, *loaded.args, limits=LIMITS, **loaded.kwargs)


def _told(record: Callable[..., gt.Recording], loaded: Loaded, notes: list[str]) -> gt.Recording:
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
    if isinstance(error, gt.LoadError):
        return Failure(name, str(error))
    if isinstance(error, SyntaxError) and error.filename:
        return Failure(name, error.msg, source=Source(error.filename, error.lineno or 1, error.offset or 0))
    if isinstance(error, SystemExit):
        advice = 'Put what only a script should do under `if __name__ == "__main__":`'
        name, message = "sys.exit", f"the file ended the process with sys.exit({error.code!r}). {advice}"
    else:
        message = str(error)
    path = os.path.abspath(choice.target.partition(":")[0])
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if os.path.abspath(frame.filename) == path] or frames[-1:]
    if not own:
        return Failure(name, message)
    last = own[-1]
    return Failure(name, message, source=Source(last.filename, last.lineno or 1, (last.colno or -1) + 1, last.name))


def _keep_lines(opened: Opened) -> None:
    """Reads the source files now: the panel must show the lines that ran, also after the file has been edited."""
    sources = {node.source.file for node in opened.operations if node.source}
    if opened.failure and opened.failure.source:
        sources.add(opened.failure.source.file)
    for file in sources:
        linecache.checkcache(file)
        opened.lines[file] = [line.rstrip("\n") for line in linecache.getlines(file)]


@contextmanager
def _modules_apart(choice: Choice) -> Iterator[None]:
    """Keeps a user's file and its neighbors out of the app's own modules, and reads both anew on each run.

    A file that is called `session.py` would else replace the app's module of that name for everybody.
    """
    if choice.kind in ("torchvision", "recording"):
        yield
        return
    folder = os.path.dirname(os.path.abspath(choice.target.partition(":")[0])) + os.sep
    before, path = dict(sys.modules), list(sys.path)
    here = os.path.dirname(os.path.abspath(__file__)) + os.sep
    hidden = {name for name, module in before.items() if (getattr(module, "__file__", None) or "").startswith(here)}
    for name in hidden:
        sys.modules.pop(name, None)
    try:
        yield
    finally:
        for name, module in list(sys.modules.items()):
            if name not in before and (getattr(module, "__file__", None) or "").startswith(folder):
                del sys.modules[name]
        for name, module in before.items():
            if name in hidden or (name in sys.modules and sys.modules[name] is not module and name != "__main__"):
                sys.modules[name] = module
        sys.path[:] = path
