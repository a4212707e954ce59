"""The graphtools app: `streamlit run app/main.py`. Lists the pages; each page is a file of its own."""

from __future__ import annotations

import streamlit as st
import style

st.set_page_config(page_title="graphtools", layout="wide", initial_sidebar_state=272)
style.apply()
page = st.navigation(
    [
        st.Page("pages/debug.py", title="Debugger", default=True),
        st.Page("pages/about.py", title="Help", url_path="help"),
    ],
    position="hidden",
)
page.run()
