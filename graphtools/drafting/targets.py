"""Finds the class or function that a target names, in torch, torchvision and what the user has allowed.

A draft may come from a stranger, so a name is looked up only where calling it computes and does nothing else: modules
of `torch.nn`, functions that take tensors, a few that make them, and torchvision's models and operations. What opens
files, starts processes or loads pickles is in none of these.
"""

from __future__ import annotations

import ast
import builtins
import importlib
import inspect
import operator
import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

import torch
from torch import nn
from torch.overrides import get_overridable_functions, get_testing_overrides

from graphtools.catalog import named, public_name
from graphtools.errors import CaptureError, DraftError, missing

_MAKERS = frozenset(
    "arange zeros ones full empty eye linspace logspace tensor rand randn randint randperm tril_indices triu_indices "
    "zeros_like ones_like full_like empty_like rand_like randn_like normal scalar_tensor complex polar as_tensor "
    "finfo iinfo cartesian_prod combinations meshgrid broadcast_tensors bartlett_window blackman_window hamming_window "
    "hann_window kaiser_window range _assert broadcast_shapes is_tensor is_floating_point sym_int sym_float sym_max "
    "sym_min sym_not promote_types result_type autocast".split()
)
_NEVER = frozenset("load save from_file share_memory_ set_ data_ptr storage backward register_hook numpy".split())
_OPERATORS = frozenset(name for name in operator.__all__ if name not in ("attrgetter", "itemgetter", "methodcaller"))
_BUILTINS = frozenset("bool int float complex max min len abs sum round tuple list slice divmod".split())


def find(target: str, allowed: Iterable[str] = ()) -> Any:
    """The class or function called `target`. Imports torchvision, or a package in `allowed`, where the name says so.

    Raises DraftError for a name that is not there, or that a draft may not use.
    """
    return _find(target, tuple(sorted(set(allowed))))


@lru_cache(maxsize=8192)
def _find(target: str, allowed: tuple[str, ...]) -> Any:
    words = target.split(".")
    if words[0] == "operator" and len(words) == 2 and words[1] in _OPERATORS:
        return getattr(operator, words[1])
    if words[0] == "builtins" and len(words) == 2 and words[1] in _BUILTINS:
        return getattr(builtins, words[1])
    if words[0] == "math" and len(words) == 2:
        found = getattr(importlib.import_module("math"), words[1], None)
        if not callable(found):
            raise DraftError(f"math has no function {words[1]}")
        return found
    if words[0] == "torch" and not any(word.startswith("__") for word in words):
        return _find_in_torch(target, words)
    if _is_allowed(target, allowed) or target.startswith(("torchvision.models.", "torchvision.ops.")):
        return _find_elsewhere(target, words)
    if words[0] not in ("torch", "torchvision", "operator", "builtins"):
        raise DraftError(
            f"{target} is neither of torch nor of torchvision. If you trust it, allow its package: "
            f"graphtools.Draft.load(file, allow=[{words[0]!r}])"
        )
    raise DraftError(f"a draft may not call {target}; it may call what takes or makes tensors")


def _is_allowed(target: str, allowed: tuple[str, ...]) -> bool:
    return any(target == name or target.startswith(name + ".") for name in allowed)


def _find_in_torch(target: str, words: list[str]) -> Any:
    if target.startswith("torch.nn.") and len(words) == 3:
        found = getattr(nn, words[2], None)
        if isinstance(found, type) and issubclass(found, nn.Module):
            return found
    if not _NEVER.isdisjoint(words):
        raise DraftError(f"a draft may not call {target}; it may call what takes or makes tensors")
    try:
        found = named(target)
    except (CaptureError, ImportError, AttributeError, IndexError):
        raise DraftError(str(missing("function or module of torch", target, names_of_torch()))) from None
    if isinstance(found, type):
        if issubclass(found, nn.Module) and found.__module__.startswith("torch.nn."):
            return found
        raise DraftError(f"{target} is a class that is no module; a draft cannot call it")
    if len(words) == 2 and words[1] in _MAKERS:
        return found
    if target.startswith(("torch.Tensor.", "torch.ops.aten.")) or _is_overridable(found) or _is_operation(words):
        return found
    raise DraftError(f"a draft may not call {target}; it may call what takes or makes tensors")


def _find_elsewhere(target: str, words: list[str]) -> Any:
    found: Any = None
    for cut in range(len(words) - 1, 0, -1):
        try:
            found = importlib.import_module(".".join(words[:cut]))
        except ModuleNotFoundError:
            continue
        for word in words[cut:]:
            found = getattr(found, word, None)
        break
    home = str(getattr(found, "__module__", ""))
    if not callable(found) or home.split(".")[0] != words[0]:
        raise DraftError(f"{words[0]} has no {target}; is it another version?")
    if words[0] == "torchvision" and (
        not home.startswith(("torchvision.models.", "torchvision.ops.")) or "_api" in home
    ):
        raise DraftError(f"a draft may not call {target}; of torchvision it may call models and operations")
    return found


@lru_cache(maxsize=1)
def _overridable() -> frozenset[int]:
    found = {id(function) for functions in get_overridable_functions().values() for function in functions}
    return frozenset(found)


def _is_overridable(function: Any) -> bool:
    return id(function) in _overridable() or function in get_testing_overrides()


def _is_operation(words: list[str]) -> bool:
    """True for a private function of torch that is an operation on tensors, as `torch._weight_norm`."""
    packet = getattr(torch.ops.aten, words[1], None) if len(words) == 2 and words[1].startswith("_") else None
    schemas = [getattr(packet, overload)._schema for overload in packet.overloads()] if packet is not None else []
    return any(schema.arguments and str(schema.arguments[0].type) == "Tensor" for schema in schemas)


@lru_cache(maxsize=1)
def names_of_torch() -> tuple[str, ...]:
    """The names of all modules of torch.nn and of all functions that take tensors, for near misses."""
    names = {f"torch.nn.{name}" for name, kind in vars(nn).items() if isinstance(kind, type)}
    for space, functions in get_overridable_functions().items():
        if space in (torch, torch.nn.functional, torch.Tensor):
            home = {torch: "torch", torch.nn.functional: "torch.nn.functional"}.get(space, "torch.Tensor")
            names |= {f"{home}.{function.__name__}" for function in functions if hasattr(function, "__name__")}
    return tuple(sorted(names))


def is_module(target: str, allowed: Iterable[str] = ()) -> bool:
    """Whether `target` names a class of modules. False if it names nothing."""
    try:
        found = find(target, allowed)
    except DraftError:
        return False
    return isinstance(found, type) and issubclass(found, nn.Module)


def name_of(target: Any) -> str:
    """The name under which `find` finds a class or function."""
    if isinstance(target, str):
        return _full(target)
    if isinstance(target, type) and issubclass(target, nn.Module):
        from graphtools.capture.scopes import type_name

        return type_name(target)
    if callable(target):
        return public_name(target).replace("_operator.", "operator.")
    raise DraftError(f"{target!r} is no module class, no function and no name of one")


def _full(name: str) -> str:
    """`Linear` is torch.nn.Linear, `relu` torch.nn.functional.relu, `add` torch.add; a name with a dot is itself."""
    if "." in name:
        short = {"nn": "torch.nn", "F": "torch.nn.functional"}
        head, _, rest = name.partition(".")
        return f"{short[head]}.{rest}" if head in short else name
    if isinstance(getattr(nn, name, None), type):
        return f"torch.nn.{name}"
    if hasattr(torch, name) and callable(getattr(torch, name)):
        return f"torch.{name}"
    if hasattr(nn.functional, name):
        return f"torch.nn.functional.{name}"
    if hasattr(torch.Tensor, name):
        return f"torch.Tensor.{name}"
    words = dict.fromkeys(full.rsplit(".", 1)[-1] for full in names_of_torch())
    raise DraftError(str(missing("module or function", name, words)))


def signature(target: Any) -> inspect.Signature | None:
    """The signature of a function, or of a module class's forward without self; None if none is known."""
    return _signature_of(target)


@lru_cache(maxsize=4096)
def _signature_of(target: Any) -> inspect.Signature | None:
    if isinstance(target, type) and issubclass(target, nn.Module):
        found = _signature(target.forward)
        if found is None:
            return None
        return found.replace(parameters=list(found.parameters.values())[1:])
    found = _signature(target)
    if found is not None and not any(p.kind is p.VAR_POSITIONAL for p in found.parameters.values()):
        return found
    documented = _documented(target)
    if documented is not None:
        return documented
    stand_in = get_testing_overrides().get(target)
    return _signature(stand_in) if stand_in is not None else found


def _documented(function: Any) -> inspect.Signature | None:
    """The signature in the first line of torch's docstrings: `where(condition, input, other, *, out=None)`.

    A reduction that has a second form with `dim` gets the parameters of that one, which may be left out.
    """
    name, text = getattr(function, "__name__", ""), getattr(function, "__doc__", None) or ""
    found = re.match(rf"\s*{re.escape(name)}\((.*?)\)\s*(->|$)", text, re.MULTILINE)
    if found is None or not name.isidentifier():
        return None
    first = _parsed(found[1], getattr(torch.Tensor, name, None) is function)
    if first is None or "dim" in first.parameters:
        return first
    more = re.search(rf"^(?:\.\. function:: | *){re.escape(name)}\((input, dim\b.*?)\)\s*(->|$)", text, re.MULTILINE)
    other = _parsed(more[1], False) if more is not None else None
    return first if other is None else _with_dim(first, other)


def _with_dim(first: inspect.Signature, other: inspect.Signature) -> inspect.Signature:
    """The first form of a function with what the other has besides, each with a default: None for `dim`."""
    extra = [p for name, p in other.parameters.items() if name not in first.parameters]
    extra = [p.replace(default=None) if p.name == "dim" or p.default is p.empty else p for p in extra]
    parts = sorted([*first.parameters.values(), *extra], key=lambda parameter: parameter.kind)
    return inspect.Signature(parts)


def _parsed(declared: str, is_method: bool) -> inspect.Signature | None:
    try:
        parsed = ast.parse(f"def f({declared}): pass").body[0]
    except SyntaxError:
        return None
    assert isinstance(parsed, ast.FunctionDef)
    kinds = inspect.Parameter
    parts = [kinds("self", kinds.POSITIONAL_OR_KEYWORD)] if is_method else []
    given = parsed.args
    required = len(given.posonlyargs) + len(given.args) - len(given.defaults)
    for index, argument in enumerate((*given.posonlyargs, *given.args)):
        default = kinds.empty if index < required else _default(given.defaults[index - required])
        parts.append(kinds(argument.arg, kinds.POSITIONAL_OR_KEYWORD, default=default))
    if given.vararg is not None:
        parts.append(kinds(given.vararg.arg, kinds.VAR_POSITIONAL))
    for argument, value in zip(given.kwonlyargs, given.kw_defaults, strict=True):
        is_optional = argument.annotation is not None and "Optional" in ast.unparse(argument.annotation)
        default = None if is_optional else kinds.empty
        parts.append(kinds(argument.arg, kinds.KEYWORD_ONLY, default=default if value is None else _default(value)))
    return inspect.Signature(parts)


def _default(value: ast.expr) -> Any:
    try:
        return ast.literal_eval(value)
    except ValueError:
        return None


def _signature(function: Callable[..., Any]) -> inspect.Signature | None:
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):
        return None


def required_ports(target: Any) -> tuple[str, ...]:
    """The names of the arguments that a call of a function, or of a module, must be given; by place and in order."""
    found = signature(target)
    if found is None:
        return ()
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return tuple(p.name for p in found.parameters.values() if p.kind in kinds and p.default is p.empty)
