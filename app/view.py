"""What is looked at in the debugger: a recording in a model's process, and its branches. Imports no streamlit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from graphtools.backend import Backend, BackendError, Task

Beside = Literal["", "before", "original"]

_KEPT = 4  # documents of branches; one of a large model is some megabytes
_REMEMBERED = 50  # replies to edits, for a viewer that asks again because the reply is still on its way
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
    anything else that is looked at in the same tab. `beside` says what stands to the left of the shown recording: the
    graph before any data, or for a branch the original; `refused` has why there was none, by branch and kind. A step
    `is_trial` that counts for nothing in the training that it is of.
    """

    backend: Backend
    name: str
    title: str
    document: str = ""
    original: int = 0
    position: int = 0
    is_trial: bool = False
    branches: list[Branch] = field(default_factory=list)
    shown: int = 0
    replies: list[dict[str, Any]] = field(default_factory=list)
    editing: Edit | None = None
    beside: Beside = ""
    pairing: Task | None = None
    refused: dict[tuple[int, str], str] = field(default_factory=dict)
    _wanted: Beside = ""
    _documents: dict[int, str] = field(default_factory=dict)
    _edits: dict[int, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.document:
            self._keep(self.original, self.document)

    def _keep(self, recording: int, document: str) -> None:
        """Keeps a document, so that it can be shown again when the process has ended; of the branches the last few."""
        self._documents[recording] = document
        others = [number for number in self._documents if number != self.original]
        for number in others[:-_KEPT]:
            del self._documents[number]

    @property
    def revision(self) -> str:
        """A text that differs from that of anything else shown in this tab."""
        return f"{self.name}\n{self.shown}\n{self.beside}"

    @property
    def opened(self) -> str:
        """A text that is the same for what the viewer may take over its camera and folding from."""
        return f"{self.name}\n{self.beside}"

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
        if recording not in self._documents:
            task = self.backend.start("document", recording=recording)
            task.result()
            self._keep(recording, task.blobs[0].decode())
        self.document = self._documents[recording]
        self.shown, self.replies, self.beside, self.pairing = number, [], "", None

    # -- side by side -------------------------------------------------------------------------------------------------

    def set_beside(self, beside: Beside, titles: tuple[str, str] = ("a", "b")) -> None:
        """Begins to put something beside the shown recording, or by "" ends it. Raises BackendError."""
        if beside == (self._wanted if self.pairing is not None else self.beside):
            return
        if self.pairing is not None:
            self.pairing.cancel()
            self.pairing = None
        if not beside:
            self.show_branch(self.shown)
        elif beside == "before":
            self.pairing = self.backend.start("before", recording=self.recording)
        else:
            self.pairing = self.backend.start("beside", a=self.original, b=self.recording, titles=titles)
        self._wanted = beside

    def paired(self, wait_s: float = 0.0) -> bool:
        """Takes over what `set_beside` began once it is there, waiting at most so long; True if nothing is under way.

        Raises BackendError if there will be none; then the recording is shown alone.
        """
        task = self.pairing
        if task is None:
            return True
        if not task.wait(wait_s):
            return False
        self.pairing = None
        first = task.result()
        self.beside, self.document, self.replies = self._wanted, task.blobs[0].decode(), []
        if isinstance(first, int) and first >= 0:
            self.position = first
        return True

    # -- questions ----------------------------------------------------------------------------------------------------

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
        self._edits[edit.question] = self.replies[-1]
        for number in list(self._edits)[:-_REMEMBERED]:
            del self._edits[number]
        if "result" not in self.replies[-1]:
            return False
        self.branches.append(Branch(edit.name, edit.task.result()["recording"]))
        self.shown = len(self.branches)
        self.document = edit.task.blobs[0].decode()
        return True

    def _ask(self, question: dict[str, Any]) -> Any:
        is_left = self.beside == "original" and question.get("side") == "a"
        recording = self.original if is_left else self.recording
        return self.backend.ask("answer", recording=recording, question=question["op"], args=question["args"])

    def _reply(self, number: int, make: Callable[[], Any]) -> None:
        reply: dict[str, Any] = {"id": number}
        try:
            reply["result"] = make()
        except BackendError as error:
            reply["error"] = str(error)
        self.replies.append(reply)

    def _edit(self, question: dict[str, Any]) -> bool:
        if question["id"] in self._edits:  # asked again before the reply had come: one that was stopped stays so
            self.replies.append(self._edits[question["id"]])
            return False
        if self.editing is not None:
            if self.editing.question != question["id"]:  # else the viewer only asks again for the same
                self.replies.append({"id": question["id"], "error": "Another change is being run; wait for it."})
            return False
        task = self.backend.start("edit", recording=self.recording, change=question["args"])
        self.editing = Edit(task, question["id"], _in_words(question["args"]))
        return task.wait(EDIT_WAIT_S) and self.edited()


def _in_words(args: dict[str, Any]) -> str:
    what = {"value": "", "gradient": "gradient of ", "operation": "operation "}[args["what"]]
    return f"{what}{args.get('parameter') or args['name']} = {args['text']}"
