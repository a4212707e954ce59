"""A written project is plain PyTorch: it trains without graphtools, passes its own tests and ruff, and resumes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

import graphtools as gt
from graphtools.errors import LoadError
from graphtools.projects import write_project
from graphtools.projects.examples import Argument, Examples
from graphtools.projects.probing import probe, without_unused_inputs
from graphtools.projects.writing import ProjectError

ENVIRONMENT = {**{k: v for k, v in os.environ.items() if k != "PYTHONPATH"}, "OMP_NUM_THREADS": "1"}
LINEAR = """import torch
from torch import nn


class Tiny(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(3, 2)

    def forward(self, x):
        return self.fc(x)
"""


def python(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *words]
    return subprocess.run(command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, timeout=300)


def check(folder: Path) -> None:
    """The project is formatted, passes ruff, and passes its own tests with warnings as errors."""
    for words in (["check", "--no-cache", "."], ["format", "--check", "--no-cache", "."]):
        done = python(folder, "-m", "ruff", *words)
        assert done.returncode == 0, done.stdout + done.stderr
    done = python(folder, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"\d+ passed", done.stdout)


def around(folder: Path, draft: gt.Draft, class_name: str = "Net", **given: torch.Tensor) -> Examples:
    code = without_unused_inputs(draft).to_code(class_name)
    examples = probe(draft, given)
    assert Examples.from_json(examples.to_json()) == examples
    write_project(folder, model_code=code, class_name=class_name, examples=examples, source="a test")
    return examples


def test_the_digits_project_trains_to_more_than_95_percent_and_resumes(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "digits")
    done = python(folder, "train.py")
    assert done.returncode == 0, done.stderr
    accuracy = float(re.findall(r"accuracy (\S+)", done.stdout)[-1])
    assert accuracy > 0.95
    again = python(folder, "train.py", "--resume")
    assert again.stdout.strip() == "resumed after epoch 12"
    assert set(torch.load(folder / "checkpoint.pt", weights_only=True)) >= {"model", "optimizer", "epoch"}


def test_a_training_that_was_stopped_and_resumed_prints_what_one_in_one_go_does(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "digits")
    config = (folder / "config.toml").read_text()
    (folder / "config.toml").write_text(config.replace("epochs = 12", "epochs = 2"))
    whole = python(folder, "train.py").stdout.splitlines()
    (folder / "config.toml").write_text(config.replace("epochs = 12", "epochs = 1"))
    first = python(folder, "train.py").stdout.splitlines()
    (folder / "config.toml").write_text(config.replace("epochs = 12", "epochs = 2"))
    second = python(folder, "train.py", "--resume").stdout.splitlines()
    assert first + second == [whole[0], "resumed after epoch 1", whole[1]]


def test_the_digits_project_passes_its_own_tests(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "my-digits_2")
    check(folder)
    assert (folder / "README.md").read_text().startswith("# my-digits_2\n")
    named = {str(file.relative_to(folder)) for file in folder.rglob("*.py")}
    assert {"model.py", "dataset.py", "loss.py", "trainer.py", "train.py"} <= named
    assert "tests/test_model.py" in named


def test_no_file_of_a_project_imports_graphtools(tmp_path: Path) -> None:
    write_project(tmp_path / "digits")
    write_project(
        tmp_path / "tiny", model_code=LINEAR, class_name="Tiny", examples=Examples((Argument("x", (3,)),), n_classes=2)
    )
    for file in tmp_path.rglob("*.py"):
        assert not re.search(r"^\s*(import|from) graphtools", file.read_text(), re.MULTILINE)


@pytest.mark.parametrize("name", ["2x", "a b", "class", "a.b", "-x"])
def test_a_bad_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ProjectError, match="is no name for a project"):
        write_project(f"{tmp_path}/{name}")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_anything_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / ".hidden").write_text("mine")
    with pytest.raises(ProjectError, match="is there already and not empty"):
        write_project(tmp_path / "there")
    assert [file.name for file in (tmp_path / "there").iterdir()] == [".hidden"]
    (tmp_path / "empty").mkdir()
    assert (write_project(tmp_path / "empty") / "train.py").exists()
    with pytest.raises(ProjectError, match="there is no folder"):
        write_project(tmp_path / "none" / "digits")
    (tmp_path / "file").write_text("")
    with pytest.raises(ProjectError, match="is a file"):
        write_project(tmp_path / "file")


def test_code_without_examples_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="needs `examples`"):
        write_project(tmp_path / "a", model_code=LINEAR, class_name="Tiny")


def test_a_convolutional_net_is_trained_on_images_of_its_size_in_any_batch(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 7))
    examples = around(tmp_path / "net", gt.Draft(gt.trace(model, torch.rand(1, 3, 20, 16))))
    assert examples == Examples((Argument(examples.arguments[0].name, (3, 20, 16)),), "classes", 7)
    assert "torch.rand(3, 20, 16, generator=generator)" in (tmp_path / "net" / "dataset.py").read_text()
    check(tmp_path / "net")
    done = python(tmp_path / "net", "train.py")
    assert "epoch 5: training loss" in done.stdout, done.stderr


def test_a_model_of_digits_is_trained_on_the_digits(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    examples = around(tmp_path / "net", gt.Draft(gt.trace(model, torch.rand(1, 1, 8, 8))), "Classifier")
    assert examples.are_digits
    assert "load_digits" in (tmp_path / "net" / "dataset.py").read_text()
    check(tmp_path / "net")


class Tagger(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(30, 8)
        self.head = nn.Linear(8, 30)

    def forward(self, target: torch.Tensor, mask: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"kept": target, "logits": self.head(self.embedding(target) * mask.unsqueeze(-1))}


def test_several_inputs_a_mapping_as_result_and_a_name_that_is_taken(tmp_path: Path) -> None:
    given = {"target": torch.randint(30, (1, 6)), "mask": torch.ones(1, 6, dtype=torch.bool)}
    examples = around(tmp_path / "net", gt.Draft(gt.trace(Tagger(), **given)), "Trainer", **given)
    assert examples.arguments == (Argument("target", (6,), "int64", 30), Argument("mask", (6,), "bool", 2))
    assert (examples.loss, examples.output, examples.target) == ("tokens", '["logits"]', (6,))
    check(tmp_path / "net")
    assert "for *inputs, target in" in (tmp_path / "net" / "trainer.py").read_text()


class Fixed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(6, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(x.view(4, 6)).tanh().view(4, 3, 1)


def test_a_model_for_one_batch_size_alone_gets_batches_of_it(tmp_path: Path) -> None:
    examples = around(tmp_path / "net", gt.Draft(gt.trace(Fixed(), torch.rand(4, 2, 3))))
    assert (examples.batch, examples.loss, examples.target) == (4, "numbers", (3, 1))
    check(tmp_path / "net")
    assert "batch_size = 4  # the only size" in (tmp_path / "net" / "config.toml").read_text()


class Whole(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.Linear(3, 3)

    def forward(self, x: torch.Tensor, state: torch.Tensor) -> torch.Tensor:
        return (self.cell(x) * state).sum(0)


def test_inputs_without_a_common_batch_dimension_are_given_whole(tmp_path: Path) -> None:
    examples = around(tmp_path / "net", gt.Draft(gt.trace(Whole(), torch.rand(5, 3), torch.rand(1, 3))))
    assert examples.is_whole and [a.shape for a in examples.arguments] == [(5, 3), (1, 3)]
    check(tmp_path / "net")
    assert "batch_size" not in (tmp_path / "net" / "config.toml").read_text()


def test_a_recorded_training_step_gives_its_model_without_the_target(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    batch = torch.rand(3, 4), torch.randint(2, (3,))
    gt.training_step(model, batch, nn.functional.cross_entropy, optimizer).save(tmp_path / "step.gt")
    examples = around(tmp_path / "net", gt.Draft(gt.load(tmp_path / "step.gt").graph))
    assert [argument.shape for argument in examples.arguments] == [(4,)]
    assert (examples.loss, examples.n_classes) == ("classes", 2)


def test_what_cannot_be_trained_is_refused() -> None:
    with pytest.raises(LoadError, match="has no parameters to train"):
        probe(gt.Draft(gt.trace(nn.ReLU(), torch.rand(2, 3))))
    draft = gt.Draft()
    draft.output(draft.add("nn.Linear", draft.input("x"), 3, 2))
    with pytest.raises(LoadError, match="the shape of the input x is not known"):
        probe(draft)
