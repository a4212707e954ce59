"""The debugger: a model's graph and one recorded step of it."""

from __future__ import annotations

import session
import streamlit as st
from beside import alone, is_wanted, side_by_side
from branches import branches, step_bar
from component import viewer, viewer_source
from failure import problem_page
from progress import opening
from sidebar import below, brand
from sources import asked_by_link, downloads, facts, source_chooser
from texts import t
from view import View

from graphtools.backend import BackendError

FIRST_WAIT_S = 1.0  # for which a page stays as it is while something opens; then it shows the progress


def page() -> None:
    """Draws the page."""
    tab = session.tab()
    if tab.asked_first is None and tab.step is None:
        tab.begin()  # before anything is drawn: the process opens the model meanwhile
    viewer_source()
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
    is_ready = tab.step is not None or tab.ready(FIRST_WAIT_S)
    view = tab.view
    with rest:
        if is_ready and view is not None:
            if tab.step is None:
                facts()
            downloads(view)
        below()
    if not is_ready:
        opening()
    elif view is None:
        problem_page()
    else:
        with st.container(gap=None):  # always there: what comes in above would have the viewer built anew
            if tab.step is not None:
                step_bar(tab.step)
            branches(view)
        if is_wanted():
            side_by_side(view)
            return
        alone(view)
        if session.steady_value("view") == "Table":
            st.code(_table(view.revision, view), language=None, height=760)
        else:
            viewer(view)


@st.cache_data(scope="session", max_entries=2, show_spinner=False)
def _table(revision: str, _view: View) -> str:
    try:
        return str(_view.backend.ask("table", recording=_view.recording))
    except BackendError as error:
        return t("The table cannot be made: {why}", why=str(error))


page()
