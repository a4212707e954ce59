"""Checks a recording against plain PyTorch: results, gradients, buffers, random state and hooks, bit for bit."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.nn.modules import module as torch_module

import graphtools as gt
from graphtools.structure import tensors
from tests.zoo.case import Case, same, seed


@dataclass
class Report:
    """What a check of one case in one mode found; empty `problems` mean that everything was equal."""

    n_operations: int = 0
    problems: list[str] = field(default_factory=list)

    def expect(self, what: str, difference: str | None) -> None:
        """Adds a problem if there is a difference."""
        if difference is not None:
            self.problems.append(f"{what}: {difference}")


def check(case: Case, train: bool) -> Report:
    """Runs the case plainly and recorded, from equal models and seeds, and compares everything that can differ."""
    report = Report()
    with case.silenced():
        try:
            plain = _Observed(case, train, recorded=False)
        except Exception as error:  # this version of torch cannot run it; recorded, it must say the same
            try:
                _Observed(case, train, recorded=True)
            except Exception as same_error:
                report.expect("error", None if repr(same_error) == repr(error) else f"{error!r} and {same_error!r}")
            else:
                report.problems.append(f"plain PyTorch raised {error!r}, recorded it ran")
            return report
        recorded = _Observed(case, train, recorded=True)
    report.expect("result", same(plain.result, recorded.result))
    report.expect("gradients", same(plain.gradients, recorded.gradients))
    report.expect("state", same(plain.state, recorded.state))
    report.expect("random state", same(plain.rng, recorded.rng))
    report.expect("hooks", None if plain.hooks == recorded.hooks else f"{plain.hooks} and {recorded.hooks}")
    recording = recorded.recording
    assert recording is not None
    graph = recording.graph
    report.n_operations = len(graph.operations)
    expected = recorded.leaves
    with case.silenced():
        if graph.output is None:
            report.expect("output", "the graph has none")
            return report
        kept = [recording.value(graph.output, output.path) for output in graph.output.outputs]
        report.expect("recorded output", same(expected, kept))
        for turn in ("replay", "second replay"):
            seed(1)
            replayed = [tensor.detach() for _, tensor in tensors(gt.replay(recording))]
            report.expect(turn, same(expected, replayed))
    report.expect("JSON", None if gt.Graph.from_json(graph.to_json()) == graph else "another graph came back")
    return report


class _Observed:
    def __init__(self, case: Case, train: bool, recorded: bool) -> None:
        model, args, kwargs = case.build(train)
        seed(7)
        self.recording: gt.Recording | None = None
        with torch.set_grad_enabled(train):
            if recorded and isinstance(model, nn.Module):
                with gt.record(model) as self.recording:
                    self.result = model(*args, **kwargs)
            elif recorded:

                @functools.wraps(model)
                def keep_result(*args: Any, **kwargs: Any) -> Any:
                    self.result = model(*args, **kwargs)
                    return self.result

                self.recording = gt.run(keep_result, *args, **kwargs)
            else:
                self.result = model(*args, **kwargs)
        self.rng = torch.get_rng_state()
        # Cloned now: the backward pass and later steps may write in place.
        self.leaves = [tensor.detach().clone() for _, tensor in tensors(self.result)]
        self.gradients: list[Any] = []
        module = model if isinstance(model, nn.Module) else nn.Module()
        if train:
            self.gradients = _gradients(module, self.result)
        self.state = {name: fingerprint(value) for name, value in module.state_dict(keep_vars=True).items()}
        self.hooks = [
            (
                len(m._forward_hooks),
                len(m._forward_pre_hooks),
                len(m._backward_hooks),
                type(m).__call__ is nn.Module.__call__,
            )
            for m in module.modules()
        ]
        self.hooks.append((len(torch_module._global_forward_hooks), len(torch_module._global_forward_pre_hooks)))
        self.hooks.append((torch._C._len_torch_function_stack(), torch.autograd.Function.__dict__["apply"]))


def _gradients(module: nn.Module, result: Any) -> list[Any]:
    losses = [
        (tensor.abs() if tensor.is_complex() else tensor).double().sum()
        for _, tensor in tensors(result)
        if tensor.requires_grad and not tensor.is_nested
    ]
    if not losses:
        return []
    try:
        torch.stack([loss.reshape(()) for loss in losses]).sum().backward()
    except RuntimeError as error:  # an operation without a derivative: equally so when recorded
        return [str(error)]
    return [None if p.grad is None else fingerprint(p.grad) for p in module.parameters()]


def fingerprint(tensor: Any) -> Any:
    """A digest of a tensor's bits, so that two copies of a large model are never held; a copy where bits are hidden."""
    tensor = tensor.detach() if isinstance(tensor, torch.Tensor) else tensor
    try:
        flat = tensor.contiguous().reshape(-1)
        if flat.stride() != (1,):  # one element, seen by an expanded view
            flat = torch.empty(flat.shape, dtype=flat.dtype).copy_(flat)
        data = flat.view(torch.uint8).numpy()
    except (RuntimeError, TypeError, AttributeError, NotImplementedError):
        return tensor.clone() if isinstance(tensor, torch.Tensor) else tensor
    return f"{tensor.dtype}{list(tensor.shape)} {hashlib.blake2b(data, digest_size=12).hexdigest()}"
