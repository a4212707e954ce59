"""Keeps the values of a run while the run may overwrite them: by reference, by a copy, or by how to compute them again.

A value is kept as the tensor itself until an operation is about to write into its memory. Then it is copied; or, where
the operation that gave it is a cheap pointwise one whose own inputs are kept, nothing is copied and the value is
computed again when somebody looks. In a residual net most batch norms are overwritten by the ReLU that follows.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from graphtools import catalog, compat
from graphtools.capture.specs import spec_of
from graphtools.capture.spill import Budget
from graphtools.graph import Ref
from graphtools.recording import Kept, ValueLost

if TYPE_CHECKING:
    from graphtools.capture.calls import Call


class Value:
    """One tensor that was met: `ref` names it, `call` gave it, `index` is that call's place (-1: it was there before).

    `tensor` (or `weak`, where values are not kept) holds its identity; `copy` or `recipe` is its value once that is not
    the tensor's own any more.
    """

    __slots__ = (
        "call",
        "copy",
        "final",
        "grad_fn",
        "index",
        "is_hidden",
        "is_needed",
        "kept",
        "output_number",
        "recipe",
        "ref",
        "requires_grad",
        "spec",
        "storage",
        "tensor",
        "version",
        "weak",
    )

    def __init__(
        self, tensor: torch.Tensor, ref: Ref, call: Call, index: int, kept: bool, is_hidden: bool = False
    ) -> None:
        self.tensor: torch.Tensor | None = tensor if kept else None
        self.weak = None if kept else weakref.ref(tensor)
        self.ref = ref
        self.call = call
        self.index = index
        self.copy: torch.Tensor | None = None
        self.recipe: Callable[[], torch.Tensor] | None = None
        self.is_needed = False  # by another value's recipe
        self.kept = kept
        self.storage: int | None = None
        self.version = None if tensor.is_inference() else tensor._version
        self.final: Kept | None = None  # what the recording holds, once it has ended
        self.requires_grad = tensor.requires_grad
        self.is_hidden = is_hidden  # no node of the graph: a gradient, an updated parameter, an optimizer's state
        self.grad_fn: Any = None
        self.output_number = 0
        if kept and self.requires_grad:
            try:
                self.grad_fn = tensor.grad_fn
                self.output_number = tensor.output_nr
            except RuntimeError:  # a view that torch forbids to differentiate; plain code may never ask
                pass
        try:
            self.spec: Any = (tensor.dtype, tensor.shape, tensor.device)
        except RuntimeError:  # a nested tensor has no single shape
            self.spec = spec_of(tensor)

    def held(self) -> torch.Tensor | None:
        """The tensor itself; None once it is gone."""
        return self.weak() if self.weak is not None else self.tensor

    def give_up_tensor(self, read: Callable[[], torch.Tensor]) -> None:
        """Lets go of the tensor; from now on the value is what `read` gives."""
        assert self.tensor is not None
        self.weak = weakref.ref(self.tensor)
        self.tensor = None
        self.recipe = read

    @property
    def is_safe(self) -> bool:
        """True if the value no longer depends on what happens to the tensor's memory."""
        return self.copy is not None or self.recipe is not None

    def let_go(self) -> None:
        """Ends the recording for this value: what is kept no longer holds the autograd graph."""
        version = None
        if not self.is_safe and self.tensor is not None and self.kept:
            try:
                self.copy = detached(self.tensor)
                version = compat.version(self.copy)  # the memory is not ours alone
            except RuntimeError:  # a wrapper of a transform that has ended
                self.kept = False
        if self.kept and self.is_safe:
            self.final = Kept(self.copy, version, self.requires_grad, self.recipe)
        self.tensor = self.grad_fn = None
        self.call = None  # type: ignore[assignment]


# Same input, same bits, whatever the number of threads; far cheaper to run again than to have copied.
_POINTWISE = frozenset(
    f"{prefix}{word}{suffix}"
    for prefix, suffix in (("operator.", ""), ("torch.", ""), ("torch.Tensor.", ""), ("torch.Tensor.", "_"))
    for word in ("add", "sub", "mul")
) | {"torch.Tensor.__iadd__", "torch.Tensor.__isub__", "torch.Tensor.__imul__"}
_BATCH_NORM = "torch.nn.functional.batch_norm"
_MOST_STEPS = 3


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to compute a value again from other kept values; calling it does, without a trace in any recording.

    `n_steps` counts the operations that one look runs. Raises ValueLost if what it needs was overwritten.
    """

    name: str
    target: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    needs: dict[Ref, Value]
    writes_first: bool
    n_steps: int

    def __call__(self) -> torch.Tensor:
        with compat.without_torch_function(), torch.no_grad(), torch.autocast("cpu", enabled=False):
            args = [self._look_up(arg) for arg in self.args]
            kwargs = {key: self._look_up(arg) for key, arg in self.kwargs.items()}
            if self.writes_first:
                args[0] = args[0].clone()
            result: torch.Tensor = catalog.named(self.target)(*args, **kwargs)
            return result

    def _look_up(self, arg: Any) -> Any:
        if not isinstance(arg, Ref):
            return arg
        kept = self.needs[arg].final
        if kept is not None and kept.recipe is not None:
            return kept.recipe()
        if kept is None or kept.version not in (None, compat.version(kept.value)):
            raise ValueLost(
                f"the value of {self.name!r} is computed from {arg.node!r} when it is looked at, and that was "
                "overwritten; clone the tensor before you change it, or record that code too"
            )
        return kept.value


class Memory:
    """Which values live in which memory, and who wrote there last."""

    def __init__(self, budget: Budget | None = None) -> None:
        self.budget = budget
        self.values: list[Value] = []
        self.writers: dict[int, Call] = {}
        self.exposed: set[int] = set()  # storages that numpy shares
        self.shared: dict[int, list[Kept]] = {}  # after the end: values that live in the user's own memory
        self._indexed = 0  # how many of `values` stand in the two tables below
        self._by_storage: dict[int, list[Value]] = {}
        self._by_ref: dict[Ref, Value] = {}

    def add(self, value: Value, tensor: torch.Tensor) -> None:
        """Takes up a value just met, whose tensor this is."""
        self.values.append(value)
        if self.budget is not None and value.kept and value.index >= 0 and not value.is_hidden:
            self.budget.admit(value, tensor)
        if self.exposed and value.kept and self.storage(value) in self.exposed:
            with torch.no_grad():
                value.copy = detached(tensor).clone()

    def storage(self, value: Value) -> int | None:
        """The key of the memory that a value lives in."""
        if value.storage is None:
            tensor = value.held()
            value.storage = None if tensor is None else compat.storage_key(tensor)
        return value.storage

    def writer_after(self, value: Value) -> Call | None:
        """The operation that last wrote into the value's memory since the value was given; None if none did."""
        writer = self.writers.get(value.storage or self.storage(value) or -1)
        return writer if writer is not None and writer.index > value.index else None

    def is_overwritten_unseen(self, value: Value, tensor: torch.Tensor) -> bool:
        """True if the tensor changed since it was met and no recorded operation did it: numpy, an optimizer, C++."""
        if self.exposed and self.storage(value) in self.exposed:
            return value.copy is not None and not _same_bits(value.copy, tensor)
        if value.version is None or value.version == tensor._version:
            return False
        if self.writer_after(value) is not None:
            value.version = compat.version(tensor)
            return False
        return True

    def expose(self, tensor: torch.Tensor) -> None:
        """Notes that Python shares the tensor's memory from now on and may write it without a trace."""
        key = compat.storage_key(tensor)
        if key is not None:
            self.protect(iter([tensor]), None)
            self.exposed.add(key)

    def protect(self, overwritten: Iterator[torch.Tensor], call: Call | None, lost: bool = False) -> tuple[str, ...]:
        """Makes every kept value safe that lives in the memory about to be overwritten; returns the nodes that lose it.

        With `lost` the memory has been overwritten already, and the values are given up.
        """
        for value in self.values[self._indexed :]:
            self._by_ref[value.ref] = value
            key = value.storage or self.storage(value)
            if key is not None:
                known = self._by_storage.get(key)
                if known is None:
                    self._by_storage[key] = [value]
                else:
                    known.append(value)
        self._indexed = len(self.values)
        writes: dict[str, None] = {}
        copies: dict[int, torch.Tensor] = {}
        for tensor in overwritten:
            key = compat.storage_key(tensor)
            if key is None:
                continue
            for value in self._by_storage.pop(key, ()):
                if not value.is_hidden:
                    writes[value.ref.node] = None
                if value.kept and not value.is_safe and value.tensor is not None:
                    if lost:
                        value.kept = False
                    else:
                        self._make_safe(value, value.tensor, key, copies)
            if call is not None:
                self.writers[key] = call
        return tuple(writes)

    def _make_safe(self, value: Value, tensor: torch.Tensor, storage: int, copies: dict[int, torch.Tensor]) -> None:
        value.recipe = self._recipe(value, tensor, storage)
        if value.recipe is not None:
            value.tensor = None
            return
        value.copy = copies.get(id(tensor))
        if value.copy is None:
            with torch.no_grad():
                value.copy = copies[id(tensor)] = detached(tensor).clone()
            read = self.budget.admit_copy(value.copy) if self.budget is not None else None
            if read is not None:
                value.recipe, value.copy = read, None
                value.tensor = None

    def _recipe(self, value: Value, tensor: torch.Tensor, storage: int) -> Recipe | None:
        call = value.call
        target = call.target
        is_batch_norm = target == _BATCH_NORM
        if (
            not (is_batch_norm or target in _POINTWISE)
            or value.is_needed
            or type(tensor) is not torch.Tensor
            or tensor.device.type != "cpu"
            or len(call.values) != 1
            or call.after
            or call.autocast is not None
            or call.edits
            or self.is_overwritten_unseen(value, tensor)
            or tensor.numel() < 4096
        ):
            return None
        args, kwargs = call.args, call.kwargs
        if is_batch_norm and kwargs.get("training", args[5] if len(args) > 5 else False):
            # The statistics of the batch: independent of the number of threads for this layout only.
            if not tensor.is_contiguous() or len(args) < 3:
                return None
            args = (args[0], None, None, *args[3:])
        needs: dict[Ref, Value] = {}
        n_steps = 1
        for arg in (*args, *kwargs.values()):
            if isinstance(arg, Ref):
                needed = self._by_ref.get(arg)
                if needed is None or not self._can_need(needed, tensor, storage):
                    return None
                needs[arg] = needed
                n_steps += needed.recipe.n_steps if isinstance(needed.recipe, Recipe) else 0
            elif not (arg is None or isinstance(arg, int | float)):
                return None
        if n_steps > _MOST_STEPS:
            return None
        for needed in needs.values():
            needed.is_needed = True
            if needed.index < 0 and not needed.is_safe and needed.tensor is not None:
                with torch.no_grad():  # small, and the user's own: the next training step may write it
                    needed.copy = detached(needed.tensor).clone()
        return Recipe(value.ref.node, target, args, kwargs, needs, bool(call.writes) and not is_batch_norm, n_steps)

    def _can_need(self, needed: Value, tensor: torch.Tensor, storage: int) -> bool:
        if not needed.kept:
            return False
        if needed.is_safe:
            return True
        held = needed.tensor
        return (
            held is not None
            and type(held) in (torch.Tensor, nn.Parameter)
            and self.storage(needed) != storage
            and needed.version is not None
            and needed.version == compat.version(held)
            and (needed.index >= 0 or held.numel() * 16 <= tensor.numel())
        )

    def let_go(self) -> None:
        """Ends the recording: recorded values must not keep the autograd graph alive, nor share what is only a
        tensor's own (its shape)."""
        with compat.without_torch_function(), torch.no_grad():
            for value in self.values:
                held = value.tensor
                if held is not None and value.kept and not value.is_safe and self.is_overwritten_unseen(value, held):
                    value.kept = False
                value.let_go()
                if value.index < 0 and value.final is not None and value.final.version is not None:
                    key = compat.storage_key(value.final.value)
                    if key is not None:
                        self.shared.setdefault(key, []).append(value.final)
        self.values.clear()
        self.writers.clear()
        self._by_storage.clear()
        self._by_ref.clear()


def detached(tensor: torch.Tensor) -> torch.Tensor:
    """The tensor's values without its gradient, of the same class (a parameter becomes a plain tensor)."""
    kind = type(tensor)
    plain = tensor.detach()
    return plain if kind in (torch.Tensor, nn.Parameter, type(plain)) else plain.as_subclass(kind)


def _same_bits(one: torch.Tensor, other: torch.Tensor) -> bool:
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    return bool(((one == other) | ((one != one) & (other != other))).all())
