"""The training step of a model that was loaded by name, with an example loss and optimizer."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import graphtools as gt
from graphtools.example_step import example_step
from graphtools.loading import Loaded


def test_inputs_by_name_that_forward_collects_reach_it():
    class Collects(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(3, 2)

        def forward(self, x, **options):
            return self.layer(x) * options["scale"]

    loaded = Loaded(Collects(), "Collects", (torch.ones(4, 3),), {"scale": torch.ones(1)})
    assert example_step(loaded, []).failure is None


def test_inputs_by_position_and_by_name_at_once_are_refused_with_a_way_out():
    class Collects(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(3, 2)

        def forward(self, *tensors, scale):
            return self.layer(sum(tensors)) * scale

    loaded = Loaded(Collects(), "Collects", (torch.ones(4, 3),), {"scale": torch.ones(1)})
    with pytest.raises(gt.LoadError, match="takes tensors by position and scale by name"):
        example_step(loaded, [])
