"""Each derivative rule against autograd: by its factors, by its formula, and by finite differences of a real call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from derivative_examples import CLASSES, EXAMPLES, WITHOUT
from torch.nn import functional as F

import graphtools as gt
from graphtools.derivatives import RULES, Rule, rule_for, rule_of
from graphtools.derivatives.rule import Call
from graphtools.explaining import explain
from graphtools.explaining.passes import Passes
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
    backward = Passes(recording).that_reached(node)
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


# The formulas that are no single factor an element, written out: from the arguments and what came in to what went out.
FORMULAS: dict[str, Callable[[Any], list[torch.Tensor]]] = {
    "linear": lambda c: [c.g @ c.a[1], c.g.T @ c.a[0], c.g.sum(0)],
    "matmul": lambda c: [c.g @ c.a[1].mT, (c.a[0].mT @ c.g).sum(0)],
    "outer": lambda c: [c.g @ c.a[1], c.a[0] @ c.g],
    "softmax": lambda c: [c.y * (c.g - (c.g * c.y).sum(-1, keepdim=True))],
    "log_softmax": lambda c: [c.g - c.y.exp() * c.g.sum(-1, keepdim=True)],
    "layer_norm": lambda c: [
        normalized(c.g * c.a[1], c.a[0], (-1,)),
        (c.g * hat(c.a[0], (-1,))).sum(0),
        c.g.sum(0),
    ],
    "batch_norm": lambda c: [
        normalized(c.g * c.a[1].view(1, 4, 1, 1), c.a[0], (0, 2, 3)),
        (c.g * hat(c.a[0], (0, 2, 3))).sum((0, 2, 3)),
        c.g.sum((0, 2, 3)),
    ],
    "normalize": lambda c: [(c.g - c.y * (c.g * c.y).sum(1, keepdim=True)) / c.a[0].norm(dim=1, keepdim=True)],
    "sum": lambda c: [c.g[:, None].expand(3, 4)],
    "mean": lambda c: [(c.g / 12).expand(3, 4)],
    "prod": lambda c: [(c.g * c.y)[:, None] / c.a[0]],
    "norm": lambda c: [(c.g / c.y)[:, None] * c.a[0]],
    "var": lambda c: [c.g[:, None] * 2 * (c.a[0] - c.a[0].mean(1, keepdim=True)) / 3],
    "std": lambda c: [(c.g / c.y)[:, None] * (c.a[0] - c.a[0].mean(1, keepdim=True)) / 3],
    "logsumexp": lambda c: [c.g[:, None] * c.a[0].softmax(1)],
    "cumsum": lambda c: [c.g.flip(1).cumsum(1).flip(1)],
    "cross_entropy": lambda c: [c.g * (c.a[0].softmax(1) - F.one_hot(CLASSES, 4)) / 3],
    "nll_loss": lambda c: [-c.g * F.one_hot(CLASSES, 4) / 3],
    "mse_loss": lambda c: [c.g * 2 * (c.a[0] - c.a[1]) / 12, -c.g * 2 * (c.a[0] - c.a[1]) / 12],
    "l1_loss": lambda c: [c.g * (c.a[0] - c.a[1]).sign() / 12, -c.g * (c.a[0] - c.a[1]).sign() / 12],
    "smooth_l1_loss": lambda c: [c.g * (c.a[0] - c.a[1]).clamp(-1, 1) / 12, -c.g * (c.a[0] - c.a[1]).clamp(-1, 1) / 12],
    "binary_cross_entropy_with_logits": lambda c: [c.g * (c.a[0].sigmoid() - c.a[1]) / 12],
    "det": lambda c: [c.g * c.y * c.a[0].inverse().T],
    "logdet": lambda c: [c.g * c.a[0].inverse().T],
    "inverse": lambda c: [-c.y.T @ c.g @ c.y.T],
    "solve": lambda c: [-c.a[0].inverse().T @ c.g @ c.y.T, c.a[0].inverse().T @ c.g],
    "scaled_dot_product_attention": lambda c: attention(c),
    "cosine_similarity": lambda c: [
        (c.g[:, None] / norm(c.a[0])) * (c.a[1] / norm(c.a[1]) - c.y[:, None] * c.a[0] / norm(c.a[0])),
        (c.g[:, None] / norm(c.a[1])) * (c.a[0] / norm(c.a[0]) - c.y[:, None] * c.a[1] / norm(c.a[1])),
    ],
}


class Written:
    """What a formula is written with: the arguments `a`, the result `y` and what came in, `g`."""

    def __init__(self, call: Call) -> None:
        refs = [ref for ref in dict.fromkeys(call.node.refs()) if ref in call.outgoing]
        self.a = [call.read(ref).double() for ref in refs]
        self.y, self.g = call.y, call.grad
        self.sent = [call.outgoing[ref].double() for ref in refs]


def norm(x: torch.Tensor) -> torch.Tensor:
    return x.norm(dim=1, keepdim=True)


def hat(x: torch.Tensor, dims: tuple[int, ...]) -> torch.Tensor:
    return (x - x.mean(dims, keepdim=True)) / (x.var(dims, correction=0, keepdim=True) + 1e-5).sqrt()


def normalized(scaled: torch.Tensor, x: torch.Tensor, dims: tuple[int, ...]) -> torch.Tensor:
    sigma = (x.var(dims, correction=0, keepdim=True) + 1e-5).sqrt()
    along = hat(x, dims) * (scaled * hat(x, dims)).mean(dims, keepdim=True)
    return (scaled - scaled.mean(dims, keepdim=True) - along) / sigma


def attention(c: Any) -> list[torch.Tensor]:
    q, k, v = c.a
    scale = q.shape[-1] ** -0.5
    weights = (scale * q @ k.mT).softmax(-1)
    d_weights = c.g @ v.mT
    d_scores = weights * (d_weights - (d_weights * weights).sum(-1, keepdim=True))
    return [scale * d_scores @ k, scale * d_scores.mT @ q, weights.mT @ c.g]


@pytest.mark.parametrize("key", FORMULAS)
def test_the_formula_written_out_is_what_autograd_sends(key: str) -> None:
    recording, node = recorded(key)
    written = Written(call_of(recording, node))
    expected = FORMULAS[key](written)
    for sent, formula in zip(written.sent, expected, strict=False):
        torch.testing.assert_close(sent, formula, rtol=1e-4, atol=1e-5)


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
