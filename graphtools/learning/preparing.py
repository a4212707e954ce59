"""What a training begins with: the model as the plan wants it, the data, the loss, the device."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from graphtools.errors import LoadError
from graphtools.learning.data import Data, open_data, project_data
from graphtools.learning.losses import LOSSES
from graphtools.learning.plan import OWN, Plan
from graphtools.learning.transfer import freeze, load_weights, replace_head
from graphtools.projects import Project
from graphtools.projects.running import make_loss


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


def data_of(plan: Plan, project: Project | None) -> Data:
    """The plan's data. Raises LoadError, and what code of the user's raises."""
    wanted = plan.data
    if wanted.source == OWN:
        return project_data(_own("data", plan, project), wanted.test_share, plan.seed)
    return open_data(
        wanted.source,
        transforms=wanted.transforms,
        test_share=wanted.test_share,
        seed=plan.seed,
        download=wanted.download,
    )


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
