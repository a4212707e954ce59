"""A draft for other tools: a torch.export program, an ONNX file."""

from __future__ import annotations

import importlib.util
import os
from typing import TYPE_CHECKING, Any

import torch

from graphtools.capture.specs import torch_dtype
from graphtools.drafting.plan import Plan
from graphtools.drafting.sizes import number, symbols_in
from graphtools.errors import DraftError

if TYPE_CHECKING:
    from graphtools.drafting.draft import Draft


def to_program(draft: Draft) -> torch.export.ExportedProgram:
    """The draft as a torch.export program in eval mode; open sizes are dynamic.

    Raises DraftError if the draft has problems or an input has no type, and what torch.export raises.
    """
    module = draft.to_module().eval()
    inputs, dynamic = _inputs(draft.plan)
    with torch.no_grad():
        return torch.export.export(module, inputs, dynamic_shapes=dynamic)


def to_onnx(draft: Draft, file: str | os.PathLike[str]) -> None:
    """Writes the draft as an ONNX file, in eval mode, open sizes dynamic. Needs the packages onnx and onnxscript."""
    lacking = [name for name in ("onnx", "onnxscript") if importlib.util.find_spec(name) is None]
    if lacking:
        raise DraftError(f"writing ONNX needs {' and '.join(lacking)}: pip install {' '.join(lacking)}")
    torch.onnx.export(to_program(draft), f=os.fspath(file), dynamo=True)


def _inputs(plan: Plan) -> tuple[tuple[torch.Tensor, ...], dict[str, Any]]:
    nodes = [node for node in plan.nodes.values() if node.kind == "input"]
    for node in nodes:
        if node.spec is None:
            raise DraftError(f"input {node.name!r} has no type; set one: draft.set_input({node.name!r}, 'f32[B, 3]')")
    symbols = symbols_in([node.spec.shape for node in nodes if node.spec is not None])
    sizes = {symbol: 3 + index for index, symbol in enumerate(symbols)}
    dims = {symbol: torch.export.Dim(symbol) for symbol in symbols}
    inputs, dynamic = [], {}
    for node in nodes:
        assert node.spec is not None
        shape = [number(size, sizes) for size in node.spec.shape]
        dtype = torch_dtype(node.spec.dtype)
        inputs.append(torch.zeros(shape, dtype=dtype))
        dynamic[node.name] = {i: dims[size] for i, size in enumerate(node.spec.shape) if isinstance(size, str)}
    return tuple(inputs), dynamic
