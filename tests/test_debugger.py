"""The debugger on real runs: what it shows at a position is what plain PyTorch holds there, in both directions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from debugged import BODY, FORWARD, Net, X, forward, line_of, trained
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

import graphtools as gt
from graphtools.debugger import Debugger
from graphtools.recording import ValueLost
from graphtools.visible import PositionError


def names(debugger: Debugger, step: Callable[[], Any]) -> list[str]:
    """The nodes at which repeated steps stop, the present one first."""
    found = [debugger.event.node]
    while step() is not None:
        found.append(debugger.event.node)
    return found


# -- moving ------------------------------------------------------------------------------------------------------------


def test_step_and_step_back_visit_every_event() -> None:
    debugger = Debugger(forward())
    assert names(debugger, debugger.step) == FORWARD
    assert names(debugger, debugger.step_back) == FORWARD[::-1]
    assert names(debugger, debugger.step_into) == FORWARD
    assert (debugger.position, debugger.previous) == (8, 7)


def test_step_then_step_back_returns_to_the_same_position_everywhere() -> None:
    debugger = Debugger(trained()[0])
    for position in range(len(debugger) - 1):
        debugger.goto(position)
        assert debugger.step() is debugger.recording.events[position + 1]
        assert debugger.step_back() is debugger.recording.events[position]
        for step in (debugger.step_over, debugger.step_out):
            debugger.goto(position)
            event = step()
            assert event is not None and event.index == debugger.position > position


def test_steps_over_and_out_go_by_module_call() -> None:
    debugger = Debugger(forward())
    assert names(debugger, debugger.step_over) == [*BODY, "add_1", "batch_norm", "linear_2"]
    assert names(debugger, debugger.step_back_over) == ["linear_2", "batch_norm", "add_1", "add", "linear"]
    debugger.goto(0)
    assert names(debugger, debugger.step_out) == ["linear", "add", "linear_2"]
    debugger.run_back_to("relu_1")
    assert debugger.frame.scope == "body#1.act"
    assert names(debugger, debugger.step_back_out) == ["relu_1", "add", "linear"]


# -- seeing ------------------------------------------------------------------------------------------------------------


def test_a_value_can_be_seen_once_its_operation_has_run() -> None:
    debugger = Debugger(forward(), 1)
    assert torch.equal(debugger.value("linear"), forward().value("linear"))
    assert torch.equal(debugger.value(), forward().value("relu"))
    assert torch.equal(debugger.value("x"), X)
    for name, message in {
        "add": "add has not run yet at position 1; it runs at event 2: debugger.run_to('add')",
        "body": "body has not ended yet at position 1; it ends at event 2: debugger.goto(2)",
        "output": "output is not there yet at position 1; it is from event 8 on: debugger.goto(8)",
    }.items():
        with pytest.raises(PositionError) as caught:
            debugger.value(name)
        assert str(caught.value) == message
    debugger.step()
    assert torch.equal(debugger.value("body"), forward().value("add"))
    assert debugger.grad("add") is None


def test_parameters_and_gradients_are_at_each_position_what_plain_pytorch_holds_there() -> None:
    recording, looks = trained()
    debugger = Debugger(recording)
    parameters = [name for name, _ in Net().named_parameters()]
    ends = [stage.stop - 1 for stage in recording.stages if stage.kind not in ("zero_grad",)]
    expected = [look for look in looks if look[0] != "zero_grad"]
    assert len(ends) == len(expected) == 8
    for end, (what, held) in zip(ends, expected, strict=True):
        debugger.goto(end)
        for name in parameters:
            assert torch.equal(debugger.value(name), held[name]), (what, name)
            grad = held[f"{name}.grad"]
            found = debugger.grad(name)
            assert (found is None) == (grad is None), (what, name)
            assert grad is None or torch.equal(found, grad), (what, name)
        assert torch.equal(debugger.value("norm.num_batches_tracked"), held["norm.num_batches_tracked"])
    debugger.goto(ends[4])  # the second forward pass, after zero_grad
    assert all(debugger.grad(name) is None for name in parameters)


def test_a_constant_can_be_seen_once_the_next_operation_takes_it() -> None:
    debugger = Debugger(trained()[0])
    with pytest.raises(PositionError, match="constant is not there yet at position 0; it is from event 8 on"):
        debugger.value("constant")
    debugger.run_to("cross_entropy")
    debugger.step_back()
    assert debugger.value("constant").tolist() == [0, 1, 2]


def test_a_node_of_a_later_step_and_a_buffer_that_was_overwritten_are_said() -> None:
    debugger = Debugger(trained()[0])
    with pytest.raises(PositionError) as caught:
        debugger.value("head_weight_1")
    event = debugger.run_to("head.weight", "update").index
    assert str(caught.value) == (
        f"head_weight_1 is head.weight from event {event} on, and this is position 0; "
        "what it holds here: debugger.value('head.weight')"
    )
    assert torch.equal(debugger.value("head_weight_1"), debugger.value("head.weight"))
    debugger.goto(0)
    debugger.value("norm.running_mean")
    overwritten = debugger.run_to("batch_norm").index
    with pytest.raises(ValueLost) as lost:
        debugger.value("norm.running_mean")
    assert str(lost.value) == (
        f"batch_norm overwrote norm.running_mean at event {overwritten}, and what it holds since then was not kept; "
        "what it held before: debugger.recording.value('norm.running_mean')"
    )


class Writes(nn.Module):
    """Overwrites a buffer in every way: a method, an item, `out=`, and through a view."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("total", torch.zeros(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.total.add_(1)
        self.total[0] = 5.0
        torch.add(x, 1, out=self.total)
        self.total[1:].mul_(2)
        return self.total + x


def test_a_buffer_holds_what_the_last_operation_wrote_into_it() -> None:
    model = Writes()
    debugger = Debugger(gt.run(model, torch.ones(3)))
    held = [debugger.value("total").tolist()]
    for _ in range(2):
        debugger.step()
        held.append(debugger.value("total").tolist())
    assert held == [[1, 1, 1], [5, 1, 1], [2, 2, 2]]
    debugger.run_to("mul")
    with pytest.raises(ValueLost, match="mul overwrote total at event 4"):
        debugger.value("total")


def test_where_shows_the_line_and_the_calls_around_it() -> None:
    debugger = Debugger(forward())
    debugger.run_to("relu_1")
    stop = debugger.where()
    line = line_of("x = self.act(self.linear(x))")
    assert stop.modules == (("", "Net"), ("body#1", "Block"), ("body#1.act", "ReLU"))
    assert str(stop) == (
        f"debugged.py:{line} in Block.forward\n    x = self.act(self.linear(x))\n"
        "  the model   Net\n  body#1      Block\n  body#1.act  ReLU"
    )
    assert repr(debugger) == "<Debugger at 4 of 0 to 8, forward: body#1.act relu>"


def said(debugger: Debugger, since: int | None = None) -> list[str]:
    """The changes without their numbers."""
    return [f"{c.what} {c.name} {c.verb}" for c in debugger.changes(since)]


def test_changes_tell_what_the_event_did() -> None:
    recording, _ = trained()
    debugger = Debugger(recording)
    assert said(debugger) == ["value linear appeared"]
    debugger.step()
    assert said(debugger) == ["value relu appeared", "value linear overwritten"]
    debugger.run_to("batch_norm")
    assert said(debugger)[1:] == ["buffer norm.running_mean overwritten", "buffer norm.running_var overwritten"]
    debugger.run_until(name="AddmmBackward0")
    assert said(debugger) == ["gradient linear_2 appeared", "gradient head.bias sent", "gradient batch_norm sent"]
    debugger.step()
    assert said(debugger) == ["gradient head.bias appeared"]
    assert said(debugger, debugger.position - 2)[:3] == [
        "gradient linear_2 appeared",
        "gradient head.bias sent",
        "gradient batch_norm sent",
    ]
    debugger.run_until(name="_foreach_mul_")
    assert "gradient head.weight overwritten" in said(debugger)
    debugger.run_to("head.bias", "update")
    assert said(debugger) == ["parameter head.bias updated", "state head.bias momentum_buffer appeared"]
    change, state = debugger.changes()
    assert torch.equal(change.now() - change.before(), recording.update(debugger.event).after - change.before())
    assert str(change).startswith("parameter head.bias updated: tensor[3] f32 n=3 x∈[")
    assert ", moved by ‖Δ‖=" in str(change)
    assert torch.equal(state.now(), recording.update(debugger.event).state["momentum_buffer"])
    debugger.run_to("body", "forward")
    assert said(debugger)[0] == "gradient body.linear.weight cleared"
    assert debugger.changes()[0].before() is not None
    debugger.run_to("head.bias", "update")
    assert said(debugger)[1] == "state head.bias momentum_buffer updated"


def test_a_run_that_failed_can_be_walked_to_its_end() -> None:
    with pytest.raises(RuntimeError) as caught:
        gt.run(nn.Sequential(nn.Linear(3, 4), nn.Linear(3, 4)), torch.ones(2, 3))
    debugger = Debugger(caught.value.recording, 1)  # type: ignore[attr-defined]
    with pytest.raises(ValueLost, match="no value of 'linear_1': it raised"):
        debugger.value()
    assert debugger.moment().value is None and debugger.moment().finite
    (change,) = debugger.changes()
    assert str(change).startswith("stopped linear_1 raised: RuntimeError: ")
    assert str(change).endswith("mat1 and mat2 shapes cannot be multiplied (2x4 and 3x4)")


def test_a_recording_without_events_cannot_be_debugged() -> None:
    with pytest.raises(PositionError) as caught:
        Debugger(gt.run(nn.Identity(), torch.ones(2)))
    assert str(caught.value) == "this recording holds no events: nothing ran that could be stepped through"


class Forbidden(TorchDispatchMode):
    """Fails the test when any operation of torch runs."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise AssertionError(f"{func} ran")


def test_no_move_runs_anything_in_torch() -> None:
    debugger = Debugger(trained()[0])
    with Forbidden():
        for step in (debugger.step, debugger.step_over, debugger.step_out, debugger.step_back, debugger.step_back_over):
            assert step() is not None
        debugger.run_until(phase="update")
        debugger.run_back_to("relu")
        assert debugger.where().code and debugger.changes()
