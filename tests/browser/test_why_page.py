"""The tab that explains: of a long way to where a zero began, both ends are told, and how much is left out between."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from torch import nn

import graphtools as gt

expect = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").expect
API = "document.getElementById('graph').graphtools"


class Long(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Infinity, which thirty operations pass on."""
        x = x / 0.0
        for _ in range(30):
            x = x * 2.0
        return x


def test_a_long_way_is_told_at_both_ends_with_the_number_left_out(watched, tmp_path):
    recording = gt.run(Long(), torch.ones(2, 3))
    last = recording.events[-1].node
    (origin,) = [o for o in (recording.explain(last).value_origin,) if o is not None]
    assert origin.n_between > 0
    page = watched(Path(recording.to_html(tmp_path / "run.html")), viewport={"width": 1440, "height": 900}).page
    page.wait_for_selector("#graph[data-ready]")
    page.evaluate(f"{API}.goto({len(recording) - 1})")
    page.evaluate(f"{API}.select('{last}')")
    page.get_by_role("tab", name="Why").click()
    rows = page.locator(".origin li")
    expect(rows).to_have_count(len(origin.steps) + 1)
    expect(rows.nth(8)).to_have_text(f"{origin.n_between} more steps")
    assert rows.nth(9).evaluate("row => row.value") == 8 + origin.n_between + 1
    expect(rows.first).to_contain_text(re.compile(re.escape(origin.steps[0].node)))
