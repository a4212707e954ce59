"""Evidence that two drafts compute the same: their modules, with the same weights, on the same random inputs."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from graphtools.capture.specs import torch_dtype
from graphtools.drafting.building import build_module
from graphtools.drafting.plan import Plan
from graphtools.drafting.sizes import number, symbols_in
from graphtools.drafting.sources import Sources
from graphtools.errors import DraftError
from graphtools.structure import tensors


@dataclass(frozen=True, slots=True)
class Proof:
    """What a comparison on random inputs found. `largest_difference` is relative to the largest value of the output."""

    n_inputs: int
    is_bit_equal: bool
    largest_difference: float
    tolerance: float

    @property
    def holds(self) -> bool:
        """Whether the results agree within the tolerance."""
        return self.is_bit_equal or self.largest_difference <= self.tolerance

    def __str__(self) -> str:
        inputs = f"{self.n_inputs} random inputs"
        if self.is_bit_equal:
            return f"equal bit for bit on {inputs}"
        word = "equal" if self.holds else "different"
        return f"{word} on {inputs}: the largest relative difference is {self.largest_difference:.1e}"


def prove(
    before: tuple[Plan, Sources], after: tuple[Plan, Sources], n_inputs: int = 3, tolerance: float = 1e-4, seed: int = 0
) -> Proof:
    """Runs both in eval mode on `n_inputs` random inputs, an open size 2, 3, … in turn. Builds both modules.

    New weights are drawn alike on both sides only if the layers are made in the same order; weights that are kept are
    the same. Raises DraftError for an input without a type, and what a run raises.
    """
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        first = build_module(*before).eval()
        torch.manual_seed(seed)
        second = build_module(*after).eval()
        is_equal, largest = True, 0.0
        for index in range(n_inputs):
            inputs = random_inputs(before[0], first, size=2 + index)
            a, b = _results(first, inputs), _results(second, [tensor.clone() for tensor in inputs])
            if len(a) != len(b) or any(x.shape != y.shape for x, y in zip(a, b, strict=True)):
                return Proof(n_inputs, False, float("inf"), tolerance)
            for x, y in zip(a, b, strict=True):
                if torch.equal(x, y):
                    continue
                is_equal = False
                scale = float(x.double().abs().max()) or 1.0
                largest = max(largest, float((x.double() - y.double()).abs().max()) / scale)
    return Proof(n_inputs, is_equal, largest, tolerance)


def _results(module: nn.Module, inputs: list[torch.Tensor]) -> list[torch.Tensor]:
    with torch.no_grad():
        return [tensor for _, tensor in tensors(module(*inputs))]


def random_inputs(plan: Plan, module: nn.Module, size: int = 2) -> list[torch.Tensor]:
    """Inputs of a plan's types: floats are normal, integers small enough for every embedding; open sizes are `size`."""
    most = min((m.num_embeddings for m in module.modules() if isinstance(m, nn.Embedding)), default=2)
    found = []
    for node in plan.nodes.values():
        if node.kind != "input":
            continue
        if node.spec is None:
            raise DraftError(f"input {node.name!r} has no type; set one: draft.set_input({node.name!r}, 'f32[B, 3]')")
        symbols = symbols_in([node.spec.shape])
        shape = [number(s, {symbol: size + i for i, symbol in enumerate(symbols)}) for s in node.spec.shape]
        dtype = torch_dtype(node.spec.dtype)
        is_float = dtype.is_floating_point or dtype.is_complex
        drawn = torch.randn(shape) if is_float else torch.randint(0, 2 if dtype == torch.bool else most, shape)
        found.append(drawn.to(dtype))
    return found
