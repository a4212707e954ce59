"""Recognizes a project folder by reading it: which file is what, which class the main model, the data, the loss.

Nothing in the folder is run or imported; the syntax of its files, and the settings in its config file, say it all.
"""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from graphtools.errors import LoadError
from graphtools.projects.calling import Calls, shortened
from graphtools.projects.configs import named_in
from graphtools.projects.project import File, Found, Project, Role
from graphtools.projects.reading import Source, parameters
from graphtools.projects.values import Unknown

_LOSS_NAME = re.compile(r".*(loss|criterion)", re.IGNORECASE)
_BUILDER = re.compile(
    r"(build|make|create|get|init|load|setup)_?\w*(model|net|network|classifier)\w*|model", re.IGNORECASE
)
_DATA_MAKER = re.compile(r".*(data|loader)", re.IGNORECASE)
_TEST_WORDS = ("test", "val", "valid", "validation", "eval", "dev")
_F_LOSS = re.compile(r"torch\.nn\.functional\.(cross_entropy|\w*_loss|binary_cross_entropy\w*)")


def open_project(folder: str | os.PathLike[str]) -> Project:
    """The Project in a folder, recognized without running anything of it. Reads at most 400 files.

    Raises LoadError where there is no folder, or no Python file in it.
    """
    path = Path(folder).resolve()
    if not path.is_dir():
        raise LoadError(f"no folder {os.fspath(folder)}")
    return _Recognizer(path).project()


class _Recognizer(Calls):
    def project(self) -> Project:
        """The Project."""
        datasets, test = self._datasets()
        models = self._models()
        if not models:
            self.problems.append("no model: no class derived from torch.nn.Module was found")
        return Project(
            self.folder,
            tuple(self._files()),
            tuple(models),
            tuple(datasets),
            test,
            tuple(self._losses()),
            self._optimizer(),
            tuple(self.paths),
            str(self.configs[0].relative_to(self.folder)) if self.configs else "",
            self.settings,
            self._whole(self._batch_size()),
            self._whole(self._setting("epochs", "num_epochs", "n_epochs", "max_epochs")),
            self._whole(self._setting("seed", "random_seed")),
            tuple(self.problems),
        )

    # -- files ------------------------------------------------------------------------------------------------------

    def _files(self) -> Iterator[File]:
        for path, (role, why) in self.roles.items():
            source = next((s for s in self.sources.values() if s.path == path), None)
            if source is not None and role != "tests":
                made: dict[Role, list[str]] = {
                    "model": [n for s, n in self.models if s is source],
                    "dataset": [n for s, n in self.data if s is source],
                    "loss": [n for s, n in self.losses if s is source],
                }
                held = [f"{what} {', '.join(names)}" for what, names in made.items() if names]
                if role == "other":  # what it holds says it
                    role = next((what for what, names in made.items() if names), role)
                    why = "by what it defines"
                why += f": {'; '.join(held)}" if held else ""
            yield File(str(path.relative_to(self.folder)), role, why)
        for index, path in enumerate(self.configs):
            why = "its settings are used" if index == 0 else "another one, not used"
            yield File(str(path.relative_to(self.folder)), "config", why)

    # -- what is used -----------------------------------------------------------------------------------------------

    def _models(self) -> list[Found]:
        """The models, the main one first."""
        found: list[Found] = []
        users = self._users()
        for user, call, around, full in self._calls(users):
            target = self.classes.resolve(full)
            if target is None:
                continue
            if target in self.models:
                found.append(self._made(user, call, around, target, "class"))
            elif target[1] in target[0].functions and _BUILDER.fullmatch(target[1]) and target[0] not in users[:1]:
                found.append(self._made(user, call, around, target, "function"))
        found += self._named(self.models)
        for source in self.sources.values():
            for name in ("model", "net"):
                if name in source.assigned and self._role(source) in ("model", "other") and self.modules:
                    found.append(self._found((source, name), "object", "the file defines it ready to use"))
        used = self._used_inside()
        roots = [pair for pair in self.models if pair not in used]
        roots.sort(key=lambda pair: (self._role(pair[0]) != "model", -pair[0].classes[pair[1]].lineno))
        only = len(self.models) == 1
        why = "it is the only model" if only else "no other model has it as a part"
        found += [self._bare(pair, "class", why) for pair in roots]
        inner = [pair for pair in self.models if pair in used]
        found += [self._bare(pair, "class", "a part of another model") for pair in inner]
        return _unique(found)

    def _used_inside(self) -> list[tuple[Source, str]]:
        """The modules that other modules of the project make, or are derived from."""
        found = []
        for source, name in self.modules:
            kind = source.classes[name]
            inside = [node.func for node in ast.walk(kind) if isinstance(node, ast.Call)] + list(kind.bases)
            # A class that is handed on, as the block of a ResNet is.
            inside += [arg for node in ast.walk(kind) if isinstance(node, ast.Call) for arg in node.args]
            for expression in inside:
                target = self.classes.resolve(source.full(expression))
                if target is not None and target != (source, name):
                    found.append(target)
        return found

    def _datasets(self) -> tuple[list[Found], Found | None]:
        found: list[Found] = []
        tests: list[Found] = []
        users = self._users()
        for user, call, around, full in self._calls(users):
            target = self.classes.resolve(full)
            if target is not None and target in self.data:
                made = self._made(user, call, around, target, "class")
                (tests if _is_test(made) else found).append(made)
            elif target is not None and self._gives_data(target, users):
                found.append(self._made(user, call, around, target, "function"))
        second = next((one for one in found[1:] if one.name == found[0].name and one.kind == "class"), None)
        for source in self.sources.values():
            if self._role(source) == "dataset" and not found:
                for name in source.functions:
                    if _DATA_MAKER.fullmatch(name) and not name.startswith("_"):
                        why = "it stands in the file of the data, and its name says that it gives them"
                        found.append(self._bare((source, name), "function", why))
        found += self._named(self.data)
        for pair in self.data:
            found.append(self._bare(pair, "class", "it is a Dataset"))
        return _unique(found), tests[0] if tests else second

    def _gives_data(self, target: tuple[Source, str], users: list[Source]) -> bool:
        source, name = target
        is_named = name in source.functions and bool(_DATA_MAKER.match(name))
        return is_named and (self._role(source) == "dataset" or source not in users)

    def _losses(self) -> list[Found]:
        found: list[Found] = []
        torchs: list[Found] = []
        users = [*self._users(), *(s for s in self.sources.values() if self._role(s) != "train")]
        for user, call, around, full in self._calls(users):
            target = self.classes.resolve(full)
            if target is not None and target in self.losses:
                found.append(self._made(user, call, around, target, "class"))
            elif target is not None and target[1] in target[0].functions and self._role(target[0]) == "loss":
                if _LOSS_NAME.match(target[1]):
                    why = f"{self._where(user)}, line {call.lineno}, calls it: {shortened(ast.unparse(call))}"
                    found.append(self._found(target, "object", why))
            elif full.startswith("torch.nn.") and full.endswith("Loss"):
                args, kwargs, unknown = self.values.arguments(call, user, around)
                why = f"{self._where(user)}, line {call.lineno}, makes it"
                name = full.rsplit(".", 1)[1]
                where = self._where(user)
                torchs.append(
                    Found(name, "torch.nn", where, call.lineno, "class", why, tuple(args), kwargs, tuple(unknown))
                )
            elif _F_LOSS.fullmatch(full) and self._role(user) in ("train", "other"):
                why = f"{self._where(user)}, line {call.lineno}, calls it"
                name = full.rsplit(".", 1)[1]
                torchs.append(Found(name, "torch.nn.functional", self._where(user), call.lineno, "object", why))
        found += self._named(self.losses)
        for source in self.sources.values():
            for name in source.functions:
                if self._role(source) == "loss" and named_in(self.settings, name) is not None:
                    why = f"{self.configs[0].relative_to(self.folder)} names it"
                    found.append(self._found((source, name), "object", why))
        for pair in self.losses:
            found.append(self._bare(pair, "class", "it is a module in the file of the loss, or its name says so"))
        for source in self.sources.values():
            if self._role(source) == "loss":
                for name, function in source.functions.items():
                    if _LOSS_NAME.match(name) and len(parameters(function)) >= 2:
                        found.append(self._found((source, name), "object", "it stands in the file of the loss"))
        made = [one for one in found if "makes it" in one.why or "calls it" in one.why or "names it" in one.why]
        return _unique([*made, *([] if made else torchs[:1]), *found, *torchs])

    def _optimizer(self) -> Found | None:
        users = [*self._users(), *(s for s in self.sources.values() if self._role(s) != "train")]
        for user, call, around, full in self._calls(users):
            parts = full.split(".")
            if full.startswith("torch.optim.") and "lr_scheduler" not in parts and parts[-1][0].isupper():
                named = ast.Call(call.func, [], call.keywords)
                _, kwargs, unknown = self.values.arguments(named, user, around)
                if len(call.args) > 1 and "lr" not in kwargs:
                    try:
                        kwargs["lr"] = self.values.of(call.args[1], user, around)
                    except Unknown:
                        unknown.append("lr")
                kwargs.pop("params", None)
                why = f"{self._where(user)}, line {call.lineno}, makes it"
                return Found(
                    parts[-1], "torch.optim", self._where(user), call.lineno, "class", why, (), kwargs, tuple(unknown)
                )
        return None

    def _batch_size(self) -> Any:
        for user, call, around, full in self._calls(list(self.sources.values())):
            if full.rsplit(".", 1)[-1] == "DataLoader":
                _, kwargs, _ = self.values.arguments(ast.Call(call.func, [], call.keywords), user, around)
                if "batch_size" in kwargs and kwargs["batch_size"] is None:
                    return 0
                if isinstance(kwargs.get("batch_size"), int):
                    return kwargs["batch_size"]
                if len(call.args) > 1:
                    try:
                        return self.values.of(call.args[1], user, around)
                    except Unknown:
                        pass
        return self._setting("batch_size", "batchsize", "bs")

    def _setting(self, *names: str) -> Any:
        for name in names:
            try:
                return self.values.setting(name)
            except Unknown:
                continue
        return None

    @staticmethod
    def _whole(value: Any) -> int | None:
        return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _is_test(made: Found) -> bool:
    if (
        made.kwargs.get("train") is False
        or made.kwargs.get("is_train") is False
        or made.kwargs.get("training") is False
    ):
        return True
    texts = [str(v).lower() for v in (*made.args, *made.kwargs.values()) if isinstance(v, str)]
    return any(re.search(rf"(^|[^a-z]){word}([^a-z]|$)", text) for text in texts for word in _TEST_WORDS)


def _unique(found: list[Found]) -> list[Found]:
    """Each thing once, where it comes first."""
    seen: dict[tuple[str, str], Found] = {}
    for one in found:
        seen.setdefault((one.module, one.name), one)
    return list(seen.values())
