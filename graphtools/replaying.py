"""Runs a graph again: node by node with the values that a recording kept, or as a torch.fx.GraphModule."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

import torch
import torch.fx
from torch import nn

from graphtools import compat
from graphtools.catalog import named
from graphtools.errors import CaptureError
from graphtools.graph import Graph, ListArg, Node, Ref, Symbol
from graphtools.recording import Recording
from graphtools.structure import part, tensors


def replay(recording: Recording, *args: Any, **kwargs: Any) -> Any:
    """What the recorded operations give when they run again, on the recorded inputs or on those given.

    Parameters, buffers, constants, random numbers, grad mode and autocast are as they were recorded, so the same inputs
    give the same bits. Nothing of the model or of the recording is changed: what the run overwrites is copied first.
    Inputs are matched to the graph's input nodes in their order. Raises CaptureError if their number differs, or for
    the recording of a run that stopped.
    """
    graph = recording.graph
    if graph.output is None:
        raise CaptureError("this recording has no output to replay: the run stopped early, or no model was given")
    values = _start_values(recording, args, kwargs)
    overwritten = {name for node in graph.nodes for name in node.writes}
    environment: dict[str, Any] = {
        name: value.clone() if name in overwritten and isinstance(value, torch.Tensor) else value
        for name, value in values.items()
    }
    last_use = {ref.node: node.name for node in graph.nodes for ref in node.refs()}
    rng_states = {event.node: event.rng_state for event in recording.events if event.rng_state is not None}
    before = compat.rng_state()
    try:
        for node in graph.nodes:
            if node.kind == "call":
                rng_state = rng_states.get(node.name)
                if rng_state is not None:
                    compat.set_rng_state(rng_state)
                environment[node.name] = run_node(node, graph, environment, rng_state)
                for ref in node.refs():
                    if last_use[ref.node] == node.name:
                        environment.pop(ref.node, None)
    finally:
        compat.set_rng_state(before)
    return _thaw(graph.output.args[0], graph, lambda ref: part(environment[ref.node], ref.path))


def _start_values(recording: Recording, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    graph = recording.graph
    given = [tensor for _, tensor in tensors([*args, *kwargs.values()])]
    if given and len(given) != len(graph.inputs):
        raise CaptureError(f"the recorded run had {len(graph.inputs)} input tensors, {len(given)} were given")
    values = {node.name: tensor for node, tensor in zip(graph.inputs, given, strict=False)}
    for node in graph.nodes:
        if node.kind not in ("call", "output") and node.name not in values:
            value = recording.value(node)
            # Some functions choose another algorithm, with other last bits, where a gradient will be asked for.
            required = any(kept.requires_grad for kept in recording.content.values[node.name].values())
            values[node.name] = value.detach().requires_grad_() if required else value
    return values


def run_node(
    node: Node, graph: Graph, environment: Mapping[str, Any], rng_state: compat.RandomState | None = None
) -> Any:
    """What one recorded operation gives when it runs on the values in `environment` by node name; it may write to them.

    Grad mode and autocast are as recorded. `rng_state` gives that of a generator among the arguments; those of
    torch itself are the caller's to set.
    """

    def look_up(ref: Ref) -> Any:
        return part(environment[ref.node], ref.path)

    args = _thaw(node.args, graph, look_up)
    kwargs = {key: _thaw(arg, graph, look_up) for key, arg in node.kwargs.items()}
    if rng_state is not None and rng_state.own is not None:
        kwargs["generator"] = torch.Generator(kwargs["generator"].device)
        kwargs["generator"].set_state(rng_state.own)
    with ExitStack() as modes:
        modes.enter_context(torch.set_grad_enabled(node.state.get("grad", True)))
        if "autocast" in node.state:
            dtype = getattr(torch, node.state["autocast"].removeprefix("torch."))
            device = next((o.spec.device for o in node.outputs), "cpu").split(":")[0]
            modes.enter_context(torch.autocast(device, dtype=dtype))
        result = _function(node, graph)(*args, **kwargs)
    return args[0] if result is None and node.writes else result


def _function(node: Node, graph: Graph) -> Any:
    if graph.live is not None:
        module = graph.live.modules.get(node.name)
        if module is not None:
            return module
        if not node.target.startswith("operator.") and node.name in graph.live.functions:
            return graph.live.functions[node.name]
    return named(node.target)


def _thaw(arg: Any, graph: Graph, look_up: Any) -> Any:
    """The argument as Python takes it: references looked up, lists, symbols and mappings turned back."""
    if isinstance(arg, Ref):
        return look_up(arg)
    if isinstance(arg, ListArg):
        return [_thaw(item, graph, look_up) for item in arg]
    if isinstance(arg, tuple):
        return tuple(_thaw(item, graph, look_up) for item in arg)
    if isinstance(arg, Mapping):
        return {key: _thaw(item, graph, look_up) for key, item in arg.items()}
    if isinstance(arg, slice):
        return slice(*(_thaw(item, graph, look_up) for item in (arg.start, arg.stop, arg.step)))
    return _symbol(arg, graph) if isinstance(arg, Symbol) else arg


def _symbol(symbol: Symbol, graph: Graph) -> Any:
    if symbol.kind == "device":
        return torch.device(symbol.text)
    if symbol.kind in ("dtype", "layout", "memory_format"):
        return getattr(torch, symbol.text.removeprefix("torch."))
    if graph.live is not None and symbol.text in graph.live.objects:
        return graph.live.objects[symbol.text]
    raise CaptureError(f"an argument is known only as {symbol}; run the graph in the session that captured it")


def to_fx(graph: Graph, model: Any = None) -> torch.fx.GraphModule:
    """See Graph.to_fx."""
    if graph.output is None:
        raise CaptureError("the graph of a run that stopped early has no output; torch.fx needs one")
    model = model if model is not None else getattr(graph.live, "model", None)
    root = nn.Module()
    built = torch.fx.Graph()
    environment: dict[str, Any] = {}
    autocast: str | None = None
    entered: Any = None

    def look_up(ref: Ref) -> Any:
        found = environment[ref.node]
        for key in ref.path:
            found = built.call_function(_getitem, (found, key))
        return found

    for node in graph.nodes:
        if node.kind == "input":
            environment[node.name] = built.placeholder(node.name)
        elif node.kind == "output":
            built.output(_thaw(node.args[0], graph, look_up))
        elif node.kind != "call":
            path = _hold(root, node.name, _state(node, graph, model))
            environment[node.name] = built.get_attr(path)
        else:
            wanted = node.state.get("autocast")
            if wanted != autocast:
                if entered is not None:
                    built.call_function(torch.amp.autocast_mode._exit_autocast, (entered,))
                entered = None
                if wanted is not None:
                    dtype = getattr(torch, wanted.removeprefix("torch."))
                    device = next((o.spec.device for o in node.outputs), "cpu").split(":")[0]
                    entered = built.call_function(torch.amp.autocast_mode._enter_autocast, (device, dtype, True, None))
                autocast = wanted
            environment[node.name] = _add_call(node, graph, built, root, model, look_up)
    compat.write_keywords_by_getattr(built)
    module = torch.fx.GraphModule(root, built, graph.capture.model or "GraphModule")
    module.train(bool(getattr(model, "training", False)))
    return module


def _add_call(node: Node, graph: Graph, built: torch.fx.Graph, root: nn.Module, model: Any, look_up: Any) -> Any:
    args = _thaw(node.args, graph, look_up)
    kwargs = {key: _thaw(arg, graph, look_up) for key, arg in node.kwargs.items()}
    method = node.target.removeprefix("torch.Tensor.")
    module = _module(node, graph, model)
    if module is not None:
        added = built.call_module(_hold(root, node.name, module), args, kwargs)
    elif method != node.target and callable(getattr(torch.Tensor, method, None)) and "." not in method:
        added = built.call_method(method, args, kwargs)
    else:
        added = built.call_function(_function(node, graph), args, kwargs)
    # What writes in place gives what it wrote; with no result of its own it must not be taken for dead code.
    return args[0] if node.writes and node.target.endswith(("setitem", "__set__")) else added


def _module(node: Node, graph: Graph, model: Any) -> nn.Module | None:
    if graph.live is not None and node.name in graph.live.modules:
        return graph.live.modules[node.name]  # type: ignore[no-any-return]
    if node.scope in graph.modules and graph.modules[node.scope].type == node.target and graph.capture.method == "fx":
        if not isinstance(model, nn.Module):
            raise CaptureError(f"{node.target} {node.scope!r} needs the model it belongs to: graph.to_fx(model)")
        return model.get_submodule(node.scope)
    return None


def _state(node: Node, graph: Graph, model: Any) -> torch.Tensor:
    if node.kind in ("parameter", "buffer") and isinstance(model, nn.Module):
        owner, _, name = node.target.rpartition(".")
        try:
            found = getattr(model.get_submodule(owner), name)
        except AttributeError:
            found = None
        if isinstance(found, torch.Tensor):
            return found
    if graph.live is not None and node.name in graph.live.tensors:
        return graph.live.tensors[node.name]  # type: ignore[no-any-return]
    raise CaptureError(f"{node.kind} {node.target!r} has no value here; give the model: graph.to_fx(model)")


def _hold(root: nn.Module, name: str, held: torch.Tensor | nn.Module) -> str:
    if isinstance(held, nn.Module):
        root.add_module(name, held)
    elif isinstance(held, nn.Parameter):
        root.register_parameter(name, held)
    else:
        root.register_buffer(name, held)
    return name


def _getitem(value: Any, key: int | str) -> Any:
    return part(value, (key,))
