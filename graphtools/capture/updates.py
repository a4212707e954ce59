"""Watches optimizers: what each step did to each parameter, and which gradients zero_grad cleared."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch

from graphtools import compat
from graphtools.capture.backward import BackwardWatch, StageEntry
from graphtools.capture.clock import Lapse, Moment, since
from graphtools.capture.source import Place
from graphtools.capture.values import Memory, Value
from graphtools.graph import Ref
from graphtools.recording import Update


@dataclass(slots=True)
class UpdateEntry:
    """The update of one parameter, raw. `call` is the name of the parameter's node before it."""

    call: str
    parameter: str
    optimizer: str
    group: int
    settings: dict[str, Any]
    before: Value
    grad: Value | None
    place: Place | None
    after: Value | None = None
    state: dict[str, Any] = field(default_factory=dict)
    duration: float | Lapse = 0.0
    share: int = 1  # the parameters of one optimizer step share its time
    update: Update | None = None

    def let_go(self) -> None:
        """Makes the Update of what was kept."""
        assert self.after is not None
        if self.before.final is not None and self.after.final is not None:
            state = {key: item.final if isinstance(item, Value) else item for key, item in self.state.items()}
            self.update = Update(
                self.parameter,
                self.optimizer,
                self.group,
                self.before.final,
                self.after.final,
                None if self.grad is None else self.grad.final,
                self.settings,
                {key: item for key, item in state.items() if item is not None},
            )


class UpdateWatch:
    """Turns optimizer steps into entries of `log`. `forget` makes the recorder meet a changed parameter anew."""

    def __init__(
        self,
        memory: Memory,
        log: list[Any],
        backward: BackwardWatch,
        find_leaf: Callable[[torch.Tensor], Value],
        forget: Callable[[torch.Tensor], None],
    ) -> None:
        self._memory = memory
        self._log = log
        self._backward = backward
        self._find_leaf = find_leaf
        self._forget = forget
        self._running: list[tuple[StageEntry, list[tuple[torch.Tensor, UpdateEntry]], Moment]] = []

    def begin(self, optimizer: torch.optim.Optimizer, place: Place | None) -> StageEntry:
        """Notes what the optimizer is about to read, and makes safe what it is about to overwrite."""
        stage = StageEntry("step", len(self._log), name=type(optimizer).__name__, place=place)
        pairs = []
        for number, group in enumerate(optimizer.param_groups):
            settings = {key: _plain(item) for key, item in group.items() if key != "params"}
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                before = self._find_leaf(parameter)
                target = before.call.target
                stage.before.append(target)
                grad = self._backward.gradient_of(parameter)
                entry = UpdateEntry(before.ref.node, target, stage.name, number, settings, before, grad, place)
                pairs.append((parameter, entry))
        self._memory.protect(all_that_is_written(optimizer), None)
        self._running.append((stage, pairs, Moment()))
        return stage

    def protect(self, optimizer: torch.optim.Optimizer) -> None:
        """Makes safe what the optimizer will overwrite, after its closure ran more operations."""
        self._memory.protect(all_that_is_written(optimizer), None)

    def end(self, optimizer: torch.optim.Optimizer) -> StageEntry | None:
        """Logs one entry for each parameter that had a gradient."""
        if not self._running:  # its beginning was not seen
            return None
        stage, pairs, started = self._running.pop()
        share = max(1, len(pairs))
        duration = since(started, pairs[0][0] if pairs else None)
        for parameter, entry in pairs:
            before = entry.before
            entry.after = self._hidden(before, "after", parameter)
            entry.state = {
                str(key): self._hidden(before, str(key), item) if isinstance(item, torch.Tensor) else _plain(item)
                for key, item in optimizer.state.get(parameter, {}).items()
            }
            entry.duration, entry.share = duration, share
            stage.changed.append(entry.parameter)
            self._log.append(entry)
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                self._forget(parameter)
        stage.stop = len(self._log)
        return stage

    def _hidden(self, owner: Value, word: str, tensor: torch.Tensor) -> Value:
        value = Value(tensor, Ref(f"{owner.ref.node}.{word}"), owner.call, owner.index, True, is_hidden=True)
        self._memory.add(value, tensor)
        return value


def all_that_is_written(optimizer: torch.optim.Optimizer) -> Iterator[torch.Tensor]:
    """Parameters of the optimizer, and what it holds for each."""
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            yield parameter
            for item in optimizer.state.get(parameter, {}).values():
                if isinstance(item, torch.Tensor):
                    yield item


def _plain(item: Any) -> Any:
    """A setting as a number or text: a learning rate may be a tensor."""
    if isinstance(item, torch.Tensor) and item.numel() == 1 and not compat.is_fake(item):
        return item.item()
    return item if isinstance(item, bool | int | float | str | None | tuple) else str(item)
