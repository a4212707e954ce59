"""Transfer learning in the graph: what is not trained, while something else is, is marked and said."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import graphtools as gt
from graphtools.payload import graph_payload

expect = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").expect


def net(frozen: bool) -> nn.Module:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 8)), nn.ReLU(), nn.Linear(8, 3))
    model[0].requires_grad_(not frozen)
    return model


@pytest.mark.parametrize("capture", [gt.trace, lambda model: gt.run(model, torch.rand(2, 4)).graph])
def test_the_payload_says_which_operations_are_trained_and_which_are_frozen(capture):
    payload = graph_payload(capture(net(True)))
    flags = dict(zip(payload["nodes"]["name"], payload["nodes"]["flags"], strict=True))
    assert [flag & 48 for flag in flags.values() if flag & 48] == [32, 32, 16]


def opened(watched, file: Path, frozen: bool) -> Any:
    """A page with a training step of the net, at its last event."""
    model = net(frozen)
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
    batch = (torch.rand(5, 4), torch.tensor([0, 1, 2, 0, 1]))
    recording = gt.training_step(model, batch, nn.functional.cross_entropy, optimizer)
    page = watched(Path(recording.to_html(file)), viewport={"width": 1440, "height": 900}).page
    page.wait_for_selector("#graph[data-ready]")
    return page


def corner(page: Any, name: str) -> bytes:
    """The pixels at the lower left of a box, before anything has run but the first operation."""
    rect = page.evaluate("name => document.getElementById('graph').graphtools.rectOf(name)", name)
    clip = {"x": rect["x"] - 9, "y": rect["y"] + rect["height"] - 11, "width": 20, "height": 20}
    return page.screenshot(clip=clip)


def test_a_frozen_box_has_a_lock_and_says_so(watched, tmp_path):
    frozen, trained = (opened(watched, tmp_path / f"{flag}.html", flag) for flag in (True, False))
    for page, count in ((frozen, 3), (trained, 0)):  # the group and two layers in it
        labels = [row.get_attribute("aria-label") for row in page.get_by_role("treeitem").all()]
        assert sum(label.endswith(", frozen") for label in labels) == count, labels
    assert corner(frozen, "linear") != corner(trained, "linear")
    assert corner(frozen, "linear_2") == corner(trained, "linear_2")
    rect = frozen.evaluate("document.getElementById('graph').graphtools.rectOf('linear')")
    frozen.mouse.move(rect["x"] + 20, rect["y"] + 10)
    expect(frozen.locator("canvas.graph")).to_have_attribute("title", re.compile("Frozen: its parameters are not"))
    for page, count in ((frozen, 2), (trained, 0)):  # weight and bias
        page.evaluate("document.getElementById('graph').graphtools.select('linear')")
        page.get_by_role("tab", name="Parameters").click()
        expect(page.locator("aside.inspector summary .tag")).to_have_count(count)
