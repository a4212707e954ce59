"""The words of the interface in the language of the settings. English is the key; what has no translation stays so."""

from __future__ import annotations

from korean import KOREAN
from settings import settings


def t(text: str, **values: object) -> str:
    """The text in the chosen language, with the values put in."""
    words = KOREAN.get(text, text) if settings().language == "ko" else text
    return words.format(**values) if values else words
