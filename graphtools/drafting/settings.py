"""Reads the constructor arguments of a module back from the module: `Conv2d(3, 64, kernel_size=7, bias=False)`.

What is read is proved: a second module is made of it, without memory, and must agree with the first in every attribute
that is a literal, in the shape of every parameter and buffer, and in its modules.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import torch
from torch import nn

from graphtools.graph import ListArg, Symbol, freeze

_PLACING = ("device", "dtype")  # where and in which type: no part of what a module is


def parameters_of(kind: Any) -> Mapping[str, inspect.Parameter]:
    """The constructor's parameters by name, without self, device and dtype. Empty where there is no signature."""
    return _parameters_of(kind)


@lru_cache(maxsize=2048)
def _parameters_of(kind: Any) -> Mapping[str, inspect.Parameter]:
    try:
        found = inspect.signature(kind).parameters
    except (TypeError, ValueError):
        return {}
    return {name: parameter for name, parameter in found.items() if name not in _PLACING}


def read_settings(module: nn.Module) -> Mapping[str, Any] | None:
    """The arguments with which the module's class makes its like, in the forms of a Graph; None if that fails.

    Every argument is named, those at their default too. Allocates nothing: the proof runs on the meta device.
    """
    kind = type(module)
    if has_hooks(module):
        return None
    if isinstance(module, nn.RNNBase):
        return _settings_of_recurrent(module)
    found: dict[str, Any] = {}
    own = _OWN.get(kind.__name__, {})
    for name, parameter in parameters_of(kind).items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            if _is_needed(module, name):
                return None
            continue
        if name in own:
            try:
                value = own[name](module)
            except (KeyError, AttributeError):
                return None
        elif name in vars(module) or name in module._parameters or name in module._buffers or name in module._modules:
            value = getattr(module, name)
        elif parameter.default is not parameter.empty:
            value = parameter.default
        else:
            return None
        if isinstance(value, torch.Tensor) or (name == "bias" and value is None):
            value = value is not None
        try:
            found[name] = _literal(value)
        except TypeError:
            return None
    settings = _plain(kind, found)
    return freeze(settings.items()) if _agrees(module, settings) else None


def has_hooks(module: nn.Module) -> bool:
    """Whether a module, or one inside it, does more than its class says: by hooks, or a forward of its own."""
    return any(m._forward_hooks or m._forward_pre_hooks or "forward" in vars(m) for m in module.modules())


def recurrent_names(kind: type) -> tuple[str, ...]:
    """The names of the arguments of a recurrent module, whose constructor takes *args, in their order."""
    names = ["input_size", "hidden_size", "num_layers", "bias", "batch_first", "dropout", "bidirectional"]
    if kind is nn.RNN:
        names.insert(3, "nonlinearity")
    return (*names, "proj_size") if kind is nn.LSTM else tuple(names)


def _settings_of_recurrent(module: nn.RNNBase) -> Mapping[str, Any] | None:
    settings = {name: getattr(module, name) for name in recurrent_names(type(module))}
    return freeze(settings.items()) if _agrees(module, settings) else None


def _is_needed(module: nn.Module, name: str) -> bool:
    return isinstance(module, nn.Sequential | nn.ModuleList | nn.ModuleDict) or name in vars(module)


_OWN: dict[str, dict[str, Any]] = {
    "MultiheadAttention": {
        "bias": lambda m: m.in_proj_bias is not None,
        "add_bias_kv": lambda m: m.bias_k is not None,
        "kdim": lambda m: None if m.kdim == m.embed_dim else m.kdim,
        "vdim": lambda m: None if m.vdim == m.embed_dim else m.vdim,
    },
    "Upsample": {"scale_factor": lambda m: m.scale_factor},
    "Bilinear": {"bias": lambda m: m.bias is not None},
    "TransformerEncoderLayer": {
        "d_model": lambda m: m.self_attn.embed_dim,
        "nhead": lambda m: m.self_attn.num_heads,
        "dim_feedforward": lambda m: m.linear1.out_features,
        "dropout": lambda m: m.dropout.p,
        "activation": lambda m: {"relu": "relu", "gelu": "gelu"}[m.activation.__name__],
        "layer_norm_eps": lambda m: m.norm1.eps,
        "batch_first": lambda m: m.self_attn.batch_first,
        "bias": lambda m: m.linear1.bias is not None,
    },
    "PReLU": {"init": lambda m: getattr(m, "init", 0.25)},
    "Embedding": {"_weight": lambda m: None, "_freeze": lambda m: False},
    "EmbeddingBag": {"_weight": lambda m: None},
    "GRUCell": {"bias": lambda m: m.bias},
}
_OWN["TransformerDecoderLayer"] = _OWN["TransformerEncoderLayer"]

_HIDDEN = {"Embedding": ("_weight", "_freeze"), "EmbeddingBag": ("_weight",)}


def _plain(kind: type, settings: dict[str, Any]) -> dict[str, Any]:
    """As a person writes it: 3 for (3, 3), nothing that is no setting of a user's."""
    hidden = _HIDDEN.get(kind.__name__, ())
    plain = {name: value for name, value in settings.items() if name not in hidden}
    if issubclass(kind, nn.modules.conv._ConvNd):
        for name in ("kernel_size", "stride", "padding", "dilation", "output_padding"):
            value = plain.get(name)
            if isinstance(value, tuple) and len(set(value)) == 1:
                plain[name] = value[0]
    is_pool = issubclass(kind, nn.modules.pooling._MaxPoolNd | nn.AvgPool2d | nn.AvgPool3d)
    if is_pool and plain.get("stride") == plain.get("kernel_size"):
        plain["stride"] = None
    shape = plain.get("normalized_shape")
    if isinstance(shape, tuple) and len(shape) == 1:
        plain["normalized_shape"] = shape[0]
    if plain.get("affine") is False or plain.get("elementwise_affine") is False:
        plain.pop("bias", None)
    return plain


def _literal(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list):
        return ListArg(_literal(item) for item in value)
    if isinstance(value, tuple):
        return tuple(_literal(item) for item in value)
    if isinstance(value, torch.dtype):
        return Symbol("dtype", str(value))
    raise TypeError(f"a {type(value).__name__} is no setting")


def thaw(value: Any) -> Any:
    """A setting as Python takes it."""
    if isinstance(value, ListArg):
        return [thaw(item) for item in value]
    if isinstance(value, tuple):
        return tuple(thaw(item) for item in value)
    if isinstance(value, Symbol) and value.kind in ("dtype", "layout", "memory_format"):
        return getattr(torch, value.text.removeprefix("torch."))
    if isinstance(value, Symbol) and value.kind == "device":
        return torch.device(value.text)
    if isinstance(value, Mapping):
        return {key: thaw(item) for key, item in value.items()}
    return value


def _agrees(module: nn.Module, settings: Mapping[str, Any]) -> bool:
    try:
        with torch.random.fork_rng([]), torch.device("meta"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            twin = type(module)(**{name: thaw(value) for name, value in settings.items()})
    except Exception:  # whatever the constructor raises, these were not its arguments
        return False
    mine, theirs = list(module.named_modules()), list(twin.named_modules())
    return len(mine) == len(theirs) and all(_alike(a, b) for a, b in zip(mine, theirs, strict=True))


_TABLES = frozenset(vars(nn.Module()))


def _alike(mine: tuple[str, nn.Module], twin: tuple[str, nn.Module]) -> bool:
    """Whether a module has all that its twin has. It may have more: libraries leave marks of their own on it."""
    if mine[0] != twin[0] or type(mine[1]) is not type(twin[1]):
        return False
    for table in ("_parameters", "_buffers"):
        if _shapes(getattr(mine[1], table)) != _shapes(getattr(twin[1], table)):
            return False
    held = vars(mine[1])
    return all(
        key in held and (repr(held[key]) == repr(value) or not _is_literal(held[key]))
        for key, value in vars(twin[1]).items()
        if key not in _TABLES and _is_literal(value)
    )


def _is_literal(value: Any) -> bool:
    if isinstance(value, tuple | list):
        return all(_is_literal(item) for item in value)
    return value is None or isinstance(value, bool | int | float | str)


def _shapes(table: Mapping[str, torch.Tensor | None]) -> dict[str, tuple[int, ...] | None]:
    return {name: None if tensor is None else tuple(tensor.shape) for name, tensor in table.items()}
