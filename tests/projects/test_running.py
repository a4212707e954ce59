"""A project is loaded as its own scripts would: the same model, data, loss and optimizer, the same training."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import layouts
import pytest
import torch

import graphtools as gt
from graphtools.errors import LoadError
from graphtools.example_step import example_step
from graphtools.learning import Trainer, read_plan
from graphtools.loading import Loaded, load, load_model
from graphtools.projects import open_project, write_project
from graphtools.projects.planning import plan_of

WITH_DATA = ["PACKAGE", "SRC", "TEMPLATE", "DATACLASS"]


def project(tmp_path: Path, name: str) -> Path:
    if name == "PACKAGE":
        pytest.importorskip("yaml")
    return layouts.write(tmp_path / name.lower(), getattr(layouts, name))


def step_of(folder: Path) -> tuple[Loaded, gt.Recording, list[str]]:
    loaded, notes = load(str(folder)), []
    return loaded, example_step(loaded, notes), notes


@pytest.mark.parametrize("name", WITH_DATA)
def test_a_layout_gives_model_batch_loss_and_optimizer(tmp_path: Path, name: str) -> None:
    here = os.getcwd()
    loaded, recording, notes = step_of(project(tmp_path, name))
    assert recording.failure is None
    assert loaded.inputs_note.startswith("the first examples of ")
    assert loaded.loss_fn is not None and loaded.batch_target is not None and loaded.optimizer is not None
    assert [note.partition(":")[0] for note in notes] == ["loss", "optimizer"]
    assert os.getcwd() == here
    changed = [event.node for event in recording.events if event.phase == "update"]
    assert len(changed) == len(list(loaded.model.parameters()))  # type: ignore[attr-defined]


def test_the_recorded_step_is_the_one_that_the_project_would_run(tmp_path: Path) -> None:
    folder = project(tmp_path, "SRC")
    loaded, recording, _ = step_of(folder)
    code = """
import json, sys
sys.path.insert(0, "src")
import torch
torch.set_num_threads(1)
torch.manual_seed(0)
from torch.utils.data import DataLoader
from datasets.pairs import PairsDataset
from losses import DiceLoss
from models.unet import UNet
model = UNet(1, 6)
optimizer = torch.optim.AdamW(model.parameters(), weight_decay=1e-4)
image, mask = next(iter(DataLoader(PairsDataset("train", size=8), batch_size=4)))
loss = DiceLoss(smooth=0.5)(model(image), mask)
loss.backward()
optimizer.step()
print(json.dumps([loss.item(), [p.flatten().tolist() for p in model.parameters()]]))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True)
    loss, parameters = json.loads(done.stdout)
    events = [event for event in recording.events if event.phase == "forward"]
    assert recording.value(events[-1].node).item() == loss
    names = [name for name, _ in loaded.model.named_parameters()]  # type: ignore[attr-defined]
    assert [recording.update(name).after.flatten().tolist() for name in names] == parameters


@pytest.mark.parametrize("name", WITH_DATA)
def test_a_layout_trains_by_its_own_settings(tmp_path: Path, name: str) -> None:
    plan = {**plan_of(open_project(project(tmp_path, name))), "epochs": 1}
    trainer = Trainer(read_plan(plan))
    first = trainer.step()
    assert first is not None and first["loss"] is not None
    _, second = trainer.record_step()
    assert second["step"] == 2
    while not trainer.is_done:
        last = trainer.step()
    assert last is not None and last["test_loss"] is not None


def test_training_a_written_project_equals_its_own_script_bit_for_bit(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "digits")
    config = (folder / "config.toml").read_text()
    (folder / "config.toml").write_text(config.replace("epochs = 12", "epochs = 2"))
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "train.py"], cwd=folder, env=environment, check=True, capture_output=True)
    expected = torch.load(folder / "checkpoint.pt", weights_only=True)["model"]
    trainer = Trainer(read_plan(plan_of(open_project(folder))))
    while not trainer.is_done:
        trainer.step()
    for name, value in trainer.model.state_dict().items():
        assert torch.equal(value, expected[name]), name


def test_modules_of_the_same_name_in_two_projects_do_not_mix(tmp_path: Path) -> None:
    loaded = []
    for width in (3, 5):
        files = {
            "model.py": f"from torch import nn\nfrom layers import W\nclass Net(nn.Linear):\n    def __init__(self):\n"
            f"        super().__init__({width}, W)\n",
            "layers.py": f"W = {width + 1}\n",
        }
        loaded.append(load_model(str(layouts.write(tmp_path / f"p{width}", files))).model)
    assert [(one.in_features, one.out_features) for one in loaded] == [(3, 4), (5, 6)]  # type: ignore[attr-defined]


def test_another_model_of_the_project_is_chosen_by_name(tmp_path: Path) -> None:
    folder = project(tmp_path, "NETWORKS")
    assert load_model(f"{folder}:Small").name == "Small"
    with pytest.raises(LoadError, match=r"Wide in nets/wide.py needs width, which neither a call of it nor"):
        load_model(f"{folder}:Wide")
    with pytest.raises(LoadError, match="no model in networks named 'Smal'; did you mean 'Small'"):
        load_model(f"{folder}:Smal")


def test_without_data_the_input_is_a_guess_and_with_unusable_data_the_reason_is_said(tmp_path: Path) -> None:
    assert "a guess" in load(str(project(tmp_path, "NETWORKS"))).inputs_note
    folder = project(tmp_path, "SRC")
    (folder / "scale.txt").unlink()
    note = load(str(folder)).inputs_note
    assert "cannot be used: FileNotFoundError: " in note and "a guess" in note


def test_inputs_that_are_given_count_before_the_data(tmp_path: Path) -> None:
    loaded = load(str(project(tmp_path, "TEMPLATE")), ["2,5"])
    assert loaded.args[0].shape == (2, 5) and loaded.batch_target is None


def test_what_the_project_raises_comes_out_unchanged(tmp_path: Path) -> None:
    files = {"model.py": "import torch\nclass Net(torch.nn.Module):\n    def __init__(self):\n        1 / 0\n"}
    with pytest.raises(ZeroDivisionError):
        load_model(str(layouts.write(tmp_path / "broken", files)))


def command(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "graphtools", *words], capture_output=True, text=True, cwd=cwd, timeout=300
    )


def test_the_commands_take_a_folder(tmp_path: Path) -> None:
    folder = project(tmp_path, "DATACLASS")
    traced = command("trace", f"{folder.name}/", cwd=tmp_path)
    assert traced.returncode == 0, traced.stderr
    assert "model: Decoder(11, dim=6) (networks/decoder.py:3): trainer.py, line 11, makes it" in traced.stderr
    assert "inputs: the first examples of Text(11) in data.py" in traced.stdout
    recorded = command("record", folder.name, "--train", "--save", "step.gt", cwd=tmp_path)
    assert recorded.returncode == 0, recorded.stderr
    assert "cross_entropy" in recorded.stdout and "loss: sequence_loss (loss.py:3)" in recorded.stdout
    assert "optimizer: Adam(lr=0.003) (trainer.py:13)" in recorded.stdout
    assert any(event.phase == "update" for event in gt.load(tmp_path / "step.gt").events)
    trained = command("train", folder.name, "--epochs", "2", "--checkpoints", "run", cwd=tmp_path)
    assert trained.returncode == 0, trained.stderr
    assert "data: Text(11) of the project: 8 examples" in trained.stderr
    assert re.search(r"^6 of 6 steps in ", trained.stdout)  # 8 examples, 2 kept for testing, batches of 2
    assert list((tmp_path / "run").glob("*.ckpt"))
    other = command("train", folder.name, "--lr", "0.5", "--epochs", "1", "--data", "digits", cwd=tmp_path)
    assert other.returncode == 1 and "step 1 failed" in other.stderr
    assert other.stderr.endswith("it can be trained with --data project\n")
    again = command("train", folder.name, "--lr", "0.5", "--epochs", "1", "--data", "project", cwd=tmp_path)
    assert again.returncode == 0, again.stderr


def test_a_project_without_a_model_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for word in ("trace", "train"):
        done = command(word, "empty", cwd=tmp_path)
        assert done.returncode == 2
        assert "holds no Python file, so it is no project" in done.stderr and "Traceback" not in done.stderr
