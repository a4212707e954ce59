"""Makes a module that runs of a plan, and the Graph that it computes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import torch
import torch.fx
from torch import nn

from graphtools import catalog, compat
from graphtools.capture.assemble import Live, versions
from graphtools.capture.scopes import ModuleNames
from graphtools.drafting.plan import Layer, Plan
from graphtools.drafting.sources import Sources, thaw
from graphtools.drafting.tying import tie
from graphtools.errors import CaptureError, DraftError
from graphtools.graph import Capture, Graph, Node, Output, Ref, Spec, freeze
from graphtools.structure import part


@dataclass(slots=True)
class BuiltLive(Live):
    """The live side of a built graph: it knows the plan and the sources that it was built from."""

    plan: Plan | None = None
    sources: Sources | None = None


def active(plan: Plan) -> Plan:
    """The plan as it runs: a bypassed node is its first value; disabled nodes are still in it, for nobody to run."""
    if not plan.modes:
        return plan
    through: dict[str, Any] = {}
    for name, mode in plan.modes.items():
        if mode == "bypassed":
            node = plan.nodes[name]
            refs = [ref for ref in node.refs() if not plan.nodes[ref.node].is_state] or list(node.refs())
            if refs:
                through[name] = refs[0]

    def follow(ref: Ref, user: str) -> Ref:
        seen: set[str] = set()
        while ref.node in through and ref.node not in seen:
            seen.add(ref.node)
            ref = through[ref.node]
        return ref

    changed = plan.mapped(follow)
    nodes = {name: node for name, node in changed.nodes.items() if name not in through}
    return replace(changed, nodes=freeze(nodes.items()))


def build_module(plan: Plan, sources: Sources, root: nn.Module | None = None) -> torch.fx.GraphModule:
    """A GraphModule of a plan without problems: new modules, with the weights of those they come from where they fit.

    The names of parameters and buffers are those of the model that the draft was opened from. Allocates all weights.
    """
    plan = active(plan)
    root = root if root is not None else make_root(plan, sources)
    built = torch.fx.Graph()
    environment: dict[str, Any] = {}

    def look_up(ref: Ref) -> Any:
        found = environment[ref.node]
        for key in ref.path:
            found = built.call_function(_getitem, (found, key))
        return found

    modes = _Modes(built)
    for node in needed_nodes(plan):
        if node.kind == "input":
            environment[node.name] = built.placeholder(node.name)
            continue
        if node.kind == "output":
            modes.set(None, True)
            built.output(thaw(node.args[0], look_up, sources.objects))
            continue
        if node.is_state:
            environment[node.name] = built.get_attr(state_path(node))
            continue
        modes.set(node.state.get("autocast"), bool(node.state.get("grad", True)))
        args = thaw(node.args, look_up, sources.objects)
        kwargs = {key: thaw(arg, look_up, sources.objects) for key, arg in node.kwargs.items()}
        path = plan.path(node)
        if path is not None:
            added = built.call_module(path, args, kwargs)
        else:
            added = built.call_function(sources.function(node.target), args, kwargs)
        added.meta["draft"] = node.name
        if node.target in ("operator.setitem", "torch.Tensor.__set__"):
            added = args[0]
        environment[node.name] = added
    compat.write_keywords_by_getattr(built)
    module = torch.fx.GraphModule(root, built, plan.model)
    module.train(sources.training)
    return module


class _Modes:
    """Switches grad mode and autocast inside an fx graph where they change from one node to the next."""

    def __init__(self, built: torch.fx.Graph) -> None:
        self.built = built
        self.autocast: str | None = None
        self.grad = True
        self.entered: Any = None

    def set(self, autocast: str | None, grad: bool) -> None:
        if grad != self.grad:
            self.built.call_function(torch._C._set_grad_enabled, (grad,))
            self.grad = grad
        if autocast == self.autocast:
            return
        if self.entered is not None:
            self.built.call_function(torch.amp.autocast_mode._exit_autocast, (self.entered,))
            self.entered = None
        if autocast is not None:
            dtype = getattr(torch, autocast.removeprefix("torch."))
            enter = torch.amp.autocast_mode._enter_autocast
            self.entered = self.built.call_function(enter, ("cpu", dtype, True, None))
        self.autocast = autocast


def needed_nodes(plan: Plan) -> list[Node]:
    """The nodes that the output needs, in the order of their run, with all inputs."""
    ordered, cyclic = plan.order()
    if cyclic:
        raise DraftError(f"{', '.join(sorted(cyclic))} depend on themselves; disconnect one of them")
    needed = plan.needed()
    return [node for node in ordered if node.name in needed]


def state_path(node: Node) -> str:
    """The name under which a built module holds the tensor of a parameter, buffer or constant node."""
    return node.target if node.kind in ("parameter", "buffer") else f"_constants.{node.name}"


def make_root(plan: Plan, sources: Sources) -> nn.Module:
    """A module with all modules, parameters and constants of a plan at their paths, and nothing that runs."""
    root = nn.Module()
    needed = needed_nodes(plan)
    paths = dict.fromkeys(path for path in map(plan.path, needed) if path is not None)
    for path in paths:
        layer = plan.layers[path]
        module = sources.make(layer, path)
        known = sources.module(layer.origin)
        if known is not None and layer.settings is not None:
            take_weights(module, known)
        _owner(root, path).add_module(path.rpartition(".")[2], module)
    for node in needed:
        if node.is_state and not any((node.target + ".").startswith(path + ".") for path in paths):
            _hold(root, state_path(node), node, state_tensor(node, sources))
    tie(root, plan)
    return root


def take_weights(module: nn.Module, known: nn.Module) -> list[str]:
    """Copies into `module` the parameters and buffers of `known` that fit; gives the names of those that do not."""
    theirs = {
        **dict(known.named_parameters(remove_duplicate=False)),
        **dict(known.named_buffers(remove_duplicate=False)),
    }
    left = []
    with torch.no_grad():
        for name, mine in (*module.named_parameters(), *module.named_buffers()):
            given = theirs.get(name)
            if given is None or given.shape != mine.shape:
                left.append(name)
                continue
            if given.dtype != mine.dtype:
                mine.data = mine.data.to(given.dtype)
            mine.copy_(given)
            if isinstance(mine, nn.Parameter):
                mine.requires_grad_(given.requires_grad)
    return left


def kept_states(layer: Layer, sources: Sources, states: Iterable[tuple[str, bool, Spec]]) -> tuple[str, ...]:
    """The names among the parameters and buffers of a module whose values are those of the model it comes from."""
    known = sources.module(layer.origin)
    if known is None:
        return ()
    theirs = {
        **dict(known.named_parameters(remove_duplicate=False)),
        **dict(known.named_buffers(remove_duplicate=False)),
    }
    return tuple(name for name, _, spec in states if name in theirs and tuple(theirs[name].shape) == spec.shape)


def state_tensor(node: Node, sources: Sources) -> torch.Tensor:
    """The value of a parameter, buffer or constant. Raises DraftError where it is not known."""
    if node.name in sources.states:
        return sources.states[node.name]
    owner, _, name = node.target.rpartition(".")
    if node.kind in ("parameter", "buffer") and sources.model is not None:
        try:
            found = getattr(sources.model.get_submodule(owner), name)
        except AttributeError:
            found = None
        if isinstance(found, torch.Tensor):
            return found
    if node.name in sources.tensors:
        return sources.tensors[node.name]
    if node.kind == "parameter" and node.spec is not None:
        from graphtools.capture.specs import torch_dtype

        made = torch.randn(tuple(int(s) for s in node.spec.shape)).to(torch_dtype(node.spec.dtype)) * 0.02
        return nn.Parameter(made, requires_grad=made.is_floating_point() or made.is_complex())
    raise DraftError(f"the value of {node.kind} {node.target!r} is not known here; open the draft from its model")


def _owner(root: nn.Module, path: str) -> nn.Module:
    owner = root
    for word in path.split(".")[:-1]:
        if word not in owner._modules:
            owner.add_module(word, nn.Module())
        owner = getattr(owner, word)
    return owner


def _hold(root: nn.Module, path: str, node: Node, tensor: torch.Tensor) -> None:
    owner, name = _owner(root, path), path.rpartition(".")[2]
    copy = tensor.detach().clone()
    if node.kind == "parameter":
        can_train = copy.is_floating_point() or copy.is_complex()
        is_trained = tensor.requires_grad if isinstance(tensor, nn.Parameter) else can_train
        owner.register_parameter(name, nn.Parameter(copy, requires_grad=is_trained))
    else:
        owner.register_buffer(name, copy, persistent=node.kind != "constant")


def _getitem(value: Any, key: int | str) -> Any:
    return part(value, (key,))


def build_graph(plan: Plan, sources: Sources, outputs: Mapping[str, tuple[Output, ...]], name: str) -> Graph:
    """The Graph of a plan without problems, whose `live` side holds its modules with their weights."""
    run = active(plan)
    root = make_root(run, sources)
    live = BuiltLive(root, plan=plan, sources=sources)
    nodes = []
    for node in needed_nodes(run):
        specs = outputs.get(node.name, node.outputs) if node.kind != "input" else node.outputs
        path = run.path(node)
        writes, random = node.writes, node.random
        if path is not None:
            live.modules[node.name] = root.get_submodule(path)
        elif node.kind == "call":
            function = sources.function(node.target)
            live.functions[node.name] = function
            if node.source is None:
                callee = _describe(function)
                random = random or (callee is not None and callee.draws)
        if node.is_state:
            held: Any = root
            for word in state_path(node).split("."):
                held = getattr(held, word)
            live.tensors[node.name] = held.detach()
        nodes.append(replace(node, outputs=specs, writes=writes, random=random))
    live.objects.update(sources.objects)
    names = ModuleNames(root)
    modules = dict(names.table())
    for path, kind in run.types.items():
        if path in modules:
            modules[path] = replace(modules[path], type=kind)
    capture = Capture(method="built", model=name, versions=versions(), notes=plan.notes)
    return Graph(tuple(nodes), MappingProxyType(modules), capture, None, live)


def _describe(function: Any) -> catalog.Callee | None:
    try:
        return catalog.describe(function)
    except (CaptureError, TypeError):
        return None
