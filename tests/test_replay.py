"""Running a recorded graph again, and as torch.fx."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import graphtools as gt


class Noisy(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.register_buffer("count", torch.zeros(()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.count += 1
        return F.dropout(self.linear(x), 0.5) + torch.rand(4) * self.count


def test_a_replay_draws_the_recorded_random_numbers_and_changes_nothing() -> None:
    model, x = Noisy(), torch.randn(3, 4)
    recording = gt.run(model, x)
    state = torch.get_rng_state()
    for _ in range(2):
        assert torch.equal(gt.replay(recording), recording.value("output"))
    assert model.count == 1
    assert torch.equal(torch.get_rng_state(), state)


def test_a_replay_takes_other_inputs() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Tanh())
    recording = gt.run(model, torch.zeros(1, 4))
    x = torch.randn(1, 4)
    assert torch.equal(gt.replay(recording, x), model(x))


def test_a_replay_with_the_wrong_number_of_inputs_says_both_numbers() -> None:
    recording = gt.run(lambda x: x + 1, torch.zeros(2))
    with pytest.raises(gt.CaptureError, match=r"^the recorded run had 1 input tensors, 2 were given$"):
        gt.replay(recording, torch.zeros(2), torch.zeros(2))


@pytest.mark.parametrize("method", ["fx", "record"])
def test_to_fx_computes_what_the_model_computes_and_shares_its_weights(method: str) -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.Flatten()).eval()
    x = torch.randn(2, 3, 6, 6)
    module = gt.trace(model, x, method=method).to_fx()
    assert isinstance(module, torch.fx.GraphModule)
    assert torch.equal(module(x), model(x))
    with torch.no_grad():
        model[0].weight.mul_(2)
    assert torch.equal(module(x), model(x))


def test_a_graph_from_json_runs_with_the_model_given() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.GELU())
    x = torch.randn(2, 4)
    graph = gt.Graph.from_json(gt.trace(model, x, method="record").to_json())
    assert torch.equal(graph.to_fx(model)(x), model(x))
    with pytest.raises(
        gt.CaptureError, match=r"^parameter '0.weight' has no value here; give the model: graph.to_fx\(model\)$"
    ):
        graph.to_fx()


def test_to_fx_keeps_setitem() -> None:
    def f(x: torch.Tensor) -> torch.Tensor:
        y = x * 2
        y[0] = 7
        return y + 1

    x = torch.randn(3)
    assert torch.equal(gt.trace(f, x, method="record").to_fx()(x), f(x))
