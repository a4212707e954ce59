"""Rules of what chooses between elements: where, masks, clamp, the larger of two."""

from __future__ import annotations

from collections.abc import Iterable

import torch

from graphtools.derivatives.rule import Call, Factor, Input, Rule, count_of, share, wide
from graphtools.statistics import number


def _other(call: Call) -> torch.Tensor:
    return call.wide(1, "other")


def _larger(call: Call) -> torch.Tensor:
    return _picked(call.x, _other(call))


def _smaller(call: Call) -> torch.Tensor:
    return _picked(_other(call), call.x)


def _picked(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    return torch.where(one == other, 0.5, (one > other).double())


# -- clamp -----------------------------------------------------------------------------------------------------------


def _range(call: Call) -> tuple[torch.Tensor, torch.Tensor]:
    word = call.node.operation.strip("_")
    first, second = call.given(1, "min"), call.given(2, "max")
    low = None if word == "clamp_max" else first
    high = call.given(1, "max") if word == "clamp_max" else None if word == "clamp_min" else second
    return wide(float("-inf") if low is None else low), wide(float("inf") if high is None else high)


def _inside(call: Call) -> torch.Tensor:
    low, high = _range(call)
    return ((call.x >= low) & (call.x <= high)).double()


def _clamp_zero(call: Call) -> str:
    low, high = _range(call)
    below, above = call.x < low, call.x > high
    parts = [f"{count_of(part)} inputs are {said}" for part, said in ((below, "below"), (above, "above")) if part.any()]
    return " and ".join(parts) + " the range" if parts else ""


# -- where -----------------------------------------------------------------------------------------------------------


def _condition(call: Call) -> torch.Tensor:
    position = 1 if call.node.target == "torch.Tensor.where" else 0
    found: torch.Tensor = call.given(position, "condition")
    return found


def _where_x(call: Call) -> torch.Tensor:
    return _condition(call).double()


def _where_other(call: Call) -> torch.Tensor:
    return 1 - _condition(call).double()


def _where_factors(call: Call) -> Iterable[Factor]:
    found = share(_condition(call))
    yield Factor(f"the condition holds at {found.words}", found.number)


def _where_zero(call: Call) -> str:
    held = _condition(call)
    side = "everywhere: all is taken from `input`" if held.all() else "nowhere: all is taken from `other`"
    return f"the condition holds {side}" if held.all() or not held.any() else "its elements were not the ones chosen"


def _mask(call: Call) -> torch.Tensor:
    found: torch.Tensor = call.given(1, "mask")
    return found


def _mask_factors(call: Call) -> Iterable[Factor]:
    found = share(_mask(call))
    yield Factor(f"the mask is True, and the gradient stops, at {found.words}", found.number)


def _mask_zero(call: Call) -> str:
    return f"the mask is True at {count_of(_mask(call))} elements: what was there is replaced, and gets no gradient"


def _fill_slope(call: Call) -> torch.Tensor:
    return 1 - _mask(call).double()


def _fill_value(call: Call) -> str:
    found = call.given(2, "value")
    if isinstance(found, torch.Tensor):
        found = found.item()
    return f"it writes {number(found)} where its mask is True, on purpose: a softmax after it gives these elements 0"


RULES = (
    Rule(
        "maximum fmax",
        "The gradient goes to the larger of the two elements; between equal ones it is halved.",
        (
            Input("input", "∂L/∂x = ∂L/∂y · 1[x > other]", _larger),
            Input("other", "∂L/∂other = ∂L/∂y · 1[other > x]", _smaller),
        ),
    ),
    Rule(
        "minimum fmin",
        "The gradient goes to the smaller of the two elements; between equal ones it is halved.",
        (
            Input("input", "∂L/∂x = ∂L/∂y · 1[x < other]", _smaller),
            Input("other", "∂L/∂other = ∂L/∂y · 1[other < x]", _larger),
        ),
    ),
    Rule(
        "clamp clip clamp_min clamp_max",
        "The gradient passes where the input was inside the range and stops where it was cut off.",
        (Input("input", "∂L/∂x = ∂L/∂y · 1[min ≤ x ≤ max]", _inside),),
        zero=_clamp_zero,
    ),
    Rule(
        "where",
        "Each element's gradient goes to the side that was chosen; the other side gets 0 there.",
        (
            Input("condition", "the condition gets none"),
            Input("input", "∂L/∂input = ∂L/∂y · 1[condition]", _where_x),
            Input("other", "∂L/∂other = ∂L/∂y · 1[not condition]", _where_other),
        ),
        factors=_where_factors,
        zero=_where_zero,
        targets=("torch.where",),
    ),
    Rule(
        "where",
        "Each element's gradient goes to the side that was chosen; the other side gets 0 there.",
        (
            Input("input", "∂L/∂input = ∂L/∂y · 1[condition]", _where_x),
            Input("condition", "the condition gets none"),
            Input("other", "∂L/∂other = ∂L/∂y · 1[not condition]", _where_other),
        ),
        factors=_where_factors,
        zero=_where_zero,
        targets=("torch.Tensor.where",),
    ),
    Rule(
        "masked_fill",
        "The gradient passes where the mask was False and stops where a value was written.",
        (
            Input("input", "∂L/∂x = ∂L/∂y · 1[not mask]", _fill_slope),
            Input("mask", "the mask gets none"),
            Input("value", "∂L/∂value = Σ ∂L/∂y over the mask"),
        ),
        factors=_mask_factors,
        zero=_mask_zero,
        value=_fill_value,
    ),
)
