"""The words of the interface in the language of the settings. English is the key; what has no translation stays so."""

from __future__ import annotations

import re
from functools import lru_cache

from settings import settings
from translations import korean


def t(text: str, **values: object) -> str:
    """The text in the chosen language, with the values put in."""
    words = korean()["texts"].get(text, text) if settings().language == "ko" else text
    return words.format(**values) if values else words


def said(message: str) -> str:
    """What the model's process says, in the chosen language: sentence by sentence, each by the first pattern that it
    has the words of; a sentence of which none is known stays as it is."""
    if settings().language != "ko":
        return message
    *parts, last = re.split(r"(\. (?=[A-Z'])|; (?=[\d,]+ of them kept))", message)
    return "".join(_said(one) + link for one, link in zip(parts[::2], parts[1::2], strict=True)) + _said(last)


def _said(sentence: str) -> str:
    words, stop = sentence.removesuffix("."), "." * sentence.endswith(".")
    for pattern, korean_words in _patterns():
        found = pattern.fullmatch(words)
        if found is not None:
            return korean_words.format(**found.groupdict()) + stop
    return sentence


_WORD = ("name", "file", "node", "giver", "other", "operation")  # blanks that take one word and not any number


@lru_cache
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    """The messages as patterns, the more exact before those that take more."""

    def blank(found: re.Match[str]) -> str:
        return rf"(?P<{found[1]}>{r'[^ ]+' if found[1] in _WORD else '.+?'})"

    def pattern(message: str) -> re.Pattern[str]:
        return re.compile(re.sub(r"\\{(\w+)\\}", blank, re.escape(message)), re.DOTALL)

    return [(pattern(message), words) for message, words in korean()["messages"].items()]
