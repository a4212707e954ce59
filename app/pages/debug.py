"""The debugger: the graph of a model, and one run of it, operation by operation."""

from __future__ import annotations

import session
import streamlit as st
from component import View, graph_picture
from failure import problem_page
from inspector import inspector
from opening import Opened
from sources import downloads, facts, source_chooser
from timeline import timeline

from graphtools.graph import Graph, enclosing_scopes
from graphtools.table import format_graph


def page() -> None:
    """Draws the page."""
    with st.sidebar:
        source_chooser()
        below = st.container()
    opened = session.opened()
    with below:
        facts(opened)
        st.page_link("pages/about.py", label="Help")
    graph = opened.graph
    if graph is None or not opened.operations:
        problem_page(opened)
        return
    left, right = st.columns([0.64, 0.36], gap="small")
    with left:
        _toolbar(opened)
        _views(opened, graph)
        timeline(opened)
    with right:
        _picker(opened)
        with st.container(key="inspector", height=760, border=False):
            inspector(opened, session.session().position)


def _toolbar(opened: Opened) -> None:
    position, last = session.session().position, len(opened.operations) - 1
    with st.container(key="toolbar", horizontal=True, vertical_alignment="center", gap="xsmall"):
        at_start, at_end = position == 0, position == last
        st.button("First", key="first", on_click=session.place, args=(0,), disabled=at_start, shortcut="Home")
        st.button("Back", key="back", on_click=session.step, args=(-1,), disabled=at_start, shortcut="Shift+F10")
        st.button("Step", key="step", on_click=session.step, args=(1,), disabled=at_end, shortcut="F10", type="primary")
        st.button("Last", key="last", on_click=session.place, args=(last,), disabled=at_end, shortcut="End")
        st.html(f'<div class="gt position">operation {position + 1} of {last + 1}</div>', width="content")
        if opened.failure is not None and position != opened.failure_index:
            at = opened.failure_index or 0
            st.button(f"Go to the {opened.failure.type}", key="to_failure", on_click=session.place, args=(at,))


def _picker(opened: Opened) -> None:
    labels = _labels(opened.choice.revision, opened)
    st.selectbox(
        "Operation",
        range(len(labels)),
        format_func=labels.__getitem__,
        index=session.session().position,
        key=session.picker_key(),
        on_change=session.operation_picked,
        args=(session.picker_key(),),
        label_visibility="collapsed",
    )


@st.cache_data(scope="session", max_entries=2, show_spinner=False)
def _labels(revision: str, _opened: Opened) -> list[str]:
    """A line for each operation: number, module, operation and type."""
    return [
        f"{number}  {node.scope + ' › ' if node.scope else ''}{node.operation}  {node.spec or ''}".rstrip()
        for number, node in enumerate(_opened.operations, 1)
    ]


def _views(opened: Opened, graph: Graph) -> None:
    with st.container(key="views", horizontal=True, vertical_alignment="center", gap="small"):
        view = st.segmented_control(
            "View",
            ["Graph", "Table", "Download"],
            default="Graph",
            key="view",
            required=True,
            label_visibility="collapsed",
        )
        if view == "Graph":
            st.html('<div class="gt muted">Depth</div>', width="content")
            key = session.depth_key()
            st.segmented_control(
                "Depth",
                _depths(graph),
                key=key,
                on_change=session.depth_chosen,
                args=(key,),
                label_visibility="collapsed",
            )
            follow = st.toggle("Follow", value=True, key="follow")
    if view == "Table":
        st.code(_table(opened.choice.revision, graph), language=None, height=680)
    elif view == "Download":
        with st.container(horizontal=True):
            downloads(opened)
    else:
        state = session.session()
        node = opened.operations[state.position]
        shown = View(
            selected=node.name,
            around=tuple(scope for scope in enclosing_scopes(node.scope) if scope),
            moved=state.moved,
            depth=state.depth,
            folded=state.folded,
            follow=follow,
            dark=st.context.theme.type == "dark",
        )
        graph_picture(graph, opened.choice.revision, shown, lambda name: _clicked(opened, name))


def _clicked(opened: Opened, name: str) -> None:
    """Goes to a clicked operation, or to the first one of a clicked module."""
    index = opened.index.get(name)
    if index is None:
        inside = (i for i, node in enumerate(opened.operations) if name in enclosing_scopes(node.scope))
        index = next(inside, None)
    if index is not None:
        session.look_at(index)


def _depths(graph: Graph) -> list[str]:
    deepest = max((node.scope.count(".") + 1 for node in graph.operations if node.scope), default=0)
    return [*map(str, range(1, min(deepest, 4) + 1)), "All"]


@st.cache_data(scope="session", max_entries=2, show_spinner=False)
def _table(revision: str, _graph: Graph) -> str:
    return format_graph(_graph, width=120)


page()
