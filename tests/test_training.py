"""The standard training step, run and recorded by one call."""

from __future__ import annotations

import copy
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import graphtools as gt
from tests.zoo.case import same


def net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.3), nn.Linear(8, 3))


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    return torch.linspace(-1, 1, 20).reshape(5, 4), torch.tensor([0, 1, 2, 1, 0])


def test_a_training_step_does_what_the_five_lines_do() -> None:
    recorded, plain = net(), net()
    x, y = batch()
    optimizers = [torch.optim.AdamW(model.parameters(), lr=0.1) for model in (recorded, plain)]
    for turn in range(3):
        torch.manual_seed(turn)
        recording = gt.training_step(recorded, (x, y), F.cross_entropy, optimizers[0])
        torch.manual_seed(turn)
        optimizers[1].zero_grad()
        loss = F.cross_entropy(plain(x), y)
        loss.backward()
        optimizers[1].step()
        assert torch.equal(recording.value("cross_entropy"), loss)
    assert same(recorded.state_dict(), plain.state_dict()) is None
    assert [stage.kind for stage in recording.stages] == ["zero_grad", "forward", "backward", "step"]
    assert [node.name for node in recording.graph.inputs] == ["input", "target"]
    assert recording.graph.capture.notes == ()


def test_inputs_may_be_several_or_named() -> None:
    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(()))

        def forward(self, one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
            return (one - other) * self.weight

    one, other, target = torch.ones(3), torch.zeros(3), torch.zeros(3)
    for inputs in ((one, other), {"one": one, "other": other}):
        model = Both()
        recording = gt.training_step(model, (inputs, target), F.mse_loss, torch.optim.SGD(model.parameters(), lr=0.5))
        assert [node.name for node in recording.graph.inputs] == ["one", "other", "target"]
        assert float(model.weight.detach()) < 1.0


def test_a_model_that_gives_its_own_loss_needs_no_loss_function() -> None:
    class WithLoss(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(4, 3)

        def forward(self, x: torch.Tensor, labels: torch.Tensor | None = None) -> Any:
            logits = self.layer(x)
            return SimpleNamespace(logits=logits, loss=None if labels is None else F.cross_entropy(logits, labels))

    model = WithLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    x, y = batch()
    before = copy.deepcopy(model.state_dict())
    recording = gt.training_step(model, {"x": x, "labels": y}, None, optimizer)
    assert recording.stages[-1].changed == ("layer.weight", "layer.bias")
    assert same(before, model.state_dict()) is not None
    with pytest.raises(gt.CaptureError, match="WithLoss gave no loss: give it the labels, or give a loss_fn"):
        gt.training_step(model, {"x": x}, None, optimizer)


def test_a_batch_of_another_form_is_refused_in_words() -> None:
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(gt.CaptureError, match=r"the batch must be \(inputs, target\), not Tensor; give loss_fn=None"):
        gt.training_step(model, torch.ones(2, 4), F.cross_entropy, optimizer)
    with pytest.raises(gt.CaptureError, match=r"the batch must be \(inputs, target\), not tuple of 3"):
        gt.training_step(model, (1, 2, 3), F.cross_entropy, optimizer)
    with pytest.raises(gt.CaptureError, match="without a loss_fn the batch must be a mapping"):
        gt.training_step(model, batch(), None, optimizer)


def test_a_step_that_raises_gives_the_run_so_far() -> None:
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    x, _ = batch()
    with pytest.raises(IndexError) as caught:
        gt.training_step(model, (x, torch.tensor([0, 1, 2, 1, 9])), F.cross_entropy, optimizer)
    recording = caught.value.recording  # type: ignore[attr-defined]
    assert recording.failure.node == "cross_entropy"
    assert torch.equal(recording.value("linear"), model[0](x))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_training_step_runs_on_the_gpu_and_its_values_stay_there() -> None:
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    recording = gt.training_step(model, batch(), F.cross_entropy, optimizer, device="cuda")
    assert recording.value("linear").is_cuda and recording.grad("0.weight").is_cuda
    branch = gt.edit(recording, "linear", lambda value: value)
    assert torch.equal(branch.grad("0.weight"), recording.grad("0.weight"))
