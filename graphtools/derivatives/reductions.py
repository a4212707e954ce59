"""Rules of what takes many elements together: sum, mean, max, norm, cumsum."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod

from graphtools.derivatives.rule import Call, Factor, Input, Rule
from graphtools.statistics import number


def _n_together(call: Call) -> int:
    """How many elements go into one result."""
    dim = call.raw(1, "dim", "axis")
    if isinstance(dim, int) and not isinstance(dim, bool):
        return call.x.shape[dim] if call.x.dim() else 1
    if isinstance(dim, tuple) and dim and all(isinstance(part, int) for part in dim):
        return prod(call.x.shape[part] for part in dim)
    return call.x.numel()


def _mean_factors(call: Call) -> Iterable[Factor]:
    n = _n_together(call)
    yield Factor(f"1/n = {number(1 / n) if n else 'none'}  (n = {n:,})", 1 / n if n else None)


def _sum_factors(call: Call) -> Iterable[Factor]:
    n = _n_together(call)
    yield Factor(f"{n:,} elements go into each sum; each gets its whole gradient", float(n))


def _mean_value(call: Call) -> str:
    if call.x.numel() == 0:
        return "the mean of no elements is 0/0 = NaN"
    if call.x.isinf().any():
        return "inf − inf = NaN"
    return f"the sum is too large for its dtype: elements up to {number(float(call.x.abs().max()))}"


def _norm_factors(call: Call) -> Iterable[Factor]:
    size = call.y.abs()
    if size.numel():
        yield Factor(f"norm: from {number(float(size.min()))} to {number(float(size.max()))}", float(size.min()))


def _norm_zero(call: Call) -> str:
    return "the norm is 0, where its direction is not defined and torch gives 0" if not call.y.any() else ""


def _equal_zero(call: Call) -> str:
    return "all elements are equal: their distance from the mean is 0" if not call.y.any() else ""


def _deviation_value(call: Call) -> str:
    return (
        f"the variance of {_n_together(call):,} element needs at least two: 0/0 = NaN" if _n_together(call) < 2 else ""
    )


def _spread_factors(call: Call) -> Iterable[Factor]:
    n = _n_together(call)
    yield Factor(f"n = {n:,} elements go into each", float(n))
    if call.y.numel():
        yield Factor(
            f"results from {number(float(call.y.min()))} to {number(float(call.y.max()))}", float(call.y.min())
        )


def _picked_factors(call: Call) -> Iterable[Factor]:
    n_in, n_out = call.x.numel(), call.y.numel()
    if n_in:
        yield Factor(f"{n_out:,} of {n_in:,} elements are picked", n_out / n_in)


def _picked_zero(call: Call) -> str:
    return "none of its elements was the one picked where a gradient arrives"


_ALL_ALIKE = "Every element that went into a result gets"
_SUM = "∂L/∂x = ∂L/∂y, repeated for all elements summed"

RULES = (
    Rule(
        "sum nansum",
        f"{_ALL_ALIKE} its gradient as it is.",
        (Input("input", _SUM),),
        factors=_sum_factors,
        value=_mean_value,
    ),
    Rule(
        "mean nanmean",
        f"{_ALL_ALIKE} the same share of its gradient.",
        (Input("input", "∂L/∂x = ∂L/∂y / n"),),
        factors=_mean_factors,
        value=_mean_value,
    ),
    Rule(
        "max amax",
        "The largest element gets the gradient, the others 0 (equal ones may share it).",
        (
            Input("input", "∂L/∂x = ∂L/∂y · 1[x is the largest]"),
            Input("other", "∂L/∂other = ∂L/∂y · 1[other is larger]"),
        ),
        "moves",
        factors=_picked_factors,
        zero=_picked_zero,
    ),
    Rule(
        "min amin",
        "The smallest element gets the gradient, the others 0 (equal ones may share it).",
        (
            Input("input", "∂L/∂x = ∂L/∂y · 1[x is the smallest]"),
            Input("other", "∂L/∂other = ∂L/∂y · 1[other is smaller]"),
        ),
        "moves",
        factors=_picked_factors,
        zero=_picked_zero,
    ),
    Rule(
        "aminmax",
        "The smallest and the largest element get the gradients of the two results, the others 0.",
        (Input("input", "∂L/∂x = ∂L/∂min · 1[x is the smallest] + ∂L/∂max · 1[x is the largest]"),),
        "moves",
    ),
    Rule(
        "median nanmedian mode quantile nanquantile",
        "The element that was picked gets the gradient, the others 0.",
        (Input("input", "∂L/∂x = ∂L/∂y at the element picked"),),
        "moves",
        zero=_picked_zero,
    ),
    Rule(
        "prod",
        "Each element gets the gradient times the product of the others.",
        (Input("input", "∂L/∂x = ∂L/∂y · y/x"),),
        factors=_norm_factors,
        zero=lambda call: "two or more elements of each product are 0",
    ),
    Rule(
        "norm vector_norm matrix_norm frobenius_norm",
        "Each element gets the gradient times its share of the norm; at a norm of 0 torch gives 0.",
        (Input("input", "∂L/∂x = ∂L/∂y · x/‖x‖  (for the 2-norm)"),),
        factors=_norm_factors,
        zero=_norm_zero,
    ),
    Rule(
        "var",
        "Each element gets the gradient times twice its distance from the mean, over n − 1.",
        (Input("input", "∂L/∂x = ∂L/∂y · 2(x − μ)/(n − 1)"),),
        factors=_spread_factors,
        value=_deviation_value,
        zero=_equal_zero,
    ),
    Rule(
        "std",
        "Each element gets the gradient times its distance from the mean over (n − 1)·σ.",
        (Input("input", "∂L/∂x = ∂L/∂y · (x − μ)/((n − 1)·σ)"),),
        factors=_spread_factors,
        value=_deviation_value,
        zero=_equal_zero,
    ),
    Rule(
        "var_mean std_mean",
        "Each element gets its share of the mean's gradient and that of the spread.",
        (Input("input", "∂L/∂x = ∂L/∂μ / n + ∂L/∂var · 2(x − μ)/(n − 1)"),),
        factors=_spread_factors,
        value=_deviation_value,
    ),
    Rule(
        "logsumexp",
        "The gradient is divided among the elements by their softmax.",
        (Input("input", "∂L/∂x = ∂L/∂y · softmax(x)"),),
    ),
    Rule(
        "cumsum",
        "Each element gets the sum of the gradients from its place on.",
        (Input("input", "∂L/∂xᵢ = Σⱼ≥ᵢ ∂L/∂yⱼ"),),
    ),
    Rule(
        "cumprod",
        "Each element gets the gradients from its place on, times the products without it.",
        (Input("input", "∂L/∂xᵢ = Σⱼ≥ᵢ ∂L/∂yⱼ · yⱼ/xᵢ"),),
    ),
    Rule(
        "logcumsumexp",
        "Each element gets the gradients from its place on, times its share of each sum.",
        (Input("input", "∂L/∂xᵢ = Σⱼ≥ᵢ ∂L/∂yⱼ · exp(xᵢ − yⱼ)"),),
    ),
    Rule(
        "cummax cummin",
        "Each result's gradient goes to the element that it was.",
        (Input("input", "∂L/∂x = Σ ∂L/∂y at the places it holds"),),
        "moves",
    ),
    Rule(
        "diff",
        "The gradient is taken apart again: minus at one place, plus at the next.",
        (Input("input", "∂L/∂xᵢ = ∂L/∂yᵢ₋₁ − ∂L/∂yᵢ"),),
    ),
    Rule("trace", "The diagonal gets the gradient, all else 0.", (Input("input", "∂L/∂x = ∂L/∂y · I"),), "moves"),
)
