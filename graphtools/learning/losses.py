"""Losses by their names, what of a model's result they are of, and the accuracy of a classifier."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from graphtools.errors import LoadError
from graphtools.learning.plan import MODEL, OWN
from graphtools.structure import tensors


def cross_entropy(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """torch's cross-entropy; for scores [n, length, classes] of targets [n, length] that of each place as well."""
    if output.dim() > 2 and target.shape == output.shape[:-1] and _by_place(output):
        return functional.cross_entropy(output.flatten(0, -2), target.flatten())
    return functional.cross_entropy(output, target)


def _by_place(output: torch.Tensor) -> bool:
    """False where [n, length, classes] may as well be torch's [n, classes, length], which then counts."""
    return output.shape[1:-1] != output.shape[2:]


def own_loss(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """What the model gives, which was given the target as well."""
    return output


def _paired(name: str, loss: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    """A loss that compares numbers one by one: torch would stretch tensors of other shapes against each other, and so
    compare each with all, and only warn."""

    def compared(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        if output.shape != target.shape:
            raise LoadError(
                f"{name} compares numbers one by one, and the model gives {list(output.shape)} for targets of "
                f"{list(target.shape)}: give both one shape, by another head or in the data"
            )
        return loss(output, target)

    return compared


LOSSES: dict[str, Callable[..., torch.Tensor]] = {
    "cross_entropy": cross_entropy,
    "nll": functional.nll_loss,
    "mse": _paired("mse", functional.mse_loss),
    "l1": _paired("l1", functional.l1_loss),
    "smooth_l1": _paired("smooth_l1", functional.smooth_l1_loss),
    "bce_with_logits": _paired("bce_with_logits", functional.binary_cross_entropy_with_logits),
    MODEL: own_loss,
}
_COUNTED = ("cross_entropy", "nll")  # losses of classes, for which there is an accuracy


def called(model: nn.Module, x: Any) -> Any:
    """The model's result for an input, which may be several, or a mapping of names."""
    if isinstance(x, Mapping):
        return model(**x)
    return model(*x) if isinstance(x, tuple | list) else model(x)


def first_tensor(output: Any) -> torch.Tensor:
    """The first tensor of a result, of which an accuracy may be measured."""
    return output if isinstance(output, torch.Tensor) else next(tensor for _, tensor in tensors(output))


def main_output(output: Any) -> torch.Tensor:
    """The result that the loss is of; googlenet and inception give their auxiliary ones too, segmenters a mapping."""
    if isinstance(output, torch.Tensor):
        return output
    found = output[0] if isinstance(output, tuple) else output.get("out") if isinstance(output, Mapping) else None
    if not isinstance(found, torch.Tensor):
        raise LoadError(f"the model must give a tensor for the loss, not {type(output).__name__}")
    return found


def has_accuracy(loss: str, output: torch.Tensor, target: torch.Tensor) -> bool:
    """True if the targets are class numbers, and the output has a score for each class in its last dimension."""
    if loss == OWN and (target.is_floating_point() or output.dim() != 2):
        return False
    return loss in (*_COUNTED, OWN) and target.shape == output.shape[:-1] and (output.dim() < 3 or _by_place(output))


def accuracy(loss: str, output: torch.Tensor, target: torch.Tensor) -> float | None:
    """The share of a batch that is right; None where there are no classes."""
    if not has_accuracy(loss, output, target):
        return None
    return float((output.detach().argmax(-1) == target).float().mean())
