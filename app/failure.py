"""Says why there is nothing to draw: the file could not be loaded, its process ended, or nothing ran."""

from __future__ import annotations

from html import escape
from typing import Any

import session
import streamlit as st
import style
from texts import t

from graphtools.meaning import meaning


def problem_page() -> None:
    """Draws what is known where there is no graph, and a button that tries again."""
    tab = session.tab()
    failure: dict[str, Any] | None = tab.about.get("failure")
    if tab.problem is not None:
        _heading()
        _panel(t("The process ended") if tab.problem.kind == "died" else t("It did not run"), "", str(tab.problem), "")
        _buttons()
    elif failure is None:
        st.html(f'<div class="gt muted">{escape(t("The model ran no operation of torch: there is no graph."))}</div>')
    else:
        _heading()
        place = f"{failure['file']}:{failure['line']}" if failure["file"] else ""
        _panel(failure["type"], place, failure["message"], meaning(failure["message"]))
        if failure["file"]:
            shown = style.excerpt(failure["lines"], failure["line"], failure["column"], failed=True, around=6)
            st.html(f'<div class="gt"><h2>{escape(failure["file"])}</h2></div>{shown}')
        _buttons()
    printed = tab.output().strip()
    if printed:
        st.html(f'<div class="gt"><h2>{escape(t("What it printed"))}</h2></div>')
        st.code("\n".join(printed.splitlines()[-40:]), language=None)


def _heading() -> None:
    title = t("{name} could not be opened", name=session.tab().choice.title)
    st.html(f'<div class="gt"><h1>{escape(title)}</h1></div>')


def _panel(title: str, place: str, message: str, sentence: str) -> None:
    parts = [f"<h1>{escape(title)}</h1>", f'<p class="muted">{escape(place)}</p>' if place else ""]
    parts.append(f"<p>{escape(sentence)}</p>" if sentence else "")
    parts.append(f"<pre>{escape(message.strip() or t('no message'))}</pre>")
    st.html(f'<div class="gt gt-failure" role="alert">{"".join(parts)}</div>')


def _buttons() -> None:
    st.button(t("Try again"), on_click=session.restart_anew, type="primary")
