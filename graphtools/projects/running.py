"""Makes a project's model, data, loss and optimizer by running its code, as if from its own folder."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from graphtools.errors import LoadError, missing
from graphtools.importing import import_alone
from graphtools.projects.project import Found, Project
from graphtools.structure import tensors

_BATCH = 4  # examples of a batch to look at, where the project's own is unknown or large
_LARGE = 1_000_000  # numbers in the inputs of a batch


@dataclass(slots=True)
class Parts:
    """The data of a project: what it trains on, and what it tests on if it says so."""

    train: Dataset[Any]
    test: Dataset[Any] | None
    classes: tuple[str, ...] | None
    collate: Callable[[list[Any]], Any] | None = None

    def loader(self, batch_size: int | None, **options: Any) -> DataLoader[Any]:
        """A loader of the training set; with None an example is a batch already."""
        return DataLoader(self.train, batch_size=batch_size, collate_fn=self.collate, **options)


def make_model(project: Project, name: str = "") -> tuple[nn.Module, Found]:
    """The main model, or the one called `name`; what it was taken from. Runs the project's code.

    Raises LoadError where there is none, or an argument of it is not known, and what the code raises.
    """
    if not project.models:
        raise LoadError(
            f"no model in {project.folder}: no class derived from torch.nn.Module was found in its Python files"
        )
    known = {one.name: one for one in project.models}
    if name and name not in known:
        raise LoadError(str(missing(f"model in {project.folder.name}", name, known)))
    found = known[name] if name else project.models[0]
    if found.unknown:
        raise LoadError(
            f"{found.name} in {found.file} needs {', '.join(found.unknown)}, which neither a call of it nor "
            f"{project.config or 'a config file'} settles. Give them defaults, or define `model` in {found.file}"
        )
    made = _make(project, found)
    if not isinstance(made, nn.Module):
        raise LoadError(f"{found.call()} in {found.file} gave {type(made).__name__}, not a model")
    return made, found


def make_data(project: Project) -> Parts:
    """The data of the project. Runs its code, which may read files. Raises LoadError, and what the code raises."""
    if not project.datasets:
        raise LoadError(f"no data in {project.folder.name}: no Dataset and no function that gives one was found")
    found = project.datasets[0]
    if found.unknown:
        raise LoadError(f"{found.name} in {found.file} needs {', '.join(found.unknown)}, which only a run would show")
    parts = list(_datasets(_make(project, found)))
    if not parts:
        raise LoadError(f"{found.call()} in {found.file} gave no Dataset and no DataLoader")
    train, collate = parts[0]
    test = parts[-1][0] if len(parts) > 1 else None
    if test is None and project.test_dataset is not None and not project.test_dataset.unknown:
        test = next((one for one, _ in _datasets(_make(project, project.test_dataset))), None)
    classes = getattr(train, "classes", None)
    names = tuple(map(str, classes)) if isinstance(classes, Sequence) and not isinstance(classes, str) else None
    return Parts(train, test, names, collate)


def make_loss(project: Project) -> tuple[Callable[..., torch.Tensor] | None, str]:
    """The loss as a function of output and target, and what it is; None where the project shows none."""
    for found in project.losses:
        if found.unknown:
            continue
        if found.module == "torch.nn":
            return getattr(nn, found.name)(*found.args, **found.kwargs), str(found)
        if found.module == "torch.nn.functional":
            return getattr(nn.functional, found.name), str(found)
        return _make(project, found), str(found)
    return None, ""


def make_optimizer(project: Project, model: nn.Module) -> tuple[torch.optim.Optimizer | None, str]:
    """The project's optimizer over the trainable parameters of `model`; None where its settings are not known."""
    found = project.optimizer
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    kind = getattr(torch.optim, found.name, None) if found is not None else None
    if found is None or kind is None or not parameters:
        return None, ""
    try:
        return kind(parameters, **found.kwargs), str(found)
    except (TypeError, ValueError):  # SGD wants a learning rate, which only a run would show
        return None, ""


def batch_of(project: Project, parts: Parts) -> tuple[Any, Any]:
    """The first examples as a batch `(inputs, target)`; several inputs are a tuple.

    They are as many as in the project's own batches, or four where such a batch would be large. Raises LoadError.
    """
    with in_folder(project):
        if project.batch_size == 0:
            return split_batch(next(iter(parts.loader(None)), None))
        count = project.batch_size or _BATCH
        inputs, target = split_batch(next(iter(parts.loader(1)), None))
        size = sum(tensor.numel() for _, tensor in tensors(inputs))
        count = _BATCH if count > 2 * _BATCH and count * size > _LARGE else count
        return split_batch(next(iter(parts.loader(count)), None)) if count > 1 else (inputs, target)


def split_batch(batch: Any) -> tuple[Any, Any]:
    """A batch as `(inputs, target)`: its last part is the target. Raises LoadError for one that is no such batch."""
    if isinstance(batch, Mapping):
        word = next((key for key in ("labels", "label", "target", "targets", "y") if key in batch), None)
        if word is None:
            raise LoadError(f"a batch of the project's data holds {', '.join(map(str, batch))}, and no target among it")
        rest = {key: value for key, value in batch.items() if key != word}
        return (next(iter(rest.values())) if len(rest) == 1 else rest), batch[word]
    if not isinstance(batch, tuple | list) or len(batch) < 2:
        raise LoadError(f"a batch of the project's data must be (input, target), not {type(batch).__name__}")
    *inputs, target = batch
    return (inputs[0] if len(inputs) == 1 else tuple(inputs)), target


def _make(project: Project, found: Found) -> Any:
    import_alone(project.folder, project.paths)
    with in_folder(project):
        value = getattr(importlib.import_module(found.module), found.name)
        return value if found.kind == "object" else value(*found.args, **found.kwargs)


@contextmanager
def in_folder(project: Project) -> Iterator[None]:
    """Runs the block in the project's folder, from which its code names files."""
    before = os.getcwd()
    os.chdir(project.folder)
    try:
        yield
    finally:
        os.chdir(before)


class FromFolder(Dataset[Any]):
    """A project's dataset whose examples are read in the project's folder, from which its code names files."""

    def __init__(self, project: Project, inner: Any) -> None:
        self.project, self.inner = project, inner

    def __len__(self) -> int:
        return len(self.inner)

    def __getitem__(self, index: int) -> Any:
        with in_folder(self.project):
            return self.inner[index]

    def __getitems__(self, indices: list[int]) -> list[Any]:
        """The examples of a batch, for which the loader asks at once."""
        with in_folder(self.project):
            at_once = getattr(self.inner, "__getitems__", None)
            return at_once(indices) if at_once else [self.inner[index] for index in indices]


def _datasets(made: Any) -> Iterator[tuple[Dataset[Any], Callable[[list[Any]], Any] | None]]:
    """The datasets in what a call gave: a Dataset, a DataLoader, or several in a tuple or mapping."""
    if isinstance(made, DataLoader):
        yield made.dataset, made.collate_fn
    elif isinstance(made, Mapping):
        for value in made.values():
            yield from _datasets(value)
    elif isinstance(made, tuple | list):
        for value in made:
            yield from _datasets(value)
    elif isinstance(made, str | torch.Tensor):
        return
    elif isinstance(made, Dataset) or (hasattr(made, "__len__") and hasattr(made, "__getitem__")):
        yield made, None
