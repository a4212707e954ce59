"""Two side by side in the app: the graph before any data and the run, a branch and its original."""

import re

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("streamlit", reason="streamlit is not installed")

expect = playwright.expect

LOOP = """
import torch
from torch import nn
torch.manual_seed(0)
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = nn.Linear(2, 2)
    def forward(self, x):
        while x.abs().sum() < 9:
            x = self.cell(x).abs() + 2
        return x
model = Net()
example_input = torch.zeros(1, 2)
"""


def selected(tab):
    return tab.page.locator(".graph-host").evaluate(
        "host => host.graphtools.viewers.map(v => v.selected < 0 ? '' : v.tree.items[v.selected].id)"
    )


def test_the_graph_before_any_data_stands_beside_the_run_and_follows_it(app):
    tab = app()
    page = tab.page
    tab.choose("Side by side")
    notes = page.locator("details.notes")
    before, after = notes.first, notes.last
    expect(before).to_contain_text("Known before any data:", timeout=60_000)
    expect(after).to_contain_text("Known after this run:")
    page.wait_for_timeout(600)
    tab.picture("app-beside")
    page.locator("canvas.graph").last.focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    tab.at(4)
    left, right = selected(tab)
    assert left and right
    values = page.locator("aside.inspector").last.get_by_role("row", name=re.compile("^mean"))
    expect(values).to_be_visible()
    page.reload()
    tab.wait_for_graph()
    expect(page.locator("details.notes")).to_have_count(2, timeout=60_000)
    tab.choose("Graph")
    expect(page.locator("details.notes")).to_have_count(0)
    expect(page.locator("canvas.graph")).to_have_count(1)


def test_a_model_that_only_runs_says_why_in_the_graphs_place(app, tmp_path):
    file = tmp_path / "looping_net.py"
    file.write_text(LOOP)
    tab = app()
    tab.open_file(file)
    page = tab.page
    expect(page.locator(".graph-host")).to_have_attribute("data-shown", re.compile("looping_net"), timeout=60_000)
    tab.choose("Side by side")
    nothing = page.get_by_role("note").filter(has_text="There is no such graph")
    expect(nothing).to_contain_text("while x.abs().sum() < 9", timeout=60_000)
    expect(page.locator("details.notes")).to_contain_text("cell ×")
    expect(page.locator("canvas.graph")).to_have_count(1)
    tab.picture("app-beside-reason")


def test_a_branch_stands_beside_the_original_at_the_first_difference(app):
    tab = app()
    page = tab.page
    page.locator(".graph-host").evaluate("host => host.graphtools.select('relu')")
    page.get_by_role("tab", name="Edit").click()
    box = page.get_by_role("textbox", name="New value, in Python")
    box.fill("t * 0")
    box.press("Enter")
    expect(page.get_by_label("Branch")).to_have_value("Branch 1: relu = t * 0", timeout=60_000)
    page.get_by_test_id("stMain").get_by_role("button", name="Side by side", exact=True).click()
    expect(page.locator("canvas.graph")).to_have_count(2, timeout=60_000)
    expect(page.locator(".summary")).to_contain_text("first difference")
    assert selected(tab) == ["relu", "relu"]
    maxima = page.locator("aside.inspector tr:has(th:text-is('max')) td:nth-of-type(1)")
    expect(maxima).to_have_count(2)
    expect(maxima.last).to_have_text("0")
    expect(maxima.first).not_to_have_text("0")
    tab.picture("app-branch-beside")
    tab.choose("Before any data")
    expect(page.locator("details.notes").first).to_contain_text("Known before any data:", timeout=60_000)
    tab.choose("Graph")
    expect(page.locator("canvas.graph")).to_have_count(1)
    expect(page.get_by_label("Branch")).to_have_value("Branch 1: relu = t * 0")
