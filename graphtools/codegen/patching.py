"""A draft as a change of the user's own source: a unified diff, where the class can be patched instead of rewritten.

Two kinds of change have a place in a class: other constructor arguments (or another class) of a module that `__init__`
assigns to an attribute, and a new module behind a line of `forward` that assigns a value. Nothing is written.
"""

from __future__ import annotations

import ast
import difflib
import inspect
import os
from dataclasses import dataclass, field

from graphtools.codegen.constructor import Constructor
from graphtools.codegen.expressions import Imports
from graphtools.codegen.naming import assigned_name
from graphtools.drafting.edits import Remove, RenameNode
from graphtools.drafting.plan import Layer, Plan
from graphtools.drafting.sources import Sources
from graphtools.errors import DraftError
from graphtools.graph import Node, Ref

_ADVICE = "to_code() writes the whole model"


def to_patch(before: Plan, after: Plan, sources: Sources) -> str:
    """The unified diff of the model's source files that turns `before` into `after`; "" if they are equal.

    Raises DraftError, which says what stands in the way, for a change that has no single place in the source.
    """
    after = _renamed_back(before, after)
    patch = _Patch(sources)
    for path, layer in after.layers.items():
        known = before.layers.get(path)
        if known is not None and (known.target, known.settings) != (layer.target, layer.settings):
            patch.change(path, known, layer)
    inserted = [node for node in after.nodes.values() if node.name not in before.nodes]
    rest = after
    for node in reversed(inserted):
        _source_of(rest, node)
        rest = Remove((node.name,)).apply(rest)
    for name, node in before.nodes.items():
        kept = rest.nodes.get(name)
        if kept is None or (kept.args, kept.kwargs) != (node.args, node.kwargs) or after.modes:
            raise DraftError(f"the change at {name!r} has no single place in the source; {_ADVICE}")
    for node in inserted:
        source = _source_of(after, node)
        if not after.users(node.name):
            raise DraftError(f"nothing takes the value of {node.name!r}, so it has no place in the source; {_ADVICE}")
        if any(user != node.name for user in after.users(source.node)):
            raise DraftError(
                f"others take the value that {node.name!r} takes, and a line has no place for it; {_ADVICE}"
            )
        patch.insert(after, node, before.nodes.get(source.node) or after.nodes[source.node])
    return patch.diff()


def _renamed_back(before: Plan, after: Plan) -> Plan:
    """The plan with modules of another class under the names of those that they replaced, which the source uses."""
    new = [name for name in after.nodes if name not in before.nodes]
    for old in [name for name in before.nodes if name not in after.nodes]:
        for name in new:
            if before.path(before.nodes[old]) is None or after.path(after.nodes[name]) is None:
                continue
            back = RenameNode(name, old).apply(after)
            one, other = before.nodes[old], back.nodes[old]
            if one.target != other.target and one.args == other.args and before.users(old) == back.users(old):
                after = back
                new.remove(name)
                break
    return after


def _source_of(plan: Plan, node: Node) -> Ref:
    refs = list(node.refs())
    if node.kind != "call" or plan.path(node) is None or len(refs) != 1 or refs[0].path:
        raise DraftError(f"{node.name!r} is no module with one input, so it has no single place; {_ADVICE}")
    return refs[0]


@dataclass(slots=True)
class _File:
    lines: list[str]
    tree: ast.Module
    edits: list[tuple[int, int, list[str]]] = field(default_factory=list)  # first line, last line, what stands there


class _Patch:
    def __init__(self, sources: Sources) -> None:
        self.sources = sources
        self.files: dict[str, _File] = {}
        self.added: dict[str, int] = {}

    def _class(self, path: str) -> tuple[str, ast.ClassDef]:
        """The file and the definition of the class of the module that holds the one at `path`."""
        owner = path.rpartition(".")[0]
        module = self.sources.module(owner) if owner else self.sources.model
        if module is None or self.sources.model is None:
            raise DraftError(f"the source of the module around {path!r} is not known; {_ADVICE}")
        kind = type(module)
        if sum(type(other) is kind for other in self.sources.model.modules()) > 1:
            raise DraftError(
                f"{path!r} is in a {kind.__name__}, of which there are several, and all would change; {_ADVICE}"
            )
        if kind.__module__.partition(".")[0] in ("torch", "torchvision"):
            raise DraftError(f"{path!r} is in a {kind.__name__}, whose source is {kind.__module__}; {_ADVICE}")
        try:
            file = inspect.getsourcefile(kind) or ""
            with open(file, encoding="utf-8") as opened:
                text = opened.read()
        except (OSError, TypeError):
            raise DraftError(f"the source of {kind.__name__} cannot be read; {_ADVICE}") from None
        if file not in self.files:
            self.files[file] = _File(text.splitlines(keepends=True), ast.parse(text))
        for node in ast.walk(self.files[file].tree):
            if isinstance(node, ast.ClassDef) and node.name == kind.__name__:
                return file, node
        raise DraftError(f"{os.path.basename(file)} defines no class {kind.__name__}; {_ADVICE}")

    def _assignment(self, path: str) -> tuple[str, ast.Assign]:
        file, definition = self._class(path)
        name = path.rpartition(".")[2]
        found = [
            node
            for node in ast.walk(definition)
            if isinstance(node, ast.Assign)
            and any(ast.unparse(target) == f"self.{name}" for target in node.targets)
            and isinstance(node.value, ast.Call)
        ]
        if len(found) != 1:
            raise DraftError(f"{os.path.basename(file)} does not assign self.{name} in one place; {_ADVICE}")
        return file, found[0]

    def change(self, path: str, known: Layer, layer: Layer) -> None:
        """Writes the call that makes a module anew."""
        file, node = self._assignment(path)
        call = node.value
        assert isinstance(call, ast.Call)
        lines = self.files[file].lines
        old = ast.get_source_segment("".join(lines), call.func) or "nn"
        made = self._call(layer)
        if known.target == layer.target:
            made = old + made[made.index("(") :]
        end = call.end_lineno or call.lineno
        # Columns count bytes.
        start = lines[call.lineno - 1].encode()[: call.col_offset].decode()
        rest = lines[end - 1].encode()[call.end_col_offset :].decode()
        self.files[file].edits.append((call.lineno, end, [f"{start}{made}{rest}"]))

    def _call(self, layer: Layer) -> str:
        constructor = Constructor(self.sources, Imports(), {})
        return constructor.written(layer)

    def insert(self, plan: Plan, node: Node, behind: Node) -> None:
        """Adds a module to `__init__` and its call behind the line that makes the value it takes."""
        path = plan.path(node)
        layer = plan.layer(node)
        assert path is not None and layer is not None
        file, definition = self._class(path)
        anchor = behind
        while anchor.source is None and any(True for _ in anchor.refs()):
            anchor = plan.nodes[next(iter(anchor.refs())).node]
        source = anchor.source
        name = assigned_name(source.file, source.line) if source is not None else ""
        if source is None or not name or os.path.abspath(source.file) != os.path.abspath(file):
            raise DraftError(f"no line of forward gives the value behind which {node.name!r} stands a name; {_ADVICE}")
        statement = _statement(definition, source.line)
        on_line = [
            n for n in plan.nodes.values() if n.source and (n.source.file, n.source.line) == (source.file, source.line)
        ]
        last = on_line[-1]
        if statement is None or last.name != anchor.name:
            raise DraftError(
                f"{anchor.name!r} is in the middle of a line of forward, which has no place for it; {_ADVICE}"
            )
        attribute = path.rpartition(".")[2]
        end = statement.end_lineno or statement.lineno
        self.files[file].edits.append(
            (end + 1, end, [f"{' ' * statement.col_offset}{name} = self.{attribute}({name})\n"])
        )
        constructor = next(
            (n for n in definition.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"), None
        )
        if constructor is None:
            raise DraftError(f"{definition.name} has no __init__ to which {attribute!r} could be added; {_ADVICE}")
        final = constructor.body[-1]
        at = final.end_lineno or final.lineno
        self.files[file].edits.append(
            (at + 1, at, [f"{' ' * final.col_offset}self.{attribute} = {self._call(layer)}\n"])
        )

    def diff(self) -> str:
        """The unified diff of all files."""
        found: list[str] = []
        for path, file in self.files.items():
            lines = list(file.lines)
            for first, last, new in sorted(file.edits, key=lambda edit: edit[0], reverse=True):
                lines[first - 1 : last] = new
            name = os.path.basename(path)
            found += difflib.unified_diff(file.lines, lines, f"a/{name}", f"b/{name}")
        return "".join(found)


def _statement(definition: ast.ClassDef, line: int) -> ast.stmt | None:
    """The assignment of a class's source that stands on a line."""
    for node in ast.walk(definition):
        if not isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign):
            continue
        if node.lineno <= line <= (node.end_lineno or node.lineno):
            return node
    return None
