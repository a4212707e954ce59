"""What a file of a project is by its name, and what a class is by its bases and methods."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from graphtools.projects.project import Role
from graphtools.projects.reading import Source, methods

_ROLES: tuple[tuple[Role, str], ...] = (
    ("tests", r"tests?|test_.*|.*_test|conftest"),
    ("loss", r"loss(es)?|criterion|criteria|.*_loss(es)?"),
    ("dataset", r"datas?|datasets?|data_?loaders?|data_?sets?|dataloading|datamodules?|data_module|.*_datasets?"),
    ("train", r"train(er|ing)?|main|engine|run|learn(er)?|fit|solver|train_.*|.*_trainer"),
    ("model", r"models?|net|nets|networks?|architectures?|backbones?|modules?|.*_model|.*_net"),
    ("config", r"config|configs|settings|hparams"),
)
_SKIPPED = re.compile(r"\..*|__pycache__|venv|env|node_modules|build|dist|site-packages|runs?|wandb|checkpoints|logs?")
_MOST_FILES, _DEEPEST = 400, 4
_MODULES = re.compile(
    r"torch\.nn\.(modules\..*\.)?[A-Z]\w*|(pytorch_lightning|lightning(\.pytorch)?)\.(core\.\w+\.)?LightningModule"
    r"|torchvision\.models\..*[A-Z]\w*|transformers\.PreTrainedModel"
)
_DATASETS = re.compile(
    r"torch\.utils\.data(\.data\w+)?\.(\w*Dataset|DataLoader)|torchvision\.datasets(\.\w+)*\.[A-Z]\w*"
)


def python_files(folder: Path) -> Iterator[Path]:
    """The Python files of a project, those of environments, builds and hidden folders left out; at most 400."""
    count = 0
    for here, folders, files in os.walk(folder):
        depth = len(Path(here).relative_to(folder).parts)
        folders[:] = sorted(f for f in folders if not _SKIPPED.fullmatch(f)) if depth < _DEEPEST else []
        for name in sorted(files):
            if name.endswith(".py"):
                count += 1
                if count > _MOST_FILES:
                    return
                yield Path(here) / name


def role_by_name(path: Path, folder: Path) -> tuple[Role, str]:
    """What a file is by its own name, else by that of a folder around it, the nearest first; and why."""
    inside = path.relative_to(folder)
    words = [path.stem] if path.stem != "__init__" else []
    for word in [*words, *reversed(inside.parts[:-1])]:
        for role, pattern in _ROLES:
            if re.fullmatch(pattern, word, re.IGNORECASE):
                what = "by its name" if word == path.stem else f"by its folder {word}/"
                return role, what
    return "other", "by its name none of those known"


class Classes:
    """Tells what the classes of a project are, by following their bases through its imports."""

    def __init__(self, sources: Mapping[str, Source]) -> None:
        self.sources = sources

    def resolve(self, full: str, depth: int = 0) -> tuple[Source, str] | None:
        """The source and the name in it of a dotted name, packages that pass names on followed; None if elsewhere."""
        module, _, name = full.rpartition(".")
        source = self.sources.get(module)
        if source is None or depth > 8:
            return None
        if name in source.classes or name in source.functions or name in source.assigned:
            return source, name
        if name in source.imports:
            home, there = source.imports[name]
            return self.resolve(f"{home}.{there}" if there else home, depth + 1)
        for home, there in source.imports.values():  # from .net import *
            if there == "*":
                found = self.resolve(f"{home}.{name}", depth + 1)
                if found is not None:
                    return found
        return None

    def is_module(self, source: Source, kind: ast.ClassDef) -> bool:
        """Whether a class is derived from torch.nn.Module, or looks so: it has a forward and an unknown base."""
        return self._derives(source, kind, _MODULES, 0)

    def is_dataset(self, source: Source, kind: ast.ClassDef) -> bool:
        """Whether a class is derived from a Dataset, or gives items by number and says how many."""
        if self._derives(source, kind, _DATASETS, 0):
            return True
        return {"__len__", "__getitem__"} <= methods(kind) and not self.is_module(source, kind)

    def _derives(self, source: Source, kind: ast.ClassDef, wanted: re.Pattern[str], depth: int) -> bool:
        for base in kind.bases:
            expression = base.value if isinstance(base, ast.Subscript) else base  # Dataset[Tensor]
            full = source.full(expression)
            if wanted.fullmatch(full):
                return True
            found = self.resolve(full)
            if found is None or depth >= 8 or found[1] not in found[0].classes:
                continue
            if self._derives(found[0], found[0].classes[found[1]], wanted, depth + 1):
                return True
        return False
