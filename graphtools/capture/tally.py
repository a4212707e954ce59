"""Counts what a run has done, and stops it at its limits."""

from __future__ import annotations

import time

import torch

from graphtools import compat
from graphtools.errors import LimitError
from graphtools.recording import Limits


class Tally:
    """Operations, bytes of results and seconds so far. The clock starts when this is made, and with `start`."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.n_events = 0
        self._n_bytes = 0
        self._storages: set[int | None] = set()
        self._started = time.perf_counter()

    def start(self) -> None:
        """Sets the clock to zero."""
        self._started = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Since the start."""
        return time.perf_counter() - self._started

    def check(self) -> None:
        """Raises LimitError past a limit."""
        limits = self.limits
        if limits.events is not None and self.n_events >= limits.events:
            raise LimitError(f"the run was stopped at its limit of {limits.events} operations")
        if limits.seconds is not None and self.seconds > limits.seconds:
            raise LimitError(
                f"the run was stopped at its limit of {limits.seconds:g} s, after {self.n_events} operations"
            )
        if limits.bytes is not None and self._n_bytes > limits.bytes:
            raise LimitError(
                f"the run was stopped after {self.n_events} operations: their results take {self._n_bytes} bytes, "
                f"the limit is {limits.bytes}"
            )

    def count_bytes(self, tensor: torch.Tensor) -> None:
        """Counts a result, each memory once; only where there is a limit."""
        if self.limits.bytes is None:
            return
        key = compat.storage_key(tensor)
        if key not in self._storages:
            self._storages.add(key)
            self._n_bytes += tensor.numel() * tensor.element_size()
