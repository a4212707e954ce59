"""Keeps a model as it was across a run whose effects nobody asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from graphtools import compat

Hooks = Mapping[str, Mapping[Any, Any]]  # the tables of a module that are not empty, by their names
_STATE_TABLES = ("_parameters", "_buffers", "_modules")
_HOOK_TABLES = tuple(
    name for name, table in vars(nn.Module()).items() if isinstance(table, dict) and name not in _STATE_TABLES
)


@contextmanager
def preserved(model: Any) -> Iterator[None]:
    """Restores buffers, the modules' attributes and hooks, and the random states of torch, numpy and Python at the end.

    Copies the buffers (not the parameters, which a forward pass does not write). Attributes are restored to the same
    objects; a list or dict of the user's that was changed inside stays changed.
    """
    modules = list(model.modules()) if isinstance(model, nn.Module) else []
    modules = [module for module in modules if not isinstance(module, torch.jit.ScriptModule)]
    attributes = [
        (vars(module), dict(vars(module)), [dict(vars(module)[name]) for name in _STATE_TABLES]) for module in modules
    ]
    hooks = [hooks_of(module) for module in modules]
    with compat.without_torch_function(), torch.no_grad():
        buffers = [
            (buffer, compat.version(buffer), buffer.detach().clone())
            for module in modules
            for buffer in module._buffers.values()
            if buffer is not None
            and not compat.is_fake(buffer)
            and not buffer.is_meta
            and not nn.parameter.is_lazy(buffer)
        ]
    rng_state, host_state = compat.rng_state(), compat.host_random_state()
    try:
        yield
    finally:
        for current, before, contents in attributes:
            for table, content in zip(_STATE_TABLES, contents, strict=True):
                if not _same(before[table], content):
                    before[table].clear()
                    before[table].update(content)
            if not _same(current, before):
                current.clear()
                current.update(before)
        for module, kept in zip(modules, hooks, strict=True):
            set_hooks(module, kept)  # a model may set its own on its first run, and remember that by an attribute
        with compat.without_torch_function(), torch.no_grad():
            for buffer, version, copy in buffers:
                if compat.version(buffer) != version or _may_write_silently(buffer, copy):
                    buffer.copy_(copy)
        compat.set_rng_state(rng_state)
        compat.set_host_random_state(host_state)


def hooks_of(module: nn.Module) -> Hooks:
    """The hooks of a module, for `set_hooks`."""
    own = vars(module)
    return {name: dict(own[name]) for name in _HOOK_TABLES if own.get(name)}


def set_hooks(module: nn.Module, kept: Hooks) -> None:
    """Puts back what `hooks_of` gave. The tables stay the same objects: handles of hooks hold them."""
    own = vars(module)
    for name in _HOOK_TABLES:
        table, wanted = own.get(name), kept.get(name, {})
        if table is not None and (table or wanted) and not _same(table, wanted):
            table.clear()
            table.update(wanted)


def _may_write_silently(buffer: torch.Tensor, copy: torch.Tensor) -> bool:
    # batch_norm writes its running statistics without counting a version.
    return not torch.equal(buffer, copy) if not buffer.is_sparse else False


def _same(one: Mapping[Any, Any], other: Mapping[Any, Any]) -> bool:
    return list(one) == list(other) and all(one[key] is other[key] for key in one)
