"""The form of a node shows what can be set and what is kept, and reads back what a person types."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import graphtools as gt
from graphtools import palette
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
