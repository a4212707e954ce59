"""The Streamlit host of the graph picture: mounts the viewer's ES module and reports what was clicked.

Two components share the work, because Streamlit sends a component again whenever its data change. The store holds the
viewer and the graph, which change once for each model opened; the picture the selection, a few bytes for each step.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st
from session import triggered

from graphtools.graph import Graph, enclosing_scopes
from graphtools.payload import graph_payload
from graphtools.viewer.page import bundle

# The app has its own inspector beside the graph, and follows Streamlit's theme.
_VIEWER_STYLE = """
.card, .bar button[title^=Theme], .banner { display: none !important; }
.bar kbd { display: none; }
.with-card .minimap { right: 12px; display: block; }
"""

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


@dataclass(frozen=True, slots=True)
class View:
    """What the picture shows of a graph.

    `moved` and `folded` grow with each step and each choice of a depth, so that a rerun for another reason leaves the
    picture as the person has arranged it. With `follow` the modules around the selection open; else the closed module
    that holds it is ringed. At `depth` 1 the model's own parts are closed, at 2 those inside them, and so on; None
    is the viewer's own choice of what is open.
    """

    selected: str | None
    around: tuple[str, ...]
    moved: int
    depth: int | None
    folded: int
    follow: bool
    dark: bool


def graph_picture(graph: Graph, revision: str, view: View, on_select: Callable[[str], None]) -> None:
    """Draws `graph`, which `revision` names. `on_select` gets the node, or the scope of the module, that is clicked."""
    with st.container(key="graph_store"):
        _store(key="graph_store_component", data={"revision": revision, "payload": _payload(graph, revision)})
    data: dict[str, Any] = {
        "revision": revision,
        "selected": view.selected,
        "around": list(view.around),
        "moved": view.moved,
        "depth": view.depth,
        "folded": view.folded,
        "follow": view.follow,
        "scopes": _scopes(graph, revision),
        "theme": "dark" if view.dark else "light",
        "style": _VIEWER_STYLE,
    }

    def clicked() -> None:
        name = triggered("graph_picture", "select")
        if isinstance(name, str):
            on_select(name)

    _picture(key="graph_picture", data=data, on_select_change=clicked)


@st.cache_data(scope="session", max_entries=2, show_spinner=False)
def _scopes(_graph: Graph, revision: str) -> list[str]:
    scopes = {scope for node in _graph.operations for scope in enclosing_scopes(node.scope)} - {""}
    return sorted(scopes, key=lambda scope: scope.count("."))


@st.cache_data(scope="session", max_entries=2, show_spinner=False)
def _payload(_graph: Graph, revision: str) -> dict[str, Any]:
    return graph_payload(_graph)
