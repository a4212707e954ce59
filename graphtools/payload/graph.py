"""A graph for the viewer.

Columns are arrays of equal length, one entry a node, edge or module. Words that repeat (targets, scopes, specs) stand
once in `strings`, and columns hold their index. Parameters and buffers are no nodes here: an operation lists those it
reads in `states`, because a box for each would hide the computation behind its weights.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from graphtools.graph import Graph, Node, Path, Spec, format_arg, module_path
from graphtools.kinds import node_category
from graphtools.meaning import meaning
from graphtools.payload.strings import Strings

FORMAT = "graphtools.payload"
VERSION = 1

_LONGEST_ARG = 400  # characters of argument text kept for a node; a literal list of 10,000 numbers helps nobody
_LONGEST_MESSAGE = 4000
# Bits of the `flags` column. An operation is trained if a parameter that it reads is, frozen if it reads some and
# none of them is; where the modules of the parameters are not known it is neither.
_RANDOM, _WRITES, _NO_GRAD, _FAILED, _TRAINED, _FROZEN = 1, 2, 4, 8, 16, 32


def graph_payload(graph: Graph) -> dict[str, Any]:
    """The graph for the viewer, as a dict of lists, numbers and strings. Costs one walk over the graph."""
    strings = Strings()
    drawn = drawn_nodes(graph)
    row = {node.name: index for index, node in enumerate(drawn)}
    return {
        "format": FORMAT,
        "version": VERSION,
        "nodes": _nodes(graph, drawn, strings),
        "edges": _edges(drawn, row, strings),
        "modules": _modules(graph, strings),
        "totals": {
            "operations": len(graph.operations),
            "parameters": graph.n_parameters,
            "activation_bytes": graph.n_activation_bytes,
        },
        "capture": {
            "method": graph.capture.method,
            "model": graph.capture.model,
            "reason": graph.capture.reason,
            "duration_s": graph.capture.duration_s,
            "fake": graph.capture.fake,
            "notes": list(graph.capture.notes),
            "versions": dict(graph.capture.versions),
        },
        "failure": _failure(graph, row),
        "strings": list(strings.all),
    }


def drawn_nodes(graph: Graph) -> list[Node]:
    """The nodes that the viewer draws, in order; a node's place in this list is its row.

    Left out are parameters, buffers and bookkeeping: an operation that writes a buffer, takes nothing else and gives
    nothing on, as the counter of a batch norm does, where the module has another operation that is drawn.
    """
    states = {node.name for node in graph.nodes if node.kind in ("parameter", "buffer")}
    keeping = _bookkeeping(graph, states)
    others = {node.scope for node in graph.operations if node.name not in keeping}
    left_out = states | {name for name in keeping if graph[name].scope in others}
    return [node for node in graph.nodes if node.name not in left_out]


def _bookkeeping(graph: Graph, states: set[str]) -> set[str]:
    """Operations that only write buffers: from nothing but them, and nothing else takes the result."""
    failed = graph.failure.node if graph.failure else None
    found: set[str] = set()
    for node in graph.operations:
        touched = {ref.node for ref in node.refs()} | set(node.writes)
        if node.scope and node.name != failed and touched and touched <= states | found and _writes_first(node):
            found.add(node.name)
    for node in reversed(graph.operations):
        if node.name in found and not all(user.name in found for user in graph.users(node)):
            found.discard(node.name)
    return found


def _writes_first(node: Node) -> bool:
    return bool(node.writes) or (node.operation.endswith("_") and not node.operation.endswith("__"))


def shape_text(spec: Spec | None) -> str:
    """A shape as the viewer writes it: `1×64×56×56`, `scalar` for no dimension, "" if it is unknown."""
    if spec is None:
        return ""
    return "×".join(map(str, spec.shape)) or "scalar"


def _nodes(graph: Graph, drawn: list[Node], strings: Strings) -> dict[str, list[Any]]:
    failed = graph.failure.node if graph.failure else None
    states = {node.name: node for node in graph.nodes if node.kind in ("parameter", "buffer")}
    trained = _trained(graph)
    return {
        "name": [node.name for node in drawn],
        "kind": strings.indexes(node.kind for node in drawn),
        "target": strings.indexes(node.target for node in drawn),
        "category": strings.indexes(node_category(node) for node in drawn),
        "scope": strings.indexes(node.scope for node in drawn),
        "specs": [strings.indexes(str(output.spec) for output in node.outputs) for node in drawn],
        "paths": [[".".join(map(str, output.path)) for output in node.outputs] for node in drawn],
        "shape": strings.indexes(shape_text(node.spec) for node in drawn),
        "dtype": strings.indexes(node.spec.dtype if node.spec else "" for node in drawn),
        "device": strings.indexes(node.spec.device if node.spec else "" for node in drawn),
        "bytes": [sum(output.spec.n_bytes for output in node.outputs) for node in drawn],
        "file": strings.indexes(node.source.file if node.source else "" for node in drawn),
        "line": [node.source.line if node.source else 0 for node in drawn],
        "column": [node.source.column if node.source else 0 for node in drawn],
        "function": strings.indexes(node.source.function if node.source else "" for node in drawn),
        "args": [_args_text(node) for node in drawn],
        "states": [
            strings.indexes(
                _state_text(states[name]) for name in dict.fromkeys(ref.node for ref in node.refs()) if name in states
            )
            for node in drawn
        ],
        "writes": [list(node.writes) for node in drawn],
        "edited": [_edited(node, states) for node in drawn],
        "flags": [
            (_RANDOM if node.random else 0)
            | (_WRITES if node.writes else 0)
            | (_NO_GRAD if node.state.get("grad") is False else 0)
            | (_FAILED if node.name == failed else 0)
            | _training_bit({trained.get(path) for path in _reads(graph, node, states)})
            for node in drawn
        ],
    }


def _edited(node: Node, states: dict[str, Node]) -> list[list[str]]:
    """What was changed at the node, and at the parameters and buffers that it reads: of which, of what, and how."""
    found = [["", what, text] for what, text in node.state.get("edited", {}).items()]
    for name in dict.fromkeys(ref.node for ref in node.refs()):
        if name in states:
            edited = states[name].state.get("edited", {})
            found += [[states[name].target, what, text] for what, text in edited.items()]
    return found


def _trained(graph: Graph) -> dict[str, bool]:
    """Whether each parameter is trained, by its path; a tied one under each of its paths."""
    return {
        (f"{module.path}." if module.path else "") + state.name: state.trainable
        for module in graph.modules.values()
        for state in module.states
        if state.kind == "parameter"
    }


def _reads(graph: Graph, node: Node, states: dict[str, Node]) -> Iterator[str]:
    """The paths of the parameters and buffers that an operation reads; of a module called as a whole, its own."""
    for ref in node.refs():
        if ref.node in states:
            yield states[ref.node].target
    module = graph.modules.get(module_path(node.scope))
    if module is not None and module.type == node.target:
        yield from (f"{module.path}.{state.name}" if module.path else state.name for state in module.states)


def _training_bit(reads: set[bool | None]) -> int:
    return _TRAINED if True in reads else _FROZEN if False in reads else 0


def _args_text(node: Node) -> str:
    if node.kind in ("input", "constant"):
        return ""
    parts = [format_arg(arg) for arg in node.args]
    parts += [f"{key}={format_arg(arg)}" for key, arg in node.kwargs.items()]
    text = ", ".join(parts)
    return text if len(text) <= _LONGEST_ARG else text[: _LONGEST_ARG - 1] + "…"


def _state_text(node: Node) -> str:
    return f"{node.target} {node.spec}" if node.spec else node.target


def _edges(drawn: list[Node], row: dict[str, int], strings: Strings) -> dict[str, list[Any]]:
    """One edge a reference, in the order of the arguments; the same value twice in one call gives two."""
    found = [(row[ref.node], row[node.name], ref.path) for node in drawn for ref in node.refs() if ref.node in row]
    return {
        "from": [start for start, _, _ in found],
        "to": [end for _, end, _ in found],
        "path": [".".join(map(str, path)) for _, _, path in found],
        "shape": strings.indexes(_carried(drawn[start], path) for start, _, path in found),
    }


def _carried(node: Node, path: Path) -> str:
    """The shape of what an edge carries; "" if it is unknown, or no tensor."""
    inside = [output.spec for output in node.outputs if output.path[: len(path)] == path]
    return shape_text(inside[0]) if len(inside) == 1 else f"{len(inside)} tensors" if inside else ""


def _modules(graph: Graph, strings: Strings) -> dict[str, list[Any]]:
    modules = graph.modules
    return {
        "path": list(modules),
        "class": strings.indexes(module.class_name for module in modules.values()),
        "type": strings.indexes(module.type for module in modules.values()),
        "settings": strings.indexes(module.settings for module in modules.values()),
        "n_parameters": [module.n_parameters for module in modules.values()],
        "states": [
            strings.indexes(
                f"{state.name} {state.spec}" + (f" = {state.tied_to}" if state.tied_to else "")
                for state in module.states
            )
            for module in modules.values()
        ],
    }


def _failure(graph: Graph, row: dict[str, int]) -> dict[str, Any] | None:
    failure = graph.failure
    if failure is None:
        return None
    message = failure.message
    return {
        "type": failure.type,
        "message": message if len(message) <= _LONGEST_MESSAGE else message[: _LONGEST_MESSAGE - 1] + "…",
        "meaning": meaning(message),
        "node": row.get(failure.node) if failure.node else None,
        "file": failure.source.file if failure.source else "",
        "line": failure.source.line if failure.source else 0,
        "inputs": [str(spec) for spec in failure.inputs],
    }
