"""What fake tensors let pass and real kernels refuse: the wrong dtype for a layer, too few values for a norm."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from graphtools.capture.specs import dtype_name
from graphtools.graph import Node


class Misfit(TypeError):
    """A layer is given what it cannot take. The message is in words, without the node's name in front."""


_FLOATING = (
    nn.modules.batchnorm._BatchNorm, nn.modules.instancenorm._InstanceNorm, nn.LayerNorm, nn.GroupNorm, nn.Linear,
    nn.Bilinear, nn.modules.conv._ConvNd, nn.RNNBase, nn.MultiheadAttention, nn.RMSNorm,
)  # fmt: skip
_HALF_FREE = frozenset(
    "softmax log_softmax softmin gelu silu mish elu selu celu sigmoid tanh hardswish hardsigmoid leaky_relu "
    "softplus logsigmoid layer_norm batch_norm group_norm avg_pool1d avg_pool2d adaptive_avg_pool2d "
    "dropout normalize glu prelu rrelu hardtanh softsign tanhshrink softshrink hardshrink".split()
)


def check(function: Any, node: Node, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
    """Raises Misfit if the real call would be refused although fake tensors let it pass."""
    given = args[0] if args else next(iter(kwargs.values()), None)
    if not isinstance(given, torch.Tensor):
        if isinstance(function, nn.Module) and given is not None and not isinstance(given, tuple | list):
            raise Misfit(f"expects a tensor but is given {type(given).__name__} {given!r}")
        return
    if isinstance(function, nn.Embedding | nn.EmbeddingBag) or node.operation == "embedding":
        if given.dtype not in (torch.int32, torch.int64):
            raise Misfit(f"looks up rows by integers (i64 or i32) but is given {_type(given)}")
        return
    if isinstance(function, nn.modules.conv._ConvNd):
        n_sides = len(function.kernel_size)
        if given.dim() not in (n_sides + 1, n_sides + 2):
            raise Misfit(
                f"takes {n_sides + 2} dimensions (or {n_sides + 1}, without the batch) but is given {_type(given)}"
            )
    if isinstance(function, _FLOATING):
        weight = next(iter(function.parameters()), None)
        wanted = weight.dtype if weight is not None else torch.float32
        if given.dtype != wanted and (weight is not None or not given.dtype.is_floating_point):
            raise Misfit(f"holds {dtype_name(wanted)} but is given {_type(given)}")
    elif _needs_floats(function, node) and not (given.dtype.is_floating_point or given.dtype.is_complex):
        raise Misfit(f"computes with floats but is given {_type(given)}")
    tensors = [arg for arg in (*args, *kwargs.values()) if isinstance(arg, torch.Tensor)]
    words = ("linear", "conv1d", "conv2d", "conv3d", "matmul", "bmm", "mm", "addmm", "bilinear", "baddbmm")
    if node.operation in words and len({tensor.dtype for tensor in tensors}) > 1:
        raise Misfit(f"multiplies values of one type but is given {' and '.join(map(_type, tensors[:2]))}")


_ANY_DTYPE = (
    nn.Identity, nn.Flatten, nn.Unflatten, nn.ReLU, nn.Sequential, nn.PixelShuffle, nn.PixelUnshuffle,
    nn.ChannelShuffle, nn.ConstantPad1d, nn.ConstantPad2d, nn.ConstantPad3d, nn.ZeroPad1d, nn.ZeroPad2d, nn.ZeroPad3d,
    nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d,
)  # fmt: skip


def _needs_floats(function: Any, node: Node) -> bool:
    if not isinstance(function, nn.Module):
        return node.operation in _HALF_FREE
    return type(function).__module__.startswith("torch.nn.") and not isinstance(function, _ANY_DTYPE)


def _type(tensor: torch.Tensor) -> str:
    return f"{dtype_name(tensor.dtype)}[{', '.join(map(str, tensor.shape))}]"
