"""What two nodes that stand for each other do differently, told from the graphs alone. Without torch."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from graphtools.comparing.parts import operation_word, settled
from graphtools.graph import Graph, Module, Node, Ref, Spec, Symbol, format_arg, module_path

ChangeKind = Literal["operation", "settings", "argument", "input", "outputs", "shape", "dtype", "device", "mode"]
# What a run on another device, in another precision or without gradients changes everywhere is told, but is no
# difference where values can be compared.
SOFT = frozenset({"dtype", "device", "mode"})


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is another in b: `kind` says what, `a` and `b` how it is written in each."""

    kind: ChangeKind
    a: str
    b: str
    name: str = ""

    def __str__(self) -> str:
        what = f"{self.kind} {self.name}:" if self.name else self.kind
        return f"{what} {self.a} → {self.b}"


class Changes:
    """Finds the changes between nodes of two graphs. `partners` gives for a node's name in a the one in b."""

    def __init__(self, a: Graph, b: Graph, partners: Mapping[str, str]) -> None:
        self._a = a
        self._b = b
        self._partners = partners
        self._taken = set(partners.values())
        self._types = {module.type for graph in (a, b) for module in graph.modules.values()}

    def between(self, a: Node, b: Node) -> tuple[Change, ...]:
        """What changed from `a` to `b`, the weightiest first. Spellings do not count: `x + y` is `torch.add(x, y)`."""
        found: list[Change] = []
        if a.kind == "call" and b.kind == "call":
            modules = self._modules_around(a, b)
            if modules is not None:
                if modules[0].settings != modules[1].settings:
                    found.append(Change("settings", modules[0].settings, modules[1].settings))
            elif a.target != b.target and operation_word(a.target) != operation_word(b.target):
                found.append(Change("operation", a.operation, b.operation))
        if a.target == b.target or a.kind == b.kind == "output":
            found += self._of_arguments(a, b)
        if a.outputs != b.outputs:
            found += _of_types(a, b)
        for key in {**a.state, **b.state} if a.state or b.state else ():
            if key != "edited" and a.state.get(key) != b.state.get(key):
                found.append(Change("mode", str(a.state.get(key, "default")), str(b.state.get(key, "default")), key))
        return tuple(found)

    def _modules_around(self, a: Node, b: Node) -> tuple[Module, Module] | None:
        """The modules that the nodes run in, if they are of one class and at least one node is a whole module."""
        if a.target not in self._types and b.target not in self._types:
            return None
        one, other = self._a.modules.get(module_path(a.scope)), self._b.modules.get(module_path(b.scope))
        if one is None or other is None or one.type != other.type or one.type not in (a.target, b.target):
            return None
        return one, other

    def _of_arguments(self, a: Node, b: Node) -> list[Change]:
        if len(a.args) != len(b.args) or a.kwargs.keys() != b.kwargs.keys():
            return [Change("argument", _call(a), _call(b), "list")]
        found: list[Change] = []
        for place, (one, other) in enumerate(zip(a.args, b.args, strict=True), 1):
            if type(one) is not Ref or type(other) is not Ref or not self._is_partner(one, other):
                found += self._of_argument(str(place), one, other)
        for key, one in a.kwargs.items():
            found += self._of_argument(key, one, b.kwargs[key])
        return found

    def _is_partner(self, a: Ref, b: Ref) -> bool:
        return self._partners.get(a.node) == b.node and a.path == b.path

    def _of_argument(self, name: str, a: Any, b: Any) -> Iterator[Change]:
        if isinstance(a, Ref) and isinstance(b, Ref):
            if (
                a.node in self._partners
                and b.node in self._taken
                and (self._partners[a.node], a.path) != (b.node, b.path)
            ):
                yield Change("input", str(a), str(b), name)
        elif isinstance(a, tuple) and isinstance(b, tuple) and len(a) == len(b):
            for one, other in zip(a, b, strict=True):
                yield from self._of_argument(name, one, other)
        elif isinstance(a, Mapping) and isinstance(b, Mapping) and a.keys() == b.keys():
            for key, one in a.items():
                yield from self._of_argument(f"{name}.{key}", one, b[key])
        elif isinstance(a, slice) and isinstance(b, slice):
            for one, other in ((a.start, b.start), (a.stop, b.stop), (a.step, b.step)):
                yield from self._of_argument(name, one, other)
        elif isinstance(a, Symbol) and isinstance(b, Symbol) and a.kind == b.kind:
            if a.kind in ("dtype", "device"):
                if a != b:
                    yield Change(a.kind, str(a), str(b))  # type: ignore[arg-type]
            elif re.sub(r" \d+$", "", a.text) != re.sub(r" \d+$", "", b.text):
                yield Change("argument", str(a), str(b), name)
        elif repr(a) != repr(b):  # a nan is not equal to itself
            yield Change("argument", format_arg(a), format_arg(b), name)


def _call(node: Node) -> str:
    args = [format_arg(arg) for arg in node.args] + [f"{key}={format_arg(arg)}" for key, arg in node.kwargs.items()]
    return f"({', '.join(args)})"


def _of_types(a: Node, b: Node) -> Iterator[Change]:
    if not a.outputs or not b.outputs:  # nothing is known of one of them
        return
    if len(a.outputs) != len(b.outputs):
        yield Change("outputs", str(len(a.outputs)), str(len(b.outputs)))
        return
    seen: set[str] = set()
    for one, other in zip(a.outputs, b.outputs, strict=True):
        for change in _of_specs(one.spec, other.spec):
            if change.kind not in seen:
                seen.add(change.kind)
                yield change


def _of_specs(a: Spec, b: Spec) -> Iterator[Change]:
    if settled(a.shape) != settled(b.shape):
        yield Change("shape", _shape(a), _shape(b))
    if a.dtype != b.dtype:
        yield Change("dtype", a.dtype, b.dtype)
    if a.device != b.device:
        yield Change("device", a.device, b.device)


def _shape(spec: Spec) -> str:
    return f"[{', '.join(map(str, spec.shape))}]"
