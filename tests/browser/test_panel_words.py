"""What the page says of single numbers, of zeros and infinities, and where it leads: read as a person reads it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import graphtools as gt

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
API = "document.getElementById('graph').graphtools"


class Named(nn.Module):
    """Several numbers worth a word of their own, returned by name."""

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        zeros = torch.zeros(4)
        infinite = 1 / x
        return {"scores": infinite.clamp(max=5) + zeros, "total": x.sum()}


@pytest.fixture
def named(watched, tmp_path) -> Any:
    recording = gt.run(Named(), torch.tensor([0.0, 1.0, 2.0, 4.0]))
    return opened(watched, recording, tmp_path)


def opened(watched: Any, recording: gt.Recording, tmp_path: Path, width: int = 1440) -> Any:
    page = watched(Path(recording.to_html(tmp_path / "run.html")), viewport={"width": width, "height": 900}).page
    page.wait_for_selector("#graph[data-ready]")
    page.evaluate(f"{API}.goto({len(recording) - 1})")
    return page


def panel(page: Any, name: str) -> str:
    page.evaluate(f"{API}.select('{name}')")
    page.wait_for_timeout(80)
    return page.locator("aside.inspector").inner_text()


def test_numbers_say_what_they_are(named):
    said = panel(named, "zeros")
    assert "zero everywhere" not in said and named.locator(".numbers .bad").count() == 0
    said = panel(named, "sum")
    assert "value\t7" in said and "mean" not in said
    assert named.locator("aside.inspector figure").count() == 0
    said = panel(
        named, named.locator("[data-id^=reciprocal], [data-id^=truediv], [data-id^=div]").get_attribute("data-id")
    )
    assert "mean, std, min, max and norm are of the finite ones" in said
    assert "none" not in said


def test_an_output_by_names_says_the_names(named):
    assert named.locator("[role=treeitem][data-id=output]").get_attribute("aria-label") == "output, scores, total"


def test_of_a_run_the_list_of_keys_has_each_key_once(named):
    named.locator("canvas.graph").focus()
    named.keyboard.press("?")
    keys = named.locator(".help dt").all_inner_texts()
    assert [key for key in keys if "→" in key and "⇧" not in key] == ["→ ←"]


def test_a_run_of_one_event_has_one_event(watched, tmp_path):
    page = opened(watched, gt.run(torch.exp, torch.ones(2)), tmp_path)
    assert page.locator(".timeline-head .muted").first.inner_text().startswith("1 event ·")


class ARatherLongNameOfAModelThatWouldPushAllButtonsOff(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.exp()


def test_a_long_title_is_cut_before_a_button_goes_to_another_line(watched, tmp_path):
    model = nn.Sequential(ARatherLongNameOfAModelThatWouldPushAllButtonsOff(), nn.Linear(3, 2))
    model.__class__ = type("ARatherLongNameOfAModelThatWouldPushAllButtonsOff", (nn.Sequential,), {})
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    batch = (torch.ones(2, 3), torch.zeros(2, 2))
    page = opened(watched, gt.training_step(model, batch, nn.functional.mse_loss, optimizer), tmp_path, 1340)
    bar = page.locator("header.bar")
    tops = bar.evaluate("bar => [...bar.querySelectorAll('button')].map(button => button.getBoundingClientRect().top)")
    assert max(tops) - min(tops) < 6
    title = bar.locator("strong")
    assert title.evaluate("title => title.scrollWidth > title.clientWidth && title.clientWidth > 40")
    assert title.get_attribute("title") == "ARatherLongNameOfAModelThatWouldPushAllButtonsOff"


def test_why_leads_to_the_box_that_says_more(watched, tmp_path):
    class Exploding(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.tensor(1e30))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return (x * self.scale * self.scale) - 1

    model = Exploding()
    batch = (torch.ones(3), torch.zeros(3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    recording = gt.training_step(model, batch, nn.functional.mse_loss, optimizer)
    page = opened(watched, recording, tmp_path)
    page.evaluate(f"{API}.select('sub')")
    page.get_by_role("tab", name="Why").click()
    assert "explain(" not in page.locator("aside.inspector").inner_text()
    page.evaluate(f"{API}.select('mul')")
    link = page.locator(".origin p").filter(has_text="see why at").get_by_role("button")
    target = link.first.inner_text()
    link.first.click()
    page.wait_for_timeout(300)
    assert page.locator("aside.inspector h2").inner_text().startswith(target)
    assert page.get_by_role("tab", name="Why").get_attribute("aria-selected") == "true"


def test_colors_of_one_number_say_it_once(watched, tmp_path):
    page = opened(watched, gt.run(nn.Sequential(nn.ReLU(), nn.ReLU()), torch.ones(2, 3)), tmp_path)
    page.get_by_label("Color the boxes by").select_option(label="Memory")
    assert page.locator(".legend-ends").inner_text().strip() == "all 24B"
