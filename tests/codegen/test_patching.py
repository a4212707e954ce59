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
from graphtools.drafting.files import reopen
from graphtools.errors import DraftError

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


FLOWS = """\
import torch
from torch import nn
from torchvision.models import alexnet


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = self.spare = nn.Linear(4, 4); self.flag = 3
        self.b = nn.Linear(4, 4)

    def forward(self, x):
        y = self.a(x)
        z = self.b(y)
        return z + y


class Around(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = alexnet()

    def forward(self, x):
        x = self.backbone(x)
        return x
"""


def flows(tmp_path: Path) -> ModuleType:
    file = tmp_path / "flows_net.py"
    file.write_text(FLOWS)
    return loaded(file)


def test_a_patch_changes_the_call_alone(tmp_path: Path) -> None:
    draft = gt.Draft(gt.trace(flows(tmp_path).Net(), torch.randn(2, 4)))
    diff = draft.set("a", bias=False).to_patch()
    assert "\n+        self.a = self.spare = nn.Linear(4, 4, bias=False); self.flag = 3\n" in diff
    assert diff.count("\n+") == 2  # the header, and this


@pytest.mark.parametrize("is_used", [True, False])
def test_what_a_line_has_no_place_for_is_no_patch(tmp_path: Path, is_used: bool) -> None:
    draft = gt.Draft(gt.trace(flows(tmp_path).Net(), torch.randn(2, 4)))
    if is_used:
        draft.insert_on(("b", 0), "nn.ReLU")
    else:
        draft.add("nn.Dropout", "a")
    with pytest.raises(DraftError, match="to_code"):
        draft.to_patch()


def test_the_source_of_torchvision_is_not_patched(tmp_path: Path) -> None:
    draft = gt.Draft(gt.trace(flows(tmp_path).Around().eval(), torch.randn(1, 3, 64, 64)))
    draft.replace("backbone_avgpool", "nn.AdaptiveMaxPool2d", (6, 6))
    with pytest.raises(DraftError, match="whose source is torchvision"):
        draft.to_patch()


def test_a_draft_that_was_saved_is_a_patch_of_the_model_still(tmp_path: Path) -> None:
    net = flows(tmp_path).Net()
    draft = gt.Draft(gt.trace(net, torch.randn(2, 4))).set("b", bias=False)
    draft.save(tmp_path / "draft.json")
    again = gt.Draft.load(tmp_path / "draft.json")
    with pytest.raises(DraftError, match="not made of a model"):
        again.to_patch()
    text = (tmp_path / "draft.json").read_text().replace('"format"', '"source": "net.py", "format"', 1)
    (tmp_path / "draft.json").write_text(text)
    again = reopen(tmp_path / "draft.json", lambda _: gt.Draft(gt.trace(net, torch.randn(2, 4))), may_run=True)
    assert again.to_patch() == draft.to_patch() != ""
