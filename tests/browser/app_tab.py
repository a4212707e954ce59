"""The app in one tab of the browser, used as a person does."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

expect = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").expect


class App:
    """The app in a tab of its own, and what it complained of."""

    def __init__(self, browser, url, width=1440, height=900, scheme="light"):
        settings = {"viewport": {"width": width, "height": height}, "color_scheme": scheme, "reduced_motion": "reduce"}
        self.page = browser.new_context(**settings).new_page()
        self.complaints, self.outside = [], []
        self.page.on("console", self.hear)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        origin = url.split("/?")[0]
        self.page.on("request", lambda request: self.note(request.url, origin))
        self.page.goto(url)
        self.wait_for_graph()

    def hear(self, message):
        # On a page's own address Streamlit first looks for its server below that address, and then above.
        is_search = re.search(r"/(train|build|help)/_stcore/", message.location.get("url", ""))
        if message.type == "error" and not is_search:
            self.complaints.append(message.text)

    def note(self, requested, url):
        if not requested.startswith((url, url.replace("http", "ws"), "data:", "blob:")):
            self.outside.append(requested)

    def wait_for_graph(self):
        self.page.locator(".graph-host[data-ready]").wait_for(timeout=60_000)

    def press(self, name):
        self.page.get_by_role("button", name=name).first.click()

    def choose(self, name):
        """One word of a segmented control."""
        either = self.page.get_by_role("radio", name=name, exact=True)
        either.or_(self.page.get_by_role("button", name=name, exact=True)).first.click()

    def at(self, position, count=None):
        """Waits until the viewer stands at an event, counted from 1."""
        host = self.page.locator(".graph-host")
        expect(host).to_have_attribute("data-position", str(position - 1), timeout=60_000)
        if count is not None:
            slider = self.page.get_by_role("slider", name="Position in the run")
            expect(slider).to_have_attribute("aria-valuemax", str(count), timeout=60_000)

    def panel(self):
        return self.page.locator("aside.inspector")

    def focus(self):
        self.page.locator("canvas.graph").focus()

    def rect(self, name):
        return self.page.locator(".graph-host").evaluate("(el, name) => el.graphtools.rectOf(name)", name)

    def type_path(self, path):
        box = self.page.get_by_label("or a path on this machine")
        box.fill(str(path))
        box.press("Tab")

    def open_file(self, path):
        self.choose("File")
        self.type_path(path)
        expect(self.page.get_by_role("button", name="Open and run")).to_be_enabled()
        self.press("Open and run")

    def picture(self, name):
        """A screenshot, kept where GRAPHTOOLS_SCREENSHOTS says."""
        folder = os.environ.get("GRAPHTOOLS_SCREENSHOTS")
        for _ in range(20):  # on the way from page to page there is a moment without either
            image = self.page.screenshot(path=Path(folder) / f"{name}.png" if folder else None)
            if len(image) > 20_000:
                break
            self.page.wait_for_timeout(500)
        assert len(image) > 20_000
