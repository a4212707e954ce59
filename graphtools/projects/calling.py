"""The files of a project that has been read, and what their calls make: which class or function, which arguments."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from graphtools.errors import LoadError
from graphtools.projects.configs import find_configs, named_in, read_config
from graphtools.projects.places import import_paths, module_name
from graphtools.projects.project import Found, Kind, Role
from graphtools.projects.reading import Source, parameters, read_source
from graphtools.projects.roles import Classes, python_files, role_by_name
from graphtools.projects.values import Around, Unknown, Values

_LOSS_NAME = re.compile(r".*(loss|criterion)", re.IGNORECASE)


class Calls:
    """The sources of a project, by module name, its settings, its classes by what they are, and what calls make."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        paths = list(python_files(folder))
        if not paths:
            raise LoadError(f"{folder} holds no Python file, so it is no project. Give a folder with a model.py")
        self.roles: dict[Path, tuple[Role, str]] = {path: role_by_name(path, folder) for path in paths}
        self.paths = import_paths(folder, [path for path in paths if self.roles[path][0] != "tests"], self.roles)
        self.sources: dict[str, Source] = {}
        for path in paths:
            if self.roles[path][0] != "tests":
                source = read_source(path, module_name(path, self.paths))
                self.sources.setdefault(source.module, source)
        self.classes = Classes(self.sources)
        configs = find_configs(folder)
        settings, problem = read_config(configs[0]) if configs else ({}, "")
        self.configs, self.settings = configs, settings
        self.problems = [f"{s.path.relative_to(folder)}: {s.problem}" for s in self.sources.values() if s.problem]
        self.problems += [f"{configs[0].relative_to(folder)}: {problem}"] if problem else []
        self.values = Values(self.sources, settings)
        self.modules = list(self._all(self.classes.is_module))
        self.losses = [(s, n) for s, n in self.modules if self._is_loss(s, n)]
        self.models = [pair for pair in self.modules if pair not in self.losses]
        self.data = [pair for pair in self._all(self.classes.is_dataset) if pair not in self.modules]

    def _role(self, source: Source) -> Role:
        return self.roles[source.path][0]

    def _where(self, source: Source) -> str:
        return str(source.path.relative_to(self.folder))

    def _all(self, holds: Callable[[Source, ast.ClassDef], bool]) -> Iterator[tuple[Source, str]]:
        for source in self.sources.values():
            for name, kind in source.classes.items():
                if holds(source, kind):
                    yield source, name

    def _is_loss(self, source: Source, name: str) -> bool:
        return self._role(source) == "loss" or bool(_LOSS_NAME.fullmatch(name))

    def _users(self) -> list[Source]:
        """The files that put things together, scripts first: those that train, then those that nobody imports."""
        training = [s for s in self.sources.values() if self._role(s) == "train"]
        training.sort(key=lambda s: (not _is_script(s), s.path.stem not in ("train", "main"), len(s.path.parts)))
        return training + [s for s in self.sources.values() if s not in training and _is_script(s)]

    def _calls(self, sources: list[Source]) -> Iterator[tuple[Source, ast.Call, Around, str]]:
        for source in sources:
            for call, around in source.makers:
                full = source.full(call.func)
                if full:
                    yield source, call, around, full

    def _made(self, user: Source, call: ast.Call, around: Around, target: tuple[Source, str], kind: Kind) -> Found:
        args, kwargs, unknown = self.values.arguments(call, user, around)
        args, kwargs, unknown = self._completed(target, kind, args, kwargs, unknown)
        why = f"{self._where(user)}, line {call.lineno}, makes it: {shortened(ast.unparse(call))}"
        return self._found(target, kind, why, tuple(args), kwargs, tuple(unknown))

    def _completed(
        self, target: tuple[Source, str], kind: Kind, args: list[Any], kwargs: dict[str, Any], unknown: list[str]
    ) -> tuple[list[Any], dict[str, Any], list[str]]:
        """The arguments with those that the call does not settle taken from settings of their names, or left out."""
        left: list[str] = []
        taken = self._parameters(target, kind)
        names = [name for name, _ in taken]
        required = [name for name, is_required in taken[len(args) :] if is_required]
        for name in dict.fromkeys([*(u for u in unknown if u in names), *required]):
            if name in kwargs:
                continue
            try:
                kwargs[name] = self.values.setting(name)
            except Unknown:
                if name in required:
                    left.append(name)
        return args, kwargs, left

    def _parameters(self, target: tuple[Source, str], kind: Kind) -> list[tuple[str, bool]]:
        """The parameters of a class or function by name, and whether each must be given."""
        source, name = target
        function = source.functions.get(name) if kind == "function" else self._constructor(source, name)
        if function is None:
            return []
        named = [(p.name, p.default is None) for p in parameters(function)]
        return named if kind == "function" else named[1:]

    def _constructor(self, source: Source, name: str, depth: int = 0) -> Any:
        kind = source.classes.get(name)
        if kind is None or depth > 8:
            return None
        own = next((node for node in kind.body if isinstance(node, ast.FunctionDef) and node.name == "__init__"), None)
        if own is not None:
            return own
        for base in kind.bases:
            found = self.classes.resolve(source.full(base))
            if found is not None:
                return self._constructor(*found, depth + 1)
        return None

    def _found(
        self,
        target: tuple[Source, str],
        kind: Kind,
        why: str,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
        unknown: tuple[str, ...] = (),
    ) -> Found:
        source, name = target
        place: Any = source.classes.get(name) or source.functions.get(name) or source.assigned.get(name)
        return Found(
            name,
            source.module,
            self._where(source),
            getattr(place, "lineno", 1),
            kind,
            why,
            args,
            kwargs or {},
            unknown,
        )

    def _bare(self, target: tuple[Source, str], kind: Kind, why: str) -> Found:
        _, kwargs, unknown = self._completed(target, kind, [], {}, [])
        return self._found(target, kind, why, (), kwargs, tuple(unknown))

    def _named(self, pairs: list[tuple[Source, str]]) -> Iterator[Found]:
        """Those of the classes that the config file names, with the arguments that stand beside the name there:
        `{"type": "Net", "args": {"width": 16}}`."""
        for pair in pairs:
            beside = named_in(self.settings, pair[1])
            if beside is not None:
                names = [name for name, _ in self._parameters(pair, "class")]
                given = {name: value for name, value in beside.items() if name in names}
                _, kwargs, unknown = self._completed(pair, "class", [], given, [])
                why = f"{self.configs[0].relative_to(self.folder)} names it"
                yield self._found(pair, "class", why, (), kwargs, tuple(unknown))


def _is_script(source: Source) -> bool:
    return any(isinstance(node, ast.If) and "__name__" in ast.unparse(node.test) for node in source.tree.body)


def shortened(code: str) -> str:
    return code if len(code) <= 80 else code[:77] + "..."
