"""Optimizers and schedulers by a plan, and the norms of what they do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from graphtools.learning.plan import Plan
from graphtools.learning.transfer import groups

OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "sgd": torch.optim.SGD,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "rmsprop": torch.optim.RMSprop,
    "adagrad": torch.optim.Adagrad,
}


def make_optimizer(plan: Plan, model: nn.Module) -> torch.optim.Optimizer:
    """The plan's optimizer of the parameters that are trained. Raises LoadError for a pattern that fits none."""
    wanted = plan.optimizer
    options: dict[str, Any] = {"lr": wanted.lr}
    if wanted.momentum is not None and wanted.name in ("sgd", "rmsprop"):
        options["momentum"] = wanted.momentum
    if wanted.weight_decay is not None:
        options["weight_decay"] = wanted.weight_decay
    return OPTIMIZERS[wanted.name](groups(model, plan.transfer.lr), **options)


def make_scheduler(
    plan: Plan, optimizer: torch.optim.Optimizer, n_batches: int
) -> torch.optim.lr_scheduler.LRScheduler | None:
    """The plan's scheduler for epochs of `n_batches` steps; None for a learning rate that stays."""
    wanted, epochs, schedulers = plan.scheduler, plan.epochs, torch.optim.lr_scheduler
    if wanted.name == "cosine":
        return schedulers.CosineAnnealingLR(optimizer, epochs)
    if wanted.name == "step":
        return schedulers.StepLR(optimizer, wanted.step_size, wanted.gamma)
    if wanted.name == "exponential":
        return schedulers.ExponentialLR(optimizer, wanted.gamma)
    if wanted.name == "linear":
        return schedulers.LinearLR(optimizer, 1.0, 0.01, epochs)
    if wanted.name == "one_cycle":
        rates = [group["lr"] for group in optimizer.param_groups]
        return schedulers.OneCycleLR(optimizer, rates, epochs * n_batches)
    return None


def plain_state(state: Mapping[str, Any]) -> dict[str, Any]:
    """A scheduler's state without the functions that torch rebuilds itself."""
    return {name: value for name, value in state.items() if not callable(value) and name != "_anneal_func_type_"}


def gradient_norm(model: nn.Module) -> float | None:
    """The norm of all gradients together; None before there is one. Reads each gradient once."""
    grads = [p.grad for p in model.parameters() if p.grad is not None and not p.grad.is_sparse]
    if not grads:
        return None
    return float(torch.linalg.vector_norm(torch.stack(torch._foreach_norm(grads))))


def update_ratio(parameters: list[nn.Parameter], old: list[torch.Tensor]) -> float | None:
    """‖change‖ / ‖parameters‖ since they were `old`; None for none, or all zero."""
    if not parameters:
        return None
    with torch.no_grad():
        changes = torch._foreach_sub([p.detach() for p in parameters], old)
        change = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(changes)))
        size = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(old)))
    return float(change / size) if float(size) else None
