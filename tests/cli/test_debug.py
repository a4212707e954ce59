"""`graphtools debug` as a user runs it: commands from a pipe or a keyboard, errors, exit codes."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

HEAD = "import torch\nfrom torch import nn\n"
NET = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.one = nn.Linear(6, 4)
        self.two = nn.Linear({width}, 2)

    def forward(self, x):
        x = self.one(x)
        {line}
        return self.two(x.relu())

example_input = torch.ones(3, 6)
"""


def debug(
    folder: Path, *words: str, typed: str = "", line: str = "pass", width: int = 4, top: str = ""
) -> subprocess.CompletedProcess[str]:
    """Runs `graphtools debug` on a model whose forward holds `line`, with commands from a pipe."""
    (folder / "model.py").write_text(HEAD + top + "\n" + NET.format(width=width, line=line))
    return subprocess.run(
        [sys.executable, "-m", "graphtools", "debug", *(words or ("model.py",))],
        capture_output=True,
        text=True,
        input=typed,
        cwd=folder,
        timeout=300,
        check=False,
    )


def test_a_session_from_a_pipe_shows_prompts_commands_and_stops(tmp_path: Path) -> None:
    done = debug(tmp_path, typed="n\nrn\nq\n", top="print('from the file'); import sys; sys.stdin.read()")
    assert done.returncode == 0, done.stderr
    assert done.stderr == "from the file\n"
    head, *rest = done.stdout.splitlines()
    assert head.startswith("Net: 3 events (3 forward) in ")
    assert rest == [
        "inputs: `example_input` of model.py",
        "`h` lists the commands.",
        "[0/2 forward] one  linear  f32[3, 4]  model.py:12",
        "-> x = self.one(x)",
        "(debug) n",
        "[1/2 forward] relu  f32[3, 4]  model.py:14",
        "-> return self.two(x.relu())",
        "(debug) rn",
        "[0/2 forward] one  linear  f32[3, 4]  model.py:12",
        "-> x = self.one(x)",
        "(debug) q",
    ]


def test_a_training_step_names_its_guesses(tmp_path: Path) -> None:
    done = debug(tmp_path, "model.py", "--train", "--optimizer", "adam", typed="until update\np one.weight.shape\n")
    assert done.returncode == 0, done.stderr
    for part in (
        "Net: 19 events (4 forward, 11 backward, 4 update) in ",
        "\nloss: a guess: cross-entropy against random classes of 2; choose it by --loss\n",
        "\noptimizer: Adam, lr 0.001\n",
        "\n[15/18 update] Adam updates one.weight  f32[4, 6]\n",
        "\ntorch.Size([4, 6])\n",
    ):
        assert part in done.stdout
    done = debug(tmp_path, "model.py", "--train", "--loss", "mse", "--lr", "0.5", typed="last\n")
    assert "\nloss: mean squared error against random numbers f32[3, 2]\noptimizer: SGD, lr 0.5\n" in done.stdout


def test_a_forward_that_raises_opens_the_prompt_at_the_operation(tmp_path: Path) -> None:
    done = debug(tmp_path, typed="i\nrn\n", width=5)
    assert done.returncode == 1
    assert "stopped by RuntimeError at model.py:14: " in done.stdout
    assert "[2/2 forward] two  linear_1  model.py:14\n" in done.stdout
    assert "   raised RuntimeError: " in done.stdout
    assert "value  no value of 'linear_1': it raised\n" in done.stdout
    assert "[1/2 forward] relu" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("words", "options", "code", "message"),
    [
        (["nothing.py"], {}, 2, "graphtools: no file nothing.py (looked in "),
        (["nothing.gt"], {}, 2, "graphtools: cannot read nothing.gt: No such file or directory\n"),
        (["model.py", "--input", "a,b"], {}, 2, "graphtools: input 'a,b': 'a,b' are no sizes. "),
        (
            ["model.py"],
            {"top": "import sys; sys.exit(3)"},
            2,
            "graphtools: model.py ended the process with sys.exit(3)",
        ),
        (["model.py"], {"top": "def broken(:"}, 2, "graphtools: model.py is not valid Python: model.py:3: "),
        (
            ["model.py"],
            {"line": "import ctypes; ctypes.string_at(0)"},
            1,
            "crashed with signal 11 (segmentation fault)",
        ),
        (["model.py"], {"line": "import sys; sys.exit(4)"}, 1, ""),
        (["model.py", "--limit-seconds", "1"], {"line": "while True: pass"}, 1, ""),
        (["model.py", "--train"], {"line": "return x.detach()"}, 2, "graphtools: the model's output takes part in no"),
    ],
)
def test_what_cannot_be_debugged_is_one_message(
    tmp_path: Path, words: list[str], options: dict[str, str], code: int, message: str
) -> None:
    done = debug(tmp_path, *words, **options)  # type: ignore[arg-type]
    assert done.returncode == code, done.stdout + done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_a_recording_that_was_saved_at_the_prompt_opens_again(tmp_path: Path) -> None:
    done = debug(tmp_path, typed="save step.gt\n")
    assert "wrote step.gt\n" in done.stdout
    done = debug(tmp_path, "step.gt", typed="last\np float(value.sum()) == float(linear_1.sum())\n")
    assert done.returncode == 0, done.stderr
    assert "[2/2 forward] two  linear_1  f32[3, 2]  model.py:14\n" in done.stdout
    assert "\nTrue\n" in done.stdout


_IN_A_TERMINAL = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"


class Keyboard:
    """A session in a terminal of its own, to type into."""

    def __init__(self, folder: Path) -> None:
        self.unread = ""
        self.process = subprocess.Popen(
            [sys.executable, "-c", _IN_A_TERMINAL, sys.executable, "-m", "graphtools", "debug", "model.py"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=folder,
            env={**os.environ, "TERM": "xterm", "COLUMNS": "80", "NO_COLOR": "1"},
            bufsize=0,
        )
        assert self.process.stdin is not None and self.process.stdout is not None
        self.keys, self.screen = self.process.stdin, self.process.stdout

    def read_until(self, text: str, seconds: float = 120) -> str:
        """What the terminal shows next, up to and with `text`."""
        end = time.time() + seconds
        while text not in self.unread:
            ready, _, _ = select.select([self.screen], [], [], max(0, end - time.time()))
            assert ready, f"no {text!r} in {self.unread!r}"
            self.unread += os.read(self.screen.fileno(), 65536).decode(errors="replace")
        found, _, self.unread = self.unread.partition(text)
        return found + text

    def type(self, keys: str) -> None:
        """Presses the keys."""
        self.keys.write(keys.encode())

    def interrupt_until(self, text: str) -> None:
        """Presses Ctrl-C until it is noticed: readline misses one that comes before it waits for a key."""
        for _ in range(20):
            time.sleep(0.5)
            self.type("\x03")
            try:
                self.read_until(text, 5)
                return
            except AssertionError:
                continue
        raise AssertionError(f"no {text!r} after Ctrl-C")


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_at_a_keyboard_names_complete_ctrl_c_stays_and_ctrl_d_quits(tmp_path: Path) -> None:
    pytest.importorskip("readline")
    debug(tmp_path, "--help")
    keyboard = Keyboard(tmp_path)
    with keyboard.process:
        try:
            shown = keyboard.read_until("(debug) ")
            assert "[0/2 forward] one  linear  f32[3, 4]" in shown
            keyboard.interrupt_until("(q quits)")
            keyboard.read_until("(debug) ")
            keyboard.type("until two.w\t\x15until tw\t\n")
            assert "[2/2 forward] two  linear_1" in keyboard.read_until("(debug) ")
            keyboard.type("p __import__('time').sleep(100)\n")
            keyboard.read_until("sleep(100)")  # what was typed, shown again
            keyboard.interrupt_until("*** interrupted")
            keyboard.read_until("(debug) ")
            keyboard.type("\x04")
            assert keyboard.process.wait(60) == 0
        finally:
            keyboard.process.kill()
