"""What is shown while a model is being opened: what is done, for how long, and a button that stops it."""

from __future__ import annotations

from html import escape

import session
import streamlit as st
from texts import t


@st.fragment(run_every=0.4)
def opening() -> None:
    """Draws the progress; draws the page again when it is over."""
    tab = session.tab()
    task = tab.opening
    if task is None or task.done:
        st.rerun()
        return
    doing = t(task.progress.get("doing") or "Starting a process for the model")
    limit = f" / {tab.limits.seconds:g} s" if tab.limits.seconds else ""
    with st.container(key="opening", horizontal_alignment="center", gap="small"):
        st.html(
            f'<div class="gt gt-progress" role="status"><h1>{escape(tab.choice.title)}</h1>'
            f"<p>{escape(doing)} · {int(task.seconds)} s{limit}</p><div class=bar></div></div>"
        )
        st.button(t("Stop"), on_click=task.cancel)
        printed = tab.output().strip()
        if printed:
            st.code("\n".join(printed.splitlines()[-8:]), language=None)
