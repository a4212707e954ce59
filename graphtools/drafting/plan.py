"""What a draft holds at one moment: an immutable plan of a graph, which need not be complete or even correct.

A plan has the words of a Graph and fewer rules: an argument may be open, a node may refer to a later one, shapes need
not fit. It knows modules by what they are made of (class and settings), not as objects, so it is data: it can be
compared, kept in a list for undo, and written as JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, Literal

from graphtools.errors import missing
from graphtools.graph import ListArg, Node, Ref, Symbol, freeze, module_path, references

Mode = Literal["bypassed", "disabled"]
Place = tuple[int | str, ...]  # where an argument stands: (0,), ("other",), (0, 1) inside a list
Tie = tuple[str, ...]  # names of parameters or buffers that are one tensor: ("tok.weight", "head.weight")

OPEN = Symbol("open", "")  # an argument that is still to be connected
OUTPUT = "output"

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Layer:
    """A module by its class and the arguments of its constructor.

    `origin` is its path in the model that the draft was opened from ("" for a new one): its weights come from there
    as long as their shapes fit. `settings` is None for a module whose constructor arguments cannot be read back; it
    can only be used as the object that it is.
    """

    target: str
    settings: Mapping[str, Any] | None = field(default_factory=lambda: _NOTHING)
    origin: str = ""

    @property
    def class_name(self) -> str:
        """The class without its package."""
        return self.target.rsplit(".", 1)[-1]


@dataclass(frozen=True, slots=True)
class Edge:
    """A value on its way: `source` is taken by the node called `node` as its argument at `place`."""

    source: Ref
    node: str
    place: Place

    def __str__(self) -> str:
        return f"{self.source} → {self.node}"


@dataclass(frozen=True)
class Plan:
    """Nodes by name in the order of their run, the modules they call by path, and what is switched off.

    A node of kind "call" whose module path (its scope without call numbers) is in `layers` calls that module; others
    call the function `target`. Outputs are given for inputs, parameters, buffers and constants only: all else follows.
    `types` names the classes of the modules around (`layer1.0`: `torchvision.models.resnet.BasicBlock`). `positions`
    are the places in a drawing that a person chose, x and y in pixels of the middle of the upper side, by the name of a
    node or by the path of a module and "/". `source` is the target, as for `graphtools.loading.load`, of the model that
    it was opened from, if that is known. `ties` are tensors that several modules share, by their names in that model;
    one that a plan no longer has does not count, nor one that has another shape by now (see `tying`).
    """

    nodes: Mapping[str, Node] = field(default_factory=lambda: _NOTHING)
    layers: Mapping[str, Layer] = field(default_factory=lambda: _NOTHING)
    modes: Mapping[str, Mode] = field(default_factory=lambda: _NOTHING)
    types: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    model: str = "Net"
    notes: tuple[str, ...] = ()
    positions: Mapping[str, tuple[float, float]] = field(default_factory=lambda: _NOTHING)
    source: str = ""
    ties: tuple[Tie, ...] = ()

    def __getitem__(self, name: str) -> Node:
        """The node of that name; MissingError with near misses if there is none."""
        node = self.nodes.get(name)
        if node is None:
            raise missing("node", name, self.nodes)
        return node

    def path(self, node: Node) -> str | None:
        """The path of the module that a node calls; None if it calls a function."""
        if node.kind != "call":
            return None
        path = module_path(node.scope)
        layer = self.layers.get(path)
        return path if layer is not None and layer.target == node.target else None

    def owner(self, node: Node) -> str | None:
        """The path of the module of a layer whose own tensor a parameter or buffer is; None if it is of none."""
        if node.kind not in ("parameter", "buffer"):
            return None
        path = node.target
        while path and path not in self.layers:
            path = path.rpartition(".")[0]
        return path or None

    def with_paths_of(self, before: Plan) -> Plan:
        """The plan, an edit after `before` that has moved layers, with their own tensors at the new paths."""
        moved = {old: new for old, new in zip(before.layers, self.layers, strict=True) if old != new}
        nodes = {}
        for name, node in self.nodes.items():
            path = before.owner(node) if moved else None
            if path in moved:
                node = replace(node, target=moved[path] + node.target[len(path) :])
            nodes[name] = node
        return replace(self, nodes=freeze(nodes.items())) if moved else self

    def layer(self, node: Node) -> Layer | None:
        """The module that a node calls; None if it calls a function."""
        path = self.path(node)
        return None if path is None else self.layers[path]

    def edges(self) -> Iterator[Edge]:
        """Every reference in every argument, node by node."""
        for node in self.nodes.values():
            for place, ref in places(node):
                if isinstance(ref, Ref):
                    yield Edge(ref, node.name, place)

    def users(self, name: str) -> tuple[str, ...]:
        """The names of the nodes that take the value of `name`, in order."""
        return tuple(node.name for node in self.nodes.values() if any(ref.node == name for ref in node.refs()))

    def with_nodes(self, *changed: Node) -> Plan:
        """This plan with nodes changed or added; a new one comes last, but before the output."""
        nodes = dict(self.nodes)
        new = [node for node in changed if node.name not in nodes]
        nodes.update((node.name, node) for node in changed)
        if new and OUTPUT in nodes and new[-1].name != OUTPUT:
            nodes[OUTPUT] = nodes.pop(OUTPUT)
        return replace(self, nodes=freeze(nodes.items()))

    def mapped(self, change: Callable[[Ref, str], Any]) -> Plan:
        """This plan with each reference replaced by what `change(ref, name of the node that holds it)` gives."""
        nodes = {}
        for name, node in self.nodes.items():
            new = with_args(node, lambda ref, name=name: change(ref, name))  # type: ignore[misc]
            nodes[name] = new
        return replace(self, nodes=freeze(nodes.items()))

    def order(self) -> tuple[tuple[Node, ...], frozenset[str]]:
        """The nodes, inputs first and each after those it refers to, as near to their own order as can be; and the
        names of those that cannot be put so, because they depend on themselves. Found once."""
        return self._order

    @cached_property
    def _order(self) -> tuple[tuple[Node, ...], frozenset[str]]:
        waiting = {
            name: {ref.node for ref in node.refs() if ref.node in self.nodes}
            | {n for n in node.after if n in self.nodes}
            for name, node in self.nodes.items()
        }
        done: dict[str, Node] = {}
        queue = [n for n in self.nodes.values() if n.kind == "input"]
        queue += [n for n in self.nodes.values() if n.kind not in ("input", "output")]
        queue += [n for n in self.nodes.values() if n.kind == "output"]
        while queue:
            rest = []
            for node in queue:
                if waiting[node.name] <= done.keys():
                    done[node.name] = node
                else:
                    rest.append(node)
            if len(rest) == len(queue):
                return tuple(done.values()), frozenset(node.name for node in rest)
            queue = rest
        return tuple(done.values()), frozenset()

    def needed(self) -> frozenset[str]:
        """The names of the inputs, of the output, and of all on which it depends; what writes into a value that is
        needed is needed too. Without what depends on itself. Found once."""
        return self._needed

    @cached_property
    def _needed(self) -> frozenset[str]:
        found: set[str] = set()
        for node in reversed(self._order[0]):
            if node.kind in ("input", "output") or node.name in found or not found.isdisjoint(node.writes):
                found.add(node.name)
                found.update(ref.node for ref in node.refs())
                found.update(node.after)
        return frozenset(found)


def places(node: Node) -> Iterator[tuple[Place, Any]]:
    """The references and open arguments of a node with their places, left to right."""
    for index, arg in enumerate(node.args):
        yield from _places(arg, (index,))
    for key, arg in node.kwargs.items():
        yield from _places(arg, (key,))


def _places(arg: Any, place: Place) -> Iterator[tuple[Place, Any]]:
    if isinstance(arg, Ref) or arg == OPEN:
        yield place, arg
    elif isinstance(arg, tuple):
        for index, item in enumerate(arg):
            yield from _places(item, (*place, index))
    elif isinstance(arg, Mapping):
        for key, item in arg.items():
            yield from _places(item, (*place, str(key)))
    elif isinstance(arg, slice):
        for key in ("start", "stop", "step"):
            yield from _places(getattr(arg, key), (*place, key))


def substitute(arg: Any, change: Callable[[Ref], Any]) -> Any:
    """The argument with each reference replaced."""
    if isinstance(arg, Ref):
        return change(arg)
    if isinstance(arg, ListArg):
        return ListArg(substitute(item, change) for item in arg)
    if isinstance(arg, tuple):
        return tuple(substitute(item, change) for item in arg)
    if isinstance(arg, Mapping):
        return freeze((key, substitute(item, change)) for key, item in arg.items())
    if isinstance(arg, slice):
        return slice(*(substitute(item, change) for item in (arg.start, arg.stop, arg.step)))
    return arg


def with_args(node: Node, change: Callable[[Ref], Any]) -> Node:
    """The node with each reference replaced; what it overwrites in place follows."""
    args = substitute(node.args, change)
    kwargs = substitute(node.kwargs, change)
    if args == node.args and kwargs == node.kwargs:
        return node

    def follow(names: tuple[str, ...]) -> tuple[str, ...]:
        taken = {ref.node for ref in node.refs()}
        changed = (change(Ref(name)) if name in taken else Ref(name) for name in names)
        return tuple(dict.fromkeys(ref.node for ref in changed if isinstance(ref, Ref)))

    return replace(node, args=args, kwargs=kwargs, writes=follow(node.writes), after=follow(node.after))


def value_at(node: Node, place: Place) -> Any:
    """The argument at a place; OPEN where there is none yet."""
    found: Any = node.args if place and isinstance(place[0], int) else node.kwargs
    for key in place:
        if isinstance(found, slice):
            found = getattr(found, str(key))
        elif isinstance(found, Mapping):
            found = next((item for k, item in found.items() if str(k) == str(key)), OPEN)
        elif isinstance(found, tuple) and isinstance(key, int) and 0 <= key < len(found):
            found = found[key]
        else:
            return OPEN
    return found


def put(node: Node, place: Place, value: Any) -> Node:
    """The node with the argument at `place` replaced; a place just past the end of arguments or a list adds one."""
    head, *rest = place
    if isinstance(head, int):
        args = list(node.args)
        args += [OPEN] * (head + 1 - len(args))
        args[head] = _put(args[head], rest, value)
        changed = replace(node, args=tuple(args))
    else:
        kwargs = dict(node.kwargs)
        kwargs[head] = _put(kwargs.get(head, OPEN), rest, value)
        changed = replace(node, kwargs=freeze(kwargs.items()))
    held = {ref.node for ref in references((changed.args, changed.kwargs))}
    writes = tuple(name for name in node.writes if name in held)
    if len(writes) < len(node.writes) and isinstance(value, Ref):
        writes = (*writes, value.node)
    return replace(changed, writes=writes)


def _put(arg: Any, rest: list[int | str], value: Any) -> Any:
    if not rest:
        return value
    key, *deeper = rest
    if isinstance(arg, slice):
        parts = {name: getattr(arg, name) for name in ("start", "stop", "step")}
        parts[str(key)] = _put(parts[str(key)], deeper, value)
        return slice(*parts.values())
    if isinstance(arg, Mapping):
        return freeze((k, _put(item, deeper, value) if str(k) == str(key) else item) for k, item in arg.items())
    kind = type(arg) if isinstance(arg, tuple) else ListArg
    items = list(arg) if isinstance(arg, tuple) else ([] if arg == OPEN else [arg])
    index = int(key)
    items += [OPEN] * (index + 1 - len(items))
    items[index] = _put(items[index], deeper, value)
    return kind(items)


def names_in(scope: str, nodes: Iterable[Node]) -> tuple[str, ...]:
    """Names of the nodes called in a scope or below it."""
    return tuple(node.name for node in nodes if node.scope == scope or node.scope.startswith(scope + "."))
