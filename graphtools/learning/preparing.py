"""What a training begins with: the model as the plan wants it, the data, the loss, the device."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import nn

from graphtools.errors import LoadError
from graphtools.learning.data import Data, open_data, project_data, read_transforms, split, transformed
from graphtools.learning.losses import LOSSES
from graphtools.learning.made import made_data
from graphtools.learning.plan import OWN, RANDOM, Plan
from graphtools.learning.randomness import random_state, set_random_state
from graphtools.learning.transfer import freeze, load_weights, replace_head
from graphtools.loading import Loaded, give_inputs
from graphtools.projects import Project
from graphtools.projects.running import make_loss
from graphtools.structure import replace_leaves


def prepared(model: nn.Module, plan: Plan, device: torch.device, notes: list[str]) -> nn.Module:
    """The model on the device, with the plan's weights, head and frozen parameters; `notes` gets what was done.

    Raises LoadError, also where nothing is left to train.
    """
    transfer = plan.transfer
    if transfer.weights:
        notes.append(load_weights(model, transfer.weights))
    if transfer.head:
        notes.append(f"new head: {replace_head(model, transfer.head)} with {transfer.head} results")
    if transfer.freeze:
        frozen = freeze(model, transfer.freeze)
        count = sum(p.numel() for p in model.parameters() if not p.requires_grad)
        notes.append(f"frozen: {len(frozen)} parameters with {count:,} numbers; their batch norms stay in eval mode")
    if not any(p.requires_grad for p in model.parameters()):
        raise LoadError(f"{type(model).__name__} has no trainable parameters")
    return model.to(device)


def data_of(plan: Plan, model: nn.Module, loaded: Loaded | None) -> Data:
    """The plan's data for the model, which was `loaded` by its name. Raises LoadError, and what code of the user's
    raises."""
    wanted = plan.data
    if wanted.source == OWN:
        return project_data(_own("data", plan, loaded.project if loaded else None), wanted.test_share, plan.seed)
    if wanted.source == RANDOM:
        if loaded is None:
            raise LoadError("random data need a model by its name, whose example says of what shape they are")
        args = replace_leaves(loaded.args, partial(to_device, device=next(model.parameters()).device))
        data = made_data(model, args, loaded.kwargs, plan.loss.name, plan.seed, plan.batch_size > 0)
        data = split(data, wanted.test_share, plan.seed) if wanted.test_share else data
        transform = read_transforms(wanted.transforms)
        return data if transform is None else transformed(data, transform)
    return open_data(
        wanted.source,
        transforms=wanted.transforms,
        test_share=wanted.test_share,
        seed=plan.seed,
        download=wanted.download,
    )


def with_example(loaded: Loaded) -> None:
    """Gives a loaded model its example inputs, which leaves the random numbers alone. May run the model to guess.

    Raises LoadError.
    """
    kept = random_state()
    try:
        give_inputs(loaded)
    finally:
        set_random_state(kept)


def loss_of(plan: Plan, project: Project | None, device: torch.device, notes: list[str]) -> Callable[..., torch.Tensor]:
    """The plan's loss, as a function of output and target. Raises LoadError where a project has none."""
    if plan.loss.name != OWN:
        return LOSSES[plan.loss.name]
    found, note = make_loss(_own("loss", plan, project))
    if found is None:
        raise LoadError("no loss was recognized in the project; choose one: --loss cross_entropy")
    notes.append(f"loss: {note}")
    return found.to(device) if isinstance(found, nn.Module) else found


def _own(what: str, plan: Plan, project: Project | None) -> Project:
    if project is None:
        raise LoadError(f"{what} of the project were asked for, and {plan.model or 'the model'} is no folder")
    return project


def to_device(leaf: Any, device: torch.device) -> Any:
    """A tensor on the device; anything else as it is."""
    return leaf.to(device) if isinstance(leaf, torch.Tensor) else leaf


def device_of(name: str) -> torch.device:
    """The device of that name. Raises LoadError where there is none."""
    try:
        device = torch.device(name)
    except RuntimeError:
        raise LoadError(f"no device {name!r}; write cpu, cuda or cuda:1") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise LoadError(
            "CUDA is not available here: there is no NVIDIA GPU, or this torch was built without it. Use cpu"
        )
    return device
