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
from permission import may_run_code
from session import triggered

from graphtools.viewer.page import bundle

_HERE = Path(__file__).parent
_RUN_CODE = ("edit", "watch", "where")  # questions with Python in them
_store = st.components.v2.component(
    "graphtools_store", js=(_HERE / "store.js").read_text().replace("VIEWER_SOURCE", json.dumps(bundle()))
)
_picture = st.components.v2.component(
    "graphtools_picture",
    html='<div class="graph-host"></div>',
    css=(_HERE / "picture.css").read_text(),
    js=(_HERE / "picture.js").read_text(),
)


def viewer() -> None:
    """Draws the shown recording with its graph, timeline and inspector."""
    tab = session.tab()
    with st.container(key="graph_store"):
        _store(key="graph_store_component", data={"revision": tab.revision, "document": tab.document})
    _view(tab.revision)


@st.fragment
def _view(revision: str) -> None:
    """The picture. What it asks runs this function alone, and not the page."""
    tab = session.tab()
    data: dict[str, Any] = {
        "revision": revision,
        "opened": tab.choice.revision,
        "position": tab.position,
        "theme": "dark" if st.context.theme.type == "dark" else "light",
        "canEdit": tab.choice.kind != "recording" and may_run_code(),
        "replies": tab.replies,
    }
    session.write_address()
    _picture(key="graph_picture", data=data, on_ask_change=_asked, on_moved_change=_moved)
    if tab.revision != revision or tab.editing is not None or tab.death:
        st.rerun()  # the page shows the branch that an edit made, or how far that is


def _asked() -> None:
    asked, tab = triggered("graph_picture", "ask"), session.tab()
    if isinstance(asked, dict) and asked.get("revision") == tab.revision:
        allowed = [q for q in asked["questions"] if q["op"] not in _RUN_CODE or may_run_code()]
        tab.answer(allowed)


def _moved() -> None:
    moved, tab = triggered("graph_picture", "moved"), session.tab()
    if isinstance(moved, dict) and moved.get("revision") == tab.revision:
        tab.position = int(moved["position"])
