"""Makes a draft simpler without changing what it computes in eval mode, and proves it on random inputs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from graphtools.catalog import describe
from graphtools.drafting.building import active
from graphtools.drafting.draft import Draft
from graphtools.drafting.edits import without_unused_layers
from graphtools.drafting.opening import without_dead
from graphtools.drafting.plan import Layer, Plan
from graphtools.drafting.settings import read_settings
from graphtools.drafting.sources import thaw
from graphtools.errors import DraftError
from graphtools.graph import Node, Output, Ref, freeze
from graphtools.rewriting.proof import Proof, prove
from graphtools.structure import part

PASSES = ("dead code", "identities", "common subexpressions", "constants", "conv + batch norm")
# Of their kind no two calls give the same in training: they draw random numbers, or keep running statistics.
_IMPURE = (
    nn.modules.dropout._DropoutNd, nn.modules.batchnorm._NormBase, nn.RReLU, nn.MultiheadAttention, nn.RNNBase,
)  # fmt: skip
_LARGEST = 1_000_000  # elements of a constant that is computed ahead


@dataclass(frozen=True, slots=True)
class Become:
    """An edit that was worked out: the plan after it, and what it did in words."""

    plan: Plan
    label: str = ""

    def apply(self, plan: Plan) -> Plan:
        """The plan that was worked out."""
        return self.plan


@dataclass(frozen=True, slots=True)
class Simplified:
    """What was done, one sentence each, and the proof that the result is the same; None if nothing was done."""

    changes: tuple[str, ...]
    proof: Proof | None

    def __str__(self) -> str:
        if not self.changes:
            return "nothing to simplify"
        return "\n".join((*self.changes, str(self.proof)))


def simplify(draft: Draft, passes: tuple[str, ...] = PASSES, tolerance: float = 1e-4) -> Simplified:
    """Simplifies a draft without problems, as one edit, and compares before and after on three random inputs.

    `passes` are those of PASSES: unused nodes, modules that do nothing, values computed twice, values that no input
    reaches, batch norms folded into the convolution before (which changes the last bits, and training). Builds the
    module twice. Raises DraftError if the draft has problems, or if the comparison fails; then nothing is changed.
    """
    draft.check()
    before = (draft.plan, draft.sources)
    plan = active(draft.plan)
    plan = replace(plan, modes=freeze(()))
    worker = _Worker(plan, draft)
    for name in passes:
        if name not in PASSES:
            raise DraftError(f"no pass {name!r}; the passes are {', '.join(PASSES)}")
        worker.run(name)
    if not worker.changes:
        return Simplified((), None)
    after = (worker.plan, worker.sources)
    try:
        proof = prove(before, after, tolerance=tolerance)
    except Exception as error:  # the model's own, as it may have of random inputs
        raise DraftError(
            f"the simpler graph cannot be compared on random inputs: {error}; nothing was changed"
        ) from error
    if not proof.holds:
        raise DraftError(f"the simpler graph is {proof}; nothing was changed")
    draft.take_sources(worker.sources)
    draft.apply(Become(worker.plan, "simplify"))
    return Simplified(tuple(worker.changes), proof)


class _Worker:
    def __init__(self, plan: Plan, draft: Draft) -> None:
        self.plan = plan
        self.sources = draft.sources
        self.changes: list[str] = []

    def run(self, name: str) -> None:
        passes = (self._dead, self._identities, self._common, self._constants, self._norms)
        passes[PASSES.index(name)]()

    def _said(self, verb: str, names: list[str]) -> None:
        if names:
            shown = ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
            self.changes.append(f"{verb}: {shown}")

    def _dead(self) -> None:
        after = without_dead(self.plan)
        self._said("removed, since nobody takes it", [n for n in self.plan.nodes if n not in after.nodes])
        self.plan = after

    def _redirect(self, to: dict[str, Ref]) -> None:
        def follow(ref: Ref, user: str) -> Ref:
            while ref.node in to:
                ref = Ref(to[ref.node].node, (*to[ref.node].path, *ref.path))
            return ref

        changed = self.plan.mapped(follow)
        nodes = {name: node for name, node in changed.nodes.items() if name not in to}
        self.plan = without_unused_layers(replace(changed, nodes=freeze(nodes.items())))

    def _identities(self) -> None:
        written = {name for node in self.plan.nodes.values() for name in node.writes}
        to: dict[str, Ref] = {}
        for node in self.plan.nodes.values():
            layer = self.plan.layer(node)
            if layer is None or not node.args or not isinstance(node.args[0], Ref) or node.name in written:
                continue
            is_nothing = layer.target == "torch.nn.Identity" or (
                layer.class_name.startswith("Dropout") and (layer.settings or {}).get("p", 0.5) == 0
            )
            if is_nothing:
                to[node.name] = node.args[0]
        self._said("removed, since it does nothing", list(to))
        self._redirect(to)

    def _is_pure(self, node: Node, written: set[str]) -> bool:
        """Whether a call gives the same whenever it is given the same, in training too, and writes nothing."""
        if node.kind != "call" or node.random or node.writes or node.after or node.name in written:
            return False
        if any(ref.node in written for ref in node.refs()):
            return False
        path = self.plan.path(node)
        if path is None:
            function = self.sources.find(node.target)
            return node.target.startswith(("torch.", "operator.")) and not describe(function).draws
        layer = self.plan.layers[path]
        parts = list(self.sources.make(layer, path).modules())
        return layer.target.startswith("torch.nn.") and not any(isinstance(part, _IMPURE) for part in parts)

    def _common(self) -> None:
        written = {name for node in self.plan.nodes.values() for name in node.writes}
        known: dict[Any, str] = {}
        to: dict[str, Ref] = {}
        for node in self.plan.order()[0]:
            if not self._is_pure(node, written):
                continue
            path = self.plan.path(node)
            what: Any = node.target
            if path is not None:
                layer = self.plan.layers[path]
                has_weights = any(True for _ in self.sources.make(layer, path).parameters())
                what = path if has_weights else (layer.target, str(dict(layer.settings or {})))
            args = str(_renamed((node.args, node.kwargs), to))
            key = (what, args, str(dict(node.state)))
            if key in known:
                to[node.name] = Ref(known[key])
            else:
                known[key] = node.name
        self._said("computed once, not twice", list(to))
        self._redirect(to)

    def _constants(self) -> None:
        written = {name for node in self.plan.nodes.values() for name in node.writes}
        values: dict[str, Any] = {
            name: self.sources.tensors[name]
            for name, node in self.plan.nodes.items()
            if node.kind == "constant" and name in self.sources.tensors
        }
        folded: dict[str, torch.Tensor] = {}
        for node in self.plan.order()[0]:
            if not self._is_pure(node, written) or self.plan.path(node) is not None or node.state.get("autocast"):
                continue
            if any(ref.node not in values for ref in node.refs()):
                continue
            try:
                args, kwargs = thaw(
                    (node.args, node.kwargs), lambda ref: part(values[ref.node], ref.path), self.sources.objects
                )
                with torch.no_grad():
                    value = self.sources.function(node.target)(*args, **kwargs)
            except Exception:  # what cannot be computed now is computed later, as before
                continue
            if isinstance(value, torch.Tensor) and value.numel() <= _LARGEST and not value.is_sparse:
                values[node.name] = value
                folded[node.name] = value
        kept = {name: value for name, value in folded.items() if self._is_taken_outside(name, folded)}
        if not kept:
            return
        from graphtools.capture.specs import spec_of

        nodes = {}
        for name, node in self.plan.nodes.items():
            if name in kept:
                nodes[name] = Node(name, "constant", name, outputs=(Output((), spec_of(kept[name])),))
            elif name not in folded:
                nodes[name] = node
        self.sources = replace(self.sources, tensors={**self.sources.tensors, **kept})
        self.plan = without_dead(replace(self.plan, nodes=freeze(nodes.items())))
        self._said("computed ahead, since no input reaches it", list(kept))

    def _is_taken_outside(self, name: str, folded: dict[str, torch.Tensor]) -> bool:
        return any(user not in folded for user in self.plan.users(name))

    def _norms(self) -> None:
        done = []
        for norm in list(self.plan.nodes.values()):
            folded = self._folded(norm)
            if folded is not None:
                done.append(norm.name)
        self._said("folded into the convolution before", done)

    def _folded(self, norm: Node) -> nn.Module | None:
        layer = self.plan.layer(norm)
        if layer is None or layer.class_name not in ("BatchNorm1d", "BatchNorm2d", "BatchNorm3d"):
            return None
        source = norm.args[0] if len(norm.args) == 1 else None
        conv = self.plan.nodes.get(source.node) if isinstance(source, Ref) and not source.path else None
        conv_layer = self.plan.layer(conv) if conv is not None else None
        if conv is None or conv_layer is None or conv_layer.class_name not in ("Conv1d", "Conv2d", "Conv3d"):
            return None
        paths = [self.plan.path(n) for n in self.plan.nodes.values()]
        path, norm_path = self.plan.path(conv), self.plan.path(norm)
        if paths.count(path) > 1 or paths.count(norm_path) > 1 or self.plan.users(conv.name) != (norm.name,):
            return None
        assert path is not None and norm_path is not None
        from graphtools.drafting.building import take_weights

        made: list[Any] = []
        for one, at in ((conv_layer, path), (layer, norm_path)):
            module = self.sources.make(one, at)
            known = self.sources.module(one.origin)
            if known is not None:
                take_weights(module, known)
            made.append(module.eval())
        if made[1].running_mean is None:
            return None
        fused = torch.nn.utils.fusion.fuse_conv_bn_eval(made[0], made[1])
        settings = read_settings(fused)
        origin = f"given.{len(self.sources.modules)}.{path}"
        self.sources = replace(self.sources, modules={**self.sources.modules, origin: fused})
        new = Layer(conv_layer.target, settings, origin)
        layers = freeze((key, new if key == path else value) for key, value in self.plan.layers.items())
        self.plan = replace(self.plan, layers=layers)
        self._redirect({norm.name: Ref(conv.name)})
        return fused


def _renamed(arg: Any, to: dict[str, Ref]) -> Any:
    from graphtools.drafting.plan import substitute

    def follow(ref: Ref) -> Ref:
        while ref.node in to:
            ref = Ref(to[ref.node].node, ref.path)
        return ref

    changed = substitute(arg, follow)
    return (changed[0], dict(changed[1]))
