"""Checks an edited recording against the real program with the same override, made by other means."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

import graphtools as gt
from graphtools import catalog, compat
from graphtools.structure import tensors
from tests.zoo.case import Case, same, seed

Changes = tuple[tuple[str, Callable[..., Any]], ...]


class Overridden(TorchFunctionMode):
    """Runs the `number`-th call of `target` with changes, and keeps a copy of what every call gave."""

    def __init__(self, target: str, number: int, changes: Changes) -> None:
        super().__init__()
        self.target, self.number, self.changes = target, number, changes
        self.met = 0
        self.seen: list[tuple[str, list[torch.Tensor]]] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        callee = catalog.describe(func)
        if callee.treatment == "pass" or compat.in_backward() or compat.in_functorch():
            return func(*args, **kwargs)
        target = callee.target
        is_changed = target == self.target and self.met == self.number
        for what, to in self.changes if is_changed else ():
            if what == "operation":
                func, target = to, catalog.public_name(to)
        versions = {id(tensor): compat.version(tensor) for _, tensor in tensors((args, kwargs))}
        result = func(*args, **kwargs)
        written = args[0] if result is None and args else result
        if not isinstance(written, torch.Tensor) or versions.get(
            id(written), compat.version(written)
        ) == compat.version(written):
            written = None
        if is_changed:
            result = self._changed(result, written)
        self.met += callee.target == self.target
        given = args[0] if result is None and args else result
        self.seen.append((target, [tensor.detach().clone() for _, tensor in tensors(given)]))
        return result

    def _changed(self, result: Any, written: torch.Tensor | None) -> Any:
        for what, to in self.changes:
            if what == "value" and written is not None:
                written.data.copy_(to(written.detach().clone()))
            elif what == "value":
                result = to(result)
        for what, to in self.changes:
            if what == "gradient":
                (written if result is None else result).register_hook(to)
        return result


def loss_of(output: Any, _: Any = None) -> torch.Tensor:
    """A number to differentiate: every floating point tensor of the output, squared and summed."""
    parts = [t.float().square().mean() for _, t in tensors(output) if t.is_floating_point() and t.requires_grad]
    return torch.stack(parts).sum()


class Subject:
    """A case, its recording (a forward pass, or a training step), and the changes that can be tried on it."""

    def __init__(self, case: Case, train: bool) -> None:
        self.case, self.train = case, train
        self.model, args, kwargs = case.build(train)
        seed(7)
        self.args, self.kwargs = args, kwargs
        self.recording = self._record()

    def _record(self) -> gt.Recording:
        if not self.train:
            with torch.no_grad():
                return gt.run(self.model, *self.args, **self.kwargs)
        assert isinstance(self.model, nn.Module) and not (self.args and self.kwargs)
        optimizer = torch.optim.SGD(self.model.parameters(), lr=0.01, momentum=0.9)
        return gt.training_step(self.model, (self.kwargs or self.args, None), loss_of, optimizer)

    def places(self, what: str) -> list[str]:
        """Names of the operations that can be changed: those that give one floating point tensor."""
        graph = self.recording.graph
        found = []
        for node in graph.operations:
            if not node.target.startswith(("torch.", "operator.")) or len(node.outputs) != 1 or node.outputs[0].path:
                continue
            if node.target.startswith("torch.nn.modules") or node.target.endswith("__set__"):
                continue
            if not node.outputs[0].spec.dtype.startswith(("f", "bf")):
                continue
            if what == "gradient":
                kept = self.recording.content.values.get(node.name, {}).get(())
                if kept is None or not kept.requires_grad:
                    continue
            found.append(node.name)
        return found

    def problems(self, name: str, *changes: tuple[str, Callable[..., Any]]) -> list[str]:
        """What differs between the branch and the real program with the same changes, made one after the other."""
        graph = self.recording.graph
        node = graph[name]
        number = [other.name for other in graph.operations if other.target == node.target].index(name)
        what = ", then ".join(what for what, _ in changes)
        branch = self.recording
        with torch.set_grad_enabled(self.train):
            for kind, to in changes:
                if branch.failure is not None:
                    return []
                branch = gt.edit(branch, name, to, kind)  # type: ignore[arg-type]
        model, args, kwargs = self.case.build(self.train)
        seed(7)
        override = Overridden(node.target, number, changes)
        error: Exception | None = None
        output: Any = None
        with override, torch.set_grad_enabled(self.train):
            try:
                output = model(*args, **kwargs)
                if self.train:
                    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
                    loss_of(output).backward()
            except Exception as raised:
                error = raised
        found: list[str] = []
        if (error is None) != (branch.failure is None):
            return [f"{name} {what}: the program raised {error!r}, the branch {branch.failure}"]
        if isinstance(branch.error, gt.EditError) and "cannot register a hook" in str(error):
            return []
        if error is not None:
            return [] if type(error).__name__ == branch.failure.type else [f"{name} {what}: {error!r}"]  # type: ignore[union-attr]
        if self.train:
            optimizer.step()
            for path, parameter in model.named_parameters():
                if parameter.grad is None:
                    continue
                found += _difference(f"{name} {what}: gradient of {path}", parameter.grad, branch.grad(path))
                found += _difference(f"{name} {what}: update of {path}", parameter, branch.update(path).after)
        expected = Counter(target for target, _ in override.seen)
        seen = iter(override.seen)
        for operation in branch.graph.operations:
            if operation.target not in expected:
                continue
            target, values = next(seen, ("nothing more", []))
            while target != operation.target and target != "nothing more":  # a question the recorder does not list
                target, values = next(seen, ("nothing more", []))
            if target != operation.target:
                found.append(f"{name} {what}: the branch ran {operation.name}, the program did not")
                break
            if branch.content.values.get(operation.name) and "empty" not in operation.target:
                kept = [value for _, value in tensors(branch.value(operation))]
                if values and kept:
                    found += _difference(f"{name} {what}: {operation.name}", values, kept)
        return found


def _difference(place: str, expected: Any, found: Any) -> list[str]:
    expected = expected.detach() if isinstance(expected, torch.Tensor) else expected
    problem = same(expected, found)
    return [] if problem is None else [f"{place}: {problem}"]
