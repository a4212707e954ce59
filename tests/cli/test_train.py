"""`graphtools train` in real processes: lines, exit codes, checkpoints, Ctrl-C."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time

import pytest

import graphtools as gt
from graphtools.learning.checkpoints import checkpoints_in, load_checkpoint

NET = "from torch import nn\nmodel = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))\n"


@pytest.fixture
def net(tmp_path):
    (tmp_path / "net.py").write_text(NET)
    return tmp_path / "net.py"


def command(*words):
    return [sys.executable, "-m", "graphtools", "train", *map(str, words)]


def run(*words, cwd=None):
    return subprocess.run(command(*words), capture_output=True, text=True, timeout=300, cwd=cwd)


def test_it_trains_and_says_each_epoch(net, tmp_path):
    started = time.monotonic()
    done = run(net, "--epochs", 2, "--checkpoints", tmp_path / "run")
    whole_s = time.monotonic() - started
    assert done.returncode == 0, done.stderr
    told = re.findall(r"epoch (\d) of 2: loss (\S+),", done.stderr)
    assert [number for number, _ in told] == ["1", "2"]
    assert len({loss for _, loss in told}) == 2  # each has its own
    assert done.stdout.startswith("90 of 90 steps in ")
    assert "test accuracy " in done.stdout
    # Of its steps alone: a process that imports torch takes longer than a second to start.
    assert float(re.search(r" in (\S+) s;", done.stdout)[1]) < whole_s - 1
    assert checkpoints_in(tmp_path / "run")
    more = run(net, "--epochs", 3, "--checkpoints", tmp_path / "run", "--resume")
    assert "resumed: " in more.stderr
    assert more.stdout.startswith("135 of 135 steps in ")


def test_a_plan_file_is_taken_and_options_count_before_it(net, tmp_path):
    plan = {"model": str(net), "epochs": 1, "optimizer": {"name": "adam", "lr": 0.01}}
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    assert run("--config", tmp_path / "plan.json").stdout.startswith("45 of 45 steps")
    (tmp_path / "plan.toml").write_text(f'model = "{net}"\nepochs = 1\n[optimizer]\nname = "adam"\nlr = 0.01\n')
    assert run("--config", tmp_path / "plan.toml", "--batch-size", 64).stdout.startswith("23 of 23 steps")


def test_the_step_at_which_it_stopped_is_written(net, tmp_path):
    done = run(net, "--break-step", 4, "--record", tmp_path / "step.gt")
    assert done.returncode == 1
    assert "stopped early: Step 4: the plan says to stop before it." in done.stderr
    phases = {event.phase for event in gt.load(tmp_path / "step.gt").events}
    assert phases == {"forward", "backward", "update"}


NARROW = "import torch\nfrom torch import nn\nmodel = nn.Linear(4, 3)\nexample_input = torch.ones(2, 4)\n"
IMAGES = (
    "import torch\nfrom torch import nn\nexample_input = torch.ones(1, 3, 16, 16)\n"
    "model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(784, 10))\n"
)
FEW = "from torch import nn\nmodel = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))\n"


@pytest.mark.parametrize(
    ("source", "said", "options"),
    [
        (NARROW, "the model takes 4, and an example of the data is 1 × 8 × 8", "--data random --loss cross_entropy"),
        (
            IMAGES,
            "the model takes 3 × 16 × 16, and an example of the data is 1 × 8 × 8",
            "--transform 'Resize([16, 16])' --transform 'Grayscale(3)'",
        ),
        (FEW, "the data have 10 classes, and the model gives 3 scores", "--head 10"),
        (
            IMAGES.replace("784, 10", "784, 3"),
            "the model takes 3 × 16 × 16, and an example of the data is 1 × 8 × 8",
            "--transform 'Resize([16, 16])' --transform 'Grayscale(3)' --head 10",
        ),
    ],
)
def test_data_that_do_not_fit_are_told_with_options_that_do(tmp_path, source, said, options):
    (tmp_path / "net.py").write_text(source)
    done = run("net.py", "--data", "digits", "--epochs", 1, cwd=tmp_path)
    assert done.returncode == 1
    assert "graphtools: step 1 failed: " in done.stderr
    assert f"graphtools: {said}\n" in done.stderr
    assert f"graphtools: it can be trained with {options}\n" in done.stderr
    again = run("net.py", *shlex.split(options), "--epochs", 1, cwd=tmp_path)
    assert again.returncode == 0, again.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere.py"], "no file nowhere.py"),
        ([], "name a model"),
        (["net.py", "--optimizer", "sdg"], "optimizer.name must be one of sgd"),
        (["net.py", "--data", "digit"], "no data 'digit'"),
        (["net.py", "--config", "nowhere.toml"], "nowhere.toml"),
        (["net.py", "--epochs", 0], "epochs must be at least 1"),
        (["net.py", "--resume"], "say which by --checkpoints FOLDER"),
    ],
)
def test_what_never_begins_says_why(net, words, said):
    done = run(*words, cwd=net.parent)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("given", "options"), [("--loss mse", "--loss cross_entropy"), ("--head 3", "the head that it has, without --head")]
)
def test_a_loss_or_a_head_that_does_not_fit_is_told_with_what_does(net, given, options):
    done = run(net, *given.split(), "--epochs", 1)
    assert done.returncode == 1
    assert done.stderr.endswith(f"graphtools: it can be trained with {options}\n")


def test_a_table_of_numbers_is_told_with_a_loss_and_a_head_for_it(tmp_path):
    (tmp_path / "net.py").write_text("from torch import nn\nmodel = nn.Sequential(nn.Linear(2, 3))\n")
    (tmp_path / "rows.csv").write_text("a,b,y\n" + "".join(f"{i},{-i},{i / 3}\n" for i in range(40)))
    data = ("--data", f"csv:{tmp_path / 'rows.csv'}", "--epochs", 1, "--lr", 1e-4)
    done = run(tmp_path / "net.py", *data)
    assert "graphtools: it can be trained with --loss mse --head 1\n" in done.stderr
    assert run(tmp_path / "net.py", *data, "--loss", "mse", "--head", 1).returncode == 0


def test_a_loss_that_is_no_number_is_told(net):
    done = run(net, "--epochs", 2, "--lr", 1e9)
    assert "epoch 1 of 2: loss nan" in done.stderr
    assert re.search(r"the loss is NaN or infinite since step \d+: --break-nonfinite stops", done.stderr)


def test_a_step_that_fails_is_told_with_its_reason(tmp_path):
    (tmp_path / "net.py").write_text("from torch import nn\nmodel = nn.Linear(5, 10)\n")
    done = run(tmp_path / "net.py")
    assert done.returncode == 1
    assert "mat1 and mat2 shapes cannot be multiplied" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
def test_ctrl_c_writes_a_checkpoint(net, tmp_path):
    words = command(net, "--epochs", 100000, "--checkpoints", tmp_path / "run")
    process = subprocess.Popen(words, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    for line in process.stderr:
        if line.startswith("epoch 1 "):
            break
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "graphtools: stopped: It can go on from " in said
    assert load_checkpoint(checkpoints_in(tmp_path / "run")[-1])["place"]["step"] >= 45


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
def test_killed_at_any_moment_the_last_checkpoint_is_whole(net, tmp_path):
    plan = {"model": str(net), "epochs": 100000, "checkpoints": {"folder": str(tmp_path / "run"), "every": 1}}
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    for wait in (0.05, 0.21, 0.4):
        process = subprocess.Popen(
            command("--config", tmp_path / "plan.json"), stderr=subprocess.DEVNULL, start_new_session=True
        )
        end = time.monotonic() + 120
        while not checkpoints_in(tmp_path / "run") and time.monotonic() < end:
            time.sleep(0.02)
        time.sleep(wait)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        time.sleep(0.3)  # the training's process ends with its connection
        kept = checkpoints_in(tmp_path / "run")
        assert kept
        for path in kept:
            assert load_checkpoint(path)["place"]["step"] > 0
            path.unlink()
