"""A comparison as text: short, complete in numbers, in lines of at most 120 columns."""

from __future__ import annotations

import torch
from torch import nn

import graphtools as gt
from graphtools.comparing import compare
from graphtools.graph import Capture, Graph, Node, Output, Ref, Source, Spec
from tests import golden_text
from tests.comparing.small import inputs, made, mlp

F32 = Spec("f32", (2, 4))


def net(words: dict[str, str], name: str = "Net") -> Graph:
    """An input, a parameter and a chain of operations, one in each scope."""
    nodes = [
        Node("x", "input", "x", outputs=(Output((), F32),)),
        Node("w", "parameter", "fc.weight", outputs=(Output((), Spec("f32", (4, 4))),)),
    ]
    previous = "x"
    for line, (scope, word) in enumerate(words.items(), 10):
        args = (Ref(previous), Ref("w")) if scope == "fc" else (Ref(previous),)
        node = scope.replace(".", "_")
        source = Source("/home/me/model.py", line)
        nodes.append(Node(node, "call", f"torch.{word}", args, outputs=(Output((), F32),), scope=scope, source=source))
        previous = node
    return Graph(tuple(nodes), capture=Capture(model=name))


WORDS = {"body.conv": "conv2d", "body.act": "relu", "fc": "linear", "head": "softmax"}


def values(**changed: float) -> dict[str, float]:
    return {"body_conv": 1.0, "body_act": 2.0, "fc": 4.0, "head": 8.0} | changed


def recorded(words: dict[str, str], given: dict[str, float], name: str = "Net") -> gt.Recording:
    def value(node: Node) -> torch.Tensor:
        tensor = torch.full((4, 4) if node.name == "w" else (2, 4), 1.0)
        tensor[0] *= given.get(node.name, 1.0)
        return tensor

    return made(net(words, name), value)


def test_a_report_starts_with_the_first_difference_and_ends_with_a_table() -> None:
    longer = {"body.conv": "conv2d", "body.norm": "layer_norm", "body.act": "gelu", "fc": "linear", "head": "softmax"}
    a = recorded(WORDS, values())
    b = recorded(longer, values(body_norm=0.5, body_act=2.5, fc=4.25, head=float("nan"), w=1.0625), "Other")
    golden_text.check("comparison.txt", str(compare(a, b)))


def test_equal_runs_are_one_sentence() -> None:
    a, b = recorded(WORDS, values()), recorded(WORDS, values())
    assert str(compare(a, b)) == (
        "a: Net, 4 events; b: Net, 4 events; 4 in both\nno difference: all 4 events are equal, bit for bit"
    )
    assert str(compare(net(WORDS), net(WORDS))) == (
        "a: Net, 4 operations; b: Net, 4 operations; 4 in both\nno difference: the same 4 operations in the same order"
    )


def test_differences_within_the_tolerance_are_counted() -> None:
    comparison = compare(recorded(WORDS, values()), recorded(WORDS, values(fc=4.001)), rtol=1e-2)
    assert str(comparison).splitlines()[1] == (
        "no difference within tolerance (rtol=0.01, atol=0); 3 of 4 events are equal, bit for bit"
    )


def test_the_reason_why_an_error_is_nan_is_not_cut_off() -> None:
    words = {f"a_path.of_scopes.that_is_rather_long.{scope}": word for scope, word in WORDS.items()}
    given = {scope.replace(".", "_"): 1.0 for scope in words}
    one, other = recorded(words, given), recorded(words, {name: float("nan") for name in given})
    lines = str(compare(one, other)).splitlines()
    rows = [line for line in lines if line[2:].startswith("a_path")]
    assert len(rows) == 4 and all(" 4 not finite in b alone" in row for row in rows), lines


def test_a_pair_is_one_line() -> None:
    comparison = compare(recorded(WORDS, values()), recorded(WORDS, values(fc=4.5, head=float("inf"))))
    assert str(comparison.first) == "fc linear at model.py:12: max error 0.5, relative 0.11, 50 % of elements"
    assert str(comparison.pair_of_a("head")) == (
        "head softmax at model.py:13: max error nan, relative nan, 50 % of elements, 4 not finite in b alone"
    )
    assert str(comparison.pair_of_a("body.act")) == "body.act relu at model.py:11: equal"
    assert repr(comparison) == "<Comparison of Net and Net>"


def test_a_long_report_is_cut_and_counts_the_rest() -> None:
    model = mlp(*[layer for _ in range(30) for layer in (nn.Linear(4, 4), nn.Tanh())])
    comparison = compare(gt.run(model, inputs()), gt.run(model, inputs() + 1))
    lines = str(comparison).splitlines()
    assert max(map(len, lines)) <= 120
    assert lines[2] == "first event that differs: " + str(comparison.pair_of_a("0"))
    assert lines[3] == "differences begin at 1 place; 58 more inherit it"
    assert lines[-2] == "  and 35 more"
    assert len(lines) == 4 + 1 + 1 + 24 + 2


def test_html_is_the_text() -> None:
    comparison = compare(net(WORDS), net({**WORDS, "body.act": "gelu"}, "<b>"))
    assert "&lt;b&gt;" in comparison._repr_html_()
    assert "operation relu → gelu" in comparison._repr_html_()
