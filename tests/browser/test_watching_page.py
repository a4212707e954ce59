"""The watch list and the list of breakpoints in a page without Python: what it holds, by the names of tensors."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from torch import nn

import graphtools as gt

expect = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").expect
API = "document.getElementById('graph').graphtools"


@pytest.fixture(scope="module")
def recording() -> gt.Recording:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    return gt.training_step(model, (torch.rand(5, 4), torch.rand(5, 3)), nn.functional.mse_loss, optimizer)


@pytest.fixture
def page(watched, tmp_path, recording):
    page = watched(Path(recording.to_html(tmp_path / "run.html")), viewport={"width": 1440, "height": 900}).page
    page.wait_for_selector("#graph[data-ready]")
    return page


def event_of(recording, node, phase="forward"):
    return next(event.index for event in recording.events if event.node == node and event.phase == phase)


def goto(page, index):
    page.evaluate(f"index => {API}.goto(index)", index)


def watch(page, text):
    box = page.get_by_label("Watch", exact=True)
    box.fill(text)
    box.press("Enter")


def value(page, text):
    return page.get_by_role("list", name="Watched").locator("li", has=page.locator(f"code:text-is('{text}')"))


def test_watched_tensors_are_as_of_the_position(page, recording):
    page.get_by_text("Watch and breakpoints").click()
    for text in ("relu", "relu.grad", "0.weight", "relo"):
        watch(page, text)
    goto(page, event_of(recording, "relu") - 1)
    expect(value(page, "relu")).to_contain_text("not yet")
    goto(page, event_of(recording, "relu"))
    expect(value(page, "relu")).to_contain_text(gt.statistics.one_line(recording.value("relu")))
    expect(value(page, "relu.grad")).to_contain_text("not yet")
    expect(value(page, "relo")).to_contain_text("an expression needs Python")
    before = gt.statistics.one_line(recording.value("0.weight"))
    expect(value(page, "0.weight")).to_contain_text(before)
    goto(page, len(recording) - 1)
    expect(value(page, "relu.grad")).to_contain_text(gt.statistics.one_line(recording.grad("relu")))
    expect(value(page, "0.weight")).not_to_contain_text(before)
    page.get_by_role("button", name="Stop watching relo").click()
    expect(page.get_by_role("list", name="Watched").locator("li")).to_have_count(3)


def test_a_box_is_watched_by_its_menu_and_by_a_key(page, recording):
    goto(page, len(recording) - 1)
    rect = page.evaluate(f"{API}.rectOf('1')") or page.evaluate(f"{API}.rectOf('relu')")
    page.mouse.click(rect["x"] + 20, rect["y"] + rect["height"] / 2, button="right")
    page.get_by_role("menuitem", name="Watch its gradient").click()
    expect(value(page, "relu.grad")).to_contain_text("tensor[5, 8]")
    page.locator("canvas.graph").focus()
    page.keyboard.press("w")
    expect(value(page, "relu")).to_contain_text("tensor[5, 8]")


def test_breakpoints_are_listed_gone_to_and_removed(page, recording):
    page.get_by_text("Watch and breakpoints").click()
    relu = event_of(recording, "relu")
    goto(page, relu)
    page.locator("canvas.graph").focus()
    page.keyboard.press("b")
    page.keyboard.press("Home")
    stops = page.get_by_role("list", name="Breakpoints")
    row = stops.get_by_role("button", name=re.compile("forward: relu"))
    row.click()
    assert page.evaluate(f"{API}.position()") == relu
    stops.get_by_role("button", name=f"Remove the breakpoint at {relu + 1}").click()
    expect(stops.locator("li")).to_have_count(0)
    page.keyboard.press("Home")
    page.locator("canvas.graph").focus()
    page.keyboard.press("F5")
    assert page.evaluate(f"{API}.position()") == len(recording) - 1


def test_what_is_watched_outlasts_a_reload(watched, tmp_path, recording):
    file = Path(recording.to_html(tmp_path / "run.html"))
    one = watched(file, viewport={"width": 1440, "height": 900})
    page = one.page
    page.wait_for_selector("#graph[data-ready]")
    page.get_by_text("Watch and breakpoints").click()
    watch(page, "relu")
    page.evaluate(f"{API}.setBreakpoints([2])")
    page.reload()
    page.wait_for_selector("#graph[data-ready]")
    goto(page, len(recording) - 1)
    expect(value(page, "relu")).to_contain_text("tensor[5, 8]")
    expect(page.get_by_role("list", name="Breakpoints").locator("li")).to_have_count(1)
    one.requests.clear()
    one.requests.append(one.url)


def test_conditions_are_not_offered_without_python(page):
    page.get_by_text("Watch and breakpoints").click()
    expect(page.get_by_label(re.compile("Break where"))).to_have_count(0)
    expect(page.get_by_text("Expressions and conditions need Python.")).to_be_visible()
