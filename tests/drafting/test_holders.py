"""Calls that change a shape in place: every holder of the tensor has the new one, nothing else has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

import graphtools as gt
from graphtools.drafting.shapes import Propagation

X = torch.randn(4, 8)


def same_value_twice(x: Tensor) -> Any:
    a, b = torch.relu(x), torch.relu(x)
    c = b.unsqueeze_(0)
    return a, b, c, b.sum(-1), a.sum(-1)


def through_another_name(x: Tensor) -> Any:
    a = torch.relu(x)
    b = a.relu_().add_(1)
    b.unsqueeze_(0)
    return a.sum(0), b, torch.relu(x).sum(0)


def beside_a_view(x: Tensor) -> Any:
    y = x.clone()
    view = y.t()
    y.unsqueeze_(0)
    return view.sum(0), y.squeeze(0), view


def of_several(x: Tensor) -> Any:
    left, right = x.chunk(2, 1)
    left.t_()
    return left.sum(0), right.sum(0), left @ right


def there_and_back(x: Tensor) -> Any:
    y = torch.tanh(x)
    y.transpose_(0, 1)
    z = torch.tanh(x)
    y.transpose_(0, 1)
    return y + z, y.sum(0), z.sum(0)


def smaller(x: Tensor) -> Any:
    y = x.clone()
    y.resize_(2, 2)
    return y, x.clone().sum(0)


FUNCTIONS = [same_value_twice, through_another_name, beside_a_view, of_several, there_and_back, smaller]


def recorded(function: Callable[[Tensor], Any]) -> gt.Graph:
    return gt.run(function, X).graph


def traced(function: Callable[[Tensor], Any]) -> gt.Graph:
    return gt.trace(function, X)


@pytest.mark.parametrize("captured", [recorded, traced])
@pytest.mark.parametrize("function", FUNCTIONS)
def test_each_node_has_the_shape_of_its_result(function: Callable[[Tensor], Any], captured: Any) -> None:
    graph = captured(function)
    draft = gt.Draft(graph)
    assert draft.problems() == ()
    for node in graph.nodes:
        if node.kind != "output":
            assert draft.shapes.outputs[node.name] == node.outputs, node.name
    given = [output.spec.shape for output in draft.shapes.outputs["output"]]
    expected = function(X)
    assert given == [tuple(tensor.shape) for tensor in expected]
    for ours, theirs in zip(draft.to_module()(X), expected, strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize("captured", [recorded, traced])
@pytest.mark.parametrize("function", FUNCTIONS)
def test_an_edit_gives_what_a_first_look_gives(function: Callable[[Tensor], Any], captured: Any) -> None:
    draft = gt.Draft(captured(function))
    name = next(node.name for node in draft.plan.nodes.values() if node.kind == "call")
    for shape in ((6, 10), ("batch", 8), (4, 8)):
        if function is smaller and shape[0] == "batch":
            continue  # its kernel takes numbers alone
        draft.set_input("x", gt.Spec("f32", shape))
        assert draft.shapes.outputs == Propagation(draft.sources).run(draft.plan).outputs
    draft.bypass(name)
    assert draft.shapes.outputs == Propagation(draft.sources).run(draft.plan).outputs


def test_a_module_of_the_users_own_that_changes_what_it_is_given() -> None:
    draft = gt.Draft()
    x = draft.input("x", gt.Spec("f32", (4, 8)))
    a = draft.add("torch.relu", x)
    b = draft.add("torch.relu", x)
    wide = draft.add(Widen(), b)
    total = draft.add("torch.Tensor.sum", b, 0)
    draft.output(a, wide, total)
    assert [draft.spec(node).shape for node in (a, b, wide, total)] == [(4, 8), (4, 8), (1, 4, 8), (4, 8)]


class Pair(NamedTuple):
    left: Tensor
    right: Tensor


class Halves(nn.Module):
    def forward(self, x: Tensor) -> Pair:
        return Pair(x + 1, x - 1)


class TakesPair(nn.Module):
    def forward(self, pair: Pair) -> Tensor:
        return pair.left + pair.right


class Widen(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        x.unsqueeze_(0)
        return x


def test_a_named_tuple_reaches_a_module_of_the_users_own_as_one() -> None:
    draft = gt.Draft()
    draft.output(draft.add(TakesPair(), draft.add(Halves(), draft.input("x", gt.Spec("f32", (4, 8))))))
    assert draft.problems() == ()
    assert draft.shapes.outputs["output"][0].spec.shape == (4, 8)


def test_a_module_of_the_users_own_inside_one_of_torchs_is_not_trusted_either() -> None:
    draft = gt.Draft()
    x = draft.input("x", gt.Spec("f32", (4, 8)))
    a, b = draft.add("torch.relu", x), draft.add("torch.relu", x)
    wide = draft.add(nn.Sequential(Widen()), b)
    draft.output(a, wide, draft.add("torch.Tensor.sum", b, 0))
    shapes = [output.spec.shape for output in draft.shapes.outputs["output"]]
    assert shapes == [(4, 8), (1, 4, 8), (4, 8)] == [tuple(each.shape) for each in draft.to_module()(X)]


def two_of_one_type(x: Tensor) -> Any:
    y, z = torch.relu(x), torch.relu(x)
    a, b = torch.atleast_2d(y, z)
    b.unsqueeze_(0)
    return a.sum(0), y.sum(0), z.sum(0)


def test_values_of_one_type_are_told_apart() -> None:
    for graph in (recorded(two_of_one_type), traced(two_of_one_type)):
        draft = gt.Draft(graph)
        given = [output.spec.shape for output in draft.shapes.outputs["output"]]
        assert given == [tuple(tensor.shape) for tensor in two_of_one_type(X)]


def test_a_call_that_is_not_built_changes_nothing() -> None:
    draft = gt.Draft()
    a = draft.add("torch.relu", draft.input("x", gt.Spec("f32", (4, 8))))
    draft.add("torch.Tensor.unsqueeze_", a, 0)  # nothing takes its result
    total = draft.add("torch.Tensor.sum", a, 0)
    draft.output(total)
    assert draft.spec(total).shape == tuple(draft.to_module()(X).shape) == (8,)  # type: ignore[union-attr]
