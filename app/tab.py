"""What one browser tab is looking at: a model's process, what was opened in it, its branches. Imports no streamlit."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from typing import Any

from lessons import first_choice

from graphtools.backend import Backend, BackendError, Choice, Launcher, Mode, ProcessLimits, Task

EDIT_WAIT_S = 1.0  # how long an edit may take before its progress is shown


@dataclass(slots=True)
class Branch:
    """A recording with a change: its number in the process, and what was changed in words."""

    name: str
    recording: int


@dataclass(slots=True)
class Edit:
    """A change that is being run."""

    task: Task
    question: int
    name: str


@dataclass
class Tab:
    """The state of a tab. `shown` counts from 1 among the `branches`, 0 is the original; `replies` answer what the
    viewer asked last; `typed` are the widgets' values, which a reload of the page must not lose.
    """

    launcher: Callable[[], Launcher]
    choice: Choice = field(default_factory=first_choice)
    limits: ProcessLimits = field(default_factory=ProcessLimits)
    position: int = 0
    branches: list[Branch] = field(default_factory=list)
    shown: int = 0
    replies: list[dict[str, Any]] = field(default_factory=list)
    typed: dict[str, Any] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)
    document: str = ""
    problem: BackendError | None = None
    opening: Task | None = None
    editing: Edit | None = None
    asked_first: Choice | None = None
    _backend: Backend | None = None
    _n_runs: int = 0
    _uploads: Path | None = None
    _lock: threading.RLock = field(default_factory=threading.RLock)

    # -- opening ----------------------------------------------------------------------------------------------------

    def choose(self, choice: Choice, again: bool = False) -> None:
        """Opens something else, or the same `again`, in a process of its own; the last one's process ends."""
        with self._lock:
            if again or (choice.kind in ("file", "recording") and not choice.run):
                self._n_runs += 1
                choice = replace(choice, run=self._n_runs)
            elif choice.revision == self.choice.revision and (self.about or self.opening or self.problem):
                return
            self.choice, self.position = choice, 0
            self._open()

    def choose_mode(self, mode: Mode) -> None:
        """Records the present choice as a training step, or as a forward pass alone."""
        self.choose(replace(self.choice, mode=mode))

    def ready(self, wait_s: float) -> bool:
        """Opens the choice if that is still to be done, and waits for it at most so long; True if it is over."""
        with self._lock:
            if self.opening is None and not self.about and self.problem is None:
                self._open()
            opening = self.opening
        if opening is None:
            return True
        if not opening.wait(wait_s):
            return False
        with self._lock:
            if self.opening is opening:
                self._opened(opening)
        return True

    def restart(self) -> None:
        """Opens the present choice anew."""
        self.choose(self.choice, again=True)

    def _open(self) -> None:
        if self._backend is not None:
            self._backend.close()
        self.branches, self.shown, self.replies, self.editing = [], 0, [], None
        self.about, self.document, self.problem = {}, "", None
        self._backend = Backend(self.launcher(), self.choice.title, self.limits)
        self.opening = self._backend.start("open", choice=self.choice.to_json())

    def _opened(self, task: Task) -> None:
        self.opening = None
        try:
            self.about = task.result()
        except BackendError as error:
            self.problem = error
            return
        self.document = task.blobs[0].decode() if task.blobs else ""
        self.position = self.position or self.about["first"]

    @property
    def backend(self) -> Backend:
        """The process. Raises BackendError if there is none any more."""
        if self._backend is None:
            raise BackendError("Nothing is open.", "died")
        return self._backend

    @property
    def death(self) -> str:
        """Why the process has ended, if it has, by itself."""
        return "" if self._backend is None or self._backend.is_alive else self._backend.death

    def output(self) -> str:
        """What the model's code has printed."""
        return self._backend.output() if self._backend is not None else ""

    def close(self) -> None:
        """Ends the process. What was chosen and typed stays; `ready` opens it again."""
        with self._lock:
            if self._backend is not None:
                self._backend.close()
            self._backend, self.opening, self.editing = None, None, None
            self.about, self.document, self.problem = {}, "", None
            self.branches, self.shown, self.replies = [], 0, []

    # -- what is shown ----------------------------------------------------------------------------------------------

    @property
    def revision(self) -> str:
        """A text that differs from that of anything else shown in this tab."""
        return f"{self.choice.revision}\n{self.shown}"

    @property
    def recording(self) -> int:
        """The number of the shown recording in the process."""
        return self.branches[self.shown - 1].recording if self.shown else 0

    def show_branch(self, number: int) -> None:
        """Shows a branch, or by 0 the original. Raises BackendError."""
        recording = self.branches[number - 1].recording if number else 0
        task = self.backend.start("document", recording=recording)
        task.result()
        self.document = task.blobs[0].decode()
        self.shown, self.replies = number, []

    def keep_upload(self, name: str, content: bytes) -> str:
        """Writes an uploaded file into a folder that lives as long as the tab; returns its path."""
        import tempfile

        if self._uploads is None:
            self._uploads = Path(tempfile.mkdtemp(prefix="graphtools-uploads-"))
        path = self._uploads / (PurePath(name.replace("\\", "/")).name or "model.py")
        path.write_bytes(content)
        return str(path)

    def forget(self) -> None:
        """Ends the process and removes the uploads: nobody will come back."""
        import shutil

        self.close()
        if self._uploads is not None:
            shutil.rmtree(self._uploads, ignore_errors=True)
            self._uploads = None

    # -- what the viewer asks ---------------------------------------------------------------------------------------

    def answer(self, questions: list[dict[str, Any]]) -> bool:
        """Answers what the viewer asks; the replies are sent with the next run. True if an edit made a new branch."""
        self.replies, made = [], False
        for question in questions:
            if question["op"] == "edit":
                made |= self._edit(question)
            else:
                self._reply(question["id"], lambda: self._ask(question))  # noqa: B023  called at once
        return made

    def _ask(self, question: dict[str, Any]) -> Any:
        args = {"question": question["op"], "args": question["args"]}
        return self.backend.ask("answer", recording=self.recording, **args)

    def _reply(self, number: int, make: Callable[[], Any]) -> None:
        reply: dict[str, Any] = {"id": number}
        try:
            reply["result"] = make()
        except BackendError as error:
            reply["error"] = str(error)
        self.replies.append(reply)

    def _edit(self, question: dict[str, Any]) -> bool:
        if self.editing is not None:
            if self.editing.question != question["id"]:  # else the viewer only asks again for the same
                self.replies.append({"id": question["id"], "error": "Another change is being run; wait for it."})
            return False
        try:
            task = self.backend.start("edit", recording=self.recording, change=question["args"])
        except BackendError as error:
            self.replies.append({"id": question["id"], "error": str(error)})
            return False
        self.editing = Edit(task, question["id"], _in_words(question["args"]))
        return task.wait(EDIT_WAIT_S) and self.edited()

    def edited(self) -> bool:
        """Takes over the branch that a change has made, once it is there; True then. Adds the reply to the viewer."""
        edit = self.editing
        if edit is None or not edit.task.done:
            return False
        self.editing = None
        self._reply(edit.question, lambda: {"events": edit.task.result()["events"]})
        if "result" not in self.replies[-1]:
            return False
        self.branches.append(Branch(edit.name, edit.task.result()["recording"]))
        self.shown = len(self.branches)
        self.document = edit.task.blobs[0].decode()
        return True


def _in_words(args: dict[str, Any]) -> str:
    what = {"value": "", "gradient": "gradient of ", "operation": "operation "}[args["what"]]
    return f"{what}{args.get('name') or args.get('parameter')} = {args['text']}"
