"""Turns what a run shows as functions of a torch.nn module's tensors back into a call of that module.

`linear(x, fc.weight, fc.bias)` inside the scope `fc`, whose module is a torch.nn.Linear, is the call `fc(x)`. Only
modules with one input and one result are lifted, and only where the scope takes one value and gives one.
"""

from __future__ import annotations

from dataclasses import replace

from torch import nn

from graphtools.drafting.plan import Layer, Plan
from graphtools.drafting.settings import read_settings
from graphtools.drafting.sources import Sources
from graphtools.graph import Node, Ref, freeze, module_path

_LIFTED = (
    nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d,
    nn.LayerNorm, nn.GroupNorm, nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.RMSNorm, nn.Embedding,
    nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.ReLU, nn.ReLU6, nn.GELU, nn.SiLU, nn.Mish, nn.Tanh,
    nn.Sigmoid, nn.Softmax, nn.LogSoftmax, nn.LeakyReLU, nn.ELU, nn.Hardswish, nn.Hardsigmoid, nn.PReLU, nn.Softplus,
    nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d, nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d, nn.AdaptiveAvgPool1d,
    nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d, nn.AdaptiveMaxPool2d, nn.Flatten, nn.Unflatten, nn.Upsample,
    nn.PixelShuffle, nn.ZeroPad2d, nn.InstanceNorm2d, nn.LocalResponseNorm,
)  # fmt: skip


# Where the results of torch.lstm and its like stand in those of their modules: h_n and c_n are one tuple.
_PARTS: dict[type, dict[tuple[int | str, ...], tuple[int | str, ...]]] = {
    nn.LSTM: {(0,): (0,), (1,): (1, 0), (2,): (1, 1)},
    nn.GRU: {(0,): (0,), (1,): (1,)},
    nn.RNN: {(0,): (0,), (1,): (1,)},
}


def lifted(plan: Plan, sources: Sources) -> Plan:
    """The plan with the calls of such modules in place of their functions. The nodes keep the name of the last."""
    if sources.model is None:
        return plan
    inside: dict[str, list[Node]] = {}
    for node in plan.nodes.values():
        if node.kind == "call" and node.scope:
            inside.setdefault(node.scope, []).append(node)
    layers = dict(plan.layers)
    types = dict(plan.types)
    calls: dict[str, Node] = {}
    gone: set[str] = set()
    refused: set[str] = set()
    found: list[tuple[str, str, Node, list[Node]]] = []
    used_by = _users(plan)
    for scope, nodes in inside.items():
        path = module_path(scope)
        module = sources.module(path)
        if type(module) not in (*_LIFTED, *_PARTS) or path in plan.layers or not _is_plain(module):
            continue
        is_recurrent = type(module) in _PARTS
        if is_recurrent and nodes[-1].operation not in ("lstm", "gru", "rnn_tanh", "rnn_relu"):
            refused.add(path)
            continue
        call = _call(plan, nodes, used_by, is_recurrent)
        if call is None:
            refused.add(path)
        else:
            found.append((path, scope, call, nodes))
    for path, _, call, nodes in found:
        module = sources.module(path)
        if path in refused or module is None:
            continue
        if path not in layers:
            settings = read_settings(module)
            if settings is None:
                continue
            layers[path] = Layer(f"torch.nn.{type(module).__name__}", settings, path)
        types.pop(path, None)
        calls[call.name] = replace(call, target=layers[path].target)
        gone.update(node.name for node in nodes if node.name != call.name)
    renamed = {name: _PARTS[type(sources.module(module_path(call.scope)))] for name, call in calls.items()
               if type(sources.module(module_path(call.scope))) in _PARTS}  # fmt: skip

    def repointed(ref: Ref, user: str) -> Ref:
        parts = renamed.get(ref.node)
        return ref if parts is None else Ref(ref.node, (*parts[ref.path[:1]], *ref.path[1:]))

    if renamed:
        plan = plan.mapped(repointed)
    nodes_left = {name: calls.get(name, node) for name, node in plan.nodes.items() if name not in gone}
    taken = {ref.node for node in nodes_left.values() for ref in node.refs()}
    kept = {n: node for n, node in nodes_left.items() if not node.is_state or n in taken}
    return replace(plan, nodes=freeze(kept.items()), layers=freeze(layers.items()), types=freeze(types.items()))


def _is_plain(module: nn.Module | None) -> bool:
    """Whether a new module of the class does what this one does: it has no hooks and no parametrization."""
    return module is not None and not (module._forward_hooks or module._forward_pre_hooks or module._modules)


def _users(plan: Plan) -> dict[str, list[Node]]:
    users: dict[str, list[Node]] = {}
    for node in plan.nodes.values():
        for name in {ref.node for ref in node.refs()}:
            users.setdefault(name, []).append(node)
    return users


def _call(plan: Plan, nodes: list[Node], used_by: dict[str, list[Node]], has_parts: bool) -> Node | None:
    """The one call that these nodes amount to, under the name of the last; None if they are more than that."""
    own = {node.name for node in nodes}
    given = {ref for node in nodes for ref in node.refs() if ref.node not in own and not plan.nodes[ref.node].is_state}
    last = nodes[-1]
    for node in nodes[:-1]:
        if any(user.name not in own for user in used_by.get(node.name, ())):
            return None
    if len(given) != 1 or any("autocast" in node.state for node in nodes):
        return None
    paths = [ref.path for user in used_by.get(last.name, ()) for ref in user.refs() if ref.node == last.name]
    if any(bool(path) != has_parts for path in paths):
        return None
    (source,) = given
    writes = (source.node,) if any(source.node in node.writes for node in nodes) else ()
    arg: Ref = source
    return replace(last, args=(arg,), kwargs=freeze(()), writes=writes, after=())
