"""Gathers the entries: modules of torch.nn, functions that take tensors, torchvision's blocks, the user's."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from torch.overrides import get_overridable_functions

from graphtools.capture.scopes import type_name
from graphtools.catalog import describe
from graphtools.errors import missing
from graphtools.kinds import category
from graphtools.palette.entry import Entry, Parameter, Port, function_entry, module_entry
from graphtools.palette.torchvision_entries import torchvision_entries

_ABSTRACT = frozenset(
    "Module Container ModuleList ModuleDict ParameterList ParameterDict Sequential RNNBase RNNCellBase "
    "NLLLoss2d UninitializedParameter UninitializedBuffer Parameter Buffer".split()
)
_SKIPPED = frozenset(
    "boolean_dispatch handle_torch_function has_torch_function assert_int_or_pair has_torch_function_unary "
    "has_torch_function_variadic fused_moving_avg_obs_fake_quant fake_quantize_per_channel_affine "
    "fake_quantize_per_tensor_affine q_per_channel_axis q_per_channel_scales q_per_channel_zero_points dequantize "
    "is_vulkan_available is_inference choose_qparams_optimized saddmm dsmm hsmm hspmm sspaddmm smm".split()
)
_NOT_FOR_GRAPHS = (
    "fbgemm",
    "cudnn_",
    "miopen_",
    "mkldnn_",
    "quantized_",
    "sym_",
    "is_",
    "quantize_",
    "unsafe_",
    "native_",
)


@lru_cache(maxsize=1)
def entries() -> tuple[Entry, ...]:
    """All entries of torch and torchvision, in the order modules, functions, torchvision. Read once a process."""
    return (*_modules(), *_functions(), _indexing(), *torchvision_entries())


def entries_of(model: nn.Module) -> tuple[Entry, ...]:
    """The entries of the module classes in a model that are neither of torch nor of torchvision: the user's own."""
    found: dict[str, Entry] = {}
    for module in model.modules():
        kind = type(module)
        target = type_name(kind)
        if target.partition(".")[0] not in ("torch", "torchvision") and target not in found:
            found[target] = module_entry(target, kind, "yours", category(kind.__name__))
    return tuple(found.values())


def find_entry(target: str) -> Entry:
    """The entry of a target (`torch.nn.Linear`) or of its last word (`Linear`). Raises MissingError."""
    known = _by_target()
    if target in known:
        return known[target]
    named = [entry for entry in entries() if entry.title == target]
    if not named:
        raise missing("module or function", target, dict.fromkeys([*known, *(entry.title for entry in known.values())]))
    return named[0]


@lru_cache(maxsize=1)
def _by_target() -> dict[str, Entry]:
    return {entry.target: entry for entry in entries()}


def _modules() -> list[Entry]:
    found = []
    for name, kind in sorted(vars(nn).items()):
        if not isinstance(kind, type) or not issubclass(kind, nn.Module) or name in _ABSTRACT or name.startswith("_"):
            continue
        if kind.__module__.startswith(("torch.nn.modules", "torch.nn")) and kind.forward is not nn.Module.forward:
            found.append(module_entry(f"torch.nn.{name}", kind, "torch.nn", category(name)))
    return found


def _functions() -> list[Entry]:
    found: dict[str, Entry] = {}
    overridable = get_overridable_functions()
    for home, space in (("torch.nn.functional", F), ("torch", torch)):
        for function in overridable.get(space, ()):  # type: ignore[call-overload]
            name = getattr(function, "__name__", "")
            if not name or name.startswith(("_", *_NOT_FOR_GRAPHS)) or name.endswith("_") or name in _SKIPPED:
                continue
            if getattr(space, name, None) is not function or describe(function).treatment != "record":
                continue
            entry = function_entry(f"{home}.{name}", function, home, category(name))
            if entry is not None:
                found.setdefault(name if home == "torch.nn.functional" else f"{home}.{name}", entry)
    return sorted(found.values(), key=lambda entry: (entry.group, entry.title))


def _indexing() -> Entry:
    """The entry of `x[0]`, `x[:, 1]`: an operator, of which torch has no function."""
    return Entry(
        "operator.getitem", "getitem", "torch", category("getitem"), False,
        "A part of a value, as x[0]: one row, one of several results, or what a key names.", "", "getitem(a, b)",
        (Parameter("b", "value", True),), (Port("a"),), ("output",),
    )  # fmt: skip


def to_json(found: Iterable[Entry] | None = None, indent: int | None = None) -> str:
    """The entries as a JSON array for a browser, without the long documentation; all of them if none are given."""
    return json.dumps([_plain(entry) for entry in (entries() if found is None else found)], indent=indent)


def _plain(entry: Entry) -> dict[str, Any]:
    return {
        "target": entry.target,
        "title": entry.title,
        "group": entry.group,
        "category": entry.category,
        "module": entry.is_module,
        "summary": entry.summary,
        "signature": entry.signature,
        "inputs": [{"name": port.name, "required": port.is_required, "list": port.is_list} for port in entry.inputs],
        "outputs": list(entry.outputs),
        "parameters": [
            {
                "name": p.name,
                "control": p.control,
                "required": p.is_required,
                "default": _json(p.default),
                **({"choices": list(p.choices)} if p.choices else {}),
                **({"none": True} if p.can_be_none else {}),
            }
            for p in entry.parameters
        ],
    }


def _json(value: Any) -> Any:
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        return str(value)
    return list(value) if isinstance(value, tuple) else value
