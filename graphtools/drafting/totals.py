"""What a draft would cost, and how it looks so far: from its plan and shapes, without a module."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from graphtools.drafting.building import active
from graphtools.drafting.plan import OPEN, Layer, Plan, places, with_args
from graphtools.drafting.shapes import Shapes
from graphtools.drafting.sizes import number
from graphtools.drafting.tying import tied
from graphtools.flops import count_flops
from graphtools.graph import Capture, Graph, ListArg, Module, Node, Output, Ref, Spec, State, freeze

_MEMORY = 20_000  # calls remembered


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


class Costs:
    """Counts what plans cost, and remembers it of each call by what it is given: an edit costs what it touches, and the
    blocks of a repeated stack cost one. `call_of` tells what a call is apart from that, as `Propagation.call_of`."""

    def __init__(self, call_of: Callable[[Node, Layer | None], Any]) -> None:
        self._call_of = call_of
        self._known: dict[Any, tuple[Any, int, int]] = {}

    def totals(self, plan: Plan, shapes: Shapes) -> Totals:
        """The costs of a plan."""
        run = active(plan)
        flops = n_bytes = 0
        for node in run.nodes.values():
            if node.kind == "call":
                _, more_flops, more_bytes = self._of(run, shapes, node)
                flops, n_bytes = flops + more_flops, n_bytes + more_bytes
        held = {n.target: n.spec for n in run.nodes.values() if n.kind == "parameter" and n.spec is not None}
        for path, states in shapes.states.items():
            held.update((f"{path}.{name}", spec) for name, is_parameter, spec in states if is_parameter)
        for _, *others in tied(run, held.get):
            for name in others:
                held.pop(name, None)
        unknown = sum(node.kind == "call" and node.name not in shapes.outputs for node in run.nodes.values())
        return Totals(sum(spec.n_elements for spec in held.values()), flops, n_bytes, unknown)

    def _of(self, plan: Plan, shapes: Shapes, node: Node) -> tuple[Any, int, int]:
        """The operations and the bytes of a call, after what the count was made of."""
        path = plan.path(node)
        layer = None if path is None else plan.layers[path]
        call = self._call_of(node, layer)
        given = [_outputs(plan, shapes, ref.node) for ref in node.refs()]
        own = _outputs(plan, shapes, node.name)
        if not own:
            return None, 0, 0  # it does not run as it is
        parts = (node if call is None else call, shapes.states.get(path or ""), own, *given)
        key = (id(node) if call is None else call, *map(id, parts[1:]))
        known = self._known.get(key)
        if known is None:
            if len(self._known) > _MEMORY:
                self._known.clear()
            graph = _around(plan, shapes, node)
            seen = graph.nodes[-1]
            # The parts are held: so each keeps its id.
            n_bytes = sum(output.spec.n_bytes for output in seen.outputs)
            known = self._known[key] = (parts, count_flops(graph, seen) or 0, n_bytes)
        return known


def _outputs(plan: Plan, shapes: Shapes, name: str) -> tuple[Output, ...]:
    node = plan.nodes.get(name)
    return () if node is None else node.outputs or shapes.outputs.get(name, ())


def _around(plan: Plan, shapes: Shapes, node: Node) -> Graph:
    """A call as the last node of a graph of what it is given alone; each open size counts as 1."""

    def numbered(name: str) -> tuple[Output, ...]:
        return tuple(Output(o.path, _numbered(o.spec)) for o in _outputs(plan, shapes, name))

    names = {ref.node: None for ref in node.refs() if ref.node in plan.nodes}
    nodes = [Node(name, "input", name, outputs=numbered(name)) for name in names]
    nodes.append(_cut(node, numbered(node.name), set(names)))
    modules = {"": Module("", plan.model)}
    path = plan.path(node)
    if path is not None:
        modules |= _modules(path, plan.layers[path], shapes)
    return Graph(tuple(nodes), MappingProxyType(modules), Capture(method="built", model=plan.model))


def _modules(path: str, layer: Layer, shapes: Shapes) -> dict[str, Module]:
    """The module of a layer and those in it that hold parameters, by their paths."""

    def state(name: str, is_parameter: bool, spec: Spec) -> State:
        return State(name, "parameter" if is_parameter else "buffer", spec, is_parameter)

    states = shapes.states.get(path, ())
    settings = ", ".join(f"{key}={value}" for key, value in (layer.settings or {}).items())
    own = tuple(state(*each) for each in states if "." not in each[0])
    found = {path: Module(path, layer.target, settings, own)}
    for name, is_parameter, spec in states:
        above, _, last = name.rpartition(".")
        if above:
            inner = f"{path}.{above}"
            known = found.get(inner, Module(inner, "torch.nn.Module"))
            found[inner] = replace(known, states=(*known.states, state(last, is_parameter, spec)))
    return found


def preview(plan: Plan, shapes: Shapes) -> Graph:
    """The plan as a Graph without values: an open argument is None, and so is one that would close a loop."""
    ordered, cyclic = plan.order()
    nodes: list[Node] = []
    seen: set[str] = set()
    rest = [plan.nodes[name] for name in plan.nodes if name in cyclic]
    output = [node for node in (*ordered, *rest) if node.kind == "output"]
    for node in (*(n for n in ordered if n.kind != "output"), *(n for n in rest if n.kind != "output"), *output):
        nodes.append(_cut(node, node.outputs or shapes.outputs.get(node.name, ()), seen))
        seen.add(node.name)
    modules = {"": Module("", plan.model)}
    for path, kind in plan.types.items():
        modules[path] = Module(path, kind)
    for path, layer in plan.layers.items():
        modules |= _modules(path, layer, shapes)
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
