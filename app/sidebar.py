"""What every page's sidebar begins and ends with: the name, the pages, the settings."""

from __future__ import annotations

import session
import streamlit as st
from settings import COOKIE, GIGABYTES, LANGUAGES, SECONDS, Settings, settings
from texts import t

_keeper = st.components.v2.component(
    "graphtools_settings",
    js="""export default function ({ data }) {
  document.cookie = `${data.name}=${data.text}; max-age=31536000; path=/; SameSite=Lax`;
  if (data.anew) location.reload();
}
""",
)
_GIGABYTES = (0, *GIGABYTES)
PAGES = (
    ("views/debug.py", "Debugger"),
    ("views/train.py", "Train"),
    ("views/build.py", "Build"),
    ("views/about.py", "Help"),
)


def brand() -> None:
    """Draws the name and the pages."""
    st.html('<div class="gt-brand">graphtools</div>')
    with st.container(key="pages", horizontal=True, gap="small"):
        for path, title in PAGES:
            st.page_link(path, label=t(title))


def below() -> None:
    """Draws the settings."""
    now = settings()
    with st.popover(t("Settings"), width="stretch"):
        # By `default` and `index`, not by session state: what is set while the popover is closed never reaches it.
        st.segmented_control(
            t("Language"), list(LANGUAGES), format_func=LANGUAGES.__getitem__, key="press_language", required=True,
            default=now.language,
            on_change=_changed,
        )  # fmt: skip
        st.selectbox(
            t("A run may take"), SECONDS, key="press_seconds", index=SECONDS.index(now.seconds), on_change=_changed,
            format_func=lambda s: t("{seconds} seconds", seconds=s) if s < 300 else t("{n} minutes", n=s // 60),
        )  # fmt: skip
        st.selectbox(
            t("Its process may use"), _GIGABYTES, key="press_gigabytes", on_change=_changed,
            index=_GIGABYTES.index(now.gigabytes),
            format_func=lambda g: t("{n} GB of memory", n=g) if g else t("three quarters of the memory"),
        )  # fmt: skip
        st.html(f'<div class="gt muted"><p>{t("The limits hold for what is opened next.")}</p></div>')
        st.button(t("Restart the model's process"), on_click=session.restart_anew, width="stretch")
    anew = session.value_of("settings_anew")
    if anew is not None or "settings_now" in st.session_state:
        # Another language begins with a new page: a browser keeps what is chosen by its words, and would go on sending
        # the old ones.
        kept = now if anew is None else anew
        _keeper(key="settings_keeper", data={"name": COOKIE, "text": kept.to_cookie(), "anew": anew is not None})
    if "guest" in st.session_state:
        _keeper(key="guest_keeper", data={"name": session.GUEST_COOKIE, "text": session.guest(), "anew": False})


def _changed() -> None:
    language, seconds = session.value_of("press_language"), session.value_of("press_seconds")
    now = Settings(language, seconds, session.value_of("press_gigabytes"))
    session.set_value("settings_anew" if language != settings().language else "settings_now", now)
    session.tab().limits = now.process_limits()
