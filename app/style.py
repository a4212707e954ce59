"""The app's look beyond Streamlit's theme, and small pieces of HTML. Text is always escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

import streamlit as st


def apply() -> None:
    """Adds the style to the page."""
    st.html(Path(__file__).with_name("style.css"))


def table(rows: Iterable[tuple[str, str]], numbers: bool = False) -> str:
    """A table of names and values; a value that starts with "!" stands out as bad."""
    cells = ""
    for name, value in rows:
        mark = " class=bad" if value.startswith("!") else ""
        cells += f"<tr><td>{escape(name)}</td><td{mark}>{code(value, numbers)}</td></tr>"
    return f'<div class="gt{" numbers" if numbers else ""}"><table>{cells}</table></div>'


def code(text: str, plain: bool = False) -> str:
    """Text in the code font."""
    text = escape(text.removeprefix("!"))
    return text if plain else f"<code>{text}</code>"


def excerpt(lines: Sequence[str], line: int, column: int = 0, failed: bool = False, around: int = 4) -> str:
    """The lines around `line`, which counts from 1, that line marked and underlined from `column` on."""
    if not 0 < line <= len(lines):
        return ""
    first = max(1, line - around)
    shown = lines[first - 1 : line + around]
    margin = min((len(text) - len(text.lstrip()) for text in shown if text.strip()), default=0)
    rows = []
    for number, full in enumerate(shown, first):
        text = full[margin:]
        if number != line:
            rows.append(f"<div><i>{number}</i>{escape(text)}</div>")
            continue
        start = max(0, column - 1 - margin) if column else len(text)
        body = escape(text[:start]) + (f"<u>{escape(text[start:])}</u>" if start < len(text) else "")
        rows.append(f'<div class="{"failed" if failed else "here"}"><i>{number}</i>{body}</div>')
    return f'<div class="gt-source">{"".join(rows)}</div>'
