"""The Streamlit host of the editor: sends it replies to what it asks, and does what it wishes: run, train.

Its source is a component of its own, which never changes: Streamlit sends a component again, its script included,
whenever its data change.
"""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Any

import session
import streamlit as st
from building import Building
from session import triggered
from settings import settings
from texts import said
from translations import korean

_HERE = Path(__file__).parent
_BUNDLE = (resources.files("graphtools.viewer") / "static" / "editor.js").read_text(encoding="utf-8")
_source = st.components.v2.component(
    "graphtools_editor_source",
    js=(_HERE / "editor_source.js").read_text().replace("EDITOR_SOURCE", json.dumps(_BUNDLE)),
)
_editor = st.components.v2.component(
    "graphtools_editor",
    html='<div class="editor-host"></div>',
    css=(_HERE / "editor.css").read_text(),
    js=(_HERE / "editor.js").read_text(),
)


def editor(revision: str) -> None:
    """Draws the editor of the open draft."""
    with st.container(key="editor_source"):
        _source(key="editor_source_component")
    _editor_of(revision)


@st.fragment
def _editor_of(revision: str) -> None:
    """The editor. What it asks runs this function alone, and not the page."""
    building = session.tab().building
    if building is None or building.revision != revision or building.death or building.taken:
        st.rerun()
        return
    language = settings().language
    data: dict[str, Any] = {
        "revision": revision,
        "title": building.title,
        "theme": "dark" if st.context.theme.type == "dark" else "light",
        "language": language,
        "words": korean()["editor"] if language == "ko" else {},
        "replies": [_in_words(reply) for reply in building.replies] if language == "ko" else building.replies,
    }
    _editor(key="graph_editor", data=data, on_ask_change=_asked, on_wish_change=_wished)
    if session.value_of("wish"):
        st.rerun()  # the page does it


def _in_words(reply: dict[str, Any]) -> dict[str, Any]:
    """A reply to the editor with its messages in the chosen language."""
    if "error" in reply:
        return {**reply, "error": said(reply["error"])}
    result = reply["result"]
    picture = result.get("picture", result) if isinstance(result, dict) else {}
    if "problems" not in picture:
        return reply
    problems = [
        {**problem, "message": said(problem["message"]), "labels": [said(label) for label in problem["fixes"]]}
        for problem in picture["problems"]
    ]
    picture = {**picture, "problems": problems, "notes": [said(note) for note in picture["notes"]]}
    return {**reply, "result": {**result, "picture": picture} if "picture" in result else picture}


def _open_building(asked: Any) -> Building | None:
    building = session.tab().building
    is_ours = isinstance(asked, dict) and building is not None and asked.get("revision") == building.revision
    return building if is_ours else None


def _asked() -> None:
    asked = triggered("graph_editor", "ask")
    building = _open_building(asked)
    if building is not None:
        building.answer(asked["questions"])


def _wished() -> None:
    wish = triggered("graph_editor", "wish")
    if _open_building(wish) is not None:
        session.set_value("wish", wish["what"])
