"""A loss against a random target, for a training step of a model whose own loss and data nobody named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import nn
from torch.nn import functional

from graphtools.compat import without_torch_function
from graphtools.errors import LoadError
from graphtools.structure import tensors

LossName = Literal["cross_entropy", "mse"]
OptimizerName = Literal["sgd", "adam", "adamw"]
_OPTIMIZERS: dict[str, tuple[Callable[..., torch.optim.Optimizer], float]] = {
    "sgd": (torch.optim.SGD, 0.01),
    "adam": (torch.optim.Adam, 0.001),
    "adamw": (torch.optim.AdamW, 0.001),
}


class ExampleLoss:
    """A loss function of a model's output, called as `loss(output, target)`; the target given is not looked at.

    The target is drawn once, by a generator of its own, when the shape of the output is known. Without a `name` it is
    cross-entropy for an output [n, classes] of at least two classes, and for scores [n, length, classes] of each of
    the `tokens`, the shape [n, length] of an input of token numbers; else mean squared error: a guess, which `note`
    calls one; an output that is a single number is the loss itself. Of an output with several tensors the first one
    that takes part in gradients counts.
    """

    def __init__(self, name: LossName | None = None, seed: int = 0, tokens: tuple[int, ...] = ()) -> None:
        self.name = name
        self.seed = seed
        self.tokens = tokens
        self.note = ""
        self._target: torch.Tensor | None = None

    def __call__(self, output: Any, target: Any = None) -> torch.Tensor:
        found, kind = self._trained(output), self._kind(output)
        drawn = self.target_for(output)
        if kind == "own":
            return found
        assert drawn is not None
        if kind == "mse":
            return functional.mse_loss(found, drawn)
        return functional.cross_entropy(found.flatten(0, -2) if found.dim() == 3 else found, drawn)

    def target_for(self, output: Any) -> torch.Tensor | None:
        """The target that the output is compared with; None where the output is the loss itself."""
        found, kind = self._trained(output), self._kind(output)
        with without_torch_function(), torch.no_grad():
            if kind == "own":
                self.note = "the model's own output, a single number"
            elif self._target is None:
                self._target = self._draw(kind, found)
        return self._target

    def _kind(self, output: Any) -> str:
        found = self._trained(output)
        with without_torch_function():
            sizes = tuple(found.shape)
        if self.name is None and not sizes:
            return "own"
        is_scores = bool(sizes) and sizes[-1] > 1 and (len(sizes) == 2 or self._is_of_tokens(sizes))
        return self.name or ("cross_entropy" if is_scores else "mse")

    def _is_of_tokens(self, sizes: tuple[int, ...]) -> bool:
        return len(sizes) == 3 and self.tokens == sizes[:2]

    @staticmethod
    def _trained(output: Any) -> torch.Tensor:
        with without_torch_function():
            found = next((t for _, t in tensors(output) if t.requires_grad and t.is_floating_point()), None)
        if found is None:
            raise LoadError("the model's output takes part in no gradient, so it cannot be trained; leave out --train")
        return found

    def _draw(self, kind: str, output: torch.Tensor) -> torch.Tensor:
        generator = torch.Generator().manual_seed(self.seed)
        sizes = tuple(output.shape)
        guess = "" if self.name else "a guess: "
        choose = "; choose it by --loss" if guess else ""
        if kind == "mse":
            self.note = f"{guess}mean squared error against random numbers f32{list(sizes)}{choose}"
            return torch.randn(sizes, generator=generator).to(output)
        if not sizes:
            raise LoadError(
                "cross-entropy needs an output [n, classes], and this one is a single number; use --loss mse"
            )
        classes = sizes[-1] if len(sizes) in (1, 3) else sizes[1]
        where = (sizes[0] * sizes[1],) if len(sizes) == 3 else () if len(sizes) == 1 else (sizes[0], *sizes[2:])
        what = f"tokens of {classes} at each place" if self._is_of_tokens(sizes) else f"classes of {classes}"
        self.note = f"{guess}cross-entropy against random {what}{choose}"
        return torch.randint(classes, where, generator=generator).to(output.device)


def example_optimizer(
    model: nn.Module, name: OptimizerName = "sgd", lr: float | None = None
) -> tuple[torch.optim.Optimizer, str]:
    """An optimizer over all trainable parameters, and a note that names it and its learning rate.

    Raises LoadError if there is nothing to train.
    """
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if not parameters:
        raise LoadError(f"{type(model).__name__} has no trainable parameter; leave out --train")
    make, usual = _OPTIMIZERS[name]
    rate = usual if lr is None else lr
    return make(parameters, lr=rate), f"{make.__name__}, lr {rate:g}"  # type: ignore[attr-defined]
