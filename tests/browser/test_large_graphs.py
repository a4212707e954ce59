"""Thousands of boxes: laid out in a worker while the page stays usable, and the same picture where none is allowed."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from watched import Watched

from graphtools.graph import Capture, Graph, Module, Node, Output, Ref, Spec
from graphtools.viewer.page import to_html

SAID = ".notice[role=status]:visible"
IDLE = "() => !document.getElementById('graph').shadowRoot.querySelector('.stage[aria-busy=true]')"
ROWS = """() => { const { shadowRoot } = document.getElementById('graph');
  return !shadowRoot.querySelector('[role=tree][aria-busy]') &&
    shadowRoot.querySelectorAll('[role=treeitem]').length > 3202 }"""
FRAMES = """() => { window.gaps = []; let last = performance.now();
  const frame = () => {
    const now = performance.now(); gaps.push(now - last); last = now; requestAnimationFrame(frame) };
  requestAnimationFrame(frame) }"""
ASKED = """window.asked = []; window.answered = 0;
  const post = Worker.prototype.postMessage;
  Worker.prototype.postMessage = function (message) {
    if (!asked.length) this.addEventListener('message', () => answered++);
    asked.push(Object.keys(message).find((key) => key !== 'id')); return post.call(this, message) }"""
PLACES = """() => { const { graphtools, shadowRoot } = document.getElementById('graph');
  return [...shadowRoot.querySelectorAll('[role=treeitem]')].map((row) => [row.dataset.id,
    graphtools.rectOf(row.dataset.id)]) }"""


def tangle(parts: int, size: int) -> Graph:
    """`parts` modules of `size` operations, no two alike, so that each has to be laid out."""
    draw = random.Random(0)
    outputs = (Output((), Spec("f32", (2, 8))),)
    nodes, modules = [Node("x", "input", "x", outputs=outputs)], {"": Module("", "net.Net")}
    last = "x"
    for part in range(parts):
        scope = f"parts.{part}"
        modules[scope] = Module(scope, "net.Part")
        mine = [last]
        for index in range(size):
            last = f"n{part}_{index}"
            args = dict.fromkeys((draw.choice(mine[-6:]), draw.choice(mine[-12:])))
            nodes.append(Node(last, "call", "torch.add", tuple(map(Ref, args)), outputs=outputs, scope=scope))
            mine.append(last)
    nodes.append(Node("output", "output", "output", (Ref(last),), outputs=outputs))
    return Graph(tuple(nodes), modules, Capture(model="tangle"))


@pytest.fixture(scope="module")
def file(tmp_path_factory) -> Path:
    return Path(to_html(tangle(40, 80), tmp_path_factory.mktemp("large") / "tangle.html"))


def opened(page: Watched) -> None:
    page.page.wait_for_selector("#graph[data-ready]")
    page.page.evaluate(FRAMES)


def open_all(page: Any) -> None:
    page.keyboard.press("e")
    page.wait_for_selector(SAID)
    page.wait_for_function(IDLE)
    page.wait_for_function(ROWS)


def test_the_page_stays_usable_while_a_worker_lays_out(watched, file):
    one = watched(file)
    opened(one)
    page = one.page
    page.keyboard.press("e")
    page.wait_for_selector(SAID)
    assert page.locator(SAID).inner_text() == "Laying out 3,202 boxes …"
    # Meanwhile the picture before is there, and keys are heard.
    page.keyboard.press("?")
    assert page.get_by_role("dialog", name="Keys").is_visible()
    page.keyboard.press("Escape")
    frames = page.evaluate("() => gaps.length")
    page.wait_for_function(IDLE)
    assert page.evaluate("() => gaps.length") > frames + 5
    page.wait_for_function(ROWS)  # so many rows come after the picture
    assert page.locator(SAID).count() == 0


def test_the_last_of_several_wishes_is_shown(watched, file):
    one = watched(file)
    opened(one)
    page = one.page
    before = page.evaluate(PLACES)
    page.keyboard.press("e")
    page.wait_for_selector(SAID)
    page.keyboard.press("c")
    assert page.locator(SAID).count() == 0
    closed = page.get_by_role("treeitem").count()
    assert closed <= len(before)
    page.wait_for_timeout(1500)  # what the worker was at must not come up
    assert page.get_by_role("treeitem").count() == closed


def test_without_a_worker_the_picture_is_the_same(watched, file):
    found = []
    for script in ("", "delete window.Worker", "window.Worker = class { constructor() { throw new Error('no') } }"):
        one = watched(file)
        page = one.page
        if script:
            page.add_init_script(script)
            page.goto(one.url)
            one.requests.pop()
        opened(one)
        open_all(page)
        found.append(page.evaluate(PLACES))
    assert len(found[0]) > 3202
    assert found[1] == found[0]
    assert found[2] == found[0]


def test_a_toggle_is_prepared_while_the_button_is_down(watched, file):
    one = watched(file)
    page = one.page
    page.add_init_script(ASKED)
    page.goto(one.url)
    one.requests.pop()
    opened(one)
    open_all(page)
    tree, first = page.evaluate("asked")
    assert (tree, first) == ("children", "visible")
    rect = page.evaluate("() => document.getElementById('graph').graphtools.rectOf('parts.0')")
    page.mouse.move(rect["x"] + 6, rect["y"] + 6)  # on its sign, small as it is
    page.mouse.down()
    page.wait_for_function("() => asked.length === 3 && answered === 2")
    assert "parts.0" in page.evaluate("() => document.getElementById('graph').graphtools.arrangement().open")
    page.mouse.up()
    assert "parts.0" not in page.evaluate("() => document.getElementById('graph').graphtools.arrangement().open")
    page.wait_for_timeout(200)
    assert page.evaluate("asked.length") == 3  # what was prepared is what is shown
    pressed = page.evaluate(PLACES)
    page.evaluate("() => document.getElementById('graph').graphtools.setOpen('parts.0', true)")
    assert page.evaluate(PLACES) != pressed
    # Another page that was never pressed shows the same.
    two = watched(file)
    opened(two)
    open_all(two.page)
    two.page.evaluate("() => document.getElementById('graph').graphtools.setOpen('parts.0', false)")
    two.page.wait_for_function(
        "() => !document.getElementById('graph').shadowRoot.querySelector('[role=tree][aria-busy]')"
    )
    assert sizes(two.page.evaluate(PLACES)) == sizes(pressed)


def sizes(places: list) -> list:
    return [(name, round(rect["width"], 3), round(rect["height"], 3)) for name, rect in places if rect]


def test_a_page_whose_policy_forbids_workers_lays_out_itself(browser, file, tmp_path):
    strict = tmp_path / "strict.html"
    text = file.read_text()
    assert "worker-src blob:" in text
    strict.write_text(text.replace("worker-src blob:", "worker-src &#x27;none&#x27;"))
    one = Watched(browser, strict.as_uri())
    opened(one)
    one.page.keyboard.press("e")
    one.page.wait_for_function("() => document.getElementById('graph').graphtools.arrangement().open.length > 40")
    one.page.wait_for_function(IDLE)
    one.page.wait_for_function(ROWS)
    assert all("worker-src" in complaint for complaint in one.complaints)
    one.page.context.close()
