"""Where the original class can be patched, a draft gives the diff; where it cannot, it says why."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch

import graphtools as gt

SOURCE = """\
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(
            3, 8, 3,
            padding=1,
        )
        self.head = nn.Linear(8, 10)

    def forward(self, x):
        x = torch.relu(self.conv(x))
        x = x.mean((2, 3))
        return self.head(x)
"""


def loaded(file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.modules[file.stem] = module
    return module


def test_the_patched_class_is_the_edited_draft(tmp_path: Path) -> None:
    file = tmp_path / "patched_net.py"
    file.write_text(SOURCE)
    draft = gt.Draft(gt.trace(loaded(file).Net().eval(), torch.randn(2, 3, 8, 8)))
    draft.set("head", out_features=5).set("conv", kernel_size=1, padding=0)
    draft.insert_after("relu", "nn.Dropout", 0.1)
    diff = draft.to_patch()
    assert "\n-        self.head = nn.Linear(8, 10)\n" in diff and "\n+        self.head = nn.Linear(8, 5)\n" in diff
    done = subprocess.run(["patch", str(file)], input=diff, text=True, capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr
    model = loaded(file).Net().eval()
    built = draft.to_module().eval()
    model.load_state_dict(built.state_dict())
    x = torch.randn(2, 3, 8, 8)
    assert torch.equal(model(x), built(x))
    assert isinstance(model.dropout, torch.nn.Dropout)


def test_a_replaced_module_keeps_the_name_that_the_source_has(tmp_path: Path) -> None:
    file = tmp_path / "replaced_net.py"
    file.write_text(SOURCE.replace("torch.relu(self.conv(x))", "self.relu(self.conv(x))").replace(
        "        self.head", "        self.relu = nn.ReLU()\n        self.head"))  # fmt: skip
    draft = gt.Draft(gt.trace(loaded(file).Net().eval(), torch.randn(2, 3, 8, 8)))
    draft.replace("relu", "nn.GELU")
    assert "+        self.relu = nn.GELU()\n" in draft.to_patch() and "self.gelu = nn.GELU()" in draft.to_code()


def test_a_change_without_a_place_is_refused_with_the_reason(tmp_path: Path) -> None:
    file = tmp_path / "unpatched_net.py"
    file.write_text(SOURCE)
    draft = gt.Draft(gt.trace(loaded(file).Net().eval(), torch.randn(2, 3, 8, 8)))
    draft.insert_after("conv", "nn.ReLU")
    with pytest.raises(gt.DraftError, match="'conv' is in the middle of a line of forward"):
        draft.to_patch()
    draft.undo().remove("relu")
    with pytest.raises(gt.DraftError, match="no single place in the source; to_code"):
        draft.to_patch()
