"""The Graph: valid or not constructible, and what it answers."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import graphtools as gt
from graphtools.graph import Graph, ListArg, Module, Node, Ref, Spec, Symbol, format_arg, freeze


def call(name: str, *args: object, scope: str = "", **fields: object) -> Node:
    """An operation on earlier nodes."""
    return Node(name, "call", f"torch.{name}", args, scope=scope, **fields)  # type: ignore[arg-type]


X = Node("x", "input", "x")


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ((X, call("relu", Ref("y"))), "'relu' refers to 'y', which is not a node before it"),
        ((X, X), "two nodes are named 'x'; give each node a name of its own"),
        ((call("rand"), X), "input 'x' is out of order: inputs come first, one output last"),
        (
            (X, Node("output", "output", "output", (Ref("x"),)), call("relu", Ref("x"))),
            "call 'relu' is out of order: inputs come first, one output last",
        ),
        ((X, call("relu", Ref("x"), after=("add",))), "'relu' depends on 'add', which is not a node before it"),
    ],
)
def test_a_graph_that_does_not_fit_together_cannot_be_made(nodes: tuple[Node, ...], message: str) -> None:
    with pytest.raises(gt.GraphError) as caught:
        Graph(nodes)
    assert str(caught.value) == message


def test_a_module_stands_under_its_own_path() -> None:
    with pytest.raises(gt.GraphError, match=r"^module 'a' stands under the path 'b'$"):
        Graph((X,), freeze([("b", Module("a", "torch.nn.ReLU"))]))


@pytest.fixture
def graph() -> Graph:
    """A residual block in a Sequential."""

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(2, 2, 1)
            self.drop = nn.Identity()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.drop(self.conv(x)).relu() + x

    return gt.trace(nn.Sequential(Block(), nn.Flatten()), torch.zeros(1, 2, 3, 3), method="record")


def test_a_node_is_found_by_name_by_scope_and_by_parameter(graph: Graph) -> None:
    assert graph["conv2d"] is graph["0.conv"]
    assert graph["0"] is graph["add"]  # the last operation of a scope gives the module's output
    assert graph["0.conv.weight"].kind == "parameter"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("convd2", "no node or scope named 'convd2'; did you mean 'conv2d' or '0.conv'?"),
        ("0.con", "no node or scope named '0.con'; did you mean '0.conv'?"),
        ("nothing like it", "no node or scope named 'nothing like it'"),
        ("0.drop", "module '0.drop' (Identity) ran no operation in this graph"),
    ],
)
def test_a_name_that_is_not_there_suggests_what_is(graph: Graph, name: str, message: str) -> None:
    with pytest.raises(KeyError) as caught:
        graph[name]
    assert str(caught.value) == message


def names(nodes: tuple[Node, ...]) -> list[str]:
    """Names of nodes."""
    return [node.name for node in nodes]


def test_users_arguments_ancestors_and_descendants(graph: Graph) -> None:
    assert names(graph.users("input")) == ["conv2d", "add"]
    assert names(graph.arguments("add")) == ["relu", "input"]
    assert names(graph.ancestors("relu")) == ["input", "_0_conv_weight", "_0_conv_bias", "conv2d"]
    assert names(graph.descendants("relu")) == ["add", "flatten", "output"]
    assert names(graph.in_scope("0")) == ["conv2d", "relu", "add"]
    assert names(graph.in_scope("0.drop")) == []


def test_totals(graph: Graph) -> None:
    assert graph.n_parameters == 2 * 2 + 2
    assert graph.flops == 2 * 2 * 2 * 9
    assert graph.n_activation_bytes == 4 * 18 * 4


def test_tied_weights_count_once() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Embedding(5, 3)
            self.head = nn.Linear(3, 5, bias=False)
            self.head.weight = self.embed.weight

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(self.embed(x))

    graph = gt.trace(Tied(), torch.zeros(1, dtype=torch.int64))
    assert graph.n_parameters == 15
    assert graph.modules["head"].states[0].tied_to == "embed.weight"


def test_a_graph_prints_in_its_grammar(graph: Graph) -> None:
    line = str(graph["conv2d"])
    assert line.startswith("%conv2d : f32[1, 2, 3, 3] = torch.nn.functional.conv2d(%input, %_0_conv_weight, ")
    assert "  # 0.conv, test_graph.py:" in line
    assert repr(graph) == "<Graph Sequential: 4 operations in 3 scopes>"


@pytest.mark.parametrize(
    ("arg", "text"),
    [
        (Ref("lstm", (1, 0)), "%lstm.1.0"),
        ((1,), "(1,)"),
        (ListArg([Ref("a"), None]), "[%a, None]"),
        (slice(None, 3, 2), ":3:2"),
        ((Ellipsis, None), "(..., None)"),
        (Symbol("dtype", "torch.float32"), "torch.float32"),
        (freeze([("k", "v")]), "{'k': 'v'}"),
    ],
)
def test_an_argument_reads_as_python(arg: object, text: str) -> None:
    assert format_arg(arg) == text


def test_a_spec_knows_its_bytes() -> None:
    assert str(Spec("f32", (16, 3))) == "f32[16, 3]"
    assert Spec("bf16", (4, 2)).n_bytes == 16
    assert Spec("f32", ("batch", 3)).n_elements == 3


def test_a_reference_to_one_of_several_results_is_made_by_its_key() -> None:
    assert Ref("lstm")[1][0] == Ref("lstm", (1, 0)) and Ref("model")["logits"] == Ref("model", ("logits",))
    with pytest.raises(IndexError, match="how many results 'lstm' gives is not known here"):
        Ref("lstm")[-1]
    with pytest.raises(TypeError):
        iter(Ref("lstm"))  # type: ignore[call-overload]
