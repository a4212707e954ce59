"""A draft as JSON for the browser to draw: nodes with ports and types, groups, problems, totals, what can be undone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from graphtools.drafting.draft import Draft
from graphtools.drafting.edits import Edit
from graphtools.drafting.plan import OUTPUT, Plan
from graphtools.drafting.problems import Problem
from graphtools.drafting.settings import parameters_of
from graphtools.drafting.shapes import Shapes
from graphtools.editor.ports import ports_of
from graphtools.errors import DraftError
from graphtools.graph import Node, Ref, Symbol, module_path
from graphtools.kinds import category, node_category

Json = dict[str, Any]


class DrawnNodes:
    """The nodes of a draft, drawn; what an edit leaves as it is stays the same object."""

    def __init__(self) -> None:
        self._fixed: dict[str, tuple[tuple[Any, ...], Json]] = {}
        self._drawn: dict[str, tuple[tuple[Any, ...], tuple[Any, ...], Json]] = {}

    def of(self, draft: Draft) -> dict[str, Json]:
        """Every node by its name, in the order of the plan."""
        plan, shapes, unused = draft.plan, draft.shapes, unused_nodes(draft.plan)
        fixed, drawn = {}, {}
        for name, node in plan.nodes.items():
            path = plan.path(node)
            layer = None if path is None else plan.layers[path]
            written = (node, layer, draft.sources)
            known = self._fixed.get(name)
            if known is None or not _are_same(known[0], written):
                known = (written, _written(draft, node))
            fixed[name] = known
            states = shapes.states.get(path) if path is not None else None
            parts = (known, shapes.outputs.get(name), states)
            fault = shapes.faults.get(name)
            looks = (plan.modes.get(name), name in unused, fault is not None and fault.is_own)
            seen = self._drawn.get(name)
            if seen is None or seen[1] != looks or not _are_same(seen[0], parts):
                seen = (parts, looks, {**known[1], **_found(node, path, shapes, *looks)})
            drawn[name] = seen
        self._fixed, self._drawn = fixed, drawn
        return {name: json for name, (_, _, json) in drawn.items()}


def change_of(before: Json, now: Json) -> tuple[str, Json, list[str]]:
    """What makes a drawn node of another of that name: the name, the keys that are set, the keys that go."""
    changed = {key: value for key, value in now.items() if key not in before or before[key] != value}
    return now["name"], changed, [key for key in before if key not in now]


def _are_same(some: tuple[Any, ...], others: tuple[Any, ...]) -> bool:
    return all(a is b for a, b in zip(some, others, strict=True))


def unused_nodes(plan: Plan) -> frozenset[str]:
    """The operations on which nothing depends that the graph gives, so that they are not in the code; none while there
    is no output."""
    if OUTPUT not in plan.nodes:
        return frozenset()
    ordered, _ = plan.order()
    return frozenset(node.name for node in ordered if node.kind == "call" and node.name not in plan.needed())


def drawn_rest(draft: Draft) -> Json:
    """What is not of one node: groups, places, problems with the words of their fixes, totals, the history."""
    plan, counted = draft.plan, draft.totals()
    return {
        "model": plan.model,
        "order": list(plan.nodes),
        "groups": {path: kind.rpartition(".")[2] for path, kind in groups(plan).items()},
        "positions": {name: list(at) for name, at in plan.positions.items()},
        "problems": [_problem(problem) for problem in draft.problems()],
        "totals": {
            "parameters": counted.n_parameters,
            "flops": counted.flops,
            "bytes": counted.activation_bytes,
            "unknown": counted.n_unknown,
        },
        "undo": words_for(draft.history[-1]) if draft.history else "",
        "redo": words_for(draft.undone[-1]) if draft.undone else "",
        "notes": list(plan.notes),
    }


def groups(plan: Plan) -> dict[str, str]:
    """The modules that hold nodes, by path, with their class where it is known."""
    found: dict[str, str] = {}
    for node in plan.nodes.values():
        path = home(plan, node)
        while path and path not in found:
            found[path] = plan.types.get(path, "")
            path = path.rpartition(".")[0]
    return found


def home(plan: Plan, node: Node) -> str:
    """The path of the module in which a node stands; "" for the whole graph, where also all inputs and states stand."""
    if node.kind != "call":
        return ""
    path = module_path(node.scope)
    return path.rpartition(".")[0] if plan.path(node) is not None else path


def _written(draft: Draft, node: Node) -> Json:
    """What is drawn of a node's own words: its name, its ports, its settings."""
    plan = draft.plan
    layer, path = plan.layer(node), plan.path(node)
    found: Json = {
        "name": node.name,
        "kind": node.kind,
        "title": layer.class_name if layer else node.operation if node.kind == "call" else node.kind,
        "target": node.target,
        "category": category(layer.class_name) if layer else node_category(node),
        "home": home(plan, node),
        "in": [
            {
                "place": list(port.place),
                "label": port.label,
                **({"from": [port.source.node, list(port.source.path)]} if port.source else {}),
                **({} if port.must else {"may": True}),
            }
            for port in ports_of(plan, node, draft.sources)
        ],
    }
    settings = _settings(draft, node)
    if settings:
        found["settings"] = settings
    if path is not None:
        found["path"] = path
    return found


def _found(node: Node, path: str | None, shapes: Shapes, mode: str | None, is_unused: bool, is_faulty: bool) -> Json:
    """What is drawn of a node in its graph: the types that it gives, and whether it runs."""
    outputs = () if node.kind == "output" else shapes.outputs.get(node.name, ()) or node.outputs
    found: Json = {"out": [[list(output.path), str(output.spec)] for output in outputs]}
    if path is not None:
        parameters = sum(spec.n_elements for _, is_parameter, spec in shapes.states.get(path, ()) if is_parameter)
        if parameters:
            found["parameters"] = parameters
    if mode is not None:
        found["mode"] = mode
    if is_unused:
        found["unused"] = True
    if is_faulty:
        found["fault"] = True
    return found


def _settings(draft: Draft, node: Node) -> str:
    """What a person would write between the brackets: what differs from the defaults."""
    layer = draft.plan.layer(node)
    if layer is None:
        literals = [
            *(argument_text(arg) for arg in node.args if _is_literal(arg)),
            *(f"{key}={argument_text(arg)}" for key, arg in node.kwargs.items() if _is_literal(arg)),
        ]
        return ", ".join(literals)
    if layer.settings is None:
        return "…"
    try:
        parameters = parameters_of(draft.sources.class_of(layer))
    except DraftError:
        parameters = {}
    shown, is_first = [], True
    for name, value in layer.settings.items():
        parameter = parameters.get(name)
        if parameter is not None and parameter.default is not parameter.empty:
            is_first = False
            if parameter.default == value or (value is None and parameter.default in (None, False)):
                continue
        shown.append(argument_text(value) if is_first else f"{name}={argument_text(value)}")
    return ", ".join(shown)


def _is_literal(arg: Any) -> bool:
    if isinstance(arg, Ref) or (isinstance(arg, Symbol) and arg.kind == "open"):
        return False
    if isinstance(arg, tuple):
        return all(map(_is_literal, arg))
    return not isinstance(arg, Mapping)


def argument_text(value: Any) -> str:
    """A literal as it is written in Python."""
    if isinstance(value, Symbol):
        return value.text
    if isinstance(value, tuple):
        items = ", ".join(map(argument_text, value))
        is_list = type(value) is not tuple
        return f"[{items}]" if is_list else f"({items},)" if len(value) == 1 else f"({items})"
    return repr(value)


def _problem(problem: Problem) -> Json:
    found: Json = {"message": problem.message, "fixes": [fix.label for fix in problem.fixes]}
    if problem.node:
        found["node"] = problem.node
    if problem.edge:
        found["place"] = list(problem.edge.place)
        found["from"] = problem.edge.source.node
    return found


def words_for(edit: Edit) -> str:
    """An edit as a menu names it: `insert after`, `set`."""
    label = getattr(edit, "label", "")
    return label or re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(edit).__name__).lower()
