"""Values to run a draft on, from the types of its inputs."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch

from graphtools.capture.specs import torch_dtype
from graphtools.drafting.plan import Plan
from graphtools.drafting.sizes import number, symbols_in
from graphtools.errors import DraftError
from graphtools.graph import Spec

BATCH = 4  # what an open size is in a sample
_LARGE, _FEW = 20_000, 2  # with more elements than this in one example there are only so many


def sample(spec: Spec, sizes: Mapping[str, int], seed: int = 0) -> torch.Tensor:
    """A tensor of a type with these open sizes: floats of a standard normal distribution, or whole numbers 0 to 9."""
    shape = [number(size, sizes) for size in spec.shape]
    dtype = torch_dtype(spec.dtype)
    generator = torch.Generator().manual_seed(seed)
    if dtype.is_floating_point or dtype.is_complex:
        return torch.randn(shape, generator=generator).to(dtype)
    high = 2 if dtype == torch.bool else 10
    return torch.randint(0, high, shape, generator=generator).to(dtype)


def samples(plan: Plan) -> dict[str, torch.Tensor]:
    """A tensor for each input by its name, in order; an open size is the same in all, 4, or 2 where examples are large.

    Raises DraftError for an input without a type.
    """
    specs: dict[str, Spec] = {}
    for node in plan.nodes.values():
        if node.kind == "input":
            if node.spec is None:
                raise DraftError(f"input {node.name!r} has no type; give it one, as f32[B, 1, 28, 28]")
            specs[node.name] = node.spec
    symbols = symbols_in([spec.shape for spec in specs.values()])
    ones = dict.fromkeys(symbols, 1)
    largest = max((math.prod(number(size, ones) for size in spec.shape) for spec in specs.values()), default=0)
    sizes = dict.fromkeys(symbols, _FEW if largest > _LARGE else BATCH)
    return {name: sample(spec, sizes, index) for index, (name, spec) in enumerate(specs.items())}
