"""The states of random numbers of a training: torch's, Python's and numpy's together."""

from __future__ import annotations

import random
import sys
from collections.abc import Mapping
from typing import Any

import torch


def random_state() -> dict[str, Any]:
    """All states of random numbers: torch's on the CPU and each GPU, Python's, and numpy's if it was imported."""
    state: dict[str, Any] = {"torch": torch.get_rng_state(), "python": random.getstate()}
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        state["cuda"] = torch.cuda.get_rng_state_all()
    if "numpy" in sys.modules:
        state["numpy"] = sys.modules["numpy"].random.get_state()
    return state


def plain_random(state: Mapping[str, Any]) -> dict[str, Any]:
    """The same of tensors and plain values, for a checkpoint."""
    version, numbers, gauss = state["python"]
    plain = {**state, "python": (version, torch.tensor(numbers, dtype=torch.int64), gauss)}
    if "numpy" in state:
        name, keys, *rest = state["numpy"]
        plain["numpy"] = (name, torch.from_numpy(keys.astype("int64")), *rest)
    return plain


def set_random_state(state: Mapping[str, Any]) -> None:
    torch.set_rng_state(state["torch"])
    version, numbers, gauss = state["python"]
    random.setstate((version, tuple(numbers.tolist()) if isinstance(numbers, torch.Tensor) else numbers, gauss))
    if "cuda" in state:
        torch.cuda.set_rng_state_all(state["cuda"])
    if "numpy" in state and "numpy" in sys.modules:
        name, keys, *rest = state["numpy"]
        keys = keys.numpy().astype("uint32") if isinstance(keys, torch.Tensor) else keys
        sys.modules["numpy"].random.set_state((name, keys, *rest))
