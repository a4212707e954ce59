"""The viewer walks through a run as the debugger does, and the run's payload says what the recording holds."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import graphtools as gt
from graphtools.payload import drawn_nodes, graph_payload, run_payload

NODE = shutil.which("node")
WALK = Path(__file__).with_name("walk.mjs")
MOVES = {
    "step": gt.Debugger.step,
    "stepBack": gt.Debugger.step_back,
    "over": gt.Debugger.step_over,
    "backOver": gt.Debugger.step_back_over,
    "out": gt.Debugger.step_out,
    "backOut": gt.Debugger.step_back_out,
}


class Part(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(4)
        self.inner = nn.Sequential(nn.Linear(4, 4), nn.ReLU())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.inner(self.norm(x))


class Net(nn.Module):
    """Parts in a ModuleList, one of them called twice, operations of its own between them."""

    def __init__(self) -> None:
        super().__init__()
        self.parts = nn.ModuleList(Part() for _ in range(3))
        self.head = nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for part in self.parts:
            x = part(x) * 0.5
        return self.head(self.parts[0](x))


def steps(count: int = 1) -> gt.Recording:
    torch.manual_seed(0)
    model = Net()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    with gt.record(model) as recording:
        for _ in range(count):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(torch.rand(5, 4)), torch.tensor([0, 1, 2, 1, 0]))
            loss.backward()
            optimizer.step()
    return recording


@pytest.mark.skipif(NODE is None, reason="node is not installed")
@pytest.mark.parametrize("count", [1, 2])
def test_the_viewer_stands_where_the_debugger_stands_after_each_move(count: int) -> None:
    recording = steps(count)
    chance = random.Random(count)
    debugger = gt.Debugger(recording)
    moves: list[tuple[Any, ...]] = []
    expected = []
    for _ in range(600):
        if chance.random() < 0.1:
            # Where it already stands, `goto` has nothing to do in the viewer.
            index = (debugger.position + chance.randrange(1, len(recording))) % len(recording)
            moves.append(("goto", index))
            debugger.goto(index)
        else:
            name = chance.choice(list(MOVES))
            moves.append((name,))
            MOVES[name](debugger)
        expected.append(debugger.position)
    given = {"payload": graph_payload(recording.graph), "run": run_payload(recording), "moves": moves}
    done = subprocess.run([str(NODE), str(WALK)], input=json.dumps(given), capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    assert json.loads(done.stdout) == expected
    assert len(set(expected)) > 20


def test_events_point_at_the_box_that_shows_them() -> None:
    recording = steps()
    run = run_payload(recording)
    drawn = drawn_nodes(recording.graph)
    strings = run["strings"]
    for event, row, parameter in zip(recording.events, run["events"]["row"], run["events"]["parameter"], strict=True):
        node = recording.graph[event.node]
        if node.kind == "parameter":
            assert run["parameters"]["name"][parameter] == node.target
            assert drawn[row].name in {user.name for user in recording.graph.users(node)} | {drawn[row].name}
        else:
            assert parameter == -1
            assert drawn[row].scope == node.scope
    assert [strings[name] for name in run["events"]["name"]] == [event.name for event in recording.events]


def test_the_counter_of_a_batch_norm_is_shown_at_its_batch_norm() -> None:
    recording = steps()
    names = {node.name for node in drawn_nodes(recording.graph)}
    counters = [event for event in recording.events if event.name == "add_"]
    assert len(counters) == 4
    assert names.isdisjoint(event.node for event in counters)
    run = run_payload(recording)
    drawn = drawn_nodes(recording.graph)
    for event in counters:
        assert run["events"]["own"][event.index] == 0
        assert drawn[run["events"]["row"][event.index]].operation == "batch_norm"


def test_gradients_and_updates_stand_at_their_events() -> None:
    recording = steps()
    run = run_payload(recording)
    drawn = drawn_nodes(recording.graph)
    grads = run["grads"]
    for row, output, event in zip(grads["row"], grads["output"], grads["event"], strict=True):
        node = drawn[row]
        assert recording.grad(node, node.outputs[output].path, before=event + 1) is not None
        assert recording.grad(node, node.outputs[output].path, before=event) is None
    names = run["parameters"]["name"]
    assert {names[index] for index in run["updates"]["parameter"]} == {
        update.parameter for update in recording.content.updates.values()
    }
    assert all(["lr", "0.01"] in settings for settings in run["updates"]["settings"])
    assert len(set(zip(run["accumulated"]["parameter"], run["accumulated"]["event"], strict=True))) > 10
    backward = next(stage for stage in run["stages"] if stage["kind"] == "backward")
    assert backward["value"] == pytest.approx(float(recording.value(backward["name"])))


def test_the_run_is_json_and_has_the_lines_around_what_ran() -> None:
    recording = steps()
    run = run_payload(recording)
    assert json.loads(json.dumps(run, allow_nan=False)) == run
    own = run["sources"][__file__]
    line = next(event.source.line for event in recording.events if event.scope == "parts.0" and event.source)
    assert own[str(line)].strip() == "return x + self.inner(self.norm(x))"


def test_a_recording_from_elsewhere_cannot_show_other_files_of_this_machine(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("password\n")
    from dataclasses import replace

    from graphtools.graph import Source

    recording = steps()
    content = recording.content
    events = tuple(replace(event, source=Source(str(secret), 1)) for event in content.events)
    forged = gt.Recording(lambda: replace(content, events=events))
    assert run_payload(forged)["sources"] == {}


def test_a_page_says_which_explanations_it_leaves_out(monkeypatch: pytest.MonkeyPatch) -> None:
    from graphtools.viewer import run_page

    monkeypatch.setattr(run_page, "EXPLAINING_S", 0.0)
    held = run_page.recording_data(steps())["held"]["explanations"]
    assert all("This page leaves it out; in Python recording.explain(" in said["notes"][0] for said in held.values())
