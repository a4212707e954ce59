"""The edits of a draft: small immutable values, each of which makes a new plan of one.

`edit.apply(plan)` gives the plan after it, or raises DraftError and changes nothing. Because an edit is a value it can
be shown, sent by a browser, offered as a fix, and kept in a list.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from graphtools.drafting.making import New, check_name, default_name, has_default_name, made
from graphtools.drafting.plan import OPEN, OUTPUT, Layer, Place, Plan, places, put, substitute, value_at
from graphtools.errors import DraftError, missing
from graphtools.graph import Node, Output, Ref, Spec, freeze, module_path, references, unique_name


class Edit(Protocol):
    """What makes a plan of a plan."""

    def apply(self, plan: Plan) -> Plan:
        """The plan after the edit. Raises DraftError if it does not apply."""
        ...


def _added(plan: Plan, node: Node, layer: Layer | None) -> Plan:
    for ref in node.refs():
        plan[ref.node]
    plan = plan.with_nodes(node)
    if layer is not None:
        plan = replace(plan, layers=freeze([*plan.layers.items(), (node.scope, layer)]))
    return plan


@dataclass(frozen=True, slots=True)
class Add:
    """Adds a node, connected as its arguments say, used by nobody yet, in the module path `scope`."""

    new: New
    scope: str = ""

    def apply(self, plan: Plan) -> Plan:
        return _added(plan, *made(plan, self.new, self.scope))


@dataclass(frozen=True, slots=True)
class AddInput:
    """Adds an input of the graph; `spec` is its type, with a text for a size that is left open, as the batch."""

    name: str
    spec: Spec | None = None

    def apply(self, plan: Plan) -> Plan:
        check_name(self.name)
        if self.name in plan.nodes:
            raise DraftError(f"a node is called {self.name!r} already")
        outputs = () if self.spec is None else (Output((), self.spec),)
        nodes = dict(plan.nodes)
        at = sum(node.kind == "input" for node in nodes.values())
        listed = list(nodes.items())
        listed.insert(at, (self.name, Node(self.name, "input", self.name, outputs=outputs)))
        return replace(plan, nodes=freeze(listed))


@dataclass(frozen=True, slots=True)
class SetSpec:
    """Gives an input another type."""

    name: str
    spec: Spec

    def apply(self, plan: Plan) -> Plan:
        node = plan[self.name]
        if node.kind != "input":
            raise DraftError(f"{self.name!r} is a {node.kind}; only an input's type can be set")
        return plan.with_nodes(replace(node, outputs=(Output((), self.spec),)))


@dataclass(frozen=True, slots=True)
class SetOutput:
    """Makes a value, or a nest of values, the result of the graph."""

    value: Any

    def apply(self, plan: Plan) -> Plan:
        for ref in references((self.value,)):
            if plan[ref.node].kind == "output":
                raise DraftError("the output cannot be its own value")
        return plan.with_nodes(Node(OUTPUT, "output", OUTPUT, (self.value,)))


@dataclass(frozen=True, slots=True)
class Connect:
    """Gives a value to a node as its argument at `place`, whatever was there before."""

    source: Ref
    node: str
    place: Place = (0,)

    def apply(self, plan: Plan) -> Plan:
        if plan[self.source.node].kind == "output":
            raise DraftError("the output gives no value to connect")
        node = plan[self.node]
        if node.kind not in ("call", "output"):
            raise DraftError(f"{self.node!r} is a {node.kind}, which takes nothing")
        if self.source.node == self.node:
            raise DraftError(f"{self.node!r} cannot take its own value")
        _check_place(node, self.place)
        return plan.with_nodes(put(node, self.place, self.source))


@dataclass(frozen=True, slots=True)
class Disconnect:
    """Leaves the argument at `place` open."""

    node: str
    place: Place = (0,)

    def apply(self, plan: Plan) -> Plan:
        node = plan[self.node]
        if not isinstance(value_at(node, self.place), Ref):
            raise DraftError(f"nothing is connected to {self.node!r} at {place_text(self.place)}")
        return plan.with_nodes(put(node, self.place, OPEN))


@dataclass(frozen=True, slots=True)
class InsertAfter:
    """Puts a new node behind the value `source`: it takes that value, and all who took it take its result."""

    source: Ref
    new: New

    def apply(self, plan: Plan) -> Plan:
        before = plan[self.source.node]
        if before.kind == "output":
            raise DraftError("nothing can follow the output; insert before it, on its edge")
        if not any(edge.source == self.source for edge in plan.edges()):
            used = sorted({str(e.source)[1:] for e in plan.edges() if e.source.node == self.source.node})
            if used:
                raise DraftError(
                    f"nobody takes {str(self.source)[1:]!r} whole; name one of its values: {', '.join(used)}"
                )
        node, layer = _taking(plan, self.new, self.source)
        rewired = plan.mapped(lambda ref, user: Ref(node.name) if ref == self.source else ref)
        return _placed_after(_added(rewired, node, layer), node.name, before.name)


@dataclass(frozen=True, slots=True)
class InsertOn:
    """Puts a new node on one edge: between a node's argument at `place` and where it comes from."""

    node: str
    place: Place
    new: New

    def apply(self, plan: Plan) -> Plan:
        user = plan[self.node]
        source = value_at(user, self.place)
        if not isinstance(source, Ref):
            raise DraftError(f"no edge leads to {self.node!r} at {place_text(self.place)}")
        node, layer = _taking(plan, self.new, source)
        rewired = plan.with_nodes(put(user, self.place, Ref(node.name)))
        return _placed_after(_added(rewired, node, layer), node.name, source.node)


def _taking(plan: Plan, new: New, source: Ref) -> tuple[Node, Layer | None]:
    before = plan[source.node]
    scope = before.scope
    if plan.path(before) is not None:
        scope = scope.rpartition(".")[0]
    node, layer = made(plan, new, scope)
    place = next((place for place, arg in places(node) if arg == OPEN), None)
    if place is None and any(True for _ in node.refs()):
        raise DraftError(f"{new.target} has no open argument that could take the value")
    if place is not None:
        return put(node, place, source), layer
    return replace(node, args=(source, *node.args)), layer


def _placed_after(plan: Plan, name: str, before: str) -> Plan:
    nodes = dict(plan.nodes)
    node = nodes.pop(name)
    listed: list[tuple[str, Node]] = []
    for key, value in nodes.items():
        listed.append((key, value))
        if key == before:
            listed.append((name, node))
    return replace(plan, nodes=freeze(listed))


@dataclass(frozen=True, slots=True)
class Replace:
    """Makes another call of a node: what it takes and who takes it stay. Its weights are new."""

    name: str
    new: New

    def apply(self, plan: Plan) -> Plan:
        old = plan[self.name]
        if old.kind != "call":
            raise DraftError(f"{self.name!r} is a {old.kind}; only an operation can be replaced")
        given = [ref for ref in old.refs() if plan[ref.node].kind in ("input", "call")]
        args = self.new.args or (tuple(given) if self.new.is_layer else ())
        node = replace(
            old, target=self.new.target, args=args, kwargs=self.new.kwargs, writes=(), after=(), random=False
        )
        waiting = [ref for ref in given if ref not in list(references((args, self.new.kwargs)))]
        for place, arg in list(places(node)):
            if arg == OPEN and waiting:
                node = put(node, place, waiting.pop(0))
        if not node.args and not node.kwargs and waiting:
            node = replace(node, args=tuple(waiting))
        path = plan.path(old)
        layers = dict(plan.layers)
        if self.new.is_layer and path is None:
            scope = f"{old.scope}.{self.name}" if old.scope else self.name
            node = replace(node, scope=scope)
            path = module_path(scope)
            if path in layers or path in plan.types:
                raise DraftError(f"a module is called {path!r} already; rename the node first")
        if self.new.is_layer and path is not None:
            if any(n.name != self.name and plan.path(n) == path for n in plan.nodes.values()):
                # Another call of the module stays as it is; this one gets a module of its own.
                head = f"{path.rpartition('.')[0]}." if "." in path else ""
                path = head + unique_name(self.name, {p[len(head) :] for p in (*plan.layers, *plan.types)})
                node = replace(node, scope=path)
            layers[path] = Layer(self.new.target, self.new.settings, self.new.origin)
        elif path is not None:
            node = replace(node, scope=old.scope.rpartition(".")[0])
        changed = replace(plan.with_nodes(node), layers=freeze(layers.items()))
        changed = without_unused_layers(changed)
        name = self.new.name
        was_called = module_path(old.scope).rpartition(".")[2]
        is_default = plan.path(old) is not None and has_default_name(self.name, old.target)
        if not name and is_default and self.name == was_called and not has_default_name(self.name, self.new.target):
            name = self._free_name(changed)
        return RenameNode(self.name, name).apply(changed) if name else changed

    def _free_name(self, plan: Plan) -> str:
        """What a new node of this kind would be called where this one stands: a GELU is not to be called `relu`."""
        head = module_path(plan.nodes[self.name].scope).rpartition(".")[0] if self.new.is_layer else ""
        head = f"{head}." if head else ""
        beside = {path[len(head) :].partition(".")[0] for path in (*plan.layers, *plan.types) if path.startswith(head)}
        return default_name(self.new, {*plan.nodes, *beside})


def without_unused_layers(plan: Plan) -> Plan:
    """The plan without modules that no node calls any more."""
    used = {plan.path(node) for node in plan.nodes.values()}
    kept = {path: layer for path, layer in plan.layers.items() if path in used}
    return plan if len(kept) == len(plan.layers) else replace(plan, layers=freeze(kept.items()))


@dataclass(frozen=True, slots=True)
class Remove:
    """Removes nodes. Where one of them had a single value coming in, those who took its result take that value: a
    chain heals. Elsewhere their arguments are left open."""

    names: tuple[str, ...]

    def apply(self, plan: Plan) -> Plan:
        for name in self.names:
            plan = self._without(plan, name)
        return without_unused_layers(plan)

    def _without(self, plan: Plan, name: str) -> Plan:
        node = plan[name]
        if node.kind == "output":
            raise DraftError("the output cannot be removed; connect another value to it")
        taken = (ref for ref in node.refs() if ref.node != name and plan[ref.node].kind in ("input", "call"))
        given = list(dict.fromkeys(taken))
        heal: Any = given[0] if len(given) == 1 and node.kind == "call" else OPEN
        nodes = {key: value for key, value in plan.nodes.items() if key != name}
        modes = {key: mode for key, mode in plan.modes.items() if key != name}
        rest = replace(plan, nodes=freeze(nodes.items()), modes=freeze(modes.items()))

        def healing(ref: Ref, user: str) -> Any:
            if ref.node != name:
                return ref
            is_loop = isinstance(heal, Ref) and heal.node == user
            return OPEN if ref.path or is_loop else heal

        healed = rest.mapped(healing)
        cleaned = {
            key: replace(
                value,
                writes=tuple(n for n in value.writes if n != name),
                after=tuple(n for n in value.after if n != name),
            )
            if name in value.writes or name in value.after
            else value
            for key, value in healed.nodes.items()
        }
        return replace(healed, nodes=freeze(cleaned.items()))


@dataclass(frozen=True, slots=True)
class RenameNode:
    """Gives a node another name, and the module that it calls, if it is the only one to call it."""

    name: str
    new_name: str

    def apply(self, plan: Plan) -> Plan:
        node = plan[self.name]
        check_name(self.new_name)
        if self.new_name == self.name:
            return plan
        if self.new_name in plan.nodes:
            raise DraftError(f"a node is called {self.new_name!r} already")
        if node.kind == "output":
            raise DraftError("the output keeps its name")
        if node.is_state:
            raise DraftError(f"{self.name!r} is a {node.kind}, which keeps the name under which its value is known")
        renamed = replace(node, name=self.new_name, target=self.new_name if node.kind == "input" else node.target)
        path = plan.path(node)
        layers = plan.layers
        if path is not None and sum(plan.path(n) == path for n in plan.nodes.values()) == 1:
            head = path.rpartition(".")[0]
            new_path = f"{head}.{self.new_name}" if head else self.new_name
            if not path.rpartition(".")[2].isdigit():
                if new_path in layers or new_path in plan.types:
                    raise DraftError(f"a module is called {new_path!r} already")
                renamed = replace(renamed, scope=new_path)
                layers = freeze((new_path if key == path else key, layer) for key, layer in layers.items())
        nodes = freeze((self.new_name, renamed) if key == self.name else (key, n) for key, n in plan.nodes.items())
        modes = freeze((self.new_name if key == self.name else key, mode) for key, mode in plan.modes.items())
        positions = freeze((self.new_name if key == self.name else key, at) for key, at in plan.positions.items())
        changed = replace(plan, nodes=nodes, modes=modes, layers=layers, positions=positions).with_paths_of(plan)
        return changed.mapped(lambda ref, user: Ref(self.new_name, ref.path) if ref.node == self.name else ref)


@dataclass(frozen=True, slots=True)
class Set:
    """Sets arguments of a module's constructor, or literal arguments of a call, by name or by position."""

    name: str
    values: Mapping[str | int, Any]

    def apply(self, plan: Plan) -> Plan:
        node = plan[self.name]
        if node.kind != "call":
            raise DraftError(f"{self.name!r} is a {node.kind}, which has no parameters to set")
        path = plan.path(node)
        if path is not None:
            layer = plan.layers[path]
            if layer.settings is None:
                raise DraftError(f"the settings of {layer.class_name} {path!r} are not known, so none can be set")
            settings = {**layer.settings, **{str(key): value for key, value in self.values.items()}}
            changed = replace(layer, settings=freeze(settings.items()))
            return replace(plan, layers=freeze((k, changed if k == path else v) for k, v in plan.layers.items()))
        for key, value in self.values.items():
            if isinstance(key, int):
                _check_place(node, (key,))
            if isinstance(value_at(node, (key,)), Ref):
                raise DraftError(f"{key!r} of {self.name!r} is connected; disconnect it first")
            node = put(node, (key,), value)
        return plan.with_nodes(node)


@dataclass(frozen=True, slots=True)
class SetMode:
    """Bypasses nodes (their first value passes through), disables them (nor does what depends on them run), or
    switches them on again with None."""

    names: tuple[str, ...]
    mode: Any = None

    def apply(self, plan: Plan) -> Plan:
        modes = dict(plan.modes)
        for name in self.names:
            if plan[name].kind != "call":
                raise DraftError(f"{name!r} is a {plan[name].kind}; only an operation can be switched off")
            if self.mode is None:
                modes.pop(name, None)
            elif self.mode in ("bypassed", "disabled"):
                modes[name] = self.mode
            else:
                raise DraftError(f"no mode {self.mode!r}; the modes are 'bypassed', 'disabled' and None")
        return replace(plan, modes=freeze(modes.items()))


@dataclass(frozen=True, slots=True)
class Move:
    """Puts nodes and modules at places in the drawing; see Plan.positions. Changes nothing of the graph."""

    positions: Mapping[str, tuple[float, float]]

    def apply(self, plan: Plan) -> Plan:
        return replace(plan, positions=freeze({**plan.positions, **self.positions}.items()))


@dataclass(frozen=True, slots=True)
class Together:
    """Several edits as one step of undo."""

    edits: tuple[Edit, ...]
    label: str = ""

    def apply(self, plan: Plan) -> Plan:
        for edit in self.edits:
            plan = edit.apply(plan)
        return plan


def place_text(place: Place) -> str:
    """A place in words: `argument 1`, `'other'`."""
    head, *rest = place
    text = f"argument {head + 1}" if isinstance(head, int) else repr(head)
    return text + "".join(f"[{key}]" for key in rest)


def _check_place(node: Node, place: Place) -> None:
    if not place or len(place) > 8:
        raise DraftError("a place has at least one word: (0,) is the first argument, ('other',) that of a name")
    head = place[0]
    if isinstance(head, int) and not 0 <= head <= len(node.args):
        raise DraftError(f"{node.name!r} has {len(node.args)} arguments by place; {head} is past the next")
    if isinstance(head, str) and node.kind == "output":
        raise DraftError("the output takes one value, at place 0")
    if node.kind == "output" and head != 0:
        raise DraftError("the output takes one value, at place 0; a tuple of values is one")
    found: Any = (
        node.args[head] if isinstance(head, int) and head < len(node.args) else node.kwargs.get(str(head), OPEN)
    )
    for key in place[1:]:
        if isinstance(found, tuple):
            if not isinstance(key, int) or not 0 <= key <= len(found):
                raise DraftError(f"{node.name!r} has no {place_text(place)}")
            found = found[key] if key < len(found) else OPEN
        elif isinstance(found, Mapping):
            found = next((item for k, item in found.items() if str(k) == str(key)), OPEN)
        elif isinstance(found, slice):
            if key not in ("start", "stop", "step"):
                raise DraftError(f"{node.name!r} has no {place_text(place)}")
            found = getattr(found, str(key))
        elif key != 0:
            raise DraftError(f"{node.name!r} has no {place_text(place)}")
        else:
            found = OPEN


def known(plan: Plan, names: tuple[str, ...]) -> None:
    """Raises MissingError for the first name that is no node's."""
    for name in names:
        if name not in plan.nodes:
            raise missing("node", name, plan.nodes)


__all__ = [
    "Add", "AddInput", "Connect", "Disconnect", "Edit", "InsertAfter", "InsertOn", "New", "Remove", "RenameNode",
    "Replace", "Set", "SetMode", "SetOutput", "SetSpec", "Together", "substitute",
]  # fmt: skip
