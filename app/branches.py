"""The bar above the graph: the original and what became of it by edits, how they differ, and a change under way."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from html import escape
from pathlib import Path

import session
import streamlit as st
from beside import SIDE_BY_SIDE, is_wanted, left_chooser
from settings import settings
from texts import t
from training import BROKE, DONE, PAUSED
from view import View

from graphtools.backend import BackendError


def branches(view: View) -> None:
    """Draws the bar; nothing as long as there is one recording and nothing happens to it."""
    if view.death:
        _ended(view)
    if view.editing is not None:
        _edit_under_way()
    if not view.branches:
        return
    names = [t("Original"), *(branch.name for branch in view.branches)]
    with st.container(key="branches", horizontal=True, vertical_alignment="center", gap="small"):
        key = f"branch of {len(names)}, {view.shown}"
        st.selectbox(
            t("Branch"),
            range(len(names)),
            format_func=lambda n: names[n] if n == 0 else t("Branch {number}: {name}", number=n, name=names[n]),
            index=view.shown,
            key=key,
            on_change=_chosen,
            args=(key,),
            label_visibility="collapsed",
            width=420,
        )
        _going_on(view)
        if view.shown:
            with st.popover(t("Compare with the original")):
                st.code(_differences(view.revision, view), language=None)
                st.download_button(
                    t("Side by side, as an HTML page"),
                    partial(_side_by_side, view),
                    "compared.html",
                    "text/html",
                    on_click="ignore",
                )
            if not is_wanted():
                st.button(t("Side by side"), on_click=session.set_steady, args=("view", SIDE_BY_SIDE))
        left_chooser(view)


def step_bar(step: View) -> None:
    """Draws what step of the training is shown, and the ways back."""
    with st.container(key="step", horizontal=True, vertical_alignment="center", gap="small"):
        st.html(f'<div class="gt"><b>{escape(step.title)}</b></div>', width="stretch")
        st.page_link("views/train.py", label=t("Back to the training"))
        st.button(t("Show the model instead"), on_click=session.tab().leave_step)


def _going_on(view: View) -> None:
    """Draws, for a step of the training that waits, the way on from the shown branch."""
    tab = session.tab()
    training = tab.training
    if tab.step is not view or view.is_trial or training is None or training.state not in (PAUSED, BROKE, DONE):
        return
    label = t("Go on from this branch") if view.shown else t("Go on from the original")
    if not st.button(label, key="press_go_on", type="primary" if view.shown else "secondary"):
        return
    try:
        with st.spinner(t("Going on from the changed step")):
            training.go_on_from(view.recording, view.branches[view.shown - 1].name if view.shown else "").result()
    except BackendError as error:
        st.html(f'<div class="gt gt-failure" role="alert"><pre>{escape(str(error))}</pre></div>')
        return
    st.switch_page("views/train.py")


def _ended(view: View) -> None:
    """Says that the model's process is gone. The picture stays; what asks Python waits for a restart."""
    with st.container(key="ended", horizontal=True, vertical_alignment="center", gap="small"):
        st.html(f'<div class="gt gt-ended" role="alert">{escape(view.death)}</div>', width="stretch")
        st.button(t("Restart"), on_click=session.restart_anew, type="primary")


@st.fragment(run_every=0.5)
def _edit_under_way() -> None:
    view = session.tab().view
    edit = view.editing if view is not None else None
    if view is None or edit is None or edit.task.done:
        if view is not None:
            view.edited()
        st.rerun()
        return
    with st.container(key="editing", horizontal=True, vertical_alignment="center", gap="small"):
        doing = t("Running again with {change} · {seconds} s", change=edit.name, seconds=int(edit.task.seconds))
        st.html(f'<div class="gt muted" role="status">{escape(doing)}</div>', width="stretch")
        st.button(t("Stop"), on_click=edit.task.cancel)


def _chosen(key: str) -> None:
    view = session.tab().view
    if view is not None:
        with suppress(BackendError):  # the process has ended, as a bar below says; what is shown stays
            view.show_branch(session.value_of(key, 0))


def _side_by_side(view: View) -> bytes:
    titles = [t("original"), view.branches[view.shown - 1].name]
    path = view.backend.ask(
        "export", kind="compared.html", a=view.original, b=view.recording, titles=titles, language=settings().language
    )
    return Path(path).read_bytes()


@st.cache_data(scope="session", max_entries=4, show_spinner="Comparing")
def _differences(revision: str, _view: View) -> str:
    try:
        return str(_view.backend.ask("compare", a=_view.original, b=_view.recording))
    except BackendError as error:
        return str(error)
