"""Each derivative rule against autograd: by its factors, by its formula, and by finite differences of a real call."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from derivative_examples import EXAMPLES, WITHOUT

import graphtools as gt
from graphtools.derivatives import RULES, Rule, rule_for, rule_of
from graphtools.derivatives.rule import Call
from graphtools.explaining import explain
from graphtools.explaining.passes import pass_of
from graphtools.graph import Node, Ref
from graphtools.recording import Recording


def key_of(rule: Rule) -> str:
    return rule.targets[0] if rule.targets else rule.words.split()[0]


def tensors(value: Any) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, tuple | list):
        for item in value:
            yield from tensors(item)


def recorded(key: str) -> tuple[Recording, Node]:
    """A recording of the example with a backward pass of random gradients, and the node that has the rule."""
    function, given = EXAMPLES[key]
    leaves = [tensor.clone().requires_grad_() for tensor in given]
    with gt.record() as recording:
        results = [tensor for tensor in tensors(function(*leaves)) if tensor.requires_grad]
        generator = torch.Generator().manual_seed(7)
        wanted = [torch.randn(result.shape, generator=generator, dtype=result.dtype) for result in results]
        torch.autograd.backward(results, wanted)
    rule = next(rule for rule in RULES if key_of(rule) == key)
    nodes = [node for node in recording.graph.operations if rule_of(node) is rule]
    assert nodes, f"no node of {[node.target for node in recording.graph.operations]} has the rule of {key}"
    return recording, nodes[0]


def call_of(recording: Recording, node: Node) -> Call:
    backward = pass_of(recording, node)
    assert backward is not None
    return backward.call(node)


PASSING = [key_of(rule) for rule in RULES if rule.effect != "stops" and key_of(rule) not in WITHOUT]


def test_every_rule_that_passes_gradients_has_an_example() -> None:
    assert sorted(EXAMPLES) == sorted(PASSING)


@pytest.mark.parametrize("key", PASSING)
def test_what_the_rule_sends_on_agrees_with_finite_differences(key: str) -> None:
    recording, node = recorded(key)
    found = explain(recording, node, check=True)
    assert found.check is not None
    assert found.check.agrees, f"{found}"
    assert found.check.n_elements > 0
    assert found.rule is not None and "∂" in found.rule.symbol
    assert not [factor for factor in found.factors if "cannot be computed" in factor.words]


@pytest.mark.parametrize("key", [k for k in PASSING if any(i.slope for r in RULES if key_of(r) == k for i in r.inputs)])
def test_an_elementwise_factor_times_what_comes_in_is_what_goes_out(key: str) -> None:
    recording, node = recorded(key)
    call, rule = call_of(recording, node), rule_of(node)
    assert rule is not None and call.grad is not None
    n_compared = 0
    for place, arg in [*enumerate(node.args), *node.kwargs.items()]:
        part = rule.input_of(place)
        if isinstance(arg, Ref) and part is not None and part.slope is not None and arg in call.outgoing:
            expected = (part.slope(call) * call.grad).sum_to_size(call.outgoing[arg].shape)
            torch.testing.assert_close(call.outgoing[arg].double(), expected, rtol=1e-4, atol=1e-5)
            n_compared += 1
    assert n_compared


def test_no_word_belongs_to_two_rules() -> None:
    words = [word for rule in RULES if not rule.targets for word in rule.words.split()]
    assert len(words) == len(set(words))


@pytest.mark.parametrize(
    "spellings",
    [
        "torch.relu torch.Tensor.relu torch.Tensor.relu_ torch.nn.functional.relu torch.nn.ReLU torch.ops.aten.relu",
        "torch.Tensor.add torch.add torch.Tensor.add_ operator.add operator.iadd",
        "torch.Tensor.sub operator.sub operator.isub torch.subtract",
        "operator.truediv torch.div torch.Tensor.div_ torch.true_divide operator.itruediv",
        "torch.nn.functional.batch_norm torch.nn.BatchNorm2d",
        "torch.nn.functional.cross_entropy torch.nn.CrossEntropyLoss",
        "torch.nn.functional.conv2d torch.nn.Conv2d torch.conv2d",
        "torch.nn.functional.max_pool2d torch.nn.MaxPool2d torch.nn.functional.max_pool2d_with_indices",
        "operator.getitem torch.Tensor.select",
    ],
)
def test_all_spellings_of_an_operation_have_one_rule(spellings: str) -> None:
    rules = {id(rule_for(target)) for target in spellings.split()}
    assert len(rules) == 1 and None not in map(rule_for, spellings.split())


@pytest.mark.parametrize("target", ["mine.relu", "tests.zoo.hard.calls.StraightThrough", "torch.no_such_function"])
def test_a_users_own_function_has_no_rule(target: str) -> None:
    assert rule_for(target) is None
