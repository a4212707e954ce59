"""A draft that somebody has sent runs no file of code, neither when it is opened nor when it is run or trained."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import drafts
import pytest
import torch
from torch import nn
from training import Training

import graphtools as gt
from graphtools.backend.choice import Choice
from graphtools.backend.opening import open_choice
from graphtools.backend.training_job import TrainingJob
from graphtools.learning import read_plan
from graphtools.loading import load_model


def draft_file(tmp_path: Path) -> Path:
    code = "from torch import nn\nopen('ran', 'w').close()\nmodel = nn.Sequential(nn.Linear(4, 3))\n"
    (tmp_path / "net.py").write_text(code)
    draft = gt.Draft(gt.trace(nn.Sequential(nn.Linear(4, 3)), torch.rand(2, 4)))
    document = {**json.loads(draft.to_json()), "source": str(tmp_path / "net.py")}
    (tmp_path / "draft.json").write_text(json.dumps(document))
    return tmp_path / "draft.json"


def test_its_source_is_dropped_on_upload_unless_it_is_torchvisions(tmp_path: Path) -> None:
    content = draft_file(tmp_path).read_bytes()
    found = json.loads(drafts.from_elsewhere(content))
    assert "source" not in found and found["notes"][-1].startswith("New weights: it was made of ")
    ours = json.dumps({**json.loads(content), "source": "torchvision:resnet18"}).encode()
    assert drafts.from_elsewhere(ours) == ours
    for content in (b"no JSON", b"[" * 100_000):
        assert drafts.from_elsewhere(content) == content


def test_its_source_runs_only_where_that_is_allowed(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    file = str(draft_file(tmp_path))
    opened = open_choice(Choice("draft", file, "draft"), lambda text: None)
    assert opened.problem is None and any(note.startswith("New weights: ") for note in opened.notes)
    plan = {"model": file, "data": {"source": "random"}, "loss": {"name": "mse"}}
    job = TrainingJob(plan, lambda said: None)
    assert any(note.startswith("New weights: ") for note in job.about()["notes"])
    assert not (tmp_path / "ran").exists()
    job = TrainingJob({**plan, "may_run_source": True}, lambda said: None)
    assert (tmp_path / "ran").exists()
    assert not any(note.startswith("New weights: ") for note in job.about()["notes"])
    weight = load_model(str(tmp_path / "net.py"), seed=0).model.state_dict()["0.weight"]  # type: ignore[attr-defined]
    assert torch.equal(job.trainer.model.state_dict()["0.weight"], weight)


def test_folders_of_guests_are_removed_after_a_month(tmp_path: Path) -> None:
    for name, days in (("guest-old", 31), ("guest-used", 31), ("guest-new", 1), ("mine", 99)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "draft.json").write_text("{}")
        at = time.time() - days * 24 * 3600
        os.utime(tmp_path / name / "draft.json", (at, at))
        os.utime(tmp_path / name, (at, at))
    (tmp_path / "guest-used" / "second.json").write_text("{}")
    drafts.clear_guests(tmp_path)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["guest-new", "guest-used", "mine"]


def test_what_is_allowed_is_no_part_of_a_plan_that_is_shown_as_a_file(tmp_path: Path) -> None:
    started = []

    class Process:
        def start(self, op: str, plan: dict) -> None:
            started.append(plan)

    plan = {"model": str(draft_file(tmp_path))}
    training = Training(lambda: None, plan, None, may_run_source=True)  # type: ignore[arg-type, return-value]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("training.Backend", lambda *words: Process())
        training.start()
    assert started[0]["may_run_source"] is True
    assert read_plan(training.plan).model == plan["model"]
