"""Mistakes at a loss that torch takes without a word: seen in the numbers, said with what to write instead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from graphtools.compat import is_fake
from graphtools.derivatives import Call
from graphtools.graph import Node, Ref
from graphtools.recording import Recording, ValueLost

_NEAR = 1e-2  # how far the sum of the probabilities of one example may be from 1, in the precision of half floats
_MOST = 1024  # examples that are looked at
_OF_CLASSES = ("cross_entropy", "nll_loss", "kl_div")
_PAIRED = ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss")
_MODULES: dict[type[nn.Module], str] = {
    nn.CrossEntropyLoss: "cross_entropy",
    nn.NLLLoss: "nll_loss",
    nn.KLDivLoss: "kl_div",
    nn.MSELoss: "mse_loss",
    nn.L1Loss: "l1_loss",
    nn.SmoothL1Loss: "smooth_l1_loss",
    nn.HuberLoss: "huber_loss",
}


def mistakes(recording: Recording) -> list[tuple[Node, str]]:
    """The mistakes at the losses of a recording, each with the node where it is and a sentence on what to do.

    Reads the scores and targets of the losses once. What was not kept is passed over.
    """
    return [(node, text) for node in recording.graph.nodes if (text := mistake_at(recording, node))]


def mistake_at(recording: Recording, node: Node) -> str:
    """What is wrong at a loss, and what to write instead; "" at everything else. See `mistakes`."""
    if node.kind != "call" or node.operation not in (*_OF_CLASSES, *_PAIRED, "binary_cross_entropy_with_logits"):
        return ""
    call = Call(recording, node)
    try:
        x, target = call.given(0, "input"), call.given(1, "target")
    except ValueLost:
        return ""
    if node.operation == "binary_cross_entropy_with_logits":
        scores = call.raw(0, "input")
        return _TWICE if isinstance(scores, Ref) and recording.graph[scores.node].operation == "sigmoid" else ""
    return loss_mistake(node.operation, x, target)


def loss_mistake(loss: Callable[..., Any] | str, x: Any, target: Any) -> str:
    """The same for a loss, torch's function or module or the function's name, of scores `x` [n, classes, ...] and its
    target. Looks at 1,024 examples at most."""
    kind: Any = type(loss)
    name = loss if isinstance(loss, str) else _MODULES.get(kind) or str(getattr(loss, "__name__", ""))
    if not isinstance(x, torch.Tensor) or not isinstance(target, torch.Tensor) or is_fake(x):
        return ""
    if name in _PAIRED:
        return _stretched(name, x, target)
    class_dim = x.dim() - 1 if name == "kl_div" else min(1, x.dim() - 1)
    if x.layout is not torch.strided or x.is_nested:
        return ""
    if name not in _OF_CLASSES or not x.is_floating_point() or not x.numel() or x.shape[class_dim] < 2:
        return ""
    with torch.no_grad():
        some = x.detach()[:_MOST] if class_dim else x.detach()
        return _of_classes(name, some.float(), class_dim)


_TWICE = (
    "its input went through a sigmoid already, and binary_cross_entropy_with_logits takes another one of it, which "
    "flattens the gradients: give it the scores before the sigmoid"
)


def _of_classes(name: str, x: torch.Tensor, class_dim: int) -> str:
    if bool((x >= 0).all()) and _are_one(x.sum(class_dim)):
        if name == "cross_entropy":
            return (
                "its input is probabilities already, which sum to 1, and cross_entropy takes the softmax of it once "
                "more, which flattens the gradients: give it the scores before the softmax"
            )
        return f"its input is probabilities, and {name} takes their logarithms: use log_softmax in place of softmax"
    if name == "nll_loss" and bool(x.isfinite().all()) and not _are_one(x.exp().sum(class_dim)):
        return (
            "its input is no logarithms of probabilities, and such a loss has no lower end: put log_softmax before it, "
            "or use cross_entropy, which is both in one"
        )
    return ""


def _are_one(sums: torch.Tensor) -> bool:
    return bool(((sums - 1).abs() < _NEAR).all())


def _stretched(name: str, x: torch.Tensor, target: torch.Tensor) -> str:
    if x.shape == target.shape or not x.dim() or not target.dim():
        return ""
    return (
        f"its input has shape {list(x.shape)} and its target {list(target.shape)}, so {name} stretches them and "
        "compares each number with many: give both the same shape, by unsqueeze or squeeze"
    )
