"""One browser tab: what was chosen and opened in it, and the training that it runs. Imports no streamlit."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from typing import Any

from building import Building
from lessons import FIRST, first_choice
from training import Training
from view import View

from graphtools.backend import Backend, BackendError, Choice, Launcher, Mode, ProcessLimits, Task


@dataclass
class Tab:
    """The state of a tab. `view` is what the debugger shows: the choice once it is open, or a step of the training.

    `about` says what was opened, `problem` why nothing was; `typed` are the widgets' values, which a reload of the page
    must not lose; `asked_first` is a file that a link names, which nobody has agreed to open yet; `example` is the
    bundled example that was open last.
    """

    launcher: Callable[[], Launcher]
    choice: Choice = field(default_factory=first_choice)
    limits: ProcessLimits = field(default_factory=ProcessLimits)
    first: int = 0
    typed: dict[str, Any] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)
    problem: BackendError | None = None
    opening: Task | None = None
    asked_first: Choice | None = None
    example: str = FIRST
    training: Training | None = None
    building: Building | None = None
    step: View | None = None
    _opened: View | None = None
    _backend: Backend | None = None
    _n_runs: int = 0
    _uploads: tempfile.TemporaryDirectory[str] | None = None
    _lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def view(self) -> View | None:
        """What the debugger shows; None while something opens, and where nothing could be opened."""
        return self.step or self._opened

    # -- opening ----------------------------------------------------------------------------------------------------

    def choose(self, choice: Choice, again: bool = False, first: int = 0) -> None:
        """Opens something else, or the same `again`, in a process of its own; the last one's process ends.

        `first` is the event to begin with.
        """
        with self._lock:
            self.step = None
            if again or (choice.kind in ("file", "recording") and not choice.run):
                self._n_runs += 1
                choice = replace(choice, run=self._n_runs)
            elif choice.revision == self.choice.revision and (self.about or self.opening or self.problem):
                return
            self.choice, self.first = choice, first
            self.example = choice.title if choice.kind == "example" else self.example
            self._open()

    def choose_mode(self, mode: Mode) -> None:
        """Records the present choice as a training step, or as a forward pass alone."""
        self.choose(replace(self.choice, mode=mode))

    def begin(self) -> None:
        """Opens the choice if that is still to be done, and does not wait for it."""
        with self._lock:
            if self.opening is None and not self.about and self.problem is None:
                self._open()

    def ready(self, wait_s: float) -> bool:
        """Opens the choice if that is still to be done, and waits for it at most so long; True if it is over."""
        with self._lock:
            self.begin()
            opening = self.opening
        if opening is None:
            return True
        if not opening.wait(wait_s):
            return False
        with self._lock:
            if self.opening is opening:
                self._take_over(opening)
        return True

    def restart(self) -> None:
        """Opens the present choice anew."""
        self.choose(self.choice, again=True)

    def _open(self) -> None:
        if self._backend is not None:
            self._backend.close()
        self.about, self.problem, self._opened = {}, None, None
        self._backend = Backend(self.launcher(), self.choice.title, self.limits)
        self.opening = self._backend.start("open", choice=self.choice.to_json())

    def _take_over(self, task: Task) -> None:
        self.opening = None
        assert self._backend is not None
        try:
            self.about = task.result()
        except BackendError as error:
            self.problem = error
            return
        if task.blobs:
            view = View(self._backend, self.choice.revision, self.choice.title, task.blobs[0].decode())
            view.position = self.first or self.about["first"]
            self._opened = view

    def output(self) -> str:
        """What the model's code has printed."""
        return self._backend.output() if self._backend is not None else ""

    # -- training ---------------------------------------------------------------------------------------------------

    def train(self, plan: dict[str, Any]) -> None:
        """Starts a training in a process of its own; an earlier one of this tab ends, its last checkpoint stays."""
        if self.training is not None:
            self.training.close()
        self.step = None
        self.training = Training(self.launcher, plan, self.limits.memory_bytes, self.choice.may_run_source)
        self.training.start()

    def look_at_step(self, task: Task, title: str, is_trial: bool = False) -> None:
        """Shows in the debugger the training step, or trial of one, that `task` has recorded. Raises BackendError."""
        assert self.training is not None
        number = task.result()["recording"]
        name = f"training step\n{title}\n{number}"
        document = task.blobs[0].decode()
        self.step = View(self.training.backend, name, title, document, number, is_trial=is_trial)

    def leave_step(self) -> None:
        """Shows the choice again."""
        self.step = None

    # -- building ---------------------------------------------------------------------------------------------------

    def build(self, building: Building) -> Building:
        """Opens a draft; the process of the last one ends, its file stays."""
        if self.building is not None:
            self.building.close()
        self.building = building
        building.open()
        return building

    # -- the end ----------------------------------------------------------------------------------------------------

    def keep_upload(self, name: str, content: bytes) -> str:
        """Writes an uploaded file into a folder that lives as long as the tab; returns its path."""
        if self._uploads is None:
            self._uploads = tempfile.TemporaryDirectory(prefix="graphtools-uploads-", ignore_cleanup_errors=True)
        path = Path(self._uploads.name) / (PurePath(name.replace("\\", "/")).name or "model.py")
        path.write_bytes(content)
        return str(path)

    def close(self) -> None:
        """Ends the processes. What was chosen and typed stays; `ready` opens it again."""
        with self._lock:
            if self._opened is not None:
                self.first = self._opened.position
            if self._backend is not None:
                self._backend.close()
            if self.training is not None:
                self.training.close()
            if self.building is not None:
                self.building.close()
                self.building = None
            self._backend, self._opened, self.opening, self.training, self.step = None, None, None, None, None
            self.about, self.problem = {}, None

    def forget(self) -> None:
        """Ends the processes and removes the uploads: nobody will come back."""
        self.close()
        if self._uploads is not None:
            self._uploads.cleanup()
            self._uploads = None
