"""Whether data fit a model before a training begins: settings that a model can be trained with at once, and what of a
plan does not fit, with the transforms or the head that would bridge it."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import nn

from graphtools.errors import LoadError
from graphtools.learning.batches import loader_of
from graphtools.learning.losses import called, has_accuracy, main_output
from graphtools.learning.plan import MODEL, RANDOM, Plan, read_plan
from graphtools.learning.preparing import with_example
from graphtools.learning.randomness import random_state, set_random_state
from graphtools.learning.trainer import Trainer
from graphtools.loading import Loaded, load_model

_DIGIT, _SMALL = torch.Size([1, 8, 8]), 64
Settings = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Fit:
    """Whether an example of the data goes through a training step: `why` says what stopped it, "" if nothing did.

    `takes` is the shape of the model's own example, `given` that of the data's, each as `3 × 32 × 32`, "" where it is
    not one tensor; `classes` are those of the data, `scores` those that the model gives, 0 where there are none.
    `transforms` after those of the plan would make the data fit, and so would a new head of `head` classes.
    """

    why: str = ""
    takes: str = ""
    given: str = ""
    classes: int = 0
    scores: int = 0
    transforms: tuple[str, ...] = ()
    head: int = 0

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


def first_settings(target: str, run_source: bool = False) -> Settings:
    """The part of a plan by which a model can be trained at once: data that go through a step of it, with their
    transforms, and the loss. Where none do, those of the shape of its example. Runs a copy of the model a few times.

    Raises LoadError where there is nothing to train, and what the model's file raises.
    """
    loaded = load_model(target, run_source=run_source)
    if not isinstance(loaded.model, nn.Module):
        raise LoadError(f"{loaded.name} is a function and has no parameters to train")
    if not any(p.requires_grad for p in loaded.model.parameters()):
        raise LoadError(f"{loaded.name} has no trainable parameters")
    try:
        with_example(loaded)
    except LoadError:
        return {"data": {"source": "digits"}}
    candidates = list(_candidates(loaded))
    for settings in candidates:
        try:
            trainer = Trainer(read_plan({"model": target, **settings}), loaded=loaded)
            is_fitting = not _tried(trainer, trainer.plan).why
        except Exception:  # the model's own, which it may raise of its own example as well
            continue
        if is_fitting:
            return settings
    shaped = [one for one in candidates if "transforms" in one["data"]]
    return shaped[-1] if shaped else candidates[0]


def _candidates(loaded: Loaded) -> Iterator[Settings]:
    """Settings worth a try, the best first."""
    size = _size(loaded.args[0], True) if len(loaded.args) == 1 and not loaded.kwargs else None
    digits: Settings = {"data": {"source": "digits"}}
    if size is not None:
        yield digits
    if size is not None and len(size) == 3 and loaded.args[0].is_floating_point():
        smaller = torch.Size([size[0], min(size[1], _SMALL), min(size[2], _SMALL)])
        for wanted in dict.fromkeys((smaller, size)):  # most networks for large images take small ones, in less time
            transforms = _bridge(_DIGIT, wanted)
            if transforms:
                yield {"data": {"source": "digits", "transforms": list(transforms)}}
    made: Settings = {"data": {"source": RANDOM}}
    for loss in ("cross_entropy", "mse"):
        if loss == "cross_entropy" and _is_one_number(loaded):
            continue
        yield {**made, "loss": {"name": loss}}
        yield {**made, "loss": {"name": loss}, "batch_size": 0}
    yield {**made, "loss": {"name": MODEL}}


def _is_one_number(loaded: Loaded) -> bool:
    """True for a model with a single result, of which there is no class to choose."""
    layers = [m for m in loaded.model.modules() if isinstance(m, nn.Linear)]  # type: ignore[attr-defined]
    return bool(layers) and layers[-1].out_features == 1


def check_fit(trainer: Trainer) -> Fit:
    """How the data of a training fit its model: two examples go through a step of a copy. The training stays as it is.

    Costs that, and where they do not fit, the model's example and another step or two.
    """
    kept = random_state()
    try:
        found = _tried(trainer, trainer.plan)
        if not found.why:
            return found
        return _with_remedy(trainer, found)
    finally:
        set_random_state(kept)


def _with_remedy(trainer: Trainer, found: Fit) -> Fit:
    """The same with the shape that the model takes, and with what would make the data fit."""
    plan, takes = trainer.plan, _taken(trainer)
    given = _given(trainer)
    fields = asdict(found) | {"takes": _words(takes), "given": _words(given)}
    if found.scores and found.classes > found.scores and not plan.transfer.head:
        return Fit(**{**fields, "head": found.classes})
    if takes is None or given is None or plan.data.source == RANDOM:
        return Fit(**fields)
    bridge = _bridge(given, takes)
    if not bridge:
        return Fit(**fields)
    data = {**asdict(plan.data), "transforms": [*plan.data.transforms, *bridge]}
    try:
        bridged = Trainer(read_plan({**plan.to_json(), "data": data, "checkpoints": {}}))
    except LoadError:
        return Fit(**fields)
    again = _tried(bridged, bridged.plan)
    # One thing at a time: what is left of the problem may be the classes.
    if not again.why or again.classes > again.scores > 0:
        fields["transforms"] = bridge
    return Fit(**fields)


def _tried(trainer: Trainer, plan: Plan) -> Fit:
    """A step of two examples, on a copy of the model."""
    n_classes = len(trainer.data.classes or ())
    scores = 0
    try:
        model = copy.deepcopy(trainer.model).train()
        size = None if trainer._batch_size is None else min(2, len(trainer.data.train))  # type: ignore[arg-type]
        batch = next(iter(loader_of(trainer.data.train, size, trainer.data.collate)))
        x, target = trainer._moved(batch)
        output = trainer._output(called(model, x))
        if isinstance(output, torch.Tensor) and has_accuracy(plan.loss.name, main_output(output), target):
            scores = output.shape[-1]
        if n_classes > scores > 0:
            return Fit(f"{n_classes} classes for {scores} scores", classes=n_classes, scores=scores)
        trainer.loss_fn(output, target).backward()
    except Exception as error:  # the model's own, of data that do not fit it
        return Fit(f"{type(error).__name__}: {error}", classes=n_classes, scores=scores)
    return Fit(classes=n_classes, scores=scores)


def _taken(trainer: Trainer) -> torch.Size | None:
    """The shape of an example that the model takes, without the batch; None where that is not one tensor."""
    loaded = trainer.loaded
    if loaded is None:
        return None
    try:
        if not loaded.args and not loaded.kwargs:
            with_example(loaded)
    except Exception:  # a guess that the model does not take
        return None
    if len(loaded.args) != 1 or loaded.kwargs:
        return None
    return _size(loaded.args[0], trainer._batch_size is not None)


def _given(trainer: Trainer) -> torch.Size | None:
    try:
        x, *_ = trainer.data.train[0]
    except Exception:
        return None
    return _size(x, False)


def _size(value: Any, is_batched: bool) -> torch.Size | None:
    if not isinstance(value, torch.Tensor) or (is_batched and not value.dim()):
        return None
    return value.shape[1:] if is_batched else value.shape


def _bridge(given: torch.Size, takes: torch.Size) -> tuple[str, ...]:
    """Transforms that make an image [channels, h, w] one of another shape; () where none would."""
    if len(given) != 3 or len(takes) != 3 or given[0] not in (1, 3) or takes[0] not in (1, 3):
        return ()
    found = []
    if given[1:] != takes[1:]:
        found.append(f"Resize([{takes[1]}, {takes[2]}])")
    if given[0] != takes[0]:
        found.append(f"Grayscale({takes[0]})")
    return tuple(found)


def _words(size: torch.Size | None) -> str:
    return "" if size is None else " × ".join(map(str, size)) or "one number"
