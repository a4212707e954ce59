"""A table of distinct strings, so that columns can hold an index where a word repeats."""

from __future__ import annotations

from collections.abc import Iterable


class Strings:
    """`index(text)` gives the text's place, and adds it where it is new. The empty string is always 0."""

    def __init__(self) -> None:
        self.all: dict[str, int] = {"": 0}

    def index(self, text: str) -> int:
        """The place of one text."""
        return self.all.setdefault(text, len(self.all))

    def indexes(self, texts: Iterable[str]) -> list[int]:
        """The places of several."""
        return [self.index(text) for text in texts]
