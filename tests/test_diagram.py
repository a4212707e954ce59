"""DOT and Mermaid show the folded view, and hostile names stay text."""

import html
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import graphtools as gt
from graphtools.diagram import COLORS, to_dot, to_mermaid
from graphtools.graph import Capture, Graph, Module, Node, Ref, freeze
from graphtools.kinds import CATEGORIES

sys.path.insert(0, str(Path(__file__).parent))
import golden_text

needs_dot = pytest.mark.skipif(
    shutil.which("dot") is None, reason="Graphviz is not installed (apt-get install graphviz)"
)


def block():
    class Block(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.body = torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.ReLU())

        def forward(self, x):
            return x + self.body(x)

    return gt.trace(torch.nn.Sequential(Block(), torch.nn.Linear(8, 2)), torch.ones(1, 8), method="fx")


def without_lines(text):
    return re.sub(r"test_diagram\.py:\d+", "block.py:1", text)


def test_the_text_of_a_block():
    graph = block()
    golden_text.check("block.dot", without_lines(to_dot(graph)))
    golden_text.check("block.mmd", without_lines(to_mermaid(graph)))
    assert to_dot(graph, 0).count("->") == 0
    assert to_mermaid(graph, 1).count("subgraph") == 0


def test_the_colors_are_those_of_the_viewer():
    assert set(COLORS) == set(CATEGORIES)
    theme = Path(__file__).parent.parent / "graphtools/viewer/src/theme.js"
    if not theme.exists():
        pytest.skip("the viewer's sources are not in this checkout")
    table = theme.read_text().partition("const CATEGORY = {")[2].partition("}")[0]
    assert dict(re.findall(r'(\w+): "(#\w+)"', table)) == COLORS


def named(name):
    """A graph in which everything that can be named has that name."""
    nodes = (
        Node(name, "input", name),
        Node(name + "1", "call", name, (Ref(name),), scope=name.replace(".", "") or "s"),
        Node(name + "2", "call", name, (Ref(name + "1"),), scope=name.replace(".", "") or "s"),
    )
    scope = nodes[1].scope
    return Graph(nodes, freeze([(scope, Module(scope, name, name))]), Capture(model=name))


def svg_texts(dot):
    svg = subprocess.run(["dot", "-Tsvg"], input=dot.encode(), capture_output=True, check=True)
    assert svg.stderr == b""
    return [html.unescape(text) for text in re.findall(r"<text[^>]*>([^<]*)</text>", svg.stdout.decode())]


HOSTILE = [
    '"]; evil [label="x', "\\", 'a\\"b', "\\N \\G \\l", "<b>bold</b>", "&lt;script&gt;", "{a|b}", "a\nb", "end",
    "%%{init}%%", "`md`", "#quot;", "--> x", "]:::c", "é漢字",
]  # fmt: skip


@needs_dot
@pytest.mark.parametrize("name", HOSTILE)
def test_graphviz_draws_a_hostile_name_as_its_text(name):
    shown = " ".join(name.split())
    texts = [" ".join(text.replace("\xa0", " ").split()) for text in svg_texts(to_dot(named(name)))]
    assert any(shown.rpartition(".")[2] in text for text in texts), texts
    assert len(svg_texts(to_dot(block()))) > 5


@needs_dot
def test_graphviz_draws_resnet18():
    torchvision = pytest.importorskip("torchvision")
    graph = gt.trace(torchvision.models.resnet18().eval(), torch.ones(1, 3, 64, 64))
    assert svg_texts(to_dot(graph, 3)).count("BatchNorm2d") == 17
    assert svg_texts(to_dot(graph)).count("BasicBlock · 7 operations") == 5


LINE = re.compile(
    r"""flowchart\ TD | \s*n\d+\["[^"<>`&;\#%]*(?:(?:\#\d+;|<br/>)[^"<>`&;\#%]*)*"\]
    | \s*subgraph\ g\d+\["[^"<>`&;\#%]*(?:\#\d+;[^"<>`&;\#%]*)*"\] | \s*end
    | \s*[ng]\d+\ -->(?:\|"[^"<>`&;\#%]*"\|)?\ [ng]\d+ | \s*classDef\ c\w+\ [\w:,\#-]+ | \s*class\ n\d+\ c\w+""",
    re.X,
)


@settings(max_examples=200, deadline=None)
@given(st.text() | st.sampled_from(HOSTILE))
def test_a_hostile_name_cannot_leave_its_quotes_in_mermaid(name):
    for line in to_mermaid(named(name)).split("\n"):
        assert LINE.fullmatch(line), line


@settings(max_examples=100, deadline=None)
@given(st.text() | st.sampled_from(HOSTILE))
def test_a_hostile_name_cannot_leave_its_quotes_in_dot(name):
    text = to_dot(named(name))
    assert re.sub(r'"(?:\\.|[^"\\\n])*"', '""', text) == re.sub(r'"(?:\\.|[^"\\\n])*"', '""', to_dot(named("plain")))
