"""The form of one node: its parameters with control and value, documentation, weights; and what a form gives back."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from typing import Any

import torch

from graphtools.drafting.building import kept_states
from graphtools.drafting.draft import Draft
from graphtools.drafting.plan import Layer
from graphtools.drafting.targets import signature
from graphtools.editor.drawing import Json, argument_text
from graphtools.editor.ports import entry_of
from graphtools.errors import DraftError
from graphtools.graph import ListArg, Node, Ref, Symbol
from graphtools.palette import Entry, Parameter

_LONGEST = 6000  # letters of documentation
_UNSET = object()
_EXAMPLES = {"integer": "a whole number, as 3", "number": "a number, as 0.1", "sizes": "a number or several, (3, 1)"}


def form(draft: Draft, name: str) -> Json:
    """What the form of a node shows. Raises MissingError."""
    plan = draft.plan
    node = plan[name]
    layer, entry = plan.layer(node), entry_of(draft.sources, node)
    found: Json = {"name": name, "kind": node.kind, "target": node.target, "parameters": []}
    if node.kind == "input":
        return {**found, "spec": str(node.spec) if node.spec is not None else ""}
    if node.kind != "call":
        return found
    found["signature"] = entry.signature if entry else node.target
    found["summary"] = entry.summary if entry else ""
    found["documentation"] = entry.documentation[:_LONGEST] if entry else ""
    found["parameters"] = [_field(draft, node, layer, p) for p in _parameters(entry, layer)]
    if layer is not None:
        states = draft.shapes.states.get(plan.path(node) or "", ())
        found["states"] = [[state, str(spec)] for state, _, spec in states]
        kept = kept_states(layer, draft.sources, states)
        found["kept"] = list(kept)
        found["origin"] = layer.origin if kept and len(kept) == len(states) else ""
    return found


def _parameters(entry: Entry | None, layer: Layer | None) -> tuple[Parameter, ...]:
    if entry is not None:
        return entry.parameters
    settings = layer.settings if layer is not None and layer.settings is not None else {}
    return tuple(Parameter(name, "value", True) for name in settings)


def _field(draft: Draft, node: Node, layer: Layer | None, parameter: Parameter) -> Json:
    value = _value(draft, node, layer, parameter)
    is_set = value is not _UNSET
    shown = value if is_set else parameter.default
    return {
        "name": parameter.name,
        "control": parameter.control,
        "required": parameter.is_required,
        "choices": list(parameter.choices),
        "none": parameter.can_be_none,
        "default": "" if parameter.is_required else argument_text(parameter.default),
        "set": is_set,
        "value": shown if isinstance(shown, bool | int | float | str) or shown is None else argument_text(shown),
        "connected": isinstance(value, Ref),
        "type": parameter.type,
    }


def _value(draft: Draft, node: Node, layer: Layer | None, parameter: Parameter) -> Any:
    if layer is not None:
        return (layer.settings or {}).get(parameter.name, _UNSET)
    if parameter.name in node.kwargs:
        return node.kwargs[parameter.name]
    try:
        found = signature(draft.sources.find(node.target))
    except DraftError:
        found = None
    names = list(found.parameters) if found is not None else []
    if parameter.name in names and names.index(parameter.name) < len(node.args):
        return node.args[names.index(parameter.name)]
    return _UNSET


def read_values(draft: Draft, name: str, given: Mapping[str, Any]) -> dict[str | int, Any]:
    """The values that a form sent for a node, as a draft takes them. Raises DraftError, which names the field.

    A number, a switch and a choice come as they are. A text of another field is read as a literal of Python,
    `(3, 1)`, a dtype by its name, `float32`.
    """
    node = draft.plan[name]
    controls = {p.name: p for p in _parameters(entry_of(draft.sources, node), draft.plan.layer(node))}
    return {key: _read(key, value, controls.get(key)) for key, value in given.items()}


def _read(name: str, value: Any, parameter: Parameter | None) -> Any:
    control = parameter.control if parameter is not None else "value"
    if not isinstance(value, str):
        return value
    if control in ("text", "choice"):
        return value
    if control == "dtype":
        found = getattr(torch, value.removeprefix("torch."), None)
        if value in ("", "None"):
            return None
        if not isinstance(found, torch.dtype):
            raise DraftError(f"{name}: torch has no dtype {value!r}; write float32, int64, bool")
        return Symbol("dtype", f"torch.{value.removeprefix('torch.')}")
    try:
        read = ast.literal_eval(value.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        is_text = parameter is not None and re.search(r"\bstr\b", parameter.type) and value.strip().isidentifier()
        if control == "value" or is_text:  # padding="same" is typed as it is shown
            return value.strip()
        raise DraftError(f"{name}: {value!r} is no value; write {_EXAMPLES.get(control, 'a literal')}") from None
    if control == "integer" and isinstance(read, float) and read.is_integer():
        return int(read)
    return ListArg(read) if isinstance(read, list) else read
