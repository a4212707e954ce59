"""Tells whoever watches before and after each optimizer step.

torch's own registry of optimizer hooks may not change while any thread's step goes through it. So one pair of hooks is
registered when this module is imported, stays, and does nothing while nobody watches.
"""

from __future__ import annotations

import threading
from typing import Any, Protocol

import torch
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook


class StepWatcher(Protocol):
    """What is told. Called in the thread of the step."""

    def before_step(self, optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> Any:
        """May return other `(args, kwargs)` for the step, or None."""

    def after_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Called where the step did not raise."""


_lock = threading.Lock()
_watchers: tuple[StepWatcher, ...] = ()


def watch(watcher: StepWatcher) -> None:
    """Begins to tell `watcher` of the steps in all threads."""
    global _watchers
    with _lock:
        _watchers = (*_watchers, watcher)


def unwatch(watcher: StepWatcher) -> None:
    """Ends it."""
    global _watchers
    with _lock:
        _watchers = tuple(other for other in _watchers if other is not watcher)


def _before(optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> Any:
    changed = None
    for watcher in _watchers:
        changed = watcher.before_step(optimizer, *(changed or (args, kwargs))) or changed
    return changed


def _after(optimizer: torch.optim.Optimizer, *_: Any) -> None:
    for watcher in _watchers:
        watcher.after_step(optimizer)


register_optimizer_step_pre_hook(_before)
register_optimizer_step_post_hook(_after)
