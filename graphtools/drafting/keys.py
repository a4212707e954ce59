"""By what a call is told from others, so that what it gave is remembered: all that its result depends on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensor

from graphtools.drafting.plan import substitute
from graphtools.graph import ListArg, Symbol


def are_same(some: Sequence[Any], others: Sequence[Any]) -> bool:
    """Whether two sequences hold the very same objects."""
    return len(some) == len(others) and all(a is b for a, b in zip(some, others, strict=True))


def numbered(arg: Any, order: Mapping[str, int]) -> Any:
    """An argument with references by the number of what they refer to."""
    return substitute(arg, lambda ref: ("value", order[ref.node], ref.path))


def key_of(value: Any) -> Any:
    """What a call's result depends on of an argument. Raises TypeError for what cannot be told by its look."""
    if isinstance(value, torch.Tensor):
        if not isinstance(value, FakeTensor):
            return id(value)
        return ("tensor", value.dtype, tuple(value.shape), value.stride(), str(value.device), value.is_contiguous())
    if value is None or isinstance(value, bool | int | float | str | complex):
        return (type(value), value)
    if isinstance(value, tuple | list):
        return (type(value), *(key_of(item) for item in value))
    if isinstance(value, Mapping):
        return (dict, *((key, key_of(item)) for key, item in value.items()))
    if isinstance(value, slice):
        return ("slice", key_of(value.start), key_of(value.stop), key_of(value.step))
    if isinstance(value, torch.dtype | torch.device | torch.layout | torch.memory_format) or value is Ellipsis:
        return str(value)
    if isinstance(value, Symbol | ListArg):
        return str(value)
    raise TypeError(f"{type(value).__name__} is no key")
