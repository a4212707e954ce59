"""The Streamlit host of the viewer: mounts its ES module, sends it the document, and answers what it asks.

Three components share the work, because Streamlit sends a component again, its script included, whenever its data
change. The source holds the viewer, which never changes; the store the graph and the run, which change once for each
recording shown; the picture gets the answers to what it asked, a few kilobytes each. Steps happen in the browser.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import session
import streamlit as st
from permission import may_run_code
from session import triggered
from settings import settings
from view import View

from graphtools.viewer.page import bundle

_HERE = Path(__file__).parent
_RUN_CODE = ("edit", "watch", "where")  # questions with Python in them
_source = st.components.v2.component(
    "graphtools_viewer_source",
    js=(_HERE / "viewer_source.js").read_text().replace("VIEWER_SOURCE", json.dumps(bundle())),
)
_store = st.components.v2.component("graphtools_store", js=(_HERE / "store.js").read_text())
_picture = st.components.v2.component(
    "graphtools_picture",
    html='<div class="graph-host"></div>',
    css=(_HERE / "picture.css").read_text(),
    js=(_HERE / "picture.js").read_text(),
)


def viewer_source() -> None:
    """Sends the viewer, in which nothing is shown yet: the browser reads it while the model is being opened."""
    with st.container(key="viewer_source"):
        _source(key="viewer_source_component")


def viewer(view: View) -> None:
    """Draws the shown recording with its graph, timeline and inspector, or two side by side."""
    with st.container(key="graph_store"):
        _store(key="graph_store_component", data={"revision": view.revision, "document": view.document})
    _picture_of(view.revision)


@st.fragment
def _picture_of(revision: str) -> None:
    """The picture. What it asks runs this function alone, and not the page."""
    tab = session.tab()
    view = tab.view
    if view is None:
        st.rerun()
        return
    data: dict[str, Any] = {
        "revision": revision,
        "opened": view.opened,
        "keep": view.title if tab.step is not None else f"{tab.choice.kind}\n{tab.choice.target}",
        "position": view.position,
        "theme": "dark" if st.context.theme.type == "dark" else "light",
        "language": settings().language,
        "canEdit": tab.choice.kind != "recording" and not view.beside and may_run_code(),
        "canType": may_run_code(),
        "replies": view.replies,
    }
    session.write_address("picture")
    _picture(key="graph_picture", data=data, on_ask_change=_asked, on_moved_change=_moved)
    if view.revision != revision or view.editing is not None or view.death:
        st.rerun()  # the page shows the branch that an edit made, or how far that is


def _asked() -> None:
    asked, view = triggered("graph_picture", "ask"), session.tab().view
    if isinstance(asked, dict) and view is not None and asked.get("revision") == view.revision:
        allowed = [q for q in asked["questions"] if q["op"] not in _RUN_CODE or may_run_code()]
        view.answer(allowed)


def _moved() -> None:
    moved, view = triggered("graph_picture", "moved"), session.tab().view
    if isinstance(moved, dict) and view is not None and moved.get("revision") == view.revision:
        view.position = int(moved["position"])
