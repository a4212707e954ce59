"""What a tensor holds, in numbers: statistics, a histogram, one line.

Nothing here keeps or changes the tensor, records operations, or takes part in gradients.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch

from graphtools.capture.specs import spec_of
from graphtools.compat import is_fake, without_torch_function

_CHUNK = 262_144  # elements turned into float64 at a time: 2 MB, which stays in the cache
_SHOWN = 10  # elements that `one_line` writes out


@dataclass(frozen=True, slots=True)
class Statistics:
    """The numbers of one tensor. `min`, `max`, `mean`, `std` and `norm` are of the finite elements alone, and None if
    there are none.

    `std` divides by n - 1, as torch does, and is None for fewer than two elements; `norm` is the root of the sum of
    squares. Of a bool tensor `mean` is the share that is True. `note` says what the numbers are of where it is not the
    elements themselves (the magnitudes of complex ones), or why there are none.
    """

    spec: str
    n_elements: int
    n_finite: int = 0
    n_zeros: int = 0
    n_nan: int = 0
    n_pos_inf: int = 0
    n_neg_inf: int = 0
    min: float | int | bool | None = None
    max: float | int | bool | None = None
    mean: float | None = None
    std: float | None = None
    norm: float | None = None
    note: str = ""

    @property
    def n_inf(self) -> int:
        """Infinite elements of either sign."""
        return self.n_pos_inf + self.n_neg_inf

    @property
    def zeros(self) -> float:
        """The share of all elements that are zero, 0 to 1."""
        return self.n_zeros / self.n_elements if self.n_elements else 0.0

    @property
    def is_finite(self) -> bool:
        """True if there is neither NaN nor infinity."""
        return self.n_nan == 0 and self.n_inf == 0


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts of the finite elements between neighboring `edges`, one more than `counts`; the last bin holds its end.

    Every `step`-th element was looked at, `n_sampled` in all; `n_left_out` of these were NaN or infinite.
    """

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    n_elements: int
    n_sampled: int
    n_left_out: int
    step: int
    note: str = ""


def statistics(tensor: torch.Tensor) -> Statistics:
    """The Statistics of `tensor`, exact to float64 rounding: mean 100 with std 0.01 in float32 comes out right.

    Reads the tensor twice, piece by piece in float64 on its own device: about 3 ns an element on a CPU, no copy of the
    whole. Of quantized tensors the dequantized values count, of sparse ones also the zeros that are not stored.
    """
    with torch.no_grad(), without_torch_function():
        spec = str(spec_of(tensor))
        try:
            values, n_elements, note = stored_values(tensor)
            return _statistics(values, spec, n_elements, note)
        except NoValuesError as reason:
            return Statistics(spec, reason.n_elements, note=str(reason))


def is_finite(tensor: torch.Tensor) -> bool:
    """False if a floating-point or complex tensor of any layout holds NaN or infinity. About 0.3 ns an element."""
    with torch.no_grad(), without_torch_function():
        try:
            values, _, _ = stored_values(tensor)
        except NoValuesError:
            return True
        if not values.numel() or not (values.is_floating_point() or values.is_complex()):
            return True
        values = torch.view_as_real(values.resolve_conj()) if values.is_complex() else values
        if values.dtype.itemsize == 1:  # float8 has no comparison
            values = values.float()
        return all(bool(torch.isfinite(end)) for end in values.aminmax())  # which pass on NaN


def histogram(tensor: torch.Tensor, bins: int = 40, sample: int = 1_000_000) -> Histogram:
    """The Histogram of `tensor` over the range of its finite elements, from at most `sample` of them.

    The sample takes every n-th element, with n prime to the tensor's sizes so that no channel is left out: the same
    tensor gives the same histogram. Integers that span fewer values than `bins` get a bin each. Costs up to 30 ms.
    """
    if bins < 1 or sample < 1:
        raise ValueError(f"histogram needs at least one bin and one element, not bins={bins}, sample={sample}")
    with torch.no_grad(), without_torch_function():
        try:
            values, n_elements, note = stored_values(tensor)
        except NoValuesError as reason:
            return Histogram((), (), reason.n_elements, 0, 0, 1, str(reason))
        picked, step = _sample(values, sample)
        numbers = as_float64(picked)
        finite = numbers[torch.isfinite(numbers)]
        n_left_out = numbers.numel() - finite.numel()
        if finite.numel() == 0:
            return Histogram((), (), n_elements, numbers.numel(), n_left_out, step, note or "no finite elements")
        low, high = finite.min().item(), finite.max().item()
        if not picked.is_floating_point() and not picked.is_complex() and high - low < bins:
            bins, low, high = int(high - low) + 1, low - 0.5, high + 0.5
        elif low == high:
            low, high = low - 0.5 * max(1.0, abs(low) * 1e-6), high + 0.5 * max(1.0, abs(high) * 1e-6)
        width = (high / bins) - (low / bins)
        index = ((finite - low) / width).floor_().clamp_(0, bins - 1).to(torch.int64)
        counts = torch.bincount(index, minlength=bins).tolist()
        edges = (*(low + width * i for i in range(bins)), high)
        return Histogram(edges, tuple(counts), n_elements, numbers.numel(), n_left_out, step, note)


def one_line(tensor: torch.Tensor) -> str:
    """The tensor in one line: `tensor[2, 3] f32 n=6 x∈[-1.2, 0.8] μ=-0.1 σ=0.7 NaN!`; costs as `statistics`.

    Up to ten elements are written out. The form follows lovely-tensors.
    """
    found = statistics(tensor)
    dtype, _, sizes = found.spec.partition("[")
    parts = [f"tensor[{sizes}", dtype]
    if tensor.device.type not in ("cpu", "meta"):
        parts.append(str(tensor.device))
    if found.n_elements != 1:
        parts.append(f"n={found.n_elements:,}" if found.n_elements > 9999 else f"n={found.n_elements}")
    if found.n_finite and found.n_zeros == found.n_elements:
        parts.append("all zeros")
    elif found.n_finite > 1:
        parts.append(f"x∈[{number(found.min)}, {number(found.max)}] μ={number(found.mean)} σ={number(found.std)}")
    marks = {"NaN!": found.n_nan, "+Inf!": found.n_pos_inf, "-Inf!": found.n_neg_inf}
    parts += [mark for mark, count in marks.items() if count]
    if found.note:
        parts.append(f"({found.note})")
    elif 0 < found.n_elements <= _SHOWN and tensor.layout == torch.strided and not tensor.is_nested:
        parts.append(_written(tensor))
    return " ".join(parts)


def number(value: float | int | bool | None) -> str:
    """A number with four significant digits, an integer in full, `none` for None."""
    if value is None:
        return "none"
    if isinstance(value, bool | int):
        return str(value)
    return f"{value:.4g}".replace("e-0", "e-").replace("e+0", "e+")


# -- reading values ----------------------------------------------------------------------------------------------------


class NoValuesError(Exception):
    """A tensor has a type and no values that can be read; the message says why."""

    def __init__(self, reason: str, n_elements: int) -> None:
        super().__init__(reason)
        self.n_elements = n_elements


def stored_values(tensor: torch.Tensor) -> tuple[torch.Tensor, int, str]:
    """The stored values as a plain tensor, the number of elements, and a note; raises NoValuesError with the reason."""
    tensor = tensor.detach()
    if tensor.is_nested:
        try:
            parts = [part.reshape(-1) for part in tensor.unbind()]
        except NotImplementedError:  # a stand-in that torch makes of a nested tensor for its own use
            raise NoValuesError("no values: a fake tensor has only a type", 0) from None
        joined = torch.cat(parts) if parts else torch.empty(0)
        return joined, joined.numel(), "all parts of a nested tensor"
    count = int(tensor.numel()) if all(isinstance(size, int) for size in tensor.shape) else 0
    if tensor.device.type == "meta" or is_fake(tensor):
        raise NoValuesError("no values: a fake tensor has only a type", count)
    note = ""
    if tensor.layout != torch.strided:
        if tensor.layout == torch.sparse_coo:
            tensor = tensor.coalesce().values()
        elif tensor.layout == torch._mkldnn:  # type: ignore[attr-defined]
            tensor = tensor.to_dense()
        else:
            tensor = tensor.values()
    if tensor.is_quantized:
        tensor, note = tensor.dequantize(), "of the dequantized values"
    if tensor.is_complex():
        note = "of the magnitudes"
    if tensor.device.type not in ("cpu", "cuda"):
        tensor = tensor.cpu()  # not every device knows float64
    return tensor, count, note


def as_float64(chunk: torch.Tensor) -> torch.Tensor:
    """The values in float64, complex ones as their magnitudes."""
    return chunk.to(torch.complex128).abs() if chunk.is_complex() else chunk.to(torch.float64)


def _chunks(values: torch.Tensor) -> Iterator[torch.Tensor]:
    """`values` in flat pieces of at most _CHUNK elements; only a piece is ever copied."""
    if values.numel() == 0:
        return
    if values.numel() <= _CHUNK:
        yield values.reshape(-1)
    elif values.is_contiguous():
        yield from values.view(-1).split(_CHUNK)
    else:
        rows = _CHUNK // (values.numel() // values.shape[0])
        for part in values.split(rows) if rows else values.unbind():
            yield from _chunks(part)


def _statistics(values: torch.Tensor, spec: str, n_elements: int, note: str) -> Statistics:
    n_stored = values.numel()
    n_absent = n_elements - n_stored  # zeros that a sparse tensor does not store
    n_nan = n_pos = n_neg = 0
    n_zeros = n_absent
    low: float = 0.0 if n_absent else math.inf
    high: float = 0.0 if n_absent else -math.inf
    largest = 0.0
    for chunk in _chunks(values):
        numbers = as_float64(chunk)
        n_zeros += numbers.numel() - int(numbers.count_nonzero())
        bottom, top = (end.item() for end in numbers.aminmax())
        if not (math.isfinite(bottom) and math.isfinite(top)):
            n_nan += int(numbers.isnan().sum())
            n_pos += int(numbers.isposinf().sum())
            n_neg += int(numbers.isneginf().sum())
            numbers = numbers[numbers.isfinite()]
            if numbers.numel() == 0:
                continue
            bottom, top = (end.item() for end in numbers.aminmax())
        low, high = min(low, bottom), max(high, top)
        largest = max(largest, abs(bottom), abs(top))
    n_finite = n_elements - n_nan - n_pos - n_neg
    counts = (n_finite, n_zeros, n_nan, n_pos, n_neg)
    if n_finite == 0:
        return Statistics(spec, n_elements, *counts, note=note)
    mean, std, norm = _moments(values, n_finite, n_absent, largest, n_finite == n_elements)
    least, most = _exact_ends(values, low, high, n_absent)
    return Statistics(spec, n_elements, *counts, least, most, min(max(mean, low), high), std, norm, note)


def _moments(
    values: torch.Tensor, n_finite: int, n_absent: int, largest: float, all_finite: bool
) -> tuple[float, float | None, float]:
    """Mean, standard deviation and norm of the finite elements, from sums of differences to one of them."""
    # Squares of what is larger or smaller than this would leave the range of float64; a power of two rounds nothing.
    scale = math.ldexp(1.0, math.frexp(largest)[1] - 1) if largest > 1e150 or 0 < largest < 1e-140 else 1.0
    shift: float | None = 0.0 if n_absent else None
    first: list[float] = []
    second: list[float] = []
    squares: list[float] = []
    for chunk in _chunks(values):
        numbers = as_float64(chunk)
        if not all_finite:
            numbers = numbers[numbers.isfinite()]
        if numbers.numel() == 0:
            continue
        if scale != 1.0:
            numbers = numbers / scale
        squares.append(torch.dot(numbers, numbers).item())
        if shift is None:
            shift = numbers[0].item()
        moved = numbers - shift
        first.append(moved.sum().item())
        second.append(torch.dot(moved, moved).item())
    offset = math.fsum(first) / n_finite
    mean = ((shift or 0.0) + offset) * scale
    variance = (math.fsum(second) - n_finite * offset * offset) / (n_finite - 1) if n_finite > 1 else None
    std = math.sqrt(max(variance, 0.0)) * scale if variance is not None else None
    return mean, std, math.sqrt(math.fsum(squares)) * scale


def _exact_ends(values: torch.Tensor, low: float, high: float, n_absent: int) -> tuple[Any, Any]:
    if values.dtype == torch.bool:
        return bool(low), bool(high)
    if values.is_floating_point() or values.is_complex():
        return low, high
    if max(abs(low), abs(high)) < 2**53 or not values.numel():
        return int(low), int(high)
    if values.dtype == torch.uint64:  # which torch cannot compare; its bits can, as signed numbers moved by 2**63
        moved = (values.view(torch.int64) ^ torch.iinfo(torch.int64).min).aminmax()
        ends = [int(end) + 2**63 for end in moved]
    else:
        ends = [int(end) for end in values.aminmax()]
    return (min(0, ends[0]), max(0, ends[1])) if n_absent else (ends[0], ends[1])


def _sample(values: torch.Tensor, most: int) -> tuple[torch.Tensor, int]:
    """At most `most` elements, every `step`-th, as a flat tensor, and the step."""
    count = values.numel()
    step = max(1, -(-count // most))
    while step > 1 and math.gcd(step, count) > 1:
        step += 1
    if step == 1:
        return values.reshape(-1), 1
    if values.is_contiguous():
        return values.view(-1)[::step], step
    places = torch.arange(0, count, step, device=values.device)
    indices = []
    for size in reversed(values.shape):
        indices.append(places % size)
        places = places // size
    return values[tuple(reversed(indices))], step


def _written(tensor: torch.Tensor) -> str:
    values = tensor.detach().dequantize() if tensor.is_quantized else tensor.detach()
    if values.device.type == "meta":
        return ""

    def write(item: Any) -> str:
        if isinstance(item, list):
            return "[" + ", ".join(map(write, item)) + "]"
        return str(item) if isinstance(item, complex) else number(item)

    return write(values.tolist())
