"""Keeps recordings whole while training goes on: saves what they share with a model before an optimizer overwrites it.

A recording holds parameters, gradients and optimizer states by reference. Before each optimizer step, what living
recordings share with what is about to change is copied.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterable
from typing import Any

import torch

from graphtools import compat
from graphtools.capture import optimizers
from graphtools.capture.updates import all_that_is_written
from graphtools.recording import Kept, Recording

_lock = threading.Lock()
_guarded: weakref.WeakSet[Recording] = weakref.WeakSet()


def guard(recording: Recording, shared: dict[int, list[Kept]]) -> None:
    """Watches over `shared`, values by the memory they live in, for as long as `recording` lives."""
    if shared:
        recording._shared = shared
        with _lock:
            _guarded.add(recording)


def save_shared(written: Iterable[torch.Tensor]) -> None:
    """Copies what living recordings share with tensors that are about to be written."""
    with compat.without_torch_function(), torch.no_grad():
        keys = {key for key in map(compat.storage_key, written) if key is not None}
        with _lock:
            living = list(_guarded)
        for recording in living:
            for key in keys & recording._shared.keys():
                _save(recording._shared.pop(key))


class _Guard:
    def before_step(self, optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
        if _guarded:
            save_shared(all_that_is_written(optimizer))

    def after_step(self, optimizer: torch.optim.Optimizer) -> None:
        pass


optimizers.watch(_Guard())


def _save(values: Iterable[Kept]) -> None:
    copies: dict[Any, torch.Tensor] = {}
    for kept in values:
        if kept.version is not None and kept.version == compat.version(kept.value):
            layout = (kept.value.storage_offset(), tuple(kept.value.shape), kept.value.stride(), kept.value.dtype)
            if layout not in copies:
                copies[layout] = kept.value.clone()
            kept.value, kept.version = copies[layout], None
