"""A branch in the viewer: the box that was edited shows what ran there, is marked, and says what was changed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import graphtools as gt
from graphtools.payload import graph_payload

expect = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").expect


def step() -> gt.Recording:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    return gt.training_step(model, (torch.rand(5, 4), torch.tensor([0, 1, 2, 0, 1])), F.cross_entropy, optimizer)


def opened(watched: Any, recording: gt.Recording, file: Path) -> Any:
    page = watched(Path(recording.to_html(file)), viewport={"width": 1440, "height": 900}).page
    page.wait_for_selector("#graph[data-ready]")
    return page


def row(page: Any, name: str) -> str:
    return page.locator(f"[role=treeitem][data-id={name}]").get_attribute("aria-label")


def test_the_payload_has_the_edits_of_nodes_and_of_the_parameters_they_read():
    branch = gt.edit(gt.edit(step(), "relu", lambda t: t * 0), "0.weight", lambda t: t * 2)
    nodes = graph_payload(branch.graph)["nodes"]
    edited = dict(zip(nodes["name"], nodes["edited"], strict=True))
    assert {name: found for name, found in edited.items() if found} == {
        "linear": [["0.weight", "value", "<lambda>"]],
        "relu": [["", "value", "<lambda>"]],
    }


def test_an_edited_box_shows_what_ran_and_is_marked(watched, tmp_path):
    recording = step()
    branch = gt.edit(recording, "relu", F.gelu, "operation")
    branch.save(tmp_path / "branch.gt")
    before = opened(watched, recording, tmp_path / "before.html")
    assert row(before, "relu") == "ReLU, 1"
    page = opened(watched, gt.load(tmp_path / "branch.gt"), tmp_path / "branch.html")
    assert row(page, "relu") == "gelu, 1, edited"
    assert row(page, "linear") == row(before, "linear")
    page.evaluate("document.getElementById('graph').graphtools.select('relu')")
    heading = page.locator("aside.inspector header")
    expect(heading.locator("h2")).to_have_text("relu gelu")
    expect(heading.locator(".edited")).to_have_text(
        "Edited: operation = torch.nn.functional.gelu in place of torch.nn.functional.relu"
    )
    page.get_by_role("tab", name="Why").click()
    expect(page.locator("aside.inspector .rule")).to_contain_text("Φ(x) + x·φ(x)")
    rect = page.evaluate("document.getElementById('graph').graphtools.rectOf('relu')")
    page.mouse.move(rect["x"] + 20, rect["y"] + 10)
    expect(page.locator("canvas.graph")).to_have_attribute("title", re.compile("Edited: operation = torch"))
    corner = {"x": rect["x"] + rect["width"] - 9, "y": rect["y"] - 9, "width": 14, "height": 14}
    assert page.screenshot(clip=corner) != before.screenshot(clip=corner)


def test_edits_of_value_gradient_and_parameter_are_said(watched, tmp_path):
    branch = gt.edit(step(), "relu", lambda t: t * 0.5)
    branch = gt.edit(branch, "relu", lambda g: g * 10, "gradient")
    branch = gt.edit(branch, "2.bias", 1.0)
    page = opened(watched, branch, tmp_path / "branch.html")
    api = "document.getElementById('graph').graphtools"
    page.evaluate(f"{api}.select('relu')")
    assert page.locator("header .edited").all_inner_texts() == [
        "Edited: value = <lambda>",
        "Edited: gradient = <lambda>",
    ]
    page.evaluate(f"{api}.select('linear_1')")
    assert page.locator("header .edited").all_inner_texts() == ["Edited: 2.bias = 1.0"]
