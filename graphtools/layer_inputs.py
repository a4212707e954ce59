"""The inputs that a layer takes, by its weights, and the layers that each of forward's arguments goes to."""

from __future__ import annotations

import inspect
import re
import time
from typing import Any

import torch
import torch.fx
from torch import nn
from torch.nn import functional

from graphtools.capture.preserve import preserved
from graphtools.errors import LimitError
from graphtools.example_inputs import InputSpec

_STEPS = 2000  # operations that are looked at, at most for so many seconds, to see where an argument goes
_SECONDS = 1.0
_SIDES = {1: (1024, 128, 64), 2: (224, 32, 28, 64, 96, 8, 128, 299), 3: (16, 32, 64)}  # of images, tried in turn


def named_inputs(model: nn.Module, name: str) -> list[InputSpec]:
    """What an argument of one of transformers' names takes, by the model's config and layers; nothing for others."""
    if re.fullmatch(r"(.+_)?input_ids", name):
        embedding = next((m for m in model.modules() if isinstance(m, nn.Embedding)), None)
        counts = [_setting(model, "vocab_size"), embedding.num_embeddings if embedding is not None else None]
        known = [count for count in counts if isinstance(count, int)]
        return _indices(min(known)) if known else []
    if name == "token_type_ids":
        return _indices(_setting(model, "type_vocab_size") or 1)
    if name == "pixel_values":
        conv = next((m for m in model.modules() if isinstance(m, nn.modules.conv._ConvNd)), None)
        n_channels = _setting(model, "num_channels") or (conv.in_channels if conv is not None else 3)
        side = _setting(model, "image_size")
        sides = (side, side) if isinstance(side, int) else tuple(side) if isinstance(side, list | tuple) else None
        usual = _channels(n_channels, 2, torch.float32)
        return [InputSpec((1, n_channels, *sides)), *usual] if sides else usual
    if name == "input_values":
        return [InputSpec((1, 16000))]  # one second of sound
    if name == "input_features":
        n_frames = 2 * (_setting(model, "max_source_positions") or 1500)
        return [InputSpec((1, _setting(model, "num_mel_bins") or 80, n_frames))]
    return []


def first_inputs(model: nn.Module) -> list[InputSpec]:
    """What the first layer takes that tells anything, in the order of `modules()`; nothing if there is none."""
    return next((specs for layer in model.modules() if (specs := _layer(layer))), [])


def layer_inputs(model: nn.Module) -> dict[str, list[InputSpec]]:
    """What forward's arguments take, by the first layer that torch.fx sees each one go to; others are left out.

    Runs forward's Python code with stand-ins for its arguments, as far as that goes.
    """
    tracer = _Probe()
    with preserved(model):
        try:
            tracer.trace(model, _defaults(model))
        except LimitError:
            raise
        except Exception:  # what it has seen until then is good
            pass
    graph = getattr(tracer, "graph", None)
    found = {}
    for node in graph.nodes if graph is not None else ():
        if node.op == "placeholder" and (specs := _consumed(tracer, node)):
            found[str(node.target)] = specs
    return found


def _defaults(model: nn.Module) -> dict[str, Any] | None:
    parameters = inspect.signature(model.forward).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not p.empty} or None


class _Probe(torch.fx.Tracer):
    def __init__(self) -> None:
        super().__init__()
        self.ends = time.monotonic() + _SECONDS

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return bool(_layer(m)) or super().is_leaf_module(m, module_qualified_name)

    def create_node(self, *args: Any, **kwargs: Any) -> torch.fx.Node:
        if len(self.graph.nodes) > _STEPS or time.monotonic() > self.ends:
            raise RuntimeError("enough was seen")
        return super().create_node(*args, **kwargs)


def _consumed(tracer: _Probe, argument: torch.fx.Node) -> list[InputSpec]:
    """What the first layer takes that `argument` reaches through operations that are no layers."""
    seen, reached = {argument}, [(argument, 0, 1)]
    for node, others, share in reached:
        for user in node.users:
            if user in seen:
                continue
            seen.add(user)
            specs = _taken(tracer, user, node)
            if specs:
                return [_split(spec, others, share) for spec in specs if share == 1 or spec.dtype.is_floating_point]
            joined = user.args[0] if user.target in (torch.cat, torch.concat) and user.args else None
            widths = [_width(tracer, part) for part in joined] if isinstance(joined, list | tuple) else [0]
            reached.append((user, others + sum(widths), share * widths.count(0)))
    return []


def _width(tracer: _Probe, node: Any) -> int:
    """The width of what a layer gives; 0 if it is not known."""
    if not isinstance(node, torch.fx.Node) or node.op != "call_module":
        return 0
    layer = tracer.root.get_submodule(str(node.target))
    return int(getattr(layer, "embedding_dim", 0) or getattr(layer, "out_features", 0))


def _split(spec: InputSpec, others: int, share: int) -> InputSpec:
    """An equal share of what `others` leave of a width to which several values are joined."""
    if others == 0 and share == 1:
        return spec
    return InputSpec((*spec.shape[:-1], max(1, (spec.shape[-1] - others) // max(1, share))), spec.dtype)


def _taken(tracer: _Probe, user: torch.fx.Node, given: torch.fx.Node) -> list[InputSpec]:
    if user.op == "call_module":
        layer = tracer.root.get_submodule(str(user.target))
        return _second(layer) if user.args[1:2] == (given,) != user.args[:1] else _layer(layer)
    weight = _tensor(tracer, user, 1, "weight")
    if weight is not None and weight.dim() >= 2 and user.args[:1] == (given,):
        if user.target is functional.linear:
            return _features(weight.shape[1], weight.dtype)
        if user.target is functional.embedding:
            return _indices(weight.shape[0])
        if user.target in (functional.conv1d, functional.conv2d, functional.conv3d):
            return _channels(weight.shape[1], weight.dim() - 2, weight.dtype)
        if getattr(user.target, "__name__", user.target) in ("matmul", "mm"):
            return _features(weight.shape[-2], weight.dtype)
    table = _tensor(tracer, user, 0, "")
    if table is not None and getattr(user.target, "__name__", "") == "getitem" and user.args[1:] == (given,):
        return _indices(table.shape[0])  # weights[ids]
    return []


def _tensor(tracer: _Probe, user: torch.fx.Node, place: int, name: str) -> torch.Tensor | None:
    """The parameter or buffer that `user` is given there."""
    node = user.args[place] if len(user.args) > place else user.kwargs.get(name)
    if not isinstance(node, torch.fx.Node) or node.op != "get_attr":
        return None
    value: Any = tracer.root
    for part in str(node.target).split("."):
        value = getattr(value, part, None)
    return value if isinstance(value, torch.Tensor) and value.dim() else None


# -- what a layer takes ------------------------------------------------------------------------------------------------


def _layer(layer: nn.Module) -> list[InputSpec]:
    dtype = next((p.dtype for p in layer.parameters(recurse=False) if p.dtype.is_floating_point), torch.float32)
    if any(nn.parameter.is_lazy(p) for p in layer.parameters(recurse=False)):
        return []
    if isinstance(layer, nn.Embedding | nn.EmbeddingBag):
        return _indices(layer.num_embeddings)
    if isinstance(layer, nn.modules.conv._ConvNd):
        return _channels(layer.in_channels, len(layer.kernel_size), dtype)
    if isinstance(layer, nn.Linear):
        return _features(layer.in_features, dtype)
    if isinstance(layer, nn.Bilinear):
        return _features(layer.in1_features, dtype)
    if isinstance(layer, nn.RNNBase):
        width = layer.input_size
        return [InputSpec((1, 8, width) if layer.batch_first else (8, 1, width), dtype)]
    if isinstance(layer, nn.modules.rnn.RNNCellBase):
        return [InputSpec((1, layer.input_size), dtype), InputSpec((1, 8, layer.input_size), dtype)]
    if isinstance(layer, nn.MultiheadAttention):
        return [InputSpec((1, 8, layer.embed_dim), dtype)]
    if isinstance(layer, nn.LayerNorm):
        sizes = tuple(layer.normalized_shape)
        return [InputSpec((1, 8, *sizes), dtype), InputSpec((1, *sizes), dtype)]
    if isinstance(layer, nn.modules.batchnorm._BatchNorm) and layer.num_features:
        sizes = {"1": (), "2": (8, 8), "3": (8, 8, 8)}.get(type(layer).__name__[-2:-1], ())
        return [InputSpec((2, layer.num_features, *sizes), dtype)]
    return []


def _second(layer: nn.Module) -> list[InputSpec]:
    """What a layer takes as its second input, for one sequence: a hidden state, or again what it takes."""
    dtype = next((p.dtype for p in layer.parameters(recurse=False)), torch.float32)
    if isinstance(layer, nn.RNNBase) and not isinstance(layer, nn.LSTM):
        n_states = layer.num_layers * (2 if layer.bidirectional else 1)
        return [InputSpec((n_states, 1, layer.hidden_size), dtype)]
    if isinstance(layer, nn.RNNCell | nn.GRUCell):
        return [InputSpec((1, layer.hidden_size), dtype)]
    if isinstance(layer, nn.Bilinear):
        return _features(layer.in2_features, dtype)
    return _layer(layer)


def _indices(count: int) -> list[InputSpec]:
    shapes: tuple[tuple[int, ...], ...] = ((1, 16), (1, 8), (1, 4), (1, 1), (16,), (1,))
    return [InputSpec(shape, torch.int64, 0, count) for shape in shapes]


def _channels(n_channels: int, n_dimensions: int, dtype: torch.dtype) -> list[InputSpec]:
    return [InputSpec((1, n_channels, *[side] * n_dimensions), dtype) for side in _SIDES[n_dimensions]]


def _features(width: int, dtype: torch.dtype) -> list[InputSpec]:
    specs = [InputSpec((1, width), dtype), InputSpec((1, 8, width), dtype)]
    for n_channels in (1, 3):  # images that the model flattens
        side = round((width // n_channels) ** 0.5)
        if side * side * n_channels == width:
            specs.append(InputSpec((1, n_channels, side, side), dtype))
    return specs


def _setting(model: nn.Module, name: str) -> Any:
    """A setting of the model's config, or of the config of one of its parts, as in transformers; None without one."""
    config = getattr(model, "config", None)
    parts = (config, *(getattr(config, part, None) for part in ("text_config", "vision_config", "audio_config")))
    return next((value for part in parts if (value := getattr(part, name, None)) is not None), None)
