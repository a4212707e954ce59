"""The `graphtools` command as a user runs it: output, errors, exit codes. A call starts two processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import graphtools as gt
from graphtools.cli.arguments import make_parser

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


def command(*words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Runs `graphtools` with the words."""
    return subprocess.run(
        [sys.executable, "-m", "graphtools", *words], capture_output=True, text=True, cwd=cwd, timeout=300, check=False
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a good model that also prints."""
    (tmp_path / "model.py").write_text(HEAD + NET.format(width=4, line="pass") + "print('from the file')\n")
    return tmp_path


def model(folder: Path, line: str = "pass", width: int = 4, top: str = "") -> str:
    """Writes a model whose forward holds `line`."""
    (folder / "made.py").write_text(HEAD + top + "\n" + NET.format(width=width, line=line))
    return "made.py"


def test_trace_prints_a_table_and_says_how_it_was_captured(folder: Path) -> None:
    done = command("trace", "model.py", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Net: 3 operations in 2 scopes, traced by torch.fx in ")
    for part in (
        "one  Linear 6→4",
        "f32[3, 4]",
        "model.py:11",
        "parameters  38",
        "inputs: `example_input` of model.py",
    ):
        assert part in done.stdout
    assert done.stderr == "from the file\n"


def test_a_file_that_reads_its_arguments_sees_its_name_alone(folder: Path) -> None:
    (folder / "model.py").write_text(
        "import argparse, sys, torch\n"
        "parser = argparse.ArgumentParser()\n"
        "parser.add_argument('--width', type=int, default=3)\n"
        "model = torch.nn.Linear(parser.parse_args().width, len(sys.argv))\n"
    )
    ran = command("trace", "model.py", "--input", "2,3", cwd=folder)
    assert ran.returncode == 0, ran.stderr
    assert "f32[2, 1]" in ran.stdout


def test_json_is_one_document_whatever_the_file_prints(folder: Path) -> None:
    done = command("trace", "model.py", "--json", "--method", "record", "--input", "5,6", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["format"] == "graphtools.graph"
    graph = gt.Graph.from_json(done.stdout)
    assert graph.capture.method == "record"
    assert str(graph["one"].spec) == "f32[5, 4]"


def test_html_dot_and_mermaid_are_written(folder: Path) -> None:
    done = command("trace", "model.py", "--dot", "--html", "graph.html", cwd=folder)
    assert done.returncode == 0 and done.stdout.startswith("digraph")
    assert done.stderr.endswith("wrote graph.html\n")
    assert "<html" in (folder / "graph.html").read_text()
    done = command("trace", "model.py", "--mermaid", "--fake", cwd=folder)
    assert done.returncode == 0 and done.stdout.startswith("flowchart")


def test_a_file_that_cannot_be_written_is_said(folder: Path) -> None:
    done = command("trace", "model.py", "--html", "no/such/folder/graph.html", cwd=folder)
    assert done.returncode == 2
    assert done.stderr.endswith("graphtools: cannot write no/such/folder/graph.html: No such file or directory\n")


def test_a_forward_that_raises_shows_the_graph_so_far_and_where(folder: Path) -> None:
    done = command("trace", model(folder, width=5), cwd=folder)
    assert done.returncode == 1
    for part in (
        "one  Linear 6→4",
        "stopped by RuntimeError at made.py:",
        "linear was given f32[3, 4], f32[2, 5], f32[2]",
    ):
        assert part in done.stdout
    assert "return self.two(x.relu())" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("line", "options", "message"),
    [
        ("while True: x = x + 1", ["--limit-operations", "50"], "stopped at its limit of 50 operations"),
        ("while True: x = x + 1", ["--limit-seconds", "1"], "stopped at its limit of 1 s"),
        ("while True: pass", ["--limit-seconds", "1"], "the run was stopped at its limit of 1 s"),
        ("while True: x = x + 1", ["--limit-bytes", "10K", "--method", "record"], "the limit is 10000"),
    ],
)
def test_a_model_that_never_ends_is_stopped(folder: Path, line: str, options: list[str], message: str) -> None:
    done = command("trace", model(folder, line), *options, cwd=folder)
    assert done.returncode == 1
    assert "stopped by LimitError at made.py:" in done.stdout
    assert message in " ".join(done.stdout.split())
    assert "one  Linear 6→4" in done.stdout


def test_an_interrupt_shows_the_graph_so_far(folder: Path) -> None:
    name = model(folder, "print('running', flush=True); import time; time.sleep(60)")
    process = subprocess.Popen(
        [sys.executable, "-m", "graphtools", "trace", name, "--method", "record"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        start_new_session=True,
    )
    assert process.stderr is not None
    assert process.stderr.readline() == "running\n"
    time.sleep(0.3)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1, err
    assert "stopped by KeyboardInterrupt at made.py:" in out
    assert "one  Linear 6→4" in out


@pytest.mark.parametrize(
    ("top", "line", "code", "message"),
    [
        (
            "import sys; sys.exit(3)",
            "pass",
            2,
            "made.py ended the process with sys.exit(3) at made.py:3 (`import sys; sys.exit(3)`). Put what only a "
            'script should do under `if __name__ == "__main__":`\n',
        ),
        (
            "import argparse; p = argparse.ArgumentParser(); p.add_argument('file'); p.parse_args()",
            "pass",
            2,
            "graphtools: made.py reads command line arguments, which it does not get here, and ended the process with "
            "sys.exit(2) at made.py:3 (`import argparse; p = argparse.ArgumentParser(); p.add_argument('file'); "
            'p.parse_args()`). Put what only a script should do under `if __name__ == "__main__":`\n',
        ),
        ("import os; os._exit(7)", "pass", 2, "the process that ran made.py ended itself with code 7 before it could"),
        ("", "import os; os._exit(7)", 1, "the process that ran made.py ended itself with code 7 before it could"),
        ("import ctypes; ctypes.string_at(0)", "pass", 2, "crashed with signal 11 (segmentation fault) at "),
        ("", "import ctypes; ctypes.string_at(0)", 1, "crashed with signal 11 (segmentation fault) at "),
        ("", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)", 1, "was killed (signal 9), most often because"),
        ("def broken(:", "pass", 2, "made.py is not valid Python: made.py:3: "),
        (
            "import no_such_package",
            "pass",
            2,
            "made.py raised while it was being loaded, at made.py:3: ModuleNotFoundError",
        ),
    ],
    ids=[
        "sys.exit",
        "argparse",
        "os._exit",
        "os._exit in forward",
        "segfault at import",
        "segfault in forward",
        "killed",
        "syntax",
        "import",
    ],
)
def test_what_ends_the_process_becomes_a_message(folder: Path, top: str, line: str, code: int, message: str) -> None:
    done = command("trace", model(folder, line, top=top), cwd=folder)
    assert message in done.stderr
    assert done.returncode == code
    assert "Traceback" not in done.stderr


def test_exhausted_memory_is_a_failure_with_a_graph(folder: Path) -> None:
    done = command("trace", model(folder, "torch.empty(10**15)"), "--method", "record", cwd=folder)
    assert done.returncode == 1
    assert "stopped by RuntimeError at made.py:" in done.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nothing.py"], "graphtools: no file nothing.py (looked in "),
        (["model.py", "--input", "a,b"], "graphtools: input 'a,b': 'a,b' are no sizes. What is no tensor is given in "),
        (["model.py", "--input", "y=1,6"], "graphtools: --input gives 'y', which is no argument of forward(x)\n"),
        (["model.py", "--device", "gpu"], "graphtools: no device 'gpu'; the devices are cpu, cuda, cuda:1, ..."),
    ],
)
def test_what_cannot_be_run_is_one_message_and_exit_code_2(folder: Path, words: list[str], message: str) -> None:
    done = command("trace", *words, cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(message) or done.stderr.startswith("from the file\n" + message)


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--depth", "-1", "argument --depth: '-1' is no number from 0 on"),
        ("--limit-operations", "many", "argument --limit-operations: 'many' is no number from 0 on"),
        ("--limit-seconds", "0", "argument --limit-seconds: '0' is no number of seconds; write 10 or 0.5"),
        ("--limit-bytes", "big", "argument --limit-bytes: 'big' is no number of bytes; write 500M or 2G"),
    ],
)
def test_a_number_that_is_none_is_refused(
    capsys: pytest.CaptureFixture[str], option: str, value: str, message: str
) -> None:
    with pytest.raises(SystemExit) as caught:
        make_parser().parse_args(["trace", "model.py", option, value])
    assert caught.value.code == 2
    assert capsys.readouterr().err.endswith(f"graphtools trace: error: {message}\n")


def test_an_index_that_an_embedding_does_not_have_is_a_failure(folder: Path) -> None:
    (folder / "tokens.py").write_text(
        HEAD + "model = nn.Sequential(nn.Identity(), nn.Sequential(nn.Embedding(10, 4), nn.Linear(4, 2)))\n"
    )
    done = command("trace", "tokens.py", "--input", "int64:1,4:10..12", cwd=folder)
    assert done.returncode == 1, done.stderr
    reason = "a run was recorded because the inputs do not fit: 1.0 has 10 rows and is given the index 11"
    assert reason in done.stdout
    assert "stopped by IndexError, in 1.0 (Embedding 10→4)\n  embedding was given i64[1, 4], f32[10, 4]" in done.stdout
    done = command("trace", "tokens.py", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("\ninputs: a guess from the first layer: int64[1, 16] in 0..10\n")


def test_fake_tensors_that_are_asked_for_a_value_are_said(folder: Path) -> None:
    done = command("trace", model(folder, "x = x * 2 if x.sum() > 0 else x"), "--fake", cwd=folder)
    assert done.returncode == 1, done.stderr
    assert "stopped by CaptureError at made.py:13:22 in Net.forward\n" in done.stdout
    said = "forward needs the value of a tensor at made.py:13, and fake tensors have none. Run without --fake, so that "
    assert said + "it is computed inputs:" in " ".join(done.stdout.split())
    done = command("trace", model(folder, top="torch.ones(1).item()"), "--fake", cwd=folder)
    assert (done.returncode, done.stderr) == (
        2,
        "graphtools: made.py: made.py:3 needs a value while the model is built, and with --fake tensors have none; "
        "run without --fake\n    torch.ones(1).item()\n",
    )


def test_fx_alone_advises_an_option(folder: Path) -> None:
    done = command("trace", model(folder, "x = x * 2 if x.sum() > 0 else x"), "--method", "fx", cwd=folder)
    assert (done.returncode, done.stderr) == (
        2,
        "graphtools: torch.fx cannot trace Net.forward: made.py:13 depends on the value of a tensor "
        "(`x = x * 2 if x.sum() > 0 else x`). Use --method record, which runs the model and sees what happens\n",
    )


def test_guessing_counts_for_the_limit_and_says_what_it_tries(folder: Path) -> None:
    name = model(folder, "for i in range(99):\n            __import__('time').sleep(0.1); x = x + 1")
    text = (folder / name).read_text().replace("example_input", "other")
    (folder / name).write_text(text)
    started = time.monotonic()
    done = command("trace", name, "--limit-seconds", "8", "--method", "record", cwd=folder)
    assert done.returncode == 1
    assert time.monotonic() - started < 60
    assert done.stderr == "graphtools: trying inputs for made.py: x=float32[1, 6] (Ctrl-C stops)\n"
    assert "the run was stopped at its limit of 8 s" in done.stdout
    assert "one  Linear 6→4" in done.stdout


def test_a_table_that_is_no_terminals_is_not_cut(folder: Path) -> None:
    long = "a_module_with_a_name_that_is_rather_long_for_what_it_does"
    (folder / "deep.py").write_text(
        HEAD + f"inner = nn.ModuleDict({{'{long}_x': nn.Linear(4, 2)}})\n"
        f"class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.{long} = inner\n"
        f"    def forward(self, x):\n        return inner['{long}_x'](x)\n"
    )
    done = command("trace", "deep.py", cwd=folder)
    row = next(line for line in done.stdout.splitlines() if "Linear" in line)
    assert row.split() == [f"{long}.{long}_x", "Linear", "4→2", "f32[1,", "2]", "10", "16", "deep.py:9"]
    assert len(row) > 140


def test_a_7b_llama_is_traced_without_its_weights(folder: Path) -> None:
    pytest.importorskip("transformers")
    (folder / "llama.py").write_text(
        "import torch\nfrom transformers import LlamaConfig, LlamaForCausalLM\n"
        "def build_model():\n    return LlamaForCausalLM(LlamaConfig())\n"
    )
    done = command("trace", "llama.py", "--fake", "--depth", "2", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "6.74 G" in done.stdout
    assert "inputs: a guess from layers and names: input_ids=int64[1, 16] in 0..32000\n" in done.stdout


def test_every_command_and_option_has_help() -> None:
    parser = make_parser()
    commands = next(action for action in parser._actions if action.dest == "command")
    expected = ["app", "code", "compare", "completion", "debug", "new", "record", "show", "trace", "train"]
    assert sorted(commands.choices) == expected  # type: ignore[arg-type]
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    for name, sub in commands.choices.items():  # type: ignore[union-attr]
        assert f"graphtools {name}" in readme
        assert all(action.help or action.dest == "shell" for action in sub._actions)


def test_no_command_prints_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    from graphtools.cli import main

    assert main([]) == 0
    assert "trace" in capsys.readouterr().out


def test_a_closed_pipe_is_no_error(folder: Path) -> None:
    done = subprocess.run(
        f"{sys.executable} -m graphtools trace model.py | head -n 1",
        shell=True,
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=300,
        check=False,
    )
    assert done.stdout.startswith("Net: 3 operations")
    assert "Traceback" not in done.stderr and "BrokenPipe" not in done.stderr
