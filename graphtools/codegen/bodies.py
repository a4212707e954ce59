"""Cuts a plan into the bodies of `forward` methods: one for each call of a module, with what goes in and comes out.

A module's call becomes a method of its own if its operations can run together: nothing inside may wait for something
outside that waits for something inside. A call that is tangled so is dissolved: its operations stand in
the body around.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from graphtools.drafting.plan import Plan
from graphtools.graph import Node, Ref, enclosing_scopes, module_path


@dataclass(slots=True)
class Body:
    """What one call of a module does: items in order, the values it takes and those it gives.

    An item is a node (an operation, or the call of a layer) or the Body of a call of a module inside. `path` is the
    module's ("" for the model), `scope` that of the call.
    """

    path: str
    scope: str
    items: list[Node | Body] = field(default_factory=list)
    inputs: list[Ref] = field(default_factory=list)
    outputs: list[Ref] = field(default_factory=list)

    def walk(self) -> Iterator[Body]:
        """This body and all inside, outermost first."""
        yield self
        for item in self.items:
            if isinstance(item, Body):
                yield from item.walk()


class Tangled(Exception):
    """Calls of these modules cannot be methods."""

    def __init__(self, paths: set[str]) -> None:
        self.paths = paths


def make_bodies(plan: Plan, ordered: list[Node], containers: set[str], dissolved: set[str]) -> Body:
    """The body of the whole model. Raises Tangled."""
    flat = containers | dissolved
    levels = {node.name: _levels(plan, node, flat) for node in ordered}
    users: dict[str, list[tuple[str, Ref]]] = {}
    for node in ordered:
        for ref in node.refs():
            users.setdefault(ref.node, []).append((node.name, ref))
    run = [node for node in ordered if node.kind == "call"]
    by_name = {node.name: node for node in ordered}
    root = _make("", 0, run, plan, levels, users, by_name)
    root.inputs = [Ref(node.name) for node in ordered if node.kind == "input"]
    return root


def _levels(plan: Plan, node: Node, flat: set[str]) -> tuple[str, ...]:
    """The scopes of the calls that a node is in, outermost first."""
    scope = node.scope if plan.path(node) is None else node.scope.rpartition(".")[0]
    known = [s for s in enclosing_scopes(scope) if s and module_path(s) not in flat]
    return tuple(reversed(known))


def _make(
    scope: str,
    depth: int,
    nodes: list[Node],
    plan: Plan,
    levels: Mapping[str, tuple[str, ...]],
    users: Mapping[str, list[tuple[str, Ref]]],
    by_name: Mapping[str, Node],
) -> Body:
    groups: dict[str, list[Node]] = {}
    for node in nodes:
        deeper = levels[node.name][depth:]
        groups.setdefault(f"call {deeper[0]}" if deeper else f"node {node.name}", []).append(node)
    body = Body(module_path(scope), scope)
    for key in _sorted(groups):
        word, _, rest = key.partition(" ")
        if word == "node":
            body.items.append(groups[key][0])
        else:
            body.items.append(_make(rest, depth + 1, groups[key], plan, levels, users, by_name))
    own = {node.name for node in nodes}
    taken: dict[Ref, None] = {}
    for node in nodes:
        for ref in node.refs():
            if ref.node not in own and not is_held(by_name[ref.node], body.path):
                taken[ref] = None
    whole = {ref.node for ref in taken if not ref.path}
    body.inputs = [ref for ref in taken if not ref.path or ref.node not in whole]
    given: dict[Ref, None] = {}
    for node in nodes:
        for user, ref in users.get(node.name, ()):
            if user not in own:
                given[ref] = None
    whole = {ref.node for ref in given if not ref.path}
    body.outputs = [ref for ref in given if not ref.path or ref.node not in whole]
    return body


def is_held(node: Node, path: str) -> bool:
    """Whether a node is a tensor that the module at `path` holds itself."""
    if node.kind not in ("parameter", "buffer"):
        return node.kind == "constant" and not path
    return not path or node.target.startswith(path + ".")


def _sorted(groups: Mapping[str, list[Node]]) -> list[str]:
    """The groups, each after those that it needs, else in the order of their first nodes. Raises Tangled."""
    home = {node.name: key for key, nodes in groups.items() for node in nodes}
    waiting: dict[str, set[str]] = {}
    seen_users: dict[str, list[str]] = {}
    for key, nodes in groups.items():
        needs = waiting.setdefault(key, set())
        for node in nodes:
            for name in (*(ref.node for ref in node.refs()), *node.after):
                needs.add(home.get(name, key))
            for name in node.writes:  # who read the value before it is overwritten runs before
                needs.update(home[user] for user in seen_users.get(name, ()) if user in home)
            for ref in node.refs():
                seen_users.setdefault(ref.node, []).append(node.name)
        needs.discard(key)
    done: dict[str, None] = {}
    rest = list(groups)
    while rest:
        ready = next((key for key in rest if waiting[key] <= done.keys()), None)
        if ready is None:
            tangled = {module_path(key.partition(" ")[2]) for key in rest if key.startswith("call ")}
            raise Tangled(tangled)
        done[ready] = None
        rest.remove(ready)
    return list(done)
