"""Rules of activation functions."""

from __future__ import annotations

import math

import torch

from graphtools.derivatives.rule import Call, ends, outside, pointwise
from graphtools.statistics import number


def _no_input_above_zero(call: Call) -> str:
    if not call.x.numel() or (call.x > 0).any():
        return "no input is above 0 where a gradient arrives"
    return f"no input is above 0 (the largest is {number(float(call.x.max()))}): a dead ReLU"


def _saturated(call: Call) -> str:
    return (
        f"it is saturated: inputs go {ends(call.x)} and outputs {ends(call.y)}, where the curve is flat"
        if call.x.numel()
        else ""
    )


def _number(call: Call, position: int, name: str, default: float) -> torch.Tensor:
    found = call.given(position, name)
    return torch.tensor(float(default if found is None else found), dtype=torch.float64)


def _leaky(call: Call) -> torch.Tensor:
    return torch.where(call.x > 0, 1.0, _number(call, 1, "negative_slope", 0.01))


def _gelu(call: Call) -> torch.Tensor:
    x = call.x
    if call.given(1, "approximate") == "tanh":
        return _gelu_by_tanh(x)
    density = torch.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    return 0.5 * (1 + torch.erf(x / math.sqrt(2))) + x * density


def _tanh_gelu(call: Call) -> torch.Tensor:
    return _gelu_by_tanh(call.x)


def _gelu_by_tanh(x: torch.Tensor) -> torch.Tensor:
    inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
    rise = math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * x**2)
    return 0.5 * (1 + inner.tanh()) + 0.5 * x * (1 - inner.tanh() ** 2) * rise


def _silu(call: Call) -> torch.Tensor:
    s = call.x.sigmoid()
    return s * (1 + call.x * (1 - s))


def _elu(call: Call) -> torch.Tensor:
    alpha = _number(call, 1, "alpha", 1.0)
    return torch.where(call.x > 0, 1.0, alpha * call.x.clamp(max=0).exp())


def _selu(call: Call) -> torch.Tensor:
    scale, alpha = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717
    return torch.where(call.x > 0, scale, scale * alpha * call.x.clamp(max=0).exp())


def _celu(call: Call) -> torch.Tensor:
    alpha = _number(call, 1, "alpha", 1.0)
    return torch.where(call.x > 0, 1.0, (call.x.clamp(max=0) / alpha).exp())


def _hardtanh(call: Call) -> torch.Tensor:
    low, high = _number(call, 1, "min_val", -1.0), _number(call, 2, "max_val", 1.0)
    return ((call.x > low) & (call.x < high)).double()


def _hardswish(call: Call) -> torch.Tensor:
    x = call.x
    return torch.where(x < -3, 0.0, torch.where(x <= 3, x / 3 + 0.5, 1.0))


def _mish(call: Call) -> torch.Tensor:
    x = call.x
    t = torch.nn.functional.softplus(x).tanh()
    return t + x * (1 - t * t) * x.sigmoid()


def _softplus(call: Call) -> torch.Tensor:
    beta, threshold = _number(call, 1, "beta", 1.0), _number(call, 2, "threshold", 20.0)
    return torch.where(call.x * beta > threshold, 1.0, (call.x * beta).sigmoid())


def _threshold(call: Call) -> torch.Tensor:
    return (call.x > _number(call, 1, "threshold", 0.0)).double()


def _shrink(call: Call) -> torch.Tensor:
    return (call.x.abs() > _number(call, 1, "lambd", 0.5)).double()


_STOPS_WHERE_FLAT = "The gradient passes where the input was above zero and stops elsewhere."

RULES = (
    pointwise(
        "relu threshold_relu",
        "1[x > 0]",
        _STOPS_WHERE_FLAT,
        lambda call: (call.x > 0).double(),
        zero=_no_input_above_zero,
    ),
    pointwise(
        "relu6",
        "1[0 < x < 6]",
        "The gradient passes where the input was between 0 and 6 and stops elsewhere.",
        lambda call: ((call.x > 0) & (call.x < 6)).double(),
        zero=outside(0, 6),
    ),
    pointwise(
        "leaky_relu",
        "(1 if x > 0 else slope)",
        "The gradient passes where the input was above zero and is scaled by the negative slope elsewhere.",
        _leaky,
    ),
    pointwise(
        "elu",
        "(1 if x > 0 else α·exp(x))",
        "The gradient passes where the input was above zero and fades out below.",
        _elu,
        1e-3,
        _saturated,
    ),
    pointwise(
        "selu",
        "λ·(1 if x > 0 else α·exp(x))",
        "The gradient is scaled by 1.0507 above zero and fades out below.",
        _selu,
        1e-3,
        _saturated,
    ),
    pointwise(
        "celu", "(1 if x > 0 else exp(x/α))", "It passes above zero and fades out below.", _celu, 1e-3, _saturated
    ),
    pointwise(
        "gelu",
        "(Φ(x) + x·φ(x))",
        "A smooth ReLU: the gradient passes where the input was well above zero and stops well below.",
        _gelu,
        1e-3,
        _saturated,
    ),
    pointwise(
        "GeLUFunction",
        "d gelu(x)/dx",
        "A smooth ReLU: the gradient passes where the input was well above zero and stops well below.",
        _tanh_gelu,
        1e-3,
        _saturated,
        targets=("transformers.models.bloom.modeling_bloom.GeLUFunction",),
    ),
    pointwise(
        "silu swish",
        "σ(x)·(1 + x·(1 − σ(x)))",
        "A smooth ReLU: the gradient passes where the input was well above zero and stops well below.",
        _silu,
        1e-3,
        _saturated,
    ),
    pointwise(
        "mish", "d mish(x)/dx", "A smooth ReLU: the gradient passes above zero and stops well below.", _mish, 1e-3
    ),
    pointwise(
        "hardtanh",
        "1[low < x < high]",
        "The gradient passes where the input was inside the range and stops elsewhere.",
        _hardtanh,
        zero=_saturated,
    ),
    pointwise(
        "hardswish",
        "(0 if x < −3, x/3 + ½ up to 3, then 1)",
        "The gradient passes above 3, stops below −3 and is scaled between.",
        _hardswish,
        1e-3,
        _saturated,
    ),
    pointwise(
        "hardsigmoid",
        "1[−3 < x < 3]/6",
        "A sixth of the gradient passes between −3 and 3, nothing elsewhere.",
        lambda call: ((call.x > -3) & (call.x < 3)).double() / 6,
        1e-3,
        _saturated,
    ),
    pointwise(
        "sigmoid expit",
        "y·(1 − y)",
        "At most a quarter of the gradient passes, and almost none where the output is near 0 or 1.",
        lambda call: call.y * (1 - call.y),
        1e-3,
        _saturated,
    ),
    pointwise(
        "tanh",
        "(1 − y²)",
        "The gradient passes near zero and almost none of it where the output is near −1 or 1.",
        lambda call: 1 - call.y**2,
        1e-3,
        _saturated,
    ),
    pointwise(
        "logsigmoid",
        "(1 − σ(x))",
        "The gradient passes where the input was below zero and fades out above.",
        lambda call: 1 - call.x.sigmoid(),
        1e-3,
        _saturated,
    ),
    pointwise(
        "softplus", "σ(β·x)", "A smooth ReLU: it passes above zero and fades out below.", _softplus, 1e-3, _saturated
    ),
    pointwise(
        "softsign",
        "1/(1 + |x|)²",
        "The gradient passes near zero and fades out away from it.",
        lambda call: 1 / (1 + call.x.abs()) ** 2,
        1e-3,
    ),
    pointwise(
        "threshold",
        "1[x > threshold]",
        "The gradient passes where the input was above the threshold and stops elsewhere.",
        _threshold,
        zero=_saturated,
    ),
    pointwise(
        "hardshrink softshrink",
        "1[|x| > λ]",
        "The gradient passes where the input was larger than λ in size and stops elsewhere.",
        _shrink,
        zero=_saturated,
    ),
    pointwise("tanhshrink", "tanh(x)²", "Little passes near zero, all of it away from it.", lambda c: c.x.tanh() ** 2),
)
