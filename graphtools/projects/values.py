"""The value of an expression in a project's code, as far as text and settings say it. Nothing is run.

Net(width=32)                 a literal
Net(**config["model"])        the config file's table
Net(args.hidden)              the default of argparse's --hidden
Net(HIDDEN)                   a constant, also one that was imported from the project
Adam(..., lr=lr)              what the parameter `lr` of the function around is called with, or its default
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from graphtools.projects.configs import everywhere
from graphtools.projects.reading import Function, Source, constructor, parameters

Around = tuple[ast.AST, ...]
_DEEPEST = 12  # steps from a name to its value
_OPERATORS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Div: operator.truediv,
}


class Unknown(Exception):
    """The value depends on what only a run would show."""


class Values:
    """Looks values up in the sources and the settings of a project."""

    def __init__(self, sources: Mapping[str, Source], settings: Mapping[str, Any]) -> None:
        self.sources = sources
        self.settings = settings
        self._options = {name: value for source in sources.values() for name, value in _options(source)}

    def of(self, expression: ast.expr, source: Source, around: Around = (), depth: int = 0) -> Any:
        """The value of an expression that stands in a file, inside of the functions `around`. Raises Unknown."""
        if depth > _DEEPEST:
            raise Unknown
        if isinstance(expression, ast.Constant):
            return expression.value
        if isinstance(expression, ast.Tuple | ast.List):
            values = [self.of(each, source, around, depth + 1) for each in expression.elts]
            return tuple(values) if isinstance(expression, ast.Tuple) else values
        if isinstance(expression, ast.Dict):
            return self._dict(expression, source, around, depth)
        if isinstance(expression, ast.UnaryOp) and isinstance(expression.op, ast.USub):
            return self._number(-1) * self._number(self.of(expression.operand, source, around, depth + 1))
        if isinstance(expression, ast.BinOp) and type(expression.op) in _OPERATORS:
            left = self._number(self.of(expression.left, source, around, depth + 1))
            right = self._number(self.of(expression.right, source, around, depth + 1))
            if isinstance(expression.op, ast.Div | ast.FloorDiv) and not right:
                raise Unknown
            return _OPERATORS[type(expression.op)](left, right)
        if isinstance(expression, ast.Name):
            return self._name(expression.id, source, around, depth)
        return self._below(expression, source, around, depth)

    def arguments(
        self, call: ast.Call, source: Source, around: Around, depth: int = 0
    ) -> tuple[list[Any], dict[str, Any], list[str]]:
        """The arguments of a call: by place, by name, and the names or texts of those that are not known.

        What follows an unknown one by place is given up as well, as its place would be another's.
        """
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        unknown: list[str] = []
        for place in call.args:
            try:
                if unknown or isinstance(place, ast.Starred):
                    raise Unknown
                args.append(self.of(place, source, around, depth))
            except Unknown:
                unknown.append(ast.unparse(place))
        for keyword in call.keywords:
            try:
                value = self.of(keyword.value, source, around, depth)
                if keyword.arg is not None:
                    kwargs[keyword.arg] = value
                elif isinstance(value, Mapping):
                    kwargs.update(value)
                else:
                    raise Unknown
            except Unknown:
                unknown.append(keyword.arg or ast.unparse(keyword.value))
        return args, kwargs, unknown

    def setting(self, name: str) -> Any:
        """The value of the one setting of that name, in the config file or among the options. Raises Unknown."""
        found = everywhere(self.settings, name)
        if found and all(value == found[0] for value in found) and not isinstance(found[0], Mapping):
            return found[0]
        if name in self._options:
            return self._options[name]
        raise Unknown

    # -- parts -------------------------------------------------------------------------------------------------------

    @staticmethod
    def _number(value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise Unknown
        return value

    def _dict(self, expression: ast.Dict, source: Source, around: Around, depth: int) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        for key, value in zip(expression.keys, expression.values, strict=True):
            held = self.of(value, source, around, depth + 1)
            if key is not None:
                found[self.of(key, source, around, depth + 1)] = held
            elif isinstance(held, Mapping):
                found.update(held)
            else:
                raise Unknown
        return found

    def _name(self, name: str, source: Source, around: Around, depth: int) -> Any:
        for index in range(len(around) - 1, -1, -1):
            function = around[index]
            if not isinstance(function, Function):
                continue
            local = _assigned_in(function, name)
            if local is not None:
                return self.of(local, source, around[: index + 1], depth + 1)
            given = next((p for p in parameters(function) if p.name == name), None)
            if given is not None:
                return self._parameter(name, given.default, function, source, around[:index], depth)
        if name in source.assigned:
            return self.of(source.assigned[name], source, (), depth + 1)
        home, there = source.imports.get(name, ("", None))
        if there is not None and home in self.sources and there in self.sources[home].assigned:
            return self.of(self.sources[home].assigned[there], self.sources[home], (), depth + 1)
        raise Unknown

    def _parameter(
        self, name: str, default: ast.expr | None, function: Function, source: Source, around: Around, depth: int
    ) -> Any:
        """What a parameter is: what the first call in the project gives, else its default."""
        kind = around[-1] if around and isinstance(around[-1], ast.ClassDef) else None
        called = f"{source.module}.{kind.name if kind is not None else function.name}"
        if kind is None or constructor(kind) is function:
            names = [p.name for p in parameters(function)][1 if kind is not None else 0 :]
            for other in self.sources.values():
                for call, where in other.makers:
                    if other.full(call.func) != called:
                        continue
                    value = _given(call, name, names)
                    if value is not None:
                        return self.of(value, other, where, depth + 1)
        if default is not None:
            return self.of(default, source, around, depth + 1)
        raise Unknown

    def _below(self, expression: ast.expr, source: Source, around: Around, depth: int) -> Any:
        """The value of `config["model"]["width"]`, `cfg.model.width`, `args.hidden`, `config.get("width", 3)`."""
        if isinstance(expression, ast.Call):
            return self._got(expression, source, around, depth)
        if isinstance(expression, ast.Subscript):
            base, key = expression.value, self.of(expression.slice, source, around, depth + 1)
        elif isinstance(expression, ast.Attribute):
            base, key = expression.value, expression.attr
        else:
            raise Unknown
        try:
            held = self.of(base, source, around, depth + 1)
        except Unknown:
            return self._setting_at(base, key, source, around)
        return _item(held, key)

    def _got(self, call: ast.Call, source: Source, around: Around, depth: int) -> Any:
        """The value of `config.get("width", 3)`, `int(x)`, `dict(a=1)`."""
        function = call.func
        if isinstance(function, ast.Attribute) and function.attr == "get" and 1 <= len(call.args) <= 2:
            try:
                return self._below(ast.Subscript(function.value, call.args[0], ast.Load()), source, around, depth + 1)
            except Unknown:
                if len(call.args) == 2:
                    return self.of(call.args[1], source, around, depth + 1)
                raise
        if isinstance(function, ast.Name) and function.id in ("int", "float", "str") and len(call.args) == 1:
            value = self.of(call.args[0], source, around, depth + 1)
            try:
                return {"int": int, "float": float, "str": str}[function.id](value)
            except (TypeError, ValueError):
                raise Unknown from None
        if isinstance(function, ast.Name) and function.id == "dict" and not call.args:
            _, kwargs, unknown = self.arguments(call, source, around, depth + 1)
            if not unknown:
                return kwargs
        raise Unknown

    def _setting_at(self, base: ast.expr, key: Any, source: Source, around: Around) -> Any:
        """A setting by its path, where the base itself is only made by a run: a loaded config, parsed arguments."""
        path = [key]
        while isinstance(base, ast.Subscript | ast.Attribute):
            if isinstance(base, ast.Attribute):
                path.insert(0, base.attr)
            else:
                path.insert(0, self.of(base.slice, source, around, 1))
            base = base.value
        held: Any = self.settings
        for cut in range(len(path)):  # `self.config.model.width`: the first words may be those of objects
            try:
                for word in path[cut:]:
                    held = _item(held, word)
                return held
            except Unknown:
                held = self.settings
        if isinstance(key, str) and key in self._options:
            return self._options[key]
        raise Unknown


def _item(held: Any, key: Any) -> Any:
    if isinstance(held, Mapping) and key in held:
        return held[key]
    if (
        isinstance(held, Sequence)
        and not isinstance(held, str)
        and isinstance(key, int)
        and -len(held) <= key < len(held)
    ):
        return held[key]
    raise Unknown


def _given(call: ast.Call, name: str, names: Sequence[str]) -> ast.expr | None:
    """The argument of a call for the parameter `name`, one of `names`."""
    for keyword in call.keywords:
        if keyword.arg == name:
            return keyword.value
        if keyword.arg is None:  # f(**config["training"])
            return ast.Subscript(keyword.value, ast.Constant(name), ast.Load())
    place = names.index(name) if name in names else len(call.args)
    plain = call.args[: place + 1]
    return plain[place] if place < len(plain) and not any(isinstance(a, ast.Starred) for a in plain) else None


def _assigned_in(function: Function, name: str) -> ast.expr | None:
    """What a local name is assigned, if that happens once."""
    found = [
        node.value
        for node in ast.walk(function)
        if isinstance(node, ast.Assign)
        and len(node.targets) == 1
        and isinstance(node.targets[0], ast.Name)
        and node.targets[0].id == name
    ]
    return found[0] if len(found) == 1 else None


def _options(source: Source) -> list[tuple[str, Any]]:
    """The options in a file that have a literal default: argparse's, by the names that they have as attributes, and
    the fields of classes called Config, Settings or the like."""
    found = [(name, value) for kind in source.classes.values() for name, value in _fields(kind)]
    for call, _ in source.makers:
        if not isinstance(call.func, ast.Attribute) or call.func.attr != "add_argument" or not call.args:
            continue
        words = [arg.value for arg in call.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
        given = {keyword.arg: keyword.value for keyword in call.keywords}
        long = next((word for word in words if word.startswith("--")), words[0] if words else "")
        dest = given.get("dest")
        name = dest.value if isinstance(dest, ast.Constant) else long.lstrip("-").replace("-", "_")
        try:
            if "default" in given:
                found.append((str(name), ast.literal_eval(given["default"])))
            elif "action" in given and ast.literal_eval(given["action"]) == "store_true":
                found.append((str(name), False))
        except ValueError:
            continue
    return found


def _fields(kind: ast.ClassDef) -> Iterator[tuple[str, Any]]:
    if not re.search(r"config|cfg|settings|hparams|options", kind.name, re.IGNORECASE):
        return
    for node in kind.body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        value = getattr(node, "value", None)
        if isinstance(target, ast.Name) and isinstance(value, ast.expr):
            with suppress(ValueError):
                yield target.id, ast.literal_eval(value)
