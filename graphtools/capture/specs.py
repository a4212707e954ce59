"""The Spec of a tensor."""

from __future__ import annotations

import torch

from graphtools.errors import DraftError
from graphtools.graph import Spec

_SHORT = {
    torch.float64: "f64", torch.float32: "f32", torch.float16: "f16", torch.bfloat16: "bf16", torch.int64: "i64",
    torch.int32: "i32", torch.int16: "i16", torch.int8: "i8", torch.uint8: "u8", torch.bool: "bool",
    torch.complex64: "c64", torch.complex128: "c128", torch.complex32: "c32", torch.qint8: "qi8", torch.quint8: "qu8",
    torch.qint32: "qi32", torch.uint16: "u16", torch.uint32: "u32", torch.uint64: "u64",
}  # fmt: skip


def dtype_name(dtype: torch.dtype) -> str:
    """`f32` for torch.float32; a dtype without a short form by torch's own name."""
    return _SHORT.get(dtype) or str(dtype).removeprefix("torch.")


def torch_dtype(name: str) -> torch.dtype:
    """torch.float32 for `f32`. Raises DraftError."""
    found = next((dtype for dtype, short in _SHORT.items() if short == name), None) or getattr(torch, name, None)
    if not isinstance(found, torch.dtype):
        raise DraftError(f"no dtype {name!r}; use f32, f64, bf16, i64, bool, ...")
    return found


def raw_spec(tensor: torch.Tensor) -> tuple[torch.dtype, torch.Size, torch.device]:
    """What `make_spec` needs; taken while recording, because it costs a tenth of a Spec."""
    return tensor.dtype, tensor.shape, tensor.device


def make_spec(raw: tuple[torch.dtype, torch.Size, torch.device]) -> Spec:
    """The Spec of what `raw_spec` read."""
    dtype, shape, device = raw
    return Spec(dtype_name(dtype), tuple(s if type(s) is int else _size(s) for s in shape), str(device))


def spec_of(tensor: torch.Tensor) -> Spec:
    """The Spec of a tensor. A nested tensor has no single shape; each ragged size becomes "?"."""
    try:
        return make_spec(raw_spec(tensor))
    except RuntimeError:
        return Spec(dtype_name(tensor.dtype), tuple(["?"] * tensor.dim()), str(tensor.device))


def _size(size: object) -> int | str:
    # A symbolic size whose value is settled is as good as a number.
    node = getattr(size, "node", None)
    settled = node.maybe_as_int() if node is not None and hasattr(node, "maybe_as_int") else None
    return settled if settled is not None else str(size)
