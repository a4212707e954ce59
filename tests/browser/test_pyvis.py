"""The pyvis page opens from a file, offline, and draws what the layout says."""

import os
import re
from pathlib import Path

import pytest
import torch
from pyvis.network import Network

import graphtools as gt
from graphtools.graph import Capture, Graph, Module, Node, Output, Ref, Spec, freeze


class Residual(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = torch.nn.Conv2d(3, 3, 3, padding=1)
        self.conv2 = torch.nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x):
        return x + self.conv2(torch.relu(self.conv1(x)))


def residual():
    return gt.trace(torch.nn.Sequential(Residual(), torch.nn.ReLU()), torch.ones(1, 3, 8, 8), method="fx")


BOXES = ("input_1", "_0_conv1", "relu", "_0_conv2", "add", "_1", "output")


def opened(browser, network, folder):
    """The page of `network` in a browser, and what it asked for or complained about."""
    file = folder / "graph.html"
    network.write_html(str(file))
    page = browser.new_page(viewport={"width": 900, "height": 900})
    trouble = []
    page.on("console", lambda message: trouble.append(message.text))
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("request", lambda request: request.url == file.as_uri() or trouble.append(request.url))
    page.on("dialog", lambda dialog: (trouble.append("dialog"), dialog.dismiss()))
    page.goto(file.as_uri())
    page.wait_for_function("typeof network !== 'undefined' && network.getScale() > 0")
    page.wait_for_timeout(300)
    return page, trouble


def test_it_is_a_pyvis_network_with_physics_off_and_fixed_places():
    network = residual().to_pyvis()
    assert isinstance(network, Network)
    assert network.options["physics"] == {"enabled": False}
    assert all(node["fixed"] and "x" in node and "y" in node for node in network.nodes)
    assert {name for name in network.get_nodes() if not name.startswith("~")} == set(BOXES)
    network.add_node("mine", label="added by hand", x=0, y=0)
    network.add_edge("mine", "add")
    assert "added by hand" in network.generate_html()


def test_a_depth_folds_and_a_failed_or_empty_graph_is_drawn():
    graph = residual()
    assert [node["label"] for node in graph.to_pyvis(depth=0).nodes] == ["Sequential\n1×3×8×8"]
    assert len(graph.to_pyvis(depth=1).nodes) == 4
    assert Graph(()).to_pyvis().nodes == []


@pytest.mark.parametrize("notebook", [False, True])
def test_no_address_is_loaded(notebook, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    network = residual().to_pyvis()
    for html in (network.generate_html(notebook=notebook), network.generate_html(notebook=notebook)):
        markup = re.sub(r"<(script|style)\b[^>]*>.*?</\1>", "", html, flags=re.S)
        assert not re.search(r"https?://|//cdn", markup)
        assert not re.search(r"<(script|link|img|iframe)\b[^>]*(src|href)=", html.partition("<body>")[0])
        assert html.count("graphtools-drawing") == 2
    network.show("graph.html", notebook=True)
    assert os.listdir(tmp_path) == ["graph.html"]
    assert "cdn.jsdelivr" not in Path("graph.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("dark", [False, True])
def test_the_page_opens_from_a_file_without_a_request_or_a_complaint(browser, tmp_path, dark):
    page, trouble = opened(browser, residual().to_pyvis(dark=dark, height="600px"), tmp_path)
    assert trouble == []
    assert page.locator("canvas").count() == 1
    places = page.evaluate("network.getPositions()")
    assert len({round(places[name]["x"]) for name in BOXES}) == 1
    page.close()


def test_a_skip_edge_is_visible_beside_the_trunk(browser, tmp_path):
    page, trouble = opened(browser, residual().to_pyvis(height="800px"), tmp_path)
    # What is under the way of the skip edge, half-way down: a pixel of the edge's color, and no box.
    found = page.evaluate(
        """() => {
          const stops = Object.entries(network.getPositions()).filter(([id]) => id.startsWith("~input_1 "));
          const x = Math.max(...stops.map(([, p]) => p.x));
          const lane = stops.filter(([, p]) => p.x === x).map(([, p]) => p.y);
          const at = network.canvasToDOM({ x, y: (Math.min(...lane) + Math.max(...lane)) / 2 });
          const canvas = document.querySelector("canvas");
          const ratio = canvas.width / canvas.clientWidth;
          const row = canvas.getContext("2d").getImageData((at.x - 3) * ratio, at.y * ratio, 7 * ratio, 1).data;
          const darkest = Math.min(...Array.from(row).filter((_, i) => i % 4 === 0));
          return { darkest, node: network.getNodeAt(at) ?? null };
        }"""
    )
    assert trouble == []
    assert found["node"] is None
    assert found["darkest"] < 200
    page.close()


EVIL = """<img src=x onerror="alert(1)"></script><script>alert(2)</script> href="javascript:alert(3)" {{7*7}}"""


def test_boxes_stand_where_the_viewer_puts_them(browser, tmp_path):
    torchvision = pytest.importorskip("torchvision")
    model = torchvision.models.googlenet(init_weights=False).eval()
    graph = gt.trace(model, torch.ones(1, 3, 64, 64), fake=True)
    network = graph.to_pyvis()
    file = tmp_path / "viewer.html"
    graph.to_html(file)
    page = browser.new_page(viewport={"width": 900, "height": 900})
    page.goto(file.as_uri())
    page.wait_for_selector("#graph[data-ready]")
    names = [node["id"] for node in network.nodes if not node["id"].startswith("~")]
    rects = page.evaluate(
        "names => names.map(name => document.getElementById('graph').graphtools.rectOf(name))",
        [name.removeprefix("@") for name in names],
    )
    page.close()
    places = [network.node_map[name] for name in names]
    scale = rects[0]["height"] / 44
    for place, rect in zip(places, rects, strict=True):
        # The viewer measures letters in the browser's font: boxes may be wider or narrower, but as high.
        y = (rect["y"] + rect["height"] / 2 - rects[0]["y"] - rects[0]["height"] / 2) / scale
        assert y == pytest.approx(place["y"] - places[0]["y"], abs=0.01)
        x = (rect["x"] + rect["width"] / 2 - rects[0]["x"] - rects[0]["width"] / 2) / scale
        assert x == pytest.approx(place["x"] - places[0]["x"], abs=30)


def test_every_operation_is_linked_to_its_users_through_the_bends():
    network = residual().to_pyvis()
    links = {node: set() for node in network.get_nodes()}
    for edge in network.get_edges():
        links[edge["from"]].add(edge["to"])

    def reached(name):
        ends = set()
        for found in links[name]:
            ends |= reached(found) if found.startswith("~") else {found}
        return ends

    assert reached("input_1") == {"_0_conv1", "add"}
    assert reached("_0_conv2") == {"add"}
    assert reached("add") == {"_1"}


def test_hostile_names_are_text(browser, tmp_path):
    scope = EVIL.replace(".", "")
    nodes = [Node(EVIL, "input", EVIL, outputs=(Output((), Spec("f32", (EVIL,))),))]
    nodes += [Node(EVIL + end, "call", EVIL, (Ref(EVIL),), outputs=nodes[0].outputs, scope=scope) for end in "ab"]
    graph = Graph(tuple(nodes), freeze([(scope, Module(scope, EVIL, EVIL))]), Capture(model=EVIL))
    page, trouble = opened(browser, graph.to_pyvis(), tmp_path)
    for name in (EVIL, EVIL + "a"):
        at = page.evaluate("(id) => network.canvasToDOM(network.getPosition(id))", name)
        box = page.locator("#mynetwork").bounding_box()
        page.mouse.move(box["x"] + at["x"], box["y"] + at["y"])
        page.wait_for_timeout(500)
        tooltip = page.locator(".vis-tooltip")
        assert "<img src=x" in tooltip.inner_text()
    assert page.locator("img").count() == 0
    assert trouble == []
    page.close()


def test_resnet18_draws_whole(browser, tmp_path):
    torchvision = pytest.importorskip("torchvision")
    graph = gt.trace(torchvision.models.resnet18().eval(), torch.ones(1, 3, 64, 64), method="fx")
    page, trouble = opened(browser, graph.to_pyvis(depth=9), tmp_path)
    assert trouble == []
    n_boxes = page.evaluate("nodes.getIds().filter((id) => !id.startsWith('~')).length")
    assert n_boxes == 71
    page.close()
