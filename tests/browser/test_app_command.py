"""`graphtools app model.py`, in a real browser: the model is there without a click."""

import os
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("streamlit", reason="streamlit is not installed")


@pytest.fixture
def serve(tmp_path):
    """Starts the command on a free port; returns its address once it answers."""
    servers = []

    def start(*words):
        with socket.socket() as free:
            free.bind(("localhost", 0))
            port = free.getsockname()[1]
        command = [sys.executable, "-m", "graphtools", "app", *words, "--no-browser", "--port", str(port)]
        log = tmp_path / "server.log"
        with log.open("w") as stream:
            server = subprocess.Popen(command, cwd=tmp_path, stdout=stream, stderr=subprocess.STDOUT, env=os.environ)
        servers.append(server)
        for _ in range(300):
            try:
                urllib.request.urlopen(f"http://localhost:{port}/_stcore/health", timeout=5).read()
                return f"http://localhost:{port}"
            except OSError:
                assert server.poll() is None, log.read_text()
                time.sleep(0.2)
        raise AssertionError(log.read_text())

    yield start
    for server in servers:
        server.terminate()
        server.wait(20)


def test_the_model_that_was_named_opens(serve, browser, tmp_path):
    (tmp_path / "mine.py").write_text("import torch\nmodel = torch.nn.Linear(4, 2)\n")
    page = browser.new_page()
    page.goto(serve("mine.py", "--input", "3,4"))
    playwright.expect(page.get_by_text("2 operations, 10 parameters")).to_be_visible(timeout=60_000)
    page.locator(".graph-host[data-ready]").wait_for(timeout=60_000)
    playwright.expect(page.locator("aside.inspector")).to_contain_text("f32[3, 2]")
    page.close()


def test_where_others_can_reach_it_files_of_python_are_off(serve, browser, tmp_path):
    page = browser.new_page()
    page.goto(serve("--address", "0.0.0.0"))
    page.locator(".graph-host[data-ready]").wait_for(timeout=60_000)
    either = page.get_by_role("radio", name="File", exact=True)
    either.or_(page.get_by_role("button", name="File", exact=True)).first.click()
    playwright.expect(page.get_by_text("Files of Python are off here")).to_be_visible(timeout=30_000)
    assert page.get_by_label("or a path on this machine").count() == 0
    assert page.get_by_role("tab", name="Edit").count() == 0
    page.close()


def test_a_file_that_is_not_there_is_told_at_once():
    done = subprocess.run(
        [sys.executable, "-m", "graphtools", "app", "nowhere.py"], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (2, "graphtools: no file nowhere.py\n")
