"""The test of a model that is being trained: mean loss and accuracy over the data that are kept for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from graphtools.learning.batches import loader_of
from graphtools.learning.losses import has_accuracy
from graphtools.learning.randomness import random_state, set_random_state

if TYPE_CHECKING:
    from graphtools.learning.trainer import Trainer


def tested(trainer: Trainer) -> dict[str, float | None]:
    """Mean loss, and accuracy of class numbers, over the test set, in eval mode. Leaves random numbers alone."""
    test = trainer.data.test
    if test is None:
        return {"test_loss": None, "test_accuracy": None}
    kept, was_training = random_state(), trainer.model.training
    total = right = count = n_targets = 0.0
    trainer.model.eval()
    try:
        with torch.no_grad():
            for batch in loader_of(test, _batch_size(trainer), trainer.data.collate):
                loss, output, target = trainer._loss(trainer._moved(batch))
                n = len(target) if target.dim() else 1
                total, count = total + float(loss) * n, count + n
                if has_accuracy(trainer.plan.loss.name, output, target):
                    right += float((output.argmax(-1) == target).sum())
                    n_targets += target.numel()
    finally:
        trainer.model.train(was_training)
        for norm in trainer._frozen_norms:
            norm.eval()
        set_random_state(kept)
    return {"test_loss": total / count if count else None, "test_accuracy": right / n_targets if n_targets else None}


def _batch_size(trainer: Trainer) -> int | None:
    """Examples in a batch of the test; a project's model may take batches of its own size alone."""
    if trainer._batch_size is None or trainer.project is not None:
        return trainer._batch_size
    return max(64, trainer._batch_size)
