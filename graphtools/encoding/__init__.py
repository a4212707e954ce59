"""A graph as one JSON document, and back.

    document ::= {"format": "graphtools.graph", "version": 1, "capture": …, "failure": …, "modules": …, "nodes": …}
    arg      ::= null | true | 1 | 1.5 | "text" | [arg, ...]                      an array is a tuple
               | {"list": [arg, ...]} | {"map": [[key, arg], ...]} | {"slice": [arg, arg, arg]} | {"ellipsis": true}
               | {"ref": name} | {"ref": name, "path": [key, ...]} | {"symbol": [kind, text]}
               | {"float": "nan" | "inf" | "-inf"} | {"complex": [float, float]}

The text is strict JSON: no NaN or Infinity. A field that has its default is left out. Reading builds the plain values
above and nothing else, so a document from a stranger can be read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast, get_args

from graphtools.encoding.arguments import decode, encode, read_path
from graphtools.encoding.checks import (
    array,
    check_header,
    count,
    each,
    fail,
    fields_of,
    mapping,
    of_type,
    one_of,
    optional,
    parse,
    short,
    text,
)
from graphtools.errors import FormatError, GraphError
from graphtools.graph import (
    Capture,
    Failure,
    Graph,
    Kind,
    Module,
    Node,
    Output,
    Source,
    Spec,
    State,
    freeze,
)

FORMAT = "graphtools.graph"
VERSION = 1

_KINDS = get_args(Kind)


def to_json(graph: Graph, indent: int | None = None) -> str:
    """The graph as JSON text, without `live`; `from_json` gives an equal graph.

    Raises FormatError for an argument that has no place in a graph, as an object that is neither a literal nor a Ref.
    """
    document = {
        "format": FORMAT,
        "version": VERSION,
        "capture": _capture(graph.capture),
        "failure": None if graph.failure is None else _failure(graph.failure),
        "modules": {path: _module(module) for path, module in graph.modules.items()},
        "nodes": [_node(node, f"nodes[{index}]") for index, node in enumerate(graph.nodes)],
    }
    separators = (",", ":") if indent is None else None
    try:
        return json.dumps(document, allow_nan=False, indent=indent, separators=separators)
    except (ValueError, TypeError) as error:  # an int of more digits than Python prints
        raise FormatError(f"the graph cannot be written as JSON: {error}") from None


def from_json(text: str | bytes) -> Graph:
    """The graph in a document that `to_json` wrote. Executes nothing.

    Raises FormatError, which says where, if the text is damaged, holds something else, or has a newer version.
    """
    document = parse(text, "a graph")
    check_header(document, FORMAT, VERSION, "a graph")
    fields = fields_of(document, "document", ("format", "version", "capture", "failure", "modules", "nodes"))
    nodes = tuple(_read_node(item, f"nodes[{i}]") for i, item in enumerate(array(fields["nodes"], "nodes")))
    modules = freeze(
        (path, _read_module(path, item, f"modules[{path!r}]"))
        for path, item in mapping(fields["modules"], "modules").items()
    )
    failure = None if fields["failure"] is None else _read_failure(fields["failure"], "failure")
    try:
        return Graph(nodes, modules, _read_capture(fields["capture"], "capture"), failure)
    except GraphError as error:
        raise FormatError(f"nodes: {error}") from None


# -- writing -----------------------------------------------------------------------------------------------------------


def present(fields: Mapping[str, Any]) -> dict[str, Any]:
    """`fields` without those that are empty, False or None: their defaults."""
    return {key: value for key, value in fields.items() if value}


def _node(node: Node, where: str) -> dict[str, Any]:
    fields = {
        "args": [encode(arg, f"{where}.args") for arg in node.args],
        "kwargs": {key: encode(arg, f"{where}.kwargs[{key!r}]") for key, arg in node.kwargs.items()},
        "outputs": [{**present({"path": list(output.path)}), **_spec(output.spec)} for output in node.outputs],
        "scope": node.scope,
        "source": write_source(node.source),
        "writes": list(node.writes),
        "after": list(node.after),
        "random": node.random,
        "state": {key: encode(value, f"{where}.state[{key!r}]") for key, value in node.state.items()},
    }
    return {"name": node.name, "kind": node.kind, "target": node.target, **present(fields)}


def _spec(spec: Spec) -> dict[str, Any]:
    device = {} if spec.device == "cpu" else {"device": spec.device}
    return {"dtype": spec.dtype, "shape": list(spec.shape), **device}


def write_source(source: Source | None) -> list[Any] | None:
    """The source as a JSON value."""
    return None if source is None else [source.file, source.line, source.column, source.function]


def _module(module: Module) -> dict[str, Any]:
    states = [
        {
            "name": state.name,
            "kind": state.kind,
            **_spec(state.spec),
            **({"trainable": True} if state.trainable else {}),
            **({} if state.tied_to is None else {"tied_to": state.tied_to}),
        }
        for state in module.states
    ]
    return {"type": module.type, **present({"settings": module.settings, "states": states})}


def _failure(failure: Failure) -> dict[str, Any]:
    fields = {"source": write_source(failure.source), "inputs": [_spec(spec) for spec in failure.inputs]}
    node = {} if failure.node is None else {"node": failure.node}
    return {"type": failure.type, "message": failure.message, **node, **present(fields)}


def _capture(capture: Capture) -> dict[str, Any]:
    return {
        "method": capture.method,
        "model": capture.model,
        "reason": capture.reason,
        "duration_s": encode(float(capture.duration_s), "capture.duration_s"),
        "fake": capture.fake,
        "notes": list(capture.notes),
        "versions": dict(capture.versions),
    }


# -- reading -----------------------------------------------------------------------------------------------------------


_NODE_DEFAULTS: dict[str, Any] = {
    "args": [], "kwargs": {}, "outputs": [], "scope": "", "source": None, "writes": [], "after": [], "random": False,
    "state": {},
}  # fmt: skip


def _read_node(value: Any, where: str) -> Node:
    fields = fields_of(value, where, ("name", "kind", "target"), _NODE_DEFAULTS)
    return Node(
        text(fields["name"], f"{where}.name"),
        cast(Kind, one_of(fields["kind"], _KINDS, f"{where}.kind")),
        text(fields["target"], f"{where}.target"),
        each(decode, fields["args"], f"{where}.args"),
        _read_args_by_name(fields["kwargs"], f"{where}.kwargs"),
        each(_read_output, fields["outputs"], f"{where}.outputs"),
        text(fields["scope"], f"{where}.scope"),
        read_source(fields["source"], f"{where}.source"),
        each(text, fields["writes"], f"{where}.writes"),
        each(text, fields["after"], f"{where}.after"),
        of_type(bool, fields["random"], f"{where}.random"),
        _read_args_by_name(fields["state"], f"{where}.state"),
    )


def _read_args_by_name(value: Any, where: str) -> Mapping[str, Any]:
    return freeze((key, decode(item, f"{where}[{key!r}]")) for key, item in mapping(value, where).items())


_SPEC_DEFAULTS = {"device": "cpu"}


def _read_spec(value: Any, where: str) -> Spec:
    return _spec_of(fields_of(value, where, ("dtype", "shape"), _SPEC_DEFAULTS), where)


def _spec_of(fields: dict[str, Any], where: str) -> Spec:
    return Spec(
        text(fields["dtype"], f"{where}.dtype"),
        each(_read_size, fields["shape"], f"{where}.shape"),
        text(fields["device"], f"{where}.device"),
    )


def _read_size(value: Any, where: str) -> int | str:
    return value if isinstance(value, str) else count(value, where)


def _read_output(value: Any, where: str) -> Output:
    fields = fields_of(value, where, ("dtype", "shape"), {**_SPEC_DEFAULTS, "path": []})
    return Output(read_path(fields["path"], f"{where}.path"), _spec_of(fields, where))


def read_source(value: Any, where: str) -> Source | None:
    """The source in a JSON value that `write_source` gave."""
    if value is None:
        return None
    file, line, column, function = array(value, where, 4)
    return Source(
        text(file, f"{where}[0]"),
        count(line, f"{where}[1]"),
        count(column, f"{where}[2]"),
        text(function, f"{where}[3]"),
    )


def _read_module(path: str, value: Any, where: str) -> Module:
    fields = fields_of(value, where, ("type",), {"settings": "", "states": []})
    settings = text(fields["settings"], f"{where}.settings")
    states = each(_read_state, fields["states"], f"{where}.states")
    return Module(path, text(fields["type"], f"{where}.type"), settings, states)


def _read_state(value: Any, where: str) -> State:
    defaults = {**_SPEC_DEFAULTS, "trainable": False, "tied_to": None}
    fields = fields_of(value, where, ("name", "kind", "dtype", "shape"), defaults)
    return State(
        text(fields["name"], f"{where}.name"),
        one_of(fields["kind"], ("parameter", "buffer"), f"{where}.kind"),  # type: ignore[arg-type]
        _spec_of(fields, where),
        of_type(bool, fields["trainable"], f"{where}.trainable"),
        optional(str, fields["tied_to"], f"{where}.tied_to"),
    )


def _read_failure(value: Any, where: str) -> Failure:
    fields = fields_of(value, where, ("type", "message"), {"node": None, "source": None, "inputs": []})
    return Failure(
        text(fields["type"], f"{where}.type"),
        text(fields["message"], f"{where}.message"),
        optional(str, fields["node"], f"{where}.node"),
        read_source(fields["source"], f"{where}.source"),
        each(_read_spec, fields["inputs"], f"{where}.inputs"),
    )


def _read_capture(value: Any, where: str) -> Capture:
    fields = fields_of(value, where, ("method", "model", "reason", "duration_s", "fake", "notes", "versions"))
    duration_s = decode(fields["duration_s"], f"{where}.duration_s")
    if type(duration_s) not in (int, float):
        fail(f"{where}.duration_s", f"expected a number, not {short(fields['duration_s'])}")
    versions = mapping(fields["versions"], f"{where}.versions")
    return Capture(
        text(fields["method"], f"{where}.method"),
        text(fields["model"], f"{where}.model"),
        optional(str, fields["reason"], f"{where}.reason"),
        duration_s,
        of_type(bool, fields["fake"], f"{where}.fake"),
        each(text, fields["notes"], f"{where}.notes"),
        freeze((key, text(version, f"{where}.versions[{key!r}]")) for key, version in versions.items()),
    )
