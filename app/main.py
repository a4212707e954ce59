"""The graphtools app: `streamlit run app/main.py`. Lists the pages; each page is a file of its own."""

from __future__ import annotations

import session
import spare
import streamlit as st
import style

st.set_page_config(page_title="graphtools", layout="wide", initial_sidebar_state=272)
style.apply()
session.launcher()  # the process that has torch imported starts now
session.restore_typed()
page = st.navigation(
    [
        st.Page("views/debug.py", title="Debugger", default=True),
        st.Page("views/train.py", title="Train", url_path="train"),
        st.Page("views/build.py", title="Build", url_path="build"),
        st.Page("views/about.py", title="Help", url_path="help"),
    ],
    position="hidden",
)
page.run()
session.keep_typed()
spare.set_imports_aside()
