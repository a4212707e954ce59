"""`graphtools code` prints source that runs, writes it to a file, and says what is wrong in one line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import torch

MODEL = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 2)

    def forward(self, x):
        return torch.relu(self.fc(x))


example_input = torch.ones(1, 4)
"""


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "graphtools", "code", *words], capture_output=True, text=True)


def test_the_code_is_printed_and_runs(tmp_path: Path) -> None:
    file = tmp_path / "model.py"
    file.write_text(MODEL)
    done = run(str(file), "--name", "Small")
    assert done.returncode == 0, done.stderr
    assert done.stdout == (
        "import torch\nfrom torch import nn\n\n\nclass Small(nn.Module):\n    def __init__(self):\n"
        "        super().__init__()\n        self.fc = nn.Linear(4, 2)\n\n    def forward(self, x):\n"
        "        x = self.fc(x)\n        return torch.relu(x)\n"
    )
    space: dict[str, type] = {}
    exec(done.stdout, space)
    assert space["Small"]()(torch.ones(3, 4)).shape == (3, 2)


def test_out_writes_a_file(tmp_path: Path) -> None:
    file, out = tmp_path / "model.py", tmp_path / "written.py"
    file.write_text(MODEL)
    done = run(str(file), "--out", str(out))
    assert (done.returncode, done.stdout) == (0, "")
    assert "class Net(nn.Module):" in out.read_text()
    assert run(str(file), "--out", str(tmp_path / "no" / "file.py")).returncode == 2


def test_what_cannot_be_had_is_one_line_and_an_exit_code(tmp_path: Path) -> None:
    done = run(str(tmp_path / "nothing.py"))
    assert done.returncode == 2 and done.stderr.startswith("graphtools: no file") and done.stdout == ""
    file = tmp_path / "broken.py"
    file.write_text(MODEL.replace("nn.Linear(4, 2)", "nn.Linear(5, 2)"))
    done = run(str(file))
    assert done.returncode == 1 and "the run stopped, so there is no code of it" in done.stderr
