"""One Chromium for all browser tests, and pages that remember what they should not have done.

Where GRAPHTOOLS_REQUIRE_BROWSER is set, as in CI, a missing browser fails instead of being skipped.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from watched import Watched

CHROMIUM = os.environ.get("GRAPHTOOLS_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
ARGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run",
]  # fmt: skip

if os.environ.get("GRAPHTOOLS_REQUIRE_BROWSER") and CHROMIUM is None:
    raise RuntimeError("no Chromium, and GRAPHTOOLS_REQUIRE_BROWSER is set: apt-get install chromium")


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A running Chromium."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no Chromium: set GRAPHTOOLS_CHROMIUM to its path")
    with playwright.sync_playwright() as running:
        started = running.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        yield started
        started.close()


@pytest.fixture
def watched(browser: Any) -> Iterator[Callable[..., Watched]]:
    """Opens a file; when the test ends, the page must have complained of nothing and asked for nothing else."""
    pages: list[Watched] = []

    def start(file: Path, **settings: Any) -> Watched:
        pages.append(Watched(browser, file.as_uri(), **settings))
        return pages[-1]

    yield start
    for one in pages:
        one.page.context.close()
        assert one.complaints == []
        assert one.dialogs == []
        assert [url for url in one.requests if not url.startswith(("blob:", "data:"))] == [one.url]
