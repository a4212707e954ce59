"""Rules of losses."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

from graphtools.derivatives.rule import Call, Factor, Input, Rule, percent_text, share
from graphtools.statistics import number


def _reduction(call: Call, position: int) -> str:
    return str(call.given(position, "reduction") or "mean")


def _count(call: Call) -> Factor | None:
    """1/n for a loss that takes the mean."""
    reduction = str(call.node.kwargs.get("reduction") or "mean")
    if reduction != "mean" or not call.x.numel():
        return None
    return Factor(f"1/n = {number(1 / call.x.numel())}  (n = {call.x.numel():,}, reduction 'mean')", 1 / call.x.numel())


def _entropy(call: Call) -> Iterable[Factor]:
    x, target = call.x, call.given(1, "target")
    class_dim = 1 if x.dim() > 1 else 0
    p = x.softmax(class_dim)
    ignored = call.given(4, "ignore_index")
    ignored = -100 if ignored is None else int(ignored)
    if target.is_floating_point():
        difference, n = p - target.double(), p.numel() // p.shape[class_dim]
        yield from _difference(difference, "p − target")
    else:
        used = target != ignored
        n = int(used.sum())
        index = torch.where(used, target, 0).unsqueeze(class_dim)
        right = p.gather(class_dim, index).squeeze(class_dim)[used]
        onehot = torch.zeros_like(p).scatter_(class_dim, index, 1.0)
        difference = (p - onehot) * used.unsqueeze(class_dim)
        yield from _difference(difference, "p − onehot")
        if right.numel():
            yield Factor(f"probability of the right class: mean {number(float(right.mean()))}", float(right.mean()))
        if n < target.numel():
            yield share(~used, "targets are ignored and give 0; of all elements")
    if _reduction(call, 6) == "mean" and n:
        yield Factor(f"1/n = {number(1 / n)}  (n = {n:,}, reduction 'mean')", 1 / n)


def _difference(difference: torch.Tensor, name: str) -> Iterable[Factor]:
    if difference.numel() and bool(difference.isfinite().all()):
        place = int(difference.abs().argmax())
        largest = float(difference.reshape(-1)[place])
        where = [int(part) for part in torch.unravel_index(torch.tensor(place), difference.shape)]
        yield Factor(f"{name}: largest {number(largest)} at {where}", largest)


def _picked(call: Call) -> Iterable[Factor]:
    target = call.given(1, "target")
    ignored = call.given(4, "ignore_index")
    used = int((target != (-100 if ignored is None else int(ignored))).sum())
    yield Factor(
        f"{used:,} of {call.x.numel():,} elements are the target's and get −1/n, all others 0",
        used / max(1, call.x.numel()),
    )


def _distance(call: Call) -> Iterable[Factor]:
    difference = call.x - call.wide(1, "target")
    if difference.numel():
        largest = float(difference.abs().max())
        yield Factor(f"|x − target|: mean {number(float(difference.abs().mean()))}, largest {number(largest)}", largest)
    counted = _count(call)
    if counted is not None:
        yield counted


def _smooth(call: Call) -> Iterable[Factor]:
    yield from _distance(call)
    edge = call.node.kwargs.get("beta", call.node.kwargs.get("delta", 1.0))
    outside = (call.x - call.wide(1, "target")).abs() >= float(edge if isinstance(edge, int | float) else 1.0)
    found = share(outside)
    yield Factor(f"beyond {edge}, where only the sign counts: {found.words}", found.number)


def _binary(call: Call) -> Iterable[Factor]:
    p = call.x.sigmoid() if call.node.operation.endswith("logits") else call.x
    yield from _difference(p - call.wide(1, "target"), "p − target")
    near = ((p < 1e-3) | (p > 1 - 1e-3)).double()
    if near.numel():
        yield Factor(
            f"{percent_text(float(near.mean()))} of the probabilities are within 0.001 of 0 or 1", float(near.mean())
        )
    counted = _count(call)
    if counted is not None:
        yield counted


def _zero(call: Call) -> str:
    target: Any = call.given(1, "target")
    if (
        isinstance(target, torch.Tensor)
        and target.shape == call.x.shape
        and torch.equal(call.x, target.to(call.x.dtype))
    ):
        return "the prediction equals the target"
    if isinstance(target, torch.Tensor) and not target.is_floating_point() and bool((target == -100).all()):
        return "every target is ignored"
    return "every prediction is right to the last bit of its dtype"


def _entropy_value(call: Call) -> str:
    if call.x.isfinite().all():
        target = call.given(1, "target")
        if isinstance(target, torch.Tensor) and not target.is_floating_point() and bool((target == -100).all()):
            return "every target is ignored: the mean over none is 0/0 = NaN"
        return "a probability of 0 in this precision, whose log is -inf"
    return ""


_MEAN = "  (/ n for the mean)"
_TARGET = Input("target", "∂L/∂target = −∂L/∂x where it takes part")

RULES = (
    Rule(
        "cross_entropy",
        "Each score gets its probability, less 1 at the right class: confident and wrong gives the most.",
        (
            Input("input", "∂L/∂x = ∂L/∂y · (softmax(x) − onehot(target)) / n"),
            Input("target", "class numbers get none"),
        ),
        factors=_entropy,
        zero=_zero,
        value=_entropy_value,
    ),
    Rule(
        "nll_loss",
        "Only the target's element of each row gets a gradient, −1/n.",
        (Input("input", "∂L/∂x = −∂L/∂y · onehot(target)" + _MEAN), Input("target", "class numbers get none")),
        factors=_picked,
        zero=_zero,
        value=_entropy_value,
    ),
    Rule(
        "mse_loss",
        "Each element gets twice its distance from the target.",
        (Input("input", "∂L/∂x = ∂L/∂y · 2(x − target)" + _MEAN), _TARGET),
        factors=_distance,
        zero=_zero,
    ),
    Rule(
        "l1_loss",
        "Each element gets the sign of its distance from the target: all get the same size.",
        (Input("input", "∂L/∂x = ∂L/∂y · sign(x − target)" + _MEAN), _TARGET),
        factors=_distance,
        zero=_zero,
    ),
    Rule(
        "smooth_l1_loss huber_loss",
        "Near the target each element gets its distance from it, further away only the sign.",
        (Input("input", "∂L/∂x = ∂L/∂y · clamp((x − target)/β, −1, 1)" + _MEAN), _TARGET),
        factors=_smooth,
        zero=_zero,
    ),
    Rule(
        "binary_cross_entropy_with_logits",
        "Each score gets its probability less its target.",
        (Input("input", "∂L/∂x = ∂L/∂y · (σ(x) − target)" + _MEAN), _TARGET),
        factors=_binary,
        zero=_zero,
    ),
    Rule(
        "binary_cross_entropy",
        "Each probability gets (p − target)/(p(1 − p)): large near 0 and 1.",
        (Input("input", "∂L/∂p = ∂L/∂y · (p − target)/(p·(1 − p))" + _MEAN), _TARGET),
        factors=_binary,
        zero=_zero,
    ),
    Rule(
        "kl_div",
        "Each log-probability gets minus its target.",
        (
            Input("input", "∂L/∂x = −∂L/∂y · target" + _MEAN),
            Input("target", "∂L/∂target = ∂L/∂y · (ln target + 1 − x)"),
        ),
        factors=lambda call: [factor for factor in [_count(call)] if factor is not None],
    ),
    Rule(
        "ctc_loss",
        "Each score gets its probability less its share of the alignments that give the target.",
        (
            Input("log_probs", "∂L/∂x = ∂L/∂y · (p − Σ alignments through it)"),
            Input("targets", "class numbers get none"),
        ),
        value=lambda call: "no alignment fits the target into the input's length: its loss is infinite",
        unchecked="its gradient is for scores that a log_softmax made, changed before that",
    ),
    Rule(
        "gaussian_nll_loss",
        "The mean gets its distance from the target over the variance.",
        (
            Input("input", "∂L/∂μ = ∂L/∂y · (μ − target)/var" + _MEAN),
            _TARGET,
            Input("var", "∂L/∂var = ½(1/var − (μ − t)²/var²)"),
        ),
    ),
    Rule(
        "poisson_nll_loss",
        "Each log-rate gets its rate less the target.",
        (Input("input", "∂L/∂x = ∂L/∂y · (exp(x) − target)" + _MEAN), _TARGET),
    ),
    Rule(
        "hinge_embedding_loss margin_ranking_loss multi_margin_loss multilabel_margin_loss triplet_margin_loss "
        "triplet_margin_with_distance_loss cosine_embedding_loss soft_margin_loss multilabel_soft_margin_loss",
        "The gradient flows where the margin is not met and stops where it is.",
        (Input("input1", "∂L/∂x = ±∂L/∂y · 1[margin not met]" + _MEAN),),
        zero=lambda call: "every margin is met",
    ),
)
