"""A graph as one JSON document, and back.

    document ::= {"format": "graphtools.graph", "version": 1, "capture": ..., "failure": ..., "modules": ..., "nodes": ...}
    arg      ::= null | true | 1 | 1.5 | "text" | [arg, ...]                      an array is a tuple
               | {"list": [arg, ...]} | {"map": [[key, arg], ...]} | {"slice": [arg, arg, arg]} | {"ellipsis": true}
               | {"ref": name} | {"ref": name, "path": [key, ...]} | {"symbol": [kind, text]}
               | {"float": "nan" | "inf" | "-inf"} | {"complex": [float, float]}

The text is strict JSON: no NaN or Infinity. A field that has its default is left out. Reading builds the plain values
above and nothing else, so a document from a stranger can be read.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NoReturn, TypeVar, cast, get_args

from graphtools.errors import FormatError, GraphError
from graphtools.graph import (
    Capture,
    Failure,
    Graph,
    Kind,
    ListArg,
    Module,
    Node,
    Output,
    Path,
    Ref,
    Source,
    Spec,
    State,
    Symbol,
    freeze,
)

FORMAT = "graphtools.graph"
VERSION = 1

_DEEPEST = 100  # nesting of one argument; far below the interpreter's recursion limit
_LARGEST = 2**63 - 1  # sizes and line numbers; torch's own sizes are signed 64-bit
_LITERALS = (str, bool, int, float, type(None))
_KINDS = get_args(Kind)
_NON_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}

T = TypeVar("T")


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
    try:
        document = json.loads(text, object_pairs_hook=_distinct, parse_constant=_no_constant)
    except RecursionError:
        raise FormatError("the document is nested too deeply to be a graph") from None
    except FormatError:
        raise
    except ValueError as error:  # JSONDecodeError, UnicodeDecodeError, an int of too many digits
        raise FormatError(f"not a JSON document: {error}") from None
    _check_header(document)
    fields = _object(document, "document", ("format", "version", "capture", "failure", "modules", "nodes"))
    nodes = tuple(_read_node(item, f"nodes[{i}]") for i, item in enumerate(_array(fields["nodes"], "nodes")))
    modules = freeze(
        (path, _read_module(path, item, f"modules[{path!r}]"))
        for path, item in _mapping(fields["modules"], "modules").items()
    )
    failure = None if fields["failure"] is None else _read_failure(fields["failure"], "failure")
    try:
        return Graph(nodes, modules, _read_capture(fields["capture"], "capture"), failure)
    except GraphError as error:
        raise FormatError(f"nodes: {error}") from None


# -- writing ------------------------------------------------------------------------------------------------------------


def _present(fields: Mapping[str, Any]) -> dict[str, Any]:
    """`fields` without those that are empty, False or None: their defaults."""
    return {key: value for key, value in fields.items() if value}


def _node(node: Node, where: str) -> dict[str, Any]:
    fields = {
        "args": [_arg(arg, f"{where}.args") for arg in node.args],
        "kwargs": {key: _arg(arg, f"{where}.kwargs[{key!r}]") for key, arg in node.kwargs.items()},
        "outputs": [{**_present({"path": list(output.path)}), **_spec(output.spec)} for output in node.outputs],
        "scope": node.scope,
        "source": _source(node.source),
        "writes": list(node.writes),
        "after": list(node.after),
        "random": node.random,
        "state": {key: _arg(value, f"{where}.state[{key!r}]") for key, value in node.state.items()},
    }
    return {"name": node.name, "kind": node.kind, "target": node.target, **_present(fields)}


def _spec(spec: Spec) -> dict[str, Any]:
    device = {} if spec.device == "cpu" else {"device": spec.device}
    return {"dtype": spec.dtype, "shape": list(spec.shape), **device}


def _source(source: Source | None) -> list[Any] | None:
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
    return {"type": module.type, **_present({"settings": module.settings, "states": states})}


def _failure(failure: Failure) -> dict[str, Any]:
    fields = {"source": _source(failure.source), "inputs": [_spec(spec) for spec in failure.inputs]}
    node = {} if failure.node is None else {"node": failure.node}
    return {"type": failure.type, "message": failure.message, **node, **_present(fields)}


def _capture(capture: Capture) -> dict[str, Any]:
    return {
        "method": capture.method,
        "model": capture.model,
        "reason": capture.reason,
        "duration_s": _arg(float(capture.duration_s), "capture.duration_s"),
        "fake": capture.fake,
        "notes": list(capture.notes),
        "versions": dict(capture.versions),
    }


def _arg(arg: Any, where: str, depth: int = 0) -> Any:
    if depth > _DEEPEST:
        raise FormatError(f"{where}: an argument is nested more than {_DEEPEST} deep")
    if arg is None or isinstance(arg, bool | str | int):
        return arg
    if isinstance(arg, float):
        return arg if math.isfinite(arg) else {"float": str(float(arg))}
    if isinstance(arg, complex):
        return {"complex": [_arg(arg.real, where), _arg(arg.imag, where)]}
    if isinstance(arg, Ref):
        return {"ref": arg.node, **_present({"path": list(arg.path)})}
    if isinstance(arg, Symbol):
        return {"symbol": [arg.kind, arg.text]}
    if arg is Ellipsis:
        return {"ellipsis": True}
    if isinstance(arg, slice):
        return {"slice": [_arg(part, where, depth + 1) for part in (arg.start, arg.stop, arg.step)]}
    if isinstance(arg, tuple):
        items = [_arg(item, where, depth + 1) for item in arg]
        return {"list": items} if isinstance(arg, ListArg) else items
    if isinstance(arg, Mapping):
        if bad := [key for key in arg if not isinstance(_arg(key, where), _LITERALS)]:
            raise FormatError(f"{where}: {bad[0]!r} cannot be the key of a mapping; use a text or a number")
        return {"map": [[key, _arg(item, where, depth + 1)] for key, item in arg.items()]}
    raise FormatError(f"{where}: a {type(arg).__name__} has no place in a graph; use a Symbol of kind 'opaque'")


# -- reading ------------------------------------------------------------------------------------------------------------


def _fail(where: str, message: str) -> NoReturn:
    raise FormatError(f"{where}: {message}")


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise FormatError(f"not a graph: an object has the key {_short(twice)} twice")
    return found


def _no_constant(word: str) -> NoReturn:
    raise FormatError(f"not a JSON document: {word} is no JSON number")


def _check_header(document: Any) -> None:
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise FormatError(f'not a graph: the document lacks "format": "{FORMAT}"')
    version = document.get("version")
    if type(version) is not int or version < 1:
        raise FormatError(f"version: expected a whole number from 1, not {_short(version)}")
    if version > VERSION:
        raise FormatError(
            f"the document has version {_short(version)}, and this graphtools reads up to {VERSION}; install a newer graphtools"
        )


def _short(value: Any) -> str:
    """What was found, in a few characters."""
    if isinstance(value, dict | list):
        return f"an {'object' if isinstance(value, dict) else 'array'} of {len(value)}"
    if isinstance(value, int) and not -(10**18) < value < 10**18:
        return "a number of many digits"
    text = json.dumps(value)
    return text if len(text) <= 40 else text[:39] + "…"


def _object(
    value: Any, where: str, required: Sequence[str] = (), defaults: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The fields of an object that has all `required` keys and none but those and the `defaults`."""
    defaults = defaults or {}
    found = _mapping(value, where)
    for key in required:
        if key not in found:
            _fail(where, f"{key!r} is missing")
    for key in found:
        if key not in required and key not in defaults:
            _fail(where, f"unknown field {_short(key)}")
    return {**defaults, **found}


def _mapping(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        _fail(where, f"expected an object, not {_short(value)}")
    return cast("dict[str, Any]", value)


def _array(value: Any, where: str, length: int | None = None) -> list[Any]:
    if not isinstance(value, list):
        _fail(where, f"expected an array, not {_short(value)}")
    if length is not None and len(value) != length:
        _fail(where, f"expected an array of {length}, not of {len(value)}")
    return cast("list[Any]", value)


def _of(kind: type[T], value: Any, where: str) -> T:
    """`value` if it is of that very type: True is no int."""
    if type(value) is not kind:
        words = {str: "a text", int: "a whole number", bool: "true or false"}
        _fail(where, f"expected {words[kind]}, not {_short(value)}")
    return value


def _optional(kind: type[T], value: Any, where: str) -> T | None:
    return None if value is None else _of(kind, value, where)


def _count(value: Any, where: str) -> int:
    if type(value) is not int or not 0 <= value <= _LARGEST:
        _fail(where, f"expected a whole number from 0 to 2**63 - 1, not {_short(value)}")
    return cast(int, value)


def _each(read: Callable[[Any, str], T], value: Any, where: str) -> tuple[T, ...]:
    return tuple(read(item, f"{where}[{index}]") for index, item in enumerate(_array(value, where)))


def _text(value: Any, where: str) -> str:
    return _of(str, value, where)


def _one_of(value: Any, words: Iterable[str], where: str) -> str:
    if not isinstance(value, str) or value not in words:
        _fail(where, f"expected one of {', '.join(words)}, not {_short(value)}")
    return cast(str, value)


_NODE_DEFAULTS = {
    "args": [], "kwargs": {}, "outputs": [], "scope": "", "source": None, "writes": [], "after": [], "random": False,
    "state": {},
}  # fmt: skip


def _read_node(value: Any, where: str) -> Node:
    fields = _object(value, where, ("name", "kind", "target"), _NODE_DEFAULTS)
    return Node(
        _text(fields["name"], f"{where}.name"),
        cast(Kind, _one_of(fields["kind"], _KINDS, f"{where}.kind")),
        _text(fields["target"], f"{where}.target"),
        _each(_read_arg, fields["args"], f"{where}.args"),
        _read_args_by_name(fields["kwargs"], f"{where}.kwargs"),
        _each(_read_output, fields["outputs"], f"{where}.outputs"),
        _text(fields["scope"], f"{where}.scope"),
        _read_source(fields["source"], f"{where}.source"),
        _each(_text, fields["writes"], f"{where}.writes"),
        _each(_text, fields["after"], f"{where}.after"),
        _of(bool, fields["random"], f"{where}.random"),
        _read_args_by_name(fields["state"], f"{where}.state"),
    )


def _read_args_by_name(value: Any, where: str) -> Mapping[str, Any]:
    return freeze((key, _read_arg(item, f"{where}[{key!r}]")) for key, item in _mapping(value, where).items())


_SPEC_DEFAULTS = {"device": "cpu"}


def _read_spec(value: Any, where: str) -> Spec:
    return _spec_of(_object(value, where, ("dtype", "shape"), _SPEC_DEFAULTS), where)


def _spec_of(fields: dict[str, Any], where: str) -> Spec:
    return Spec(
        _text(fields["dtype"], f"{where}.dtype"),
        _each(_read_size, fields["shape"], f"{where}.shape"),
        _text(fields["device"], f"{where}.device"),
    )


def _read_size(value: Any, where: str) -> int | str:
    return value if isinstance(value, str) else _count(value, where)


def _read_output(value: Any, where: str) -> Output:
    fields = _object(value, where, ("dtype", "shape"), {**_SPEC_DEFAULTS, "path": []})
    return Output(_read_path(fields["path"], f"{where}.path"), _spec_of(fields, where))


def _read_path(value: Any, where: str) -> Path:
    return _each(lambda key, at: key if isinstance(key, str) else _of(int, key, at), value, where)


def _read_source(value: Any, where: str) -> Source | None:
    if value is None:
        return None
    file, line, column, function = _array(value, where, 4)
    return Source(
        _text(file, f"{where}[0]"), _count(line, f"{where}[1]"), _count(column, f"{where}[2]"), _text(function, f"{where}[3]")
    )


def _read_module(path: str, value: Any, where: str) -> Module:
    fields = _object(value, where, ("type",), {"settings": "", "states": []})
    settings = _text(fields["settings"], f"{where}.settings")
    states = _each(_read_state, fields["states"], f"{where}.states")
    return Module(path, _text(fields["type"], f"{where}.type"), settings, states)


def _read_state(value: Any, where: str) -> State:
    defaults = {**_SPEC_DEFAULTS, "trainable": False, "tied_to": None}
    fields = _object(value, where, ("name", "kind", "dtype", "shape"), defaults)
    return State(
        _text(fields["name"], f"{where}.name"),
        _one_of(fields["kind"], ("parameter", "buffer"), f"{where}.kind"),  # type: ignore[arg-type]
        _spec_of(fields, where),
        _of(bool, fields["trainable"], f"{where}.trainable"),
        _optional(str, fields["tied_to"], f"{where}.tied_to"),
    )


def _read_failure(value: Any, where: str) -> Failure:
    fields = _object(value, where, ("type", "message"), {"node": None, "source": None, "inputs": []})
    return Failure(
        _text(fields["type"], f"{where}.type"),
        _text(fields["message"], f"{where}.message"),
        _optional(str, fields["node"], f"{where}.node"),
        _read_source(fields["source"], f"{where}.source"),
        _each(_read_spec, fields["inputs"], f"{where}.inputs"),
    )


def _read_capture(value: Any, where: str) -> Capture:
    fields = _object(value, where, ("method", "model", "reason", "duration_s", "fake", "notes", "versions"))
    duration_s = _read_arg(fields["duration_s"], f"{where}.duration_s")
    if type(duration_s) not in (int, float):
        _fail(f"{where}.duration_s", f"expected a number, not {_short(fields['duration_s'])}")
    versions = _mapping(fields["versions"], f"{where}.versions")
    return Capture(
        _text(fields["method"], f"{where}.method"),
        _text(fields["model"], f"{where}.model"),
        _optional(str, fields["reason"], f"{where}.reason"),
        duration_s,
        _of(bool, fields["fake"], f"{where}.fake"),
        _each(_text, fields["notes"], f"{where}.notes"),
        freeze((key, _text(version, f"{where}.versions[{key!r}]")) for key, version in versions.items()),
    )


def _read_arg(value: Any, where: str, depth: int = 0) -> Any:
    if depth > _DEEPEST:
        _fail(where[:60], f"nested more than {_DEEPEST} deep")
    if isinstance(value, float) and not math.isfinite(value):
        _fail(where, "the number is too large for a float")
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list):
        return tuple(_read_arg(item, where, depth + 1) for item in value)
    if set(value) == {"ref"} or set(value) == {"ref", "path"}:
        return Ref(_text(value["ref"], f"{where}.ref"), _read_path(value.get("path", []), f"{where}.path"))
    if len(value) != 1:
        _fail(where, f"expected an argument, not an object with the keys {_short(sorted(value))}")
    ((word, content),) = value.items()
    read = _READERS.get(word)
    if read is None:
        _fail(where, f"unknown kind of argument {_short(word)}")
    return read(content, f"{where}.{word}", depth + 1)


def _read_list(content: Any, where: str, depth: int) -> ListArg:
    return ListArg(_read_arg(item, where, depth) for item in _array(content, where))


def _read_map(content: Any, where: str, depth: int) -> Mapping[Any, Any]:
    found: dict[Any, Any] = {}
    for pair in _array(content, where):
        key, item = _array(pair, where, 2)
        if not isinstance(key, _LITERALS):
            _fail(where, f"expected a literal as key, not {_short(key)}")
        if key in found:
            _fail(where, f"the key {_short(key)} comes twice")
        found[_read_arg(key, where, depth)] = _read_arg(item, where, depth)
    return freeze(found.items())


def _read_slice(content: Any, where: str, depth: int) -> slice:
    return slice(*(_read_arg(part, where, depth) for part in _array(content, where, 3)))


def _read_ellipsis(content: Any, where: str, depth: int) -> Any:
    return ... if content is True else _fail(where, f"expected true, not {_short(content)}")


def _read_symbol(content: Any, where: str, depth: int) -> Symbol:
    kind, text = _each(_text, _array(content, where, 2), where)
    return Symbol(kind, text)


def _read_float(content: Any, where: str, depth: int) -> float:
    return _NON_FINITE[_one_of(content, _NON_FINITE, where)]


def _read_complex(content: Any, where: str, depth: int) -> complex:
    parts = [_read_arg(part, where, depth) for part in _array(content, where, 2)]
    if any(type(part) is not float for part in parts):
        _fail(where, "expected two floats")
    return complex(*parts)


_READERS: dict[str, Callable[[Any, str, int], Any]] = {
    "list": _read_list, "map": _read_map, "slice": _read_slice, "ellipsis": _read_ellipsis, "symbol": _read_symbol,
    "float": _read_float, "complex": _read_complex,
}  # fmt: skip
