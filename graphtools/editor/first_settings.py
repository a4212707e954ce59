"""The settings that a new module starts with: sizes from the value that comes in, and for the rest what is usual."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphtools.graph import Spec
from graphtools.palette import Entry

# Which dimension of the value that comes in gives a setting: that of channels, or the last.
_FROM_INPUT = {
    "in_channels": 1, "num_features": 1, "num_channels": 1, "in_features": -1, "normalized_shape": -1,
    "input_size": -1, "embed_dim": -1, "d_model": -1, "in1_features": -1, "in2_features": -1,
}  # fmt: skip
# What torch gives no default for and a graph cannot tell: the sizes of small textbook examples.
_USUAL: dict[str, Any] = {
    "out_features": 64, "out_channels": 16, "kernel_size": 3, "num_embeddings": 1000, "embedding_dim": 64,
    "hidden_size": 64, "num_heads": 4, "nhead": 4, "num_groups": 4, "output_size": 1, "upscale_factor": 2,
    "downscale_factor": 2, "num_layers": 1, "n_classes": 10, "size": 5, "groups": 1, "dim": 1, "num_channels": 16,
    "num_features": 16, "in_channels": 1, "in_features": 64, "normalized_shape": 64, "input_size": 64,
    "embed_dim": 64, "d_model": 64, "in1_features": 64, "in2_features": 64, "unflattened_size": (1, -1),
    "padding": 1, "lambd": 0.5, "threshold": 0.1, "value": 0.0,
}  # fmt: skip

_BATCH_FIRST = ("MultiheadAttention", "TransformerEncoderLayer", "TransformerDecoderLayer", "LSTM", "GRU", "RNN")


def first_settings(entry: Entry, given: Spec | None) -> Mapping[str, Any]:
    """Values for the parameters of a module that have no default; `given` is the type of its first value."""
    found: dict[str, Any] = {}
    for parameter in entry.parameters:
        if not parameter.is_required:
            continue
        name = parameter.name
        size = _size(given, _FROM_INPUT[name]) if name in _FROM_INPUT else None
        if size is not None:
            found[name] = size
        elif name == "kernel_size" and "Pool" in entry.title:
            found[name] = 2
        elif name in _USUAL:
            found[name] = _USUAL[name]
    if entry.title in _BATCH_FIRST:
        found["batch_first"] = True
    heads = "num_heads" if "num_heads" in found else "nhead"
    width = found.get("embed_dim", found.get("d_model", 0))
    if heads in found and width:
        found[heads] = next(n for n in (4, 3, 2, 1) if width % n == 0)
    if "num_groups" in found and isinstance(found.get("num_channels"), int):
        found["num_groups"] = next(n for n in (4, 3, 2, 1) if found["num_channels"] % n == 0)
    return found


def _size(given: Spec | None, dim: int) -> int | None:
    if given is None or not -len(given.shape) <= dim < len(given.shape):
        return None
    size = given.shape[dim]
    return size if isinstance(size, int) else None
