"""`graphtools new` in real processes: what it writes, from what, and what it refuses."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import graphtools as gt

MODEL = "import torch\nfrom torch import nn\nmodel = nn.Sequential(nn.Linear(4, 3))\nexample_input = torch.ones(1, 4)\n"


def run(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "graphtools", "new", *words]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=300)


def test_new_writes_a_project_and_says_how_to_train_it(tmp_path: Path) -> None:
    done = run("digits", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "wrote digits/: README.md, config.toml, dataset.py, loss.py, model.py, pyproject.toml, requirements.txt, "
        "tests, train.py, trainer.py\ncd digits && python train.py\n"
    )
    again = run("digits", cwd=tmp_path)
    assert again.returncode == 2
    assert again.stderr == (
        "graphtools: digits is there already and not empty. Choose another name; nothing was written\n"
    )


def test_a_bad_name_is_refused_before_the_model_runs(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text("raise SystemExit(7)")
    done = run("2x", "--from", "model.py", cwd=tmp_path)
    assert done.returncode == 2
    assert "'2x' is no name for a project" in done.stderr


def test_from_a_file_a_draft_and_a_recording(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(MODEL)
    done = run("a", "--from", "model.py", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "dataset.py holds random numbers (input_1: float32 [4])" in done.stdout
    draft = gt.Draft()
    draft.output(draft.add("nn.Linear", draft.input("x", "f32[B, 6]"), 6, 2, name="head"))
    draft.save(tmp_path / "draft.json")
    done = run("b", "--from", "draft.json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "self.head = nn.Linear(6, 2)" in (tmp_path / "b" / "model.py").read_text()
    recorded = subprocess.run(
        [sys.executable, "-m", "graphtools", "record", "model.py", "--train", "--save", "step.gt"], cwd=tmp_path
    )
    assert recorded.returncode == 0
    done = run("c", "--from", "step.gt", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "(input: float32 [4])" in done.stdout


def test_what_cannot_be_made_leaves_no_folder(tmp_path: Path) -> None:
    (tmp_path / "function.py").write_text("import torch\ndef model(x):\n    return x\nexample_input = torch.ones(2)\n")
    (tmp_path / "damaged.json").write_text("{")
    for source, said in (
        ("none.py", "no file none.py"),
        ("function.py", "is a function and has no parameters to train"),
        ("damaged.json", "damaged.json"),
        ("none.gt", "cannot read none.gt"),
    ):
        done = run("made", "--from", source, cwd=tmp_path)
        assert done.returncode == 2, source
        assert said in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "made").exists()
