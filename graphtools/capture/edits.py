"""Changes made to a run while it happens, and stored results that stand in for operations already known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch

from graphtools import compat
from graphtools.structure import tensors

What = Literal["value", "gradient", "operation"]


@dataclass(frozen=True, slots=True)
class Edit:
    """One change at the operation named `node`: of its value, of the gradient that arrives there, or of the operation.

    `to` takes the original (for "operation": the arguments) and gives what takes its place. `writes` says that the
    operation wrote into memory that it was given.
    """

    node: str
    what: What
    to: Callable[..., Any]
    writes: bool = False

    def run(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """What the operation gives with this change."""
        if self.what == "operation":
            return self.to(*args, **kwargs)
        result = function(*args, **kwargs)
        if self.what == "gradient":
            for _, tensor in tensors(args[0] if result is None and self.writes else result):
                if tensor.requires_grad:
                    tensor.register_hook(self.to)
                    return result
            raise ValueError(f"no gradient arrives at {self.node}: its value does not require one")
        written = args[0] if result is None and args else result
        given = [tensor for _, tensor in tensors((args, kwargs))]
        # An operation that wrote what it gives back: who else holds this tensor sees the change too.
        if self.writes and isinstance(written, torch.Tensor) and any(written is tensor for tensor in given):
            with torch.no_grad():
                written.data.copy_(self.to(written.detach().clone()))
            return result
        return self.to(result)


class Served:
    """The results of a run that a second, equal run takes over instead of computing them, up to node `until`.

    A result is handed out as a lazy clone, which is copied when somebody writes into it. `served` names those given.
    """

    def __init__(
        self, results: Mapping[str, tuple[torch.Tensor, bool]], until: str, overwriting: frozenset[str] = frozenset()
    ) -> None:
        self._results = results
        self._overwriting = overwriting  # operations that need not write: what was served is their result already
        self._until = until
        self._is_over = False
        self.served: set[str] = set()

    def result(self, name: str, args: tuple[Any, ...]) -> torch.Tensor | None:
        """The result of the operation `name`; None where it must run."""
        if self._is_over:
            return None
        if name == self._until:
            self._is_over = True
            return None
        if name in self._overwriting:
            self.served.add(name)
            return args[0]  # type: ignore[no-any-return]
        found = self._results.get(name)
        if found is None:
            return None
        stored, requires_grad = found
        self.served.add(name)
        return compat.lazy_clone(stored.detach().requires_grad_(requires_grad))
