"""A small picture of any tensor: an image, a heat map or a curve, never made of the whole of a large tensor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from graphtools.compat import without_torch_function
from graphtools.statistics import NoValuesError, as_float64, stored_values

_READ_FOR_A_PIXEL = 4  # elements that are read at most for each pixel and side


@dataclass(frozen=True, slots=True)
class Picture:
    """A small picture of a part of a tensor, on the CPU.

    `kind` is "image" (`values` u8[H, W, 3]), "heat map" (f32[H, W], NaN and infinity kept), "curve" (f32[n]) or "none".
    `index` is the part shown, one number for each of the leading sizes in `choices`; `caption` says all this in words.
    """

    kind: str
    values: torch.Tensor
    index: tuple[int, ...]
    choices: tuple[int, ...]
    caption: str


def picture(tensor: torch.Tensor, index: Sequence[int] = (), max_side: int = 256, color: bool = True) -> Picture:
    """A Picture of `tensor`: its last two sizes as rows and columns at `index` of the sizes before, 0 where not given.

    With `color`, what looks like images (3 channels of 8 by 8 or more, before or after rows and columns) is shown as
    one, in gray levels from its least to its greatest value. A tensor of one size is a curve. Never reads the whole of
    a large tensor: a plane above `max_side` is thinned to a regular grid and averaged, which the caption says.
    """
    with torch.no_grad(), without_torch_function():
        try:
            if tensor.layout != torch.strided and tensor.numel() > 4_000_000:
                raise NoValuesError("too large to show: a sparse tensor would have to be filled in", tensor.numel())
            is_stored = tensor.layout == torch.strided or tensor.is_nested  # the parts of a nested one make a curve
            values, n_elements, _ = stored_values(tensor if is_stored else tensor.to_dense())
        except NoValuesError as reason:
            return Picture("none", torch.empty(0), (), (), str(reason))
        if n_elements == 0:
            return Picture("none", torch.empty(0), (), (), "no elements")
        if values.dim() < 2:
            return _curve(values.reshape(-1), max_side)
        channels = _channel_axis(values.shape) if color else None
        choices = leading_sizes(values.shape, color)
        wanted = [*index, *[0] * len(choices)]
        chosen = tuple(min(max(0, i), size - 1) for i, size in zip(wanted, choices, strict=False))
        plane = values[chosen]
        where = f"[{', '.join(map(str, chosen))}] of {' × '.join(map(str, choices))}, " if choices else ""
        if channels is not None:
            plane = plane if channels == -3 else plane.movedim(-1, 0)
            small, how = _shrink(plane, max_side)
            caption = f"{where}{plane.shape[-2]} × {plane.shape[-1]} in color{how}"
            return Picture("image", _gray_levels(small).movedim(0, -1).contiguous(), chosen, choices, caption)
        small, how = _shrink(plane, max_side)
        return Picture("heat map", small, chosen, choices, f"{where}{plane.shape[-2]} × {plane.shape[-1]}{how}")


def leading_sizes(shape: Sequence[int], color: bool = True) -> tuple[int, ...]:
    """The sizes of a tensor before those of a picture of it: before rows and columns, and of an image its colors."""
    is_image = color and _channel_axis(shape) is not None
    return tuple(shape[: -3 if is_image else -2])


def _channel_axis(shape: Sequence[int]) -> int | None:
    if len(shape) < 3:
        return None
    if shape[-3] == 3 and min(shape[-2:]) >= 8:
        return -3
    return -1 if shape[-1] == 3 and min(shape[-3:-1]) >= 8 else None


def _curve(values: torch.Tensor, max_side: int) -> Picture:
    step = -(-values.numel() // (4 * max_side))
    thinned = values[::step]
    every = f", one in {step}" if step > 1 else ""
    return Picture("curve", as_float64(thinned).float().cpu(), (), (), f"{values.numel()} values{every}")


def _shrink(plane: torch.Tensor, max_side: int) -> tuple[torch.Tensor, str]:
    """The last two sizes brought to at most `max_side`, in float32 on the CPU, and how, in words."""
    steps = [-(-size // (max_side * _READ_FOR_A_PIXEL)) for size in plane.shape[-2:]]
    small = as_float64(plane[..., :: steps[0], :: steps[1]]).float().cpu()
    sides = (min(small.shape[-2], max_side), min(small.shape[-1], max_side))
    if tuple(small.shape[-2:]) != sides:
        small = torch.nn.functional.adaptive_avg_pool2d(small.reshape(1, -1, *small.shape[-2:]), sides)
        small = small.reshape(*plane.shape[:-2], *sides)
    if tuple(plane.shape[-2:]) == sides:
        return small, ""
    kept = [f"one {what} in {step}" for what, step in zip(("row", "column"), steps, strict=True) if step > 1]
    thinned = " and ".join(kept) + ", " if kept else ""
    return small, f" ({thinned}averaged to {sides[0]} × {sides[1]})"


def _gray_levels(values: torch.Tensor) -> torch.Tensor:
    finite = values[values.isfinite()]
    if finite.numel() == 0:
        return torch.zeros_like(values, dtype=torch.uint8)
    low, high = finite.min(), finite.max()
    levels = (values - low) / (high - low).clamp_min(1e-30) * 255
    return levels.nan_to_num(0, 255, 0).clamp_(0, 255).round_().to(torch.uint8)
