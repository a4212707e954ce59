"""What one browser tab is looking at: the only reader and writer of st.session_state."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

import streamlit as st
from opening import Choice, Opened, first_choice, open_choice

SLIDER = "position_slider"
PICKER = "operation_picker"
DEPTH = "depth"


@dataclass(slots=True)
class Session:
    """The state of a tab. `moved` and `folded` count steps and depth choices, for the picture (see component.View)."""

    choice: Choice = field(default_factory=first_choice)
    position: int = 0
    moved: int = 0
    depth: int | None = None
    folded: int = 0
    n_runs: int = 0
    is_new: bool = True
    folder: tempfile.TemporaryDirectory[str] | None = None


def session() -> Session:
    """The state of this tab, made on its first run."""
    if "session" not in st.session_state:
        st.session_state["session"] = Session()
    return st.session_state["session"]  # type: ignore[no-any-return]


def opened() -> Opened:
    """What the present choice opened to. Runs the model the first time only: a step costs a look into the cache."""
    state = session()
    found = _open(state.choice.revision, state.choice)
    if state.is_new:
        state.is_new = False
        place(found.failure_index or 0)
    return found


@st.cache_resource(scope="session", max_entries=2, show_spinner="Running the model")
def _open(revision: str, _choice: Choice) -> Opened:
    return open_choice(_choice)


def choose(choice: Choice) -> None:
    """Opens something else at the next run, at its failure if it has one, else at its first operation."""
    state = session()
    if choice.revision == state.choice.revision:
        return
    state.choice, state.is_new, state.depth = choice, True, None
    state.folded += 1
    st.session_state.pop(DEPTH, None)


def choose_file(target: str, inputs: tuple[str, ...] = ()) -> None:
    """Opens a file anew, whether or not it was opened before."""
    state = session()
    state.n_runs += 1
    title = PurePath(target.replace("\\", "/")).name
    choose(Choice("file", target, title, inputs, state.n_runs))


def keep_upload(name: str, content: bytes) -> str:
    """Writes an uploaded file into a folder that lives as long as this tab; returns its path."""
    state = session()
    if state.folder is None:
        state.folder = tempfile.TemporaryDirectory(prefix="graphtools-")
    path = Path(state.folder.name) / (PurePath(name.replace("\\", "/")).name or "model.py")
    path.write_bytes(content)
    return str(path)


def place(position: int) -> None:
    """Goes to an operation by its index and takes the picture along."""
    state = session()
    state.position = position
    state.moved += 1


def look_at(position: int) -> None:
    """Goes to an operation that was clicked in the picture, which is there already."""
    session().position = position


def step(by: int) -> None:
    """Goes on by `by` operations, or to the end of the run."""
    last = max(0, len(opened().operations) - 1)
    place(min(max(0, session().position + by), last))


def synchronize_position() -> None:
    """Sets the slider and the picker to the position, before they are drawn."""
    state = session()
    st.session_state[SLIDER] = state.position + 1
    st.session_state[PICKER] = state.position


def slider_moved() -> None:
    """The slider's callback."""
    place(st.session_state[SLIDER] - 1)


def operation_picked() -> None:
    """The picker's callback."""
    if st.session_state[PICKER] is not None:
        place(st.session_state[PICKER])


def depth_chosen() -> None:
    """The depth control's callback."""
    state = session()
    chosen = st.session_state[DEPTH]
    state.depth = 99 if chosen == "All" else int(chosen) if chosen else None
    state.folded += 1


def value_of(key: str, default: Any = None) -> Any:
    """The value of a widget."""
    return st.session_state.get(key, default)


def triggered(key: str, event: str) -> Any:
    """What a component of its own reported, inside the callback for it; None if nothing."""
    return (st.session_state.get(key) or {}).get(event)
