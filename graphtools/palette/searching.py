"""Finds entries by a few letters, as the search box of an editor does: best first."""

from __future__ import annotations

import re
from collections.abc import Iterable

from graphtools.palette.collecting import entries
from graphtools.palette.entry import Entry

_COMMON = (
    "Linear Conv2d ReLU Dropout BatchNorm2d LayerNorm MaxPool2d Flatten Embedding Softmax GELU AdaptiveAvgPool2d "
    "MultiheadAttention LSTM add cat matmul relu softmax mul sub mean reshape Conv1d Sigmoid Tanh"
).split()


# What a person types for an operation that has a sign of its own, and the entry for it.
_SIGNS = {
    "+": "torch.add", "-": "torch.sub", "*": "torch.mul", "/": "torch.div", "@": "torch.matmul", "**": "torch.pow",
    "[]": "operator.getitem", "[": "operator.getitem", "getitem": "operator.getitem", "index": "operator.getitem",
    "slice": "operator.getitem", "//": "torch.floor_divide", "%": "torch.remainder", "==": "torch.eq",
    "!=": "torch.ne", "<": "torch.lt", "<=": "torch.le", ">": "torch.gt", ">=": "torch.ge", "&": "torch.logical_and",
    "|": "torch.logical_or", "~": "torch.logical_not",
}  # fmt: skip


def search(query: str, among: Iterable[Entry] | None = None, limit: int = 30) -> list[Entry]:
    """The entries that fit all words of a query, best first: by the name, its beginning, its parts, its summary.

    A sign finds its function: `+` is add, `@` matmul, `[]` getitem.
    """
    words = query.lower().replace("_", "").split()
    scored = []
    for index, entry in enumerate(entries() if among is None else among):
        scores = [7 if _SIGNS.get(word) == entry.target else _score(entry, word) for word in words]
        if all(scores):
            common = _COMMON.index(entry.title) if entry.title in _COMMON else len(_COMMON)
            scored.append((-min(scores, default=0), common, len(entry.title), index, entry))
    return [entry for *_, entry in sorted(scored, key=lambda row: row[:4])[:limit]]


def _score(entry: Entry, word: str) -> int:
    title = entry.title.lower().replace("_", "")
    if title == word:
        return 6
    if title.startswith(word):
        return 5
    if word in title:
        return 4
    if word == _initials(entry.title):
        return 3
    if _is_subsequence(word, title) and len(word) > 2:
        return 2
    return 1 if word in entry.summary.lower() or word in entry.category or word in entry.target.lower() else 0


def _initials(title: str) -> str:
    return "".join(re.findall(r"[A-Z0-9]|(?<=_)[a-z]|^[a-z]", title)).lower()


def _is_subsequence(word: str, title: str) -> bool:
    letters = iter(title)
    return all(letter in letters for letter in word)
