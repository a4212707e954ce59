"""What one browser tab is looking at: the only reader and writer of st.session_state."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

import streamlit as st
from opening import Choice, Mode, Opened, first_choice, open_choice

import graphtools as gt
from graphtools.answering import Answers
from graphtools.errors import GraphtoolsError


@dataclass(slots=True)
class Branch:
    """A recording with a change, and what was changed in words."""

    name: str
    recording: gt.Recording


@dataclass(slots=True)
class Session:
    """The state of a tab. `branches` are what became of the opened recording by edits; `shown` counts from 1 among
    them, 0 is the original. `replies` answer what the viewer asked last."""

    choice: Choice = field(default_factory=first_choice)
    mode: Mode = "step"
    position: int = 0
    branches: list[Branch] = field(default_factory=list)
    shown: int = 0
    replies: list[dict[str, Any]] = field(default_factory=list)
    answers: Answers | None = None
    n_runs: int = 0
    is_new: bool = True
    folder: tempfile.TemporaryDirectory[str] | None = None


def session() -> Session:
    """The state of this tab, made on its first run."""
    if "session" not in st.session_state:
        st.session_state["session"] = Session()
    return st.session_state["session"]  # type: ignore[no-any-return]


def opened() -> Opened:
    """What the present choice opened to. Runs the model the first time only."""
    state = session()
    found = _open(state.choice.revision, state.choice)
    if state.is_new:
        state.is_new = False
        state.position = found.failure_event
    return found


@st.cache_resource(scope="session", max_entries=2, show_spinner="Running the model")
def _open(revision: str, _choice: Choice) -> Opened:
    return open_choice(_choice)


def recording() -> gt.Recording | None:
    """The recording that is shown: the original or a branch of it."""
    state = session()
    return state.branches[state.shown - 1].recording if state.shown else opened().recording


def revision() -> str:
    """A text that differs from that of anything else shown in this tab."""
    state = session()
    return f"{state.choice.revision}\n{state.shown}"


def choose(choice: Choice) -> None:
    """Opens something else at the next run, at its failure if it has one, else at its first event."""
    state = session()
    if choice.revision == state.choice.revision:
        return
    state.choice, state.is_new = choice, True
    state.branches, state.shown, state.answers, state.replies = [], 0, None, []


def choose_mode(mode: Mode) -> None:
    """Records the present choice as a training step, or as a forward pass alone."""
    state = session()
    state.mode = mode
    choice = state.choice
    choose(Choice(choice.kind, choice.target, choice.title, choice.inputs, choice.run, mode))


def choose_file(target: str, inputs: tuple[str, ...] = ()) -> None:
    """Opens a file anew, whether or not it was opened before; a recording if it ends so."""
    state = session()
    state.n_runs += 1
    title = PurePath(target.replace("\\", "/")).name
    kind = "recording" if target.endswith(".gt") else "file"
    choose(Choice(kind, target, title, inputs, state.n_runs, state.mode))  # type: ignore[arg-type]


def keep_upload(name: str, content: bytes) -> str:
    """Writes an uploaded file into a folder that lives as long as this tab; returns its path."""
    state = session()
    if state.folder is None:
        state.folder = tempfile.TemporaryDirectory(prefix="graphtools-")
    path = Path(state.folder.name) / (PurePath(name.replace("\\", "/")).name or "model.py")
    path.write_bytes(content)
    return str(path)


def show_branch(number: int) -> None:
    """Shows a branch, or by 0 the original."""
    state = session()
    state.shown, state.answers, state.replies = number, None, []


def answer(questions: list[dict[str, Any]]) -> bool:
    """Answers what the viewer asks; the replies are sent with the next run. True if an edit made a new branch."""
    state = session()
    shown = recording()
    if shown is None:
        return False
    if state.answers is None or state.answers.recording is not shown:
        state.answers = Answers(shown)
    state.replies = []
    made = None
    for question in questions:
        reply: dict[str, Any] = {"id": question["id"]}
        try:
            if question["op"] == "edit":
                made = Branch(_in_words(question["args"]), state.answers.branch(question["args"]))
                reply["result"] = {"events": len(made.recording)}
            else:
                reply["result"] = state.answers.answer(question["op"], question["args"])
        except GraphtoolsError as error:
            reply["error"] = str(error)
        except Exception as error:  # a value of the user's model may do anything when it is looked at
            reply["error"] = f"{type(error).__name__}: {error}"
        state.replies.append(reply)
    if made is not None:
        replies = state.replies
        state.branches.append(made)
        show_branch(len(state.branches))
        state.replies = replies
    return made is not None


def _in_words(args: dict[str, Any]) -> str:
    what = {"value": "", "gradient": "gradient of ", "operation": "operation "}[args["what"]]
    return f"{what}{args.get('name') or args.get('parameter')} = {args['text']}"


def value_of(key: str, default: Any = None) -> Any:
    """The value of a widget."""
    return st.session_state.get(key, default)


def set_default(key: str, value: Any) -> None:
    """Gives a widget its first value."""
    st.session_state.setdefault(key, value)


def triggered(key: str, event: str) -> Any:
    """What a component of its own reported, inside the callback for it; None if nothing."""
    return (st.session_state.get(key) or {}).get(event)
