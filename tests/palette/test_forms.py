"""The form of a node shows what can be set and what is kept, and reads back what a person types."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import graphtools as gt
from graphtools import palette
from graphtools.drafting import edits as e
from graphtools.drafting.documents import parse_spec
from graphtools.editor import Editor
from graphtools.editor.commands import fed, new_node
from graphtools.editor.first_settings import first_settings
from graphtools.editor.forms import form, read_values


def opened() -> gt.Draft:
    return gt.Draft(gt.trace(nn.Sequential(nn.Linear(4, 4), nn.ReLU()).eval(), torch.randn(2, 4)))


def field(draft: gt.Draft, node: str, name: str) -> dict[str, Any]:
    return next(found for found in form(draft, node)["parameters"] if found["name"] == name)


def test_weights_are_said_to_be_kept_where_they_are() -> None:
    draft = opened()
    assert form(draft, "_0")["origin"] == "0" and form(draft, "_0")["kept"] == ["weight", "bias"]
    draft.set("_0", in_features=5)  # the bias still fits
    assert form(draft, "_0")["origin"] == "" and form(draft, "_0")["kept"] == ["bias"]
    draft.set("_0", out_features=5)
    assert form(draft, "_0")["origin"] == "" and form(draft, "_0")["kept"] == []


@pytest.mark.parametrize(
    "name", ["mean", "sum", "max", "min", "argmax", "argmin", "all", "any", "prod", "median", "nanmedian", "nansum",
             "std", "var", "amax", "amin", "logsumexp", "norm"]
)  # fmt: skip
def test_reductions_have_dim_and_keepdim(name: str) -> None:
    entry = palette.find_entry(f"torch.{name}")
    found = {p.name: p for p in entry.parameters}
    assert {"dim", "keepdim"} <= found.keys() and [port.name for port in entry.inputs] == ["input"]
    assert found["dim"].is_required == (name == "logsumexp")
    is_several = name in ("mean", "sum", "all", "any", "nansum", "std", "var", "amax", "amin", "logsumexp")
    assert found["dim"].control == ("sizes" if is_several else "integer")


def test_a_dimension_that_was_set_is_shown() -> None:
    draft = gt.Draft()
    draft.add("torch.mean", draft.input("x", "f32[B, 3, 4]"))
    draft.set("mean", read_values(draft, "mean", {"dim": "(1, 2)", "keepdim": True}))
    assert field(draft, "mean", "dim")["value"] == "(1, 2)" and field(draft, "mean", "keepdim")["value"] is True
    assert str(draft.spec("mean")) == "f32[B, 1, 1]"


def test_a_padding_is_typed_as_it_is_shown_and_whole_numbers_are_whole() -> None:
    draft = gt.Draft()
    draft.add("nn.Conv2d", draft.input("x", "f32[B, 3, 8, 8]"), 3, 4, 3)
    for typed in ("same", "'same'", " same "):
        draft.set("conv2d", read_values(draft, "conv2d", {"padding": typed}))
        assert field(draft, "conv2d", "padding")["value"] == "same"
    assert str(draft.spec("conv2d")) == "f32[B, 4, 8, 8]"
    assert read_values(draft, "conv2d", {"out_channels": "1e3", "padding": "(1, 2)"}) == {
        "out_channels": 1000, "padding": (1, 2)
    }  # fmt: skip
    assert type(read_values(draft, "conv2d", {"out_channels": "1e9"})["out_channels"]) is int
    with pytest.raises(gt.DraftError, match="out_channels: 'many' is no value; write a whole number, as 3"):
        read_values(draft, "conv2d", {"out_channels": "many"})


@pytest.mark.parametrize(
    ("target", "spec", "settings"),
    [
        ("torch.nn.Upsample", "f32[B, 3, 8, 8]", {"scale_factor": 2}),
        ("torch.nn.Softmax", "f32[B, 3]", {"dim": -1}),
        ("torch.nn.LogSoftmax", "f32[B, 3]", {"dim": -1}),
        ("torch.cat", "f32[B, 3]", {"dim": 1}),
        ("torch.cat", "f32[B]", {}),
        ("torchvision.models.resnet.BasicBlock", "f32[B, 8, 4, 4]", {"inplanes": 8, "planes": 8}),
        ("torchvision.ops.misc.MLP", "f32[B, 9]", {"in_channels": 9, "hidden_channels": [64, 64]}),
        ("torch.softmax", "f32[B, 3]", {}),
    ],
)  # fmt: skip
def test_first_settings_make_a_node_that_works(target: str, spec: str, settings: dict[str, Any]) -> None:
    entry, given = palette.find_entry(target), parse_spec(spec)
    found = first_settings(entry, given)
    assert {key: list(v) if isinstance(v, tuple) else v for key, v in found.items()} == settings
    if entry.is_module:
        draft = gt.Draft()
        draft.output(draft.add(target, draft.input("x", spec), **found))
        assert draft.problems() == ()


def test_a_search_does_not_put_upsampling_last(tmp_path: Path) -> None:
    editor = Editor(tmp_path / "draft.json")
    editor.draft.input("x", "f32[B, 3, 8, 8]")
    rows = editor.answer("find", {"query": "upsample", "from": ["x", []]})
    assert rows[0]["target"] == "torch.nn.Upsample" and rows[0]["gives"] == "f32[B, 3, 16, 16]"


@pytest.mark.parametrize(
    "target",
    [
        "torch.softmax", "torch.unsqueeze", "torch.transpose", "torch.cumsum", "torch.chunk", "torch.topk",
        "torch.narrow", "torch.dropout", "torch.nn.functional.max_pool2d", "torch.nn.functional.adaptive_avg_pool2d",
        "torch.nn.functional.pixel_shuffle", "torch.roll", "torch.select", "torch.clamp_max",
    ],
)  # fmt: skip
def test_a_function_put_behind_a_value_works_at_once(target: str) -> None:
    draft = gt.Draft()
    x = draft.input("x", "f32[B, 4, 6, 6]")
    draft.apply(e.Add(fed(new_node(draft, target, draft.spec(x)), x)))
    assert [problem for problem in draft.problems() if problem.node is not None] == []
