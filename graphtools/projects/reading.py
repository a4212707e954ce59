"""What a Python file of a project defines, imports and calls, by its syntax alone. Nothing is run or imported."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

Function = ast.FunctionDef | ast.AsyncFunctionDef
_LARGEST = 1 << 20  # bytes of a source file; what is larger was generated


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a function or constructor; `default` is its expression, None if it must be given."""

    name: str
    default: ast.expr | None


@dataclass(frozen=True)
class Source:
    """A file of a project. `module` is the name by which the project imports it.

    `imports` gives for each name in the file the module and the name there (None for the module itself).
    """

    path: Path
    module: str
    tree: ast.Module
    classes: dict[str, ast.ClassDef]
    functions: dict[str, Function]
    imports: dict[str, tuple[str, str | None]]
    assigned: dict[str, ast.expr]
    problem: str = ""
    makers: list[tuple[ast.Call, tuple[ast.AST, ...]]] = field(default_factory=list)

    @property
    def is_package(self) -> bool:
        """Whether it is the `__init__.py` of a package."""
        return self.path.name == "__init__.py"

    def full(self, expression: ast.expr) -> str:
        """The dotted name that an expression stands for, imports written out: `nn.Linear` is `torch.nn.Linear`.

        Empty for what is no name.
        """
        words: list[str] = []
        while isinstance(expression, ast.Attribute):
            words.insert(0, expression.attr)
            expression = expression.value
        if not isinstance(expression, ast.Name):
            return ""
        found = self.imports.get(expression.id)
        if found is not None:
            words[:0] = [found[0]] if found[1] is None else [found[0], found[1]]
        else:
            words.insert(0, f"{self.module}.{expression.id}" if expression.id in self._own() else expression.id)
        return ".".join(words)

    def _own(self) -> set[str]:
        return {*self.classes, *self.functions}


def read_source(path: Path, module: str) -> Source:
    """The Source of a file. One that is no Python, or too large, is given with a `problem` and without contents."""
    try:
        if path.stat().st_size > _LARGEST:
            raise ValueError("it is larger than 1 MiB")
        tree = ast.parse(path.read_text(encoding="utf-8-sig"))
    except (OSError, SyntaxError, ValueError, RecursionError) as error:
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) else ""
        said = error.msg if isinstance(error, SyntaxError) else str(error)
        return Source(path, module, ast.Module([], []), {}, {}, {}, {}, f"it cannot be read{line}: {said}")
    found = Source(path, module, tree, {}, {}, {}, {})
    for node in statements(tree.body):
        if isinstance(node, ast.ClassDef):
            found.classes[node.name] = node
        elif isinstance(node, Function):
            found.functions[node.name] = node
        elif isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            found.assigned[node.targets[0].id] = node.value
        elif isinstance(node, ast.AnnAssign) and node.value is not None and isinstance(node.target, ast.Name):
            found.assigned[node.target.id] = node.value
    for part in ast.walk(tree):
        if isinstance(part, ast.Import):
            for alias in part.names:
                name = alias.asname or alias.name.split(".")[0]
                found.imports[name] = (alias.name if alias.asname else name, None)
        elif isinstance(part, ast.ImportFrom):
            base = _absolute(part, found)
            for alias in part.names:
                found.imports[alias.asname or alias.name] = (base, alias.name)
    found.makers.extend(_calls(tree, ()))
    return found


def statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements at the top level, those under `if` and `try` included."""
    for node in body:
        yield node
        if isinstance(node, ast.If):
            yield from statements([*node.body, *node.orelse])
        elif isinstance(node, ast.Try):
            yield from statements([*node.body, *[s for h in node.handlers for s in h.body], *node.orelse])
        elif isinstance(node, ast.With):
            yield from statements(node.body)


def parameters(function: Function) -> list[Parameter]:
    """The parameters that can be given by name, `self` included; `*args` and `**kwargs` left out."""
    given = function.args
    named = [*given.posonlyargs, *given.args]
    defaults: list[ast.expr | None] = [None] * (len(named) - len(given.defaults)) + list(given.defaults)
    defaults += given.kw_defaults
    return [Parameter(one.arg, default) for one, default in zip([*named, *given.kwonlyargs], defaults, strict=True)]


def constructor(kind: ast.ClassDef) -> Function | None:
    """The `__init__` of a class, None if it has none of its own."""
    return next((node for node in kind.body if isinstance(node, Function) and node.name == "__init__"), None)


def methods(kind: ast.ClassDef) -> set[str]:
    """The names of the methods that a class defines."""
    return {node.name for node in kind.body if isinstance(node, Function)}


def _absolute(node: ast.ImportFrom, source: Source) -> str:
    if not node.level:
        return node.module or ""
    parts = source.module.split(".")
    parts = parts[: len(parts) - node.level + (1 if source.is_package else 0)]
    return ".".join([*parts, *([node.module] if node.module else [])])


def _calls(node: ast.AST, around: tuple[ast.AST, ...]) -> Iterator[tuple[ast.Call, tuple[ast.AST, ...]]]:
    """Every call, in the order of the text, with the functions and classes around it, outermost first."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Call):
            yield child, around
        inner = (*around, child) if isinstance(child, Function | ast.ClassDef) else around
        yield from _calls(child, inner)
