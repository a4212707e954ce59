"""Finds the types of what an fx graph computes by running it on fake tensors, and whether the inputs fit it."""

from __future__ import annotations

import inspect
import logging
from typing import Any

import torch
import torch.fx
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from graphtools import compat
from graphtools.capture.specs import spec_of
from graphtools.errors import CaptureError
from graphtools.graph import Output
from graphtools.structure import replace_leaves, tensors

# Methods whose result holds the same numbers in another shape or type.
_KEEPING_VALUES = frozenset(
    "long int to view reshape flatten unsqueeze squeeze contiguous clone detach transpose permute expand t".split()
)


class Misfit(CaptureError):
    """The model cannot take the inputs that it is given."""


def find_specs(
    root: Any, fx_graph: torch.fx.Graph, model: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[dict[str, tuple[Output, ...]], str | None]:
    """Output types of each node by running it on fake tensors; the second value says where that had to stop.

    Computes nothing, but reads integer inputs for the least and the largest. Raises Misfit.
    """
    function = model.forward if isinstance(model, nn.Module) else model
    bound = inspect.signature(function).bind_partial(*args, **kwargs)
    bound.apply_defaults()
    found: dict[str, tuple[Output, ...]] = {}
    ranges = {name: ends for name, given in bound.arguments.items() if (ends := _range(given)) is not None}
    with torch.no_grad(), FakeTensorMode(allow_non_fake_inputs=True) as mode:

        class Propagate(torch.fx.Interpreter):
            def run_node(self, n: torch.fx.Node) -> Any:
                if n.op == "call_module":
                    _check_dtype(self.fetch_attr(str(n.target)), str(n.target), self.fetch_args_kwargs_from_env(n)[0])
                _check_indices(root, n, ranges)
                result = super().run_node(n)
                found[n.name] = tuple(Output(path, spec_of(tensor)) for path, tensor in tensors(result))
                return result

        def fake(leaf: Any) -> Any:
            return mode.from_tensor(leaf, static_shapes=True) if isinstance(leaf, torch.Tensor) else leaf

        given = [
            replace_leaves(_argument(bound.arguments, node), fake)
            for node in fx_graph.nodes
            if node.op == "placeholder"
        ]
        log = logging.getLogger("torch._subclasses.fake_tensor")
        level = log.level
        log.setLevel(logging.CRITICAL)  # it would print the error that is reported here
        try:
            Propagate(root, garbage_collect_values=False, graph=fx_graph).run(*given)
        except Exception as error:
            message = " ".join(str(error).partition("While executing")[0].split())
            if not isinstance(error, NotImplementedError) and _is_users_fault(error):
                raise Misfit(message[:200]) from error
            return found, f"shapes are known up to where fake tensors failed: {message[:120]}"
        finally:
            log.setLevel(level)
    return found, None


def _argument(arguments: dict[str, Any], placeholder: torch.fx.Node) -> Any:
    name = str(placeholder.target).lstrip("*")
    return arguments[name] if name in arguments else arguments.get(name.rpartition("_")[0])


def _check_dtype(module: Any, path: str, args: tuple[Any, ...]) -> None:
    # Fake tensors take any type here; the real kernels do not.
    weight = getattr(module, "weight", None)
    given = args[0] if args else None
    if not isinstance(given, torch.Tensor):
        return
    if isinstance(module, nn.Embedding | nn.EmbeddingBag) and given.dtype not in (torch.int32, torch.int64):
        raise TypeError(f"{path} looks up rows by integers and is given {given.dtype}")
    if not isinstance(module, nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d) or compat.is_any_autocast_enabled():
        return
    if isinstance(weight, torch.Tensor) and given.dtype != weight.dtype:
        raise TypeError(f"{path} holds {weight.dtype} and is given {given.dtype}")


def _range(given: Any) -> tuple[int, int] | None:
    """The least and the largest of the integers in a tensor that has any."""
    if not isinstance(given, torch.Tensor) or given.dtype not in (torch.int32, torch.int64):
        return None
    if compat.is_fake(given) or given.is_meta or not given.numel():
        return None
    with compat.without_torch_function():
        return int(given.min()), int(given.max())


def _check_indices(root: Any, node: torch.fx.Node, ranges: dict[str, tuple[int, int]]) -> None:
    """IndexError if an embedding is given indices that it has no row for. Fake tensors have no values that say so."""
    module = root.get_submodule(str(node.target)) if node.op == "call_module" else None
    if isinstance(module, nn.Embedding | nn.EmbeddingBag):
        n_rows, name = module.num_embeddings, str(node.target)
    elif node.target is nn.functional.embedding and len(node.args) > 1 and isinstance(node.args[1], torch.fx.Node):
        weight: Any = root
        for part in str(node.args[1].target).split(".") if node.args[1].op == "get_attr" else ():
            weight = getattr(weight, part)
        if not isinstance(weight, torch.Tensor):
            return
        n_rows, name = weight.shape[0], "embedding"
    else:
        return
    given = node.args[0] if node.args else None
    while isinstance(given, torch.fx.Node) and _keeps_values(root, given):
        given = given.args[0]
    if not isinstance(given, torch.fx.Node) or given.op != "placeholder":
        return
    least, most = _argument(ranges, given) or (0, 0)
    if least < 0 or most >= n_rows:
        raise IndexError(f"{name} has {n_rows} rows and is given the index {least if least < 0 else most}")


def _keeps_values(root: Any, node: torch.fx.Node) -> bool:
    if node.op == "call_module":
        return bool(node.args) and isinstance(root.get_submodule(str(node.target)), nn.Identity | nn.Flatten)
    return node.op == "call_method" and node.target in _KEEPING_VALUES


def _is_users_fault(error: Exception) -> bool:
    # A recorded run will say it with the user's line and the real types.
    return isinstance(error, RuntimeError | ValueError | IndexError | TypeError)
