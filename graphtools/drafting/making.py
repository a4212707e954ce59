"""A node that is to be made: what an edit that adds one is told, and how it gets its name and its place."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from graphtools.drafting.plan import Layer, Plan
from graphtools.errors import DraftError
from graphtools.graph import Node, freeze, unique_name
from graphtools.words import is_name


@dataclass(frozen=True, slots=True)
class New:
    """A node to be made: a module if `settings` is given, else a call of a function.

    `args` are those of the call; the first open one takes the value where the node is inserted. `origin` is the path in
    the opened model from which weights come.
    """

    target: str
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=lambda: freeze(()))
    settings: Mapping[str, Any] | None = None
    name: str = ""
    origin: str = ""
    is_layer: bool = False


def made(plan: Plan, new: New, scope: str = "") -> tuple[Node, Layer | None]:
    """The node of a New under a name that is free, in a module path, and its layer."""
    word = new.name or _word(new)
    if new.name:
        check_name(new.name)
    if new.is_layer:
        head = f"{scope}." if scope else ""
        taken = {*plan.nodes, *(p[len(head) :] for p in plan.layers if p.startswith(head))}
        taken |= {t[len(head) :] for t in plan.types if t.startswith(head)}
        name = unique_name(word, taken)
        layer = Layer(new.target, new.settings, new.origin)
        return Node(name, "call", new.target, new.args, new.kwargs, scope=head + name), layer
    return Node(unique_name(word, plan.nodes), "call", new.target, new.args, new.kwargs, scope=scope), None


def has_default_name(name: str, target: str) -> bool:
    """Whether a module of this class is called as one that nobody gave a name: `relu`, `relu_1` for a ReLU."""
    return re.fullmatch(rf"{re.escape(_word(New(target, is_layer=True)))}(_\d+)?", name) is not None


def default_name(new: New, taken: set[str]) -> str:
    """The name that a node gets that nobody gives a name, free among those `taken`."""
    return unique_name(_word(new), taken)


def _word(new: New) -> str:
    word = new.target.rsplit(".", 1)[-1]
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z][a-z])", "_", word).lower().strip("_") if new.is_layer else word.strip("_")


def check_name(name: str) -> None:
    """Raises DraftError if no attribute of a module can have this name."""
    if not is_name(name) or name.startswith("__"):
        raise DraftError(f"{name!r} cannot be a name in Python; use letters, digits and _, as conv1")
