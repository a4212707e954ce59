"""What a person has set: the language, and what a model's process may take. Kept by the browser, in a cookie."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from urllib.parse import quote, unquote

import streamlit as st

from graphtools.backend import ProcessLimits

COOKIE = "graphtools"
LANGUAGES = {"en": "English", "ko": "한국어"}
SECONDS = (10, 30, 60, 120, 300, 900, 3600)
GIGABYTES = (1, 2, 4, 8, 16, 32, 64, 128)


@dataclass(frozen=True, slots=True)
class Settings:
    """`seconds` is for each run, `gigabytes` for the process; 0 means three quarters of the machine's memory."""

    language: str = "en"
    seconds: int = 120
    gigabytes: int = 0

    def process_limits(self) -> ProcessLimits:
        """The limits of a model's process."""
        n_bytes = self.gigabytes << 30 if self.gigabytes else _memory() * 3 // 4
        return ProcessLimits(float(self.seconds), n_bytes or None)

    def to_cookie(self) -> str:
        """The cookie's text."""
        return quote(json.dumps(asdict(self)))


def settings() -> Settings:
    """What was set in this page, else what the browser kept from before, else what the browser's language says."""
    if "settings_now" in st.session_state:
        return st.session_state["settings_now"]  # type: ignore[no-any-return]
    return read(st.context.cookies.get(COOKIE, ""), st.context.locale or "")


def read(cookie: str, locale: str = "") -> Settings:
    """The settings of a cookie; whatever in it is not one of ours counts as not set."""
    first = Settings(language="ko" if locale.lower().startswith("ko") else "en")
    try:
        kept = json.loads(unquote(cookie))
        language, seconds, gigabytes = kept["language"], kept["seconds"], kept["gigabytes"]
    except (ValueError, KeyError, TypeError):
        return first
    is_known = language in LANGUAGES and seconds in SECONDS and gigabytes in (0, *GIGABYTES)
    return Settings(language, seconds, gigabytes) if is_known else first


def _memory() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 0
