"""Tensors with a type and no values: models of any size are captured without their weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode

from graphtools.structure import leaves, replace_leaves


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


def _mode_of(model: Any, args: Any, kwargs: Any) -> FakeTensorMode | None:
    tensors = list(model.parameters()) if isinstance(model, nn.Module) else []
    tensors += [leaf for _, leaf in leaves([args, dict(kwargs)])]
    return next((tensor.fake_mode for tensor in tensors if isinstance(tensor, FakeTensor)), None)
