"""Runs the standard training step, recorded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from graphtools.capture.api import record_program
from graphtools.capture.eager import Recorder
from graphtools.capture.program import Program
from graphtools.errors import CaptureError
from graphtools.example_loss import ExampleLoss
from graphtools.recording import Limits, Recording
from graphtools.structure import replace_leaves


def training_step(
    model: nn.Module,
    batch: Any,
    loss_fn: Callable[..., torch.Tensor] | None,
    optimizer: torch.optim.Optimizer,
    *,
    device: str | torch.device | None = None,
    limits: Limits = Limits(),
    limit_bytes: int | None = None,
) -> Recording:
    """One standard training step, recorded: zero_grad, forward, loss, backward, step. The model is trained by it.

    `batch` is `(inputs, target)`: the loss is `loss_fn(model(inputs), target)`, inputs that are a tuple or mapping
    being unpacked. With `loss_fn` None the batch is a mapping of keyword inputs to a model whose result has a `loss`,
    as those of transformers do. Training or eval mode is left as it is. `device` moves the model and the batch there
    first. Past `limit_bytes` of host memory the oldest values go to a temporary file. The optimizer's state is copied
    once, so that the recording can be edited. Raises CaptureError for a batch of another form, and what the step
    raises, with the run so far as its `recording`.
    """
    if loss_fn is None and not isinstance(batch, Mapping):
        raise CaptureError(
            "without a loss_fn the batch must be a mapping of the model's keyword inputs, labels included"
        )
    if loss_fn is not None and not (isinstance(batch, tuple | list) and len(batch) == 2):
        raise CaptureError(
            f"the batch must be (inputs, target), not {_described(batch)}; give loss_fn=None for a mapping"
        )
    if device is not None:
        model.to(device)
        batch = replace_leaves(batch, lambda leaf: leaf.to(device) if isinstance(leaf, torch.Tensor) else leaf)

    def run(recorder: Recorder, given: Any) -> BaseException | None:
        try:
            with recorder:
                optimizer.zero_grad()
                loss = _loss(recorder, model, given, loss_fn)
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
        except BaseException as error:
            return error
        return None

    return record_program(Program(type(model).__name__, model, batch, run, optimizer), limits, limit_bytes)


def _loss(
    recorder: Recorder, model: nn.Module, batch: Any, loss_fn: Callable[..., torch.Tensor] | None
) -> torch.Tensor:
    if loss_fn is None:
        result = model(**batch)
        loss = result["loss"] if isinstance(result, Mapping) else getattr(result, "loss", None)
        if not isinstance(loss, torch.Tensor):
            raise CaptureError(f"{type(model).__name__} gave no loss: give it the labels, or give a loss_fn")
        return loss
    inputs, target = batch
    if isinstance(inputs, Mapping):
        output = model(**inputs)
    elif isinstance(inputs, tuple | list):
        output = model(*inputs)
    else:
        output = model(inputs)
    if isinstance(loss_fn, ExampleLoss):
        target = loss_fn.target_for(output)
    recorder.name_inputs(named_target, (target,), {})
    return loss_fn(output, target)


def named_target(target: Any) -> None:
    """Has the signature by which the target becomes an input of the graph."""


def _described(batch: Any) -> str:
    return f"{type(batch).__name__} of {len(batch)}" if isinstance(batch, tuple | list) else type(batch).__name__
