"""Which nodes of a plan hold one tensor, so that a call that changes its shape in place changes it for all of them.

After `y = x.relu_(); y.unsqueeze_(0)` both `x` and `y` have one dimension more, while a view of `x` stays as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import torch

from graphtools.graph import Node, Path
from graphtools.structure import part, tensors

_Place = tuple[str, Path]  # a tensor in the result of a node
_NONE: Mapping[Any, Any] = MappingProxyType({})
_OF_TORCH = ("torch.", "operator.", "builtins.", "math.")


@dataclass(frozen=True, slots=True)
class Done:
    """What a node gave. The tensors that it was given are numbered as the references to them stand in its arguments.

    `passed` are the tensors of its result that are ones it was given, path by number. `changed` are those given that
    have another type now, number by the tensor of that type.
    """

    result: Any
    passed: Mapping[Path, int] = field(default_factory=lambda: _NONE)
    changed: Mapping[int, torch.Tensor] = field(default_factory=lambda: _NONE)


class Values:
    """The values of one run, as they are at the moment. `now` has them by node."""

    def __init__(self) -> None:
        self.now: dict[str, Any] = {}
        self._untold: list[tuple[Node, Done]] = []  # of which `_origins` does not know yet
        self._origins: dict[_Place, _Place] = {}  # of each tensor, where it came up first

    def add(self, node: Node, done: Done) -> None:
        """Takes what a node gave. Cheap, but for a call that changes a type: that one costs a look at all places."""
        self.now[node.name] = done.result
        self._untold.append((node, done))
        if not done.changed:
            return
        for one, its in self._untold:
            given = self.places(one) if its.passed else []
            for path, _ in tensors(its.result):
                place = (one.name, path)
                number = its.passed.get(path)
                self._origins[place] = place if number is None else self._origins.get(given[number], given[number])
        self._untold.clear()
        given = self.places(node)
        for number, tensor in done.changed.items():
            origin = self._origins.get(given[number], given[number])
            for (name, path), its_origin in self._origins.items():
                if its_origin == origin:
                    self.now[name] = _with_leaf(self.now[name], path, tensor)

    def places(self, node: Node) -> list[_Place]:
        """Where the tensors come from that a node is given, in the order of their numbers."""
        return [
            (ref.node, (*ref.path, *path))
            for ref in node.refs()
            for path, _ in tensors(part(self.now[ref.node], ref.path))
        ]


def may_change_types(node: Node) -> bool:
    """Whether a call may change the shape of what it is given: one that writes, by record or by its look, or that is
    not torch's own, of which nothing is known."""
    name = node.target
    writes = bool(node.writes) or (name.endswith("_") and not name.endswith("__")) or "out" in node.kwargs
    return writes or not name.startswith(_OF_TORCH)


def apart(value: Any, change: Callable[[torch.Tensor], torch.Tensor]) -> Any:
    """A value with its tensors replaced, in containers of its own of the same kinds. What is in other containers than
    tuples, named tuples, lists and dicts stays as it is."""
    if isinstance(value, torch.Tensor):
        return change(value)
    return _rebuilt(value, lambda _, item: apart(item, change))


def _with_leaf(value: Any, path: Path, leaf: torch.Tensor) -> Any:
    """A value with what stands at a path replaced, in containers of the same kinds."""
    if not path:
        return leaf
    return _rebuilt(value, lambda key, item: _with_leaf(item, path[1:], leaf) if key == path[0] else item)


def _rebuilt(value: Any, change: Callable[[int | str, Any], Any]) -> Any:
    if type(value) is dict:
        return {key: change(key if isinstance(key, int | str) else str(key), item) for key, item in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(change(index, item) for index, item in enumerate(value)))
    if type(value) in (tuple, list):
        return type(value)(change(index, item) for index, item in enumerate(value))
    return value
