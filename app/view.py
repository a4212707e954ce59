"""What is looked at in the debugger: a recording in a model's process, and its branches. Imports no streamlit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from graphtools.backend import Backend, BackendError, Task

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
class View:
    """The recording number `original` of a process, with its `branches`; `shown` counts from 1 among these, 0 is the
    original. `document` is what the viewer draws, `replies` answer what it asked last. `name` differs from that of
    anything else that is looked at in the same tab.
    """

    backend: Backend
    name: str
    title: str
    document: str = ""
    original: int = 0
    position: int = 0
    branches: list[Branch] = field(default_factory=list)
    shown: int = 0
    replies: list[dict[str, Any]] = field(default_factory=list)
    editing: Edit | None = None

    @property
    def revision(self) -> str:
        """A text that differs from that of anything else shown in this tab."""
        return f"{self.name}\n{self.shown}"

    @property
    def recording(self) -> int:
        """The number of the shown recording in the process."""
        return self.branches[self.shown - 1].recording if self.shown else self.original

    @property
    def death(self) -> str:
        """Why the process has ended, if it has, by itself."""
        return "" if self.backend.is_alive else self.backend.death

    def show_branch(self, number: int) -> None:
        """Shows a branch, or by 0 the original. Raises BackendError."""
        recording = self.branches[number - 1].recording if number else self.original
        task = self.backend.start("document", recording=recording)
        task.result()
        self.document = task.blobs[0].decode()
        self.shown, self.replies = number, []

    def answer(self, questions: list[dict[str, Any]]) -> bool:
        """Answers what the viewer asks; the replies are sent with the next run. True if an edit made a new branch."""
        self.replies, made = [], False
        for question in questions:
            if question["op"] == "edit":
                made |= self._edit(question)
            else:
                self._reply(question["id"], lambda: self._ask(question))  # noqa: B023  called at once
        return made

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
        task = self.backend.start("edit", recording=self.recording, change=question["args"])
        self.editing = Edit(task, question["id"], _in_words(question["args"]))
        return task.wait(EDIT_WAIT_S) and self.edited()


def _in_words(args: dict[str, Any]) -> str:
    what = {"value": "", "gradient": "gradient of ", "operation": "operation "}[args["what"]]
    return f"{what}{args.get('name') or args.get('parameter')} = {args['text']}"
