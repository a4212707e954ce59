"""Writes tensors into a stream: the memory that they share once, and only the part of it that they use."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import IO, Any

import torch
from torch import nn

from graphtools import compat
from graphtools.capture.specs import dtype_name
from graphtools.recording import ValueLost
from graphtools.saving.archive import Storage
from graphtools.saving.layouts import DTYPES, Dense, Layout, contiguous, extent_of

_PIECE = 16 << 20  # bytes copied at a time, from whatever device
_ALIGNMENT = 16  # bytes; a multiple of every element size, so that all views of a memory keep their offset in elements
_WASTE = 4  # a memory of which less than a quarter is used is not written whole


class _Span:
    """A stretch of one memory that gets written: from byte `low` to `high` of it, for the layouts that point there."""

    def __init__(self, memory: torch.Tensor | Storage, low: int, high: int) -> None:
        self.memory = memory  # a tensor of the whole memory, or the storage of an open file
        self.low = low
        self.high = high
        self.uses: list[tuple[dict[str, Any], int, torch.Tensor | None]] = []  # layout, element size, the tensor

    def widen(self, low: int, high: int) -> None:
        self.low, self.high = min(self.low, low), max(self.high, high)

    @property
    def is_wasteful(self) -> bool:
        """True if the tensors take far fewer bytes than lie between them, as one column of a large table does."""
        tensors = [tensor for _, _, tensor in self.uses if tensor is not None]
        n_bytes = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
        return len(tensors) == len(self.uses) and self.high - self.low > max(_WASTE * n_bytes, 1 << 16)


class TensorWriter:
    """Turns tensors into layouts, and writes their memory to `stream`; `storages` is complete after `finish`.

    A layout's storage and offset are set when its memory is written, which is at once for a `fresh` tensor, one that
    nobody else holds; all others are held until `finish`, so that those that share memory are written together.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self.storages: list[list[int]] = []
        self._stream = stream
        self._n_bytes = 0
        self._spans: dict[int, _Span] = {}
        self._staging: bytearray | None = None

    def describe(self, tensor: torch.Tensor, fresh: bool = False) -> dict[str, Any]:
        """The layout of a tensor as JSON. Raises ValueLost, which says why, for one that cannot be saved."""
        kind = type(tensor).__name__
        try:
            return self._describe(tensor.detach(), fresh)
        except (RuntimeError, NotImplementedError, TypeError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise ValueLost(f"a {kind} like this one cannot be saved: {reason}") from None

    def describe_stored(self, layout: Layout) -> dict[str, Any]:
        """The layout of a tensor that lies in an open file, from which its bytes are copied."""
        if isinstance(layout, Dense):
            described: dict[str, Any] = {"dtype": dtype_name(layout.dtype), "size": list(layout.size)}
            if layout.stride != contiguous(layout.size):
                described["stride"] = list(layout.stride)
            if layout.is_meta:
                described["device"] = "meta"
            if layout.storage is not None:
                span = self._spans.get(id(layout.storage))
                if span is None:
                    span = _Span(layout.storage, 0, layout.storage.n_bytes)
                    self._spans[id(layout.storage)] = span
                described["offset"] = layout.offset
                span.uses.append((described, layout.dtype.itemsize, None))
            return described
        parts = [self.describe_stored(part) for part in layout.parts]
        return _composite(layout.kind, parts, layout.size, **layout.settings)

    def finish(self) -> None:
        """Writes all memory that is still held."""
        for span in self._spans.values():
            self._write(span)
        self._spans.clear()

    # -- describing ---------------------------------------------------------------------------------------------------

    def _describe(self, tensor: torch.Tensor, fresh: bool) -> dict[str, Any]:
        if tensor.is_nested:
            if tensor.layout == torch.jagged:
                lengths = tensor.lengths()  # type: ignore[attr-defined]
                parts = [tensor.values(), tensor.offsets(), *([] if lengths is None else [lengths])]  # type: ignore[attr-defined]
                return _composite("jagged", self._parts(parts, fresh), dim=tensor._ragged_idx)  # type: ignore[attr-defined]
            return _composite("nested", self._parts(list(tensor.unbind()), fresh))
        if tensor.is_quantized:
            return self._quantized(tensor)
        if tensor.layout == torch.sparse_coo:
            parts = [tensor._indices(), tensor._values()]
            return _composite("coo", self._parts(parts, fresh), tuple(tensor.shape), coalesced=tensor.is_coalesced())
        if tensor.layout in _COMPRESSED:
            kind, compressed, plain = _COMPRESSED[tensor.layout]
            parts = [compressed(tensor), plain(tensor), tensor.values()]
            return _composite(kind, self._parts(parts, fresh), tuple(tensor.shape))
        if tensor.layout != torch.strided:  # mkldnn: the same values, laid out for one processor
            return self._dense(tensor.to_dense(), True)
        if tensor.is_conj() or tensor.is_neg():
            return self._dense(tensor.resolve_conj().resolve_neg(), True)
        return self._dense(tensor, fresh)

    def _parts(self, parts: list[torch.Tensor], fresh: bool) -> list[dict[str, Any]]:
        described = []
        for part in parts:
            if part.device.type == "meta":
                raise ValueLost("a meta tensor of this layout holds no values")
            spread = part.numel() > extent_of(part.shape, part.stride())  # loading copies it, and checks for this
            described.append(self._dense(part.contiguous() if spread else part, fresh or spread))
        return described

    def _quantized(self, tensor: torch.Tensor) -> dict[str, Any]:
        if tensor.dtype not in (torch.qint8, torch.quint8, torch.qint32):
            raise ValueLost(f"a tensor of dtype {tensor.dtype} cannot be saved")
        integers = self._dense(tensor.int_repr(), True)
        if tensor.qscheme() == torch.per_tensor_affine:
            return _composite("per_tensor", [integers], scale=tensor.q_scale(), zero_point=tensor.q_zero_point())
        parts = [tensor.q_per_channel_scales(), tensor.q_per_channel_zero_points()]
        described = [self._dense(part, True) for part in parts]
        return _composite("per_channel", [integers, *described], dim=tensor.q_per_channel_axis())

    def _dense(self, tensor: torch.Tensor, fresh: bool) -> dict[str, Any]:
        name = dtype_name(tensor.dtype)
        if name not in DTYPES:
            raise ValueLost(f"a tensor of dtype {tensor.dtype} cannot be saved")
        described: dict[str, Any] = {"dtype": name, "size": list(tensor.shape)}
        if tensor.stride() != contiguous(tensor.shape):
            described["stride"] = list(tensor.stride())
        if tensor.device.type == "meta":
            return {**described, "device": "meta"}
        if tensor.numel() == 0:
            return described
        is_subclass = type(tensor) not in (torch.Tensor, nn.Parameter)
        plain = tensor.as_subclass(torch.Tensor) if is_subclass else tensor
        storage = plain.untyped_storage()
        offset = int(plain.storage_offset())
        low = offset * tensor.element_size()
        high = low + extent_of(plain.shape, plain.stride()) * tensor.element_size()
        if storage.nbytes() < high or (is_subclass and storage.data_ptr() == 0):
            raise ValueLost(f"a {type(tensor).__name__} without plain memory of its own cannot be saved")
        low -= low % _ALIGNMENT
        key = compat.storage_key(plain) if not fresh else None
        span = self._spans.get(key) if key is not None else None
        if span is None:
            memory = torch.empty(0, dtype=torch.uint8, device=plain.device)
            span = _Span(memory.set_(storage, 0, (storage.nbytes(),), (1,)), low, high)
            if key is not None:
                self._spans[key] = span
        span.widen(low, high)
        described["offset"] = offset
        span.uses.append((described, tensor.element_size(), plain))
        if fresh:
            self._write(span)
        return described

    # -- writing ------------------------------------------------------------------------------------------------------

    def _write(self, span: _Span) -> None:
        if span.is_wasteful:
            for described, _, tensor in span.uses:
                assert tensor is not None
                described.clear()
                described.update(self._dense(tensor.contiguous(), True))
            return
        checksum = 0
        for piece in self._pieces(span):
            checksum = zlib.crc32(piece, checksum)
            self._stream.write(piece)
        n_bytes = span.high - span.low
        for described, itemsize, _ in span.uses:
            described["storage"] = len(self.storages)
            described["offset"] -= span.low // itemsize
            if not described["offset"]:
                del described["offset"]
        self.storages.append([self._n_bytes, n_bytes, checksum])
        self._n_bytes += n_bytes

    def _pieces(self, span: _Span) -> Iterator[memoryview]:
        if isinstance(span.memory, Storage):
            yield memoryview(span.memory.read())
            return
        if self._staging is None:
            self._staging = bytearray(_PIECE)
        room = torch.frombuffer(self._staging, dtype=torch.uint8)
        for start in range(span.low, span.high, _PIECE):
            stop = min(span.high, start + _PIECE)
            # A copy, because memory that torch shares until it is written must not be asked for its address.
            room[: stop - start].copy_(span.memory[start:stop])
            yield memoryview(self._staging)[: stop - start]


_COMPRESSED: dict[torch.layout, tuple[str, Callable[..., Any], Callable[..., Any]]] = {
    torch.sparse_csr: ("csr", torch.Tensor.crow_indices, torch.Tensor.col_indices),
    torch.sparse_bsr: ("bsr", torch.Tensor.crow_indices, torch.Tensor.col_indices),
    torch.sparse_csc: ("csc", torch.Tensor.ccol_indices, torch.Tensor.row_indices),
    torch.sparse_bsc: ("bsc", torch.Tensor.ccol_indices, torch.Tensor.row_indices),
}


def _composite(kind: str, parts: list[dict[str, Any]], size: tuple[int, ...] = (), **settings: Any) -> dict[str, Any]:
    return {"kind": kind, **({"size": list(size)} if kind in _SIZED else {}), "parts": parts, **settings}


_SIZED = ("coo", "csr", "csc", "bsr", "bsc")
