"""Why no gradient arrived at a value."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from graphtools.derivatives import rule_of
from graphtools.explaining.origins import at
from graphtools.explaining.parts import Origin, Step
from graphtools.explaining.passes import Pass
from graphtools.graph import Graph, Node, Path, Ref
from graphtools.recording import Recording, ValueLost

_LIKE = ("type_as", "view_as", "reshape_as", "expand_as")
_WHOLE = ("i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "bool")


def missing_origin(recording: Recording, backward: Pass, node: Node, path: Path | None = None) -> Origin:
    """Why `node` (its output at `path`) has no gradient, with the way to where it was lost. Reads no numbers."""
    way, reason = _why(recording, backward, node, path)
    steps = tuple(Step(one.name, one.source, _state(recording, one)) for one in way)
    return Origin("gradient", "missing", steps, reason)


def requires_grad(recording: Recording, node: Node, path: Path | None = None) -> bool:
    """True if what the run had there took part in gradients."""
    kept = recording.content.values.get(node.name, {})
    return any(item.requires_grad for place, item in kept.items() if path in (None, place))


def _state(recording: Recording, node: Node) -> str:
    return "requires a gradient" if requires_grad(recording, node) else "requires no gradient"


def _why(recording: Recording, backward: Pass, node: Node, path: Path | None) -> tuple[list[Node], str]:
    specs = [output.spec for output in node.outputs if path in (None, output.path)]
    if node.kind != "output" and not specs:
        return [node], f"{at(node)} gives no tensor."
    if specs and all(spec.dtype in _WHOLE for spec in specs):
        return [
            node
        ], f"{node.name} is {specs[0]}: whole numbers and bools do not change by small amounts, so no gradient."
    if node.kind == "output":
        return [
            node
        ], "the output node only names what the model returned; the gradient is at the operation that made it."
    if not requires_grad(recording, node, path):
        return _not_required(recording, node)
    return _not_reached(recording, backward, node)


# -- not required ------------------------------------------------------------------------------------------------------


def _not_required(recording: Recording, node: Node) -> tuple[list[Node], str]:
    if node.kind == "parameter":
        return [node], f"the parameter {node.target} is frozen: its requires_grad is False."
    if node.kind == "input":
        return [node], f"the input {node.name} does not require a gradient; {node.name}.requires_grad_() asks for one."
    if node.kind in ("buffer", "constant"):
        return [node], f"the {node.kind} {node.target} does not require a gradient: it is not trained."
    graph = recording.graph
    came_from: dict[str, Node | None] = {node.name: None}
    todo = [node]
    while todo:
        current = todo.pop(0)
        arguments = graph.arguments(current)
        if current.operation in _LIKE:  # the other argument gives only its type or shape
            arguments = arguments[:1]
        refs = [ref for ref in current.refs() if graph[ref.node] in arguments]
        if any(requires_grad(recording, graph[ref.node], _place(recording, ref)) for ref in refs):
            return _way(came_from, current), _stopped(current)
        whole = next((ref for ref in refs if _is_whole(graph, ref) and requires_grad(recording, graph[ref.node])), None)
        if whole is not None:
            return _way(came_from, current), (
                f"{at(current)} takes whole numbers from {whole.node} ({str(whole).lstrip('%')}), and no gradient goes "
                "through these."
            )
        for argument in arguments:
            if argument.name not in came_from and argument.kind == "call":
                came_from[argument.name] = current
                todo.append(argument)
    return [node], f"nothing that {at(node)} is computed from requires a gradient."


def _way(came_from: Mapping[str, Node | None], end: Node) -> list[Node]:
    """The nodes from where a search began to `end`."""
    way = [end]
    while (before := came_from[way[-1].name]) is not None:
        way.append(before)
    return way[::-1]


def _place(recording: Recording, ref: Ref) -> Path | None:
    """The path of a reference to one result; None for a reference to all."""
    return ref.path if ref.path in recording.content.values.get(ref.node, {}) else None


def _is_whole(graph: Graph, ref: Ref) -> bool:
    specs = [output.spec for output in graph[ref.node].outputs if output.path == ref.path]
    return bool(specs) and all(spec.dtype in _WHOLE for spec in specs)


def _stopped(node: Node) -> str:
    if "value" in (edited := node.state.get("edited", {})):
        return f"the value of {at(node)} was edited, {edited['value']}, and behind that no gradient flows."
    rule = rule_of(node)
    if rule is not None and rule.effect == "stops":
        if node.operation.strip("_") in ("detach", "data"):
            return f"detached at {at(node)}: what comes after it has no gradient, and sends none back."
        return f"the gradient ends at {at(node)}. {rule.sentence}"
    if node.state.get("grad") is False:
        return f"{at(node)} ran inside torch.no_grad(), so autograd did not record it."
    return (
        f"the result of {at(node)} does not require a gradient although an input does: its derivative is not defined."
    )


# -- not reached -------------------------------------------------------------------------------------------------------


def _not_reached(recording: Recording, backward: Pass, node: Node) -> tuple[list[Node], str]:
    graph = recording.graph
    root = backward.root
    if root is not None and graph.nodes.index(node) > graph.nodes.index(root):
        return [node], f"{at(node)} ran after the loss, {at(root)}, that the backward pass started from."
    writers = [other for other in graph.operations if node.name in other.writes]
    reached, blockers = _downstream(recording, node)
    is_connected = root is not None and root.name in reached
    if writers and (is_connected or root is None):
        writer = writers[0]
        return [node, writer], (
            f"{at(writer)} overwrites it in place: autograd counts the gradient from there on for {writer.name}, and "
            "what was there before has none of its own."
        )
    if is_connected or root is None:
        return _not_sent(backward, graph, node)
    if blockers:
        way = blockers[0]
        rest = f" ({len(blockers) - 1} more ways end like that)" if len(blockers) > 1 else ""
        return way, "not connected with the loss: " + _stopped(way[-1]) + rest
    if not [user for user in graph.users(node) if user.kind != "output"]:
        return [node], f"nothing uses {at(node)}, so the loss does not depend on it."
    return [
        node
    ], f"the loss, {at(root)}, does not depend on {at(node)}." if root else "the loss does not depend on it."


def _downstream(recording: Recording, node: Node) -> tuple[set[str], list[list[Node]]]:
    """The names that gradients connect with `node`, and the ways to operations that end the connection."""
    graph = recording.graph
    came_from: dict[str, Node | None] = {node.name: None}
    blockers: list[list[Node]] = []
    todo = [node]
    while todo:
        current = todo.pop(0)
        for user in graph.users(current):
            if user.name in came_from or user.kind == "output":
                continue
            came_from[user.name] = current
            if requires_grad(recording, user):
                todo.append(user)
            elif any(output.spec.dtype not in _WHOLE for output in user.outputs):
                blockers.append(_way(came_from, user))
    blocked = {way[-1].name for way in blockers}
    return set(came_from) - blocked, blockers


def _not_sent(backward: Pass, graph: Graph, node: Node) -> tuple[list[Node], str]:
    same = _given_back(backward.recording, node)
    if same is not None:
        return [node, same], f"{at(node)} gives back the very tensor that it was given: the gradient is at {same.name}."
    for user in graph.users(node):
        if backward.has_reached(user):
            return [
                node,
                user,
            ], f"{at(user)} got a gradient and sent none to {node.name}: its derivative for it is not defined."
    recording = backward.recording
    if recording.error is not None or recording.failure is not None:
        return [node], "the run stopped before the backward pass reached it."
    return [node], "the backward pass did not come here: it was asked for other tensors, or it was cut off by a hook."


def _given_back(recording: Recording, node: Node) -> Node | None:
    """The argument that the operation returned as it was (`.float()` of float32); None if it made a new tensor."""
    if node.kind != "call":
        return None
    try:
        value = recording.value(node)
        for argument in recording.graph.arguments(node):
            given = recording.value(argument)
            is_same = isinstance(value, torch.Tensor) and isinstance(given, torch.Tensor) and value.shape == given.shape
            if is_same and value.layout == torch.strided and value.data_ptr() == given.data_ptr():
                return argument
    except (ValueLost, RuntimeError):
        return None
    return None
