"""How fast the viewer draws in Chromium, beside vis-network and Cytoscape.

    npm --prefix graphtools/viewer ci && npm --prefix benchmarks ci
    python -m benchmarks.drawing

First paint: from the arrival of the payload's text to the end of the first frame with the picture. Toggling: the call
that opens or closes a box and the drawing after it, for groups from all over the view; `pressed`: as a person does it,
with the mouse's button down for 0.1 s before, in which a view of many boxes prepares the toggle. Drawing: CPU time of a
frame while the picture moves, with all of it on the screen, at a fifth of its size and at its size. The other engines
get our places for the same boxes and edges, so that drawing counts and not their layout.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from benchmarks.graphs import llama_graph, torchvision_graph
from graphtools.graph import Capture, Graph, Module, Node, Output, Ref, Spec
from graphtools.payload import graph_payload

ROOT = Path(__file__).parents[1]
BUILD = ROOT / "graphtools" / "viewer" / "build.mjs"
SCRIPT = ROOT / "benchmarks" / "drawing.js"
MODULES = ROOT / "benchmarks" / "node_modules"
ARGS = ["--headless", "--no-sandbox", "--disable-gpu"]
SOURCE = Path(os.environ.get("GRAPHTOOLS_VIEWER_SOURCE", ROOT / "graphtools" / "viewer" / "src"))


def blocks(count: int) -> Graph:
    """A graph of about `count` operations: residual blocks of ten operations in stages of a hundred blocks."""
    outputs = (Output((), Spec("f32", (8, 64))),)
    nodes = [Node("x", "input", "x", outputs=outputs)]
    modules = {"": Module("", "bench.Net")}
    last = "x"
    for block in range(count // 10):
        scope = f"stages.{block // 100}.blocks.{block % 100}"
        modules[scope] = Module(scope, "bench.Block")
        entry = last
        for step in range(9):
            name = f"b{block}_{step}"
            target = ("torch.nn.functional.linear", "torch.relu", "torch.nn.functional.layer_norm")[step % 3]
            nodes.append(Node(name, "call", target, (Ref(last),), outputs=outputs, scope=scope))
            last = name
        nodes.append(Node(f"b{block}_9", "call", "operator.add", (Ref(last), Ref(entry)), outputs=outputs, scope=scope))
        last = f"b{block}_9"
    nodes.append(Node("output", "output", "output", (Ref(last),), outputs=outputs))
    return Graph(tuple(nodes), modules, Capture(model="blocks"))


def build_page(folder: Path) -> Path:
    """A page with the viewer's own classes and the other engines in `window`."""
    entry = folder / "entry.js"
    entry.write_text(
        f"import {{ Viewer }} from {json.dumps(str(SOURCE / 'viewer.js'))};\n"
        'import { Network } from "vis-network/standalone";\n'
        'import cytoscape from "cytoscape";\n'
        "Object.assign(window, { Viewer, Network, cytoscape });\n",
        encoding="utf-8",
    )
    subprocess.run(
        ["node", str(BUILD), str(entry), str(folder / "bundle.js"), "iife"],
        check=True, env={**os.environ, "NODE_PATH": str(MODULES)},
    )  # fmt: skip
    page = folder / "page.html"
    page.write_text(
        '<!doctype html><meta charset="utf-8"><style>html, body { margin: 0 } .host { width: 1400px; height: 900px }'
        f'</style><body></body><script src="bundle.js"></script><script>{SCRIPT.read_text()}</script>',
        encoding="utf-8",
    )
    return page


def call(page: Page, name: str, *args: Any) -> Any:
    """What the page's function gives."""
    return page.evaluate(f"args => {name}(...args)", list(args))


def main() -> int:
    """Prints the three tables."""
    chromium = os.environ.get("GRAPHTOOLS_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None or not (BUILD.parent / "node_modules").exists() or not MODULES.exists():
        print("needs Chromium and both `npm ci`: see the top of this file", file=sys.stderr)
        return 1
    text = {count: json.dumps(graph_payload(blocks(count))) for count in (1_000, 5_000, 50_000)}
    models = {
        "resnet152": json.dumps(graph_payload(torchvision_graph("resnet152"))),
        "llama, 92 layers": json.dumps(graph_payload(llama_graph(92))),
    }
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as running:
        browser = running.chromium.launch(executable_path=chromium, args=ARGS)
        file = build_page(Path(folder)).as_uri()

        def fresh() -> Page:
            page = browser.new_page(viewport={"width": 1400, "height": 900}, reduced_motion="reduce")
            page.on("pageerror", lambda error: print(f"page: {error}", file=sys.stderr))
            page.goto(file)
            return page

        print(f"{'first paint':28}{'payload MB':>12}{'boxes':>8}{'ms':>8}   (median of 3 fresh pages; 1 s is the aim)")
        for name, payload in {"50,000 operations": text[50_000], **models}.items():
            found = []
            for _ in range(3):
                page = fresh()
                found.append(call(page, "firstPaint", payload))
                page.close()
            ms = statistics.median(one["ms"] for one in found)
            print(f"{name:28}{len(payload) / 1e6:12.1f}{found[0]['boxes']:8}{ms:8.0f}", flush=True)

        print(
            f"\n{'toggling one box':40}{'boxes':>6}{'toggles':>9}{'mean ms':>9}{'worst':>8}"
            f"{'pressed: mean':>15}{'worst':>8}   (100 ms is the aim)"
        )
        for name, payload in {**models, "50,000 operations": text[50_000]}.items():
            found: dict[str, list[Any]] = {"first view": [], "2,000 boxes open": []}
            for pressed in (False, True):
                page = fresh()
                call(page, "firstPaint", payload)
                found["first view"].append(call(page, "toggles", 40, pressed))
                call(page, "openUpTo", 2_000)
                found["2,000 boxes open"].append(call(page, "toggles", 20, pressed))
                page.close()
            for view, (plain, held) in found.items():
                numbers = f"{plain['boxes']:6}{plain['n']:9}{plain['mean']:9.0f}{plain['worst']:8.0f}"
                print(f"{name + ', ' + view:40.40}{numbers}{held['mean']:15.0f}{held['worst']:8.0f}", flush=True)

        print(
            f"\n{'drawing':24}{'boxes':>7}{'lines':>7}{'first ms':>10}{'all: ms':>9}{'p95':>6}{'0.2: ms':>9}{'p95':>6}"
            f"{'1:1 ms':>8}{'p95':>6}   (8 ms a frame is the aim)"
        )
        for count in (1_000, 5_000):
            page = fresh()
            for engine, function in (("graphtools", "ours"), ("vis-network", "vis"), ("Cytoscape", "cyto")):
                found = call(page, function, *([text[count]] if function == "ours" else []))
                frames = "".join(
                    f"{found[view]['mean']:{width}.1f}{found[view]['worst']:6.1f}"
                    for view, width in (("whole", 9), ("middle", 9), ("near", 8))
                )
                print(f"{engine:24}{found['boxes']:7}{found['lines']:7}{found['first']:10.0f}{frames}", flush=True)
            page.close()
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
