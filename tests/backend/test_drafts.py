"""A draft in a process of its own: saved as it changes, whole whenever that process is killed."""

import os
import random
import signal
import time

import pytest

from graphtools.backend import Backend, BackendError, Launcher
from graphtools.drafting.documents import from_json


@pytest.fixture(scope="module")
def launcher():
    launcher = Launcher()
    yield launcher
    launcher.close()


@pytest.fixture
def open_draft(launcher, tmp_path):
    started = []

    def start(name="draft.json", source="", may_run=False):
        backend = Backend(launcher, name)
        started.append(backend)
        asked = {"file": str(tmp_path / name), "source": source, "inputs": [], "may_run": may_run}
        return backend, backend.ask("draft", ask="open", **asked)

    yield start
    for backend in started:
        backend.close()


def do(backend, **command):
    return backend.ask("draft", ask="do", args={"commands": [command], "since": None})


def wait_for(file, wanted):
    end = time.monotonic() + 20
    while time.monotonic() < end:
        if file.exists() and wanted(from_json(file.read_bytes())):
            return
        time.sleep(0.02)
    raise AssertionError("it was not saved")


def test_a_change_is_saved_by_itself_and_found_again(open_draft, tmp_path):
    backend, picture = open_draft()
    assert picture["nodes"] == []
    do(backend, do="input", name="x", spec="f32[B, 8]", at=[3, 4])
    wait_for(tmp_path / "draft.json", lambda plan: "x" in plan.nodes and plan.positions["x"] == (3, 4))
    _, picture = open_draft()
    assert [node["name"] for node in picture["nodes"]] == ["x"]


@pytest.mark.parametrize("seed", range(4))
def test_killed_at_any_moment_the_file_is_whole(open_draft, tmp_path, seed):
    rng = random.Random(seed)
    backend, _ = open_draft()
    do(backend, do="input", name="x", spec="f32[B, 8]")
    asked = [
        backend.start("draft", ask="do", args={"commands": [{"do": "add", "target": "torch.nn.ReLU"}], "since": None})
        for _ in range(60)
    ]
    time.sleep(rng.random() * 0.3)
    os.kill(backend.pid, signal.SIGKILL)
    done = 0
    for task in asked:
        try:
            task.result()
            done += 1
        except BackendError as error:
            assert error.kind == "died"
    plan = from_json((tmp_path / "draft.json").read_bytes())
    assert len(plan.nodes) <= done + 2
    again, picture = open_draft()
    assert len(picture["nodes"]) == len(plan.nodes)
    assert do(again, do="add", target="torch.nn.Tanh")["results"] == [{"new": ["tanh"]}]


def test_what_cannot_be_opened_says_why(open_draft, tmp_path):
    (tmp_path / "broken.json").write_text('{"format": "graphtools.draft"')
    with pytest.raises(BackendError, match="JSON") as caught:
        open_draft("broken.json")
    assert caught.value.kind == "refused"
    with pytest.raises(BackendError, match=r"no.*model\.py|cannot") as caught:
        open_draft("new.json", source=str(tmp_path / "no" / "model.py"))


def test_a_draft_that_cannot_be_saved_says_so_and_lives(open_draft, tmp_path):
    backend, _ = open_draft()
    (tmp_path / "draft.json.part").mkdir()  # in the way of what is written first
    do(backend, do="input", name="x", spec="f32[B, 3]")
    end, notes = time.monotonic() + 20, []
    while not notes and time.monotonic() < end:
        notes = backend.ask("draft", ask="picture", args={})["notes"]
    assert notes[0].startswith("Not saved: ")
    (tmp_path / "draft.json.part").rmdir()
    do(backend, do="input", name="y", spec="f32[B, 3]")
    wait_for(tmp_path / "draft.json", lambda plan: {"x", "y"} <= plan.nodes.keys())
    assert backend.ask("draft", ask="picture", args={})["notes"] == []
