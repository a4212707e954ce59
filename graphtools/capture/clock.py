"""How long things take: by the processor's clock, and for what runs on a GPU by events in its own queue.

A GPU works behind the processor: the time until the call returns says nothing about the work. An event before and one
after it in the same stream do, and are read when the recording is looked at, so that nothing waits while it runs.
"""

from __future__ import annotations

import time
from typing import Any

from graphtools import compat


class Moment:
    """A point in time, on the processor and, where CUDA is in use, in the queue of the current stream."""

    __slots__ = ("event", "seconds")

    def __init__(self) -> None:
        self.event: Any = compat.cuda_event() if compat.is_cuda_used() else None
        self.seconds = time.perf_counter()


class Lapse:
    """The time between two moments of work on a GPU; see `seconds_of`."""

    __slots__ = ("end", "start")

    def __init__(self, start: Moment, end: Moment) -> None:
        self.start = start
        self.end = end


def since(start: Moment, result: Any) -> float | Lapse:
    """The time from `start` until now, that of the GPU where `result`, a nest of tensors, is on the current one."""
    if start.event is not None and compat.is_on_current_gpu(result):
        return Lapse(start, Moment())
    return time.perf_counter() - start.seconds


def between(start: Moment, end: Moment, result: Any) -> float | Lapse:
    """The time between two moments, as `since`."""
    if start.event is not None and end.event is not None and compat.is_on_current_gpu(result):
        return Lapse(start, end)
    return end.seconds - start.seconds


def seconds_of(lapse: float | Lapse, share: int = 1) -> float:
    """The time in seconds, divided among `share`. Waits until the GPU has come so far."""
    seconds = compat.cuda_seconds(lapse.start.event, lapse.end.event) if isinstance(lapse, Lapse) else lapse
    return seconds / share
