"""The page, the notebook cell and the payload, without a browser."""

import json
import os
import re
import stat

import pytest

from graphtools.graph import Capture, Failure, Graph, Module, Node, Output, Ref, Source, Spec, State, freeze
from graphtools.payload import graph_payload, shape_text
from graphtools.viewer import notebook, page

pytestmark = pytest.mark.filterwarnings("error")

EVIL = "</script><img src=x onerror=alert(1)><!--"


def small_graph(name: str = "Net", failure: Failure | None = None) -> Graph:
    image = Output((), Spec("f32", (1, 3, 8, 8)))
    hidden = Output((), Spec("f32", (1, 4, 8, 8)))
    nodes = (
        Node("x", "input", "x", outputs=(image,)),
        Node("weight", "parameter", "conv.weight", outputs=(Output((), Spec("f32", (4, 3, 3, 3))),)),
        Node(
            "conv",
            "call",
            "torch.nn.functional.conv2d",
            (Ref("x"), Ref("weight")),
            outputs=(hidden,),
            scope="conv",
            source=Source("net.py", 7, 5, "forward"),
        ),
        Node(
            "split",
            "call",
            "torch.chunk",
            (Ref("conv"), 2),
            outputs=(Output((0,), Spec("f32", (1, 2, 8, 8))), Output((1,), Spec("f32", (1, 2, 8, 8)))),
        ),
        Node(
            "add",
            "call",
            "operator.add",
            (Ref("split", (0,)), Ref("split", (1,))),
            freeze([("alpha", 2)]),
            (hidden,),
            random=True,
        ),
        Node("output", "output", "output", (Ref("add"),), outputs=(hidden,)),
    )
    modules = {
        "": Module("", "net.Net"),
        "conv": Module(
            "conv",
            "torch.nn.Conv2d",
            "3, 4, kernel_size=(3, 3)",
            (State("weight", "parameter", Spec("f32", (4, 3, 3, 3)), True),),
        ),
    }
    return Graph(nodes if failure is None else nodes[:-1], modules, Capture(model=name), failure)


def test_payload_columns_have_one_entry_for_each_drawn_node():
    payload = graph_payload(small_graph())
    assert payload["format"] == "graphtools.payload"
    assert payload["version"] == 1
    assert payload["nodes"]["name"] == ["x", "conv", "split", "add", "output"]
    assert {len(column) for column in payload["nodes"].values()} == {5}
    assert {len(column) for column in payload["modules"].values()} == {2}
    assert json.loads(json.dumps(payload)) == payload


def test_payload_lists_parameters_at_the_operation_that_reads_them():
    payload = graph_payload(small_graph())
    strings = payload["strings"]
    assert [strings[i] for i in payload["nodes"]["states"][1]] == ["conv.weight f32[4, 3, 3, 3]"]
    assert payload["totals"] == {"operations": 3, "parameters": 108, "activation_bytes": 3072}


def test_payload_edges_say_what_they_carry():
    payload = graph_payload(small_graph())
    edges, strings = payload["edges"], payload["strings"]
    rows = [
        (start, end, path, strings[shape])
        for start, end, path, shape in zip(edges["from"], edges["to"], edges["path"], edges["shape"], strict=True)
    ]
    assert rows == [
        (0, 1, "", "1×3×8×8"),
        (1, 2, "", "1×4×8×8"),
        (2, 3, "0", "1×2×8×8"),
        (2, 3, "1", "1×2×8×8"),
        (3, 4, "", "1×4×8×8"),
    ]


def test_payload_of_a_failed_run_points_at_the_failing_operation():
    failure = Failure("RuntimeError", "shapes do not match", "add", Source("net.py", 9))
    payload = graph_payload(small_graph(failure=failure))
    assert payload["failure"] == {
        "type": "RuntimeError",
        "message": "shapes do not match",
        "meaning": "",
        "node": 3,
        "file": "net.py",
        "line": 9,
        "inputs": [],
    }
    assert payload["nodes"]["flags"] == [0, 16, 0, 1 | 8]  # the second is trained


def test_payload_cuts_long_arguments():
    node = Node("x", "call", "torch.tensor", (tuple(range(10_000)),))
    args = graph_payload(Graph((node,)))["nodes"]["args"][0]
    assert len(args) == 400
    assert args.endswith("…")


def test_shape_text():
    assert shape_text(Spec("f32", (1, 64, 56, 56))) == "1×64×56×56"
    assert shape_text(Spec("f32", ())) == "scalar"
    assert shape_text(Spec("f32", ("batch", 8))) == "batch×8"
    assert shape_text(None) == ""


def test_page_holds_everything_and_links_to_nothing():
    text = page.to_html(small_graph())
    outside = re.sub(r"<script.*?</script>", "", text, flags=re.S)
    assert not re.search(r"\b(src|href)\s*=", outside)
    assert "default-src &#x27;none&#x27;" in text
    assert "'unsafe-eval'" not in text
    # The bundle names no address to load from; that of SVG is a name.
    assert set(re.findall(r"https?://[^\s\"'`]*", page.bundle())) == {"http://www.w3.org/2000/svg"}


def test_names_cannot_end_the_data_element():
    text = page.to_html(small_graph(EVIL), title=EVIL)
    data = re.search(r'<script type="application/json"[^>]*>(.*?)</script>', text, re.S)[1]
    assert "<" not in data
    assert json.loads(data)["payload"]["capture"]["model"] == EVIL
    assert text.count("<script") == 2
    assert "<img" not in re.sub(r"<script.*?</script>", "", text, flags=re.S)


def test_policy_allows_only_the_script_that_is_in_the_page():
    import base64
    import hashlib

    text = page.to_html(small_graph())
    script = re.search(r'<script type="module">(.*?)</script>', text, re.S)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src &#x27;sha256-{digest}&#x27;;" in text


def test_page_is_the_same_each_time():
    assert page.to_html(small_graph()) == page.to_html(small_graph())


def test_file_is_written_whole_and_readable(tmp_path):
    file = tmp_path / "graph.html"
    file.write_text("old")
    assert page.to_html(small_graph(), str(file)) == file
    assert file.read_text(encoding="utf-8") == page.to_html(small_graph())
    assert [entry.name for entry in tmp_path.iterdir()] == ["graph.html"]
    if os.name == "posix":
        assert stat.S_IMODE(file.stat().st_mode) & 0o400


def test_missing_folder_is_named_and_nothing_is_left(tmp_path):
    file = tmp_path / "no" / "graph.html"
    with pytest.raises(OSError) as caught:
        page.to_html(small_graph(), file)
    assert f"the page could not be written to {str(file)!r}: No such file or directory" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_failed_write_keeps_the_old_file(tmp_path, monkeypatch):
    file = tmp_path / "graph.html"
    file.write_text("old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space left on device"):
        page.to_html(small_graph(), file)
    assert file.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["graph.html"]


def test_notebook_frame_may_only_run_scripts(monkeypatch):
    pytest.importorskip("IPython")
    monkeypatch.setattr(notebook, "_widget", lambda *_: None)  # as where anywidget is not installed
    shown = notebook.show(small_graph(EVIL)).data
    assert 'sandbox="allow-scripts"' in shown
    attribute = re.search(r'srcdoc="([^"]*)"', shown)[1]
    assert "<" not in attribute
    assert "height: 600px" in shown


def test_a_page_too_large_for_a_notebook_becomes_text(monkeypatch):
    monkeypatch.setattr(notebook, "MOST_BYTES", 10)
    text = notebook.repr_html(small_graph(EVIL))
    assert text.startswith("<pre>&lt;Graph")
    assert "<img" not in text
    assert "too large to show here; graph.to_html(&#x27;graph.html&#x27;) writes it to a file" in text


def test_a_comparison_shows_itself_in_a_notebook(monkeypatch):
    pytest.importorskip("IPython")
    import torch

    import graphtools as gt

    recording = gt.run(lambda x: x.relu() * 2, torch.ones(3))
    compared = gt.compare(recording, gt.edit(recording, "relu", 0.0))
    shown = compared.show(height=500).data
    assert 'sandbox="allow-scripts"' in shown
    assert "height: 500px" in shown
    assert "&quot;pairing&quot;" in shown
    monkeypatch.setattr(notebook, "MOST_BYTES", 10)
    assert "too large to show here; comparison.to_html(&#x27;compared.html&#x27;)" in compared.show().data
