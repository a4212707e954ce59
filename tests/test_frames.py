"""Steps over, into and out of module calls: on hand-made runs as properties, and on a real net as a list of stops."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import graphtools as gt
from graphtools.frames import Frame, Frames
from graphtools.graph import Graph, Node, freeze
from graphtools.recording import Content, Event, Phase, Recording


def hand_made(scopes: list[str], n_parameters: int = 0) -> Recording:
    """A run whose operations have these scopes, each with a derivative, and after that some updates."""
    nodes = [Node(f"w{i}", "parameter", f"m{i % 2}.w{i}") for i in range(n_parameters)]
    nodes += [Node(f"op{i}", "call", "torch.relu", scope=scope) for i, scope in enumerate(scopes)]
    rows: list[tuple[Phase, str, str]] = [("forward", f"op{i}", scope) for i, scope in enumerate(scopes)]
    for i, scope in reversed(list(enumerate(scopes))):
        rows.append(("backward", f"op{i}", scope))
        if i < n_parameters:
            rows.append(("backward", f"w{i}", f"m{i % 2}"))
    rows += [("update", f"w{i}", f"m{i % 2}") for i in range(n_parameters)]
    events = tuple(Event(index, phase, node, scope, None, 0.0) for index, (phase, node, scope) in enumerate(rows))
    return Recording(lambda: Content(Graph(tuple(nodes), freeze([])), events, {}))


@st.composite
def call_trees(draw: st.DrawFn, depth: int = 3) -> list[str]:
    """Scopes of operations as nested calls make them, a module called twice being numbered."""
    scopes: list[str] = []

    def call(scope: str, left: int) -> None:
        counts: dict[str, int] = {}
        for _ in range(draw(st.integers(1, 3))):
            name = draw(st.sampled_from(["", "a", "b"])) if left else ""
            if not name:
                scopes.append(scope)
                continue
            count = counts[name] = counts.get(name, -1) + 1
            call(".".join(part for part in (scope, name + (f"#{count}" if count else "")) if part), left - 1)

    call("", depth)
    return scopes


@given(call_trees(), st.integers(0, 3))
@settings(max_examples=80, deadline=None)
def test_frames_nest_and_hold_their_events(scopes: list[str], n_parameters: int) -> None:
    recording = hand_made(scopes, n_parameters)
    frames = Frames(recording)
    for event in recording.events:
        around = frames.at(event.index).around()
        assert around[-1] is frames.root
        assert all(frame.start <= event.index < frame.stop for frame in around)
        assert all(inner.start >= outer.start and inner.stop <= outer.stop for inner, outer in pairwise(around))
        if event.phase == "forward":
            assert [frame.scope for frame in around] == [*gt.graph.enclosing_scopes(event.scope)]
        if event.node.startswith("op"):  # a derivative stands where its operation stood
            assert around[0].scope == event.scope


@given(call_trees(), st.integers(0, 3))
@settings(max_examples=80, deadline=None)
def test_a_step_over_passes_one_operation_or_call_of_the_frame_it_is_made_in(scopes: list[str], n: int) -> None:
    frames = Frames(hand_made(scopes, n))
    for position in range(frames.root.stop - 1):
        for start in frames.at(position).around():
            before = frames.part(position, start)
            if before is not None and before.stop != position + 1:
                continue  # no move leaves the debugger in a frame of which a part has begun and not ended
            place = frames.over(position, start)
            assert place is not None
            after, frame = place
            assert frame in start.around() and frame.start <= position
            assert position < after
            if after > position + 1:
                part = frames.part(after, frame)
                assert part is not None and (part.start, part.stop) == (position + 1, after + 1)
            assert frames.back_over(after, frame) == (position, frame)
    assert frames.over(frames.root.stop - 1, frames.root) is None
    assert frames.back_over(0, frames.root) is None


@given(call_trees(), st.integers(0, 3))
@settings(max_examples=80, deadline=None)
def test_a_step_out_ends_with_a_frame_or_a_pass(scopes: list[str], n: int) -> None:
    frames = Frames(hand_made(scopes, n))
    ends = {*frames.segments[1:], frames.root.stop}
    for position in range(frames.root.stop - 1):
        frame = frames.at(position)
        out = frames.out(position, frame)
        assert out is not None
        after, outer = out
        assert after > position and outer in frame.around()
        assert (
            after + 1 in ends
            if outer.parent is None and after + 1 in ends
            else any(held.stop == after + 1 and held.parent is outer for held in frame.around())
        )
        back = frames.back_out(position, frame)
        assert (back is None) == (position == 0)
        assert back is None or back[0] < position


def walk(frames: Frames, step: str, position: int, frame: Frame | None = None) -> list[int]:
    """The positions that repeated steps lead through."""
    place: tuple[int, Frame] | None = (position, frame or frames.at(position))
    found = []
    while place is not None:
        found.append(place[0])
        place = getattr(frames, step)(*place)
    return found


def test_steps_over_follow_the_example_in_the_docstring() -> None:
    frames = Frames(hand_made(["stem", "body.one", "body.two", "body", "body#1", "head"]))
    assert walk(frames, "over", 0)[:4] == [0, 3, 4, 5]
    assert walk(frames, "over", 1)[:4] == [1, 2, 3, 4]
    assert walk(frames, "back_over", 5) == [5, 4, 3, 0]
    assert walk(frames, "back_over", 2) == [2, 1, 0]
    assert walk(frames, "over", 5) == [5, 6, 7, 10, 11]  # the calls in reverse: head, body#1, body, stem
    assert walk(frames, "out", 1) == [1, 3, 5, 11]
    assert walk(frames, "back_out", 9) == [9, 7, 5, 0]


class Shared(nn.Module):
    """Calls a layer that another module owns, between two calls of its own."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.own = nn.Linear(3, 3)
        self.others = [layer]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.own(self.others[0](self.own(x))).relu()


class Whole(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 3)
        self.body = Shared(self.layer)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(x).sum()


@pytest.fixture(scope="module")
def shared() -> Recording:
    model, x = Whole(), torch.ones(2, 3)
    with gt.record(model) as recording:
        model(x).backward()
    return recording


def test_a_module_called_by_reference_stands_inside_its_caller(shared: Recording) -> None:
    assert [event.scope for event in shared.events[:5]] == ["body.own", "layer", "body.own#1", "body", ""]
    frames = Frames(shared)
    assert [frame.scope for frame in frames.at(1).around()] == ["layer", "body", ""]
    assert walk(frames, "over", 0)[:4] == [0, 1, 2, 3]
    backward = next(e.index for e in shared.events if e.phase == "backward" and e.scope == "layer")
    assert [frame.scope for frame in frames.at(backward).around()] == ["layer", "body", ""]


def test_steps_see_through_a_module_list() -> None:
    class Layers(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.ModuleList(nn.Sequential(nn.Linear(2, 2), nn.ReLU()) for _ in range(2))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            for layer in self.layers:
                x = layer(x)
            return x + 1

    frames = Frames(gt.run(Layers(), torch.ones(1, 2)))
    assert [frame.scope for frame in frames.at(0).around()] == ["layers.0.0", "layers.0", "layers", ""]
    assert walk(frames, "over", 0) == [0, 1, 3, 4]
    assert walk(frames, "back_over", 4) == [4, 3, 1, 0]
    assert walk(frames, "out", 0) == [0, 1, 4]
    assert walk(frames, "back_out", 3) == [3, 1, 0]


def test_a_step_back_out_of_a_single_operation_leaves_the_call_around_it() -> None:
    class Layers(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.ModuleList([nn.ReLU(), nn.ReLU()])

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = x + 1
            for layer in self.layers:
                x = layer(x)
            return x

    frames = Frames(gt.run(nn.Sequential(nn.ReLU(), Layers()), torch.ones(1)))
    assert frames.at(3).scope == "1.layers.1"
    assert walk(frames, "back_out", 3) == [3, 0]


def test_what_accumulates_a_gradient_stands_with_the_derivative_before_it() -> None:
    model, x = nn.Sequential(nn.Sequential(nn.Linear(3, 3), nn.ReLU()), nn.Linear(3, 1)), torch.ones(1, 3)
    with gt.record(model) as recording:
        for _ in range(2):  # in the second pass the calls are 0#1 and 1#1, but the parameters' module is still 0.0
            model(x).sum().backward()
    frames = Frames(recording)
    last = len(recording) - 1
    assert recording.events[last].name == "AccumulateGrad"
    assert [frame.scope for frame in frames.at(last).around()] == ["0#1.0", "0#1", ""]
    assert len(frames.segments) == 4
