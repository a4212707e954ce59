"""A recording read from a file equals the one that was saved, and nothing of the model's code takes part."""

from __future__ import annotations

import builtins
import dataclasses
import json
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import graphtools as gt
from graphtools.recording import Kept, Recording, ValueLost
from graphtools.saving import load, save
from tests.saving.made import assert_same, loaded, look, of_values, step


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1)
        self.bn = nn.BatchNorm2d(4)
        self.head = nn.Linear(4 * 32 * 32, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu(self.bn(self.conv(x)), inplace=True)  # large enough for the batch norm to be kept as a recipe
        if x.mean().item() > 100:
            return x
        return self.head(F.dropout(x, 0.2).flatten(1))


def training(n_steps: int = 1, optimizer: Any = torch.optim.Adam) -> Recording:
    """A recorded training step of a small net."""
    model, x, y = Net(), torch.randn(2, 1, 32, 32), torch.tensor([0, 2])
    steps = optimizer(model.parameters(), lr=0.01)
    with gt.record(model) as recording:
        for _ in range(n_steps):
            steps.zero_grad()
            F.cross_entropy(model(x), y).backward()
            steps.step()
    return recording


def test_everything_in_a_recording_comes_back(tmp_path: Path) -> None:
    recording = step()
    back = loaded(recording, tmp_path)
    assert_same(recording, back)
    assert back.failure == recording.failure
    assert back.error is None
    assert repr(back) == repr(recording)
    assert torch.equal(back.value("split", (1,)), torch.tensor([4.0]))
    assert torch.equal(back.grad("loss"), torch.tensor(2.5))


@pytest.mark.parametrize("optimizer", [torch.optim.Adam, torch.optim.SGD])
def test_a_recorded_training_step_comes_back(optimizer: Any, tmp_path: Path) -> None:
    recording = training(2, optimizer)
    assert any(kept.recipe for paths in recording.content.values.values() for kept in paths.values())
    back = loaded(recording, tmp_path)
    assert_same(recording, back)
    assert torch.equal(back.grad("conv"), recording.grad("conv"))
    assert torch.equal(back.update("head.weight").after, recording.update("head.weight").after)
    assert back.update("head.weight").ratio == recording.update("head.weight").ratio
    assert [stage.kind for stage in back.stages] == ["zero_grad", "forward", "backward", "step"] * 2
    assert str(back) == str(recording)


def test_one_forward_pass_comes_back(tmp_path: Path) -> None:
    recording = gt.run(Net().eval(), torch.randn(1, 1, 32, 32))
    back = loaded(recording, tmp_path)
    assert_same(recording, back)
    assert back.value("item") == recording.value("item")


def test_a_run_that_raised_comes_back_with_its_failure(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError) as caught:
        gt.run(Net(), torch.randn(1, 1, 8, 8))
    recording = caught.value.recording  # type: ignore[attr-defined]
    back = loaded(recording, tmp_path)
    assert_same(recording, back)
    assert back.failure is not None and back.failure.type == "RuntimeError"
    with pytest.raises(ValueLost, match=r"^no value of 'linear': it raised$"):
        back.value("linear")


def test_a_run_that_failed_after_the_model_gave_its_output_comes_back(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError) as caught, gt.record(model := nn.Linear(2, 2)):
        model(torch.ones(1, 2))
        raise ZeroDivisionError
    recording = caught.value.recording  # type: ignore[attr-defined]
    back = loaded(recording, tmp_path)
    assert torch.equal(back.value("linear"), recording.value("linear"))
    assert back.failure == recording.failure


def test_the_random_state_of_an_event_repeats_its_numbers(tmp_path: Path) -> None:
    model = nn.Dropout(0.5)
    recording = gt.run(model, torch.ones(100))
    back = loaded(recording, tmp_path)
    torch.set_rng_state(back.events[0].rng_state.cpu)
    assert torch.equal(model(torch.ones(100)), recording.value("dropout"))


def test_a_lost_value_stays_lost_for_the_same_reason(tmp_path: Path) -> None:
    x = torch.ones(3)
    with gt.record() as recording:
        y = x * 2
    y.add_(1)
    with pytest.raises(ValueLost) as before:
        recording.value("mul")
    back = loaded(recording, tmp_path)
    assert not back.has_value("mul")
    with pytest.raises(ValueLost) as after:
        back.value("mul")
    assert "was overwritten in place after the recording ended" in str(before.value)
    assert str(after.value) == str(before.value)


def test_a_value_that_is_overwritten_while_it_is_saved_is_lost_or_the_old_one(tmp_path: Path) -> None:
    lost, copied = torch.ones(3), torch.ones(3)
    kept = {name: Kept(tensor, tensor._version) for name, tensor in (("lost", lost), ("copied", copied))}

    def train() -> torch.Tensor:  # as another thread would, between the look at a tensor and its writing
        kept["copied"].value, kept["copied"].version = copied.clone(), None
        return lost.add_(1) + copied.add_(1)

    content = of_values(**kept, last=Kept(None, recipe=train)).content
    back = loaded(Recording(lambda: content, read_version=lambda tensor: tensor._version), tmp_path)
    assert torch.equal(back.value("copied"), torch.ones(3))
    assert not back.has_value("lost")


def test_values_that_are_on_disk_because_of_a_memory_limit_come_back(tmp_path: Path) -> None:
    recording = gt.run(Net().eval(), torch.randn(1, 1, 32, 32), limit_bytes=0)
    assert_same(recording, loaded(recording, tmp_path))


def test_a_loaded_recording_can_be_saved_again_even_over_its_own_file(tmp_path: Path) -> None:
    recording = training()
    first = loaded(recording, tmp_path)
    size = (tmp_path / "made.gt").stat().st_size
    save(first, tmp_path / "made.gt")
    assert abs((tmp_path / "made.gt").stat().st_size - size) < 200
    assert_same(recording, load(tmp_path / "made.gt"))
    assert_same(recording, first)


def test_the_same_recording_gives_the_same_bytes(tmp_path: Path) -> None:
    recording = training()
    save(recording, tmp_path / "one.gt")
    save(recording, str(tmp_path / "two.gt"))
    assert (tmp_path / "one.gt").read_bytes() == (tmp_path / "two.gt").read_bytes()


def test_the_file_is_a_zip_that_any_tool_reads(tmp_path: Path) -> None:
    save(step(), tmp_path / "step.gt")
    with zipfile.ZipFile(tmp_path / "step.gt") as zipped:
        assert zipped.testzip() is None
        assert sorted(zipped.namelist()) == ["graph.json", "recording.json", "tensors.bin"]
        document = json.loads(zipped.read("recording.json"))
        assert gt.Graph.from_json(zipped.read("graph.json")) == step().graph
    assert (document["format"], document["version"]) == ("graphtools.recording", 1)


def test_loading_runs_nothing_of_the_file_and_imports_nothing_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(training(), tmp_path / "step.gt")

    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise AssertionError(args)

    for owner, name in ((pickle, "loads"), (pickle, "Unpickler"), (torch, "load"), (builtins, "eval")):
        monkeypatch.setattr(owner, name, refuse)
    monkeypatch.setattr(builtins, "exec", refuse)
    back = load(tmp_path / "step.gt")
    assert len(list(back.values())) > 10


def test_a_recording_opens_where_the_code_of_its_model_is_not(tmp_path: Path) -> None:
    (tmp_path / "made_model.py").write_text(
        "import torch, graphtools\nfrom graphtools.saving import save\n"
        "class Net(torch.nn.Module):\n    def forward(self, x):\n        return (x * 2).relu()\n"
        "save(graphtools.run(Net(), torch.arange(3.0)), 'step.gt')\n"
    )
    subprocess.run([sys.executable, "made_model.py"], cwd=tmp_path, check=True, timeout=120)
    (tmp_path / "made_model.py").unlink()
    recording = load(tmp_path / "step.gt")
    assert recording.graph.capture.model == "Net"
    assert torch.equal(recording.value("relu"), torch.tensor([0.0, 2.0, 4.0]))
    assert "made_model" not in sys.modules


def test_saving_and_looking_are_no_part_of_a_recording(tmp_path: Path) -> None:
    recording = training()
    with gt.record() as outer:
        back = loaded(recording, tmp_path)
        back.value("conv")
    assert len(outer) == 0


def test_an_event_that_is_out_of_order_is_refused_when_saved(tmp_path: Path) -> None:
    content = step().content
    events = (dataclasses.replace(content.events[0], index=3), *content.events[1:])
    broken = Recording(lambda: dataclasses.replace(content, events=events))
    with pytest.raises(gt.FormatError) as caught:
        save(broken, tmp_path / "step.gt")
    assert str(caught.value) == "events[0] says that its index is 3; it must be its position"
    assert list(tmp_path.iterdir()) == []


def test_repeated_text_compresses_without_making_the_file_look_like_a_bomb(tmp_path: Path) -> None:
    words = tuple(range(300))
    nodes = tuple(gt.Node(f"n{i}", "call", "f", (words,)) for i in range(2000))
    recording = Recording(lambda: dataclasses.replace(of_values().content, graph=gt.Graph(nodes)))
    assert loaded(recording, tmp_path).graph.nodes == nodes


def test_looking_reads_the_tensor_asked_for_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from graphtools.saving import archive

    monkeypatch.setattr(archive, "_CHECKED_AT_ONCE", 0)
    save(of_values(small=torch.ones(10), large=torch.ones(10**6)), tmp_path / "two.gt")
    amounts: list[int] = []
    read = archive.Archive.read
    monkeypatch.setattr(archive.Archive, "read", lambda self, *at: amounts.append(at[1]) or read(self, *at))
    back = load(tmp_path / "two.gt")
    assert sum(amounts) < 100
    assert torch.equal(look(back, back.content.values["small"][()]), torch.ones(10))
    assert sum(amounts) < 200
