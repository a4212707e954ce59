"""Two side by side: the graph before any data and what ran, or of a branch the original and the branch."""

from __future__ import annotations

from html import escape

import session
import streamlit as st
from component import viewer
from texts import t
from view import Beside, View

from graphtools.backend import BackendError

SIDE_BY_SIDE = "Side by side"  # of the choices of what the page shows
_LEFT: dict[str, Beside] = {"Original": "original", "Before any data": "before"}
_FIRST_WAIT_S = 1.0


def is_wanted() -> bool:
    """True if two are to be shown side by side."""
    return bool(session.steady_value("view") == SIDE_BY_SIDE)


def left_chooser(view: View) -> None:
    """Draws what a branch stands beside; nothing for the original, which stands beside the graph before any data."""
    if view.shown and is_wanted():
        session.set_default("left", "Original")
        st.segmented_control(
            t("On the left"), list(_LEFT), key="left", required=True, label_visibility="collapsed", format_func=t
        )


def alone(view: View) -> None:
    """Ends side by side."""
    if view.beside or view.pairing is not None:
        try:
            view.set_beside("")
        except BackendError:  # the process has ended, and what was shown before is not kept any more
            view.pairing = None


def side_by_side(view: View) -> None:
    """Draws both, or how far the comparison is, or why there is none."""
    wanted = _LEFT[session.value_of("left", "Original")] if view.shown else "before"
    why = view.refused.get((view.shown, wanted), "")
    if not why:
        try:
            view.set_beside(wanted, (t("original"), view.branches[view.shown - 1].name if view.shown else ""))
            if not view.paired(_FIRST_WAIT_S):
                _under_way()
                return
        except BackendError as error:
            why = view.refused[view.shown, wanted] = str(error)
            view.pairing = None
    if why:
        st.html(f'<div class="gt gt-failure" role="alert"><p>{escape(why)}</p></div>')
    else:
        viewer(view)


@st.fragment(run_every=0.4)
def _under_way() -> None:
    view = session.tab().view
    task = view.pairing if view is not None else None
    if task is None or task.done:
        st.rerun()
        return
    doing = t(task.progress.get("doing") or "Comparing")
    with st.container(key="opening", horizontal_alignment="center", gap="small"):
        st.html(
            f'<div class="gt gt-progress" role="status"><p>{escape(doing)} · {int(task.seconds)} s</p>'
            "<div class=bar></div></div>"
        )
        st.button(t("Stop"), on_click=task.cancel)
