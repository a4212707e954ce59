"""The bar of branches above the graph: the original, what became of it by edits, and how they differ."""

from __future__ import annotations

import session
import streamlit as st

import graphtools as gt


def branches() -> None:
    """Draws the bar; nothing as long as there is one recording."""
    state = session.session()
    if not state.branches:
        return
    names = ["Original", *(branch.name for branch in state.branches)]
    with st.container(key="branches", horizontal=True, vertical_alignment="center", gap="small"):
        st.selectbox(
            "Branch",
            range(len(names)),
            format_func=lambda number: names[number] if number == 0 else f"Branch {number}: {names[number]}",
            index=state.shown,
            key=f"branch of {len(names)}, {state.shown}",
            on_change=_chosen,
            args=(f"branch of {len(names)}, {state.shown}",),
            label_visibility="collapsed",
            width=420,
        )
        if state.shown:
            with st.popover("Compare with the original"):
                st.code(_differences(session.revision()), language=None)
                st.download_button(
                    "Side by side, as an HTML page", _side_by_side, "compared.html", "text/html", on_click="ignore"
                )


def _chosen(key: str) -> None:
    session.show_branch(session.value_of(key, 0))


def _side_by_side() -> str:
    state = session.session()
    original, shown = session.opened().recording, session.recording()
    assert original is not None and shown is not None
    return str(gt.compare(original, shown).to_html(titles=("original", state.branches[state.shown - 1].name)))


@st.cache_data(scope="session", max_entries=4, show_spinner="Comparing")
def _differences(revision: str) -> str:
    original, shown = session.opened().recording, session.recording()
    if original is None or shown is None:
        return ""
    return str(gt.compare(original, shown))
