"""Values to run a draft on, from the types of its inputs."""

from __future__ import annotations

import torch

from graphtools.drafting.plan import Plan
from graphtools.drafting.shapes import torch_dtype
from graphtools.drafting.sizes import number, symbols_in
from graphtools.errors import DraftError
from graphtools.graph import Spec

BATCH = 4  # what an open size is in a sample


def sample(spec: Spec, seed: int = 0) -> torch.Tensor:
    """A tensor of a type, open sizes `BATCH`: floats of a standard normal distribution, whole numbers from 0 to 9."""
    sizes = dict.fromkeys(symbols_in([spec.shape]), BATCH)
    shape = [number(size, sizes) for size in spec.shape]
    dtype = torch_dtype(spec.dtype)
    generator = torch.Generator().manual_seed(seed)
    if dtype.is_floating_point or dtype.is_complex:
        return torch.randn(shape, generator=generator).to(dtype)
    high = 2 if dtype == torch.bool else 10
    return torch.randint(0, high, shape, generator=generator).to(dtype)


def samples(plan: Plan) -> tuple[torch.Tensor, ...]:
    """A tensor for each input, in order. Raises DraftError for an input without a type."""
    found = []
    for index, node in enumerate(node for node in plan.nodes.values() if node.kind == "input"):
        if node.spec is None:
            raise DraftError(f"input {node.name!r} has no type; give it one, as f32[B, 1, 28, 28]")
        found.append(sample(node.spec, index))
    return tuple(found)
