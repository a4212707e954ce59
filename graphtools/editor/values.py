"""Values of a draft on a sample, for every node that can be computed, also while others have problems."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
import torch.fx

from graphtools.drafting.building import active, build_module
from graphtools.drafting.draft import Draft
from graphtools.drafting.plan import OUTPUT, Plan
from graphtools.drafting.samples import samples
from graphtools.drafting.shapes import Shapes
from graphtools.errors import DraftError
from graphtools.graph import ListArg, Node, Ref, freeze


def values_of(draft: Draft) -> dict[str, Any]:
    """The value of every node that can be computed, by its name, in eval mode and on a sample.

    Seeded: the same draft gives the same values. Raises DraftError if nothing can be computed, and what a module does.
    Runs the model once, and keeps all of its values.
    """
    plan = _computable(active(draft.plan), draft.shapes)
    inputs = [node for node in plan.nodes.values() if node.kind == "input"]
    if not inputs and not any(node.kind == "call" for node in plan.nodes.values()):
        raise DraftError("nothing can be computed yet: give an input a type, f32[B, 8], and connect an operation to it")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = build_module(plan, draft.sources).eval()
        tensors = samples(plan)
        keeping = _Keeping(module)
        with torch.no_grad():
            keeping.run(*tensors.values())
    return {**tensors, **keeping.values}


class _Keeping(torch.fx.Interpreter):
    """Keeps what each node of the draft gave, as it was then: a later operation may change a tensor in place."""

    def __init__(self, module: torch.fx.GraphModule) -> None:
        super().__init__(module)
        self.values: dict[str, Any] = {}

    def run_node(self, n: torch.fx.Node) -> Any:
        result = super().run_node(n)
        if "draft" in n.meta:
            self.values[n.meta["draft"]] = torch.fx.node.map_aggregate(result, _copied)
        return result


def _copied(value: Any) -> Any:
    return value.detach().clone() if isinstance(value, torch.Tensor) else value


def _computable(plan: Plan, shapes: Shapes) -> Plan:
    """The part of a plan that has types everywhere, with the values that nobody takes as its result."""
    kept: dict[str, Node] = {}
    for node in plan.order()[0]:
        is_known = node.is_state or node.name in shapes.outputs
        is_on = plan.modes.get(node.name) != "disabled"
        if node.kind != "output" and is_known and is_on and all(ref.node in kept for ref in node.refs()):
            kept[node.name] = node
    taken = {ref.node for node in kept.values() for ref in node.refs()}
    ends = [name for name, node in kept.items() if name not in taken and node.kind == "call"] or list(kept)[:1]
    output = Node(OUTPUT, "output", OUTPUT, (ListArg(map(Ref, ends)),))
    return replace(plan, nodes=freeze([*kept.items(), (OUTPUT, output)]), modes=freeze(()))
