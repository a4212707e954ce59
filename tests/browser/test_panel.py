"""The inspector in a page: what it offers is what the page holds, and what a person chose stays while they step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import graphtools as gt

API = "document.getElementById('graph').graphtools"


class Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.wide = nn.Linear(4, 64)
        self.narrow = nn.Linear(64, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Scores of three classes."""
        return self.narrow(torch.relu(self.wide(x)))


@pytest.fixture(scope="module")
def accumulated() -> gt.Recording:
    """Two losses, each with a backward pass, before one update."""
    torch.manual_seed(0)
    model = Twice()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with gt.record(model) as recording:
        shared = model(torch.rand(5, 4))
        shared.square().mean().backward(retain_graph=True)
        (shared.sum() * 100).backward()
        optimizer.step()
    return recording


@pytest.fixture
def page(watched, tmp_path):
    def opened(recording: gt.Recording) -> Any:
        page = watched(Path(recording.to_html(tmp_path / "run.html")), viewport={"width": 1440, "height": 900}).page
        page.wait_for_selector("#graph[data-ready]")
        return page

    return opened


def goto(page: Any, index: int) -> None:
    page.evaluate(f"index => {API}.goto(index)", index)
    page.wait_for_timeout(80)


def norm(page: Any) -> str:
    """The last number of the row of norms: of the gradient, where there is one."""
    return page.locator("aside.inspector tr:has(th:text-is('norm')) td").last.inner_text()


def test_of_several_backward_passes_one_can_be_chosen(page, accumulated):
    page = page(accumulated)
    last = len(accumulated) - 1
    goto(page, last)
    page.evaluate(f"{API}.select('relu')")
    page.get_by_role("tab", name="Gradient").click()
    chooser = page.get_by_label("Which backward pass")
    assert chooser.locator("option").count() == 3
    latest = norm(page)
    chooser.select_option("0")
    page.wait_for_timeout(80)
    first = norm(page)
    assert first != latest
    stages = [stage for stage in accumulated.stages if stage.kind == "backward"]
    goto(page, stages[0].stop - 1)
    page.evaluate(f"{API}.select('relu')")
    page.wait_for_timeout(80)
    assert page.get_by_label("Which backward pass").count() == 0  # only one has begun
    assert norm(page) == first


def test_sliders_reach_as_far_as_the_page_holds_planes(page):
    torch.manual_seed(0)
    model = nn.Conv2d(3, 100, 3, padding=1)
    page = page(gt.run(model, torch.rand(2, 3, 12, 12)))
    page.evaluate(f"{API}.select('conv2d')")
    slider = page.get_by_role("slider", name="channel, of 100")
    slider.wait_for()
    held = int(slider.get_attribute("max")) + 1
    assert 40 < held < 100
    assert f"this page holds the first {held}" in page.locator("aside.inspector").inner_text()
    for _ in range(105):
        slider.press("ArrowRight")
    page.wait_for_timeout(60)
    assert f"channel {held - 1} of 100" in page.locator("aside.inspector").inner_text()
    assert page.locator("canvas.plane").count() == 1
    assert page.get_by_role("slider", name="sample, of 2").count() == 0  # of the second sample there is nothing


def test_histograms_are_read_by_arrow_keys(page, accumulated):
    page = page(accumulated)
    goto(page, len(accumulated) - 1)
    page.evaluate(f"{API}.select('relu')")
    bars = page.locator("canvas.bars").first
    bars.focus()
    bars.press("ArrowRight")
    first = page.locator("figure:has(canvas.bars) .reading").first.inner_text()
    assert first.startswith("0 to ")
    bars.press("End")
    top = f"{float(accumulated.value('relu').max()):.4g}"
    assert f"to {top}: " in page.locator("figure:has(canvas.bars) .reading").first.inner_text()


def test_parameters_that_were_opened_stay_open_while_stepping(page, accumulated):
    page = page(accumulated)
    at = next(event.index for event in accumulated.events if event.node == "linear")
    goto(page, at)
    page.get_by_role("tab", name="Parameters").click()
    boxes = page.locator("details.parameter")
    assert [box.get_attribute("open") is not None for box in boxes.all()] == [True, False]
    boxes.last.locator("summary").click()
    boxes.first.locator("summary").click()
    page.evaluate(f"{API}.goto({at + 1})")
    page.evaluate(f"{API}.goto({at})")
    page.wait_for_timeout(100)
    assert [box.get_attribute("open") is not None for box in boxes.all()] == [False, True]
    assert "mean" in boxes.last.inner_text()


class Broken(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """NaN and both infinities, and numbers."""
        return torch.log(x) / x.relu()


def test_nan_and_the_infinities_have_colors_and_a_legend_and_alert_once(page):
    x = torch.arange(-1.0, 35.0).reshape(6, 6)
    x[0, 1] = 0.0
    x[5, 5] = torch.inf
    recording = gt.run(Broken(), x)
    value = recording.value("output")
    page = page(recording)
    goto(page, len(recording) - 1)
    page.wait_for_timeout(80)
    legend = page.get_by_label("Not finite").inner_text()
    assert f"NaN ×{int(value.isnan().sum())}" in legend
    assert f"−∞ ×{int((value == -torch.inf).sum())}" in legend
    assert "+∞" not in legend
    plane = page.locator("canvas.plane")
    plane.focus()
    plane.press("ArrowRight")
    assert page.locator("figure:has(canvas.plane) .reading").inner_text() == "[0, 1] is −∞"
    assert page.locator("aside.inspector [role=alert]").count() == 1
    page.locator("canvas.graph").focus()
    page.keyboard.press("t")  # the panel is filled anew
    page.wait_for_timeout(80)
    warned = page.locator("aside.inspector .bad-card")
    assert warned.count() == 1
    assert warned.get_attribute("role") == "note"
