"""Rules of batch, layer, group and instance norm, and of what scales to a norm."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch

from graphtools.derivatives.rule import Call, Factor, Input, Rule, percent_text, wide
from graphtools.statistics import number

_EPS = {"batch_norm": 7, "layer_norm": 4, "group_norm": 4, "instance_norm": 7, "rms_norm": 3}


def _deviations(call: Call) -> torch.Tensor | None:
    """The σ (with ε) that the call divided by, in float64."""
    x, word = call.x, call.node.operation
    eps = call.given(_EPS[word], "eps")
    eps = 1e-5 if not isinstance(eps, int | float) else float(eps)
    if word == "batch_norm":
        if call.given(5, "training"):
            variance = x.transpose(0, 1).flatten(1).var(dim=1, correction=0)
        else:
            variance = call.wide(2, "running_var")
    elif word == "instance_norm":
        variance = x.flatten(2).var(dim=2, correction=0)
    elif word == "group_norm":
        variance = x.reshape(x.shape[0], int(call.given(1, "num_groups")), -1).var(dim=2, correction=0)
    else:
        n_last = len(call.given(1, "normalized_shape"))
        dims = tuple(range(-n_last, 0))
        variance = x.square().mean(dims) if word == "rms_norm" else x.var(dims, correction=0)
    return (variance + eps).sqrt()


def _weight_position(call: Call) -> int:
    return {"batch_norm": 3, "instance_norm": 3}.get(call.node.operation, 2)


def _factors(call: Call) -> Iterable[Factor]:
    sigma = _deviations(call)
    if sigma is None or sigma.numel() == 0:
        return
    yield Factor(
        f"σ: mean {number(float(sigma.mean()))}, from {number(float(sigma.min()))} to {number(float(sigma.max()))}",
        float(sigma.mean()),
    )
    weight = call.given(_weight_position(call), "weight")
    gamma = wide(weight) if isinstance(weight, torch.Tensor) else torch.ones((), dtype=torch.float64)
    if call.node.operation == "batch_norm":
        scale = gamma.abs() / sigma
        yield Factor(
            f"|γ|/σ: mean {number(float(scale.mean()))}, largest {number(float(scale.max()))}", float(scale.mean())
        )
    else:
        size = float(gamma.abs().mean())
        yield Factor(f"|γ|: mean {number(size)}", size)
    if call.node.operation == "batch_norm" and not call.given(5, "training"):
        yield Factor("running statistics (eval mode): only γ/σ, nothing is subtracted")


def _zero(call: Call) -> str:
    weight = call.given(_weight_position(call), "weight")
    if isinstance(weight, torch.Tensor) and not weight.any():
        return "γ is 0 everywhere"
    return "what arrived was the same for all elements that are normalized together, and their mean is subtracted"


def _value(call: Call) -> str:
    sigma = _deviations(call)
    if sigma is None:
        return ""
    return f"it divides by σ as small as {number(float(sigma.min()))}, or the squares go past the largest of the dtype"


_NORMALIZED = (
    Input("input", "∂L/∂x = γ/σ · (∂L/∂y − mean(∂L/∂y) − x̂·mean(∂L/∂y·x̂))"),
    Input("weight", "∂L/∂γ = Σ ∂L/∂y · x̂,  x̂ = (x − μ)/σ"),
    Input("bias", "∂L/∂β = Σ ∂L/∂y"),
)
_SENTENCE = (
    "The gradient is scaled by γ/σ, and its mean and its part along the normalized input are taken away: neither a "
    "shift nor a scaling of the input changes the result."
)
_AFTER_STATISTICS = (
    _NORMALIZED[0],
    Input("running_mean", "the running mean gets none"),
    Input("running_var", "the running variance gets none"),
    *_NORMALIZED[1:],
)


def _unit(call: Call) -> Iterable[Factor]:
    power = float(call.given(1, "p") or 2.0)
    dim = call.given(2, "dim")
    size = torch.linalg.vector_norm(call.x, power, 1 if dim is None else dim)
    yield Factor(f"‖x‖: from {number(float(size.min()))} to {number(float(size.max()))}", float(size.min()))


def _unit_grad(call: Call) -> str:
    return "a norm is 0 or nearly so, and the gradient is divided by it"


# -- softmax ---------------------------------------------------------------------------------------------------------


def _dim(call: Call) -> int:
    found = call.given(1, "dim")
    return -1 if found is None else int(found)


def _softmax_factors(call: Call) -> Iterable[Factor]:
    y = call.y.exp() if call.node.operation.startswith("log") else call.y
    if y.numel() == 0 or y.dim() == 0:
        return
    peaks = y.amax(_dim(call))
    sharp = float((peaks > 0.999).double().mean())
    yield Factor(f"largest probability: mean {number(float(peaks.mean()))}", float(peaks.mean()))
    text = f"{percent_text(sharp)} of the {peaks.numel():,} rows are saturated (above 0.999)"
    yield Factor(text, sharp)


def _softmax_zero(call: Call) -> str:
    y = call.y.exp() if call.node.operation.startswith("log") else call.y
    if y.numel() and float(y.amax(_dim(call)).min()) > 0.999:
        return "it is saturated: every row has one probability of 1, and the others are 0"
    return "what arrived was the same for all elements of a row, and a softmax does not change with a common shift"


def _softmax_value(call: Call) -> str:
    rows = (call.x == -math.inf).all(_dim(call)) if call.x.dim() else call.x == -math.inf
    if rows.any():
        return f"{int(rows.sum()):,} of {rows.numel():,} rows are -inf throughout (all masked): 0/0 = NaN"
    if call.x.isposinf().any():
        return "an input is +inf: inf − inf = NaN"
    return "log of a probability that is 0 in this precision"


RULES = (
    Rule("batch_norm", _SENTENCE, _AFTER_STATISTICS, factors=_factors, zero=_zero, value=_value),
    Rule("instance_norm", _SENTENCE, _AFTER_STATISTICS, factors=_factors, zero=_zero, value=_value),
    Rule(
        "layer_norm group_norm",
        _SENTENCE,
        (_NORMALIZED[0], Input("shape", "the shape has none"), *_NORMALIZED[1:]),
        factors=_factors,
        zero=_zero,
        value=_value,
    ),
    Rule(
        "rms_norm",
        "The gradient is scaled by γ over the root mean square, and its part along the input is taken away.",
        (
            Input("input", "∂L/∂x = γ/r · (∂L/∂y − x̂·mean(∂L/∂y·x̂)),  x̂ = x/r"),
            Input("normalized_shape", "the shape has none"),
            Input("weight", "∂L/∂γ = Σ ∂L/∂y · x̂"),
        ),
        factors=_factors,
    ),
    Rule(
        "local_response_norm",
        "The gradient is divided by the response of the neighboring channels.",
        (Input("input", "∂L/∂x = ∂L/∂y/kᵝ − what the neighbors' responses take"),),
    ),
    Rule(
        "normalize",
        "The gradient is divided by the norm, and its part along the result is taken away.",
        (Input("input", "∂L/∂x = (∂L/∂y − y·Σ ∂L/∂y·y) / ‖x‖"),),
        factors=_unit,
        grad=_unit_grad,
    ),
    Rule(
        "weight_norm",
        "The weight is g·v/‖v‖: its direction gets the part at a right angle, its length the rest.",
        (
            Input("v", "∂L/∂v = g/‖v‖ · (∂L/∂W − v̂·Σ ∂L/∂W·v̂)"),
            Input("g", "∂L/∂g = Σ ∂L/∂W · v̂"),
        ),
    ),
    Rule(
        "softmax softmin gumbel_softmax sparse_softmax",
        "Within a row the gradient is compared with its weighted mean: raising one element lowers the others.",
        (Input("input", "∂L/∂x = y · (∂L/∂y − Σ ∂L/∂y·y)"),),
        factors=_softmax_factors,
        zero=_softmax_zero,
        value=_softmax_value,
    ),
    Rule(
        "log_softmax",
        "Each element gets its gradient less its probability's share of the row's sum.",
        (Input("input", "∂L/∂x = ∂L/∂y − softmax(x)·Σ ∂L/∂y"),),
        factors=_softmax_factors,
        zero=_softmax_zero,
        value=_softmax_value,
    ),
)
