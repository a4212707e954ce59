"""What operations are made of, one level down: each rule is plain Python over simpler operations.

A rule takes the module that is taken apart (or None for a function) and gives a function of the call's arguments. It is
run once with torch.fx's proxies, which write down what it does. Rules that ask for `sizes` or `is_double` are given
them: the sizes of what comes in, and whether it is of double precision.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F

Rule = Callable[..., Any]


def linear(x: Any, weight: Any, bias: Any = None) -> Any:
    """y = x Wᵀ + b."""
    y = torch.matmul(x, torch.transpose(weight, 0, 1))
    return y if bias is None else y + bias


def softmax(x: Any, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Any:
    """exp(x - max x) / Σ exp(x - max x)."""
    if dim is None or dtype is not None:
        raise NotImplementedError
    powers = torch.exp(x - torch.amax(x, dim, True))
    return powers / torch.sum(powers, dim, True)


def log_softmax(x: Any, dim: int = -1, _stacklevel: int = 3, dtype: Any = None) -> Any:
    """x - max x - log Σ exp(x - max x)."""
    if dim is None or dtype is not None:
        raise NotImplementedError
    shifted = x - torch.amax(x, dim, True)
    return shifted - torch.log(torch.sum(torch.exp(shifted), dim, True))


def layer_norm(x: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    """(x - mean) / sqrt(variance + ε) · w + b, over the last dimensions."""
    count = len(normalized_shape) if isinstance(normalized_shape, tuple | list) else 1
    dims = tuple(range(-count, 0))
    centered = x - torch.mean(x, dims, True)
    y = centered * torch.rsqrt(torch.mean(centered * centered, dims, True) + eps)
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


def rms_norm(
    x: Any, normalized_shape: Any, weight: Any = None, eps: float | None = None, *, is_double: bool = False
) -> Any:
    """x / sqrt(mean of squares + ε) · w. Without an ε torch takes that of the type it computes in, never a half's."""
    if eps is None:
        eps = torch.finfo(torch.float64 if is_double else torch.float32).eps
    count = len(normalized_shape) if isinstance(normalized_shape, tuple | list) else 1
    dims = tuple(range(-count, 0))
    y = x * torch.rsqrt(torch.mean(x * x, dims, True) + eps)
    return y if weight is None else y * weight


def attention(
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
    *,
    sizes: tuple[int, int, int] | None = None,
) -> Any:
    """softmax(Q Kᵀ / √d + mask) V. `sizes` are the lengths of queries and keys and the depth d."""
    if dropout_p or enable_gqa or sizes is None:
        raise NotImplementedError
    n_queries, n_keys, depth = sizes
    scores = torch.matmul(query, torch.transpose(key, -2, -1)) * (1 / math.sqrt(depth) if scale is None else scale)
    if is_causal:
        mask = torch.triu(torch.full((n_queries, n_keys), float("-inf")), 1)
        scores = scores + mask
    if attn_mask is not None:
        scores = scores + attn_mask
    return torch.matmul(torch.softmax(scores, -1), value)


def gelu(x: Any, approximate: str = "none") -> Any:
    """x · Φ(x), with the error function or its approximation by tanh."""
    if approximate == "tanh":
        return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)))
    return 0.5 * x * (1 + torch.erf(x / math.sqrt(2)))


def silu(x: Any, inplace: bool = False) -> Any:
    """x · σ(x)."""
    return x * torch.sigmoid(x)


def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x))."""
    return 1 / (1 + torch.exp(-x))


def tanh(x: Any) -> Any:
    """2 σ(2x) - 1."""
    return 2 * torch.sigmoid(2 * x) - 1


def relu(x: Any, inplace: bool = False) -> Any:
    """max(x, 0)."""
    return torch.clamp_min(x, 0)


def softplus(x: Any, beta: float = 1.0, threshold: float = 20.0) -> Any:
    """log(1 + exp(βx)) / β, and x itself where βx is above the threshold."""
    return torch.where(x * beta > threshold, x, torch.log1p(torch.exp(x * beta)) / beta)


def batch_norm(module: Any) -> Rule:
    """(x - running mean) / sqrt(running variance + ε) · w + b: as in eval mode."""

    def forward(x: Any, sizes: tuple[int, ...] = ()) -> Any:
        if module.running_mean is None or len(sizes) < 2:
            raise NotImplementedError
        shape = (1, -1, *[1] * (len(sizes) - 2))
        scale = torch.rsqrt(module.running_var + module.eps)
        scale = scale if module.weight is None else scale * module.weight
        y = (x - torch.reshape(module.running_mean, shape)) * torch.reshape(scale, shape)
        return y if module.bias is None else y + torch.reshape(module.bias, shape)

    return forward


def conv2d(module: Any) -> Rule:
    """Patches of the image as columns, times the weights: unfold and one matrix product."""

    def forward(x: Any, sizes: tuple[int, ...] = ()) -> Any:
        if module.groups != 1 or module.padding_mode != "zeros" or isinstance(module.padding, str) or not sizes:
            raise NotImplementedError
        columns = F.unfold(x, module.kernel_size, module.dilation, module.padding, module.stride)
        y = torch.matmul(torch.flatten(module.weight, 1), columns)
        y = y if module.bias is None else y + torch.reshape(module.bias, (-1, 1))
        return torch.unflatten(y, -1, sizes[-2:])

    return forward


def lstm(module: Any) -> Rule:
    """Step by step: i, f, o = σ(·), g = tanh(·); c ← f·c + i·g; h ← o·tanh(c)."""

    def forward(x: Any, sizes: tuple[int, ...] = ()) -> Any:
        if module.bidirectional or module.proj_size or len(sizes) != 3:
            raise NotImplementedError
        count = sizes[1 if module.batch_first else 0]
        steps = torch.unbind(x, 1 if module.batch_first else 0)
        values = [steps[index] for index in range(count)]
        last_h: list[Any] = []
        last_c: list[Any] = []
        for layer in range(module.num_layers):
            h: Any = None
            c: Any = None
            outputs = []
            for value in values:
                gates = F.linear(value, getattr(module, f"weight_ih_l{layer}"), _bias(module, "ih", layer))
                if h is not None:
                    gates = gates + F.linear(h, getattr(module, f"weight_hh_l{layer}"), _bias(module, "hh", layer))
                elif module.bias:
                    gates = gates + _bias(module, "hh", layer)
                size = module.hidden_size
                i, f = torch.sigmoid(gates[:, :size]), torch.sigmoid(gates[:, size : 2 * size])
                g, o = torch.tanh(gates[:, 2 * size : 3 * size]), torch.sigmoid(gates[:, 3 * size :])
                c = i * g if c is None else f * c + i * g
                h = o * torch.tanh(c)
                outputs.append(h)
            values = outputs
            last_h.append(h)
            last_c.append(c)
        dim = 1 if module.batch_first else 0
        return torch.stack(values, dim), (torch.stack(last_h, 0), torch.stack(last_c, 0))

    return forward


def _bias(module: Any, which: str, layer: int) -> Any:
    return getattr(module, f"bias_{which}_l{layer}") if module.bias else None


def multihead_attention(module: Any) -> Rule:
    """Projections of queries, keys and values, attention in every head, and a projection of all heads together."""

    def forward(query: Any, key: Any, value: Any, need_weights: bool = True, **options: Any) -> Any:
        others = {name: option for name, option in options.items() if option not in (None, False)}
        is_plain = module.in_proj_weight is not None and module.bias_k is None and not module.add_zero_attn
        if others or need_weights or not is_plain:
            raise NotImplementedError
        size, heads = module.embed_dim, module.num_heads
        parts: list[Any] = []
        for index, given in enumerate((query, key, value)):
            rows = slice(index * size, (index + 1) * size)
            bias = None if module.in_proj_bias is None else module.in_proj_bias[rows]
            given = given if module.batch_first else torch.transpose(given, 0, 1)
            projected = F.linear(given, module.in_proj_weight[rows], bias)
            parts.append(torch.transpose(torch.unflatten(projected, -1, (heads, size // heads)), 1, 2))
        y = F.scaled_dot_product_attention(*parts)
        y = torch.flatten(torch.transpose(y, 1, 2), 2)
        y = F.linear(y, module.out_proj.weight, module.out_proj.bias)
        return (y if module.batch_first else torch.transpose(y, 0, 1), None)

    return forward


def encoder_layer(module: Any) -> Rule:
    """Attention and a network of two layers, each with a shortcut and a norm."""

    def forward(x: Any) -> Any:
        if module.norm_first:
            y = module.norm1(x)
            x = x + module.dropout1(module.self_attn(y, y, y, need_weights=False)[0])
            return x + _feed_forward(module, module.norm2(x))
        x = module.norm1(x + module.dropout1(module.self_attn(x, x, x, need_weights=False)[0]))
        return module.norm2(x + _feed_forward(module, x))

    return forward


def _feed_forward(module: Any, x: Any) -> Any:
    return module.dropout2(module.linear2(module.dropout(module.activation(module.linear1(x)))))


FUNCTIONS: dict[str, Rule] = {
    "torch.nn.functional.linear": linear,
    "torch.nn.functional.softmax": softmax,
    "torch.softmax": softmax,
    "torch.Tensor.softmax": softmax,
    "torch.nn.functional.log_softmax": log_softmax,
    "torch.log_softmax": log_softmax,
    "torch.nn.functional.layer_norm": layer_norm,
    "torch.nn.functional.rms_norm": rms_norm,
    "torch.nn.functional.scaled_dot_product_attention": attention,
    "torch.nn.functional.gelu": gelu,
    "torch.nn.functional.silu": silu,
    "torch.nn.functional.relu": relu,
    "torch.relu": relu,
    "torch.nn.functional.softplus": softplus,
    "torch.sigmoid": sigmoid,
    "torch.nn.functional.sigmoid": sigmoid,
    "torch.tanh": tanh,
    "torch.nn.functional.tanh": tanh,
}
MODULES: dict[str, Callable[[Any], Rule]] = {
    "torch.nn.Linear": lambda m: lambda x: F.linear(x, m.weight, m.bias),
    "torch.nn.Softmax": lambda m: lambda x: softmax(x, m.dim),
    "torch.nn.LogSoftmax": lambda m: lambda x: log_softmax(x, m.dim),
    "torch.nn.LayerNorm": lambda m: lambda x: layer_norm(x, m.normalized_shape, m.weight, m.bias, m.eps),
    "torch.nn.RMSNorm": lambda m: (
        lambda x, is_double: rms_norm(x, m.normalized_shape, m.weight, m.eps, is_double=is_double)
    ),
    "torch.nn.BatchNorm1d": batch_norm,
    "torch.nn.BatchNorm2d": batch_norm,
    "torch.nn.BatchNorm3d": batch_norm,
    "torch.nn.Conv2d": conv2d,
    "torch.nn.GELU": lambda m: lambda x: gelu(x, m.approximate),
    "torch.nn.SiLU": lambda m: silu,
    "torch.nn.ReLU": lambda m: relu,
    "torch.nn.Sigmoid": lambda m: sigmoid,
    "torch.nn.Tanh": lambda m: tanh,
    "torch.nn.Softplus": lambda m: lambda x: softplus(x, m.beta, m.threshold),
    "torch.nn.Flatten": lambda m: lambda x: torch.flatten(x, m.start_dim, m.end_dim),
    "torch.nn.LSTM": lstm,
    "torch.nn.MultiheadAttention": multihead_attention,
    "torch.nn.TransformerEncoderLayer": encoder_layer,
}
