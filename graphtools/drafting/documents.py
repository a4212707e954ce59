"""A draft as one JSON document, and back.

    document ::= {"format": "graphtools.draft", "version": 1, "model": text, "nodes": …, "layers": …, "modes": …,
                  "types": …, "notes": …, "positions"?: {name: [x, y], ...}, "source"?: text,
                  "ties"?: [[text, ...], ...]}
    layer    ::= {"target": text, "settings": {name: arg, ...} | null, "origin"?: text}

Nodes and arguments are written as in a graph's document. Reading builds the plan and nothing else.
"""

from __future__ import annotations

import json
import keyword
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from graphtools.drafting.grouping import Clip
from graphtools.drafting.plan import Layer, Plan
from graphtools.encoding import _node, _read_node
from graphtools.encoding.arguments import decode, encode
from graphtools.encoding.checks import array, check_header, each, fail, fields_of, mapping, one_of, parse, text
from graphtools.errors import DraftError, FormatError
from graphtools.graph import Node, Spec, Symbol, freeze
from graphtools.words import is_name

FORMAT = "graphtools.draft"
VERSION = 1


def to_json(plan: Plan, indent: int | None = None) -> str:
    """The plan as JSON text; `from_json` gives an equal plan. Raises FormatError."""
    document = {
        "format": FORMAT,
        "version": VERSION,
        "model": plan.model,
        "nodes": [_node(node, f"nodes[{index}]") for index, node in enumerate(plan.nodes.values())],
        "layers": {path: _layer(layer, f"layers[{path!r}]") for path, layer in plan.layers.items()},
        "modes": dict(plan.modes),
        "types": dict(plan.types),
        "notes": list(plan.notes),
    }
    if plan.positions:
        document["positions"] = {name: list(at) for name, at in plan.positions.items()}
    if plan.source:
        document["source"] = plan.source
    if plan.ties:
        document["ties"] = [list(names) for names in plan.ties]
    try:
        return json.dumps(document, allow_nan=False, indent=indent)
    except (ValueError, TypeError) as error:
        raise FormatError(f"the draft cannot be written as JSON: {error}") from None


def _layer(layer: Layer, where: str) -> dict[str, Any]:
    settings = None
    if layer.settings is not None:
        settings = {name: encode(value, f"{where}.settings") for name, value in layer.settings.items()}
    return {"target": layer.target, "settings": settings, **({"origin": layer.origin} if layer.origin else {})}


def from_json(document_text: str | bytes) -> Plan:
    """The plan in a document that `to_json` wrote. Executes nothing; raises FormatError."""
    document = parse(document_text, "a draft")
    check_header(document, FORMAT, VERSION, "a draft")
    words = ("format", "version", "model", "nodes", "layers", "modes", "types", "notes")
    fields = fields_of(document, "document", words, {"positions": {}, "source": "", "ties": []})
    nodes = [_read_node(item, f"nodes[{i}]") for i, item in enumerate(array(fields["nodes"], "nodes"))]
    _check(nodes)
    names = [node.name for node in nodes]
    for index, node in enumerate(nodes):
        if names.index(node.name) != index:
            fail(f"nodes[{index}]", f"a node is called {node.name!r} already")
        if (node.kind == "output") != (node.name == "output"):
            fail(f"nodes[{index}]", "the output, and only it, is called 'output'")
        for ref in node.refs():
            if ref.node not in names:
                fail(f"nodes[{index}]", f"it refers to {ref.node!r}, which is no node")
    layers = _read_layers(fields["layers"])
    modes = {}
    for name, mode in mapping(fields["modes"], "modes").items():
        if name not in names:
            fail("modes", f"{name!r} is no node")
        modes[name] = one_of(mode, ("bypassed", "disabled"), f"modes[{name!r}]")
    types = {path: text(kind, f"types[{path!r}]") for path, kind in mapping(fields["types"], "types").items()}
    return Plan(
        freeze((node.name, node) for node in nodes),
        freeze(layers.items()),
        freeze(modes.items()),  # type: ignore[arg-type]
        freeze(types.items()),
        text(fields["model"], "model"),
        each(text, fields["notes"], "notes"),
        freeze((name, _read_position(at, name)) for name, at in mapping(fields["positions"], "positions").items()),
        text(fields["source"], "source"),
        tuple(each(text, names, f"ties[{i}]") for i, names in enumerate(array(fields["ties"], "ties"))),
    )


def clip_to_json(clip: Clip) -> dict[str, Any]:
    """Copied nodes as plain data; `clip_from_json` gives an equal clip. Raises FormatError."""
    return {
        "nodes": [_node(node, f"nodes[{index}]") for index, node in enumerate(clip.nodes)],
        "layers": {path: _layer(layer, f"layers[{path!r}]") for path, layer in clip.layers.items()},
        "types": dict(clip.types),
    }


# What a symbol may say: it is written into generated code as it stands.
_SYMBOLS = {
    "dtype": r"(torch\.)?[a-z]\w*", "layout": r"(torch\.)?[a-z]\w*", "memory_format": r"(torch\.)?[a-z]\w*",
    "device": r"[a-z]\w*(:\d+)?", "type": r"[\w.<>]+", "complex": r"[-+.\w()]+", "opaque": r"(?s).*", "open": r"",
}  # fmt: skip


def _check(nodes: Iterable[Node]) -> None:
    """Raises FormatError for what would be more in generated code, where it is written as it stands, than it says:
    a name that is none, a symbol or a mode of another kind, a size of a tensor that is no number."""
    for node in nodes:
        for word in (node.name, *node.kwargs):
            if not word.isidentifier() or (word != node.name and keyword.iskeyword(word)):
                fail("nodes", f"{word!r} is no name")
        paths = [node.scope, *([node.target] if node.is_state else [])]
        for word in filter(None, re.split(r"[.#]", ".".join(paths))):
            _check_part(word, node.name)
        if "grad" in node.state and type(node.state["grad"]) is not bool:
            fail(node.name, "its mode 'grad' is true or false")
        autocast = node.state.get("autocast", "torch.float16")
        if not isinstance(autocast, str) or not re.fullmatch(r"torch\.\w+", autocast):
            fail(node.name, "its mode 'autocast' is a dtype, as torch.bfloat16")
        if node.is_state:
            for output in node.outputs:
                if not all(type(size) is int for size in output.spec.shape):
                    fail(node.name, "a tensor of the model has no open size")
        _check_symbols((node.args, node.kwargs), node.name)


def _check_symbols(arg: Any, where: str) -> None:
    if isinstance(arg, Symbol):
        if not re.fullmatch(_SYMBOLS.get(arg.kind, r"(?!)"), arg.text):
            fail(where, f"{arg.text!r} is no {arg.kind}")
    elif isinstance(arg, tuple):
        for item in arg:
            _check_symbols(item, where)
    elif isinstance(arg, Mapping):
        _check_symbols(tuple(arg.values()), where)
    elif isinstance(arg, slice):
        _check_symbols((arg.start, arg.stop, arg.step), where)


def _check_part(word: str, where: str) -> None:
    """Of the path of a module: a name, or any text as a key of a ModuleDict that stands between quotes as it is."""
    if not re.fullmatch(r"[^\"'\\\\{}\x00-\x1f]+", word):
        fail(where, f"{word!r} is no name")


def _is_word(text: Any) -> bool:
    return isinstance(text, str) and is_name(text)


def clip_from_json(document: Any) -> Clip:
    """The clip in what `clip_to_json` gave. Executes nothing; raises FormatError."""
    fields = fields_of(mapping(document, "clip"), "clip", ("nodes", "layers", "types"))
    nodes = tuple(_read_node(item, f"nodes[{i}]") for i, item in enumerate(array(fields["nodes"], "nodes")))
    _check(nodes)
    return Clip(
        nodes,
        freeze(_read_layers(fields["layers"]).items()),
        freeze((path, text(kind, path)) for path, kind in mapping(fields["types"], "types").items()),
    )


def _read_position(value: Any, name: str) -> tuple[float, float]:
    found = tuple(float(number) for number in array(value, f"positions[{name!r}]", 2) if type(number) in (int, float))
    if len(found) != 2 or not all(map(math.isfinite, found)):
        fail(f"positions[{name!r}]", "expected two numbers")
    return found


def _read_layers(value: Any) -> dict[str, Layer]:
    found = mapping(value, "layers")
    for path in found:
        for word in path.split("."):
            _check_part(word, "layers")
    return {path: _read_layer(item, f"layers[{path!r}]") for path, item in found.items()}


def _read_layer(value: Any, where: str) -> Layer:
    fields = fields_of(value, where, ("target", "settings"), {"origin": ""})
    settings = None
    if fields["settings"] is not None:
        named = mapping(fields["settings"], f"{where}.settings")
        for name in named:
            if not name.isdecimal() and not _is_word(name):
                fail(f"{where}.settings", f"{name!r} is no name")
        settings = freeze((name, decode(item, f"{where}.settings[{name!r}]")) for name, item in named.items())
        _check_symbols(settings, where)
    return Layer(text(fields["target"], f"{where}.target"), settings, text(fields["origin"], f"{where}.origin"))


def parse_spec(written: str) -> Spec:
    """The Spec of `f32[B, 3, 224, 224]`; `[B, 10]` is of f32. Raises DraftError."""
    found = re.fullmatch(r"\s*(\w+)?\s*\[([^\]]*)\]\s*", written)
    if found is None:
        raise DraftError(f"{written!r} is no type; write it as f32[B, 3, 224, 224], a word for a size left open")
    sizes: list[int | str] = []
    for part in filter(None, (word.strip() for word in found[2].split(","))):
        if part.isdecimal():
            sizes.append(int(part))
        elif part.isidentifier():
            sizes.append(part)
        else:
            raise DraftError(f"{written!r}: {part!r} is no size; use a number, or a word for a size left open")
    from graphtools.capture.specs import torch_dtype

    dtype = found[1] or "f32"
    torch_dtype(dtype)
    return Spec(dtype, tuple(sizes))
