"""The editor in a browser: from a key or a click to the new shapes on the screen, on a draft of 500 nodes.

    python -m benchmarks.editing [--nodes 500] [--times 15]

Starts the app as `streamlit run app/main.py` does, opens a draft of so many nodes and drives it with Chromium. The time
runs from the browser's event to the next frame in which the text of the shape is there, at a size that can be read; it
holds both ways through Streamlit, the shapes of all that depends on the edit, and the drawing. Boxes out of sight are
told theirs a little later: the last column is when all know them. Python's share alone: `benchmarks.drafting`.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from benchmarks.app import ROOT, free_port, wait_for
from benchmarks.drafting import residual_net

# Runs one command from a listener of a real event, and waits for the frame that shows what it changes.
TIMED = """(el, [command, key, wanted]) => new Promise((done) => {
  const { editor } = el.graphtools;
  const board = editor.board.element;
  let seen = 0;
  const look = () => {
    const text = editor.board.elementOf(key)?.querySelector(".type")?.textContent;
    if (text === wanted && !seen) requestAnimationFrame(() => (seen = performance.now() - started));
    if (seen && !editor.board.untold.size) done([seen, performance.now() - started]);
    else requestAnimationFrame(look);
  };
  let started = 0;
  board.addEventListener("keydown", () => {
    started = performance.now();
    void editor.draft.run(command);
    look();
  }, { once: true });
  board.dispatchEvent(new KeyboardEvent("keydown", { key: "F13" }));
})"""

LOOK_AT = """(el, key) => {
  const { board, camera } = el.graphtools.editor;
  const { x, y } = board.rectOf(key);
  camera.set({ x: x - 300, y: y - 300, scale: 1 });
}"""


def main() -> None:
    """Prints one row an edit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=500)
    parser.add_argument("--times", type=int, default=15)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        draft = residual_net(arguments.nodes)
        draft.save(Path(folder) / "draft.json")
        port = free_port()
        server = subprocess.Popen(
            [sys.executable, "-m", "streamlit", "run", "app/main.py", "--server.port", str(port)],
            cwd=ROOT,
            env={**os.environ, "GRAPHTOOLS_DRAFTS": folder},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            wait_for(port)
            with sync_playwright() as playwright:
                path = shutil.which("chromium") or shutil.which("google-chrome")
                browser = playwright.chromium.launch(executable_path=path, args=["--headless", "--no-sandbox"])
                page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
                page.goto(f"http://localhost:{port}")
                page.get_by_role("link", name="Build").click()
                measure(page, len(draft), arguments.times)
                browser.close()
        finally:
            server.terminate()
            server.wait(20)


def measure(page: Page, n_nodes: int, times: int) -> None:
    """Edits there and back; the load of the machine stands beside the figures."""
    host = page.locator(".editor-host[data-ready]")
    page.locator('.box[data-key="head"]').wait_for(timeout=60_000)
    page.wait_for_timeout(3000)
    print(f"{n_nodes} nodes; load of the machine {os.getloadavg()[0]:.1f}")
    print(f"{'milliseconds from the event to the frame':44} {'median':>8} {'worst':>8} {'all boxes':>10}")
    edits = (
        ("the head gets 11 outputs", "head", "out_features", (11, 10), "head", "f32[B, {}]"),
        ("the stem gets another stride: all change", "stem", "stride", (2, 1), "stem", "f32[B, 32, {0}, {0}]"),
    )
    for title, node, name, values, key, shape in edits:
        host.evaluate(LOOK_AT, key)
        found = []
        for i in range(times):
            value = values[i % 2]
            size = {2: 32, 1: 64}.get(value, value)
            command = {"do": "set", "node": node, "values": {name: value}}
            found.append(host.evaluate(TIMED, [command, key, shape.format(size)]))
            page.wait_for_timeout(500)
        seen, told = zip(*found, strict=True)
        print(f"{title:44} {statistics.median(seen):8.0f} {max(seen):8.0f} {statistics.median(told):10.0f}")


if __name__ == "__main__":
    main()
