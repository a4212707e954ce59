"""The conditions of a plan at which a training stops to be looked at."""

from __future__ import annotations

import math

from graphtools.learning.plan import BreakPlan


def broken(breaks: BreakPlan, step: int, loss: float, norm: float | None, mean_loss: float | None) -> str:
    """Which condition holds for the step of this number, counted from 1, in words; "" for none.

    `norm` is that of all gradients, `mean_loss` the running mean of the loss so far; None where they are not known.
    """
    if breaks.step and step == breaks.step:
        return "the plan says to stop before it"
    if breaks.nonfinite and not math.isfinite(loss):
        return f"the loss is {loss}"
    if breaks.nonfinite and norm is not None and not math.isfinite(norm):
        return "a gradient is not finite"
    if breaks.gradient_norm and norm is not None and norm > breaks.gradient_norm:
        return f"the gradient norm is {norm:.4g}, above {breaks.gradient_norm:g}"
    if breaks.loss_rise and mean_loss is not None and loss > mean_loss + breaks.loss_rise:
        return f"the loss rose to {loss:.4g} from about {mean_loss:.4g}"
    return ""
