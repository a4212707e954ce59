"""What a draft would cost, and how it looks so far: from its plan and shapes, without a module."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from graphtools.drafting.building import active
from graphtools.drafting.plan import OPEN, Plan, places, with_args
from graphtools.drafting.shapes import Shapes
from graphtools.drafting.sizes import number
from graphtools.drafting.tying import tied
from graphtools.flops import count_flops
from graphtools.graph import Capture, Graph, ListArg, Module, Node, Output, Ref, Spec, State, freeze


@dataclass(frozen=True, slots=True)
class Totals:
    """Elements of all parameters, floating-point operations and bytes of all results; open sizes count as 1.

    A parameter that several modules share counts once.

    `n_unknown` says how many operations have no known type and count as nothing.
    """

    n_parameters: int
    flops: int
    activation_bytes: int
    n_unknown: int


def totals(plan: Plan, shapes: Shapes) -> Totals:
    """The costs of a plan."""
    run = active(plan)
    graph = preview(run, shapes, are_sizes_one=True)
    flops = sum(count_flops(graph, node) or 0 for node in graph.operations)
    held = {n.target: n.spec for n in run.nodes.values() if n.kind == "parameter" and n.spec is not None}
    for path, states in shapes.states.items():
        held.update((f"{path}.{name}", spec) for name, is_parameter, spec in states if is_parameter)
    for _, *others in tied(run, held.get):
        for name in others:
            held.pop(name, None)
    unknown = sum(node.kind == "call" and node.name not in shapes.outputs for node in run.nodes.values())
    return Totals(sum(spec.n_elements for spec in held.values()), flops, graph.n_activation_bytes, unknown)


def preview(plan: Plan, shapes: Shapes, are_sizes_one: bool = False) -> Graph:
    """The plan as a Graph without values: an open argument is None, and so is one that would close a loop."""
    ordered, cyclic = plan.order()
    nodes: list[Node] = []
    seen: set[str] = set()
    rest = [plan.nodes[name] for name in plan.nodes if name in cyclic]
    output = [node for node in (*ordered, *rest) if node.kind == "output"]
    for node in (*(n for n in ordered if n.kind != "output"), *(n for n in rest if n.kind != "output"), *output):
        specs = node.outputs or shapes.outputs.get(node.name, ())
        if are_sizes_one:
            specs = tuple(Output(o.path, _numbered(o.spec)) for o in specs)
        nodes.append(_cut(node, specs, seen))
        seen.add(node.name)
    modules = {"": Module("", plan.model)}
    for path, kind in plan.types.items():
        modules[path] = Module(path, kind)
    for path, layer in plan.layers.items():
        own = tuple(
            State(name, "parameter" if is_parameter else "buffer", spec, is_parameter)
            for name, is_parameter, spec in shapes.states.get(path, ())
            if "." not in name
        )
        settings = ", ".join(f"{key}={value}" for key, value in (layer.settings or {}).items())
        modules[path] = Module(path, layer.target, settings, own)
        for name, is_parameter, spec in shapes.states.get(path, ()):
            if "." in name:
                inner = f"{path}.{name.rpartition('.')[0]}"
                state = State(name.rpartition(".")[2], "parameter" if is_parameter else "buffer", spec, is_parameter)
                known = modules.get(inner, Module(inner, "torch.nn.Module"))
                modules[inner] = replace(known, states=(*known.states, state))
    return Graph(tuple(nodes), MappingProxyType(modules), Capture(method="built", model=plan.model, notes=plan.notes))


def _cut(node: Node, specs: tuple[Output, ...], seen: set[str]) -> Node:
    """The node with these outputs, without what is open and without what is not among the nodes `seen` before it."""
    is_whole = all(isinstance(arg, Ref) and arg.node in seen for _, arg in places(node))
    held = {ref.node for ref in node.refs()}
    if is_whole and seen.issuperset(node.after) and held.issuperset(node.writes):
        return replace(node, outputs=specs)
    cut = with_args(node, lambda ref: ref if ref.node in seen else None)
    cut = replace(cut, args=_closed(cut.args), kwargs=_closed(cut.kwargs))
    held = {ref.node for ref in cut.refs()}
    return replace(
        cut,
        outputs=specs,
        writes=tuple(name for name in node.writes if name in held),
        after=tuple(name for name in node.after if name in seen),
    )


def _closed(arg: Any) -> Any:
    if arg == OPEN:
        return None
    if isinstance(arg, ListArg):
        return ListArg(map(_closed, arg))
    if isinstance(arg, tuple):
        return tuple(map(_closed, arg))
    if hasattr(arg, "items"):
        return freeze((key, _closed(item)) for key, item in arg.items())
    return arg


def _numbered(spec: Spec) -> Spec:
    if all(isinstance(size, int) for size in spec.shape):
        return spec
    return Spec(spec.dtype, tuple(number(size, {}) for size in spec.shape), spec.device)
