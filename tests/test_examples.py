"""Every bundled example runs, teaches in its docstring, and loads as `graphtools trace examples/NAME.py` would."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import graphtools as gt
from graphtools.loading import load

FOLDER = Path(__file__).parent.parent / "examples"
EXAMPLES = sorted(FOLDER.glob("*.py"))
NAMES = [path.stem for path in EXAMPLES]
BROKEN = "shape_mismatch"


def run(name):
    loaded = load(str(FOLDER / f"{name}.py"))
    return gt.run(loaded.model, *loaded.args, **loaded.kwargs)


def test_there_are_examples():
    assert {"scalar_expression", "small_cnn", "small_transformer", BROKEN, "exploding"} <= set(NAMES)


@pytest.mark.parametrize("path", EXAMPLES, ids=NAMES)
def test_it_has_a_docstring_with_a_title_and_a_lesson(path):
    title, _, lesson = (ast.get_docstring(ast.parse(path.read_text())) or "").partition("\n\n")
    assert title and "\n" not in title
    assert not title.endswith(".")
    assert 2 <= len(re.findall(r"[.:;](?:\s|$)", lesson)) <= 8


@pytest.mark.parametrize("path", EXAMPLES, ids=NAMES)
def test_it_runs_as_a_script_and_prints(path, tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(FOLDER.parent), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "error", str(path)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) > 1


@pytest.mark.parametrize("name", [name for name in NAMES if name != BROKEN])
def test_it_loads_with_its_own_input_and_repeats(name):
    first, second = run(name), run(name)
    assert first.failure is None
    assert first.graph.nodes == second.graph.nodes
    output, again = first.value("output"), second.value("output")
    assert torch.equal(output.nan_to_num(), again.nan_to_num())


def test_the_broken_example_fails_at_its_head():
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied") as raised:
        run(BROKEN)
    failure = raised.value.recording.failure
    assert failure.type == "RuntimeError"
    assert raised.value.recording.graph[failure.node].scope == "head"
    assert str(failure.inputs[0]) == "f32[4, 1024]"
    assert failure.source.function == "Mismatch.forward"
    line = (FOLDER / f"{BROKEN}.py").read_text().splitlines()[failure.source.line - 1]
    assert line.strip() == "return self.head(x)"
    assert line[failure.source.column - 1 :] == "self.head(x)"


def test_the_loop_is_as_long_as_the_word():
    loaded = load(str(FOLDER / "rnn_loop.py"))
    scopes = {event.scope for event in gt.run(loaded.model, *loaded.args).events}
    assert {"cell", "cell#1", "cell#4"} <= scopes
    assert "cell#5" not in scopes


def test_dead_relus_give_only_zeros():
    assert gt.run(*loaded_args("dead_relu")).value("relu").count_nonzero() == 0


def test_the_exploding_example_ends_in_nan():
    recording = gt.run(*loaded_args("exploding"))
    assert recording.value("output").isnan().all()
    assert recording.value(recording.events[0].node).isfinite().all()


def loaded_args(name):
    loaded = load(str(FOLDER / f"{name}.py"))
    return loaded.model, *loaded.args
