"""The settings that a new module starts with: sizes from the value that comes in, and for the rest what is usual."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphtools.graph import ListArg, Spec
from graphtools.palette import Entry

# Which dimension of the value that comes in gives a setting: that of channels, or the last.
_FROM_INPUT = {
    "in_channels": 1, "num_features": 1, "num_channels": 1, "in_features": -1, "normalized_shape": -1,
    "input_size": -1, "embed_dim": -1, "d_model": -1, "in1_features": -1, "in2_features": -1, "inplanes": 1, "inp": 1,
    "input_channels": 1, "width_in": 1, "in_planes": 1, "in_dim": -1, "hidden_dim": -1,
}  # fmt: skip
# What torch gives no default for and a graph cannot tell: the sizes of small textbook examples.
_USUAL: dict[str, Any] = {
    "out_features": 64, "out_channels": 16, "kernel_size": 3, "num_embeddings": 1000, "embedding_dim": 64,
    "hidden_size": 64, "num_heads": 4, "nhead": 4, "num_groups": 4, "output_size": 1, "upscale_factor": 2,
    "downscale_factor": 2, "num_layers": 1, "n_classes": 10, "size": 5, "groups": 1, "dim": 1, "num_channels": 16,
    "num_features": 16, "in_channels": 1, "in_features": 64, "normalized_shape": 64, "input_size": 64,
    "embed_dim": 64, "d_model": 64, "in1_features": 64, "in2_features": 64, "unflattened_size": (1, -1),
    "inplanes": 16, "planes": 16, "inp": 16, "oup": 16, "input_channels": 16, "squeeze_channels": 4, "stride": 1,
    "expand_ratio": 4, "in_planes": 16, "out_planes": 16, "midplanes": 16, "in_dim": 64, "mlp_dim": 128,
    "hidden_dim": 64, "dropout": 0.1, "attention_dropout": 0.0, "layer_scale": 1e-6, "stochastic_depth_prob": 0.0,
    "ch1x1": 16, "ch3x3red": 16, "ch3x3": 16, "ch5x5red": 4, "ch5x5": 8, "pool_proj": 8, "pool_features": 16,
    "channels_7x7": 16, "squeeze_planes": 4, "expand1x1_planes": 8, "expand3x3_planes": 8, "num_classes": 10,
    "channels": 16, "dilation": 2, "hidden_channels": ListArg([64, 64]), "atrous_rates": ListArg([2, 4]),
    "window_size": ListArg([7, 7]), "shift_size": ListArg([0, 0]),
    "padding": 1, "lambd": 0.5, "threshold": 0.1, "value": 0.0,
}  # fmt: skip

_WIDTH_AT = {  # where a name alone does not tell
    ("CNBlock", "dim"): 1, ("PatchMerging", "dim"): -1, ("PatchMergingV2", "dim"): -1, ("MLP", "in_channels"): -1,
    ("ShiftedWindowAttention", "dim"): -1, ("ShiftedWindowAttentionV2", "dim"): -1,
    ("SwinTransformerBlock", "dim"): -1, ("SwinTransformerBlockV2", "dim"): -1,
}  # fmt: skip
_BATCH_FIRST = ("MultiheadAttention", "TransformerEncoderLayer", "TransformerDecoderLayer", "LSTM", "GRU", "RNN")

# What functions must be told beside the values they work on.
_USUAL_ARGUMENTS: dict[str, Any] = {
    "dim": -1, "dim0": -2, "dim1": -1, "axis0": -2, "axis1": -1, "output_size": 1, "p": 0.5, "train": True,
    "kernel_size": 2, "chunks": 2, "k": 1, "n": 2, "q": 0.5, "shifts": 1, "groups": 1, "num_groups": 1, "start": 0,
    "length": 1, "index": 0, "upscale_factor": 2, "downscale_factor": 2, "split_size_or_sections": 1,
    "indices_or_sections": 2, "min": 0.0, "max": 1.0,
}  # fmt: skip


def first_argument(entry: Entry, name: str) -> Any:
    """What a function's argument without a default starts with; None where that is a value of the graph, or nothing is
    usual."""
    is_setting = any(parameter.name == name for parameter in entry.parameters)
    return _USUAL_ARGUMENTS.get(name) if is_setting else None


def first_settings(entry: Entry, given: Spec | None) -> Mapping[str, Any]:
    """Values for the parameters of a module that have no default, and for those whose default is of no use.

    `given` is the type of its first value. For a function's parameters without a default see `first_argument`.
    """
    found: dict[str, Any] = {}
    for parameter in entry.parameters if entry.is_module else ():
        if not parameter.is_required:
            continue
        name = parameter.name
        at = _WIDTH_AT.get((entry.title, name), _FROM_INPUT.get(name))
        size = None if at is None else _size(given, at)
        if size is not None:
            found[name] = size
        elif name == "kernel_size" and "Pool" in entry.title:
            found[name] = 2
        elif name in _USUAL:
            found[name] = _USUAL[name]
    if entry.title in _BATCH_FIRST:
        found["batch_first"] = True
    if entry.title == "BasicConv2d":
        found["kernel_size"] = 1
    if entry.title in ("Upsample", "interpolate"):
        found["scale_factor"] = 2
    if entry.title in ("Softmax", "LogSoftmax", "Softmin", "softmax", "log_softmax", "softmin") and any(
        parameter.name == "dim" and not parameter.is_required for parameter in entry.parameters
    ):
        found["dim"] = -1
    if entry.title in ("cat", "concat", "concatenate") and given is not None and len(given.shape) > 1:
        found["dim"] = 1
    if "planes" in found and "inplanes" in found:  # a block adds what it is given to what it makes of it
        found["planes"] = _divided(found["inplanes"], 4) if entry.title == "Bottleneck" else found["inplanes"]
    if "oup" in found and "inp" in found:
        found["oup"] = found["inp"]
    heads = "num_heads" if "num_heads" in found else "nhead"
    width = found.get("embed_dim", found.get("d_model", found.get("hidden_dim", found.get("dim", 0))))
    if heads in found and width:
        found[heads] = next(n for n in (4, 3, 2, 1) if width % n == 0)
    if "num_groups" in found and isinstance(found.get("num_channels"), int):
        found["num_groups"] = next(n for n in (4, 3, 2, 1) if found["num_channels"] % n == 0)
    return found


def _divided(size: int, by: int) -> int:
    return max(size // by, 1)


def _size(given: Spec | None, dim: int) -> int | None:
    if given is None or not -len(given.shape) <= dim < len(given.shape):
        return None
    size = given.shape[dim]
    return size if isinstance(size, int) else None
