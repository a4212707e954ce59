"""`graphtools show`: what a recording's file holds, without the model's code."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import graphtools as gt
from graphtools.cli import main
from graphtools.recording import Content, Kept, Recording
from graphtools.saving import load, save
from tests.saving.made import step


def command(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Runs `graphtools` with the words in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "graphtools", *words], capture_output=True, text=True, cwd=cwd, timeout=300, check=False
    )


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with the file of a training step in it."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    x, y = torch.randn(3, 6), torch.tensor([0, 1, 1])
    with gt.record(model) as recording:
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
    save(recording, tmp_path / "step.gt")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def shown(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> str:
    """What `graphtools show` prints."""
    assert main(["show", *words]) == code
    return capsys.readouterr().out


def facts(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    """What `graphtools show --json` prints."""
    found: dict[str, Any] = json.loads(shown(capsys, "step.gt", "--json", *words))
    return found


def test_show_prints_the_table_and_what_happened(folder: Path) -> None:
    done = command("show", "step.gt", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Sequential: 4 operations in 3 scopes, recorded from a run in ")
    assert "0  Linear 6→4" in done.stdout
    tail = done.stdout[done.stdout.index("\nstep.gt: ") + 1 :].splitlines()
    n_backward = sum(event.phase == "backward" for event in load("step.gt").events)
    assert tail[0].startswith(f"step.gt: {8 + n_backward} events in ")
    assert tail[1] == f"events      4 forward, {n_backward} backward, 4 update"
    kinds = [line[12:].split()[0] for line in tail[2:6]]
    assert (tail[2][:6], kinds) == ("stages", ["zero_grad", "forward", "backward", "step"])
    assert "SGD cleared no gradients" in tail[2]
    assert "from cross_entropy = 0.6" in tail[4] and ", 4 gradients" in tail[4]
    assert f"events 4 to {3 + n_backward}" in tail[4]
    assert "SGD changed 4 parameters" in tail[5] and "test_show.py:" in tail[5]
    assert tail[6] == "updates     4; the largest by ‖after − before‖ / ‖before‖:"
    assert tail[-1] == "values      11 kept"


def test_the_json_holds_the_graph_and_every_number(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recording = load("step.gt")
    found = facts(capsys)
    assert (found["format"], found["version"]) == ("graphtools.summary", 1)
    assert found["bytes"] == (folder / "step.gt").stat().st_size
    assert list(found["events"]) == ["forward", "backward", "update"]
    assert sum(found["events"].values()) == len(recording)
    assert gt.Graph.from_json(json.dumps(found["graph"])) == recording.graph
    assert found["stages"][2]["value"] == float(recording.value("cross_entropy"))
    ratios = {update["parameter"]: update["ratio"] for update in found["updates"]}
    assert ratios == {name: recording.update(name).ratio for name in ("0.weight", "0.bias", "2.weight", "2.bias")}
    assert found["lost"] == []


def test_html_dot_and_mermaid_are_those_of_the_graph(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(capsys, "step.gt", "--dot").startswith("digraph")
    assert shown(capsys, "step.gt", "--mermaid", "--html", "page.html").startswith("flowchart")
    assert "<html" in (folder / "page.html").read_text()
    assert main(["show", "step.gt", "--html", "no/such/page.html"]) == 2
    assert "graphtools: cannot write " in capsys.readouterr().err


def test_depth_closes_modules(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "Sequential" in shown(capsys, "step.gt", "--depth", "0")


def test_what_was_not_kept_is_listed_with_its_reason(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(step(), "step.gt")
    text = shown(capsys, "step.gt")
    assert "stopped by RuntimeError at train.py:12" in text
    assert "values      8 kept, 2 not:" in text
    assert "              dropout: the value of 'dropout' was overwritten\n" in text
    assert "              update of layer.weight: gone\n" in text
    assert facts(capsys)["lost"][0] == {"value": "dropout", "reason": "the value of 'dropout' was overwritten"}


def test_a_run_that_stopped_is_shown_and_is_no_failure_of_the_command(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(RuntimeError) as caught:
        gt.run(nn.Linear(3, 4), torch.ones(2, 5))
    save(caught.value.recording, "step.gt")  # type: ignore[attr-defined]
    text = shown(capsys, "step.gt")
    assert "stopped by RuntimeError" in text and "failed here" in text
    assert text.endswith("values      3 kept\n")


def test_updates_that_are_not_finite_come_first_and_those_from_zero_are_counted(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = step().content
    update = content.updates[7]
    events = tuple(gt.Event(i, "update", "weight", "layer", None, 0.0, None, "SGD", 0) for i in range(4))
    one = torch.ones(1, 2)
    afters = [one * 1.5, one * math.nan, one * 3, one]
    befores = [one, one, one * 0, one]
    updates = {
        index: gt.Update("layer.weight", "SGD", 0, Kept(before), Kept(after), None)
        for index, (before, after) in enumerate(zip(befores, afters, strict=True))
    }
    assert update.parameter == "layer.weight"
    save(Recording(lambda: Content(content.graph, events, {}, {}, updates)), "step.gt")
    lines = shown(capsys, "step.gt").splitlines()
    start = lines.index("updates     4, 1 of them from zero; the largest by ‖after − before‖ / ‖before‖:")
    assert [line.split() for line in lines[start + 1 : start + 4]] == [
        ["nan", "layer.weight"],
        ["0.5", "layer.weight"],
        ["0", "layer.weight"],
    ]
    assert [entry["ratio"] for entry in facts(capsys)["updates"]] == [0.5, {"float": "nan"}, {"float": "inf"}, 0.0]


def test_long_lists_are_cut_in_the_text(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weight = nn.Parameter(torch.ones(2))
    with gt.record() as recording:
        for _ in range(30):
            (weight * 2).sum().backward()
    save(recording, "step.gt")
    text = shown(capsys, "step.gt")
    assert text.count("\n            backward  from sum") == 11
    assert "\n            (37 more)\n" in text
    assert len(facts(capsys)["stages"]) == 60


def test_a_value_spread_over_more_than_memory_holds_is_not_computed_with(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    huge = torch.ones(1).expand(2**50)
    event = gt.Event(0, "update", "w", "", None, 0.0)
    graph = gt.Graph((gt.Node("w", "parameter", "w"),))
    updates = {0: gt.Update("w", "SGD", 0, Kept(huge), Kept(huge), None)}
    save(Recording(lambda: Content(graph, (event,), {}, {}, updates)), "step.gt")
    assert facts(capsys)["updates"][0]["ratio"] is None
    assert "updates     1\n" in shown(capsys, "step.gt")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "graphtools: step.gt: not a recording, or only the beginning of one: a zip's end is missing\n"),
        (None, "graphtools: cannot read step.gt: No such file or directory\n"),
    ],
    ids=["empty", "nothing"],
)
def test_a_file_that_is_no_recording_is_one_line_and_exit_code_2(
    tmp_path: Path,
    content: bytes | None,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    if content is not None:
        (tmp_path / "step.gt").write_bytes(content)
    assert main(["show", "step.gt"]) == 2
    assert capsys.readouterr() == ("", message)


def test_text_of_a_stranger_cannot_move_the_cursor(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    graph = gt.Graph((gt.Node("a\x1b[2J", "constant", "c"),))
    lost = Kept(None, recipe=step().content.values["dropout"][()].recipe)
    save(Recording(lambda: Content(graph, (), {"a\x1b[2J": {(): lost}})), "step.gt")
    assert "\x1b" not in shown(capsys, "step.gt")


def test_a_closed_pipe_is_no_error(folder: Path) -> None:
    done = subprocess.run(
        f"{sys.executable} -m graphtools show step.gt --json | head -c 10",
        shell=True,
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=300,
        check=False,
    )
    assert (done.stdout, done.stderr) == ('{"format":'[:10], "")


def test_help_does_not_import_torch(folder: Path) -> None:
    code = (
        "import sys\nfrom graphtools.cli import main\n"
        "try: main(['show', '--help'])\nexcept SystemExit: pass\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("False\n")
