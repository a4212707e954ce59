"""Rules of operations that draw random numbers."""

from __future__ import annotations

from collections.abc import Iterable

from graphtools.derivatives.rule import Call, Factor, Input, Rule, percent_text
from graphtools.statistics import number


def _is_training(call: Call) -> bool:
    found = call.given(2, "training", "train")
    return True if found is None else bool(found)


def _dropout_factors(call: Call) -> Iterable[Factor]:
    if not _is_training(call):
        yield Factor("not training: everything passes as it is", 1.0)
        return
    rate = call.given(1, "p")
    rate = 0.5 if rate is None else float(rate)
    if call.y.numel():
        shown = call.x != 0  # whether a zero was kept cannot be seen, and does not matter
        kept = (call.y != 0)[shown].double().mean() if shown.any() else None
        if kept is not None:
            yield Factor(f"the mask kept {percent_text(float(kept))} of the elements", float(kept))
    if rate < 1:
        yield Factor(f"what was kept is scaled by 1/(1 − p) = {number(1 / (1 - rate))}", 1 / (1 - rate))


def _dropped(call: Call) -> str:
    return "the mask dropped every element that a gradient arrives at"


_DROPOUT = (Input("input", "∂L/∂x = ∂L/∂y · mask / (1 − p)"),)

RULES = (
    Rule(
        "dropout dropout1d dropout2d dropout3d feature_dropout native_dropout",
        "The gradient passes, scaled up, where the mask kept the input, and stops where it dropped it.",
        _DROPOUT,
        factors=_dropout_factors,
        zero=_dropped,
    ),
    Rule(
        "alpha_dropout feature_alpha_dropout",
        "The gradient passes, scaled, where the mask kept the input, and stops where it was replaced.",
        (Input("input", "∂L/∂x = ∂L/∂y · mask · a"),),
    ),
    Rule(
        "rrelu",
        "The gradient passes where the input was above zero and is scaled by a drawn slope below.",
        (Input("input", "∂L/∂x = ∂L/∂y · (1 if x > 0 else the slope drawn)"),),
    ),
    Rule(
        "rand randn randint rand_like randn_like randint_like bernoulli normal uniform poisson exponential geometric "
        "log_normal cauchy random binomial kaiming_uniform kaiming_normal xavier_uniform xavier_normal trunc_normal "
        "orthogonal",
        "It draws random numbers: what it is given sets how they are spread, and gets no gradient.",
        (Input("input", "∂L/∂x: none"),),
        "stops",
    ),
)
