"""A page that remembers what it should not have done."""

from __future__ import annotations

from typing import Any


class Watched:
    """A page, and what it said, asked for and opened that it should not have."""

    def __init__(self, browser: Any, url: str, **settings: Any) -> None:
        settings = {"viewport": {"width": 1200, "height": 800}, "reduced_motion": "reduce", **settings}
        self.page = browser.new_context(**settings).new_page()
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.dialogs: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("dialog", lambda dialog: (self.dialogs.append(dialog.message), dialog.dismiss()))
        self.url = url
        self.page.goto(url)
