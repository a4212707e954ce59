"""What a checkpoint keeps of a training, and how a training goes on from one, in the middle of an epoch as well."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from graphtools.errors import LoadError
from graphtools.learning.checkpoints import load_checkpoint
from graphtools.learning.optimizers import plain_state
from graphtools.learning.randomness import plain_random, random_state, set_random_state

if TYPE_CHECKING:
    from graphtools.learning.trainer import Trainer


def state_of(trainer: Trainer) -> dict[str, Any]:
    """All that a checkpoint holds of a training, as nested plain values and tensors."""
    # The batch of a step that was undone is drawn again.
    held = trainer._held[1] if trainer._held is not None else {}
    return {
        "plan": trainer.plan.to_json(),
        "added": trainer._n_added,
        "examples": len(trainer.data.train),  # type: ignore[arg-type]
        "model": trainer.model.state_dict(),
        "optimizer": trainer.optimizer.state_dict(),
        "scheduler": None if trainer.scheduler is None else plain_state(trainer.scheduler.state_dict()),
        "place": {
            "epoch": trainer.epoch,
            "batch": trainer.batch,
            "step": trainer.n_steps,
            "mean_loss": trainer._mean_loss,
            "losses": list(trainer._losses),
        },
        "generator": trainer._epoch_start,
        "random": plain_random(held.get("drawn") or random_state()),
    }


def go_on(trainer: Trainer, path: str | os.PathLike[str]) -> None:
    """Has a training go on from a checkpoint of the same model, data and plan. Epochs added to that one's plan
    are added to this one's; where this one's plan has more, they are added as by `train_on`.

    Raises FormatError, LoadError.
    """
    state = load_checkpoint(path)
    _check(trainer, state, os.fspath(path))
    more = _more_epochs(trainer, state)
    try:
        trainer.model.load_state_dict(state["model"])
        trainer.optimizer.load_state_dict(state["optimizer"])
        if trainer.scheduler is not None and state["scheduler"] is not None:
            trainer.scheduler.load_state_dict(state["scheduler"])
        place, start, kept = state["place"], state["generator"], state["random"]
    except (RuntimeError, KeyError, ValueError, TypeError) as error:
        raise LoadError(f"{os.fspath(path)} is of another model, or of another optimizer: {error}") from None
    trainer.epoch, trainer.batch, trainer.n_steps = place["epoch"], place["batch"], place["step"]
    trainer._mean_loss, trainer._held, trainer._passed, trainer._batches = place["mean_loss"], None, False, None
    total, count = place.get("losses") or (0.0, 0)  # older checkpoints have none
    trainer._losses = (float(total), int(count))
    trainer._looked = None
    trainer._steps_before, trainer.seconds = trainer.n_steps, 0.0
    trainer.generator.set_state(start)
    trainer._epoch_start = start
    if trainer.batch:
        # The batches that were done are drawn again, which also moves random transforms on as they did.
        trainer._batches = iter(trainer.loader)
        for _ in range(trainer.batch):
            next(trainer._batches)
        trainer.model.train()
        for norm in trainer._frozen_norms:
            norm.eval()
    set_random_state(kept)
    if more:
        trainer.train_on(more)
    trainer.notes.append(f"resumed: {os.fspath(path)}, at step {trainer.n_steps:,}")


def _check(trainer: Trainer, state: dict[str, Any], path: str) -> None:
    """Raises LoadError where the training of a checkpoint was another one: of other data, or in another order."""
    before, now = state.get("plan", {}), trainer.plan.to_json()
    words = (
        "seed",
        "batch_size",
        "data.source",
        "data.transforms",
        "data.test_share",
        "optimizer.name",
        "scheduler.name",
    )
    for word in words:
        was, wanted = _at(before, word), _at(now, word)
        if was is not None and was != wanted:
            raise LoadError(f"{path} is of a training with {word} = {was!r}, and the plan says {wanted!r}: set it so")
    examples = len(trainer.data.train)  # type: ignore[arg-type]
    if state.get("examples", examples) != examples:
        raise LoadError(f"{path} is of a training on {state['examples']:,} examples, and now there are {examples:,}")
    was, wanted = _at(before, "optimizer.lr"), _at(now, "optimizer.lr")
    if was is not None and was != wanted:
        trainer.notes.append(f"learning rate: {was:g}, as the checkpoint has it, and not the plan's {wanted:g}")


def _at(document: Any, word: str) -> Any:
    for key in word.split("."):
        document = document.get(key) if isinstance(document, dict) else None
    return document


def _more_epochs(trainer: Trainer, state: dict[str, Any]) -> int:
    """How many epochs this plan has beyond those for which the checkpoint's schedule was made."""
    planned, added = _at(state.get("plan"), "epochs"), state.get("added", 0)
    if not isinstance(planned, int) or not isinstance(added, int):
        return 0
    wanted = trainer.plan.epochs
    if added and wanted == planned - added:  # the plan as it was before epochs were added
        trainer.plan, trainer._n_added = replace(trainer.plan, epochs=planned), added
        return 0
    if wanted <= planned:
        return 0
    trainer.plan = replace(trainer.plan, epochs=planned)
    return wanted - planned
