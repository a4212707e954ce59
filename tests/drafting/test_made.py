"""Weights that were made in a draft are there again when its file is opened."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import graphtools as gt
from graphtools.drafting.files import reopen
from graphtools.editor import Editor
from graphtools.errors import FormatError


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.bn = nn.BatchNorm2d(4)
        self.head = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.bn(self.conv(x)).mean((2, 3)) + torch.arange(4))


X = torch.randn(2, 3, 8, 8)


def opened() -> gt.Draft:
    torch.manual_seed(0)
    model = Net().eval()
    model.bn.running_mean.uniform_()
    draft = gt.Draft(gt.trace(model, X))
    draft.plan = draft.plan.__class__(**{**_fields(draft.plan), "source": "net.py"})
    return draft


def _fields(plan: Any) -> dict[str, Any]:
    return {name: getattr(plan, name) for name in plan.__dataclass_fields__}


@pytest.mark.parametrize(
    "edit",
    [
        lambda draft: draft.simplify(),
        lambda draft: draft.decompose("bn"),
        lambda draft: draft.rename("head", "top").decompose("top"),
        lambda draft: draft.insert_after("conv", nn.Conv2d(4, 4, 1)),
    ],
)
@pytest.mark.parametrize("has_source", [True, False])
def test_they_are_saved_beside_the_draft(tmp_path: Path, edit: Any, has_source: bool) -> None:
    draft = opened()
    edit(draft)
    expected = draft.to_module().eval()(X)
    draft.save(tmp_path / "draft.json")
    assert (tmp_path / "draft.weights").exists()
    if has_source:
        again = reopen(tmp_path / "draft.json", lambda _: opened(), may_run=True)
    else:
        again = gt.Draft.load(tmp_path / "draft.json", _model())
    assert torch.equal(again.to_module().eval()(X), expected)
    assert again.undo is not None and not any("New weights" in note for note in again.plan.notes)


def _model() -> nn.Module:
    torch.manual_seed(0)
    model = Net().eval()
    model.bn.running_mean.uniform_()
    return model


def test_they_are_written_once_and_missed_where_they_are_gone(tmp_path: Path) -> None:
    draft = gt.Draft()
    x = draft.input("x", "f32[B, 3]")
    draft.output(draft.add(nn.Linear(3, 3), x))
    draft.save(tmp_path / "draft.json")
    written = (tmp_path / "draft.weights").stat().st_mtime_ns
    draft.insert_after("linear", "nn.ReLU")
    draft.save(tmp_path / "draft.json")
    assert (tmp_path / "draft.weights").stat().st_mtime_ns == written
    editor = Editor(tmp_path / "draft.json")
    editor.open()
    assert torch.equal(editor.draft.to_module()(torch.ones(1, 3)), draft.to_module()(torch.ones(1, 3)))
    (tmp_path / "draft.weights").write_bytes(b"no tensors")
    with pytest.raises(FormatError, match="does not hold the weights"):
        gt.Draft.load(tmp_path / "draft.json")
    (tmp_path / "draft.weights").unlink()
    again = gt.Draft.load(tmp_path / "draft.json")
    assert again.plan.notes == ("New weights: those of Linear are not in draft.weights",)
