"""Tensors as JSON and bytes: how one lies in a storage, or which parts it is made of; reading checks all of it.

    tensor ::= dense | composite
    dense  ::= {"dtype": "f32", "size": [2, 3], "stride": [3, 1], "storage": 0, "offset": 0}    in elements
    composite ::= {"kind": "coo" | "csr" | …, "parts": [dense, ...], …}

Without "stride" the tensor is contiguous; without "storage" it has no elements, or no values ("device": "meta").
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from graphtools import compat
from graphtools.capture.specs import dtype_name
from graphtools.encoding.checks import array, count, each, fail, fields_of, of_type, one_of, short, text
from graphtools.recording import ValueLost
from graphtools.saving.archive import Storage

# Not the quantized ones, whose bare bytes are no tensor: torch crashes on them.
_NAMES = """float64 float32 float16 bfloat16 int64 int32 int16 int8 uint8 uint16 uint32 uint64 bool complex128 complex64
    complex32 bcomplex32 float8_e4m3fn float8_e5m2 float8_e4m3fnuz float8_e5m2fnuz float8_e8m0fnu float4_e2m1fn_x2
    int1 int2 int3 int4 int5 int6 int7 uint1 uint2 uint3 uint4 uint5 uint6 uint7 bits8 bits16 bits1x8 bits2x4 bits4x2"""
DTYPES = {dtype_name(dtype): dtype for name in _NAMES.split() if (dtype := getattr(torch, name, None)) is not None}
_MOST_DIMENSIONS = 64
_LARGEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Dense:
    """A tensor in a storage, described as torch does; `storage` is None if it has no elements, or `is_meta`."""

    dtype: torch.dtype
    size: tuple[int, ...]
    stride: tuple[int, ...]
    offset: int = 0
    storage: Storage | None = None
    is_meta: bool = False

    def build(self) -> torch.Tensor:
        """The tensor, on the CPU unless it is a meta tensor; it shares memory with others in the same storage."""
        if self.storage is None:
            device = "meta" if self.is_meta else "cpu"
            return torch.empty_strided(self.size, self.stride, dtype=self.dtype, device=device)
        extent = extent_of(self.size, self.stride)
        buffer = self.storage.read()
        start = self.offset * self.dtype.itemsize
        if (
            self.dtype is torch.bool
            and torch.frombuffer(buffer, dtype=torch.uint8, count=extent, offset=start).gt(1).any()
        ):
            raise ValueLost("its bytes are no booleans")  # torch counts on 0 and 1 when it indexes by a mask
        flat = torch.frombuffer(buffer, dtype=self.dtype, count=extent, offset=start)
        return flat.as_strided(self.size, self.stride)


@dataclass(frozen=True, slots=True)
class Composite:
    """A tensor made of others. `kind` is one of `_PARTS`; `size` is of a sparse one; `settings`: what else it needs."""

    kind: str
    parts: tuple[Dense, ...]
    size: tuple[int, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)

    def build(self) -> torch.Tensor:
        """The tensor. Raises what torch raises where the values of the parts do not fit together."""
        return _BUILDERS[self.kind](self)


Layout = Dense | Composite


@dataclass(frozen=True, slots=True, eq=False)
class Stored:
    """The recipe of a value in a file: calling it reads the tensor. Raises ValueLost if the file has changed."""

    layout: Layout

    def __call__(self) -> torch.Tensor:
        # A user's own modes and hooks must not see this, nor torch's warnings that some layouts are young or old.
        with compat.without_torch_function(), torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                return self.layout.build()
            except (RuntimeError, ValueError, TypeError, IndexError, NotImplementedError) as error:
                raise ValueLost(f"its parts in the file are no tensor: {str(error).splitlines()[0]}") from None


def extent_of(size: Sequence[int], stride: Sequence[int]) -> int:
    """How many elements of a storage a tensor spans, from its first to its last; 0 if it has none."""
    if 0 in size:
        return 0
    return 1 + sum((length - 1) * step for length, step in zip(size, stride, strict=True))


# -- reading -----------------------------------------------------------------------------------------------------------


def read_layout(value: Any, where: str, storages: Sequence[Storage]) -> Layout:
    """The layout in a JSON object. Raises FormatError unless every element lies inside its storage."""
    if isinstance(value, dict) and "kind" in value:
        return _read_composite(value, where, storages)
    return _read_dense(value, where, storages)


def _read_dense(value: Any, where: str, storages: Sequence[Storage]) -> Dense:
    defaults = {"stride": None, "storage": None, "offset": 0, "device": "cpu"}
    fields = fields_of(value, where, ("dtype", "size"), defaults)
    dtype = DTYPES.get(text(fields["dtype"], f"{where}.dtype"))
    if dtype is None:
        fail(f"{where}.dtype", f"torch {torch.__version__} has no dense tensors of dtype {short(fields['dtype'])}")
    size = _read_size(fields["size"], f"{where}.size")
    n_elements = math.prod(size)
    stride = contiguous(size)
    if fields["stride"] is not None:
        stride = each(count, array(fields["stride"], f"{where}.stride", len(size)), f"{where}.stride")
    offset = count(fields["offset"], f"{where}.offset")
    is_meta = one_of(fields["device"], ("cpu", "meta"), f"{where}.device") == "meta"
    end = (offset + extent_of(size, stride)) * dtype.itemsize
    if end > _LARGEST or sum(stride) * dtype.itemsize > _LARGEST:
        fail(where, "it reaches beyond any storage")
    if fields["storage"] is None:
        if n_elements and not is_meta:
            fail(where, f"{n_elements} elements without a storage")
        return Dense(dtype, size, stride, 0, None, is_meta)
    index = count(fields["storage"], f"{where}.storage")
    if index >= len(storages):
        fail(f"{where}.storage", f"there is no storage {index}; there are {len(storages)}")
    if end > storages[index].n_bytes:
        fail(where, f"it reaches to byte {end} of a storage of {storages[index].n_bytes} bytes")
    if not n_elements or is_meta:
        fail(f"{where}.storage", "a tensor without values has none")
    return Dense(dtype, size, stride, offset, storages[index])


def contiguous(size: Sequence[int]) -> tuple[int, ...]:
    """The strides of a contiguous tensor of that size, as torch gives them."""
    stride = [1] * len(size)
    for i in range(len(size) - 2, -1, -1):
        stride[i] = stride[i + 1] * max(size[i + 1], 1)
    return tuple(stride)


# For each kind how many parts there are (at least, at most), and the fields besides.
_PARTS: dict[str, tuple[int, int, tuple[str, ...]]] = {
    "coo": (2, 2, ("size", "coalesced")),
    **dict.fromkeys(("csr", "csc", "bsr", "bsc"), (3, 3, ("size",))),
    "nested": (0, 2**31, ()),
    "jagged": (2, 3, ("dim",)),
    "per_tensor": (1, 1, ("scale", "zero_point")),
    "per_channel": (3, 3, ("dim",)),
}


def _read_composite(value: dict[str, Any], where: str, storages: Sequence[Storage]) -> Composite:
    kind = one_of(value["kind"], _PARTS, f"{where}.kind")
    least, most, names = _PARTS[kind]
    fields = fields_of(value, where, ("kind", "parts", *names))
    rows = array(fields["parts"], f"{where}.parts")
    if not least <= len(rows) <= most:
        fail(f"{where}.parts", f"{len(rows)} parts for a {kind} tensor")
    parts = tuple(_read_dense(row, f"{where}.parts[{index}]", storages) for index, row in enumerate(rows))
    for index, part in enumerate(parts):  # building copies them, so none may be larger than its bytes
        room = part.storage.n_bytes if part.storage is not None else 0
        if part.is_meta or math.prod(part.size) * part.dtype.itemsize > room:
            fail(f"{where}.parts[{index}]", "a part with fewer bytes than elements")
    settings = {name: _SETTINGS[name](fields[name], f"{where}.{name}") for name in names if name != "size"}
    return Composite(kind, parts, _read_size(fields.get("size", []), f"{where}.size"), settings)


def _read_size(value: Any, where: str) -> tuple[int, ...]:
    # The number of dimensions first: the product of a million large numbers takes hours.
    if len(array(value, where)) > _MOST_DIMENSIONS:
        fail(where, f"{len(value)} dimensions; torch knows up to {_MOST_DIMENSIONS}")
    size = each(count, value, where)
    if math.prod(length or 1 for length in size) > _LARGEST:
        fail(where, "too many elements for any tensor")
    return size


def _read_scale(value: Any, where: str) -> float:
    if type(value) is not float or not math.isfinite(value):
        fail(where, "expected a finite number")
    return value


def _read_zero_point(value: Any, where: str) -> int:
    zero_point = of_type(int, value, where)
    return zero_point if abs(zero_point) < 2**31 else fail(where, "the number is too large")


_SETTINGS: dict[str, Callable[[Any, str], Any]] = {
    "coalesced": lambda value, where: of_type(bool, value, where),
    "dim": count,
    "scale": _read_scale,
    "zero_point": _read_zero_point,
}


# -- building ----------------------------------------------------------------------------------------------------------


def _build_coo(layout: Composite) -> torch.Tensor:
    indices, values = (part.build() for part in layout.parts)
    is_coalesced = layout.settings["coalesced"]
    # The check of the invariants is what keeps a stranger's indices inside the tensor.
    return torch.sparse_coo_tensor(indices, values, layout.size, check_invariants=True, is_coalesced=is_coalesced)


def _build_compressed(layout: Composite) -> torch.Tensor:
    compressed, plain, values = (part.build() for part in layout.parts)
    kind = getattr(torch, f"sparse_{layout.kind}")
    return torch.sparse_compressed_tensor(compressed, plain, values, layout.size, layout=kind, check_invariants=True)


def _build_nested(layout: Composite) -> torch.Tensor:
    parts = [part.build() for part in layout.parts]
    if len({(part.dtype, part.dim()) for part in parts}) > 1:
        raise ValueError("parts of different kinds")
    return torch.nested.as_nested_tensor(parts)


def _build_jagged(layout: Composite) -> torch.Tensor:
    values, offsets, *rest = (part.build() for part in layout.parts)
    dim = layout.settings["dim"]
    ends = offsets[:-1] + rest[0] if rest else offsets[1:]
    if (
        offsets.dim() != 1
        or offsets.dtype not in (torch.int64, torch.int32)
        or not 1 <= dim <= values.dim()
        or int(offsets[0]) < 0
        or bool((ends < offsets[:-1]).any())
        or int(torch.cat([offsets, ends]).max()) > values.shape[dim - 1]
    ):
        raise ValueError("offsets outside of the values")
    return torch.nested.nested_tensor_from_jagged(values, offsets, rest[0] if rest else None, jagged_dim=dim)


def _build_per_tensor(layout: Composite) -> torch.Tensor:
    settings = layout.settings
    return torch._make_per_tensor_quantized_tensor(  # type: ignore[attr-defined]
        _integers(layout.parts[0]), settings["scale"], settings["zero_point"]
    )


def _build_per_channel(layout: Composite) -> torch.Tensor:
    integers = _integers(layout.parts[0])
    scales, zero_points = layout.parts[1].build(), layout.parts[2].build()
    dim = layout.settings["dim"]
    if dim >= integers.dim() or scales.shape != zero_points.shape or scales.shape != integers.shape[dim : dim + 1]:
        raise ValueError("one scale and zero point is needed for each channel")
    return torch._make_per_channel_quantized_tensor(integers, scales, zero_points, dim)  # type: ignore[attr-defined]


def _integers(part: Dense) -> torch.Tensor:
    if part.dtype not in (torch.int8, torch.uint8, torch.int32):
        raise ValueError(f"{part.dtype} holds no quantized values")
    return part.build()


_BUILDERS: dict[str, Callable[[Composite], torch.Tensor]] = {
    "coo": _build_coo,
    **dict.fromkeys(("csr", "csc", "bsr", "bsc"), _build_compressed),
    "nested": _build_nested,
    "jagged": _build_jagged,
    "per_tensor": _build_per_tensor,
    "per_channel": _build_per_channel,
}
