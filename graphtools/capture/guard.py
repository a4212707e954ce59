"""Keeps recordings whole while training goes on: saves what they share with a model before an optimizer overwrites it.

A recording holds parameters, gradients and optimizer states by reference. One hook, set when the first such recording
is made, looks before each optimizer step which living recordings share memory with what is about to change, and copies
that.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from typing import Any

import torch
from torch.optim.optimizer import register_optimizer_step_pre_hook

from graphtools import compat
from graphtools.capture.updates import all_that_is_written
from graphtools.recording import Kept, Recording

_guarded: weakref.WeakSet[Recording] = weakref.WeakSet()
_is_set = False


def guard(recording: Recording, shared: dict[int, list[Kept]]) -> None:
    """Watches over `shared`, values by the memory they live in, for as long as `recording` lives."""
    global _is_set
    if not shared:
        return
    recording._shared = shared
    _guarded.add(recording)
    if not _is_set:
        register_optimizer_step_pre_hook(_before_step)
        _is_set = True


def _before_step(optimizer: torch.optim.Optimizer, *_: Any) -> None:
    if not _guarded:
        return
    with compat.without_torch_function(), torch.no_grad():
        found = {compat.storage_key(tensor) for tensor in all_that_is_written(optimizer)}
        keys = {key for key in found if key is not None}
        for recording in list(_guarded):
            for key in keys & recording._shared.keys():
                _save(recording._shared.pop(key))


def _save(values: Iterable[Kept]) -> None:
    copies: dict[Any, torch.Tensor] = {}
    for kept in values:
        if kept.version is not None and kept.version == compat.version(kept.value):
            layout = (kept.value.storage_offset(), tuple(kept.value.shape), kept.value.stride(), kept.value.dtype)
            if layout not in copies:
                copies[layout] = kept.value.clone()
            kept.value, kept.version = copies[layout], None
