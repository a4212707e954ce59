"""The graphtools app: `streamlit run app/main.py`. Lists the pages; each page is a file of its own."""

from __future__ import annotations

import streamlit as st
import style

from graphtools.compat import keep_freed_memory


@st.cache_resource
def _set_up_the_process() -> bool:
    return keep_freed_memory()


st.set_page_config(page_title="graphtools", layout="wide", initial_sidebar_state=272)
style.apply()
_set_up_the_process()
page = st.navigation(
    [
        st.Page("pages/debug.py", title="Debugger", default=True),
        st.Page("pages/about.py", title="Help", url_path="help"),
    ],
    position="hidden",
)
page.run()
