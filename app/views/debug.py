"""The debugger: a model's graph and one recorded step of it."""

from __future__ import annotations

import session
import streamlit as st
from branches import branches
from component import viewer
from failure import problem_page
from progress import opening
from sidebar import below, brand
from sources import asked_by_link, downloads, facts, source_chooser
from texts import t

from graphtools.backend import BackendError

FIRST_WAIT_S = 1.0  # for which a page stays as it is while something opens; then it shows the progress


def page() -> None:
    """Draws the page."""
    tab = session.tab()
    with st.sidebar:
        brand()
        source_chooser()
        rest = st.container()
    session.write_address()
    if tab.asked_first is not None:
        with rest:
            below()
        asked_by_link()
        return
    is_ready = tab.ready(FIRST_WAIT_S)
    with rest:
        if is_ready and tab.document:
            facts()
            downloads()
        below()
    if not is_ready:
        opening()
    elif not tab.document:
        problem_page()
    else:
        with st.container(gap=None):  # always there: what comes in above would have the viewer built anew
            branches()
        if session.value_of("view") == "Table":
            st.code(_table(tab.revision), language=None, height=760)
        else:
            viewer()


@st.cache_data(scope="session", max_entries=2, show_spinner=False)
def _table(revision: str) -> str:
    tab = session.tab()
    try:
        return str(tab.backend.ask("table", recording=tab.recording))
    except BackendError as error:
        return t("The table cannot be made: {why}", why=str(error))


page()
