"""What one browser tab is looking at: the only reader and writer of st.session_state."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

import streamlit as st
from opening import Choice, Opened, first_choice, open_choice


@dataclass(slots=True)
class Session:
    """The state of a tab. `moved` and `folded` count steps and depth choices, for the picture (see component.View).

    `slider`, `picker` and `opening` number the widgets that show the position and the depth: a widget whose value is
    changed from outside gets a new number and so a new key. Setting it under its old key would be a race: a click
    that comes before the browser has the new value brings back the old one, as if the person had moved the widget.
    """

    choice: Choice = field(default_factory=first_choice)
    position: int = 0
    moved: int = 0
    depth: int | None = None
    folded: int = 0
    slider: int = 0
    picker: int = 0
    opening: int = 0
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
    state.opening += 1


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
    state.moved += 1
    look_at(position)


def look_at(position: int) -> None:
    """Goes to an operation that was clicked in the picture, which is there already."""
    state = session()
    state.position = position
    state.slider += 1
    state.picker += 1


def step(by: int) -> None:
    """Goes on by `by` operations, or to the end of the run."""
    last = max(0, len(opened().operations) - 1)
    place(min(max(0, session().position + by), last))


def slider_key() -> str:
    """The key of the slider, whose value counts operations from 1."""
    return f"position {session().slider}"


def slider_moved(key: str) -> None:
    """The slider's callback. A slider of the past, which the browser may still send, moves nothing."""
    state = session()
    if key != slider_key():
        return
    state.position = st.session_state[key] - 1
    state.moved += 1
    state.picker += 1


def picker_key() -> str:
    """The key of the list of operations, whose value is an index."""
    return f"operation {session().picker}"


def operation_picked(key: str) -> None:
    """The list's callback; as for the slider, only the present list counts."""
    state = session()
    if key != picker_key():
        return
    state.position = st.session_state[key]
    state.moved += 1
    state.slider += 1


def depth_key() -> str:
    """The key of the depth control."""
    return f"depth {session().opening}"


def depth_chosen(key: str) -> None:
    """The depth control's callback."""
    state = session()
    if key != depth_key():
        return
    chosen = st.session_state[key]
    state.depth = 99 if chosen == "All" else int(chosen) if chosen else None
    state.folded += 1


def value_of(key: str, default: Any = None) -> Any:
    """The value of a widget."""
    return st.session_state.get(key, default)


def triggered(key: str, event: str) -> Any:
    """What a component of its own reported, inside the callback for it; None if nothing."""
    return (st.session_state.get(key) or {}).get(event)
