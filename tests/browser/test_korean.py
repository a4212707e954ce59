"""The viewer in Korean: all its own words are, and names from the model, numbers and code stay as they are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from torch import nn

import graphtools as gt

expect = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").expect
WIDE = {"width": 1500, "height": 900}
API = "document.getElementById('graph').graphtools"

# All texts that a person sees or hears of the viewer, without those of the outline, which are names of the model.
TEXTS = """() => {
  const root = document.getElementById("graph").shadowRoot;
  const found = new Set();
  const walk = (node) => {
    if (node.nodeType === Node.TEXT_NODE) return found.add(node.textContent.trim());
    if (!(node instanceof Element)) return;
    if (node.matches("style, .outline, code, kbd, .mono, .code, datalist, .symbol")) return;
    for (const name of ["aria-label", "title", "placeholder"])
      if (node.hasAttribute(name)) found.add(node.getAttribute(name));
    node.childNodes.forEach(walk);
  };
  root.childNodes.forEach(walk);
  return [...found];
}"""
# Names of the model and of torch, keys, units, formats, and Python; sentences that Python sends of a value.
ALLOWED = set(
    "net linear relu mse loss sgd adam input output target weight bias lr x body fc param size f32 f i64 tensor n "
    "enter esc home end nan flops png svg cs231n karpathy ms s µs b k m requires grad false true t torch nn "
    "in out features scalar decay test korean py forward "
    "dampening momentum values f5 f10 f11 functional heat map of backward accumulategrad mean e w c".split()
)


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 8))
        self.fc = nn.Linear(8, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Scores of three classes."""
        return self.fc(self.body(x))


@pytest.fixture(scope="module")
def recording() -> gt.Recording:
    torch.manual_seed(0)
    model = Net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    return gt.training_step(model, (torch.rand(5, 4), torch.rand(5, 3)), nn.functional.mse_loss, optimizer)


def english(texts: list[str]) -> str:
    """The texts with a word of English that is none of those allowed, a line each; without paths."""
    return "\n".join(
        text
        for text in texts
        if not {word.lower() for word in re.findall(r"[A-Za-z][A-Za-z0-9]*", re.sub(r"/\S+", "", text))} <= ALLOWED
    )


def test_no_word_of_the_viewer_is_left_in_english(watched, tmp_path, recording):
    page = watched(Path(recording.to_html(tmp_path / "run.html", language="ko")), viewport=WIDE).page
    page.wait_for_selector("#graph[data-ready]")
    assert page.locator("html").get_attribute("lang") == "ko"
    seen: set[str] = set(page.evaluate(TEXTS))
    expect(page.get_by_role("button", name="다음 ▶")).to_be_visible()
    page.keyboard.press("?")
    page.get_by_text("조사식과 중단점").click()
    for event in (0, len(recording) // 2, len(recording) - 1):
        page.evaluate(f"{API}.goto({event})")
        for tab in page.get_by_role("tab").all_inner_texts():
            if tab in ("이유", "소스"):
                continue  # the explanation is Python's, the source the user's
            page.get_by_role("tab", name=tab, exact=True).click()
            page.wait_for_timeout(60)
            seen |= set(page.evaluate(TEXTS))
    page.get_by_label("상자 색 기준").select_option("value_norm")
    page.get_by_role("button", name="보기").click()
    seen |= set(page.evaluate(TEXTS))
    page.keyboard.press("Escape")
    rect = page.evaluate(f"{API}.rectOf('fc')")
    page.mouse.click(rect["x"] + 20, rect["y"] + rect["height"] / 2, button="right")
    seen |= set(page.evaluate(TEXTS))
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    page.keyboard.type("relu")
    seen |= set(page.evaluate(TEXTS))
    assert len(seen) > 120
    assert english(sorted(seen)) == ""


def test_a_graph_and_a_pair_speak_korean_too(watched, tmp_path, recording):
    page = watched(Path(gt.trace(Net()).to_html(tmp_path / "graph.html", language="ko"))).page
    page.wait_for_selector("#graph[data-ready]")
    expect(page.get_by_role("button", name="모두 열기")).to_be_visible()
    assert english(page.evaluate(TEXTS)) == ""
    compared = gt.compare(gt.trace(Net()), recording)
    page = watched(Path(compared.to_html(tmp_path / "pair.html", language="ko")), viewport=WIDE).page
    page.wait_for_selector("#graph[data-ready]")
    expect(page.locator("details.notes").first).to_contain_text("데이터 없이 코드만으로 아는 것: 연산 4개")
    expect(page.locator(".summary")).to_contain_text("양쪽에 연산 4개.")


def test_a_language_that_there_is_not_is_refused(recording):
    with pytest.raises(gt.errors.MissingError, match="no language named 'xx'"):
        recording.to_html(language="xx")
