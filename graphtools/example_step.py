"""One training step of a model that was loaded by name, with a loss and an optimizer where the file names none."""

from __future__ import annotations

import inspect
import os
from typing import Any

import torch
from torch import nn

from graphtools.capture.api import record_program, run
from graphtools.capture.eager import Recorder
from graphtools.capture.program import Program
from graphtools.errors import LoadError
from graphtools.example_loss import ExampleLoss, LossName, OptimizerName, example_optimizer
from graphtools.loading import Loaded
from graphtools.recording import Limits, Recording
from graphtools.structure import replace_leaves, tensors
from graphtools.training import named_target, training_step


def example_step(
    loaded: Loaded,
    notes: list[str],
    *,
    loss: LossName | None = None,
    optimizer: OptimizerName | None = None,
    lr: float | None = None,
    seed: int = 0,
    limits: Limits = Limits(),
    limit_bytes: int | None = None,
) -> Recording:
    """One recorded training step of `loaded` on its example inputs; `notes` gets a line on the loss and the optimizer.

    A project's or file's own loss and optimizer count, unless others are asked for. The model's own loss counts if
    `labels` are among its inputs; else see `ExampleLoss`. The optimizer is SGD where nothing says another. A module
    without trainable parameters raises LoadError, and what the step raises comes out with the run so far as its
    `recording`.
    """
    model = loaded.model
    if not isinstance(model, nn.Module):
        raise LoadError(f"{loaded.name} is a function and has no parameters to train; leave out --train")
    left_out = _give_own(loaded, model) if loaded.module is not None and loaded.project is None else ""
    if loaded.optimizer is not None and optimizer is None and lr is None:
        chosen, optimizer_note = loaded.optimizer, loaded.optimizer_note
    else:
        chosen, optimizer_note = example_optimizer(model, optimizer or "sgd", lr)
    given: ExampleLoss | None = None
    batch: Any
    loss_note = "the model's own, from its labels"
    if loaded.loss_fn is not None and loaded.batch_target is not None and loss is None:
        inputs = _keyword_inputs(loaded) if loaded.kwargs else loaded.args
        try:
            return training_step(
                model, (inputs, loaded.batch_target), loaded.loss_fn, chosen, limits=limits, limit_bytes=limit_bytes
            )
        finally:
            notes += [f"loss: {loaded.loss_note}", f"optimizer: {optimizer_note}"]
    if "labels" in loaded.kwargs and loss is None:
        batch = _keyword_inputs(loaded)
    else:
        given = ExampleLoss(loss, seed, _tokens(loaded))
        batch = (_keyword_inputs(loaded) if loaded.kwargs else loaded.args), None
    try:
        return training_step(model, batch, given, chosen, limits=limits, limit_bytes=limit_bytes)
    finally:
        loss_note = loss_note if given is None else given.note or "none was reached"
        notes += [f"loss: {loss_note}", f"optimizer: {optimizer_note}"]
        if loss is None and left_out:
            notes.append(left_out)


def _give_own(loaded: Loaded, model: nn.Module) -> str:
    """Gives it the optimizer, and the loss with its target, that the file names beside its model; says of a loss that
    cannot be used why."""
    module, file = loaded.module, os.path.basename(loaded.file or "the module")
    optimizer = getattr(module, "optimizer", None)
    if isinstance(optimizer, torch.optim.Optimizer) and _is_of(optimizer, model):
        rate = optimizer.param_groups[0].get("lr")
        words = type(optimizer).__name__ + (f", lr {float(rate):g}" if rate is not None else "")
        loaded.optimizer, loaded.optimizer_note = optimizer, f"{words}: optimizer of {file}"
    found = ((name, getattr(module, name, None)) for name in ("loss_fn", "criterion"))
    name, own = next(((name, one) for name, one in found if callable(one) and not isinstance(one, type)), ("", None))
    if own is None:
        return ""
    if not hasattr(module, "example_target") or not loaded.inputs_note.startswith("`example_input"):
        return f"{name} of {file} is not used: it needs an example_target beside the example_input"
    target: Any = module.example_target  # type: ignore[union-attr]
    try:
        target = target() if callable(target) and not isinstance(target, torch.Tensor) else target
    except Exception as error:
        return f"{name} of {file} is not used: its example_target raised {type(error).__name__}: {error}"
    device = next((parameter.device for parameter in model.parameters()), torch.device("cpu"))
    loaded.batch_target = replace_leaves(
        target, lambda leaf: leaf.to(device) if isinstance(leaf, torch.Tensor) else leaf
    )
    loaded.loss_fn, loaded.loss_note = own.to(device) if isinstance(own, nn.Module) else own, f"{name} of {file}"
    return ""


def _is_of(optimizer: torch.optim.Optimizer, model: nn.Module) -> bool:
    """Whether an optimizer is of the model's parameters, and steps without a closure."""
    own = {id(parameter) for parameter in model.parameters()}
    if any(id(parameter) not in own for group in optimizer.param_groups for parameter in group["params"]):
        return False
    closure = inspect.signature(type(optimizer).step).parameters.get("closure")
    return closure is None or closure.default is not inspect.Parameter.empty


def _tokens(loaded: Loaded) -> tuple[int, ...]:
    """The shape of the first input of token numbers; () if there is none."""
    whole = (t for _, t in tensors((loaded.args, loaded.kwargs)) if t.dtype == torch.int64 and t.dim() == 2)
    found = next(whole, None)
    return () if found is None else tuple(found.shape)


def example_pass(loaded: Loaded, notes: list[str], *, limits: Limits = Limits()) -> Recording:
    """One recorded forward and backward pass with respect to the floating-point inputs, for what has no parameters.

    Where no input can have a gradient it is a forward pass alone. Raises as `example_step` does.
    """
    if not any(tensor.is_floating_point() for _, tensor in tensors((loaded.args, loaded.kwargs))):
        return run(loaded.model, *loaded.args, limits=limits, **loaded.kwargs)
    given = ExampleLoss()
    model = loaded.model

    def forward_and_back(recorder: Recorder, inputs: Any) -> BaseException | None:
        # Leaves of its own: a second run, for an edit, must not add to gradients of the first.
        args, kwargs = replace_leaves(inputs, _as_leaf)
        try:
            with recorder:
                recorder.are_inputs_named = True
                recorder.name_inputs(model.forward if isinstance(model, nn.Module) else model, args, kwargs)
                result = model(*args, **kwargs)
                recorder.set_output(result)
                if any(t.requires_grad and t.is_floating_point() for _, t in tensors(result)):
                    recorder.name_inputs(named_target, (given.target_for(result),), {})
                    given(result).backward()  # type: ignore[no-untyped-call]
        except BaseException as error:
            return error
        return None

    name = type(model).__name__ if isinstance(model, nn.Module) else getattr(model, "__name__", "run")
    try:
        return record_program(Program(name, model, (loaded.args, loaded.kwargs), forward_and_back), limits)
    finally:
        notes.append(f"loss: {given.note}" if given.note else "no output takes part in gradients")


def _as_leaf(leaf: Any) -> Any:
    if isinstance(leaf, torch.Tensor) and leaf.is_floating_point():
        return leaf.detach().requires_grad_()
    return leaf


def _keyword_inputs(loaded: Loaded) -> dict[str, Any]:
    """All inputs by the names of forward's arguments. Raises LoadError where some have no name, as those of `*args`."""
    forward = getattr(loaded.model, "forward", loaded.model)
    bound = inspect.signature(forward).bind(*loaded.args, **loaded.kwargs)
    kinds = {name: parameter.kind for name, parameter in bound.signature.parameters.items()}
    found: dict[str, Any] = {}
    for name, given in bound.arguments.items():
        if kinds[name] in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.POSITIONAL_ONLY) and loaded.kwargs:
            raise LoadError(
                f"forward of {loaded.name} takes {name} by position and {', '.join(loaded.kwargs)} by name, which the "
                "example step cannot; write the step in Python inside `with graphtools.record(model)`"
            )
        found |= given if kinds[name] == inspect.Parameter.VAR_KEYWORD else {name: given}
    return found
