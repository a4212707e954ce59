"""Makes a plan of a Graph, so that a traced model can be rebuilt: modules by class and settings, the rest as is."""

from __future__ import annotations

import ast
import linecache
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from torch import nn

from graphtools.drafting.lifting import lifted
from graphtools.drafting.plan import Layer, Plan
from graphtools.drafting.settings import read_settings
from graphtools.drafting.sources import Sources
from graphtools.drafting.tying import ties_of, with_present_ties
from graphtools.errors import DraftError
from graphtools.graph import Graph, Node, Ref, Symbol, freeze, module_path
from graphtools.words import source_line


def open_graph(graph: Graph, model: nn.Module | None = None) -> tuple[Plan, Sources]:
    """The plan of a graph and where its weights are. `model` is needed where the graph was read from a file.

    Calls of torch.nn modules that a run shows as functions (`linear` with `weight` and `bias`) become modules again.
    Raises DraftError for the graph of a run that stopped.
    """
    if graph.output is None:
        raise DraftError("the graph of a run that stopped early has no output, so it cannot be a draft")
    live = graph.live
    model = model if model is not None else getattr(live, "model", None)
    layers: dict[str, Layer] = {}
    functions: dict[str, Any] = {}
    classes: dict[str, type] = {}
    modules: dict[str, nn.Module] = {}
    nodes: dict[str, Node] = {}
    known = getattr(live, "modules", {}) if live is not None else {}
    for node in graph.nodes:
        path = module_path(node.scope)
        module = known.get(node.name) or _module(graph, node, model)
        if node.kind == "call" and module is not None:
            if path not in layers:
                layers[path] = Layer(node.target, read_settings(module), path)
                modules[path] = module
            classes.setdefault(node.target, type(module))
        elif node.kind == "call" and live is not None and node.name in live.functions and _is_own(node.target):
            functions.setdefault(node.target, live.functions[node.name])
        outputs = () if node.kind in ("call", "output") else node.outputs
        nodes[node.name] = replace(node, outputs=outputs)
    result, left_out = _without_objects(nodes.pop(graph.output.name))
    nodes["output"] = replace(result, name="output")
    types = {path: module.type for path, module in graph.modules.items() if path and path not in layers}
    notes = fixed_by_the_run(graph) if graph.capture.method == "record" else ()
    notes += tuple(f"Left out of the result: {what}, which is no tensor and no plain value." for what in left_out)
    name = graph.capture.model or "Net"
    plan = Plan(freeze(nodes.items()), freeze(layers.items()), types=freeze(types.items()), model=name, notes=notes)
    tensors = dict(getattr(live, "tensors", {}) if live is not None else {})
    objects = dict(getattr(live, "objects", {}) if live is not None else {})
    sources = Sources(
        model, tensors, functions, classes, objects, modules, training=bool(getattr(model, "training", False))
    )
    if graph.capture.method == "fx":
        plan = _writing_through_views(plan)
    else:
        plan = lifted(_without_detours(plan, graph), sources)
    if model is not None:
        plan = replace(plan, ties=ties_of({"": model}))
    return with_present_ties(without_dead(plan)), sources


# Their result may be what they are given, or a part of it: who writes into it writes there. By the documentation of
# views; dropout gives in eval mode what it was given.
_VIEWS = frozenset(
    "getitem view view_as reshape reshape_as transpose permute t adjoint swapaxes swapdims movedim moveaxis squeeze "
    "unsqueeze select narrow expand expand_as chunk split split_with_sizes tensor_split hsplit vsplit dsplit unbind "
    "diagonal unfold flatten unflatten ravel detach as_strided contiguous to type_as float double half bfloat16 T mT H "
    "mH real imag view_as_real view_as_complex data slice diag atleast_1d atleast_2d atleast_3d Identity Flatten "
    "Unflatten dropout Dropout Dropout1d Dropout2d Dropout3d AlphaDropout".split()
)


def _writing_through_views(plan: Plan) -> Plan:
    """The plan in which what writes into a view writes also into what that is a view of; torch.fx knows no memory."""
    bases: dict[str, tuple[str, ...]] = {}
    nodes: dict[str, Node] = {}
    for name, node in plan.nodes.items():
        given = next(node.refs(), None)
        if given is not None and (node.operation in _VIEWS or given.node in node.writes):
            bases[name] = (given.node, *bases.get(given.node, ()))
        written = tuple(dict.fromkeys(base for one in node.writes for base in (one, *bases.get(one, ()))))
        nodes[name] = node if written == node.writes else replace(node, writes=written)
    return replace(plan, nodes=freeze(nodes.items()))


def _without_objects(output: Node) -> tuple[Node, list[str]]:
    """The output without what is known only as an object, as the cache of a decoder, and what these were.

    An entry of a mapping goes, a place of a sequence becomes None.
    """
    left_out: list[str] = []

    def visit(arg: Any, name: str) -> Any:
        if isinstance(arg, Symbol) and arg.kind == "opaque":
            left_out.append(f"{name}, a {arg.text.partition(' ')[0]}")
            return None
        if isinstance(arg, tuple):
            return type(arg)(visit(item, f"{name}[{index}]") for index, item in enumerate(arg))
        if isinstance(arg, Mapping):
            entries = [(key, item, visit(item, str(key))) for key, item in arg.items()]
            return freeze((key, made) for key, item, made in entries if made is not None or item is None)
        return arg

    if not any(isinstance(arg, tuple | Mapping) for arg in output.args):
        return output, []
    args = tuple(visit(arg, "result") for arg in output.args)
    return replace(output, args=args), left_out


def _is_own(target: str) -> bool:
    return not target.startswith(("torch.", "operator.", "builtins."))


def _module(graph: Graph, node: Node, model: nn.Module | None) -> nn.Module | None:
    if node.kind != "call" or graph.capture.method != "fx" or model is None:
        return None
    module = graph.modules.get(module_path(node.scope))
    if module is None or module.type != node.target:
        return None
    return model.get_submodule(module.path)


_CASTS = frozenset(
    f"torch.Tensor.{word}" for word in ("to", "float", "double", "half", "bfloat16", "long", "int", "cpu")
)


def _without_detours(plan: Plan, graph: Graph) -> Plan:
    """The plan in which who stands outside a module takes a value where it was made, not the result of a cast inside.

    A cast to the type that a tensor has gives the tensor itself, so a run may show the value as coming from there.
    """
    same: dict[str, Ref] = {}
    for node in graph.operations:
        source = node.args[0] if node.args else None
        if node.target not in _CASTS or not isinstance(source, Ref) or node.kwargs.get("copy"):
            continue
        given = next((o.spec for o in graph[source.node].outputs if o.path == source.path), None)
        if given is not None and given == node.spec and "memory_format" not in node.kwargs:
            same[node.name] = source

    def straight(ref: Ref, user: str) -> Ref:
        while ref.node in same and not ref.path:
            scope = plan.nodes[ref.node].scope
            if (plan.nodes[user].scope + ".").startswith(scope + "."):
                break
            ref = same[ref.node]
        return ref

    return plan.mapped(straight) if same else plan


def without_dead(plan: Plan) -> Plan:
    """The plan without nodes whose value nobody takes and that write nothing that somebody takes."""
    live: set[str] = set()
    for node in reversed(list(plan.nodes.values())):
        if node.kind in ("input", "output") or node.name in live or not live.isdisjoint(node.writes):
            live.add(node.name)
            live.update(ref.node for ref in node.refs())
            live.update(node.after)
    nodes = {name: node for name, node in plan.nodes.items() if name in live}
    nodes = {
        name: replace(node, after=tuple(n for n in node.after if n in nodes)) if node.after else node
        for name, node in nodes.items()
    }
    used = {module_path(node.scope) for node in nodes.values() if node.kind == "call"}
    layers = {path: layer for path, layer in plan.layers.items() if path in used}
    return replace(plan, nodes=freeze(nodes.items()), layers=freeze(layers.items()))


_EXITS = (
    "builtins.bool",
    "builtins.int",
    "builtins.float",
    "torch.Tensor.item",
    "torch.Tensor.tolist",
    "operator.index",
)


def fixed_by_the_run(graph: Graph) -> tuple[str, ...]:
    """Sentences about what a recorded run settled that the program leaves open: branches, loop counts, sizes."""
    given = ", ".join(f"{node.name} {node.spec}" for node in graph.inputs if node.spec is not None)
    reason = f" ({graph.capture.reason})" if graph.capture.reason else ""
    notes = [f"Recorded from one run{reason}."]
    notes.append(f"Fixed by that run: sizes computed in Python, for inputs {given or 'of no tensor'}.")
    asked = Counter(str(n.source) + _quoted(n) for n in graph.operations if n.target in _EXITS and n.source is not None)
    for place, count in asked.items():
        times = "" if count == 1 else f", {count} times"
        notes.append(f"Fixed by that run: what follows from the value read at {place}{times}.")
    for (file, line), count in _rounds(graph).items():
        name = file.replace("\\", "/").rsplit("/", 1)[-1]
        text = source_line(file, line).strip()
        notes.append(f"Fixed by that run: the loop at {name}:{line} (`{text}`) ran {count} times.")
    notes += [f"{note}." for note in graph.capture.notes if "without its backward" in note]
    return tuple(notes)


def _quoted(node: Node) -> str:
    assert node.source is not None
    text = source_line(node.source.file, node.source.line).strip()
    return f" (`{text}`)" if text else ""


def _rounds(graph: Graph) -> dict[tuple[str, int], int]:
    """How often each loop in the source ran, by its line: as often, in one call, as what ran most in it."""
    lines = Counter(
        (n.scope, n.source.file, n.source.line, n.source.column, n.target) for n in graph.operations if n.source
    )
    found: dict[tuple[str, int], int] = {}
    for (_, file, line, _, _), count in lines.items():
        head = max((start for start, end in _loops(file) if start < line <= end), default=None)
        if head is not None:
            found[(file, head)] = max(count, found.get((file, head), 0))
    return found


@lru_cache(maxsize=256)
def _loops(file: str) -> tuple[tuple[int, int], ...]:
    """The first and last line of each `for` and `while` in a file. Reads the file; runs nothing."""
    try:
        tree = ast.parse("".join(linecache.getlines(file)))
    except (SyntaxError, ValueError, RecursionError):
        return ()
    loops = [node for node in ast.walk(tree) if isinstance(node, ast.For | ast.While)]
    return tuple((loop.lineno, loop.end_lineno or loop.lineno) for loop in loops)
