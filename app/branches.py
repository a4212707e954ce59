"""The bar above the graph: the original and what became of it by edits, how they differ, and a change under way."""

from __future__ import annotations

from html import escape
from pathlib import Path

import session
import streamlit as st
from texts import t

from graphtools.backend import BackendError


def branches() -> None:
    """Draws the bar; nothing as long as there is one recording and nothing happens to it."""
    tab = session.tab()
    if tab.death:
        _ended()
    if tab.editing is not None:
        _edit_under_way()
    if not tab.branches:
        return
    names = [t("Original"), *(branch.name for branch in tab.branches)]
    with st.container(key="branches", horizontal=True, vertical_alignment="center", gap="small"):
        key = f"branch of {len(names)}, {tab.shown}"
        st.selectbox(
            t("Branch"),
            range(len(names)),
            format_func=lambda n: names[n] if n == 0 else t("Branch {number}: {name}", number=n, name=names[n]),
            index=tab.shown,
            key=key,
            on_change=_chosen,
            args=(key,),
            label_visibility="collapsed",
            width=420,
        )
        if tab.shown:
            with st.popover(t("Compare with the original")):
                st.code(_differences(tab.revision), language=None)
                st.download_button(
                    t("Side by side, as an HTML page"), _side_by_side, "compared.html", "text/html", on_click="ignore"
                )


def _ended() -> None:
    """Says that the model's process is gone. The picture stays; what asks Python waits for a restart."""
    with st.container(key="ended", horizontal=True, vertical_alignment="center", gap="small"):
        st.html(f'<div class="gt gt-ended" role="alert">{escape(session.tab().death)}</div>', width="stretch")
        st.button(t("Restart"), on_click=session.restart_anew, type="primary")


@st.fragment(run_every=0.5)
def _edit_under_way() -> None:
    tab = session.tab()
    edit = tab.editing
    if edit is None or edit.task.done:
        tab.edited()
        st.rerun()
        return
    with st.container(key="editing", horizontal=True, vertical_alignment="center", gap="small"):
        doing = t("Running again with {change} · {seconds} s", change=edit.name, seconds=int(edit.task.seconds))
        st.html(f'<div class="gt muted" role="status">{escape(doing)}</div>', width="stretch")
        st.button(t("Stop"), on_click=edit.task.cancel)


def _chosen(key: str) -> None:
    session.tab().show_branch(session.value_of(key, 0))


def _side_by_side() -> bytes:
    tab = session.tab()
    titles = [t("original"), tab.branches[tab.shown - 1].name]
    path = tab.backend.ask("export", kind="compared.html", a=0, b=tab.recording, titles=titles)
    return Path(path).read_bytes()


@st.cache_data(scope="session", max_entries=4, show_spinner="Comparing")
def _differences(revision: str) -> str:
    tab = session.tab()
    try:
        return str(tab.backend.ask("compare", a=0, b=tab.recording))
    except BackendError as error:
        return str(error)
