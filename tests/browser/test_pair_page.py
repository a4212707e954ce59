"""Two recordings, or a graph and a recording, side by side: walked, selected and folded together."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import graphtools as gt
from graphtools.answering import Answers
from graphtools.viewer.page import bundle
from graphtools.viewer.pair_page import pair_document


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


class Turns(nn.Module):
    """`turns` times through the same body."""

    def __init__(self) -> None:
        super().__init__()
        self.enter = nn.Linear(4, 8)
        self.body = nn.Sequential(nn.Linear(8, 8), nn.Tanh())
        self.head = nn.Linear(8, 3)

    def forward(self, x: torch.Tensor, turns: int = 2) -> torch.Tensor:
        """Scores of three classes."""
        x = self.enter(x)
        for _ in range(turns):
            x = self.body(x)
        return self.head(x)


@pytest.fixture(scope="module")
def mixed() -> gt.Comparison:
    torch.manual_seed(0)
    model = Turns()
    return gt.compare(gt.trace(model), gt.run(model, torch.rand(5, 4), 4))


SELECTED = """() => document.getElementById('graph').graphtools.viewers.map(
  (viewer) => viewer.selected < 0 ? null : viewer.tree.items[viewer.selected].id)"""


def test_a_graph_beside_a_run_says_what_each_knows_and_follows_it(watched, mixed, tmp_path):
    one = watched(mixed.to_html(tmp_path / "mixed.html"), viewport={"width": 1500, "height": 900})
    page = one.page
    page.wait_for_selector("#graph[data-ready]")
    before, after = page.locator("details.notes").all_inner_texts()
    assert "Known before any data: 6 operations, from the code alone. Nothing ran." in before
    assert "conditions and loop lengths are fixed" in before
    assert "Known after this run: 10 operations" in after
    assert "body ×4" in after
    assert (
        page.locator(".summary").inner_text() == "6 operations on both sides. Only in the run: 4 (linear ×2, tanh ×2)."
    )
    page.locator("canvas.graph").last.focus()
    page.keyboard.press("Home")
    assert page.evaluate(SELECTED) == ["enter", "linear"]
    page.keyboard.press("ArrowRight")
    assert page.evaluate(SELECTED) == ["body_0", "linear_1"]
    # The fourth turn of the loop is one that the graph does not have: the body stands for it.
    for _ in range(6):
        page.keyboard.press("ArrowRight")
    left, right = page.evaluate(SELECTED)
    assert right == "linear_4"
    assert left == "body_0"
    page.keyboard.press("End")
    assert page.evaluate(SELECTED)[0] == "head"


def test_boxes_that_only_one_side_has_can_be_marked(watched, mixed, tmp_path):
    page = watched(mixed.to_html(tmp_path / "mixed.html"), viewport={"width": 1500, "height": 900}).page
    page.wait_for_selector("#graph[data-ready]")
    chooser = page.get_by_label("Color the boxes by").last
    chooser.select_option("difference")
    heat = page.evaluate(
        "() => { const v = document.getElementById('graph').graphtools.viewers[1]; return v.tree.items"
        ".filter(i => i.node >= 0).map(i => [v.model.nodes[i.node].name, v.coloring.colorOf(i.index)]) }"
    )
    marked = {name for name, color in heat if color is not None}
    assert len(marked) == 4
    assert page.locator(".legend:visible").inner_text().strip() == "only here"


OPEN = """() => document.getElementById('graph').graphtools.viewers.map(
  (viewer) => viewer.scene.boxes.filter((box) => box.open).length)"""
VIEWS = """() => document.getElementById('graph').graphtools.viewers.map((viewer) => viewer.camera.view)"""


def stack(blocks: int) -> nn.Module:
    return nn.Sequential(
        *(nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4), nn.Tanh()) for _ in range(blocks))
    )


def test_two_graphs_are_folded_together_and_modules_of_one_are_marked(watched, tmp_path):
    x = torch.rand(2, 4)
    compared = gt.compare(gt.trace(stack(2), x), gt.trace(stack(3), x))
    page = watched(compared.to_html(tmp_path / "graphs.html"), viewport={"width": 1500, "height": 900}).page
    page.wait_for_selector("#graph[data-ready]")
    page.keyboard.press("c")  # the left one has the keys
    assert page.evaluate(OPEN) == [0, 0]
    color = "v => [v.coloring.colorOf(v.itemNamed('1')), v.coloring.colorOf(v.itemNamed('2')), v.theme.alone]"
    whole, only, alone = page.evaluate(f"() => ({color})(document.getElementById('graph').graphtools.viewers[1])")
    assert whole is None
    assert only == alone
    assert page.locator(".legend:visible").first.inner_text().strip() == "only here"
    page.keyboard.press("e")
    assert page.evaluate(OPEN) == [2, 3]


def test_pictures_that_are_laid_out_alike_show_the_same_part(pair):
    pair.locator("canvas.graph").first.hover(position={"x": 100, "y": 200})
    pair.mouse.wheel(0, -300)
    pair.mouse.wheel(0, -300)
    left, right = pair.evaluate(VIEWS)
    assert left == right
    assert left["scale"] > 1.1


HOST = """async ({ esm, shown }) => {
  const module = await import(URL.createObjectURL(new Blob([esm], { type: "text/javascript" })));
  const el = document.body.appendChild(document.createElement("div"));
  el.style.height = "800px";
  window.asked = [];
  window.moved = [];
  window.mounted = module.show(el, shown, { send: (question) => asked.push(question), theme: "light" });
  mounted.on("position", ({ position }) => moved.push(position));
}"""


class Host:
    """A page in which a host shows a document and answers for it, as the app does."""

    def __init__(self, page: Any, shown: Any, answers: dict[str | None, Answers]) -> None:
        self.page, self.answers = page, answers
        page.evaluate(HOST, {"esm": bundle(), "shown": shown})

    def answer(self) -> set[Any]:
        """Answers what was asked, twice, as happens when a question is sent again; gives the sides that asked."""
        self.page.wait_for_function("() => asked.length > 0")
        questions = self.page.evaluate("() => asked.splice(0)")
        for question in questions:
            result = self.answers[question.get("side")].answer(question["op"], question["args"])
            for _ in range(2):
                self.page.evaluate("reply => mounted.answer(reply)", {"id": question["id"], "result": result})
        return {question.get("side") for question in questions}


@pytest.fixture
def host(watched, tmp_path):
    file = tmp_path / "host.html"
    file.write_text("<!doctype html><title>host</title><body></body>")
    return lambda shown, answers: Host(watched(file, viewport={"width": 1500, "height": 850}).page, shown, answers)


def test_a_host_is_asked_with_the_side_that_a_question_concerns(host, compared):
    shown = host(pair_document(compared), {"a": Answers(compared.a), "b": Answers(compared.b)})
    while "type" not in shown.page.locator("aside.inspector").first.inner_text():
        assert shown.answer() <= {"a", "b"}
    values = [side.value("3") for side in (compared.a, compared.b)]
    panels = shown.page.locator("aside.inspector")
    for panel, value in zip(panels.all(), values, strict=True):
        panel.get_by_text(f"{value.max().item():.4g}").first.wait_for()
    first = compared.first
    assert shown.page.evaluate("() => mounted.position()") == first.a.event.index
    shown.page.evaluate("() => mounted.goto(0)")
    shown.page.locator("canvas.graph").last.focus()
    shown.page.keyboard.press("ArrowRight")
    assert shown.page.evaluate("() => moved") == [0, 1]  # also when the other side led
    shown.page.evaluate("() => mounted.destroy()")


def test_of_a_graph_and_a_run_only_the_run_is_asked_about(host, mixed):
    shown = host(pair_document(mixed), {"b": Answers(mixed.b)})
    assert shown.answer() == {"b"}
    kept = shown.page.evaluate("() => mounted.arrangement()")
    assert len(kept) == 2
    assert shown.page.evaluate("() => mounted.position()") == 0


def test_a_host_shows_one_run_in_the_same_way(host, mixed):
    from graphtools.viewer.run_page import run_document

    shown = host(run_document(mixed.b), {None: Answers(mixed.b)})
    assert shown.answer() == {None}
    shown.page.evaluate("() => mounted.goto(3)")
    assert shown.page.evaluate("() => moved") == [3]
