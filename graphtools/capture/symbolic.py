"""Derives a graph with torch.fx, before any data: the define-and-run view of a model.

torch.fx runs the model's Python once with proxies in place of tensors. Modules of `torch.nn` stay whole. What fx cannot
follow, or would follow wrongly (a random tensor frozen into a constant), raises Untraceable, which says what and where.
"""

from __future__ import annotations

import operator
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torch
import torch.fx
from torch import nn
from torch.overrides import TorchFunctionMode

from graphtools import catalog, compat
from graphtools.capture.assemble import Live, freeze_arg, versions
from graphtools.capture.fakes import import_fake_tensors
from graphtools.capture.preserve import preserved
from graphtools.capture.scopes import ModuleNames, ScopeStack, type_name
from graphtools.capture.shapes import Misfit, find_specs
from graphtools.capture.source import Place, resolve, user_place, user_place_of_traceback
from graphtools.capture.specs import spec_of
from graphtools.errors import CaptureError, GraphError, LimitError
from graphtools.graph import Capture, Failure, Graph, Node, Output, Ref, freeze
from graphtools.recording import Limits
from graphtools.structure import tensors
from graphtools.words import source_line


class Untraceable(CaptureError):
    """torch.fx cannot derive this model's graph; the message says what stands in the way, without a full stop."""


def trace_symbolically(
    model: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], limits: Limits = Limits()
) -> Graph:
    """The graph that torch.fx derives, with shapes by fake tensors where example inputs are given.

    Runs the model's Python code with proxies; attributes, buffers and random state are restored afterwards. Arguments
    that hold no tensor are fixed to the values given. Raises Untraceable; and LimitError or KeyboardInterrupt with the
    graph so far as the exception's `graph`, for a model that does not end.
    """
    if args or kwargs:
        import_fake_tensors()
    started = time.perf_counter()
    if isinstance(model, nn.Module) and any(nn.parameter.is_lazy(p) for p in (*model.parameters(), *model.buffers())):
        raise Untraceable("the model has parameters that its first forward pass makes")
    tracer = _Tracer(limits)
    concrete = _concrete(model, args, kwargs)
    with preserved(model):  # fx hangs the constants that it meets on the model itself
        try:
            fx_graph = tracer.run(model, concrete)
        except (LimitError, KeyboardInterrupt) as error:
            place = user_place_of_traceback(error.__traceback__)
            failure = Failure(type(error).__name__, str(error), None, resolve(place))
            error.graph = _assemble(tracer, tracer.graph, model, {}, None, started, failure)  # type: ignore[union-attr]
            raise
        _refuse_frozen_writes(tracer, fx_graph)
        try:
            specs, note = find_specs(tracer.root, fx_graph, model, args, kwargs) if args or kwargs else ({}, None)
            return _assemble(tracer, fx_graph, model, specs, note, started)
        except Misfit as error:
            raise Untraceable(f"the inputs do not fit: {error}") from error
        except GraphError as error:
            raise Untraceable(f"what torch.fx gave is no valid graph: {error}") from error


@dataclass(slots=True)
class _Met:
    scope: str
    place: Place | None
    grad: bool = True


class _Tracer(torch.fx.Tracer):
    """An fx tracer that notes the scope and the user's line of each node."""

    def __init__(self, limits: Limits) -> None:
        super().__init__()
        self.limits = limits
        self.started = time.perf_counter()
        self.grad = torch.is_grad_enabled()
        self.met: dict[str, _Met] = {}
        self.refused: Untraceable | None = None
        self.forwards = compat.function_forwards()  # fx would take what they compute
        self.fixed: frozenset[str] = frozenset()  # arguments that stand for one value, not for any tensor
        self.names = ModuleNames(None)
        self.scopes = ScopeStack(self.names)

    def run(self, model: Callable[..., Any], concrete: dict[str, Any]) -> torch.fx.Graph:
        """The fx graph of `model`; Untraceable if there is none."""
        if isinstance(model, nn.Module):
            self.names.add(model, "")
        self.fixed = frozenset(concrete)
        buffers = [(name, b, compat.version(b)) for name, b in _buffers(model)]
        drawn = compat.host_random_state()
        try:
            with _Frozen():
                fx_graph = self.trace(model, concrete_args=concrete or None)
        except (Untraceable, LimitError):
            raise
        except Exception as error:
            raise Untraceable(_why(model, error)) from error
        if self.refused is not None:  # and the model's own code went on after that
            raise self.refused
        for name, buffer, version in buffers:
            if compat.version(buffer) != version:
                raise Untraceable(f"torch.fx would leave out that forward writes the buffer {name!r}")
        if any(isinstance(value, torch.fx.Proxy) for m in _modules(model) for value in m._buffers.values()):
            raise Untraceable("torch.fx would leave out that forward replaces a buffer")
        if compat.host_random_state() != drawn:
            raise Untraceable("torch.fx would freeze the random numbers that forward takes from numpy or random")
        return fx_graph

    def create_node(self, *args: Any, **kwargs: Any) -> torch.fx.Node:
        limits = self.limits
        if limits.events is not None and len(self.met) >= limits.events:
            raise LimitError(f"tracing was stopped at its limit of {limits.events} operations")
        if limits.seconds is not None and time.perf_counter() - self.started > limits.seconds:
            raise LimitError(f"tracing was stopped at its limit of {limits.seconds:g} s")
        if compat.is_any_autocast_enabled():
            self.refuse("drop the autocast that is on")
        function = compat.function_around(sys._getframe(1), self.forwards)
        if function:
            self.refuse(f"lose the backward of {function}")
        node = super().create_node(*args, **kwargs)
        place = user_place(sys._getframe(1))
        self.met[node.name] = _Met(self.scopes.scope, place, torch.is_grad_enabled() or not self.grad)
        return node

    def refuse(self, why: str) -> None:
        """Raises Untraceable, with the user's line."""
        self.refused = Untraceable(f"torch.fx would {why} at {resolve(user_place(sys._getframe(2)))}")
        raise self.refused

    def call_module(
        self, m: nn.Module, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        self.scopes.enter(m)
        try:
            return super().call_module(m, forward, args, kwargs)
        finally:
            self.scopes.leave()


def _modules(model: Any) -> list[nn.Module]:
    modules = list(model.modules()) if isinstance(model, nn.Module) else []
    return [module for module in modules if not isinstance(module, torch.jit.ScriptModule)]


def _buffers(model: Any) -> list[tuple[str, torch.Tensor]]:
    buffers = model.named_buffers() if isinstance(model, nn.Module) else ()
    return [(name, buffer) for name, buffer in buffers if not nn.parameter.is_lazy(buffer)]


def _refuse_frozen_writes(tracer: _Tracer, fx_graph: torch.fx.Graph) -> None:
    """Untraceable if the graph writes into a tensor that forward makes: fx keeps one for all runs, already written."""
    for node in fx_graph.nodes:
        written = node.kwargs.get("out")
        name = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", "")
        if node.args and (name.strip("_") == "setitem" or (name.endswith("_") and not name.endswith("__"))):
            written = node.args[0]
        if isinstance(written, torch.fx.Node) and written.op == "get_attr":
            place = resolve((tracer.met.get(node.name) or _Met("", None)).place)
            raise Untraceable(f"torch.fx would freeze the tensor that {place} writes into")


class _Frozen(TorchFunctionMode):
    """Refuses what fx would turn into a constant although it differs from run to run."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if not any(issubclass(kind, torch.fx.Proxy) for kind in types):
            callee = catalog.describe(func)
            if callee.draws and catalog.draws(callee, args, kwargs):
                place = resolve(user_place(sys._getframe(1)))
                raise Untraceable(
                    f"torch.fx would freeze the random numbers of {callee.target.rsplit('.', 1)[-1]} at {place}"
                )
        return func(*args, **kwargs)


def _why(model: Callable[..., Any], error: Exception) -> str:
    source = resolve(user_place_of_traceback(error.__traceback__))
    name = f"{type(model).__name__}.forward" if isinstance(model, nn.Module) else getattr(model, "__name__", "it")
    message = " ".join(str(error).split())
    line = source_line(source.file, source.line).strip() if source else ""
    quoted = f" (`{line}`)" if line else ""
    if "control flow" in message:
        return f"torch.fx cannot trace {name}: {source} depends on the value of a tensor{quoted}"
    short = message if len(message) <= 160 else message[:157] + "..."
    where = f" at {source}" if source else ""
    # Most often good code, such as torch.zeros(x.shape[0], 3): it needs the number where fx has a stand-in for it.
    met = f"{type(error).__name__}{where}{quoted}: {short}"
    return f"torch.fx cannot trace {name}: its stand-ins for tensors meet {met}"


def _concrete(model: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments to fix: those given that hold no tensor. Untraceable if one holds tensors in a container."""
    import inspect

    function = model.forward if isinstance(model, nn.Module) else model
    try:
        signature = inspect.signature(function)
        bound = signature.bind_partial(*args, **kwargs)
    except (TypeError, ValueError) as error:
        raise Untraceable(f"the inputs do not fit the model: {error}") from None
    fixed = {}
    for name, parameter in signature.parameters.items():
        if name in bound.arguments:
            value = bound.arguments[name]
            if isinstance(value, torch.Tensor):
                continue
            if any(True for _ in tensors(value)):
                raise Untraceable(f"torch.fx takes no tensors inside a {type(value).__name__} (argument {name!r})")
            fixed[name] = value
        elif parameter.default is not inspect.Parameter.empty:
            # A proxy in its place would send `if mask is not None:` down the branch that a plain call does not take.
            fixed[name] = parameter.default
        elif (args or kwargs) and not parameter.kind.name.startswith("VAR"):
            raise Untraceable(f"the inputs do not fit the model: missing a required argument: {name!r}")
    if any(name for name in fixed if signature.parameters[name].kind.name.startswith("VAR")):
        raise Untraceable("torch.fx takes no *args or **kwargs here")
    return fixed


def _assemble(
    tracer: _Tracer,
    fx_graph: torch.fx.Graph,
    model: Any,
    specs: dict[str, tuple[Output, ...]],
    note: str | None,
    started: float,
    failure: Failure | None = None,
) -> Graph:
    live = Live(model if isinstance(model, nn.Module) else None)
    nodes: list[Node] = []
    folded: dict[str, Ref] = {}  # getitem of a tuple is a path of its producer's reference
    outputs = dict(specs)

    def refer(arg: Any) -> Any:
        if isinstance(arg, torch.fx.Node):
            return folded.get(arg.name, Ref(arg.name))
        if isinstance(arg, slice):
            return slice(refer(arg.start), refer(arg.stop), refer(arg.step))
        if isinstance(arg, dict):
            return {key: refer(item) for key, item in arg.items()}
        if isinstance(arg, list | tuple):
            # fx keeps lists in a class of its own; a function may ask whether it is given a list.
            return [refer(item) for item in arg] if isinstance(arg, list) else tuple(map(refer, arg))
        return arg

    dropped: set[str] = set()  # arguments fixed to a value, and fx's assertions about them
    inputs = [n for n in fx_graph.nodes if n.op == "placeholder"]
    for node in (*inputs, *(n for n in fx_graph.nodes if n.op != "placeholder")):
        met = tracer.met.get(node.name) or _Met("", None)
        if node.op == "placeholder":
            if _is_fixed(node, tracer.fixed):
                dropped.add(node.name)
            else:
                nodes.append(Node(node.name, "input", str(node.target), outputs=outputs.get(node.name, ())))
            continue
        if node.op != "output" and any(given.name in dropped for given in node.all_input_nodes):
            dropped.add(node.name)
            continue
        if node.op == "output":
            result = freeze_arg(refer(node.args[0]), live)
            known = outputs.get(node.name, ())
            nodes.append(Node(node.name, "output", "output", (result,), outputs=known))
            continue
        if node.op == "get_attr":
            nodes.append(_state_node(tracer, node, live))
            continue
        producer = node.args[0] if node.args else None
        if (
            node.target is operator.getitem
            and isinstance(producer, torch.fx.Node)
            and isinstance(node.args[1], int)
            and producer.name in outputs
            and any(output.path for output in outputs[producer.name])
        ):
            before = folded.get(producer.name, Ref(producer.name))
            index = _from_the_start(node.args[1], producer, outputs[producer.name])
            folded[node.name] = Ref(before.node, (*before.path, index))
            continue
        place = _field(node)
        if (
            place is not None
            and isinstance(producer, torch.fx.Node)
            and any(output.path for output in outputs.get(producer.name, ()))
        ):
            before = folded.get(producer.name, Ref(producer.name))
            folded[node.name] = Ref(before.node, (*before.path, place))
            continue
        nodes.append(_call_node(tracer, node, met, refer, live, outputs.get(node.name, ())))
    notes = (note,) if note else ()
    if not specs and failure is None:
        notes = (*notes, "shapes are open: no example input was given, and nothing was run")
    return Graph(
        tuple(nodes),
        MappingProxyType(tracer.names.table()),
        Capture(
            method="fx",
            model=type(model).__name__ if isinstance(model, nn.Module) else getattr(model, "__name__", ""),
            duration_s=time.perf_counter() - started,
            notes=notes,
            versions=versions(),
        ),
        failure,
        live,
    )


def _from_the_start(index: int, producer: torch.fx.Node, outputs: tuple[Output, ...]) -> int:
    """An index into a result, counted from its start where it is one of torch's parts of a tensor, all of which are
    among the outputs; of any other result there may be parts that are no tensors."""
    called: Any = producer.target
    is_of_torch = str(getattr(called, "__module__", "")).partition(".")[0] == "torch"
    word = called if producer.op == "call_method" else called.__name__ if is_of_torch else ""
    return index + len(outputs) if index < 0 and word in catalog.PARTS else index


def _field(node: torch.fx.Node) -> int | None:
    """The place of `topk(x, 2).values` among the results of `topk`; None for what is no field of a named tuple."""
    if node.target is not getattr or not isinstance(node.args[0], torch.fx.Node):
        return None
    function = node.args[0].target
    word = function if isinstance(function, str) else getattr(function, "__name__", "")
    fields = getattr(getattr(torch.return_types, word, None), "__match_args__", ())
    return fields.index(node.args[1]) if node.args[1] in fields else None


def _is_fixed(placeholder: torch.fx.Node, fixed: frozenset[str]) -> bool:
    # fx names them depth_1, or mask_1 and mask_2 where a container was fixed; `target` carries the same name.
    name = str(placeholder.target).lstrip("*")
    return name in fixed or name.rpartition("_")[0] in fixed


def _state_node(tracer: _Tracer, node: torch.fx.Node, live: Live) -> Node:
    owner, _, name = str(node.target).rpartition(".")
    tensor = getattr(tracer.root.get_submodule(owner), name)
    named = tracer.names.tensors.get(id(tensor))
    kind = named.kind if named is not None else "constant"
    target = named.name if named is not None else str(node.target)
    if isinstance(tensor, torch.Tensor):
        live.tensors[node.name] = tensor.detach()
        return Node(node.name, kind, target, outputs=(Output((), spec_of(tensor)),))  # type: ignore[arg-type]
    live.objects[target] = tensor
    return Node(node.name, "constant", target)


def _call_node(
    tracer: _Tracer, node: torch.fx.Node, met: _Met, refer: Any, live: Live, outputs: tuple[Output, ...]
) -> Node:
    args = tuple(freeze_arg(refer(arg), live) for arg in node.args)
    kwargs = freeze((key, freeze_arg(refer(arg), live)) for key, arg in node.kwargs.items())
    scope, random = met.scope, False
    writes: tuple[Any, ...] = ()
    if node.op == "call_module":
        module = tracer.root.get_submodule(str(node.target))
        target = type_name(type(module))
        scope = _scope_of_leaf(tracer, met, module)
        live.modules[node.name] = module
        random = isinstance(module, nn.modules.dropout._DropoutNd | nn.RReLU) and module.training
        inplace = bool(getattr(module, "inplace", False))
        writes = node.args[:1] if inplace else ()
    else:
        function: Any = node.target
        if node.op == "call_method":
            function = getattr(torch.Tensor, str(node.target), node.target)
        if isinstance(function, str):  # a method of something that is no tensor
            target = f"torch.Tensor.{function}"
        elif function is getattr:
            target = f"torch.Tensor.{node.args[1]}"
            args = args[:1]
        else:
            callee = catalog.describe(function)
            target = callee.target
            random = callee.draws
            live.functions[node.name] = function
            if callee.writes == "first" or (callee.writes == "inplace" and node.kwargs.get("inplace")):
                writes = node.args[:1]
        if target.startswith("_operator."):
            target = target.removeprefix("_")
    written = tuple(ref.node for one in writes if isinstance(one, torch.fx.Node) and isinstance(ref := refer(one), Ref))
    state = freeze(() if met.grad else [("grad", False)])
    return Node(node.name, "call", target, args, kwargs, outputs, scope, resolve(met.place), written, (), random, state)


def _scope_of_leaf(tracer: _Tracer, met: _Met, module: nn.Module) -> str:
    # call_module entered the leaf before it made the node, so the scope is the leaf's own.
    return re.sub(r"^$", type(module).__name__, met.scope)
