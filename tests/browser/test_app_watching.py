"""The watch list and conditions in the app, where Python answers; what was typed outlasts a reload and an edit."""

import re

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("streamlit", reason="streamlit is not installed")

expect = playwright.expect

NET = """
import torch
from torch import nn
torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
example_input = torch.rand(5, 4)
"""


@pytest.fixture
def tab(app, tmp_path):
    file = tmp_path / "kept_net.py"
    file.write_text(NET)
    tab = app()
    tab.open_file(file)
    expect(tab.page.locator(".graph-host")).to_have_attribute("data-shown", re.compile("kept_net"), timeout=60_000)
    return tab


def watched(tab, text):
    page = tab.page
    return page.get_by_role("list", name="Watched").locator("li", has=page.locator("code", has_text=text))


def fill(tab, label, text):
    box = tab.page.get_by_label(label)
    box.fill(text)
    box.press("Enter")


def last_event(tab):
    tab.focus()
    tab.page.keyboard.press("End")


def test_expressions_and_conditions_are_kept_over_a_reload_and_a_branch(tab):
    page = tab.page
    page.get_by_text("Watch and breakpoints").click()
    fill(tab, "Watch, in Python", "relu.grad.norm() * 2")
    fill(tab, "Watch, in Python", "relu.nothing")
    expect(watched(tab, "relu.grad.norm() * 2")).to_contain_text("not yet")
    expect(watched(tab, "relu.nothing")).to_contain_text("no node or scope named 'relu.nothing'")
    last_event(tab)
    number = watched(tab, "relu.grad.norm() * 2").locator(".mono")
    expect(number).to_have_text(re.compile(r"^\d+\.\d+"))
    before = number.inner_text()

    fill(tab, "Break where, in Python", "phase == 'update' and value.numel() > 20")
    expect(page.get_by_text(re.compile(r"numel\(\) > 20: 2 events"))).to_be_visible()  # the two weights
    stops = page.get_by_role("list", name="Breakpoints")
    expect(stops.locator("li")).to_have_count(1)
    tab.focus()
    page.keyboard.press("Home")
    page.keyboard.press("F5")
    expect(page.locator("aside.inspector header")).to_contain_text("update")
    fill(tab, "Break where, in Python", "no such thing")
    expect(page.locator(".watching .bad-card")).to_contain_text("no such thing")
    page.get_by_label("Break where, in Python").fill("")
    page.get_by_label("Watch, in Python").fill("half typ")
    page.locator(".graph-host").evaluate("host => host.graphtools.select('linear_1')")
    page.get_by_role("tab", name="Edit").click()
    page.get_by_label("What to change").select_option("parameter 2.weight")
    page.get_by_role("textbox", name="New value, in Python").fill("t * 3 +")
    page.keyboard.press("Shift+Tab")
    tab.picture("app-watching")

    page.wait_for_timeout(1500)  # the position is told a moment after the last step
    page.reload()
    tab.wait_for_graph()
    expect(stops.locator("li")).to_have_count(1, timeout=20_000)
    expect(stops).to_contain_text("×2")
    expect(page.get_by_label("Watch, in Python")).to_have_value("half typ")
    expect(page.get_by_role("textbox", name="New value, in Python")).to_have_value("t * 3 +")
    expect(page.get_by_label("What to change")).to_have_value("parameter 2.weight")
    last_event(tab)
    expect(number).to_have_text(before)

    page.locator(".graph-host").evaluate("host => host.graphtools.select('relu')")
    page.get_by_role("tab", name="Edit").click()
    page.get_by_role("textbox", name="New value, in Python").fill("t * 0.5")
    page.get_by_role("textbox", name="New value, in Python").press("Enter")
    slider = page.get_by_role("slider", name="Position in the run")
    expect(slider).to_have_attribute("aria-valuemax", "20", timeout=60_000)  # and the change itself
    expect(stops).to_contain_text("×2", timeout=20_000)
    last_event(tab)
    expect(number).not_to_have_text(before)
