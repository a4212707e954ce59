"""A project folder as it was recognized: which file was taken for what, and what is used of it, with the reasons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Role = Literal["model", "dataset", "loss", "train", "config", "tests", "other"]
Kind = Literal["class", "function", "object"]


@dataclass(frozen=True, slots=True)
class File:
    """A file of a project: its path inside of the folder, what it was taken for, and why, in words."""

    path: str
    role: Role
    why: str


@dataclass(frozen=True, slots=True)
class Found:
    """Something of a project that can be used: a class, a function or an object, by its name in a module.

    It is to be called with `args` and `kwargs`; `unknown` are arguments that only a run of the project would show.
    A loss or an optimizer may be torch's own: then `module` is torch's, and `file` the one that uses it.
    """

    name: str
    module: str
    file: str
    line: int
    kind: Kind
    why: str
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()

    def call(self) -> str:
        """As code: `Net(width=16)`."""
        if self.kind == "object":
            return self.name
        parts = [*map(repr, self.args), *(f"{name}={value!r}" for name, value in self.kwargs.items())]
        return f"{self.name}({', '.join([*parts, *(f'{name}=?' for name in self.unknown)])})"

    def __str__(self) -> str:
        return f"{self.call()} ({self.file}:{self.line}): {self.why}"


@dataclass(frozen=True, slots=True)
class Project:
    """A project folder, recognized by reading it: nothing of it was run.

    The first of `models` is taken for the main one, as long as nobody chooses another; the rest are the alternatives.
    So it is with `datasets` and `losses`. `test_dataset` is what the project tests on, if it says so. `paths` are the
    folders from which its modules are imported, and `settings` what its config file holds. A `batch_size` of 0 says
    that an example is a batch already, None that nothing says it.
    """

    folder: Path
    files: tuple[File, ...]
    models: tuple[Found, ...] = ()
    datasets: tuple[Found, ...] = ()
    test_dataset: Found | None = None
    losses: tuple[Found, ...] = ()
    optimizer: Found | None = None
    paths: tuple[Path, ...] = ()
    config: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    batch_size: int | None = None
    epochs: int | None = None
    seed: int | None = None
    problems: tuple[str, ...] = ()

    @property
    def model(self) -> Found | None:
        """What is taken for the main model."""
        return self.models[0] if self.models else None

    def notes(self) -> list[str]:
        """What was recognized, a line each: the files, then what is used of them, then what is wrong."""
        lines = [f"{file.path}: {file.role}, {file.why}" for file in self.files if file.role != "other"]
        return [*lines, *(f"{what}: {said}" for what, said in self.used()), *self.problems]

    def used(self) -> list[tuple[str, str]]:
        """What is used of the project: "model", "data", "loss", "optimizer", each with the reason and alternatives."""
        used: list[tuple[str, str]] = []
        for what, found in (("model", self.models), ("data", self.datasets), ("loss", self.losses)):
            if found:
                others = ", ".join(one.name for one in found[1:])
                used.append((what, f"{found[0]}" + (f"; or {others}" if others else "")))
        if self.optimizer is not None:
            used.append(("optimizer", str(self.optimizer)))
        return used

    def __str__(self) -> str:
        return "\n".join([f"project {self.folder.name}", *(f"  {line}" for line in self.notes())])
