"""The words of the interface in the language of the settings. English is the key; what has no translation stays so."""

from __future__ import annotations

from settings import settings
from translations import korean


def t(text: str, **values: object) -> str:
    """The text in the chosen language, with the values put in."""
    words = korean()["texts"].get(text, text) if settings().language == "ko" else text
    return words.format(**values) if values else words
