"""Two runs side by side: what differs first, where it begins, and by how much."""

from __future__ import annotations

import copy
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
import torchvision
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import graphtools as gt
from graphtools.comparing import Comparison, Side, compare
from graphtools.graph import Graph, Node, Ref
from graphtools.recording import Event, Flow, Kept, Update
from tests.comparing.small import chain, inputs, made, mlp, step


def run(model: Any, x: torch.Tensor | None = None, seed: int = 0) -> gt.Recording:
    torch.manual_seed(seed)
    return gt.run(model, inputs() if x is None else x)


def wheres(pairs: Any) -> list[str]:
    return [f"{pair.side.where} {pair.side.name}" for pair in pairs]


def test_two_runs_of_a_model_are_equal_bit_for_bit() -> None:
    model = mlp()
    comparison = compare(run(model), run(copy.deepcopy(model)))
    assert comparison.is_equal
    assert comparison.first is None
    assert comparison.differences() == comparison.worst() == []
    assert comparison.origins == comparison.only_in_a == comparison.only_in_b == ()
    assert len(comparison) == 1 + 6 + 5 + 1  # input, parameters, operations, output


def test_only_what_is_looked_at_is_computed() -> None:
    a, b = run(mlp()), run(mlp())
    comparison = compare(a, b)
    assert "_matched" not in vars(comparison)
    comparison.pair_of_a("0")
    assert [pair for pair in comparison if vars(pair).keys() & {"deviations", "is_different"}] == []


def test_dropout_with_another_seed_is_where_a_difference_begins() -> None:
    model = mlp(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 2))
    a, b = run(model, seed=1), run(model, seed=2)
    comparison = compare(a, b)
    assert wheres(comparison.origins) == ["1 dropout"]
    assert comparison.first is comparison.origins[0]
    assert comparison.first.why == "other random numbers"
    assert wheres(comparison.differences()) == ["1 dropout", "2 linear", "output output"]
    assert wheres(comparison.pair_of_a("2").causes) == ["1 dropout"]


def test_the_numbers_are_those_of_the_values() -> None:
    model = mlp()
    a, b = run(model), run(model, inputs() + 0.01)
    pair = compare(a, b).pair_of_a("2")
    one, other = a.value("2").double(), b.value("2").double()
    assert pair.max_error == (one - other).abs().max().item()
    assert pair.relative == pytest.approx(((one - other).norm() / max(one.norm(), other.norm())).item())
    assert wheres(pair.causes) == ["1 relu"]
    assert [str(change) for change in pair.changes] == []


def test_an_inserted_layer_is_where_a_difference_begins() -> None:
    model = mlp()
    longer = mlp(model[0], nn.LayerNorm(8), *model[1:])
    comparison = compare(run(model), run(longer))
    assert wheres(comparison.origins) == ["1 layer_norm"]
    assert wheres(comparison.only_in_b) == ["1 layer_norm", "1.weight parameter", "1.bias parameter"]
    assert comparison.only_in_a == ()
    assert all(pair.is_matched for pair in comparison.differences()[1:-2])
    assert comparison.pair_of_b("5") is comparison.pair_of_a("4")


class Branched(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Linear(4, 4)
        self.left = nn.Linear(4, 2)
        self.right = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.body(x)
        return self.left(x).relu() * x.sum().item() if x.sum() > 0 else self.right(x).neg()


def test_another_branch_shows_the_python_value_that_chose_it() -> None:
    model = Branched()
    rows = model.body.weight.detach().sum(0)
    comparison = compare(run(model, rows.repeat(3, 1) * 9), run(model, rows.repeat(3, 1) * -9))
    assert wheres(comparison.only_in_a)[:2] == ["left linear", "relu relu"]
    assert wheres(comparison.only_in_b)[:2] == ["right linear", "neg neg"]
    assert {pair.side.node.target for pair in comparison.only_in_a if pair.is_different and pair.side.node} & {
        "left.weight"
    } == set()  # b's model has it too
    chosen = next(pair for pair in comparison if pair.side.name == "__bool__" or pair.side.name == "bool")
    assert chosen.is_different and chosen.deviations[""].note == "True and False"
    assert wheres(comparison.origins) == ["x input"]


def test_a_number_that_left_the_graph_and_came_back_is_followed() -> None:
    def scaled(x: torch.Tensor) -> torch.Tensor:
        return torch.ones(2) * x.sum().item()

    comparison = compare(run(scaled), run(scaled, inputs() + 1))
    product = next(pair for pair in comparison if pair.side.name == "mul")
    assert wheres(product.causes) == ["item item"]
    assert wheres(comparison.origins) == ["x input"]


def test_a_loop_of_three_and_one_of_five() -> None:
    linear = nn.Linear(4, 4)

    def looped(x: torch.Tensor, n: int) -> torch.Tensor:
        for _ in range(n):
            x = linear(x).tanh()
        return x

    comparison = compare(gt.run(looped, inputs(), 3), gt.run(looped, inputs(), 5))
    assert wheres(comparison.only_in_b) == ["Linear#3 linear", "tanh_3 tanh", "Linear#4 linear", "tanh_4 tanh"]
    assert all(pair.is_equal for pair in comparison if pair.is_matched and pair.side.phase != "output")


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_another_dtype_is_compared_by_value(dtype: torch.dtype) -> None:
    model = mlp()
    comparison = compare(run(model), run(copy.deepcopy(model).to(dtype), inputs().to(dtype)))
    assert all(pair.is_matched for pair in comparison)
    if dtype == torch.float64:
        assert wheres(comparison.origins) == ["0 linear", "2 linear", "4 linear"][:1]  # nothing is lost by widening
        assert comparison.origins[0].why == "dtype f32 → f64"
    else:
        assert comparison.first is not None and comparison.first.side.phase == "state"
    assert not compare(comparison.a, comparison.b, rtol=0.1, atol=0.1).differences()
    assert not comparison.is_equal


def test_two_checkpoints_that_differ_in_one_parameter() -> None:
    model, other = mlp(), mlp()
    with torch.no_grad():
        other[2].bias[3] += 1e-3
    comparison = compare(run(model), run(other))
    assert wheres(comparison.origins) == ["2.bias parameter"]
    assert comparison.first is comparison.origins[0]
    assert comparison.first.deviations[""].n_different == 1
    assert wheres(comparison.differences())[1] == "2 linear"


def test_resnet18_with_one_relu_swapped() -> None:
    model = torchvision.models.resnet18().eval()
    other = copy.deepcopy(model)
    other.layer2[1].relu = nn.GELU()
    x = torch.randn(1, 3, 32, 32)
    comparison = compare(run(model, x), run(other, x))
    assert wheres(comparison.origins) == ["layer2.1.relu relu"]
    assert comparison.origins[0].why == "operation relu → gelu"
    assert all(pair.is_matched for pair in comparison)
    assert all(pair.is_equal for pair in comparison if pair.side.where.startswith(("layer1", "conv1", "layer2.0")))
    worst = comparison.worst(3)
    assert [pair.relative for pair in worst] == sorted((pair.relative for pair in worst), reverse=True)


def test_an_edited_branch_begins_at_the_edit() -> None:
    recording = run(mlp())
    comparison = compare(recording, gt.edit(recording, "2", lambda value: value * 2))
    assert wheres(comparison.origins) == ["2 linear"]
    assert comparison.origins[0].why == "edited"


# -- training ----------------------------------------------------------------------------------------------------------


def test_two_training_steps_are_equal_bit_for_bit() -> None:
    model = mlp(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 2))
    comparison = compare(step(model, n_steps=2), step(model, n_steps=2))
    assert comparison.is_equal
    phases = {pair.side.phase for pair in comparison}
    assert phases == {"state", "forward", "backward", "update", "output"}


def test_all_that_follows_from_other_dropout_is_inherited() -> None:
    model = mlp(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 2))
    comparison = compare(step(model, n_steps=2), step(model, seed=1, n_steps=2))
    assert wheres(comparison.origins)[0] == "1 dropout"
    assert {pair.side.name for pair in comparison.origins} == {"dropout"}  # of each step


def test_another_learning_rate_begins_at_the_updates() -> None:
    model = mlp()
    comparison = compare(step(model, n_steps=2), step(model, lr=0.2, n_steps=2))
    assert comparison.first is not None
    assert comparison.first.side.name == "SGD"
    assert comparison.first.why == "settings lr: 0.1 → 0.2"
    assert {pair.side.name for pair in comparison.origins} == {"SGD"}
    after = next(pair for pair in comparison if pair.side.phase == "state" and pair.causes)
    assert after.causes[0].side.phase == "update"  # the parameter as the second step met it


def test_another_second_batch_is_met_at_the_second_step() -> None:
    model = mlp()
    comparison = compare(step(model, n_steps=2), step(model, n_steps=2, shift=0.1))
    assert comparison.first is not None
    assert comparison.first.side.phase == "state"
    assert wheres(comparison.origins) == wheres([comparison.first])
    assert all(pair.side.event is None or pair.side.event.step == 1 for pair in comparison.differences())


def test_a_changed_gradient_is_where_a_difference_begins() -> None:
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    recording = gt.training_step(model, (inputs(), torch.tensor([0, 1, 0])), F.cross_entropy, optimizer)
    comparison = compare(recording, gt.edit(recording, "3", lambda grad: grad * 2, "gradient"))
    assert wheres(comparison.origins) == ["3 ReluBackward0"]
    assert comparison.origins[0].why == "the gradient changed on its way here"
    assert not any(pair.is_different for pair in comparison if pair.side.phase == "forward")


def test_clipping_to_another_norm_is_where_a_difference_begins() -> None:
    def clipped(norm: float) -> gt.Recording:
        model = mlp()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        with gt.record(model) as recording:
            F.cross_entropy(model(inputs()), torch.tensor([0, 1, 0])).backward()
            nn.utils.clip_grad_norm_(model.parameters(), norm)
            optimizer.step()
        return recording

    comparison = compare(clipped(1e-2), clipped(2e-2))
    assert len(comparison.origins) == 1
    assert comparison.origins[0].why.startswith("argument")


def test_a_missing_gradient_is_a_difference() -> None:
    model, frozen = mlp(), mlp()
    frozen[0].weight.requires_grad_(False)
    comparison = compare(step(model), step(frozen))
    assert "0.weight AccumulateGrad" in wheres(comparison.only_in_a)
    notes = [d.note for pair in comparison for d in pair.deviations.values() if d.note]
    assert set(notes) == {"no gradient in b"}


def with_derivatives(names: list[str], node: str = "n0") -> gt.Recording:
    """Two operations, and derivatives of one of them, each with another gradient."""
    graph = chain([("a", "linear"), ("b", "relu")])
    events = [
        Event(i, "forward", n.name, n.scope, None, 0.0, None, n.operation) for i, n in enumerate(graph.operations)
    ]
    events += [Event(2 + i, "backward", node, "a", None, 0.0, None, name) for i, name in enumerate(names)]
    flows = {2 + i: Flow((Kept(torch.ones(4) + i),), (), ((),), ()) for i in range(len(names))}
    return made(graph, lambda node: torch.ones(4), events=tuple(events), flows=flows)


def backward_names(a: gt.Recording, b: gt.Recording) -> list[tuple[str, str]]:
    pairs = [pair for pair in compare(a, b) if pair.side.phase == "backward"]
    return [(pair.a.name if pair.a else "", pair.b.name if pair.b else "") for pair in pairs]


def test_derivatives_of_one_operation_are_matched_by_name_then_by_order() -> None:
    a, b = ["AddmmBackward0", "TBackward0"], ["ViewBackward0", "AddmmBackward0", "T"]
    assert backward_names(with_derivatives(a), with_derivatives(b)) == [
        ("", "ViewBackward0"),
        ("AddmmBackward0", "AddmmBackward0"),
        ("TBackward0", "T"),
    ]
    assert backward_names(with_derivatives(a, node=""), with_derivatives(b, node=""))[-2:] == [
        ("TBackward0", ""),
        ("", "T"),
    ]


@settings(deadline=None)
@given(*[st.lists(st.sampled_from("xyz"), max_size=6)] * 2, st.sampled_from(["", "n0"]))
def test_matched_derivatives_mirror_their_reverse(one: list[str], other: list[str], node: str) -> None:
    a, b = with_derivatives(one, node), with_derivatives(other, node)
    assert sorted((y, x) for x, y in backward_names(a, b)) == sorted(backward_names(b, a))


def test_updates_are_matched_by_parameter() -> None:
    graph = chain([("a", "linear"), ("b", "linear")], ["a.weight", "b.weight"])

    def with_updates(order: list[str], lr: float) -> gt.Recording:
        events = [
            Event(i, "forward", n.name, n.scope, None, 0.0, None, n.operation) for i, n in enumerate(graph.operations)
        ]
        events += [Event(2 + i, "update", name, "", None, 0.0, None, "SGD") for i, name in enumerate(order)]
        one = Kept(torch.ones(4))
        updates = {
            2 + i: Update(graph[name].target, "SGD", 0, one, one, None, {"lr": lr}, {"step": 1})
            for i, name in enumerate(order)
        }
        return made(graph, lambda node: torch.ones(4), events=tuple(events), updates=updates)

    comparison = compare(with_updates(["p0", "p1"], 0.1), with_updates(["p1", "p0"], 0.5))
    pairs = [pair for pair in comparison if pair.side.phase == "update"]
    assert [(pair.a and pair.a.where, pair.b and pair.b.where) for pair in pairs] == [
        ("a.weight",) * 2,
        ("b.weight",) * 2,
    ]
    assert [pair.why for pair in pairs] == ["settings lr: 0.1 → 0.5"] * 2
    assert list(pairs[0].deviations) == ["before", "after", "step"]


# -- graphs ------------------------------------------------------------------------------------------------------------


def test_graphs_are_compared_by_operations_arguments_inputs_shapes_and_dtypes() -> None:
    def f(x: torch.Tensor) -> torch.Tensor:
        y, z = x.exp(), x.sin()
        return torch.softmax(y + z, 0) * y

    def g(x: torch.Tensor) -> torch.Tensor:
        y, z = x.exp(), x.sin()
        return torch.softmax(y - z, 1) * z

    a, b = (gt.trace(h, inputs(), method="record") for h in (f, g))
    comparison = compare(a, b)
    assert [str(change) for pair in comparison for change in pair.changes] == [
        "operation add → sub",
        "argument 2: 0 → 1",
        "input 2: %exp → %sin",
    ]
    wider = compare(a, gt.trace(f, inputs().double(), method="record"))
    assert {str(change) for pair in wider.differences() for change in pair.changes} == {"dtype f32 → f64"}
    assert wheres(wider.origins) == ["x input"]
    assert compare(a, a).is_equal


def test_a_recording_is_compared_with_a_graph_by_structure() -> None:
    model = torchvision.models.resnet18().eval()
    comparison = compare(gt.trace(model), run(model, torch.randn(1, 3, 32, 32)))
    assert not comparison.has_values
    assert comparison.differences() == []
    other = copy.deepcopy(model)
    other.layer1[0].conv1 = nn.Conv2d(64, 64, 5, padding=2, bias=False)
    changed = compare(gt.trace(model), gt.trace(other))
    assert wheres(changed.differences()) == ["layer1.0.conv1 Conv2d"]
    assert changed.differences()[0].why.startswith("settings 64, 64, kernel_size=(3, 3)")


def test_resnet18_and_resnet34_as_graphs() -> None:
    x = torch.zeros(1, 3, 32, 32)
    a, b = (
        gt.trace(make().eval(), x, fake=True) for make in (torchvision.models.resnet18, torchvision.models.resnet34)
    )
    comparison = compare(a, b)
    assert wheres(comparison.origins) == [f"layer{stage}.2.conv1 conv2d" for stage in (1, 2, 3, 4)]
    assert all(pair.a is None for pair in comparison.differences())


# -- in general --------------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["", "a", "a.b"]), st.sampled_from(["relu", "linear"]), st.integers(0, 1)), max_size=8
    ),
    st.lists(
        st.tuples(st.sampled_from(["", "a", "a.b"]), st.sampled_from(["relu", "linear"]), st.integers(0, 1)), max_size=8
    ),
)
def test_a_comparison_mirrors_its_reverse(one: list[tuple[str, str, int]], other: list[tuple[str, str, int]]) -> None:
    def recorded(calls: list[tuple[str, str, int]]) -> gt.Recording:
        values = {f"n{i}": value for i, (_, _, value) in enumerate(calls)}
        graph = chain([(scope, word) for scope, word, _ in calls], ["w"])
        return made(graph, lambda node: torch.full((2,), float(values.get(node.name, 0))))

    a, b = recorded(one), recorded(other)
    there, back = compare(a, b), compare(b, a)

    def named(side: Side | None) -> str:
        return side.node.name if side is not None and side.node is not None else ""

    def described(comparison: Comparison, swapped: bool) -> set[tuple[Any, ...]]:
        return {
            (
                named(pair.b if swapped else pair.a),
                named(pair.a if swapped else pair.b),
                *(pair.is_different, pair.is_origin, pair.max_error, pair.relative),
            )
            for pair in comparison
        }

    assert described(there, False) == described(back, True)
    assert compare(a, a).is_equal
    assert len({id(pair.a) for pair in there if pair.a}) == sum(pair.a is not None for pair in there)


def test_20000_events_take_little_time() -> None:
    graph = chain([(f"layers.{i // 4}", ("add", "mul", "relu", "exp")[i % 4]) for i in range(20_000)])
    a, b = (made(graph, lambda node: torch.ones(2)) for _ in range(2))
    started = time.perf_counter()
    assert compare(a, b).is_equal
    assert time.perf_counter() - started < 10


def test_values_that_were_lost_are_said() -> None:
    def doubled(x: torch.Tensor) -> torch.Tensor:
        return x * 2

    x = inputs()
    a, b = run(doubled, x), run(doubled)
    x.zero_()
    comparison = compare(a, b)
    assert comparison.pair_of_a("x").not_compared == ("lost in a: overwritten since",)
    assert comparison.differences() == []
    assert not comparison.is_equal


def test_memory_that_was_not_written_is_no_difference() -> None:
    graph = Graph((Node("empty", "call", "torch.empty", (4,)), Node("relu", "call", "torch.relu", (Ref("empty"),))))
    a, b = (made(graph, lambda node, v=v: torch.full((4,), v)) for v in (1.0, 2.0))
    assert wheres(compare(a, b).differences()) == ["relu relu"]
    assert compare(a, b).origins == ()


def test_a_run_that_stopped_is_compared_up_to_there() -> None:
    def stops(x: torch.Tensor, size: int) -> torch.Tensor:
        return x.exp().reshape(size, -1).sum()

    with pytest.raises(RuntimeError) as raised:
        gt.run(stops, inputs(), 5)
    comparison = compare(gt.run(stops, inputs(), 3), raised.value.recording)  # type: ignore[attr-defined]
    assert comparison.pair_of_a("exp").is_equal
    assert "b was stopped by RuntimeError" in str(comparison)


def test_anything_else_is_refused() -> None:
    recording = run(mlp())
    with pytest.raises(TypeError) as error:
        compare(recording, mlp())  # type: ignore[arg-type]
    assert str(error.value) == "compare takes two recordings or two graphs, not a Sequential"
    with pytest.raises(ValueError) as negative:
        compare(recording, recording, rtol=-1)
    assert str(negative.value) == "a tolerance is 0 or a positive number, not rtol=-1, atol=0.0"
    with pytest.raises(gt.MissingError) as missing:
        compare(recording, recording).pair_of_a("relo")
    assert str(missing.value) == "no node or scope named 'relo'; did you mean 'relu' or 'relu_1'?"


def test_graphs_are_compared_without_torch() -> None:
    code = (
        "import sys\nfrom graphtools.comparing import compare\nfrom graphtools.graph import Graph, Node\n"
        "g = Graph((Node('x', 'input', 'x'), Node('y', 'call', 'torch.relu')))\n"
        "print(compare(g, g)); print('torch' in sys.modules)"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout.splitlines()[-1] == "False"
