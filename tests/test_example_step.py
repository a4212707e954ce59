"""The training step of a model that was loaded by name, with an example loss and optimizer."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

import graphtools as gt
from graphtools.example_step import example_step
from graphtools.loading import Loaded, load


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


def test_a_files_own_loss_target_and_optimizer_count(tmp_path: Path) -> None:
    source = (
        "import torch\nfrom torch import nn\nmodel = nn.Linear(4, 3)\nexample_input = torch.ones(6, 4)\n"
        "criterion = nn.MSELoss()\noptimizer = torch.optim.Adam(model.parameters(), lr=0.125)\n"
    )
    (tmp_path / "own.py").write_text(source + "example_target = torch.zeros(6, 3)\n")
    loaded, notes = load(str(tmp_path / "own.py")), []
    before = loaded.model(*loaded.args)
    recording = example_step(loaded, notes)
    assert notes == ["loss: criterion of own.py", "optimizer: Adam, lr 0.125: optimizer of own.py"]
    assert torch.equal(recording.value(recording.graph.operations[-1]), before.square().mean())
    (tmp_path / "half.py").write_text(source)
    notes = []
    example_step(load(str(tmp_path / "half.py")), notes)
    assert notes[0].startswith("loss: a guess: cross-entropy against random classes of 3")
    assert notes[2] == "criterion of half.py is not used: it needs an example_target beside the example_input"
