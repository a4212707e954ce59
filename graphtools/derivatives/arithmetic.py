"""Rules of arithmetic between tensors, element by element: add, mul, div, pow, where, clamp."""

from __future__ import annotations

from collections.abc import Iterable

import torch

from graphtools.derivatives.rule import Call, Factor, Input, Rule, count_of, largest, size_factor
from graphtools.statistics import number


def _one(call: Call) -> torch.Tensor:
    return torch.ones((), dtype=torch.float64)


def _alpha(call: Call) -> torch.Tensor:
    found = call.given(2, "alpha")
    return torch.tensor(1.0 if found is None else float(found), dtype=torch.float64)


def _other(call: Call) -> torch.Tensor:
    return call.wide(1, "other", "exponent", "end")


def _rounded(call: Call) -> bool:
    return call.given(2, "rounding_mode") is not None


def _div_x(call: Call) -> torch.Tensor:
    return torch.zeros((), dtype=torch.float64) if _rounded(call) else 1 / _other(call)


def _div_other(call: Call) -> torch.Tensor:
    return torch.zeros((), dtype=torch.float64) if _rounded(call) else -call.x / _other(call) ** 2


def _pow_x(call: Call) -> torch.Tensor:
    n = _other(call)
    return torch.where(n == 0, torch.zeros_like(n), n * call.x ** (n - 1))


def _pow_n(call: Call) -> torch.Tensor:
    x = call.x
    return torch.where((x == 0) & (_other(call) >= 0), torch.zeros_like(x), call.y * x.log())


def _mul_factors(call: Call) -> Iterable[Factor]:
    yield size_factor("x", call.given(0, "input", "self"))
    yield size_factor("other", call.given(1, "other"))


def _mul_zero(call: Call) -> str:
    for position, names, factor in ((0, ("input", "self"), call.x), (1, ("other",), _other(call))):
        if not factor.any() and (call.of is None or call.raw(position, *names) != call.of):
            return f"{('x', 'other')[position]} is 0 everywhere, and what it multiplies gets 0"
    return "where a gradient arrives, the other factor is 0"


def _mul_value(call: Call) -> str:
    a, b = call.x, _other(call)
    if (a.isinf() | b.isinf()).any():
        return "0 · inf = NaN"
    return f"the product is too large for its dtype: factors up to {largest(a)} and {largest(b)}"


def _div_value(call: Call) -> str:
    zeros = (_other(call) == 0).broadcast_to(torch.broadcast_shapes(call.x.shape, _other(call).shape))
    if zeros.any():
        both = int((zeros & (call.x == 0)).sum())
        said = f"the divisor is 0 at {count_of(zeros)} elements"
        return f"{said}; at {both:,} of these the dividend is 0 too, and 0/0 = NaN" if both else f"{said}: x/0 = ±inf"
    return f"the quotient is too large for its dtype: {largest(call.x)} by a divisor as small as {_least(_other(call))}"


def _least(tensor: torch.Tensor) -> str:
    return number(float(tensor.abs().min())) if tensor.numel() else "none"


def _div_grad(call: Call) -> str:
    zeros = _other(call) == 0
    if zeros.any():
        return f"the divisor is 0 at {count_of(zeros)} elements, where the derivative 1/other is infinite"
    return f"the divisor is as small as {_least(_other(call))}: 1/other² is too large for its dtype"


def _div_factors(call: Call) -> Iterable[Factor]:
    other = _other(call)
    yield Factor(f"divisor from {number(float(other.min()))} to {number(float(other.max()))}", float(other.abs().min()))


def _pow_value(call: Call) -> str:
    zeros, negative = call.x == 0, call.x < 0
    if zeros.any() and (_other(call) < 0).any():
        return f"{count_of(zeros)} bases are 0 and the exponent is negative"
    if negative.any():
        return f"{count_of(negative)} bases are below 0 and the exponent is not whole: NaN"
    return f"the power is too large for its dtype: bases up to {largest(call.x)}"


def _pow_grad(call: Call) -> str:
    zeros = call.x == 0
    return f"{count_of(zeros)} bases are 0, where n·xⁿ⁻¹ is infinite for n below 1" if zeros.any() else ""


def _pow_factors(call: Call) -> Iterable[Factor]:
    yield size_factor("exponent n", call.given(1, "exponent", "other"))


def _sum_value(call: Call) -> str:
    if (call.x.isinf() | _other(call).isinf()).any():
        return "inf − inf = NaN"
    return f"the sum is too large for its dtype: terms up to {largest(call.x)} and {largest(_other(call))}"


def _remainder_other(call: Call) -> torch.Tensor:
    return -(call.x / _other(call)).floor()


def _fmod_other(call: Call) -> torch.Tensor:
    return -(call.x / _other(call)).trunc()


_MUL = (
    Input("input", "∂L/∂x = ∂L/∂y · other", _other),
    Input("other", "∂L/∂other = ∂L/∂y · x", lambda call: call.x),
)
_DIV = (
    Input("input", "∂L/∂x = ∂L/∂y / other", _div_x),
    Input("other", "∂L/∂other = −∂L/∂y · x / other²", _div_other),
)
_SUMMED = "; where an input was broadcast, its gradient is summed over the repeats"

RULES = (
    Rule(
        "add iadd",
        "Both inputs get the gradient as it is" + _SUMMED + ".",
        (Input("input", "∂L/∂x = ∂L/∂y", _one), Input("other", "∂L/∂other = α · ∂L/∂y  (α = 1 unless given)", _alpha)),
        value=_sum_value,
    ),
    Rule(
        "sub subtract isub",
        "The first input gets the gradient as it is, the second its negative" + _SUMMED + ".",
        (Input("input", "∂L/∂x = ∂L/∂y", _one), Input("other", "∂L/∂other = −α · ∂L/∂y", lambda call: -_alpha(call))),
        value=_sum_value,
    ),
    Rule(
        "rsub",
        "The first input gets the negative gradient, the second the gradient as it is" + _SUMMED + ".",
        (Input("input", "∂L/∂x = −∂L/∂y", lambda call: -_alpha(call)), Input("other", "∂L/∂other = ∂L/∂y", _one)),
        value=_sum_value,
    ),
    Rule(
        "mul multiply imul",
        "Each factor gets the gradient multiplied by the other factor" + _SUMMED + ".",
        _MUL,
        factors=_mul_factors,
        zero=_mul_zero,
        value=_mul_value,
        grad=lambda call: f"it is multiplied by factors up to {largest(call.x)} and {largest(_other(call))}",
    ),
    Rule(
        "div divide true_divide truediv itruediv",
        "The dividend gets the gradient divided by the divisor: a small divisor makes it large" + _SUMMED + ".",
        _DIV,
        factors=_div_factors,
        value=_div_value,
        grad=_div_grad,
        zero=lambda call: (
            "it rounds, and a rounded result does not change with small changes" if _rounded(call) else ""
        ),
    ),
    Rule(
        "pow ipow float_power",
        "The base gets the gradient times n·xⁿ⁻¹" + _SUMMED + ".",
        (
            Input("input", "∂L/∂x = ∂L/∂y · n·xⁿ⁻¹", _pow_x),
            Input("exponent", "∂L/∂n = ∂L/∂y · y·ln x", _pow_n),
        ),
        factors=_pow_factors,
        value=_pow_value,
        grad=_pow_grad,
        zero=lambda call: "every base that a gradient arrives at is 0, or the exponent is 0",
    ),
    Rule(
        "remainder mod imod",
        "The gradient passes as it is: a remainder rises with its dividend, between the jumps.",
        (Input("input", "∂L/∂x = ∂L/∂y", _one), Input("other", "∂L/∂other = −∂L/∂y · ⌊x/other⌋", _remainder_other)),
    ),
    Rule(
        "fmod",
        "The gradient passes as it is: a remainder rises with its dividend, between the jumps.",
        (Input("input", "∂L/∂x = ∂L/∂y", _one), Input("other", "∂L/∂other = −∂L/∂y · trunc(x/other)", _fmod_other)),
    ),
    Rule(
        "addcmul",
        "The first input gets the gradient as it is, each factor the gradient times the other and the value.",
        (
            Input("input", "∂L/∂x = ∂L/∂y", _one),
            Input("tensor1", "∂L/∂a = ∂L/∂y · value · b"),
            Input("tensor2", "∂L/∂b = ∂L/∂y · value · a"),
        ),
    ),
    Rule(
        "addcdiv",
        "The first input gets the gradient as it is, the dividend it divided by the divisor.",
        (
            Input("input", "∂L/∂x = ∂L/∂y", _one),
            Input("tensor1", "∂L/∂a = ∂L/∂y · value / b"),
            Input("tensor2", "∂L/∂b = −∂L/∂y · value · a / b²"),
        ),
    ),
    Rule(
        "lerp",
        "The gradient is divided between both ends by the weight.",
        (
            Input("input", "∂L/∂start = ∂L/∂y · (1 − w)", lambda call: 1 - call.wide(2, "weight")),
            Input("end", "∂L/∂end = ∂L/∂y · w", lambda call: call.wide(2, "weight")),
            Input("weight", "∂L/∂w = Σ ∂L/∂y · (end − start)"),
        ),
    ),
    Rule(
        "atan2 arctan2",
        "Both get the gradient divided by the squared length of (x, other).",
        (
            Input("input", "∂L/∂x = ∂L/∂y · other/(x² + other²)", lambda c: _other(c) / (c.x**2 + _other(c) ** 2)),
            Input("other", "∂L/∂other = −∂L/∂y · x/(x² + other²)", lambda c: -c.x / (c.x**2 + _other(c) ** 2)),
        ),
    ),
    Rule(
        "hypot",
        "Each side gets the gradient times its share of the length.",
        (
            Input("input", "∂L/∂x = ∂L/∂y · x/y", lambda call: call.x / call.y),
            Input("other", "∂L/∂other = ∂L/∂y · other/y", lambda call: _other(call) / call.y),
        ),
    ),
    Rule(
        "logaddexp",
        "The gradient is divided between both by their share of the sum of exponentials.",
        (
            Input("input", "∂L/∂x = ∂L/∂y · exp(x − y)", lambda call: (call.x - call.y).exp()),
            Input("other", "∂L/∂other = ∂L/∂y · exp(other − y)", lambda call: (_other(call) - call.y).exp()),
        ),
    ),
    Rule(
        "xlogy",
        "The first factor gets the gradient times log(other), the second times x/other.",
        (
            Input("input", "∂L/∂x = ∂L/∂y · ln other", lambda call: _other(call).log()),
            Input("other", "∂L/∂other = ∂L/∂y · x/other", lambda call: call.x / _other(call)),
        ),
    ),
    Rule(
        "prelu",
        "The gradient passes where the input was above zero and is scaled by the learned slope below.",
        (
            Input("input", "∂L/∂x = ∂L/∂y · (1 if x > 0 else w)"),
            Input("weight", "∂L/∂w = Σ ∂L/∂y · x over x ≤ 0"),
        ),
        factors=lambda call: [size_factor("w", call.given(1, "weight"))],
    ),
    Rule(
        "foreach_add foreach_mul foreach_sub foreach_div",
        "The same as the operation of that name, for each tensor of a list.",
        (Input("self", "∂L/∂xᵢ as of the operation for each tensor of the list"),),
    ),
    Rule(
        "polar",
        "The gradient of a complex number becomes those of its length and angle.",
        (
            Input("abs", "∂L/∂r = Re(∂L/∂y · conj(y)/r)"),
            Input("angle", "∂L/∂θ = Re(∂L/∂y · conj(i·y))"),
        ),
    ),
)
