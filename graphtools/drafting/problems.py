"""What stands between a draft and a graph that runs, each with the node or edge where it arises and ways to mend it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import nn

from graphtools.drafting.building import active
from graphtools.drafting.edits import Edit, place_text
from graphtools.drafting.fixes import explain
from graphtools.drafting.plan import OPEN, OUTPUT, Edge, Layer, Plan, places
from graphtools.drafting.settings import parameters_of, recurrent_names
from graphtools.drafting.shapes import Shapes
from graphtools.drafting.sources import Sources
from graphtools.drafting.targets import signature
from graphtools.errors import DraftError
from graphtools.graph import Node, Ref


@dataclass(frozen=True, slots=True)
class Fix:
    """A way to mend a problem: what it does, in words, and the edit that does it (`draft.apply(fix.edit)`)."""

    label: str
    edit: Edit


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a draft cannot be built. `edge` is the one on which values do not fit; None where it is the node itself."""

    message: str
    node: str | None = None
    edge: Edge | None = None
    fixes: tuple[Fix, ...] = ()

    def __str__(self) -> str:
        return self.message


def find_problems(plan: Plan, sources: Sources, shapes: Shapes) -> tuple[Problem, ...]:
    """Every problem of a plan, in the order of its nodes. A node behind one with a problem has none of its own."""
    return tuple(_problems(plan, sources, shapes))


def _problems(plan: Plan, sources: Sources, shapes: Shapes) -> Iterator[Problem]:
    run = active(plan)
    _, cyclic = run.order()
    loop = _loop(run, cyclic)
    if loop:
        edge = next(e for e in run.edges() if e.node == loop[0] and e.source.node == loop[-1])
        yield Problem(f"{' → '.join([*loop, loop[0]])} is a loop; disconnect one of its edges", loop[0], edge)
    if OUTPUT not in run.nodes:
        yield Problem("the graph has no output; make a node its output")
    for node in run.nodes.values():
        yield from _of_node(run, node, sources, shapes)


def _of_node(plan: Plan, node: Node, sources: Sources, shapes: Shapes) -> Iterator[Problem]:
    fault = shapes.faults.get(node.name)
    is_open = False
    for place, arg in places(node):
        if arg == OPEN:
            is_open = True
            yield Problem(
                f"{node.name!r} has nothing at {_port(plan, node, place, sources)}; connect a value", node.name
            )
        elif isinstance(arg, Ref) and arg.node not in plan.nodes:
            is_open = True
            yield Problem(f"{node.name!r} takes {arg}, which is not there; connect another value", node.name)
    if node.kind == "output":
        off = sorted({ref.node for ref in node.refs() if _depends_on_disabled(plan, ref.node)})
        for name in off:
            yield Problem(f"the output needs {name!r}, which is disabled or behind a disabled node", node.name)
        if not any(True for _ in node.refs()) and not is_open:
            yield Problem("the output takes no value; connect one", node.name)
        return
    if node.kind != "call" or plan.modes.get(node.name) == "disabled":
        if fault is not None and fault.is_own:
            yield Problem(fault.message, node.name)
        return
    layer = plan.layer(node)
    found = _unusable(plan, node, layer, sources)
    if found is not None:
        yield found
        return
    if not is_open and fault is not None and fault.is_own:
        message, edge, fixes = explain(plan, node, layer, shapes, fault)
        yield Problem(message, node.name, edge, tuple(Fix(label, edit) for label, edit in fixes))


def _unusable(plan: Plan, node: Node, layer: Layer | None, sources: Sources) -> Problem | None:
    """The problem of a node whose class or function cannot be had, or whose settings are incomplete."""
    try:
        if layer is None:
            sources.function(node.target)
            return None
        if layer.settings is None:
            if sources.module(layer.origin) is None:
                return Problem(
                    f"{node.name!r} is a {layer.class_name} whose settings are not known; replace it", node.name
                )
            return None
        kind = sources.class_of(layer)
    except DraftError as error:
        return Problem(f"{node.name!r}: {error}", node.name)
    parameters = parameters_of(kind) if isinstance(kind, type) else {}
    kinds = {p.kind for p in parameters.values()}
    names = list(parameters)
    needed = [
        name
        for name, p in parameters.items()
        if p.default is p.empty and p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
    ]
    if isinstance(kind, type) and issubclass(kind, nn.RNNBase):
        names, needed, kinds = list(recurrent_names(kind)), ["input_size", "hidden_size"], set()
    lacking = [name for name in needed if name not in layer.settings]
    if lacking:
        verb = "needs" if len(lacking) == 1 else "need"
        return Problem(
            f"{node.name!r} is a {layer.class_name}: {', '.join(lacking)} {verb} a value".replace(" need ", " need "),
            node.name,
        )
    unknown = [name for name in layer.settings if names and name not in names]
    if unknown and not any(kind.name.startswith("VAR") for kind in kinds):
        return Problem(f"{node.name!r}: {layer.class_name} has no {unknown[0]!r}; it has {', '.join(names)}", node.name)
    return None


def _port(plan: Plan, node: Node, place: tuple[int | str, ...], sources: Sources) -> str:
    head = place[0]
    if isinstance(head, int) and node.kind == "call":
        layer = plan.layer(node)
        try:
            found = signature(sources.find(node.target) if layer is None else sources.class_of(layer))
        except DraftError:
            found = None
        names = list(found.parameters) if found is not None else []
        if head < len(names):
            return repr(names[head]) + "".join(f"[{key}]" for key in place[1:])
    return place_text(place)


def _loop(plan: Plan, cyclic: frozenset[str]) -> list[str]:
    """The names along one loop, each taken by the next; empty if there is none."""
    if not cyclic:
        return []
    at = sorted(cyclic)[0]
    seen: list[str] = []
    while at not in seen:
        seen.append(at)
        following = [ref.node for ref in plan.nodes[at].refs() if ref.node in cyclic]
        if not following:
            return []
        at = following[0]
    return list(reversed(seen[seen.index(at) :]))


def _depends_on_disabled(plan: Plan, name: str) -> bool:
    off = {n for n, mode in plan.modes.items() if mode == "disabled"}
    if not off:
        return False
    waiting, seen = [name], set()
    while waiting:
        at = waiting.pop()
        if at in off:
            return True
        if at not in seen and at in plan.nodes:
            seen.add(at)
            waiting += [ref.node for ref in plan.nodes[at].refs()]
    return False
