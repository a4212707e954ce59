"""Gives each node a name of its own, and each input the name of the argument that it was given for."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any


class NodeNames:
    """The names given so far: `relu`, `relu_1`, `relu_2`, ..."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._taken: set[str] = set()

    def new(self, word: str) -> str:
        """A name made of `word` that no node has yet."""
        stem = _stem(word)
        count = self._counts.get(stem, 0)
        name = f"{stem}_{count}" if count else stem
        while name in self._taken:
            count += 1
            name = f"{stem}_{count}"
        self._counts[stem] = count + 1
        self._taken.add(name)
        return name


@lru_cache(maxsize=65536)
def _stem(word: str) -> str:
    """The word as part of a Python name."""
    stem = word.strip("_")
    return stem if stem.isidentifier() else re.sub(r"^(?=\d)|\W", "_", stem) or "call"


def by_parameter(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a call by the names that the function's signature gives them."""
    try:
        bound = inspect.signature(function).bind_partial(*args, **kwargs)
    except (TypeError, ValueError):
        return {**{f"arg_{position}": arg for position, arg in enumerate(args)}, **kwargs}
    named: dict[str, Any] = {}
    for name, value in bound.arguments.items():
        kind = bound.signature.parameters[name].kind
        if kind is inspect.Parameter.VAR_KEYWORD:
            named.update(value)
        elif kind is inspect.Parameter.VAR_POSITIONAL:
            named.update({f"{name}_{position}": item for position, item in enumerate(value)})
        else:
            named[name] = value
    return named
