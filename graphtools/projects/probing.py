"""Finds out what a project around a model has to know: its batches, its result, the loss that fits, by running it."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr
from typing import Any

import torch
from torch import nn

from graphtools.capture.specs import torch_dtype
from graphtools.drafting.draft import Draft
from graphtools.errors import LoadError
from graphtools.graph import Node
from graphtools.projects.examples import Argument, Examples, LossKind

_OPEN_SIZE = 8  # what a size that a draft leaves open is taken for
_MAIN = ("logits", "out", "last_hidden_state")


def without_unused_inputs(draft: Draft) -> Draft:
    """Removes the inputs that nothing takes, as the target in the recording of a training step. Changes the draft."""
    unused = [name for name, node in draft.plan.nodes.items() if node.kind == "input" and not draft.plan.users(name)]
    return draft.remove(*unused) if unused else draft


def probe(draft: Draft, given: Mapping[str, Any] | None = None) -> Examples:
    """What the examples of a draft's model look like. Runs the model once or twice, on the CPU, in training mode.

    `given` are example inputs by the names of the draft's inputs, which bound the integers. Runs nothing but what the
    draft computes. Raises LoadError where an input is no tensor or of unknown shape, or where nothing can be trained,
    and DraftError for a draft with problems.
    """
    inputs = [node for node in draft.plan.nodes.values() if node.kind == "input"]
    if not inputs:
        raise LoadError("the model takes no input, so there is nothing to train it on")
    arguments = [_argument(draft, node, (given or {}).get(node.name)) for node in inputs]
    module = draft.to_module().train()
    if not any(parameter.requires_grad for parameter in module.parameters()):
        raise LoadError(f"{draft.plan.model} has no parameters to train")
    sizes = {argument.shape[0] if argument.shape else None for argument in arguments}
    size = sizes.pop() if len(sizes) == 1 else None
    if size is not None:
        other = 3 if size == 2 else 2
        try:
            with redirect_stderr(io.StringIO()):  # where torch.fx prints what it raises
                found, output = _run(module, arguments, other)
        except Exception:  # whatever code made for one size says to another
            found, output = _run(module, arguments, None)
            other = size
        if not found.dim() or found.shape[0] == other:
            batch = size if other == size else None
            return _examples(arguments, found, output, batch)
    found, output = _run(module, arguments, None)
    kind, shape, n_classes = _loss(tuple(found.shape), False, 0)
    return Examples(tuple(arguments), kind, n_classes, shape, output, is_whole=True)


def _examples(batched: Sequence[Argument], found: torch.Tensor, output: str, batch: int | None) -> Examples:
    arguments = tuple(Argument(one.name, one.shape[1:], one.dtype, one.high) for one in batched)
    length = max((one.shape[0] for one in arguments if one.dtype == "int64" and len(one.shape) == 1), default=0)
    kind, shape, n_classes = _loss(tuple(found.shape[1:]), bool(found.dim()), length)
    return Examples(arguments, kind, n_classes, shape, output, batch)


def _loss(shape: tuple[int, ...], is_batched: bool, length: int) -> tuple[LossKind, tuple[int, ...], int]:
    """The loss for a result of this shape, the shape of its target, and the number of classes."""
    if not is_batched and not shape:
        return "own", (), 0
    if is_batched and len(shape) == 1 and shape[0] > 1:
        return "classes", (), shape[0]
    if not is_batched and len(shape) == 2 and shape[1] > 1:
        return "classes", (shape[0],), shape[1]
    if len(shape) == 2 and shape[0] == length and shape[1] > 1:
        return "tokens", (length,), shape[1]
    return "numbers", shape, 0


def _argument(draft: Draft, node: Node, value: Any) -> Argument:
    if value is not None and not isinstance(value, torch.Tensor):
        raise LoadError(
            f"the input {node.name} is {type(value).__name__} and no tensor, for which no Dataset can be written"
        )
    if value is not None:
        shape, dtype = tuple(value.shape), str(value.dtype).removeprefix("torch.")
    else:
        spec = node.outputs[0].spec if len(node.outputs) == 1 and not node.outputs[0].path else None
        if spec is None:
            raise LoadError(
                f"the shape of the input {node.name} is not known. Give a model with example inputs, or record a run"
            )
        shape = tuple(size if isinstance(size, int) else _OPEN_SIZE for size in spec.shape)
        dtype = str(torch_dtype(spec.dtype)).removeprefix("torch.")
    return Argument(node.name, shape, dtype, _high(draft, node, value))


def _high(draft: Draft, node: Node, value: torch.Tensor | None) -> int:
    """How large integers may be: as an embedding allows, else as those of the example are."""
    allowed = []
    for name in draft.plan.users(node.name):
        layer = draft.plan.layer(draft.plan.nodes[name])
        count = layer.settings.get("num_embeddings") if layer is not None and layer.settings else None
        allowed += [count] if isinstance(count, int) else []
    if allowed:
        return min(allowed)
    return max(2, int(value.max()) + 1) if value is not None and value.numel() and not value.is_complex() else 2


def _run(module: nn.Module, arguments: Sequence[Argument], batch: int | None) -> tuple[torch.Tensor, str]:
    """The tensor for the loss in the result, and the code that leads to it; on random inputs of this batch size."""
    values = []
    for one in arguments:
        shape = one.shape if batch is None else (batch, *one.shape[1:])
        dtype = getattr(torch, one.dtype)
        if dtype == torch.bool:
            values.append(torch.ones(shape, dtype=dtype))
        elif dtype.is_floating_point or dtype.is_complex:
            values.append(torch.randn(shape, dtype=dtype))
        else:
            values.append(torch.randint(one.high, shape, dtype=dtype))
    with torch.no_grad():
        return _main(module(*values))


def _main(result: Any) -> tuple[torch.Tensor, str]:
    if isinstance(result, torch.Tensor):
        if result.is_floating_point():
            return result, ""
        raise LoadError(f"the model's result is of {result.dtype}, which no loss can be trained on")
    parts: list[tuple[str, Any]] = []
    if isinstance(result, Mapping):
        keys = [*(key for key in _MAIN if key in result), *(key for key in result if key not in _MAIN)]
        parts = [(f"[{key!r}]".replace("'", '"'), result[key]) for key in keys]
    elif isinstance(result, tuple | list):
        parts = [(f"[{index}]", part) for index, part in enumerate(result)]
    for code, part in parts:
        try:
            found, deeper = _main(part)
        except LoadError:
            continue
        return found, code + deeper
    raise LoadError(f"the model's result, {type(result).__name__}, holds no tensor that a loss could be of")
