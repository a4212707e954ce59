"""One Chromium for all browser tests, and pages that remember what they should not have done.

Where GRAPHTOOLS_REQUIRE_BROWSER is set, as in CI, a missing browser fails instead of being skipped.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from watched import Watched

ROOT = Path(__file__).parents[2]
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


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    """The address of a running app."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("app") / "server.log"
    command = [sys.executable, "-m", "streamlit", "run", "app/main.py", "--server.port", str(port)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "GRAPHTOOLS_DRAFTS": str(log.parent / "drafts")}
    with log.open("w") as stream:
        server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=stream, stderr=subprocess.STDOUT)
    try:
        for _ in range(300):
            try:
                urllib.request.urlopen(f"http://localhost:{port}/_stcore/health", timeout=5).read()
                break
            except OSError:
                assert server.poll() is None, log.read_text()
                time.sleep(0.2)
        else:
            raise AssertionError(log.read_text())
        yield f"http://localhost:{port}"
    finally:
        server.terminate()
        server.wait(20)
    assert "Traceback" not in log.read_text()


@pytest.fixture
def app(browser, url):
    """Opens the app in a tab; when the test ends, it must have complained of nothing and asked for nothing else."""
    from app_tab import App

    tabs = []

    def start(url=url, **settings):
        tabs.append(App(browser, url, **settings))
        return tabs[-1]

    yield start
    for tab in tabs:
        tab.page.context.close()
        assert tab.complaints == []
        assert tab.outside == []


@pytest.fixture
def builder(app):
    """Opens the app with an empty draft."""
    from builder import Builder

    def start(**settings):
        return Builder(app(**settings)).open().new()

    return start
