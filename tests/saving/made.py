"""Recordings made by hand, and the comparison of two recordings to the last bit."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import torch

from graphtools.compat import RandomState
from graphtools.graph import Capture, Failure, Graph, Node, Output, Ref, Source, Spec
from graphtools.recording import Content, Event, Flow, Kept, Recording, Stage, Update, ValueLost
from graphtools.saving import load, save

SOURCE = Source("train.py", 12, 5, "main")


def of_values(**values: Any) -> Recording:
    """A recording whose graph has one constant for each value."""
    graph = Graph(tuple(Node(name, "constant", name) for name in values), capture=Capture("record", "made"))
    kept = {name: {(): value if isinstance(value, Kept) else Kept(value)} for name, value in values.items()}
    return Recording(lambda: Content(graph, (), kept))


def loaded(recording: Recording, folder: Path) -> Recording:
    """The recording after a trip through a file."""
    save(recording, folder / "made.gt")
    return load(folder / "made.gt")


def lost(reason: str) -> Kept:
    """A value that cannot be had."""

    def recipe() -> Any:
        raise ValueLost(reason)

    return Kept(None, recipe=recipe)


def step() -> Recording:
    """A training step with everything that a recording can hold."""
    weight, grad, loss = torch.tensor([[1.0, -2.0]]), torch.tensor([[0.5, float("nan")]]), torch.tensor(2.5)
    spec = Output((), Spec("f32", (1, 2)))
    nodes = (
        Node("x", "input", "x", outputs=(spec,)),
        Node("weight", "parameter", "layer.weight", outputs=(spec,), source=SOURCE),
        Node("dropout", "call", "torch.nn.functional.dropout", (Ref("x"), 0.5), outputs=(spec,), random=True),
        Node("mul", "call", "operator.mul", (Ref("dropout"), Ref("weight")), scope="layer", source=SOURCE),
        Node("split", "call", "torch.split", (Ref("mul"), 1), outputs=(spec, Output((1,), Spec("f32", (1, 1))))),
        Node("item", "call", "torch.Tensor.item", (Ref("split", (0,)),)),
        Node("loss", "call", "torch.sum", (Ref("split", (1,)),), outputs=(Output((), Spec("f32", ())),)),
    )
    failure = Failure("RuntimeError", "the end\nof it", None, SOURCE)
    graph = Graph(nodes, capture=Capture("record", "Net", notes=("made by hand",)), failure=failure)
    state = RandomState(torch.arange(16).byte(), [torch.arange(3).byte()], torch.arange(4).byte())
    shared = Kept(grad, None, False)
    events = (
        Event(0, "forward", "dropout", "", SOURCE, 0.25, state, "dropout"),
        Event(1, "forward", "mul", "layer", SOURCE, 1e-9, None, "mul"),
        Event(2, "forward", "split", "", None, 0.0, None, "split"),
        Event(3, "forward", "loss", "", None, 0.0, None, "sum"),
        Event(4, "backward", "loss", "", None, 0.5, None, "SumBackward0"),
        Event(5, "backward", "", "", None, 0.5, None, "CloneBackward0"),
        Event(6, "backward", "weight", "layer", SOURCE, 0.5, None, "AccumulateGrad", 0),
        Event(7, "update", "weight", "layer", SOURCE, 0.5, None, "SGD", 1),
    )
    to_weight = (Ref("weight"),)
    flows = {
        4: Flow((Kept(loss),), (shared, None), ((Ref("loss"),),), ((Ref("split", (1,)),), ())),
        5: Flow((None,), (), ((),), ()),
        6: Flow((shared,), (), (to_weight,), (), Kept(grad, requires_grad=True)),
    }
    settings = {"lr": 0.1, "betas": (0.9, 0.999), "foreach": None, "maximize": False, "name": "sgd"}
    buffers = {"momentum_buffer": Kept(grad * 2), "step": 3, "exp_avg": lost("gone")}
    updates = {7: Update("layer.weight", "SGD", 1, Kept(weight), Kept(weight * 0.5), shared, settings, buffers)}
    stages = (
        Stage("zero_grad", 0, 0, "SGD", SOURCE, ("layer.weight",), ("layer.weight",)),
        Stage("forward", 0, 4, "Net"),
        Stage("backward", 4, 7, "loss", SOURCE, (), ("layer.weight",)),
        Stage("step", 7, 8, "SGD", None, ("layer.weight",), ("layer.weight",)),
    )
    whole = torch.tensor([[3.0], [4.0]])
    values: dict[str, Any] = {
        "x": {(): Kept(torch.ones(1, 2))},
        "weight": {(): Kept(weight, None, True)},
        "mul": {(): Kept(None, recipe=lambda: torch.full((1, 2), 7.0))},
        "split": {(0,): Kept(whole[0], requires_grad=True), (1,): Kept(whole[1])},
        "item": {(): Kept(3.0)},
        "dropout": {(): lost("the value of 'dropout' was overwritten")},
        "loss": {(): Kept(loss)},
    }
    return Recording(lambda: Content(graph, events, values, flows, updates, stages), None, 1.5)


def look(recording: Recording, kept: Kept) -> Any:
    """The value, or why there is none."""
    try:
        return recording._read("it", kept)
    except ValueLost as error:
        return f"lost: {error}"


def assert_same_value(one: Any, other: Any) -> None:
    """Asserts the same bits, shapes and strides; of Python values the same type and text."""
    if not isinstance(one, torch.Tensor):
        assert type(one) is type(other) and repr(one) == repr(other)
        return
    assert (one.dtype, one.layout, one.is_quantized) == (other.dtype, other.layout, other.is_quantized)
    if one.is_nested:
        for left, right in zip(one.unbind(), other.unbind(), strict=True):
            assert_same_value(left, right)
    elif one.layout != torch.strided or one.is_quantized:
        assert one.shape == other.shape
        dense = (one.to_dense(), other.to_dense()) if one.layout != torch.strided else (one, other)
        assert torch.equal(*dense)
    else:
        assert one.shape == other.shape
        assert one.stride() == other.stride() or one.is_neg()  # what is only marked as negative comes back computed
        if one.numel() and one.device.type != "meta":
            left, right = (tensor.clone(memory_format=torch.contiguous_format).reshape(-1) for tensor in (one, other))
            assert torch.equal(left.view(torch.uint8), right.view(torch.uint8))


def assert_same(one: Recording, other: Recording) -> None:
    """Asserts that two recordings hold the same, to the last bit."""
    left, right = one.content, other.content
    assert left.graph == right.graph
    assert left.stages == right.stages
    assert one.duration_s == other.duration_s

    def same_kept(first: Kept | None, second: Kept | None) -> None:
        assert (first is None) == (second is None)
        if first is not None and second is not None:
            assert first.requires_grad == second.requires_grad
            assert_same_value(look(one, first), look(other, second))

    assert len(left.events) == len(right.events)
    for first, second in zip(left.events, right.events, strict=True):
        assert dataclasses.replace(first, rng_state=None) == dataclasses.replace(second, rng_state=None)
        assert (first.rng_state is None) == (second.rng_state is None)
        if first.rng_state is not None:
            states = [(state.cpu, *state.cuda, state.own) for state in (first.rng_state, second.rng_state)]
            assert len(states[0]) == len(states[1])
            for before, after in zip(*states, strict=True):
                assert_same_value(before, after)
    assert {name: list(paths) for name, paths in left.values.items()} == {
        name: list(paths) for name, paths in right.values.items()
    }
    for name, by_path in left.values.items():
        for path, kept in by_path.items():
            same_kept(kept, right.values[name][path])
    assert list(left.flows) == list(right.flows)
    for index, flow in left.flows.items():
        again = right.flows[index]
        assert (flow.of, flow.to) == (again.of, again.to)
        for first, second in zip(
            (*flow.incoming, *flow.outgoing, flow.accumulated),
            (*again.incoming, *again.outgoing, again.accumulated),
            strict=True,
        ):
            same_kept(first, second)
    assert list(left.updates) == list(right.updates)
    for index, update in left.updates.items():
        again_update = right.updates[index]
        for word in ("parameter", "optimizer", "group"):
            assert getattr(update, word) == getattr(again_update, word)
        assert dict(update.settings) == dict(again_update.settings)
        for word in ("before", "after", "grad"):
            same_kept(getattr(update, word), getattr(again_update, word))
        assert list(update.state) == list(again_update.state)
        for key, item in update.state.items():
            if isinstance(item, Kept):
                same_kept(item, again_update.state[key])
            else:
                assert_same_value(item, again_update.state[key])
