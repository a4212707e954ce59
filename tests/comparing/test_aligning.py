"""Nodes of two graphs find each other by scope, class and operation, without crossing."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
import torchvision
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import graphtools as gt
from graphtools.comparing.aligning import align_graphs, align_operations
from graphtools.graph import Graph
from tests.comparing.small import chain, inputs, mlp

CALLS = st.lists(
    st.tuples(
        st.sampled_from(["", "a", "a.b", "a.b#1", "a.c", "d", "d.0", "d.1"]), st.sampled_from(["relu", "linear", "add"])
    ),
    max_size=14,
)


def traced(model: nn.Module, *args: object) -> Graph:
    return gt.trace(model, *(args or (inputs(),)), method="record")


def places(a: Graph, b: Graph) -> list[tuple[str, str]]:
    """Scope and operation of what stands for each other, in a few words."""
    return [
        (f"{a.operations[i].scope} {a.operations[i].operation}", f"{b.operations[j].scope} {b.operations[j].operation}")
        for i, j in align_operations(a, b)
    ]


def only(a: Graph, b: Graph) -> tuple[list[str], list[str]]:
    """What of a and of b has no counterpart."""
    matches = align_operations(a, b)
    left = [node for i, node in enumerate(a.operations) if i not in {i for i, _ in matches}]
    right = [node for j, node in enumerate(b.operations) if j not in {j for _, j in matches}]
    return [f"{n.scope} {n.operation}" for n in left], [f"{n.scope} {n.operation}" for n in right]


@settings(deadline=None)
@given(CALLS, CALLS)
def test_an_alignment_never_crosses_and_mirrors_its_reverse(
    one: list[tuple[str, str]], other: list[tuple[str, str]]
) -> None:
    a, b = chain(one, ["w", "v"]), chain(other, ["w", "u"])
    matches = align_operations(a, b)
    assert all(i < k and j < m for (i, j), (k, m) in pairwise(matches))
    assert align_operations(b, a) == [(j, i) for i, j in matches]
    names = align_graphs(a, b)
    assert {value: key for key, value in names.items()} == align_graphs(b, a)


@settings(deadline=None)
@given(CALLS)
def test_a_graph_is_aligned_with_itself(calls: list[tuple[str, str]]) -> None:
    graph = chain(calls, ["w", "v"])
    assert align_graphs(graph, graph) == {node.name: node.name for node in graph.nodes}


@settings(deadline=None)
@given(CALLS, st.integers(0, 14), st.sampled_from(["exp", "sin"]))
def test_an_inserted_operation_is_the_only_one_left_over(calls: list[tuple[str, str]], place: int, word: str) -> None:
    place = min(place, len(calls))
    scope = calls[place - 1][0] if place else ""
    longer = [*calls[:place], (scope, word), *calls[place:]]
    assert only(chain(calls), chain(longer)) == ([], [f"{scope} {word}"])


def test_names_of_nodes_do_not_matter() -> None:
    a = traced(lambda x: torch.relu(x) + torch.relu(x * 2))
    b = traced(lambda x: torch.relu(x) + torch.relu(torch.relu(x * 2)))
    assert align_graphs(a, b)["relu_1"] in ("relu_1", "relu_2")
    assert only(a, b) == ([], [" relu"])


def test_an_inserted_layer_shifts_the_indexes_of_what_follows() -> None:
    plain = mlp()
    longer = mlp(plain[0], nn.LayerNorm(8), *plain[1:])
    a, b = traced(plain), traced(longer)
    assert only(a, b) == ([], ["1 layer_norm"])
    assert places(a, b)[1:] == [
        ("1 relu", "2 relu"),
        ("2 linear", "3 linear"),
        ("3 relu", "4 relu"),
        ("4 linear", "5 linear"),
    ]
    names = align_graphs(a, b)
    targets = {a[one].target: b[other].target for one, other in names.items() if a[one].kind == "parameter"}
    assert targets["2.weight"] == "3.weight"


def test_layers_inserted_in_front_are_told_by_their_shapes() -> None:
    plain = mlp(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    longer = mlp(nn.Linear(4, 4), nn.ReLU(), *plain)
    assert only(traced(plain), traced(longer)) == ([], ["0 linear", "1 relu"])


class Wrapped(nn.Module):
    def __init__(self, inner: nn.Module, name: str, head: nn.Module | None = None) -> None:
        super().__init__()
        setattr(self, name, inner)
        self.name = name
        self.head = head

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = getattr(self, self.name)(x)
        return x if self.head is None else self.head(x)


@pytest.mark.parametrize("head", [None, nn.Linear(2, 3)], ids=["alone", "with head"])
def test_a_model_is_found_inside_a_wrapper_and_under_another_name(head: nn.Module | None) -> None:
    model = mlp()
    a, net = traced(model), traced(Wrapped(model, "net"))
    features = traced(Wrapped(model, "features", head))
    for one in (a, net):
        left, right = only(one, features)
        assert (left, right) == ([], ["head linear"] if head is not None else [])
        assert align_operations(one, features) == [(i, i) for i in range(5)]


class Branched(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Linear(4, 4)
        self.left = nn.Linear(4, 2)
        self.right = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.body(x)
        return self.left(x).relu() if x.sum() > 0 else self.right(x).neg()


def test_the_modules_of_two_branches_do_not_stand_for_each_other() -> None:
    model = Branched()
    a, b = (
        traced(model, inputs() * 0 + model.body.weight.sum(0) * 9),
        traced(model, inputs() * 0 - model.body.weight.sum(0) * 9),
    )
    assert only(a, b) == (["left linear", " relu"], ["right linear", " neg"])


class Looped(nn.Module):
    def __init__(self, n: int) -> None:
        super().__init__()
        self.body = nn.Linear(4, 4)
        self.n = n

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for _ in range(self.n):
            x = self.body(x).tanh()
        return x.sum()


def test_a_loop_of_three_is_the_beginning_of_a_loop_of_five() -> None:
    a, b = traced(Looped(3)), traced(Looped(5))
    assert only(a, b) == ([], ["body#3 linear", " tanh", "body#4 linear", " tanh"])


class RMS(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * torch.rsqrt((x**2).mean(-1, keepdim=True) + 1e-5)


def test_what_gives_the_result_of_a_module_stands_for_what_gives_it_in_the_other() -> None:
    a = traced(mlp(nn.Linear(4, 4), nn.LayerNorm(4), nn.ReLU()))
    b = traced(mlp(nn.Linear(4, 4), RMS(), nn.ReLU()))
    assert ("1 layer_norm", "1 mul") in places(a, b)
    assert only(a, b)[0] == []


def test_resnet34_has_all_of_resnet18_and_eight_more_blocks() -> None:
    x = torch.zeros(1, 3, 32, 32)
    a = gt.trace(torchvision.models.resnet18().eval(), x, fake=True)
    b = gt.trace(torchvision.models.resnet34().eval(), x, fake=True)
    left, right = only(a, b)
    assert left == []
    assert len(right) == 56
    assert {scope.rsplit(".", 1)[0] for scope in {" ".join(r.split()[:1]) for r in right} if scope.count(".") == 2} == {
        f"layer{stage}.{block}" for stage, blocks in ((1, 3), (2, 4), (3, 6), (4, 3)) for block in range(2, blocks)
    }


def test_a_graph_of_modules_is_aligned_with_one_of_operations() -> None:
    model = torchvision.models.resnet18().eval()
    a = gt.trace(model)
    b = gt.trace(model, torch.zeros(1, 3, 32, 32), fake=True)
    assert align_operations(a, b) == [(i, i) for i in range(69)]
    assert all(one.scope == other.scope for one, other in zip(a.operations, b.operations, strict=True))


def test_two_calls_of_the_model_are_two_times_the_same_scopes() -> None:
    calls = [("a", "linear"), ("b", "relu")]
    assert only(chain(calls), chain(calls * 2)) == ([], ["a linear", "b relu"])


def test_deep_recursion_is_aligned() -> None:
    calls = [(".".join(["self"] * depth), "relu") for depth in range(400)]
    assert len(align_operations(chain(calls), chain(calls[:-1]))) == 399
