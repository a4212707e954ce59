"""Tensors with a type and no values: models of any size are captured without their weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode

from graphtools.structure import leaves, replace_leaves


@lru_cache(maxsize=1)
def import_fake_tensors() -> None:
    """Has torch import now what it imports for the first fake tensors (2 s), so that it counts as no capture's time."""
    FakeTensorMode(allow_non_fake_inputs=True)


@contextmanager
def fake_weights() -> Iterator[FakeTensorMode]:
    """A block in which every tensor made has a type and no values: a model built in it takes no memory for weights."""
    with FakeTensorMode(allow_non_fake_inputs=True) as mode:
        yield mode


@contextmanager
def fake_tensors(
    model: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> Iterator[tuple[tuple[Any, ...], dict[str, Any]]]:
    """A block for a run without values, and the arguments as fake tensors.

    A model that was built with `fake_weights` runs in the mode that made it; a real model's weights are turned into
    fake ones as they are met.
    """
    made_by = _mode_of(model, args, kwargs)
    mode = made_by or FakeTensorMode(allow_non_fake_inputs=True)

    def fake(leaf: Any) -> Any:
        if isinstance(leaf, torch.Tensor) and not isinstance(leaf, FakeTensor):
            return mode.from_tensor(leaf, static_shapes=True)
        return leaf

    with mode:
        yield tuple(replace_leaves(arg, fake) for arg in args), {k: replace_leaves(v, fake) for k, v in kwargs.items()}


def needs_value(error: BaseException) -> bool:
    """Whether it says that the program asked a fake tensor for its value, or for a shape that depends on it."""
    names = ("DataDependentOutputException", "DynamicOutputShapeException", "GuardOnDataDependentSymNode")
    return type(error).__name__ in names or "not supported for tensor subclasses" in str(error)


def _mode_of(model: Any, args: Any, kwargs: Any) -> FakeTensorMode | None:
    tensors = list(model.parameters()) if isinstance(model, nn.Module) else []
    tensors += [leaf for _, leaf in leaves([args, dict(kwargs)])]
    return next((tensor.fake_mode for tensor in tensors if isinstance(tensor, FakeTensor)), None)
