"""Places and conditions: which events they stand for, and where runs to them and breakpoints at them stop."""

from __future__ import annotations

from typing import Any

import debugged
import pytest
import torch
from debugged import forward, line_of, trained
from torch import nn

import graphtools as gt
from graphtools.breakpoints import Location
from graphtools.conditions import ConditionError, Moment
from graphtools.debugger import Debugger
from graphtools.errors import MissingError
from graphtools.visible import PositionError


def test_run_until_and_run_back_until_meet_the_same_events() -> None:
    debugger = Debugger(trained()[0])
    keywords: tuple[dict[str, Any], ...] = (
        {"phase": "backward"},
        {"name": "linear"},
        {"name": "ReluBackward0"},
        {"name": "head.weight"},
        {"scope": "body"},
        {"shape": (None, 3)},
        {"step": 1, "phase": "update"},
    )
    for each in keywords:
        ahead, behind = [], []
        debugger.goto(0)
        while (event := debugger.run_until(**each)) is not None:
            ahead.append(event.index)
        assert debugger.position == len(debugger) - 1
        while (event := debugger.run_back_until(**each)) is not None:
            behind.append(event.index)
        assert debugger.position == 0
        inside = range(1, len(debugger) - 1)
        assert [i for i in ahead if i in inside] == [i for i in reversed(behind) if i in inside] != []


def test_run_until_stops_at_the_first_value_or_gradient_that_is_not_finite() -> None:
    model = nn.Sequential(nn.Linear(2, 2, bias=False), nn.ReLU())
    x = torch.tensor([[1.0, float("inf")]])
    debugger = Debugger(gt.run(model, x))
    assert debugger.run_until(finite=False) is debugger.recording.events[0], "a fresh debugger looks where it stands"
    assert debugger.run_until(finite=False) is debugger.recording.events[1]
    assert debugger.run_until(finite=False) is None
    assert debugger.run_back_until(finite=False) is debugger.recording.events[0]
    weight, one = nn.Parameter(torch.zeros(2)), torch.ones(2)
    with gt.record() as recording:
        (weight * one).sqrt().sum().backward()
    debugger = Debugger(recording)
    event = debugger.run_until(finite=False)
    assert event is not None and event.name == "SqrtBackward0", "which sends infinity on"
    assert debugger.run_until("not finite and phase == 'update'") is None


def test_a_condition_may_be_a_function_or_text_and_sees_only_what_has_happened() -> None:
    debugger = Debugger(forward())
    seen: list[Moment] = []
    assert debugger.run_until(lambda moment: seen.append(moment) or moment.name == "add_1") is not None
    assert [moment.index for moment in seen] == [0, 1, 2, 3, 4, 5]
    assert seen[-1].statistics is not None and seen[-1].statistics.max == pytest.approx(float(debugger.value().max()))
    assert (seen[1].scope, seen[1].phase, seen[1].step, seen[1].shape) == ("body.act", "forward", 0, (3, 4))
    debugger.goto(0)
    event = debugger.run_until("value.min() >= 1 and any(size == 4 for size in shape)")
    assert event is not None and event.node == "add"
    assert debugger.run_until("grad.abs().max() > 0") is None, "no event has a gradient"


def test_what_a_condition_raises_comes_out_unchanged_and_nothing_has_moved() -> None:
    debugger = Debugger(forward(), 2)
    with pytest.raises(ZeroDivisionError):
        debugger.run_until(lambda moment: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        debugger.run_until("1 / 0")
    assert debugger.position == 2
    debugger.break_at("relu_1", "1 / 0")
    with pytest.raises(ZeroDivisionError):
        debugger.run()
    assert debugger.event.node == "relu_1"


@pytest.mark.parametrize(
    ("condition", "keywords", "message"),
    [
        ("vlue > 3", {}, "the condition `vlue > 3` uses 'vlue', which it does not know; did you mean value?"),
        ("value >", {}, "`value >` is no Python expression: invalid syntax"),
        (None, {}, "no condition is given; give a function of the moment, or finite=False, phase=..., name=..."),
        (None, {"phase": "backwards"}, "no phase named 'backwards'; did you mean 'backward'?"),
    ],
)
def test_a_condition_that_makes_no_sense_is_said(condition: str | None, keywords: dict[str, Any], message: str) -> None:
    with pytest.raises((ConditionError, MissingError)) as caught:
        Debugger(forward()).run_until(condition, **keywords)
    assert str(caught.value) == message


def test_run_to_finds_nodes_scopes_parameters_events_and_indexes() -> None:
    recording, _ = trained()
    debugger = Debugger(recording)
    assert debugger.run_to("relu_1").node == "relu_1"
    assert debugger.run_to("head").name == "linear"
    assert debugger.run_to("head").phase == "backward"
    assert debugger.run_to("head.weight").name == "AccumulateGrad"
    assert debugger.run_to("head.weight").name == "SGD"
    assert debugger.run_to("body", "forward").step == 1
    assert debugger.run_back_to("body", "update").name == "SGD"
    assert debugger.run_to(recording.events[-1]) is recording.events[-1]
    assert debugger.run_back_to(recording.graph["add"]).name == "AddBackward0"
    assert debugger.run_back_to(3).index == 3
    with pytest.raises(PositionError) as caught:
        debugger.run_to("relu", "forward")
    assert str(caught.value) == "relu forward is not reached after position 3; it last is at event 1: debugger.goto(1)"
    with pytest.raises(MissingError, match="no node or scope named 'reelu'; did you mean 'relu'"):
        debugger.run_to("reelu")
    with pytest.raises(PositionError, match=r"no event 999; the events are 0 to "):
        debugger.goto(999)
    assert debugger.goto(-1) is recording.events[-1]


def test_a_scope_is_every_call_of_its_module_and_with_a_number_one() -> None:
    debugger = Debugger(forward())
    assert debugger.locate("body").indexes == (0, 3)
    assert debugger.locate("body#1").indexes == (3,)
    assert debugger.locate("body.act").indexes == (1, 4)
    assert debugger.locate("norm").indexes == (6,)
    with pytest.raises(ConditionError) as caught:
        debugger.locate("x")
    assert str(caught.value) == "x is an input and has no event of its own; it is there from the start"
    with pytest.raises(ConditionError) as caught:
        debugger.locate("relu", "backward")
    assert str(caught.value) == "relu has no backward event in this recording"


def test_a_line_is_reached_each_time_that_it_runs() -> None:
    debugger = Debugger(forward())
    line = line_of("x = self.act(self.linear(x))")
    assert debugger.locate(f"debugged.py:{line}").indexes == (0, 3)
    assert debugger.locate(f"{debugged.__file__}:{line + 1}").indexes == (2, 5)
    assert debugger.run_to(f"tests/debugged.py:{line + 1}").node == "add"
    no_code = line_of("def forward(self, x: torch.Tensor) -> torch.Tensor:")
    assert debugger.locate(f"debugged.py:{no_code}") == Location(
        f"debugged.py:{line}",
        (0, 3),
        f"debugged.py:{no_code} runs no operation of its own; the next line that does is {line}",
    )
    with pytest.raises(ConditionError) as caught:
        debugger.locate("debugged.py:9999")
    last = line_of("return self.head(self.norm(x))")
    assert str(caught.value) == f"debugged.py has no operation at line 9999 or after; the last is at line {last}"
    with pytest.raises(MissingError) as missing:
        debugger.locate("debuged.py:3")
    assert str(missing.value) == "no source file named 'debuged.py'; did you mean 'debugged.py'?"
    debugger = Debugger(trained()[0])
    phases = [trained()[0].events[i].phase for i in debugger.locate(f"debugged.py:{line}").indexes]
    assert phases == ["forward", "forward", "backward", "backward"] * 2


def test_a_line_that_loops_is_reached_once_a_turn() -> None:
    def loop(x: torch.Tensor) -> torch.Tensor:
        for _ in range(3):
            x = x.sin() * 2  # here
        return x

    debugger = Debugger(gt.run(loop, torch.ones(2)))
    assert debugger.locate(f"test_breakpoints.py:{line_of('x = x.sin() * 2  # here', __file__)}").indexes == (0, 2, 4)


def test_breakpoints_stop_a_run_where_their_condition_holds() -> None:
    debugger = Debugger(trained()[0])
    head = debugger.break_at("head")
    assert str(head) == f"1  head  {len(head.location.indexes)} events"
    second = debugger.break_at("relu_1", "phase == 'forward'")
    every = debugger.break_at(None, lambda moment: moment.step == 1 and moment.phase == "update")
    assert str(second) == "2  relu_1  2 events  if phase == 'forward'"
    assert debugger.breakpoints == (head, second, every)
    stops = []
    while (event := debugger.run()) is not None:
        stops.append((event.phase, event.scope, event.step))
    assert stops[:4] == [
        ("forward", "body#1.act", 0),
        ("forward", "head", 0),
        ("backward", "head", 0),
        ("update", "head", 0),
    ]
    assert debugger.position == len(debugger) - 1
    debugger.disable(1)
    debugger.clear(3)
    assert str(debugger.breakpoints[0]).endswith("(disabled)")
    last = [event for event in trained()[0].events if event.node == "relu_1" and event.phase == "forward"][-1]
    assert debugger.run_back() is last
    assert debugger.run_back() is None and debugger.position == 0
    debugger.enable(1)
    debugger.clear(2)
    assert debugger.run() is trained()[0].events[debugger.locate("head").indexes[0]]
    with pytest.raises(ConditionError, match="no breakpoint 7; the numbers are: 1"):
        debugger.clear(7)
    with pytest.raises(ConditionError, match="a breakpoint at every event needs a condition"):
        debugger.break_at()
    debugger.clear()
    assert debugger.breakpoints == ()
    assert debugger.run() is None
