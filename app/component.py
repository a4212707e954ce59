"""The Streamlit host of the viewer: mounts its ES module, sends it the run, and answers what it asks.

Two components share the work, because Streamlit sends a component again whenever its data change. The store holds the
viewer, the graph and the run, which change once for each recording shown; the picture gets the answers to what it
asked, a few kilobytes each. Steps happen in the browser.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import session
import streamlit as st
from session import triggered

import graphtools as gt
from graphtools.payload import graph_payload, run_payload
from graphtools.viewer.page import bundle

_HERE = Path(__file__).parent
_store = st.components.v2.component(
    "graphtools_store", js=(_HERE / "store.js").read_text().replace("VIEWER_SOURCE", json.dumps(bundle()))
)
_picture = st.components.v2.component(
    "graphtools_picture",
    html='<div class="graph-host"></div>',
    css=(_HERE / "picture.css").read_text(),
    js=(_HERE / "picture.js").read_text(),
)


def viewer(recording: gt.Recording, revision: str) -> None:
    """Draws `recording`, which `revision` names, with its graph, timeline and inspector."""
    with st.container(key="graph_store"):
        _store(key="graph_store_component", data={"revision": revision, **_payload(recording, revision)})
    _view(revision)


@st.fragment
def _view(revision: str) -> None:
    """The picture. What it asks runs this function alone, and not the page."""
    state = session.session()
    data: dict[str, Any] = {
        "revision": revision,
        "opened": state.choice.revision,
        "position": state.position,
        "theme": "dark" if st.context.theme.type == "dark" else "light",
        "canEdit": state.choice.kind != "recording",
        "replies": state.replies,
    }
    _picture(key="graph_picture", data=data, on_ask_change=_asked, on_moved_change=_moved)
    if session.revision() != revision:
        st.rerun()  # an edit made a branch: the page shows it


def _asked() -> None:
    asked = triggered("graph_picture", "ask")
    if isinstance(asked, dict) and asked.get("revision") == session.revision():
        session.answer(asked["questions"])


def _moved() -> None:
    moved = triggered("graph_picture", "moved")
    if isinstance(moved, dict) and moved.get("revision") == session.revision():
        session.session().position = int(moved["position"])


@st.cache_data(scope="session", max_entries=3, show_spinner=False)
def _payload(_recording: gt.Recording, revision: str) -> dict[str, Any]:
    return {"payload": graph_payload(_recording.graph), "run": run_payload(_recording)}
