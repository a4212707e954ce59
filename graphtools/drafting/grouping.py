"""Groups: nodes drawn together into a module of their own, copied with everything inside, and taken apart again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from graphtools.drafting.edits import known
from graphtools.drafting.making import check_name
from graphtools.drafting.plan import OPEN, Layer, Plan, substitute
from graphtools.errors import DraftError, missing
from graphtools.graph import Node, Ref, freeze, module_path, unique_name


@dataclass(frozen=True, slots=True)
class Group:
    """Moves nodes into a new module called `name`, inside the module that holds them all."""

    names: tuple[str, ...]
    name: str

    def apply(self, plan: Plan) -> Plan:
        known(plan, self.names)
        check_name(self.name)
        chosen = [plan.nodes[name] for name in self.names]
        if not chosen or any(node.kind != "call" for node in chosen):
            raise DraftError("a group is made of operations; inputs, parameters and the output stay outside")
        home = _common([_home(plan, node) for node in chosen])
        scope = f"{home}.{self.name}" if home else self.name
        if scope in plan.types or scope in plan.layers or any(p.startswith(scope + ".") for p in plan.layers):
            raise DraftError(f"a module is called {scope!r} already")
        _check_closed(plan, set(self.names))
        head = f"{home}." if home else ""
        moved_paths = {plan.path(node) for node in chosen} - {None}
        for node in plan.nodes.values():
            if node.name in self.names:
                continue
            if plan.path(node) in moved_paths:
                raise DraftError(f"{node.name!r} calls the module {plan.path(node)!r} too; take it into the group")
            for chosen_node in chosen:
                inner = _home(plan, chosen_node)
                if inner != home and (_home(plan, node) + ".").startswith(inner + "."):
                    raise DraftError(f"{node.name!r} is in {inner!r} too; take the whole of it into the group")
        nodes = {}
        for name, node in plan.nodes.items():
            inside = name in self.names
            nodes[name] = replace(node, scope=f"{scope}.{node.scope[len(head) :]}".rstrip(".")) if inside else node
        scopes = {_home(plan, node) for node in chosen if _home(plan, node) != home}

        def moved(path: str) -> str:
            is_inside = path in moved_paths or any((path + ".").startswith(s + ".") for s in scopes)
            return f"{scope}.{path[len(head) :]}" if is_inside else path

        layers = freeze((moved(path), layer) for path, layer in plan.layers.items())
        types = {moved(path): kind for path, kind in plan.types.items()}
        types[scope] = _class_of(self.name)
        changed = replace(plan, nodes=freeze(nodes.items()), layers=layers, types=freeze(types.items()))
        return changed.with_paths_of(plan)


@dataclass(frozen=True, slots=True)
class Ungroup:
    """Takes the module at `scope` apart: what is in it moves to the module around it."""

    scope: str

    def apply(self, plan: Plan) -> Plan:
        inside = [node for node in plan.nodes.values() if (node.scope + ".").startswith(self.scope + ".")]
        if not inside or self.scope in plan.layers:
            groups = {node.scope.rpartition(".")[0] for node in plan.nodes.values()} | {*plan.types} - {""}
            raise missing("group", self.scope, groups)
        depth = self.scope.count(".") + 1
        calls = [n.scope.split(".")[:depth] for n in plan.nodes.values()]
        if any("#" in ".".join(words) and module_path(".".join(words)) == self.scope for words in calls):
            raise DraftError(
                f"{self.scope!r} is called more than once; a module with several calls cannot be taken apart"
            )
        home = self.scope.rpartition(".")[0]
        head = f"{home}." if home else ""
        taken = {path for path in (*plan.layers, *plan.types) if not (path + ".").startswith(self.scope + ".")}
        new_names: dict[str, str] = {}

        def moved(path: str) -> str:
            if path == self.scope:
                return home
            word, dot, deeper = path[len(self.scope) + 1 :].partition(".")
            first, _, call = word.partition("#")
            if first not in new_names:
                siblings = {p[len(head) :].partition(".")[0] for p in taken if p.startswith(head)}
                siblings |= {*new_names.values()}
                wanted = f"{self.scope.rpartition('.')[2]}_{first}" if first.isdigit() else first
                new_names[first] = unique_name(wanted, siblings)
            return f"{head}{new_names[first]}{'#' + call if call else ''}{dot}{deeper}"

        def is_inside(path: str) -> bool:
            return (path + ".").startswith(self.scope + ".")

        nodes = freeze(
            (name, replace(node, scope=moved(node.scope)) if is_inside(node.scope) and node.kind == "call" else node)
            for name, node in plan.nodes.items()
        )
        layers = freeze((moved(path) if is_inside(path) else path, layer) for path, layer in plan.layers.items())
        types = freeze(
            (moved(path) if is_inside(path) else path, kind) for path, kind in plan.types.items() if path != self.scope
        )
        return replace(plan, nodes=nodes, layers=layers, types=types).with_paths_of(plan)


@dataclass(frozen=True, slots=True)
class RenameGroup:
    """Gives the module at `scope` another name; what is in it keeps its own. A class that was called after the module
    is called after it again."""

    scope: str
    name: str

    def apply(self, plan: Plan) -> Plan:
        check_name(self.name)
        head, _, old = self.scope.rpartition(".")
        inside = [node for node in plan.nodes.values() if _is_in(module_path(node.scope), self.scope)]
        if not inside or self.scope in plan.layers:
            groups = {_home(plan, node) for node in plan.nodes.values()} | {*plan.types} - {""}
            raise missing("group", self.scope, groups)
        if self.name == old:
            return plan
        if old.isdigit():
            raise DraftError(f"{self.scope!r} is a place in a list of modules, which has a number and no name")
        scope = f"{head}.{self.name}" if head else self.name
        paths = {*plan.layers, *plan.types, *(_home(plan, node) for node in plan.nodes.values())}
        if any(_is_in(path, scope) for path in paths):
            raise DraftError(f"a module is called {scope!r} already")
        depth = self.scope.count(".")

        def moved(path: str) -> str:
            if not _is_in(module_path(path), self.scope):
                return path
            words = path.split(".")
            words[depth] = self.name + words[depth][len(old) :]  # with the number of the call
            return ".".join(words)

        nodes = freeze(
            (name, replace(node, scope=moved(node.scope)) if node.kind == "call" else node)
            for name, node in plan.nodes.items()
        )
        layers = freeze((moved(path), layer) for path, layer in plan.layers.items())
        types = {moved(path): kind for path, kind in plan.types.items()}
        if types.get(scope) == _class_of(old):
            types[scope] = _class_of(self.name)
        positions = freeze(
            (f"{moved(key[:-1])}/" if key.endswith("/") else key, at) for key, at in plan.positions.items()
        )
        changed = replace(plan, nodes=nodes, layers=layers, types=freeze(types.items()), positions=positions)
        return changed.with_paths_of(plan)


def _is_in(path: str, scope: str) -> bool:
    """Whether a path is that of a module or of what is in it."""
    return (path + ".").startswith(scope + ".")


def _class_of(name: str) -> str:
    """The class of a group that is called so: `EncoderBlock` of `encoder_block`."""
    return "".join(word.title() for word in name.split("_"))


@dataclass(frozen=True, slots=True)
class Clip:
    """Nodes that were copied, with their modules: a value that can be pasted into any draft."""

    nodes: tuple[Node, ...]
    layers: Mapping[str, Layer]
    types: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Paste:
    """Adds copies of what was copied, under names that are free. What came from outside is left open, or comes from
    `connections`: by the name that it had, the value that it has here."""

    clip: Clip
    scope: str = ""
    connections: Mapping[str, Ref] | None = None

    def apply(self, plan: Plan) -> Plan:
        names: dict[str, str] = {}
        paths: dict[str, str] = {}
        for node in self.clip.nodes:
            names[node.name] = unique_name(_stem(node.name), {*plan.nodes, *names.values()})
        head = f"{self.scope}." if self.scope else ""
        heads = dict.fromkeys(path.partition(".")[0] for path in (*self.clip.layers, *self.clip.types))
        taken = {path[len(head) :].partition(".")[0] for path in (*plan.layers, *plan.types) if path.startswith(head)}
        for word in heads:
            paths[word] = unique_name(_stem(word), taken)
            taken.add(paths[word])

        def moved(path: str) -> str:
            first, dot, deeper = path.partition(".")
            base = first.partition("#")[0]
            return f"{head}{paths.get(base, first)}{first[len(base) :]}{dot}{deeper}" if path else self.scope

        given = self.connections or {}

        def reconnect(ref: Ref) -> Any:
            if ref.node in names:
                return Ref(names[ref.node], ref.path)
            return given.get(ref.node, OPEN)

        added = []
        for node in self.clip.nodes:
            added.append(
                replace(
                    node,
                    name=names[node.name],
                    scope=moved(node.scope),
                    args=substitute(node.args, reconnect),
                    kwargs=substitute(node.kwargs, reconnect),
                    writes=tuple(names[n] for n in node.writes if n in names),
                    after=tuple(names[n] for n in node.after if n in names),
                )
            )
        for ref in given.values():
            plan[ref.node]
        layers = freeze([*plan.layers.items(), *((moved(p), layer) for p, layer in self.clip.layers.items())])
        types = freeze([*plan.types.items(), *((moved(p), kind) for p, kind in self.clip.types.items())])
        return replace(plan.with_nodes(*added), layers=layers, types=types)


def clipped(plan: Plan, names: tuple[str, ...], inside: str | None = None) -> Clip:
    """The nodes of these names, as they stand in the module `inside`, by default the innermost that holds them all."""
    known(plan, names)
    chosen = [node for node in plan.nodes.values() if node.name in names and node.kind == "call"]
    if not chosen:
        raise DraftError("operations can be copied; inputs, parameters and the output cannot")
    homes = [_home(plan, node) for node in chosen]
    home = _common(homes if inside is None else [*homes, inside])
    head = f"{home}." if home else ""
    paths = {path for path in map(plan.path, chosen) if path is not None}
    inner = {_home(plan, node) for node in chosen} - {home}
    nodes = tuple(replace(node, scope=node.scope[len(head) :] if node.scope != home else "") for node in chosen)
    layers = freeze((path[len(head) :], layer) for path, layer in plan.layers.items() if path in paths)
    types = freeze(
        (path[len(head) :], kind)
        for path, kind in plan.types.items()
        if any((scope + ".").startswith(path + ".") for scope in inner) and path.startswith(head) and path != home
    )
    return Clip(nodes, layers, types)


def _stem(name: str) -> str:
    """`relu` for `relu_1`, so that copies are numbered on instead of getting tails of numbers."""
    head, _, tail = name.rpartition("_")
    return head if head and tail.isdigit() else name


def _home(plan: Plan, node: Node) -> str:
    """The path of the module that holds a node."""
    return module_path(node.scope).rpartition(".")[0] if plan.path(node) is not None else module_path(node.scope)


def _common(paths: list[str]) -> str:
    """The innermost module that holds all of these."""
    parts = [path.split(".") if path else [] for path in paths]
    shared: list[str] = []
    for words in zip(*parts, strict=False):
        if len(set(words)) > 1:
            break
        shared.append(words[0])
    return ".".join(shared)


def _check_closed(plan: Plan, names: set[str]) -> None:
    """DraftError if a value leaves the group and comes back: a module takes all its inputs at once."""
    left: set[str] = set()
    for node in plan.order()[0]:
        given = {ref.node for ref in node.refs()}
        if node.name in names:
            back = given & left
            if back:
                raise DraftError(
                    f"{node.name!r} needs {sorted(back)[0]!r}, which is outside the group and needs a node inside it; "
                    f"take {sorted(back)[0]!r} into the group"
                )
        elif given & (names | left):
            left.add(node.name)
