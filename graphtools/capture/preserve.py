"""Keeps a model as it was across a run whose effects nobody asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from graphtools import compat


@contextmanager
def preserved(model: Any) -> Iterator[None]:
    """Restores buffers, the modules' attributes, and the random states of torch, numpy and Python when the block ends.

    Copies the buffers (not the parameters, which a forward pass does not write). Attributes are restored to the same
    objects; a list or dict of the user's that was changed inside stays changed.
    """
    modules = list(model.modules()) if isinstance(model, nn.Module) else []
    modules = [module for module in modules if not isinstance(module, torch.jit.ScriptModule)]
    tables = ("_parameters", "_buffers", "_modules")
    attributes = [(vars(module), dict(vars(module)), [dict(vars(module)[t]) for t in tables]) for module in modules]
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
            for table, content in zip(tables, contents, strict=True):
                if not _same(before[table], content):
                    before[table].clear()
                    before[table].update(content)
            if not _same(current, before):
                current.clear()
                current.update(before)
        with compat.without_torch_function(), torch.no_grad():
            for buffer, version, copy in buffers:
                if compat.version(buffer) != version or _may_write_silently(buffer, copy):
                    buffer.copy_(copy)
        compat.set_rng_state(rng_state)
        compat.set_host_random_state(host_state)


def _may_write_silently(buffer: torch.Tensor, copy: torch.Tensor) -> bool:
    # batch_norm writes its running statistics without counting a version.
    return not torch.equal(buffer, copy) if not buffer.is_sparse else False


def _same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return list(one) == list(other) and all(one[key] is other[key] for key in one)
