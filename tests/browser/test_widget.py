"""The notebook's widget in a browser: the module that anywidget loads, and the Python that answers it.

The page here does what anywidget's own front-end does: it gives the module the shared values, and takes its messages.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from watched import Watched

import graphtools as gt
from graphtools.viewer.page import bundle

pytest.importorskip("anywidget", reason="anywidget is not installed")

from graphtools.viewer.widget import Widget

HARNESS = """
async (values) => {
  const source = new Blob([values.esm], { type: "text/javascript" });
  const module = await import(URL.createObjectURL(source));
  const listeners = {};
  const fire = (event, ...args) => (listeners[event] ?? []).forEach((listener) => listener(...args));
  const set = (key, value) => {
    if (JSON.stringify(values[key]) === JSON.stringify(value)) return;
    values[key] = value;
    fire(`change:${key}`);
  };
  const taken = ({ messages, changed }) => {
    messages.forEach((message) => fire("msg:custom", message));
    Object.entries(changed).forEach(([key, value]) => set(key, value));
  };
  const model = {
    get: (key) => values[key],
    set,
    save_changes: () => void toPython("set", { position: values.position, branch: values.branch }).then(taken),
    send: (content) => toPython("message", content).then(taken),
    on: (event, listener) => (listeners[event] ??= []).push(listener),
    off: (event, listener) => (listeners[event] = (listeners[event] ?? []).filter((one) => one !== listener)),
  };
  const el = document.createElement("div");
  document.body.append(el);
  window.cleanUp = module.default.render({ model, el });
  window.setShared = set;
  window.leftover = () => Object.values(listeners).flat().length;
}
"""


SHARED = ("payload", "run", "branch", "branch_names")


class Cell:
    """A notebook cell that shows a widget."""

    def __init__(self, browser: Any, folder: Any, widget: Widget) -> None:
        self.widget = widget
        file = folder / "cell.html"
        file.write_text("<!doctype html><title>cell</title><style>body { margin: 0 }</style>")
        self.watched = Watched(browser, file.as_uri())
        self.page = self.watched.page
        self.sent: list[Any] = []
        widget.send = self.sent.append  # type: ignore[method-assign]
        self.page.expose_function("toPython", lambda kind, content: self.answer(kind, content))
        values = {name: getattr(widget, name) for name in (*SHARED, "position", "height")}
        self.page.evaluate(HARNESS, {**values, "esm": bundle()})

    def answer(self, kind: str, content: Any) -> Any:
        before = {name: getattr(self.widget, name) for name in SHARED}
        self.sent.clear()
        if kind == "set":
            self.widget.set_state(content)
        else:
            self.widget._handle_custom_msg(content, [])
        changed = {
            name: getattr(self.widget, name) for name in before if getattr(self.widget, name) is not before[name]
        }
        return {"messages": list(self.sent), "changed": changed}

    def panel(self) -> str:
        self.page.wait_for_timeout(150)
        return self.page.locator("aside.inspector").inner_text()


@pytest.fixture
def cell(browser, tmp_path):
    cells = []

    def start(shown):
        cells.append(Cell(browser, tmp_path, Widget(shown, 700)))
        return cells[-1]

    yield start
    for one in cells:
        one.page.context.close()
        assert one.watched.complaints == []
        assert [url for url in one.watched.requests if not url.startswith("blob:")] == [one.watched.url]


def step() -> gt.Recording:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    return gt.training_step(
        model, (torch.rand(5, 4), torch.tensor([0, 1, 2, 0, 1])), nn.functional.cross_entropy, optimizer
    )


def test_a_graph_shows_without_a_run(cell):
    shown = cell(gt.trace(nn.Sequential(nn.Linear(4, 8), nn.ReLU()), torch.ones(2, 4)))
    assert shown.page.locator("[role=treeitem]").count() >= 3
    assert shown.page.locator(".timeline").count() == 0


def test_a_notebook_without_python_says_so_and_goes_on_when_it_is_there(cell):
    shown = cell(step())
    hear = shown.answer
    shown.answer = lambda kind, content: {"messages": [], "changed": {}}
    shown.page.locator("canvas.graph").focus()
    shown.page.keyboard.press("ArrowRight")
    said = shown.page.get_by_text("Python does not answer.")
    said.wait_for(timeout=10_000)
    shown.page.keyboard.press("ArrowRight")
    shown.page.wait_for_timeout(1000)
    assert said.count() == 1  # and again at once
    shown.answer = hear  # what was asked is asked again
    said.wait_for(state="detached", timeout=10_000)
    assert "mean" in shown.panel()


def test_python_answers_what_is_looked_at(cell):
    recording = step()
    shown = cell(recording)
    shown.page.locator("canvas.graph").focus()
    shown.page.keyboard.press("ArrowRight")
    text = shown.panel()
    assert "relu" in text
    assert f"{float(recording.value('relu').mean()):.4g}" in text
    picture = shown.page.locator("canvas.plane").first
    picture.focus()
    picture.press("ArrowDown")
    said = shown.page.locator("figure:has(canvas.plane) .reading").inner_text()
    assert said.startswith("[1, 0] =")  # Python sends float32, which is exact
    assert float(said.split()[-1]) == pytest.approx(float(recording.value("relu")[1, 0]), rel=1e-3)


def test_the_position_is_shared_both_ways(cell):
    shown = cell(step())
    shown.page.locator("canvas.graph").focus()
    shown.page.keyboard.press("End")
    shown.page.wait_for_timeout(100)
    assert shown.widget.position == len(shown.widget.recording) - 1
    shown.page.evaluate("() => setShared('position', 2)")
    assert "event 3 of" in shown.panel()


def test_an_edit_shows_the_branch_at_the_same_event(cell):
    recording = step()
    shown = cell(recording)
    shown.page.locator("canvas.graph").focus()
    shown.page.keyboard.press("ArrowRight")
    shown.page.get_by_role("tab", name="Edit").click()
    shown.page.get_by_role("textbox", name="New value, in Python").fill("t * 0")
    shown.page.get_by_role("button", name="Run with this change").click()
    shown.page.wait_for_timeout(800)
    assert len(shown.widget.branches) == 2
    assert shown.widget.recording is shown.widget.branches[1]
    assert float(shown.widget.recording.value("relu").abs().sum()) == 0
    assert shown.widget.branches[0] is recording
    text = shown.panel()
    assert "event 2 of" in text


def edit(shown: Cell, text: str, of: str = "value of relu") -> None:
    shown.page.get_by_role("tab", name="Edit").click()
    shown.page.get_by_label("What to change").select_option(label=of)
    shown.page.get_by_role("textbox", name="New value, in Python").fill(text)
    shown.page.get_by_role("button", name="Run with this change").click()
    shown.page.wait_for_timeout(800)


def test_branches_stand_in_a_bar_to_choose_among(cell):
    recording = step()
    shown = cell(recording)
    bar = shown.page.get_by_label("Branch", exact=True)
    assert bar.count() == 0
    shown.page.locator("canvas.graph").focus()
    shown.page.keyboard.press("ArrowRight")
    edit(shown, "t * 0")
    edit(shown, "t * 10", "gradient of relu")
    assert bar.locator("option").all_inner_texts() == [
        "Original",
        "Branch 1: relu = t * 0",
        "Branch 2: gradient of relu = t * 10",
    ]
    assert bar.input_value() == "2" and shown.widget.branch == 2
    bar.focus()
    bar.select_option("1")
    shown.page.wait_for_timeout(400)
    assert shown.widget.recording is shown.widget.branches[1]
    assert "Edited: value = t * 0" in shown.panel() and "Edited: gradient" not in shown.panel()
    assert "event 2 of" in shown.panel()
    assert bar.evaluate("bar => bar.getRootNode().activeElement === bar")
    shown.page.get_by_role("button", name="Show the original").click()
    shown.page.wait_for_timeout(400)
    assert shown.widget.recording is recording and bar.input_value() == "0"
    assert "Edited" not in shown.panel()
    edit(shown, "torch.sigmoid", "operation of relu")  # of what is shown, the original
    assert shown.widget.branch_names[2:] == ["operation relu = torch.sigmoid"]
    assert dict(shown.widget.recording.graph["relu"].state["edited"]).keys() == {"operation"}


def test_python_chooses_and_adds_branches(cell):
    recording = step()
    shown = cell(recording)
    shown.widget.show(gt.edit(recording, "relu", lambda t: t * 0), "mine")
    assert (shown.widget.branch, shown.widget.branch_names) == (1, ["mine"])
    shown.widget.branch = 0
    assert shown.widget.recording is recording
    shown.widget.branch = 7  # there is none
    assert shown.widget.branch == 1


def test_an_edit_that_is_no_python_says_so_and_keeps_what_was_typed(cell):
    shown = cell(step())
    shown.page.get_by_role("tab", name="Edit").click()
    box = shown.page.get_by_role("textbox", name="New value, in Python")
    box.fill("t *")
    box.press("Enter")
    shown.page.wait_for_timeout(300)
    assert "is no Python expression" in shown.panel()
    assert box.input_value() == "t *"
    assert len(shown.widget.branches) == 1


def test_what_is_wrong_with_a_condition_is_in_sight_below_many_watches(cell):
    shown = cell(step())
    shown.page.get_by_text("Watch and breakpoints").click()
    for number in range(6):
        field = shown.page.get_by_label("Watch, in Python")
        field.fill(f"relu.mean() + {number}")
        field.press("Enter")
    field = shown.page.get_by_label("Break where, in Python")
    field.fill("no such thing")
    field.press("Enter")
    said = shown.page.locator(".watching-body .bad-card")
    said.wait_for()
    shown.page.wait_for_timeout(300)
    # Nothing that scrolls has it below its lower edge.
    hidden = said.evaluate(
        "said => { for (let around = said.parentElement; around; around = around.parentElement)"
        " if (said.getBoundingClientRect().bottom > around.getBoundingClientRect().bottom + 1) return true;"
        " return false; }"
    )
    assert not hidden


def test_cleaning_up_leaves_nothing(cell):
    shown = cell(step())
    shown.page.evaluate("() => cleanUp()")
    assert shown.page.evaluate("() => leftover()") == 0
    assert shown.page.locator("canvas").count() == 0
