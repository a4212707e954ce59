"""Random data of a model's own shapes: random inputs, with targets that a fixed function of them gives."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torch.utils.data import Dataset

from graphtools.errors import LoadError
from graphtools.learning.data import Data
from graphtools.learning.losses import called, main_output
from graphtools.learning.plan import MODEL
from graphtools.learning.randomness import random_state, set_random_state

_COUNT = 512
_READ = 256  # numbers of an input that its target depends on, at most
_SPREAD = 7919  # between the seeds of two trainings, so that examples of one are not those of the next


class _Made(Dataset[Any]):
    """Each example is made when it is read, by random numbers of its own: the training's are left alone."""

    def __init__(self, like: torch.Tensor, vocabulary: int, shape: torch.Size, kind: str, seed: int) -> None:
        self.like, self.vocabulary, self.shape, self.kind, self.seed = like, vocabulary, shape, kind, seed
        generator = torch.Generator().manual_seed(seed)
        n_results = max(1, shape[-1] if kind in ("class", "places") and shape else shape.numel())
        self.weight = torch.randn(n_results, min(_READ, max(1, like.numel())), generator=generator)
        self.table = torch.randint(n_results, (vocabulary,), generator=generator)
        self.is_share = like.is_floating_point() and like.numel() > 0 and like.min() >= 0 and like.max() <= 1

    def __len__(self) -> int:
        return _COUNT

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        if not 0 <= index < _COUNT:
            raise IndexError(index)
        generator = torch.Generator().manual_seed(_SPREAD * (self.seed + 1) + index)
        size, dtype = self.like.shape, self.like.dtype
        if dtype == torch.bool:
            x = torch.rand(size, generator=generator) > 0.5
        elif not dtype.is_floating_point:
            # Without 0, which in vocabularies is most often the end or the padding.
            x = torch.randint(min(1, self.vocabulary - 1), self.vocabulary, size, generator=generator, dtype=dtype)
        elif self.is_share:
            x = torch.rand(size, generator=generator).to(dtype)
        else:
            x = torch.randn(size, generator=generator).to(dtype)
        return x, self._target(x)

    def _target(self, x: torch.Tensor) -> torch.Tensor:
        if self.kind == "places":
            return self.table[x]
        flat = x.reshape(-1).float()
        if not x.dtype.is_floating_point:
            flat = flat / self.vocabulary
        read = flat[:: -(-flat.numel() // self.weight.shape[1]) or 1]
        scores = self.weight[:, : read.numel()] @ (read - read.mean() if read.numel() > 1 else read)
        if self.kind == "class":
            return scores.argmax()
        scores = torch.tanh(scores).reshape(self.shape)
        return (scores > 0).float() if self.kind == "yes or no" else scores


def made_data(
    model: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any], loss: str, seed: int, is_batched: bool
) -> Data:
    """Random examples like the inputs, and targets for the loss of that name. Runs the model once, a copy of it.

    Without `is_batched` an example is as large as the inputs are. Raises LoadError for a model of several inputs, and
    what the model raises.
    """
    wanted = 2 if loss == MODEL else 1
    if kwargs or len(args) != wanted or not all(isinstance(arg, torch.Tensor) for arg in args):
        raise LoadError("random data are made for models that take one tensor; this one takes other inputs")
    start = 1 if is_batched else 0
    like = args[0].detach().cpu()
    like = like[0] if is_batched else like
    shape = args[1].shape[start:] if loss == MODEL else _result(model, args).shape[start:]
    kind = "numbers"
    if loss in ("cross_entropy", "nll"):
        is_tokens = len(shape) == 2 and like.shape == shape[:1] and not like.is_floating_point()
        kind = "places" if is_tokens else "class"
        if kind == "class" and len(shape) != 1:
            raise LoadError(f"the model gives {list(shape)} of an example, which are no scores of classes")
    elif loss == "bce_with_logits":
        kind = "yes or no"
    embedding = next((one for one in model.modules() if isinstance(one, nn.Embedding)), None)
    most = int(like.max()) + 1 if like.numel() and not like.is_floating_point() else 2
    vocabulary = embedding.num_embeddings if embedding is not None else most
    made = _Made(like, max(1, vocabulary), shape, kind, seed)
    note = f"random: {_COUNT} examples of {' × '.join(map(str, like.shape)) or 'one number'}, made up for this model"
    classes = tuple(map(str, range(shape[-1]))) if kind in ("class", "places") else None
    return Data(made, None, classes, note)


def _result(model: nn.Module, args: tuple[Any, ...]) -> torch.Tensor:
    kept = random_state()
    try:
        with torch.no_grad():
            return main_output(called(copy.deepcopy(model).eval(), args))
    finally:
        set_random_state(kept)
