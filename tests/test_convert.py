"""The networkx graph has every node, every field and every reference."""

import networkx as nx
import torch

import graphtools as gt
from graphtools.graph import Graph, Node, Output, Ref, Spec


def test_nodes_carry_their_fields_and_edges_are_references():
    spec = Spec("f32", (2, 3))
    x = Node("x", "input", "x", outputs=(Output((), spec),))
    split = Node("split", "call", "torch.split", (Ref("x"), 1), scope="head")
    add = Node("add", "call", "operator.add", (Ref("split", (0,)), Ref("split", (1,))), {"alpha": Ref("x")})
    found = Graph((x, split, add)).to_networkx()
    assert isinstance(found, nx.MultiDiGraph)
    assert found.nodes["split"]["target"] == "torch.split"
    assert (found.nodes["split"]["operation"], found.nodes["split"]["shape"]) == ("split", None)
    assert (found.nodes["x"]["dtype"], found.nodes["x"]["shape"], found.nodes["x"]["outputs"]) == (
        "f32",
        (2, 3),
        x.outputs,
    )
    assert [(a, b, d["path"], d["position"]) for a, b, d in found.edges(data=True)] == [
        ("x", "split", (), 0),
        ("x", "add", (), 2),
        ("split", "add", (0,), 0),
        ("split", "add", (1,), 1),
    ]


def test_order_and_reachability_agree_with_the_graph():
    model = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.ReLU())
    graph = gt.trace(model, torch.ones(1, 4), method="record")
    found = graph.to_networkx()
    assert list(found) == [node.name for node in graph]
    assert nx.is_directed_acyclic_graph(found)
    for node in graph:
        assert nx.ancestors(found, node.name) == {other.name for other in graph.ancestors(node)}
    assert found.graph["model"] == "Sequential"
