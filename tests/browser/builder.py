"""The editor in a tab of the app, used as a person does."""

from __future__ import annotations

import json
import re

import pytest

expect = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").expect
KEYS = ("Enter", "Escape", "Tab", "Control+c", "Control+v", "Control+d", "F2")


class Builder:
    """The editor in a tab of the app."""

    def __init__(self, tab):
        self.tab, self.page = tab, tab.page

    def open(self):
        self.page.get_by_role("link", name="Build").click()
        self.ready()
        return self

    def ready(self):
        self.page.locator(".editor-host[data-ready]").wait_for(timeout=60_000)
        expect(self.problems()).not_to_have_text("", timeout=30_000)

    def new(self):
        host = self.page.locator(".editor-host")
        before = host.get_attribute("data-shown")
        self.tab.press("New")
        expect(host).not_to_have_attribute("data-shown", before, timeout=30_000)
        self.ready()
        expect(self.page.locator(".hint")).to_be_visible(timeout=30_000)
        expect(self.problems()).to_be_hidden()  # that it is empty is no fault to be told in red
        return self

    def from_model(self, key):
        """A draft of the model that is open in the debugger; waits for a box of it."""
        self.tab.press("From the model")
        self.box(key).wait_for(timeout=60_000)
        return self

    def problems(self):
        return self.page.locator("button.problems")

    def box(self, key):
        return self.page.locator(f'.box[data-key="{key}"]')

    def focus(self):
        self.page.locator(".board").focus()

    def key(self, *keys):
        self.focus()
        for key in keys:
            self.page.keyboard.press(key)

    def search(self, word):
        """Types into the open search and takes the first that is found."""
        field = self.page.locator(".search input")
        field.wait_for()
        field.fill(word)
        first = self.page.locator(".search li").first
        expect(first.locator("span").first).to_have_text(re.compile(word, re.IGNORECASE), timeout=20_000)
        field.press("Enter")

    def word(self, word):
        """Types into the small field for a name or a type."""
        field = self.page.locator(".search input")
        field.wait_for()
        field.fill(word)
        expect(self.page.locator(".search li").first).to_contain_text(word)
        field.press("Enter")

    def set(self, field, value):
        """Fills a field of the form of what is selected."""
        box = self.page.locator(f'.form [data-field="{field}"]')
        box.fill(value)
        box.press("Enter")
        expect(self.page.locator(f'.form [data-field="{field}"]')).to_have_value(value)

    def middle(self, locator):
        box = locator.bounding_box()
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def drag(self, start, end):
        mouse = self.page.mouse
        mouse.move(*start)
        mouse.down()
        mouse.move((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
        mouse.move(*end)
        mouse.move(*end)
        mouse.up()

    def port(self, key, side, at=0):
        return self.middle(self.box(key).locator(f'.port[data-side="{side}"][data-at="{at}"]'))

    def connect(self, source, target, at=0):
        """Drags from the output of one box to an input of another."""
        self.drag(self.port(source, "out"), self.port(target, "in", at))

    def add_behind(self, source, word, key):
        """Drags from a port onto empty space, and chooses what is to stand there."""
        x, y = self.port(source, "out")
        self.drag((x, y), (x + 4, y + 60))
        self.search(word)
        self.box(key).wait_for(timeout=20_000)

    def add_at(self, x, y, word, key):
        """Double-clicks on empty space."""
        board = self.page.locator(".board").bounding_box()
        self.page.mouse.dblclick(board["x"] + x, board["y"] + y)
        self.search(word)
        self.box(key).wait_for(timeout=20_000)

    def add_by_key(self, word, key):
        self.key(" ")
        self.search(word)
        self.box(key).wait_for()
        expect(self.box(key)).to_have_attribute("aria-selected", "true")

    def set_by_key(self, field, value):
        """Goes through the form of what is selected to a field, and back."""
        self.key("Enter")
        wanted = self.page.locator(f'.form [data-field="{field}"]')
        wanted.wait_for()
        expect(self.page.locator(".form [data-field]:focus")).to_have_count(1)
        for _ in range(20):
            if wanted.evaluate("el => el.getRootNode().activeElement === el"):
                break
            self.page.keyboard.press("Tab")
        self.page.keyboard.press("Control+a")
        self.page.keyboard.type(value)
        self.page.keyboard.press("Enter")
        expect(wanted).to_have_value(value)
        self.page.keyboard.press("Escape")

    def walk_to(self, key, arrow):
        """Selects a box by the arrow keys."""
        for _ in range(40):
            self.takes()  # keys wait for what is under way: a person sees where they led before the next
            if self.box(key).get_attribute("aria-selected") == "true":
                return
            self.key(f"Control+{arrow}")
        raise AssertionError(f"{key} was not reached")

    def input(self, spec):
        self.key("i")
        self.word(spec)
        self.box("x").wait_for(timeout=20_000)

    def type_of(self, key):
        return self.box(key).locator(".type")

    def types(self, *words):
        """Presses keys one after another, with no wait at all: a word that is no key letter by letter."""
        for word in words:
            for key in (word,) if word in KEYS else word:
                self.page.keyboard.press(key)

    def takes(self):
        """What each node takes, once nothing is under way."""
        return json.loads(
            self.page.locator(".editor-host").evaluate(
                "async el => { const { turns, draft } = el.graphtools.editor;"
                " while (!turns.isIdle || draft.busy) await new Promise(r => setTimeout(r, 50));"
                " return JSON.stringify(Object.fromEntries([...draft.nodes.values()].map("
                "   node => [node.name, node.in.map(port => port.from?.[0] ?? null)]))) }"
            )
        )

    def rect(self, key):
        """Left, top, right and bottom of a box on the page."""
        box = self.box(key).bounding_box()
        return box["x"], box["y"], box["x"] + box["width"], box["y"] + box["height"]

    def is_clear(self):
        """No box covers another, and every edge leads down."""
        self.takes()
        crossed = self.page.locator(".editor-host").evaluate(
            "el => { const { board, level } = el.graphtools.editor;"
            " const keys = level.boxes.map(({ key }) => key), r = key => board.rectOf(key);"
            " const over = (a, b) => a.x < b.x + b.width && b.x < a.x + a.width"
            "   && a.y < b.y + b.height && b.y < a.y + a.height;"
            " return [...keys.flatMap((a, i) => keys.slice(i + 1).filter(b => over(r(a), r(b))).map(b => [a, b])),"
            " ...level.edges.filter(e => r(e.from).y + r(e.from).height > r(e.to).y).map(e => [e.from, e.to])] }"
        )
        assert crossed == []

    def is_sound(self):
        expect(self.problems()).to_have_text("No problems", timeout=20_000)

    def state(self):
        """What the browser knows of the draft, without how many pictures it has seen."""
        return self.page.locator(".editor-host").evaluate(
            "el => { const d = el.graphtools.editor.draft;"
            " return JSON.stringify([[...d.nodes.values()], d.groups, d.problems, d.totals]) }"
        )
