"""Rules of pooling, resampling and unfolding."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod
from typing import Any

import torch

from graphtools.derivatives.rule import Call, Factor, Input, Rule, percent_text
from graphtools.statistics import number


def _max_factors(call: Call) -> Iterable[Factor]:
    n_in, n_out = call.x.numel(), call.y.numel()
    sent = next((g for ref, g in call.outgoing.items()), None)
    if sent is not None:
        picked = int((sent != 0).sum())
        yield Factor(f"{picked:,} of {n_in:,} inputs got a gradient ({percent_text(picked / n_in)})", picked / n_in)
    yield Factor(f"{n_out:,} windows pick one input each out of {n_in:,}", n_out / n_in)


def _max_zero(call: Call) -> str:
    return "no gradient arrived at the windows that picked an element of this input"


def _window(found: Any, n_dims: int) -> int:
    return int(prod(found)) if isinstance(found, tuple | list) else int(found) ** n_dims


def _average_factors(call: Call) -> Iterable[Factor]:
    n_dims = int(call.node.operation[-2])
    kernel = call.given(1, "kernel_size", "output_size")
    if call.node.operation.startswith("adaptive"):
        n_in, n_out = call.x.numel(), max(1, call.y.numel())
        yield Factor(f"1/k = {number(n_out / n_in)} (about {n_in / n_out:.4g} inputs to a window)", n_out / n_in)
    else:
        size = _window(kernel, n_dims)
        yield Factor(f"1/k = {number(1 / size)} ({size} inputs to a window)", 1 / size)


def _resize(call: Call) -> Iterable[Factor]:
    n_in, n_out = call.x.numel(), call.y.numel()
    mode = call.given(3, "mode") or "nearest"
    if n_in:
        yield Factor(f"{n_out / n_in:.4g} outputs to an input, mode {mode}", n_out / n_in)


def _grid(call: Call) -> Iterable[Factor]:
    grid = call.wide(1, "grid")
    outside = (grid.abs() > 1).any(-1)
    found = float(outside.double().mean()) if outside.numel() else 0.0
    yield Factor(f"{percent_text(found)} of the {outside.numel():,} places are outside the image", found)


def _boxes(call: Call) -> Iterable[Factor]:
    found = call.given(1, "rois", "boxes")
    if isinstance(found, torch.Tensor):
        yield Factor(f"{found.shape[0]:,} boxes", float(found.shape[0]))


RULES = (
    Rule(
        "max_pool1d max_pool2d max_pool3d max_pool1d_with_indices max_pool2d_with_indices max_pool3d_with_indices "
        "adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d fractional_max_pool2d",
        "In each window only the largest element gets the gradient.",
        (Input("input", "∂L/∂x = Σ ∂L/∂y over the windows where x was the largest"),),
        "moves",
        factors=_max_factors,
        zero=_max_zero,
    ),
    Rule(
        "avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d",
        "Each window's gradient is divided evenly among its elements.",
        (Input("input", "∂L/∂x = Σ ∂L/∂y / k over the windows that hold x"),),
        factors=_average_factors,
    ),
    Rule(
        "lp_pool1d lp_pool2d",
        "Each window's gradient is divided by the elements' share of its norm.",
        (Input("input", "∂L/∂x = ∂L/∂y · (x/y)ᵖ⁻¹"),),
    ),
    Rule(
        "max_unpool1d max_unpool2d max_unpool3d",
        "Each element gets the gradient of the place that it was put at.",
        (Input("input", "∂L/∂x = ∂L/∂y at the index"),),
        "moves",
    ),
    Rule(
        "interpolate upsample upsample_nearest upsample_bilinear",
        "Each input gets the gradients of the outputs that were computed from it, by their weights.",
        (Input("input", "∂L/∂x = Σ w · ∂L/∂y"),),
        factors=_resize,
    ),
    Rule(
        "grid_sample",
        "Each pixel gets the gradients of the places sampled near it, by their weights; each place gets the slope of "
        "the image there.",
        (Input("input", "∂L/∂x = Σ w · ∂L/∂y"), Input("grid", "∂L/∂grid = Σ ∂L/∂y · slope of x")),
        factors=_grid,
    ),
    Rule(
        "affine_grid",
        "The matrix gets the sum of the grid's gradients times the coordinates.",
        (Input("theta", "∂L/∂θ = Σ ∂L/∂grid · coordinatesᵀ"),),
    ),
    Rule(
        "roi_align roi_pool ps_roi_align ps_roi_pool",
        "Each pixel gets the gradients of the boxes that it was sampled for, by their weights; the boxes get none.",
        (Input("input", "∂L/∂x = Σ w · ∂L/∂y"), Input("rois", "the boxes get none")),
        factors=_boxes,
    ),
    Rule(
        "deform_conv2d",
        "As a convolution, with weights for the places that were sampled; the offsets get the slope of the image.",
        (
            Input("input", "∂L/∂x = Σ w · (∂L/∂y · W)"),
            Input("weight", "∂L/∂W = Σ sampled x · ∂L/∂y"),
            Input("offset", "∂L/∂offset = Σ ∂L/∂y · W · slope of x"),
        ),
    ),
    Rule(
        "unfold im2col",
        "Each element gets the sum of the gradients of all windows that it was copied to.",
        (Input("input", "∂L/∂x = Σ ∂L/∂y over the copies"),),
        "moves",
    ),
    Rule(
        "fold col2im",
        "Each window's element gets the gradient of the place that it was added to.",
        (Input("input", "∂L/∂x = ∂L/∂y at its place"),),
        "moves",
    ),
)
