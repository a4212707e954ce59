"""JupyterLab itself, where it is installed: a notebook shows a graph and a recording, and takes keys and an edit."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("jupyterlab", reason="jupyterlab is not installed")
pytest.importorskip("anywidget", reason="anywidget is not installed")

CELLS = (
    """import torch
from torch import nn
import graphtools as gt
torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
batch = torch.rand(5, 4), torch.tensor([0, 1, 2, 0, 1])
recording = gt.training_step(model, batch, nn.functional.cross_entropy, optimizer)""",
    "shown = recording.show()\nshown",
    "gt.trace(model).show()",
)
START_S = 60
RUN_MS = 60_000


@pytest.fixture(scope="module")
def lab(tmp_path_factory) -> Iterator[str]:
    """The address of a JupyterLab with one notebook."""
    folder = tmp_path_factory.mktemp("lab")
    cells = [
        {"cell_type": "code", "id": f"c{i}", "source": text, "metadata": {}, "outputs": [], "execution_count": None}
        for i, text in enumerate(CELLS)
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    notebook = {"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
    (folder / "steps.ipynb").write_text(json.dumps(notebook))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0", "--IdentityProvider.token=", f"--ServerApp.root_dir={folder}",
        "--LabApp.news_url=None", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]  # fmt: skip
    names = {"JUPYTER_CONFIG_DIR": "config", "JUPYTER_RUNTIME_DIR": "runtime", "JUPYTERLAB_SETTINGS_DIR": "settings"}
    places = {name: str(folder.parent / f"{folder.name}-{place}") for name, place in names.items()}
    root = str(Path(__file__).parents[2])
    environment = {**os.environ, **places, "PYTHONPATH": os.pathsep.join(filter(None, [root, os.getenv("PYTHONPATH")]))}
    server = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        end = time.monotonic() + START_S
        while True:
            try:
                urllib.request.urlopen(f"{address}/api", timeout=2).close()
                break
            except OSError:
                assert server.poll() is None, "JupyterLab ended"
                assert time.monotonic() < end, f"JupyterLab does not answer after {START_S} s"
                time.sleep(0.3)
        yield address
    finally:
        server.terminate()
        server.wait(20)


@pytest.fixture
def notebook(browser, lab) -> Iterator[Any]:
    page = browser.new_page(viewport={"width": 1440, "height": 1000}, reduced_motion="reduce")
    page.complaints = []
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.goto(f"{lab}/lab/tree/steps.ipynb?reset")
    page.locator(".jp-Notebook .jp-Cell").first.click()
    page.keyboard.press("Escape")
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_text("Run All Cells", exact=True).click()
    yield page
    page.close()


def test_a_notebook_shows_a_recording_takes_keys_and_an_edit(notebook):
    page = notebook
    cell = page.locator(".jp-CodeCell").filter(has_text="recording.show()").first
    canvas = cell.locator("canvas.graph")
    canvas.wait_for(timeout=RUN_MS)
    n_cells = page.locator(".jp-Cell").count()
    position = cell.locator(".strip-slider")
    canvas.focus()
    page.keyboard.press("F10")
    page.keyboard.press("ArrowRight")
    assert position.get_attribute("aria-valuenow") == "3"
    # Of JupyterLab's own keys, `x` cuts a cell and `a` inserts one: not while the viewer has the keyboard.
    for key in ("x", "a", "b", "m", "Enter"):
        page.keyboard.press(key)
    assert page.locator(".jp-Cell").count() == n_cells
    cell.locator("aside.inspector").get_by_text("mean").first.wait_for()  # Python has answered
    canvas.focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    cell.get_by_role("tab", name="Edit").click()
    field = cell.locator("aside.inspector input[type=text], aside.inspector textarea").first
    field.fill("t * 0")
    field.press("Enter")
    cell.get_by_role("tab", name="Output").click()
    cell.locator("aside.inspector").get_by_text("The value is zero everywhere.").wait_for()
    branch = cell.get_by_label("Branch", exact=True)
    assert branch.locator("option").count() == 2
    cell.get_by_role("button", name="Show the original").click()
    cell.locator("aside.inspector").get_by_text("The value is zero everywhere.").wait_for(state="detached")
    assert branch.input_value() == "0"
    assert page.complaints == []


def test_a_notebook_shows_a_graph(notebook):
    cell = notebook.locator(".jp-CodeCell").filter(has_text="gt.trace(model).show()").first
    canvas = cell.locator("canvas.graph")
    canvas.wait_for(timeout=RUN_MS)
    assert cell.get_by_role("treeitem").count() == 5
    canvas.focus()
    notebook.keyboard.press("/")
    notebook.keyboard.type("linear")
    notebook.keyboard.press("Enter")
    assert cell.locator("aside.inspector").is_visible()
    assert notebook.complaints == []
