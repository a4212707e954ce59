"""A project is recognized by reading alone: main model, data, loss, optimizer, with arguments and reasons."""

from __future__ import annotations

import sys
from pathlib import Path

import layouts
import pytest

from graphtools.errors import LoadError
from graphtools.projects import open_project, write_project
from graphtools.projects.planning import plan_of


def recognized(tmp_path: Path, files: dict[str, str]) -> dict[str, str]:
    """What is used of a project: by role, its call and its file."""
    project = open_project(layouts.write(tmp_path / "project", files))
    found = {"model": project.model, "optimizer": project.optimizer}
    found |= {"data": next(iter(project.datasets), None), "loss": next(iter(project.losses), None)}
    return {what: f"{one.call()} in {one.file}" for what, one in found.items() if one is not None}


def test_one_script_with_argparse(tmp_path: Path) -> None:
    assert recognized(tmp_path, layouts.ONE_SCRIPT) == {
        "model": "Net(7) in main.py",
        "loss": "nll_loss in main.py",
        "optimizer": "Adadelta(lr=0.5) in main.py",
    }
    project = open_project(tmp_path / "project")
    assert (project.batch_size, project.epochs) == (5, 2)
    assert project.model is not None
    assert project.model.why == "main.py, line 37, makes it: Net(args.hidden)"


def test_a_package_with_relative_imports_and_yaml(tmp_path: Path) -> None:
    pytest.importorskip("yaml")
    assert recognized(tmp_path, layouts.PACKAGE) == {
        "model": "ShapeNet(5, depth=3) in shapes/models/net.py",
        "data": "get_loaders(6) in shapes/data.py",
        "loss": "CrossEntropyLoss(label_smoothing=0.1) in shapes/train.py",
        "optimizer": "SGD(lr=0.05, momentum=0.9) in shapes/train.py",
    }
    project = open_project(tmp_path / "project")
    assert [one.name for one in project.models] == ["ShapeNet", "Block"]
    assert {file.path: file.role for file in project.files} == {
        "shapes/data.py": "dataset",
        "shapes/__init__.py": "other",
        "shapes/models/__init__.py": "model",
        "shapes/models/layers.py": "model",
        "shapes/models/net.py": "model",
        "shapes/train.py": "train",
        "configs/default.yaml": "config",
        "configs/large.yaml": "config",
    }


def test_yaml_without_pyyaml_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    project = open_project(layouts.write(tmp_path / "project", layouts.PACKAGE))
    assert project.problems == ("configs/default.yaml: it is YAML, which needs PyYAML: pip install pyyaml",)
    assert project.model is not None
    assert project.model.call() == "ShapeNet(depth=2, width=?)"


def test_scripts_in_src_with_a_loss_class_and_json(tmp_path: Path) -> None:
    assert recognized(tmp_path, layouts.SRC) == {
        "model": "UNet(1, 6) in src/models/unet.py",
        "data": "PairsDataset('train', size=8) in src/datasets/pairs.py",
        "loss": "DiceLoss(smooth=0.5) in src/losses.py",
        "optimizer": "AdamW(weight_decay=0.0001) in src/train.py",
    }
    project = open_project(tmp_path / "project")
    assert project.test_dataset is not None
    assert project.test_dataset.call() == "PairsDataset('val', size=8)"


def test_classes_that_the_config_file_names(tmp_path: Path) -> None:
    assert recognized(tmp_path, layouts.TEMPLATE) == {
        "model": "TinyModel(num_classes=4) in model/model.py",
        "data": "TinyDataLoader(batch_size=3, shuffle=False) in data_loader/data_loaders.py",
        "loss": "nll_loss in model/loss.py",
        "optimizer": "RMSprop(lr=0.002) in trainer/trainer.py",
    }


def test_settings_in_a_dataclass_and_a_trainer_class(tmp_path: Path) -> None:
    assert recognized(tmp_path, layouts.DATACLASS) == {
        "model": "Decoder(11, dim=6) in networks/decoder.py",
        "data": "Text(11) in data.py",
        "loss": "sequence_loss in loss.py",
        "optimizer": "Adam(lr=0.003) in trainer.py",
    }
    assert open_project(tmp_path / "project").seed == 3


def test_networks_alone(tmp_path: Path) -> None:
    assert recognized(tmp_path, layouts.NETWORKS) == {"model": "Small() in nets/small.py"}
    assert [one.call() for one in open_project(tmp_path / "project").models] == ["Small()", "Wide(width=?)"]


def test_the_project_that_new_writes(tmp_path: Path) -> None:
    project = open_project(write_project(tmp_path / "digits"))
    assert plan_of(project) == {
        "model": str(tmp_path / "digits"),
        "data": {"source": "project"},
        "loss": {"name": "project"},
        "optimizer": {"name": "adam", "lr": 0.003},
        "epochs": 12,
        "batch_size": 32,
        "seed": 0,
    }
    said = str(project).splitlines()
    assert said[0] == "project digits"
    assert "  model.py: model, by its name: model Net" in said
    assert "  model: Net(width=16) (model.py:6): train.py, line 30, makes it: Net(**config['model'])" in said


def test_nothing_of_a_project_is_run_or_imported(tmp_path: Path) -> None:
    files = {
        "model.py": "open('ran', 'w')\nimport torch.nn as nn\nclass Net(nn.Module):\n    pass\nraise SystemExit(1)\n",
        "train.py": "from model import Net\nopen('ran', 'w')\nmodel = Net(**__import__('os').environ)\n",
        "config.py": "WIDTH = open('ran', 'w')\n",
    }
    folder = layouts.write(tmp_path / "project", files)
    project = open_project(folder)
    assert project.model is not None and project.model.name == "Net"
    assert not (folder / "ran").exists() and not Path("ran").exists()
    assert "model" not in sys.modules


def test_a_config_made_of_itself_is_not_known(tmp_path: Path) -> None:
    code = """
import torch.nn as nn
class Net(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.fc = nn.Linear(width, 1)
def main(config):
    config = dict(**config, seed=0)
    return Net(config["width"])
"""
    project = open_project(layouts.write(tmp_path / "project", {"model.py": code}))
    assert project.model is not None and project.model.unknown == ("width",)


def test_a_file_that_is_no_python_is_named_and_the_rest_is_read(tmp_path: Path) -> None:
    files = {"model.py": layouts.NETWORKS["nets/small.py"], "train.py": "def broken(:\n", "config.toml": "= 3"}
    project = open_project(layouts.write(tmp_path / "project", files))
    assert project.model is not None and project.model.call() == "Small()"
    assert project.problems[0] == "train.py: it cannot be read, line 1: invalid syntax"
    assert project.problems[1].startswith("config.toml: it cannot be read: Invalid ")


def test_environments_and_hidden_folders_are_left_out(tmp_path: Path) -> None:
    inside = {f"{name}/model.py": "x = 1\n" for name in (".git", "venv", "node_modules", "runs")}
    project = open_project(layouts.write(tmp_path / "project", {**inside, "net.py": "y = 2\n"}))
    assert [file.path for file in project.files] == ["net.py"]
    assert project.model is None
    assert project.problems == ("no model: no class derived from torch.nn.Module was found",)


def test_a_folder_that_is_no_project_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="no folder"):
        open_project(tmp_path / "none")
    with pytest.raises(LoadError, match="holds no Python file, so it is no project"):
        open_project(tmp_path)


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("3 * 4", "12"),
        ("-1", "-1"),
        ("WIDTH", "8"),
        ("LOCAL // 2", "3"),
        ("config['net']['width']", "9"),
        ("config.net.width", "9"),
        ("config.get('none', 5)", "5"),
        ("int(config['text'])", "11"),
        ("(1, [2, 'a'])", "(1, [2, 'a'])"),
        ("**config['net']", "width=9"),
        ("**{'width': 2}", "width=2"),
        ("args.width", "4"),
        ("given", "6"),
        ("other", "1"),
        ("1 // 0", "width=?"),
        ("len(config)", "width=?"),
        ("unknown()", "width=?"),
    ],
)
def test_arguments_are_read_from_the_text_and_the_settings(tmp_path: Path, argument: str, value: str) -> None:
    model = "from torch import nn\nclass Net(nn.Module):\n    def __init__(self, width):\n        super().__init__()\n"
    train = f"""
import argparse
from constants import WIDTH
from model import Net

parser = argparse.ArgumentParser()
parser.add_argument("--width", default=4)

def main(config, given, other=1):
    LOCAL = 7
    args = parser.parse_args()
    return Net({argument})

if __name__ == "__main__":
    main(load(), 6)
"""
    files = {"model.py": model, "train.py": train, "constants.py": "WIDTH = 8\n"}
    # `width` stands twice with different values, so that its name alone settles nothing.
    files["config.json"] = '{"net": {"width": 9}, "text": "11", "others": {"width": 10}}'
    if value.endswith("?"):
        files["train.py"] = train.replace('parser.add_argument("--width", default=4)', "")
    project = open_project(layouts.write(tmp_path / "project", files))
    assert project.model is not None
    assert project.model.call() == f"Net({value})"
