"""How far two values are apart: the largest and the relative error, and how many elements differ.

Values are read in pieces in float64, on their device if they share one and it knows float64, else on the CPU; neither
is ever copied whole. Nothing here keeps or changes a tensor, records operations, or takes part in gradients.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import torch

from graphtools.capture.specs import make_spec, raw_spec, spec_of
from graphtools.comparing.parts import settled
from graphtools.compat import is_fake, without_torch_function
from graphtools.graph import Spec
from graphtools.structure import tensors

_CHUNK = 262_144  # elements turned into float64 at a time on a CPU: 2 MB, which stays in the cache
_CHUNK_ELSEWHERE = 1 << 24  # and on a GPU, where each piece costs a synchronization
_MOST_DENSE = 1 << 27  # elements that a sparse tensor is made dense for
_WHOLE = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


@dataclass(frozen=True, slots=True)
class Deviation:
    """How far a value of a and one of b are apart.

    `max_error` is max|a − b| and `relative` is ‖a − b‖ / max(‖a‖, ‖b‖), Euclidean norms, 0 to 2; both are of the
    elements that are finite in a and in b, in float64, and None where nothing was computed: `note` then says why. An
    element differs if |a − b| > atol + rtol · max(|a|, |b|), or if it is NaN or infinite in another way; NaN equals
    NaN. `n_nonfinite_a` counts elements that are NaN or infinite in a alone, `n_nonfinite_b` in b alone. `is_equal` is
    True if all bits are the same, NaN aside, whatever the device. `spec_a` and `spec_b` are None for Python values.
    """

    spec_a: Spec | None = None
    spec_b: Spec | None = None
    is_equal: bool = False
    is_different: bool = False
    max_error: float | None = None
    relative: float | None = None
    n_elements: int = 0
    n_different: int = 0
    n_nonfinite_a: int = 0
    n_nonfinite_b: int = 0
    note: str = ""

    @property
    def share(self) -> float:
        """The share of all elements that differ, 0 to 1."""
        return self.n_different / self.n_elements if self.n_elements else 0.0

    @property
    def size(self) -> tuple[bool, bool, float, float]:
        """What to sort by: NaN or infinity in one alone, then any difference, the relative and the largest error."""
        is_broken = self.n_nonfinite_a + self.n_nonfinite_b > 0
        return is_broken, self.is_different, self.relative or 0.0, self.max_error or 0.0


def deviation(a: Any, b: Any, rtol: float = 0.0, atol: float = 0.0) -> Deviation:
    """The Deviation of two tensors or two Python values. About 10 ns an element where they differ, less than 1 if not.

    Tensors of different shapes are different, and no error is computed. Other dtypes and devices are compared by value.
    """
    if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor):
        with without_torch_function():
            spec_a, spec_b = _spec(a), _spec(b)
            try:
                return _of_tensors(a.detach(), b.detach(), spec_a, spec_b, rtol, atol)
            except RuntimeError as error:  # a dtype or layout for which torch lacks what is needed
                reason = str(error).split("\n")[0]
                return Deviation(spec_a, spec_b, note=f"cannot be compared: {reason}")
    if isinstance(a, torch.Tensor) or isinstance(b, torch.Tensor):
        return Deviation(is_different=True, note=f"a {type(a).__name__} and a {type(b).__name__}")
    return _of_python(a, b, rtol, atol)


def _spec(tensor: torch.Tensor) -> Spec:
    try:
        return _known_spec(raw_spec(tensor))
    except (RuntimeError, TypeError):  # nested, or of symbolic sizes, which have no hash
        return spec_of(tensor)


_known_spec = lru_cache(maxsize=4096)(make_spec)  # few types occur again and again


def is_same_random_state(a: Any, b: Any) -> bool:
    """True if two states of random generators, as events hold them, are the same."""
    pairs = zip(tensors(a), tensors(b), strict=False)
    return all(one.shape == other.shape and bool((one == other).all()) for (_, one), (_, other) in pairs)


# -- Python values -----------------------------------------------------------------------------------------------------


def _of_python(a: Any, b: Any, rtol: float, atol: float) -> Deviation:
    if isinstance(a, list) and isinstance(b, list):
        try:
            one, other = torch.tensor(a, dtype=torch.float64), torch.tensor(b, dtype=torch.float64)
        except (TypeError, ValueError):
            return Deviation(is_equal=a == b, is_different=a != b)
        found = _of_tensors(one, other, spec_of(one), spec_of(other), rtol, atol)
        return replace(found, spec_a=None, spec_b=None)
    numbers = int | float | complex  # bool is an int
    if not (isinstance(a, numbers) and isinstance(b, numbers)):
        is_equal = type(a) is type(b) and bool(a == b)
        return Deviation(is_equal=is_equal, is_different=not is_equal, note="" if is_equal else f"{a!r} and {b!r}")
    if a == b or (a != a and b != b):
        return Deviation(None, None, type(a) is type(b), False, 0.0, 0.0, 1)
    said = f"{a!r} and {b!r}"
    finite = [abs(number) < math.inf for number in (a, b)]
    if not all(finite):
        return Deviation(None, None, False, True, None, None, 1, 1, int(finite[1]), int(finite[0]), said)
    error, largest = float(abs(a - b)), float(max(abs(a), abs(b)))
    is_different = error > atol + rtol * largest
    return Deviation(None, None, False, is_different, error, error / largest, 1, int(is_different), note=said)


# -- tensors -----------------------------------------------------------------------------------------------------------


def _of_tensors(a: torch.Tensor, b: torch.Tensor, spec_a: Spec, spec_b: Spec, rtol: float, atol: float) -> Deviation:
    if a.is_nested and b.is_nested:
        return _of_nested(a, b, spec_a, spec_b, rtol, atol)
    if a.is_nested or b.is_nested or settled(spec_a.shape) != settled(spec_b.shape):
        sizes = " and ".join(f"[{', '.join(map(str, spec.shape))}]" for spec in (spec_a, spec_b))
        return Deviation(spec_a, spec_b, is_different=True, note=f"shapes differ: {sizes}")
    for which, tensor in (("a", a), ("b", b)):
        if tensor.device.type == "meta" or is_fake(tensor):
            return Deviation(spec_a, spec_b, note=f"no values: {which} is fake and has only a type")
        if tensor.layout != torch.strided and tensor.numel() > _MOST_DENSE:
            return Deviation(spec_a, spec_b, note=f"not compared: {which} is sparse, and too large when dense")
    a, b = _dense(a), _dense(b)
    count = a.numel()
    is_same_type = spec_a.dtype == spec_b.dtype
    if is_same_type and _have_same_bits(a, b):
        return Deviation(spec_a, spec_b, True, False, 0.0, 0.0, count)
    if a.device != b.device or a.device.type not in ("cpu", "cuda"):  # not every device knows float64
        chunks: Iterator[tuple[torch.Tensor, torch.Tensor]] = (
            (one.cpu(), other.cpu()) for one, other in _chunks(a, b, _CHUNK)
        )
    else:
        chunks = _chunks(a, b, _CHUNK if a.device.type == "cpu" else _CHUNK_ELSEWHERE)
    sums = _Sums(rtol, atol)
    for one, other in chunks:
        sums.add(one, other)
    return Deviation(
        spec_a,
        spec_b,
        is_same_type and sums.is_equal,
        sums.n_different > 0,
        sums.max_error,
        sums.norm / max(sums.norm_a, sums.norm_b) if sums.norm else 0.0,
        count,
        sums.n_different,
        sums.n_nonfinite_a,
        sums.n_nonfinite_b,
    )


def _of_nested(a: torch.Tensor, b: torch.Tensor, spec_a: Spec, spec_b: Spec, rtol: float, atol: float) -> Deviation:
    parts_a, parts_b = a.unbind(), b.unbind()
    if [part.shape for part in parts_a] != [part.shape for part in parts_b]:
        return Deviation(spec_a, spec_b, is_different=True, note="shapes of the parts of a nested tensor differ")
    joined = [torch.cat([part.reshape(-1) for part in parts]) for parts in (parts_a, parts_b) if parts]
    if not joined:
        return Deviation(spec_a, spec_b, spec_a.dtype == spec_b.dtype, False, 0.0, 0.0)
    return _of_tensors(joined[0], joined[1], spec_a, spec_b, rtol, atol)


def _dense(tensor: torch.Tensor) -> torch.Tensor:
    if tensor.layout != torch.strided:
        tensor = tensor.to_dense()
    if tensor.is_quantized:
        tensor = tensor.dequantize()
    return tensor.resolve_conj().resolve_neg()


def _have_same_bits(a: torch.Tensor, b: torch.Tensor) -> bool:
    """True if all bits are seen to be the same without a conversion; False may mean that it takes a closer look."""
    if a.device != b.device:
        return False
    if a.data_ptr() == b.data_ptr() and a.stride() == b.stride():
        return True
    if a.is_complex():
        a, b = torch.view_as_real(a), torch.view_as_real(b)
    if not (a.is_contiguous() and b.is_contiguous()):
        return not a.is_floating_point() and torch.equal(a, b)
    whole = _WHOLE[a.element_size()]
    return torch.equal(a.view(whole), b.view(whole))


def _chunks(a: torch.Tensor, b: torch.Tensor, most: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Both in flat pieces of at most `most` elements, the same elements at a time; only a piece is ever copied."""
    if a.numel() == 0:
        return
    if a.numel() <= most:
        yield a.reshape(-1), b.reshape(-1)
    elif a.is_contiguous() and b.is_contiguous():
        yield from zip(a.view(-1).split(most), b.view(-1).split(most), strict=True)
    else:
        rows = most // (a.numel() // a.shape[0])
        parts = (a.split(rows), b.split(rows)) if rows else (a.unbind(), b.unbind())
        for one, other in zip(*parts, strict=True):
            yield from _chunks(one, other, most)


class _Sums:
    """What is known of the elements that were added."""

    def __init__(self, rtol: float, atol: float) -> None:
        self.rtol = rtol
        self.atol = atol
        self.is_equal = True
        self.max_error = 0.0
        self.norm = self.norm_a = self.norm_b = 0.0
        self.n_different = self.n_nonfinite_a = self.n_nonfinite_b = 0

    def add(self, a: torch.Tensor, b: torch.Tensor) -> None:
        """Adds a piece of each."""
        wide = torch.complex128 if a.is_complex() or b.is_complex() else torch.float64
        x, y = a.to(wide, copy=True), b.to(wide, copy=True)
        errors = (x - y).abs()
        if _is_integer(a) and _is_integer(b):
            # Wrapping around does no harm to a small difference; float64 would round one of large numbers.
            errors = torch.where(errors < 2**52, (a.long() - b.long()).abs().double(), errors)
        differs = errors > self.atol + self.rtol * torch.maximum(x.abs(), y.abs()) if self._is_tolerant else errors != 0
        largest = errors.max().item()
        if math.isfinite(largest):
            self.n_different += int(differs.count_nonzero())
            self.is_equal = self.is_equal and largest == 0 and _have_same_signs(x, y)
        else:
            largest = self._add_nonfinite(x, y, errors, differs)
        self.max_error = max(self.max_error, largest)
        self.norm = math.hypot(self.norm, _norm(errors))
        self.norm_a = math.hypot(self.norm_a, _norm(x))
        self.norm_b = math.hypot(self.norm_b, _norm(y))

    @property
    def _is_tolerant(self) -> bool:
        return self.rtol > 0 or self.atol > 0

    def _add_nonfinite(self, x: torch.Tensor, y: torch.Tensor, errors: torch.Tensor, differs: torch.Tensor) -> float:
        """Takes NaN and infinite elements apart; sets them to 0 in all three and returns the largest error left."""
        finite_x, finite_y = torch.isfinite(x), torch.isfinite(y)
        both = finite_x & finite_y
        same = (x == y) | (x.isnan() & y.isnan())
        self.n_nonfinite_a += int((finite_y & ~finite_x).count_nonzero())
        self.n_nonfinite_b += int((finite_x & ~finite_y).count_nonzero())
        self.n_different += int(torch.where(both, differs, ~same).count_nonzero())
        if self.is_equal:
            zero = torch.zeros((), dtype=x.dtype, device=x.device)
            self.is_equal = bool(same.all()) and _have_same_signs(
                torch.where(both, x, zero), torch.where(both, y, zero)
            )
        for tensor in (x, y, errors):
            tensor.masked_fill_(~both, 0)
        return float(errors.max())


def _is_integer(chunk: torch.Tensor) -> bool:
    return not chunk.is_floating_point() and not chunk.is_complex()


def _have_same_signs(x: torch.Tensor, y: torch.Tensor) -> bool:
    """True unless a zero of one is a negative zero in the other."""
    if x.is_complex():
        x, y = torch.view_as_real(x), torch.view_as_real(y)
    return torch.equal(torch.signbit(x), torch.signbit(y))


def _norm(values: torch.Tensor) -> float:
    norm = torch.linalg.vector_norm(values).item()
    if 1e-140 < norm < 1e150 or (norm == 0 and not values.any()):
        return norm
    largest = values.abs().max().item()  # the squares left the range of float64
    return largest * float(torch.linalg.vector_norm(values / largest))
