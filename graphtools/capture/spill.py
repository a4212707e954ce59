"""Keeps the values of a recording within a limit of host memory: past it the oldest go to a temporary file."""

from __future__ import annotations

import tempfile
import threading
import weakref
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from graphtools import compat
from graphtools.recording import Kept, ValueLost

if TYPE_CHECKING:
    from graphtools.capture.values import Value


class Store:
    """A temporary file that values are appended to; gone with the last of them."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="graphtools-")  # noqa: SIM115 (lives as long as the values)
        self._lock = threading.Lock()  # all share the file's position
        weakref.finalize(self, self._file.close)

    def append(self, flat: torch.Tensor) -> int:
        """Writes a contiguous tensor of one dimension and returns where it begins. Raises OSError."""
        with self._lock:
            offset = self._file.seek(0, 2)
            if flat.numel():
                self._file.write(flat.view(torch.uint8).numpy().data)
            return offset

    def read(self, offset: int, n_bytes: int) -> bytearray:
        """The bytes there; fewer if the file was cut short."""
        with self._lock:
            self._file.seek(offset)
            return bytearray(self._file.read(n_bytes))


@dataclass(frozen=True, slots=True)
class Spilled:
    """A tensor in a store; calling it reads it back."""

    store: Store
    offset: int
    n_bytes: int
    dtype: torch.dtype
    shape: torch.Size

    def __call__(self) -> torch.Tensor:
        if self.n_bytes == 0:
            return torch.empty(self.shape, dtype=self.dtype)
        found = self.store.read(self.offset, self.n_bytes)
        if len(found) != self.n_bytes:
            raise ValueLost("the temporary file that held this value was cut short")
        with compat.without_torch_function():
            return torch.frombuffer(found, dtype=self.dtype).reshape(self.shape)


class Budget:
    """Counts the host memory of kept values, and moves the oldest to disk when it exceeds `limit_bytes`.

    Only plain CPU tensors count and move. `n_spilled` and `n_dropped` values went to disk, or were given up because the
    disk did not take them.
    """

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.n_spilled = self.n_dropped = self.spilled_bytes = 0
        self._n_bytes = 0
        self._sizes: dict[int, int] = {}  # by storage
        self._queue: deque[tuple[int, list[Value]]] = deque()
        self._by_storage: dict[int, list[Value]] = {}
        self._store: Store | None = None

    def admit(self, value: Value, tensor: torch.Tensor) -> None:
        """Counts a value just kept, and makes room for it."""
        if not _can_move(tensor):
            return
        key = compat.storage_key(tensor)
        if key is None:
            return
        values = self._by_storage.get(key)
        if values is None:
            values = self._by_storage[key] = []
            self._queue.append((key, values))
            self._sizes[key] = tensor.untyped_storage().nbytes()
            self._n_bytes += self._sizes[key]
        values.append(value)
        while self._n_bytes > self.limit_bytes and self._queue:
            self._spill_oldest()

    def admit_copy(self, copy: torch.Tensor) -> Callable[[], torch.Tensor] | None:
        """Counts a copy, or a gradient; returns how to read it back if there is no room, None if it may stay."""
        if not _can_move(copy):
            return None
        n_bytes = copy.numel() * copy.element_size()
        if self._n_bytes + n_bytes <= self.limit_bytes:
            self._n_bytes += n_bytes
            return None
        return self._written(copy)

    def _spill_oldest(self) -> None:
        key, values = self._queue.popleft()
        self._n_bytes -= self._sizes.pop(key)
        self._by_storage.pop(key, None)
        for value in values:
            tensor = value.tensor
            if tensor is not None and value.kept and not value.is_safe:
                value.give_up_tensor(self._written(tensor))

    def _written(self, tensor: torch.Tensor) -> Callable[[], torch.Tensor]:
        with compat.without_torch_function(), torch.no_grad():
            flat = tensor.detach().contiguous().reshape(-1)
            n_bytes = flat.numel() * flat.element_size()
            try:
                if self._store is None:
                    self._store = Store()
                offset = self._store.append(flat)
            except OSError as error:
                self.n_dropped += 1
                return _Dropped(f"it was not kept: no memory within the limit, and none on disk ({error})")
            self.n_spilled += 1
            self.spilled_bytes += n_bytes
            return Spilled(self._store, offset, n_bytes, tensor.dtype, tensor.shape)

    def notes(self) -> list[str]:
        """What the recording says of it."""
        found = []
        if self.n_spilled:
            found.append(
                f"{self.n_spilled} values ({self.spilled_bytes / 2**20:.1f} MiB) are on disk: with them the recording "
                f"would have taken more than its limit of {self.limit_bytes / 2**20:.1f} MiB"
            )
        if self.n_dropped:
            found.append(f"{self.n_dropped} values were not kept: neither memory nor disk had room")
        return found

    def kept(self, gradient: Any) -> Any:
        """A gradient, or where there is no room for it what reads it back."""
        if not isinstance(gradient, torch.Tensor):
            return gradient
        reader = self.admit_copy(gradient)
        return gradient if reader is None else Kept(None, recipe=reader)


@dataclass(frozen=True, slots=True)
class _Dropped:
    reason: str

    def __call__(self) -> torch.Tensor:
        raise ValueLost(self.reason)


def _can_move(tensor: torch.Tensor) -> bool:
    return (
        type(tensor) in (torch.Tensor, torch.nn.Parameter)
        and tensor.device.type == "cpu"
        and tensor.layout is torch.strided
        and not tensor.is_quantized
        and not tensor.is_conj()
        and not tensor.is_neg()
    )
