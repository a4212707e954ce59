"""The table says what a person asks first, in the width given, and shows hostile names as text."""

import dataclasses
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

import graphtools as gt
from graphtools.graph import Capture, Failure, Graph, Module, Node, Output, Ref, Source, Spec, State, freeze
from graphtools.table import format_graph
from graphtools.words import bytes_text, count_text, elide, plain, settings_text, source_line

sys.path.insert(0, str(Path(__file__).parent))
import golden_text


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.up = nn.Linear(width, 4 * width)
        self.act = nn.GELU()
        self.down = nn.Linear(4 * width, width)
        self.drop = nn.Dropout(0.1)

    def forward(self, x):
        return x + self.drop(self.down(self.act(self.up(self.norm(x)))))


class Stack(nn.Module):
    def __init__(self, n_blocks=3, n_classes=10):
        super().__init__()
        self.conv = nn.Conv2d(3, 16, kernel_size=4, stride=4)
        self.blocks = nn.ModuleList(Block(16) for _ in range(n_blocks))
        self.head = nn.Linear(16, n_classes)
        self.head.weight.requires_grad_(False)

    def forward(self, image):
        x = self.conv(image).flatten(2).transpose(1, 2)
        for block in self.blocks:
            x = block(x)
        return self.head(x.mean(dim=1))


def steady(graph, reason=None):
    """The graph without what differs from run to run: the time, the file's folder, the line numbers."""
    lines = {}

    def place(source):
        return source and Source(
            "stack.py", lines.setdefault(source.line, len(lines) + 1), source.column, source.function
        )

    nodes = tuple(dataclasses.replace(node, source=place(node.source)) for node in graph.nodes)
    failure = graph.failure and dataclasses.replace(graph.failure, source=place(graph.failure.source))
    capture = dataclasses.replace(graph.capture, duration_s=0.04, reason=reason or graph.capture.reason)
    return Graph(nodes, graph.modules, capture, failure)


@pytest.mark.parametrize("method", ["fx", "record"])
def test_a_model_with_all_its_rows(method):
    graph = gt.trace(Stack().eval(), torch.ones(2, 3, 32, 32), method=method)
    golden_text.check(f"table_{method}.txt", format_graph(steady(graph), width=100))


def test_modules_below_the_depth_are_one_row():
    graph = steady(gt.trace(Stack().eval(), torch.ones(2, 3, 32, 32), method="fx"))
    texts = [format_graph(graph, depth=depth, width=80) for depth in (0, 1, 2)]
    golden_text.check("table_depth.txt", "\n\n".join(texts))


def test_blocks_that_repeat_are_folded_when_the_table_is_long_and_it_says_so():
    graph = steady(gt.trace(Stack(40).eval(), torch.ones(2, 3, 32, 32), method="fx"))
    golden_text.check("table_repeated.txt", format_graph(graph))
    assert "like blocks.0" not in format_graph(graph, depth=99)
    assert "folded" not in format_graph(graph, depth=99)


def test_the_totals_are_the_same_however_it_is_folded():
    graph = gt.trace(Stack(40).eval(), torch.ones(2, 3, 32, 32))

    def totals(text):
        return [line for line in text.splitlines() if line.startswith(("parameters ", "FLOPs ", "activations"))]

    texts = [totals(format_graph(graph, depth)) for depth in (None, 0, 1, 2, 99)]
    assert len(texts[0]) == 3
    assert all(text == texts[0] for text in texts)


def test_a_run_that_failed_shows_where_with_which_shapes_and_the_line():
    model = Stack().eval()
    model.blocks[1].down = nn.Linear(60, 16)
    with pytest.raises(RuntimeError) as caught:
        gt.trace(model, torch.ones(2, 3, 32, 32), method="record")
    graph = caught.value.graph
    text = format_graph(graph)
    assert "        return x + self.drop(self.down(self.act(self.up(self.norm(x)))))"[4:] in text
    text = format_graph(steady(graph, "torch.fx cannot trace Stack: the shapes do not fit"))
    golden_text.check("table_failed.txt", text.replace("  addmm: mat1", "  mat1"))  # so it begins in torch 2.15


def test_a_module_called_twice_counts_its_parameters_once():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Linear(4, 4)

        def forward(self, x):
            return self.body(self.body(x))

    rows = format_graph(gt.trace(Twice(), torch.ones(1, 4), method="fx")).splitlines()
    assert [row.split()[0] for row in rows if "Linear" in row] == ["body", "body#1"]
    assert "  20  " in rows[4]
    assert "reused" in rows[5]


def test_a_graph_without_shapes_drops_the_empty_columns_and_says_what_is_unknown():
    text = format_graph(steady(gt.trace(Stack().eval())))
    assert text.splitlines()[2].split() == ["module", "or", "operation", "parameters", "FLOPs", "source"]
    assert "FLOPs       unknown: 8 operations of unknown cost\nactivations unknown, as the shapes are\n" in text


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_is_wider_than_asked(width):
    weird = Module("a" * 50 + ".b", "mine." + "C" * 80, "in_features=" + "9" * 99)
    node = Node("n", "call", "f" * 99, outputs=(Output((), Spec("f32", tuple(range(30)))),), scope="a" * 50 + ".b")
    sourced = dataclasses.replace(node, name="m", source=Source("/x/" + "long" * 30 + ".py", 123456))
    failure = Failure("Error", "word " * 99 + "\n" + "x" * 300, "m", sourced.source, (Spec("f32", (1,)),) * 40)
    graph = Graph((node, sourced), freeze([(weird.path, weird)]), Capture("record", "M" * 200, "r " * 99), failure)
    for depth in (None, 1):
        lines = format_graph(graph, depth, width).splitlines()
        assert max(map(len, lines)) <= width
        assert max(map(len, lines)) > width - 15


class Loop(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = nn.RNNCell(4, 4)
        self.layers = nn.ModuleList(nn.Linear(4, 4) for _ in range(9))

    def forward(self, x):
        for _ in range(500):
            x = x * 0.5
        h = x
        for _ in range(300):
            h = self.cell(x, h)
            h = h.relu() + 1
        for layer in self.layers:
            h = layer(h)
        return h


def test_the_turns_of_a_loop_are_one_row_when_the_table_is_long():
    graph = steady(gt.trace(Loop().eval(), torch.ones(2, 4)))
    golden_text.check("table_loop.txt", format_graph(graph))
    text = format_graph(graph, depth=99)
    assert len(text.splitlines()) > 1400
    assert "repeated" not in text


def test_a_turn_that_differs_or_failed_is_not_folded():
    def chain(shapes, failure=None):
        nodes = [
            Node(f"n{i}", "call", "f", outputs=(Output((), Spec("f32", (shape,))),)) for i, shape in enumerate(shapes)
        ]
        return format_graph(Graph(tuple(nodes), failure=failure))

    rows = [line for line in chain([1] * 250 + [2] * 3 + [1, 2] * 5).splitlines() if "f32" in line]
    assert [row.split(" f32")[0].strip() for row in rows] == [
        "f",
        "… repeated 249 more times",
        "f",
        "… repeated 2 more times",
        "f",
        "f",
        "… these 2 rows repeated 4 more times",
    ]
    failed = chain([1] * 250, Failure("Error", "no", "n100"))
    assert failed.count("failed here") == 1
    assert "… repeated 99 more times" in failed and "… repeated 148 more times" in failed


@pytest.mark.parametrize(
    ("width", "titles", "note"),
    [
        (None, ["output", "parameters", "FLOPs", "source"], None),
        (80, ["output", "parameters", "FLOPs", "source"], None),
        (60, ["output", "source"], "no room for parameters and FLOPs; every column shows at a width of 76"),
        (40, ["output", "source"], "no room for parameters and FLOPs; every column shows at a width of 76"),
    ],
)
def test_columns_are_left_out_before_names_are_cut(width, titles, note):
    graph = steady(gt.trace(Stack(1).eval(), torch.ones(2, 3, 32, 32)))
    text = format_graph(graph, width=width)
    head = next(line for line in text.splitlines() if line.startswith("module or operation"))
    assert head.split()[3:] == titles
    assert "conv  Conv2d 4×4 3→16 /4" in text
    assert ("narrow      " in text) == (note is not None)
    if note is not None:
        assert f"narrow {note}" in " ".join(text.split())


def test_without_a_width_no_row_is_cut_and_sentences_are_wrapped():
    node = Node("n", "call", "f" * 300, outputs=(Output((), Spec("f32", (1,))),), source=Source("/x/a.py", 3))
    graph = Graph((node,), {}, Capture("record", "M", "word " * 99))
    lines = format_graph(graph, width=None).splitlines()
    assert any(line.startswith("f" * 300 + "  f32[1]") and line.endswith("a.py:3") for line in lines)
    assert max(len(line) for line in lines if line.startswith("  ")) <= 100


def test_hostile_names_stay_on_their_line_and_send_no_codes_to_the_terminal():
    evil = "\x1b[2J\nrm -rf\r\x00\u202e"
    node = Node(evil, "call", f"t.{evil}", scope=evil, source=Source(evil, 1, 1, evil))
    failure = Failure(evil, evil, evil, node.source)
    graph = Graph(
        (node,), freeze([(evil, Module(evil, evil, evil))]), Capture("record", evil, evil, notes=(evil,)), failure
    )
    for depth in (None, 0, 1):
        text = format_graph(graph, depth)
        assert all(line.isprintable() for line in text.splitlines())
    assert "\x1b[31m" in format_graph(graph, color=True)


def test_color_changes_nothing_but_the_color():
    graph = steady(gt.trace(Stack().eval(), torch.ones(2, 3, 32, 32)))
    colored = format_graph(graph, color=True)
    for code in ("\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[0m"):
        colored = colored.replace(code, "")
    assert colored == format_graph(graph)


def test_only_a_regular_file_is_read_for_its_line(tmp_path):
    file = tmp_path / "model.py"
    file.write_text("first\nsecond\n")
    assert source_line(str(file), 2) == "second\n"
    assert source_line("/dev/zero", 1) == ""
    assert source_line(str(tmp_path), 1) == ""
    assert source_line("\x00", 1) == ""
    assert source_line(str(file), 99) == ""


def test_an_empty_graph_has_a_table():
    assert format_graph(Graph(())).startswith("graph: 0 operations in 0 scopes, built")


def test_the_text_of_a_large_graph_takes_little_time():
    weight = State("weight", "parameter", Spec("f32", (8, 8)))
    modules = [Module(f"l{i}.{j}", "torch.nn.Linear", "", (weight,)) for i in range(100) for j in range(50)]
    nodes = [Node("x", "input", "x", outputs=(Output((), Spec("f32", (1, 8))),))]
    for module in modules:
        name = module.path.replace(".", "_")
        nodes.append(Node(name, "call", module.type, (Ref(nodes[-1].name),), {}, nodes[0].outputs, module.path))
    graph = Graph(tuple(nodes), freeze((m.path, m) for m in modules))
    assert "320.0 k" in format_graph(graph)
    assert len(format_graph(graph, depth=99).splitlines()) > 5000


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0"), (999, "999"), (1000, "1.00 k"), (9408, "9.41 k"), (11_689_512, "11.69 M"), (236_027_904, "236.0 M"),
     (999_999, "1.00 M"), (3_628_146_688, "3.63 G"), (10**21, "1000.0 E")],
)  # fmt: skip
def test_counts_in_few_digits(count, text):
    assert count_text(count) == text


@pytest.mark.parametrize(
    ("n_bytes", "text"), [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (46_850_000, "44.7 MiB"), (2**40, "1.0 TiB")]
)
def test_bytes_in_binary_units(n_bytes, text):
    assert bytes_text(n_bytes) == text


@pytest.mark.parametrize(
    ("module", "text"),
    [
        (nn.Conv2d(3, 64, 7, 2, 3), "7×7 3→64 /2"),
        (nn.Conv2d(3, 64, (1, 3), (1, 2)), "1×3 3→64 /1×2"),
        (nn.ConvTranspose1d(4, 2, 5), "5 4→2"),
        (nn.MaxPool2d(3, 2), "3 /2"),
        (nn.AdaptiveAvgPool2d((1, 1)), "→1×1"),
        (nn.Linear(512, 10), "512→10"),
        (nn.LayerNorm((3, 4)), "3×4"),
        (nn.BatchNorm2d(64), "64"),
        (nn.Embedding(100, 8), "100→8"),
        (nn.LSTM(4, 5), "4→5"),
        (nn.Dropout(0.5), "0.5"),
        (nn.ReLU(), ""),
    ],
)
def test_settings_in_few_characters(module, text):
    assert settings_text(type(module).__name__, module.extra_repr()) == text


def test_a_long_text_loses_its_middle_or_its_end():
    assert elide("abcdefghij", 5) == "ab…ij"[:5]
    assert elide("abcdefghij", 5, middle=False) == "abcd…"
    assert [elide("abc", n) for n in (3, 2, 1, 0)] == ["abc", "a…", "…", ""]
    assert plain("a\tb\x1b") == "a b\N{REPLACEMENT CHARACTER}"


def test_a_column_that_fits_again_without_a_wider_one_is_shown():
    source = Source("a_file_with_a_long_name.py", 1234)
    node = Node("n", "call", "f" * 27, outputs=(Output((), Spec("f32", (1, 64, 112, 9))),), source=source)
    weight = Node("w", "parameter", "w", outputs=(Output((), Spec("f32", (5,))),))
    used = dataclasses.replace(node, name="m", args=(Ref("w"),), target="f" * 27)
    text = format_graph(Graph((weight, node, used)), width=60)
    assert "output              parameters\n" in text
    assert "narrow no room for FLOPs and source; every column shows at a width of 99" in " ".join(text.split())
