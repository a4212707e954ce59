"""`graphtools record` and `graphtools compare`, as processes of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import graphtools as gt

EXAMPLES = Path(__file__).parents[2] / "examples"


def graphtools(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "graphtools", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds two recordings of one training step, with different targets, and a page of the first."""
    made = tmp_path_factory.mktemp("recorded")
    model = str(EXAMPLES / "two_layer_net.py")
    first = graphtools("record", model, "--train", "--html", "a.html", "--save", "a.gt", folder=made)
    assert first.returncode == 0, first.stderr
    assert "cross_entropy" in first.stdout
    assert "loss: a guess: cross-entropy against random classes of 3" in first.stdout
    assert "wrote a.html" in first.stdout and "wrote a.gt" in first.stdout
    assert graphtools("record", model, "--train", "--seed", "1", "--save", "b.gt", folder=made).returncode == 0
    return made


def test_a_recorded_step_is_a_page_and_a_file(folder: Path) -> None:
    recording = gt.load(folder / "a.gt")
    assert {event.phase for event in recording.events} == {"forward", "backward", "update"}
    page = (folder / "a.html").read_text()
    assert page.startswith("<!doctype html>")
    assert '"format":"graphtools.run"' in page


def test_a_saved_recording_becomes_a_page_that_can_be_walked_through(folder: Path) -> None:
    done = graphtools("show", "a.gt", "--html", "shown.html", folder=folder)
    assert done.returncode == 0
    assert '"format":"graphtools.run"' in (folder / "shown.html").read_text()


def test_a_run_that_raises_is_recorded_up_to_there(folder: Path) -> None:
    done = graphtools("record", str(EXAMPLES / "shape_mismatch.py"), "--save", "failed.gt", folder=folder)
    assert done.returncode == 1
    assert "mat1 and mat2 shapes cannot be multiplied" in done.stdout
    assert "Set in_features=1024" in done.stdout
    assert gt.load(folder / "failed.gt").failure is not None


def test_a_file_that_cannot_be_written_is_told_once(folder: Path) -> None:
    done = graphtools("record", str(EXAMPLES / "two_layer_net.py"), "--html", "nowhere/a.html", folder=folder)
    assert done.returncode == 2
    assert done.stderr.count("cannot write") == 1
    assert done.stderr.rstrip().endswith("No such file or directory")


def test_compare_says_the_first_difference_with_the_exit_codes_of_diff(folder: Path) -> None:
    different = graphtools("compare", "a.gt", "b.gt", "--html", "compared.html", folder=folder)
    assert different.returncode == 1
    assert "first difference: " in different.stdout
    assert '"pairing":' in (folder / "compared.html").read_text()
    same = graphtools("compare", "a.gt", "a.gt", folder=folder)
    assert same.returncode == 0
    tolerant = graphtools("compare", "a.gt", "b.gt", "--atol", "1e9", folder=folder)
    assert tolerant.returncode == 0


def test_compare_refuses_what_is_no_recording(folder: Path) -> None:
    (folder / "bad.gt").write_bytes(b"nothing")
    refused = graphtools("compare", "a.gt", "bad.gt", folder=folder)
    assert refused.returncode == 2
    assert refused.stderr.startswith("graphtools: bad.gt: ")
    assert graphtools("compare", "a.gt", "missing.gt", folder=folder).stderr == (
        "graphtools: cannot read missing.gt: No such file or directory\n"
    )
