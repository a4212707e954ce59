"""Rules of functions of one tensor, element by element: exp, log, sqrt, sin."""

from __future__ import annotations

import math

import torch

from graphtools.derivatives.rule import Call, count_of, outside, pointwise
from graphtools.statistics import number


def _log_value(call: Call) -> str:
    zeros, negative = call.x == 0, call.x < 0
    text = []
    if zeros.any():
        text.append(f"{count_of(zeros)} inputs are 0, and log(0) = -inf")
    if negative.any():
        text.append(f"{count_of(negative)} inputs are below 0 (min {number(float(call.x.min()))}), whose log is NaN")
    return "; ".join(text)


def _log_grad(call: Call) -> str:
    zeros = call.x == 0
    return f"{count_of(zeros)} inputs are 0, where the derivative 1/x is infinite" if zeros.any() else ""


def _exp_value(call: Call) -> str:
    limit = math.log(torch.finfo(_dtype(call)).max)
    return f"exp overflows above {limit:.1f}, and the largest input is {number(float(call.x.max()))}"


def _dtype(call: Call) -> torch.dtype:
    found = call.result
    return found.dtype if isinstance(found, torch.Tensor) and found.is_floating_point() else torch.float32


def _sqrt_value(call: Call) -> str:
    negative = call.x < 0
    return f"{count_of(negative)} inputs are below 0 (min {number(float(call.x.min()))}), whose root is NaN"


def _sqrt_grad(call: Call) -> str:
    zeros = call.x == 0
    return f"{count_of(zeros)} inputs are 0, where the derivative 1/(2√x) is infinite" if zeros.any() else ""


def _at_zero_value(call: Call) -> str:
    zeros, negative = call.x == 0, call.x < 0
    said = f"{count_of(zeros)} inputs are 0: a division by zero" if zeros.any() else ""
    return said or (f"{count_of(negative)} inputs are below 0" if negative.any() else "")


def _at_zero_grad(call: Call) -> str:
    zeros = call.x == 0
    return f"{count_of(zeros)} inputs are 0, where the derivative is infinite" if zeros.any() else ""


def _sinc(call: Call) -> torch.Tensor:
    x = call.x * math.pi
    safe = torch.where(x == 0, 1.0, x)
    return torch.where(x == 0, 0.0, math.pi * (safe * safe.cos() - safe.sin()) / safe**2)


RULES = (
    pointwise(
        "exp",
        "y",
        "The gradient is multiplied by the output, exp(x).",
        lambda call: call.y,
        value=_exp_value,
        zero=lambda call: f"exp(x) is 0 in this precision: the largest input is {number(float(call.x.max()))}",
    ),
    pointwise(
        "exp2", "y·ln 2", "The gradient is multiplied by the output.", lambda c: c.y * math.log(2), value=_exp_value
    ),
    pointwise("expm1", "(y + 1)", "The gradient is multiplied by exp(x).", lambda call: call.y + 1, value=_exp_value),
    pointwise(
        "log",
        "1/x",
        "The gradient is divided by the input: small inputs make it large.",
        lambda call: 1 / call.x,
        value=_log_value,
        grad=_log_grad,
    ),
    pointwise(
        "log2",
        "1/(x·ln 2)",
        "Divided by the input.",
        lambda c: 1 / (c.x * math.log(2)),
        None,
        None,
        _log_value,
        _log_grad,
    ),
    pointwise(
        "log10",
        "1/(x·ln 10)",
        "Divided by the input.",
        lambda c: 1 / (c.x * math.log(10)),
        None,
        None,
        _log_value,
        _log_grad,
    ),
    pointwise(
        "log1p",
        "1/(1 + x)",
        "The gradient is divided by 1 + x.",
        lambda call: 1 / (1 + call.x),
        value=lambda call: f"{count_of(call.x <= -1)} inputs are -1 or below, and log(0) = -inf",
        grad=lambda call: f"{count_of(call.x == -1)} inputs are -1, where 1/(1 + x) is infinite",
    ),
    pointwise(
        "sqrt",
        "1/(2√x)",
        "The gradient is divided by twice the root: near zero it becomes very large.",
        lambda call: 1 / (2 * call.x.sqrt()),
        value=_sqrt_value,
        grad=_sqrt_grad,
    ),
    pointwise(
        "rsqrt",
        "−½·x^(−3/2)",
        "The gradient is divided by x·√x: near zero it becomes very large.",
        lambda call: -0.5 * call.x**-1.5,
        value=_at_zero_value,
        grad=_at_zero_grad,
    ),
    pointwise(
        "reciprocal",
        "−1/x²",
        "The gradient is divided by the input's square.",
        lambda call: -1 / call.x**2,
        value=_at_zero_value,
        grad=_at_zero_grad,
    ),
    pointwise(
        "square",
        "2x",
        "The gradient is multiplied by twice the input.",
        lambda call: 2 * call.x,
        zero=lambda call: "every input that a gradient arrives at is 0",
    ),
    pointwise(
        "abs absolute",
        "sign(x)",
        "The gradient keeps its size and takes the sign of the input; at 0 it stops.",
        lambda call: call.x.sgn(),
        zero=lambda call: "every input that a gradient arrives at is 0",
    ),
    pointwise("neg negative", "(−1)", "The gradient changes its sign.", lambda call: -torch.ones_like(call.x)),
    pointwise("positive pos", "1", "The gradient passes as it is.", lambda call: torch.ones_like(call.x)),
    pointwise("sin", "cos(x)", "The gradient is multiplied by the cosine of the input.", lambda call: call.x.cos()),
    pointwise(
        "cos", "(−sin(x))", "The gradient is multiplied by minus the sine of the input.", lambda call: -call.x.sin()
    ),
    pointwise("tan", "(1 + y²)", "The gradient is multiplied by 1 + tan².", lambda call: 1 + call.y**2),
    pointwise("asin arcsin", "1/√(1 − x²)", "Large near ±1.", lambda c: (1 - c.x**2) ** -0.5, value=outside(-1, 1)),
    pointwise(
        "acos arccos", "(−1/√(1 − x²))", "Large near ±1.", lambda c: -((1 - c.x**2) ** -0.5), value=outside(-1, 1)
    ),
    pointwise("atan arctan", "1/(1 + x²)", "Fades out away from zero.", lambda call: 1 / (1 + call.x**2)),
    pointwise("sinh", "cosh(x)", "The gradient is multiplied by cosh(x).", lambda call: call.x.cosh()),
    pointwise("cosh", "sinh(x)", "The gradient is multiplied by sinh(x).", lambda call: call.x.sinh()),
    pointwise("asinh arcsinh", "1/√(1 + x²)", "Fades out away from zero.", lambda call: (1 + call.x**2) ** -0.5),
    pointwise("acosh arccosh", "1/√(x² − 1)", "Large near 1.", lambda call: (call.x**2 - 1) ** -0.5),
    pointwise("atanh arctanh", "1/(1 − x²)", "Large near ±1.", lambda c: 1 / (1 - c.x**2), value=outside(-1, 1)),
    pointwise(
        "erf",
        "2/√π · exp(−x²)",
        "Fades out away from zero.",
        lambda c: 2 / math.sqrt(math.pi) * (-(c.x**2)).exp(),
        1e-3,
    ),
    pointwise("erfc", "(−2/√π · exp(−x²))", "Fades out.", lambda c: -2 / math.sqrt(math.pi) * (-(c.x**2)).exp(), 1e-3),
    pointwise("erfinv", "√π/2 · exp(y²)", "Large near ±1.", lambda c: math.sqrt(math.pi) / 2 * (c.y**2).exp()),
    pointwise("logit", "1/(x·(1 − x))", "Large near 0 and 1.", lambda c: 1 / (c.x * (1 - c.x)), value=outside(0, 1)),
    pointwise("sinc", "d sinc(x)/dx", "The gradient is multiplied by the derivative of sin(πx)/(πx).", _sinc),
    pointwise("lgamma", "digamma(x)", "The gradient is multiplied by digamma(x).", lambda call: call.x.digamma()),
    pointwise("digamma", "trigamma(x)", "Multiplied by trigamma(x).", lambda call: torch.polygamma(1, call.x)),
    pointwise("deg2rad", "π/180", "Scaled by π/180.", lambda call: torch.full_like(call.x, math.pi / 180)),
    pointwise("rad2deg", "180/π", "Scaled by 180/π.", lambda call: torch.full_like(call.x, 180 / math.pi)),
    pointwise("frac", "1", "The gradient passes as it is.", lambda call: torch.ones_like(call.x)),
    pointwise(
        "nan_to_num",
        "1[x is finite]",
        "The gradient passes where the input was finite and stops where it was replaced.",
        lambda call: call.x.isfinite().double(),
    ),
)
