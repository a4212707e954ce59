"""A draft that is edited: its file, and the process that holds it. Imports no streamlit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from graphtools.backend import Backend, BackendError, Launcher, ProcessLimits, Task


@dataclass
class Building:
    """The draft in `file`, made of the model `source` if it is new. `may_run` allows to run that model's file.

    `replies` answer what the editor asked last; `opening` is under way until the draft is there, `problem` says why it
    is not. `taken` is set where another tab has opened the draft since: two would overwrite each other's work.
    """

    launcher: Callable[[], Launcher]
    file: Path
    source: str = ""
    inputs: tuple[str, ...] = ()
    may_run: bool = False
    limits: ProcessLimits = field(default_factory=ProcessLimits)
    replies: list[dict[str, Any]] = field(default_factory=list)
    opening: Task | None = None
    problem: BackendError | None = None
    n_opened: int = 0
    taken: bool = False
    _backend: Backend | None = None

    @property
    def title(self) -> str:
        """The name of the draft."""
        return self.file.stem

    @property
    def revision(self) -> str:
        """A text that differs from that of any other draft opened in this tab."""
        return f"{self.file}\n{self.n_opened}"

    @property
    def is_open(self) -> bool:
        """Whether a process holds the draft."""
        return self._backend is not None and self._backend.is_alive

    @property
    def death(self) -> str:
        """Why the process has ended, if it has, by itself."""
        return "" if self._backend is None or self._backend.is_alive else self._backend.death

    def open(self) -> None:
        """Opens the draft in a process of its own; also again, after that has ended: the file holds all work."""
        self.close()
        self.problem, self.replies, self.taken = None, [], False
        self.n_opened += 1
        self._backend = Backend(self.launcher(), self.title, self.limits)
        asked = {"file": str(self.file), "source": self.source, "inputs": self.inputs, "may_run": self.may_run}
        self.opening = self._backend.start("draft", ask="open", **asked)

    def ready(self, wait_s: float) -> bool:
        """Waits for the draft at most so long; True if it is open, or cannot be."""
        task = self.opening
        if task is None:
            return True
        if not task.wait(wait_s):
            return False
        self.opening = None
        try:
            task.result()
        except BackendError as error:
            self.problem = error
        return True

    def answer(self, questions: list[dict[str, Any]]) -> None:
        """Answers what the editor asks; the replies are sent with the next run."""
        self.replies = []
        for question in questions:
            reply: dict[str, Any] = {"id": question["id"]}
            try:
                reply["result"] = self.ask(question["op"], **question["args"])
            except BackendError as error:
                reply["error"] = str(error)
            self.replies.append(reply)

    def ask(self, op: str, **args: Any) -> Any:
        """Asks the editor's Python side; see graphtools.editor. Raises BackendError."""
        if self._backend is None:
            raise BackendError("The draft is not open.", "died")
        return self._backend.ask("draft", ask=op, args=args)

    def give_up(self) -> None:
        """Saves, and ends the process: the draft is open in another tab now."""
        self.save()
        self.close()
        self.taken = True

    def save(self) -> None:
        """Writes what is not in the file yet, if the process lives."""
        try:
            self.ask("export", kind="json")
        except BackendError:
            pass  # it has ended, or was never there: what it had done before is in the file

    def move(self, file: Path) -> None:
        """Renames the draft's file, and opens it there. Raises OSError."""
        self.save()
        self.close()
        for suffix in (".weights", ".json"):
            if self.file.with_suffix(suffix).exists():
                self.file.with_suffix(suffix).rename(file.with_suffix(suffix))
        self.file = file
        self.open()

    def close(self) -> None:
        """Ends the process. The file stays."""
        if self._backend is not None:
            self._backend.close()
        self._backend, self.opening = None, None
