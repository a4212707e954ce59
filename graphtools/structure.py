"""Walks nested containers (tuples, lists, mappings, dataclasses) to the tensors in them, and rebuilds them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch

from graphtools.graph import Path, Ref


def children(value: Any) -> Iterator[tuple[int | str, Any]] | None:
    """The (key, part) pairs of a container; None for a leaf. Named tuples count as tuples, dataclasses as mappings."""
    if isinstance(value, torch.Tensor | str | bytes | torch.Size):
        return None
    if isinstance(value, tuple | list):
        return iter(enumerate(value))
    if isinstance(value, Mapping):
        return iter((key if isinstance(key, int | str) else str(key), part) for key, part in value.items())
    if dataclasses.is_dataclass(value) and not isinstance(value, type | Ref):
        return iter((f.name, getattr(value, f.name)) for f in dataclasses.fields(value) if hasattr(value, f.name))
    return None


def leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """All leaves with their paths, depth first. A container that holds itself is a leaf the second time."""
    return _leaves(value, path, frozenset())


def _leaves(value: Any, path: Path, above: frozenset[int]) -> Iterator[tuple[Path, Any]]:
    parts = children(value) if id(value) not in above else None
    if parts is None:
        yield path, value
        return
    above = above | {id(value)}
    for key, part in parts:
        yield from _leaves(part, (*path, key), above)


def tensors(value: Any) -> Iterator[tuple[Path, torch.Tensor]]:
    """The tensors in `value` with their paths, depth first."""
    if isinstance(value, torch.Tensor):
        yield (), value
        return
    for path, leaf in leaves(value):
        if isinstance(leaf, torch.Tensor):
            yield path, leaf


def part(value: Any, path: Path) -> Any:
    """The part of `value` that stands at `path`."""
    for key in path:
        if isinstance(value, Mapping):
            value = value[key] if key in value else next(v for k, v in value.items() if str(k) == key)
        elif isinstance(key, int):
            value = value[key]
        else:
            value = getattr(value, key)
    return value


def replace_leaves(value: Any, replace: Callable[[Any], Any]) -> Any:
    """`value` with each leaf replaced; tuples and lists keep their kind, everything else becomes a dict."""
    parts = children(value)
    if parts is None:
        return replace(value)
    replaced = {key: replace_leaves(item, replace) for key, item in parts}
    if isinstance(value, list):
        return list(replaced.values())
    return tuple(replaced.values()) if isinstance(value, tuple) else replaced
