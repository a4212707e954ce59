"""Changes made to a run while it happens, and stored results that stand in for operations already known."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import nn

from graphtools import catalog, compat
from graphtools.capture.scopes import type_name
from graphtools.errors import EditError
from graphtools.graph import Path, Ref
from graphtools.structure import tensors

if TYPE_CHECKING:
    from graphtools.capture.calls import Call

What = Literal["value", "gradient", "operation"]


@dataclass(frozen=True, slots=True)
class Edit:
    """One change at the node named `node`: of its value, of the gradient that arrives there, or of the operation.

    `to` takes the original (for "operation": the arguments) and gives what takes its place; `text` says it in a few
    words. `was` is the target of the operation that was replaced. An edit of an input has its `path` among the inputs,
    one of a parameter's gradient the full name of the `parameter`.
    """

    node: str
    what: What
    to: Callable[..., Any]
    text: str = ""
    was: str = ""
    path: Path | None = None
    parameter: str = ""

    def __str__(self) -> str:
        return f"{self.text} in place of {self.was}" if self.was else self.text


Edits = tuple[Edit, ...]  # those of one node, in the order in which they were made


def with_edit(edits: Edits, edit: Edit) -> Edits:
    """`edits` with one more: values and gradients are changed one after the other, an operation is replaced again."""
    if edit.what == "operation":
        before = next((one for one in edits if one.what == "operation"), None)
        if before is not None:
            edit = replace(edit, was=before.was)
        edits = tuple(one for one in edits if one is not before)
    return (*edits, edit)


def marks_of(edits: Edits) -> dict[str, str]:
    """What was changed and how, by its kind, for `Node.state["edited"]`."""
    kinds = ("operation", "value", "gradient")
    texts = {what: [str(edit) for edit in edits if edit.what == what] for what in kinds}
    return {what: ", then ".join(said) for what, said in texts.items() if said}


def replacement(
    edits: Edits, callee: catalog.Callee, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[catalog.Callee, Callable[..., Any], tuple[Any, ...], dict[str, Any]]:
    """What runs in place of a function, and with which arguments: those that the replacement takes."""
    edit = next((one for one in edits if one.what == "operation"), None)
    if edit is None:
        return callee, function, args, kwargs
    described = replace(catalog.describe(edit.to), target=target_of(edit.to), treatment=callee.treatment)
    if callee.reflected:
        args = args[::-1]
    called = edit.to.forward if isinstance(edit.to, nn.Module) else edit.to
    try:
        inspect.signature(called).bind(*args, **kwargs)
    except ValueError:  # a builtin: it tells only by raising; see `run`
        pass
    except TypeError:
        args, kwargs = _tensors_alone(args), {}
    return described, edit.to, args, kwargs


def target_of(function: Callable[..., Any]) -> str:
    """The target of a node that ran `function`."""
    return type_name(type(function)) if isinstance(function, nn.Module) else catalog.public_name(function)


def _tensors_alone(args: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(arg for arg in args if isinstance(arg, torch.Tensor))


def run(edits: Edits, call: Call, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What the operation gives with these changes; `function` is the replacement where there is one.

    Writes to `call` what ran there: the arguments taken, a function that gives the changed value, random numbers drawn.
    """
    before = compat.rng_state()
    try:
        result = function(*args, **kwargs)
    except TypeError:  # of a builtin, raised before it has done anything
        if not any(edit.what == "operation" for edit in edits) or hasattr(function, "__code__"):
            raise
        args, kwargs = _tensors_alone(args), {}
        result = function(*args)
        call.args, call.kwargs = tuple(arg for arg in call.args if isinstance(arg, Ref)), {}
    is_written = bool(call.writes) or any(compat.version(tensor) != version for tensor, version in call.result or ())
    changes = tuple(edit.to for edit in edits if edit.what == "value")
    if changes:
        result = _changed(changes, is_written, result, args, kwargs)
        call.func = partial(_run_changed, changes, is_written, call.func or function)
    if not call.random and not _is_same(before, compat.rng_state()):
        call.random, call.rng_state = True, before
    hooks = [edit.to for edit in edits if edit.what == "gradient"]
    if hooks:
        given = tensors(args[0] if result is None and is_written else result)
        tensor = next((tensor for _, tensor in given if tensor.requires_grad), None)
        if tensor is None:
            raise EditError(f"no gradient arrives at {call.name}: its value does not require one")
        for hook in hooks:
            tensor.register_hook(hook)
    return result


def _run_changed(
    changes: tuple[Callable[..., Any], ...], is_written: bool, function: Callable[..., Any], *args: Any, **kwargs: Any
) -> Any:
    return _changed(changes, is_written, function(*args, **kwargs), args, kwargs)


def _changed(
    changes: tuple[Callable[..., Any], ...], is_written: bool, result: Any, args: tuple[Any, ...], kwargs: Any
) -> Any:
    written = args[0] if result is None and args else result
    # An operation that wrote what it gives back: who else holds this tensor sees the change too.
    is_shared = is_written and any(written is tensor for _, tensor in tensors((args, kwargs)))
    for change in changes:
        if is_shared:
            with torch.no_grad():
                written.data.copy_(change(written.detach().clone()))
        else:
            result = change(result)
    return result


def _is_same(one: compat.RandomState, other: compat.RandomState) -> bool:
    pairs = zip((one.cpu, *one.cuda), (other.cpu, *other.cuda), strict=False)
    return all(torch.equal(a, b) for a, b in pairs)


class Served:
    """The results of a run that a second, equal run takes over instead of computing them, up to node `until`.

    A result is handed out as a lazy clone, which is copied when somebody writes into it. `served` names those given.
    """

    def __init__(
        self, results: Mapping[str, tuple[torch.Tensor, bool]], until: str, overwriting: frozenset[str] = frozenset()
    ) -> None:
        self._results = results
        self._overwriting = overwriting  # operations that need not write: what was served is their result already
        self._until = until
        self._is_over = False
        self.served: set[str] = set()

    def result(self, name: str, args: tuple[Any, ...]) -> torch.Tensor | None:
        """The result of the operation `name`; None where it must run."""
        if self._is_over:
            return None
        if name == self._until:
            self._is_over = True
            return None
        if name in self._overwriting:
            self.served.add(name)
            return args[0]  # type: ignore[no-any-return]
        found = self._results.get(name)
        if found is None:
            return None
        stored, requires_grad = found
        self.served.add(name)
        return compat.lazy_clone(stored.detach().requires_grad_(requires_grad))
