"""The app's look beyond Streamlit's theme, and small pieces of HTML. Text is always escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

import streamlit as st

_CSS = """
<style>
:root { --line: color-mix(in srgb, currentColor 14%, transparent); --mono: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
.stMainBlockContainer { padding: 0.6rem 1rem 0.4rem !important; max-width: none !important; }
[data-testid="stHeader"] { height: 0; min-height: 0; }
[data-testid="stMainMenu"], [data-testid="stAppDeployButton"] { display: none; }
[data-testid="stSidebarHeader"] { height: 2.1rem; margin-bottom: 0; padding-bottom: 0; }
[data-testid="stSidebarUserContent"] { padding: 0 1rem 1rem; }
[data-testid="stVerticalBlock"] { gap: 0.55rem; }
.st-key-graph_store { position: absolute; height: 0; overflow: hidden; }
.st-key-toolbar button { min-height: 2rem; padding: 0.1rem 0.7rem; }
.st-key-toolbar .gt-title { max-width: 260px; }
.st-key-inspector { padding-left: 0.2rem; }
.st-key-position [data-testid="stSliderTickBar"], .st-key-position [data-testid="stSliderThumbValue"] { display: none; }
.st-key-position [data-testid="stSlider"] { padding: 0 0.5rem; }
.st-key-inspector_picture img { image-rendering: pixelated; border-radius: 5px; }
.gt { font-size: 0.93rem; line-height: 1.4; }
.gt .muted, .gt-muted { opacity: 0.66; }
.gt code, .gt .mono { font-family: var(--mono); font-size: 0.86em; background: none; color: inherit; padding: 0; overflow-wrap: anywhere; }
.gt h1 { font-size: 1.18rem; font-weight: 700; margin: 0; padding: 0; overflow-wrap: anywhere; }
.gt h1 span { font-weight: 400; opacity: 0.66; }
.gt h2 { font-size: 0.82rem; font-weight: 600; opacity: 0.66; margin: 0; padding: 0; }
.gt p { margin: 0.15rem 0; }
.gt table { border-collapse: collapse; width: 100%; margin: 0; }
.gt td { border: 0; border-bottom: 1px solid var(--line); padding: 0.16rem 0.2rem; vertical-align: top; }
.gt td:first-child { opacity: 0.75; white-space: nowrap; padding-right: 0.8rem; width: 1%; }
.gt.numbers td:last-child { text-align: right; font-family: var(--mono); font-size: 0.86em; overflow-wrap: anywhere; }
.gt.bad { color: #c81e3a; } .gt .bad { color: #dd3350; font-weight: 600; }
.gt-source { font: 12px/1.6 var(--mono); border: 1px solid var(--line); border-radius: 7px; overflow-x: auto; padding: 0.35rem 0;
  background: color-mix(in srgb, currentColor 3%, transparent); }
.gt-source div { white-space: pre; padding: 0 0.7rem 0 0.5rem; border-left: 3px solid transparent; min-width: max-content; }
.gt-source i { display: inline-block; width: 2.4rem; margin-right: 0.9rem; text-align: right; opacity: 0.5; font-style: normal; user-select: none; }
.gt-source .here { background: rgb(245 158 11 / 20%); border-left-color: #f59e0b; }
.gt-source .failed { background: rgb(200 30 58 / 16%); border-left-color: #d33350; }
.gt-source u { text-decoration: underline; text-underline-offset: 3px; text-decoration-thickness: 1.5px; }
.gt-failure { border: 1px solid rgb(200 30 58 / 45%); background: rgb(200 30 58 / 9%); border-radius: 7px; padding: 0.5rem 0.7rem; }
.gt-failure h1 { color: #d33350; }
.gt-failure pre { white-space: pre-wrap; overflow-wrap: anywhere; font: 12px/1.5 var(--mono); margin: 0.3rem 0; padding: 0; background: none;
  color: inherit; max-height: 13rem; overflow-y: auto; }
.gt-brand { font-size: 1.12rem; font-weight: 700; }
</style>
"""


def apply() -> None:
    """Adds the style to the page."""
    st.html(_CSS)


def table(rows: Iterable[tuple[str, str]], numbers: bool = False) -> str:
    """A table of names and values; a value that starts with "!" stands out as bad."""
    cells = "".join(
        f"<tr><td>{escape(name)}</td><td{' class=bad' if value.startswith('!') else ''}>{code(value, numbers)}</td></tr>"
        for name, value in rows
    )
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
