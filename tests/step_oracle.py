"""Checks a recorded training step against plain PyTorch: values, all gradients, updates, and the state left behind."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

import graphtools as gt
from graphtools import catalog, compat
from tests.edit_oracle import loss_of
from tests.oracle import Report, fingerprint
from tests.zoo.case import Case, same, seed


class Watched(TorchFunctionMode):
    """Keeps, by a hook on each result, the gradient that plain autograd gives every intermediate value."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, Any, list[Any]]] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        callee = catalog.describe(func)
        given = args[0] if result is None and callee.writes and args else result
        if callee.treatment == "record" and isinstance(given, torch.Tensor) and not _is_inner():
            gradients: list[Any] = []
            with compat.without_torch_function():
                if given.requires_grad and not given.is_leaf:
                    given.register_hook(lambda gradient: gradients.append(fingerprint(gradient)))
            self.seen.append((callee.target, fingerprint(given), gradients))
        return result


def _is_inner() -> bool:
    return compat.in_backward() or compat.in_functorch()


def check_step(case: Case) -> Report:
    """Runs one SGD step with momentum plainly and recorded, from equal models and seeds, one after the other."""
    report = Report()
    with case.silenced():
        plain = _Plain(case)
        model, args, kwargs = case.build(True)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
        seed(7)
        with gt.record(model) as recording:
            loss_of(model(*args, **kwargs)).backward()
            optimizer.step()
        report.expect("random state", same(plain.rng, torch.get_rng_state()))
        report.n_operations = len(recording.events)
        report.expect("state left", same(plain.left, _left(model, optimizer)))
        for name, (gradient, after) in plain.parameters.items():
            report.expect(f"gradient of {name}", same(gradient, fingerprint(recording.grad(name))))
            report.expect(f"update of {name}", same(after, fingerprint(recording.update(name).after)))
        report.problems += _compare_intermediates(recording, plain.watched)
    return report


class _Plain:
    """The digests of a plain step; its model is gone when this is made, so that two large ones are never held."""

    def __init__(self, case: Case) -> None:
        model, args, kwargs = case.build(True)
        assert isinstance(model, nn.Module)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
        seed(7)
        self.watched = Watched()
        with self.watched:
            loss = loss_of(model(*args, **kwargs))
        loss.backward()
        optimizer.step()
        self.rng = torch.get_rng_state()
        self.left = _left(model, optimizer)
        self.parameters = {
            name: (fingerprint(parameter.grad), fingerprint(parameter))
            for name, parameter in model.named_parameters()
            if parameter.grad is not None
        }


def _left(model: nn.Module, optimizer: torch.optim.Optimizer) -> list[Any]:
    found: list[Any] = [fingerprint(value) for value in model.state_dict(keep_vars=True).values()]
    found += [None if p.grad is None else fingerprint(p.grad) for p in model.parameters()]
    for state in optimizer.state.values():
        found += [fingerprint(item) if isinstance(item, torch.Tensor) else item for item in state.values()]
    return found


def _compare_intermediates(recording: gt.Recording, watched: Watched) -> list[str]:
    """Values and gradients of all results, matched in order by operation; without opaque ones."""
    problems: list[str] = []
    seen = iter(watched.seen)
    for node in recording.graph.operations:
        if not node.target.startswith(("torch.", "operator.")) or len(node.outputs) != 1 or node.outputs[0].path:
            continue
        kept = recording.content.values.get(node.name, {}).get(())
        if kept is None or "empty" in node.target or node.target.endswith("__set__"):
            continue
        value = fingerprint(recording.value(node))
        match = next((s for s in seen if s[0] == node.target and same(s[1], value) is None), None)
        if match is None:
            if not recording.graph.live or not recording.graph.live.modules:
                problems.append(f"{node.name}: no such value in the plain run")
            return problems
        gradients = match[2]
        recorded = recording.grad(node)
        if gradients and (recorded is None or same(gradients[-1], fingerprint(recorded)) is not None):
            problems.append(f"gradient of {node.name} differs")
    return problems


def has_step(case: Case) -> bool:
    """True if the case has something to train: a module with parameters that the result depends on."""
    if {"no-train", "no-gradient"} & case.traits:
        return False
    with case.silenced():
        model, args, kwargs = case.build(True)
        if not isinstance(model, nn.Module) or not any(p.requires_grad for p in model.parameters()):
            return False
        if any(nn.parameter.is_lazy(p) for p in model.parameters()):  # no optimizer takes it
            return False
        try:
            loss_of(model(*args, **kwargs)).backward()
        except RuntimeError:
            return False
        return True
