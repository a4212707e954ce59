"""Two recordings side by side: walked, selected and folded together, colored by how they differ."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import graphtools as gt


@pytest.fixture(scope="module")
def compared() -> gt.Comparison:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    batch = (torch.rand(5, 4), torch.tensor([0, 1, 2, 0, 1]))
    original = gt.training_step(model, batch, nn.functional.cross_entropy, optimizer)
    return gt.compare(original, gt.edit(original, "tanh", "torch.sigmoid", "operation"))


@pytest.fixture
def pair(watched, compared, tmp_path):
    file = compared.to_html(tmp_path / "pair.html", ("before", "after"))
    page = watched(file, viewport={"width": 1500, "height": 800})
    page.page.wait_for_selector("#graph[data-ready]")
    return page.page


def positions(page) -> list[int]:
    return page.evaluate("() => document.getElementById('graph').graphtools.viewers.map(v => v.stepping.position)")


def test_it_opens_at_the_first_difference_and_says_it(pair, compared):
    first = compared.first
    assert positions(pair) == [first.a.event.index, first.b.event.index]
    assert "first difference: 3 tanh" in pair.locator(".summary").inner_text()
    assert pair.locator(".legend").first.inner_text().startswith("Relative difference")


def test_a_step_in_one_is_a_step_in_the_other(pair, compared):
    pair.locator("canvas.graph").first.focus()
    pair.keyboard.press("Home")
    assert positions(pair) == [0, 0]
    pair.keyboard.press("End")
    a, b = positions(pair)
    assert a == len(compared.a) - 1
    assert b == len(compared.b) - 1
    pair.locator("canvas.graph").last.focus()
    pair.keyboard.press("Home")
    assert positions(pair) == [0, 0]


def test_boxes_are_colored_where_they_differ(pair):
    heat = pair.evaluate(
        "() => document.getElementById('graph').graphtools.viewers.map(v => v.tree.items.filter(i => i.node >= 0)"
        ".map(i => [v.model.nodes[i.node].name, v.coloring.colorOf(i.index)]))"
    )
    before = dict(heat[0])
    assert before["linear"] is None and before["relu"] is None
    assert before["tanh"] is not None and before["linear_2"] is not None
