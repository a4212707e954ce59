"""The looks of tensors that the viewer shows, of unusual recordings too."""

import pytest
import torch
from torch import nn

import graphtools as gt
from graphtools.payload import drawn_nodes, run_payload
from graphtools.summaries import Summaries


def test_a_run_that_stopped_before_its_first_operation_has_a_page():
    class Broken(nn.Module):
        def forward(self, x):
            raise KeyError("early")

    with pytest.raises(KeyError) as error:
        gt.run(Broken(), torch.ones(2))
    assert len(error.value.recording) == 0
    assert "KeyError" in error.value.recording.to_html()


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
@pytest.mark.parametrize("layout", [torch.jagged, torch.strided])
def test_a_nested_tensor_has_its_look(layout):
    def model(x, y):
        return torch.nested.nested_tensor([x, y], layout=layout) * 2

    recording = gt.run(model, torch.ones(2, 8), torch.ones(5, 8))
    found = Summaries(recording).tensor(f"v.{len(drawn_nodes(recording.graph)) - 2}.0")
    assert (found["elements"], found["max"]) == (56, 2)
    assert recording.to_html()


def test_a_sparse_gradient_is_looked_through_for_nan():
    class Words(nn.Module):
        def __init__(self):
            super().__init__()
            self.table = nn.Embedding(10, 4, sparse=True)

        def forward(self, x):
            return self.table(x)

    model = Words()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    batch = torch.tensor([1, 2]), torch.zeros(2, 4)
    recording = gt.training_step(model, batch, nn.functional.mse_loss, optimizer)
    assert Summaries(recording).metrics()["nonfinite"] == []


def test_an_update_that_makes_a_parameter_nan_is_not_finite():
    model = nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=float("inf"))
    recording = gt.training_step(model, (torch.ones(3, 2), torch.zeros(3, 1)), nn.functional.mse_loss, optimizer)
    updates = [event.index for event in recording.events if event.phase == "update"]
    assert Summaries(recording).metrics()["nonfinite"] == updates


@pytest.mark.parametrize("factor, text", [(float("nan"), "nan"), (float("inf"), "inf"), (float("-inf"), "-inf")])
def test_a_loss_that_is_not_finite_is_in_the_payload(factor, text):
    weight = nn.Parameter(torch.ones(2))
    with gt.record() as recording:
        (weight.sum() * factor).backward()
    assert [stage["value"] for stage in run_payload(recording)["stages"] if stage["kind"] == "backward"] == [text]


def test_a_page_holds_small_tensors_whole_and_of_large_ones_what_there_is_room_for():
    attention, features, images = torch.rand(2, 4, 12, 12), torch.rand(8, 100, 300, 300), torch.rand(4, 3, 16, 16)
    photos = torch.rand(8, 200, 200, 3)  # colors last
    tensors = (attention, features, images, photos)
    summaries = Summaries(gt.run(lambda *given: [tensor * 2 for tensor in given], *tensors))
    names = [node.name for node in drawn_nodes(summaries.recording.graph)]

    def pictures(name: str, pixels: int):
        return summaries.tensor_within(f"v.{names.index(name)}.0", pixels)["pictures"]

    heads = pictures("mul", 2_000)
    assert [picture["index"] for picture in heads] == [[i, j] for i in range(2) for j in range(4)]
    assert all(picture["exact"] and (picture["width"], picture["height"]) == (12, 12) for picture in heads)
    assert len(pictures("mul", 300)) == 2
    few = pictures("mul_1", 10_000)
    assert len(few) * few[0]["width"] * few[0]["height"] <= 10_000
    assert not few[0]["exact"]
    assert len(pictures("mul_1", 1)) == 1
    assert [picture["index"] for picture in pictures("mul_2", 10_000)] == [[0], [1], [2], [3]]
    colored = pictures("mul_3", 30_000)
    assert {picture["kind"] for picture in colored} == {"image"}
    assert len(colored) * colored[0]["width"] * colored[0]["height"] * 3 <= 30_000
    assert pictures("mul", 0) == []
