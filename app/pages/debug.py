"""The debugger: a model's graph and one recorded step of it."""

from __future__ import annotations

import session
import streamlit as st
from branches import branches
from component import viewer
from failure import problem_page
from sources import downloads, facts, source_chooser

from graphtools.graph import Graph
from graphtools.table import format_graph


def page() -> None:
    """Draws the page."""
    with st.sidebar:
        source_chooser()
        below = st.container()
    opened = session.opened()
    shown = session.recording()
    with below:
        facts(opened)
        if shown is not None:
            downloads(shown, opened.choice.title)
        st.page_link("pages/about.py", label="Help")
    if shown is None or not shown.events:
        problem_page(opened)
        return
    with st.container(gap=None):  # always there: an element that comes in above would have the viewer built anew
        branches()
    if session.value_of("view") == "Table":
        st.code(_table(session.revision(), shown.graph), language=None, height=760)
    else:
        viewer(shown, session.revision())


@st.cache_data(scope="session", max_entries=2, show_spinner=False)
def _table(revision: str, _graph: Graph) -> str:
    return format_graph(_graph, width=140)


page()
