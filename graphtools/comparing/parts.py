"""A graph as an ordered tree of scopes, with keys that tell which parts of two graphs are alike. Without torch.

The parts of a scope are its operations and the scopes called in it, in the order they ran. A scope that is left and
entered again (a second training step, a module called by reference) is a part each time, so that any alignment of
trees keeps the order of operations.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

from graphtools.graph import Graph, Module, Node, Ref, State, format_arg, module_path
from graphtools.kinds import category

STATES = ("input", "parameter", "buffer", "constant")
CONTAINERS = frozenset({"torch.nn.Sequential", "torch.nn.ModuleList", "torch.nn.ModuleDict"})
_LEAST = 4.0  # score of scopes that are too unlike to stand for each other


@lru_cache(maxsize=65536)
def operation_word(target: str) -> str:
    """The operation however it is spelled: `conv2d` for `torch.nn.functional.conv2d`, `torch.nn.Conv2d`, `conv2d_`."""
    return target.rsplit(".", 1)[-1].strip("_").lower().replace("_", "")


def settled(shape: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """The shape with "?" for each symbolic size, whose name is another in every run."""
    return tuple([size if isinstance(size, int) else "?" for size in shape])


class Interner:
    """Small numbers for keys, the same for equal keys, shared by the two graphs that are compared."""

    def __init__(self) -> None:
        self._numbers: dict[Any, int] = {}

    def __call__(self, key: Any) -> int:
        return self._numbers.setdefault(key, len(self._numbers))


@dataclass(slots=True)
class Operation:
    """An operation in the tree. `index` is its place among the graph's operations, `states` the names it takes."""

    index: int
    node: Node
    word: str
    states: tuple[str, ...]
    strict: int
    loose: int
    exact: int
    n_operations: int = 1

    @property
    def label(self) -> int:
        """What a person would call it."""
        return self.loose

    @property
    def only(self) -> Operation | None:
        """Itself: the operation that this part is nothing more than."""
        return self


@dataclass
class Scope:
    """A scope in the tree; `name` is relative to the scope around it. The keys are known once it is complete."""

    path: str
    name: str
    type: str
    settings: str
    parts: list[Operation | Scope] = field(default_factory=list)
    strict: int = -1  # class, settings and all that runs in it, but no names
    loose: int = -1  # the operations in it
    exact: int = -1  # strict, with the names
    label: int = -1  # name and class
    n_operations: int = 0

    @property
    def only(self) -> Operation | None:
        """The one operation in it; None if there are more."""
        part: Operation | Scope = self
        while isinstance(part, Scope):
            if len(part.parts) != 1:
                return None
            part = part.parts[0]
        return part

    @property
    def last(self) -> Operation:
        """The operation that ran last in it."""
        part: Operation | Scope = self
        while isinstance(part, Scope):
            part = part.parts[-1]
        return part

    @property
    def child(self) -> Scope | None:
        """The scope inside it that all of it is in; None if there is none."""
        part = self.parts[0] if len(self.parts) == 1 else None
        return part if isinstance(part, Scope) else None

    @cached_property
    def scopes(self) -> list[Scope]:
        """Those of its parts that are scopes."""
        return [part for part in self.parts if isinstance(part, Scope)]

    @cached_property
    def words(self) -> Counter[str]:
        """How often each operation runs in it."""
        found: Counter[str] = Counter()
        stack: list[Operation | Scope] = [self]
        while stack:
            part = stack.pop()
            if isinstance(part, Scope):
                stack += part.parts
            else:
                found[part.word] += 1
        return found


def overlap(a: Scope | None, b: Scope | None) -> float:
    """The share of the operations of either that run in both, 0 to 1."""
    if a is None or b is None:
        return 0.0
    return (a.words & b.words).total() / max(1, (a.words | b.words).total())


class Tree:
    """The tree of one graph; `operations` are its leaves in order, `root` is the scope "" ."""

    def __init__(self, graph: Graph, intern: Interner) -> None:
        self.graph = graph
        self._intern = intern
        self._states = {node.name: node for node in graph.nodes if node.kind in STATES}
        self._said: dict[str, str] = {}  # the types of the states, as text
        self.operations: list[Operation] = []
        self.root = self._scope("", "")
        open_scopes = [self.root]
        for node in graph.operations:
            if node.scope != open_scopes[-1].path:
                self._move(open_scopes, node.scope)
            operation = self._operation(node)
            self.operations.append(operation)
            open_scopes[-1].parts.append(operation)
        while open_scopes:
            self._close(open_scopes.pop())

    def _move(self, open_scopes: list[Scope], scope: str) -> None:
        """Closes and opens scopes until `scope` is the innermost."""
        while open_scopes[-1].path and not (scope + ".").startswith(open_scopes[-1].path + "."):
            self._close(open_scopes.pop())
        inner = open_scopes[-1].path
        for name in scope[len(inner) + 1 if inner else 0 :].split(".") if scope != inner else ():
            inner = f"{inner}.{name}" if inner else name
            opened = self._scope(inner, name)
            open_scopes[-1].parts.append(opened)
            open_scopes.append(opened)

    def _scope(self, path: str, name: str) -> Scope:
        module = self.graph.modules.get(module_path(path))
        return Scope(path, name, module.type if module else "", module.settings if module else "")

    def _close(self, scope: Scope) -> None:
        scope.strict = self._intern((scope.type, scope.settings, *[part.strict for part in scope.parts]))
        scope.loose = self._intern(("scope", *[part.loose for part in scope.parts]))
        scope.exact = self._intern((scope.name, scope.strict, *[part.exact for part in scope.parts]))
        scope.label = self._intern((scope.name, scope.type))
        scope.n_operations = sum(part.n_operations for part in scope.parts)

    def _operation(self, node: Node) -> Operation:
        word = operation_word(node.target)
        states: list[str] = []
        signature: list[Any] = [node.target]
        for arg in node.args:
            signature.append(self._sign(arg, states))
        for key, arg in node.kwargs.items():
            signature += (key, self._sign(arg, states))
        strict = self._intern(tuple(signature))
        exact = self._intern((strict, *states)) if states else strict
        return Operation(len(self.operations), node, word, tuple(states), strict, self._intern(word), exact)

    def _sign(self, arg: Any, states: list[str]) -> Any:
        """What of an argument is the same in a run on other data: a literal, the type of a parameter."""
        kind = type(arg)
        if kind is int or kind is str or arg is None:
            return arg
        if kind is Ref:
            state = self._states.get(arg.node)
            if state is None or state.kind == "input":
                return "%"
            states.append(state.target)
            said = self._said.get(arg.node)
            if said is None:
                said = self._said[arg.node] = f"%{settled(state.spec.shape)}" if state.spec else "%"
            return said
        if isinstance(arg, tuple) and not any(isinstance(item, tuple | Mapping | slice) for item in arg):
            return tuple([self._sign(item, states) for item in arg])
        if isinstance(arg, tuple | Mapping | slice):
            return format_arg(arg) if not _has_refs(arg) else "(%)"
        return repr(arg)


def _has_refs(arg: Any) -> bool:
    if isinstance(arg, Mapping):
        return any(map(_has_refs, arg.values()))
    if isinstance(arg, slice):
        return any(map(_has_refs, (arg.start, arg.stop, arg.step)))
    return isinstance(arg, Ref) or (isinstance(arg, tuple) and any(map(_has_refs, arg)))


class Likeness:
    """Says how well two parts go together, the more operations the more. Higher is better, 0 is not at all."""

    def __init__(self, a: Graph, b: Graph) -> None:
        self._a = a.modules
        self._b = b.modules
        self._below = [_by_parent(graph.modules) for graph in (a, b)]
        self._same: dict[tuple[str, str], bool] = {}

    def __call__(self, a: Operation | Scope, b: Operation | Scope) -> float:
        if isinstance(a, Scope) and isinstance(b, Scope):
            return self._of_scopes(a, b) * min(a.n_operations, b.n_operations)
        one, other = a.only, b.only
        return self._of_operations(one, other) if one is not None and other is not None else 0.0

    def _of_scopes(self, a: Scope, b: Scope) -> float:
        path_a, path_b = module_path(a.path), module_path(b.path)
        last_a, last_b = path_a.rpartition("."), path_b.rpartition(".")
        is_same_name = last_a[2] == last_b[2]
        if not is_same_name and self.are_named_alike(last_a[0], last_b[0]):
            return 0.0
        bonus = 4.0 if a.name == b.name else 2.0 if is_same_name else 0.0
        if a.strict == b.strict:
            return 40.0 + bonus
        found = 12.0 * overlap(a, b) + (4.0 if a.loose == b.loose else 0.0) + bonus
        if a.type and a.type == b.type:
            found += 2.0 if a.type in CONTAINERS else 4.0
        return found if found >= _LEAST else 0.0

    def _of_operations(self, a: Operation, b: Operation) -> float:
        bonus = 0.0
        if a.states and b.states:
            if a.states == b.states:
                bonus = 4.0
            else:
                path_a, path_b = (module_path(part.node.scope) for part in (a, b))
                if path_a == path_b and self.are_named_alike(path_a, path_b):
                    return 0.0  # the same model used another of its parameters
        if a.strict == b.strict:
            return 40.0 + bonus
        if a.node.target == b.node.target:
            return 12.0 + bonus
        if a.word == b.word:
            return 10.0 + bonus
        kind = category(a.node.target)
        if kind == "other" or kind != category(b.node.target):
            return bonus
        return bonus if kind == "arithmetic" and len(a.node.args) != len(b.node.args) else 2.0 + bonus

    def are_named_alike(self, a: str, b: str) -> bool:
        """True if the modules `a` and `b` have children of the same names, classes, settings and parameters: then a
        name means the same in both, and a child stands for no other than its namesake."""
        known = self._same.get((a, b))
        if known is None:
            below = [self._below[0].get(a, {}), self._below[1].get(b, {})]
            own = [_states(modules.get(path)) for modules, path in ((self._a, a), (self._b, b))]
            known = self._same[a, b] = bool(below[0] or own[0]) and below[0] == below[1] and own[0] == own[1]
        return known

    def is_taken(self, a: str, b: str) -> bool:
        """True if module `a` has a namesake of its class in b's graph, or `b` in a's, that is not the other one."""
        if a == b:
            return False
        for path in (a, b):
            one, other = self._a.get(path), self._b.get(path)
            if one is not None and other is not None and one.type == other.type:
                return True
        return False

    def are_akin(self, a: Operation, b: Operation) -> bool:
        """True if both run in one scope or in modules of one class, or take parameters of equal shapes alike."""
        if a.node.scope == b.node.scope:
            return True
        types = [modules.get(module_path(part.node.scope)) for modules, part in ((self._a, a), (self._b, b))]
        if types[0] is not None and types[1] is not None and types[0].type == types[1].type:
            return True
        return bool(a.states) and a.strict == b.strict


def _by_parent(modules: Mapping[str, Module]) -> dict[str, dict[str, tuple[Any, ...]]]:
    found: dict[str, dict[str, tuple[Any, ...]]] = {}
    for path, module in modules.items():
        if path:
            parent, _, name = path.rpartition(".")
            found.setdefault(parent, {})[name] = (module.type, module.settings)
    return found


def _states(module: Module | None) -> tuple[tuple[str, tuple[int | str, ...]], ...]:
    states: tuple[State, ...] = module.states if module is not None else ()
    return tuple((state.name, settled(state.spec.shape)) for state in states)
