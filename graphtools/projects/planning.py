"""The plan of a training as a project has it, for `graphtools train folder/`: data that `read_plan` takes."""

from __future__ import annotations

from typing import Any

from graphtools.projects.project import Project

OWN = "project"  # the name of the project's own data and loss in a plan
_OPTIMIZERS = {"SGD": "sgd", "Adam": "adam", "AdamW": "adamw", "RMSprop": "rmsprop", "Adagrad": "adagrad"}


def plan_of(project: Project) -> dict[str, Any]:
    """What the project says of its training, and nothing else: data, loss, optimizer, epochs, batch size, seed."""
    plan: dict[str, Any] = {"model": str(project.folder)}
    if project.datasets:
        plan["data"] = {"source": OWN}
    if project.losses:
        plan["loss"] = {"name": OWN}
    found = project.optimizer
    if found is not None and found.name in _OPTIMIZERS:
        numbers = {name: found.kwargs[name] for name in ("lr", "momentum", "weight_decay") if _is_number(found, name)}
        if "lr" not in numbers and found.name != "SGD":
            numbers["lr"] = 0.01 if found.name in ("RMSprop", "Adagrad") else 0.001  # torch's own
        plan["optimizer"] = {"name": _OPTIMIZERS[found.name], **numbers}
    for name in ("epochs", "batch_size", "seed"):
        value = getattr(project, name)
        if value is not None and (value > 0 or name == "seed"):
            plan[name] = value
    return plan


def _is_number(found: Any, name: str) -> bool:
    value = found.kwargs.get(name)
    return isinstance(value, int | float) and not isinstance(value, bool)
