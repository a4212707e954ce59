"""The debugger at a prompt: whole sessions as golden text, and one line for whatever is typed wrong."""

from __future__ import annotations

import importlib.util
import io
import sys
from functools import cache
from pathlib import Path

import pytest
import torch
from debugged import forward

import graphtools as gt
from graphtools.debugger import Debugger
from graphtools.recording import Recording
from graphtools.screen import Screen
from graphtools.terminal import _GROUPS, Terminal

sys.path.insert(0, str(Path(__file__).parent))
import golden_text

# All numbers in it are sums of a few powers of two, so that every torch prints the same.
MODEL = """import graphtools
import torch
from torch import nn


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(2, 2, bias=False)
        self.linear.weight.data = torch.tensor([[1.0, 0.5], [-1.0, 0.25]])

    def forward(self, x):
        x = self.linear(x).relu_()
        return x + 1


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = Block()
        self.head = nn.Linear(2, 2)
        self.head.weight.data = torch.tensor([[0.5, 0.5], [0.25, -0.5]])
        self.head.bias.data = torch.tensor([0.0, 1.0])

    def forward(self, x):
        for _ in range(2):
            x = self.body(x)
        return self.head(x)


model = Net()
example_input = torch.tensor([[1.0, 2.0]])


def step():
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5, momentum=0.5)
    batch = example_input, torch.tensor([[1.0, 0.0]])
    return graphtools.training_step(model, batch, nn.functional.mse_loss, optimizer)
"""


@cache
def step(folder: Path) -> Recording:
    """One recorded training step of the model, all of whose code stands in its file."""
    file = folder / "model.py"
    file.write_text(MODEL)
    spec = importlib.util.spec_from_file_location("terminal_model", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.step()  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the model's file."""
    return tmp_path_factory.mktemp("model")


def session(recording: Recording, *lines: str) -> str:
    """What a session prints whose input is these lines."""
    screen = io.StringIO()
    Terminal(Debugger(recording), io.StringIO("".join(line + "\n" for line in lines)), screen).run()
    return screen.getvalue()


def answer(recording: Recording, *lines: str) -> str:
    """What the last line printed."""
    return session(recording, *lines, "q").rsplit("(debug) ", 2)[1].partition("\n")[2].rstrip("\n")


WALK = """n
n

rn
s
w
l
l
l .
i relu_3
i
graph
u
changes
c
last
rc
first
rs
q""".splitlines()

TRAINED = """b body
b 13, value.sum() > 2
b head.weight update
b *, not finite
c
c
c
disable 1
c
rc
cl 2
cl 9
cl
until backward
n
n
changes
grad head.weight
u
grad
i body.linear.weight
until update
n
changes
p head.weight
runtil body.linear backward
ru
until head.bias
p head.bias
until 24
graph
n 2
graph
h rn
q""".splitlines()


@pytest.mark.parametrize("name", ["walk", "training"])
def test_a_session_reads_as_it_did(name: str, folder: Path) -> None:
    text = session(step(folder), *{"walk": WALK, "training": TRAINED}[name]).rstrip("\n")
    assert max(map(len, text.splitlines())) <= 80
    golden_text.check(f"terminal_{name}.txt", text)


def test_the_help_names_every_command() -> None:
    text = session(forward(), "h", "q").rstrip("\n")
    golden_text.check("terminal_help.txt", text)
    commands = {name[3:] for name in dir(Terminal) if name.startswith("do_")} - {"help", "EOF"}
    assert commands == set(" ".join(_GROUPS.values()).split())


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("reelu", "*** no command, node or name named 'reelu'; did you mean 'relu' or 'relu_1'?"),
        (
            "p body.lineer",
            "*** no node or scope named 'body.lineer'; did you mean 'body.linear' or\n"
            "    'body#1.linear' or 'body.linear.bias'?",
        ),
        ("p layr1.0.lin", "*** no node or scope named 'layr1.0.lin'"),
        ("p add_1", "*** add_1 has not run yet at position 0; it runs at event 5: `until add_1`"),
        ("p body", "*** body has not ended yet at position 0; it ends at event 2: `goto 2`"),
        ("p 1 / 0", "*** ZeroDivisionError: division by zero"),
        ("p value.nothing", "*** AttributeError: 'Tensor' object has no attribute 'nothing'"),
        ("x = 3", "*** `x = 3` is no Python expression: invalid syntax"),
        ("goto", "*** goto N, N being the number of an event"),
        ("goto six", "*** 'six' is no number; goto N, N being the number of an event"),
        ("goto 99", "*** no event 99; the events are 0 to 8"),
        ("n many", "*** 'many' is no number; a count is a number"),
        ("until", "*** until what? a node, a scope, a line, or a condition: until not finite"),
        (
            "until vlue > 3",
            "*** the condition `vlue > 3` uses 'vlue', which it does not know; did you mean\n    value?",
        ),
        ("b nothing.py:3", "*** no source file named 'nothing.py'"),
        ("b relu forwards", "*** no phase named 'forwards'; did you mean 'forward'?"),
        ("b relu, value >", "*** `value >` is no Python expression: invalid syntax"),
        ("cl 4", "*** no breakpoint 4; the numbers are: there is none"),
        ("graph boddy", "*** no scope named 'boddy'; did you mean 'body' or 'body#1' or 'body.act'?"),
        ("h foo", "*** no command named 'foo'"),
        ("save", "*** save FILE, as `save step.gt`"),
    ],
)
def test_what_is_typed_wrong_is_one_line(line: str, said: str) -> None:
    assert answer(forward(), line) == said


def test_lines_that_are_no_commands_are_printed_as_python_with_the_names_of_nodes() -> None:
    recording = forward()
    last = "until linear_2"
    assert answer(recording, last, "body#1") == answer(recording, last, "p add_1")
    assert answer(recording, last, "head.weight") == answer(recording, last, "p head.weight").strip()
    total = float(recording.value("relu").sum())
    assert answer(recording, last, "float(relu.sum())") == repr(total)
    assert answer(recording, last, "p float(relu.sum()), grad") == f"({total!r}, None)"
    assert answer(recording, last, "[float(t.sum()) for t in [relu]]") == f"[{total!r}]"
    assert answer(recording, last, "value.shape, event.index") == "(torch.Size([3, 3]), 8)"
    assert answer(recording, last, "float(body#1.act.sum() + body.act.sum())") == repr(
        float(recording.value("relu_1").sum() + recording.value("relu").sum())
    )
    assert answer(recording, last, "head.weight.shape") == "torch.Size([3, 4])"
    assert answer(recording, last, 'debugger.value("head.weight").ndim') == "2"
    assert answer(recording, "!event.name") == "linear"


def test_a_condition_that_raises_stops_at_its_event() -> None:
    text = session(forward(), "b relu_1, 1 / 0", "c", "q")
    assert "[4/8 forward] body#1.act  relu_1  f32[3, 4]" in text
    assert "*** ZeroDivisionError: division by zero" in text


def test_the_end_of_the_input_ends_the_session() -> None:
    assert session(forward(), "n").endswith("\n(debug) \n")


def test_names_complete(folder: Path) -> None:
    terminal = Terminal(Debugger(step(folder)), io.StringIO(), io.StringIO())
    assert terminal.completedefault("body#") == ["body#1", "body#1.linear"]
    assert terminal.completedefault("head") == ["head", "head.bias", "head.weight"]
    assert terminal.completenames("gr")[:2] == ["grad", "graph"]


def test_colors_mark_the_current_line_and_what_is_wrong() -> None:
    root = torch.zeros(2)
    recording = gt.run(lambda x: x.log(), root)
    plain, colored = Screen(Debugger(recording)).stop(), Screen(Debugger(recording), color=True).stop()
    assert plain[-1] == "   holds NaN or infinity: `i` counts them"
    assert colored[0].startswith("\x1b[1m[0/0 forward]\x1b[0m log  f32[2]")
    assert colored[-1] == f"\x1b[31m{plain[-1]}\x1b[0m"
    assert "2 -Inf" in "\n".join(Screen(Debugger(recording)).inspection("log"))


def test_a_histogram_is_drawn_in_letters_that_the_terminal_has() -> None:
    screen = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="replace")
    Terminal(Debugger(gt.run(torch.relu, torch.arange(8.0))), io.StringIO("i\n"), screen).run()
    screen.seek(0)
    assert "\n       0 @    @     @     @    @     @     @    @ 7\n" in screen.read()


def test_hostile_names_do_not_reach_the_terminal() -> None:
    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.add_module("a\x1b[2Jb", torch.nn.ReLU())

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self._modules["a\x1b[2Jb"](x)  # type: ignore[misc]

    text = session(gt.run(Net(), torch.ones(2)), "w", "graph", "changes", "i", "b", "p nothing\x1b[2J", "q")
    assert "\x1b" not in text.replace("p nothing\x1b[2J", "")


def test_an_edit_makes_a_branch_that_can_be_left_and_compared(folder: Path) -> None:
    recording = step(folder)
    said = answer(recording, "until head", "edit relu = t * 0")
    assert said.startswith("  0  the original  (")
    assert "* 1  relu = t * 0  (" in said
    assert answer(recording, "edit relu = t * 0", "until relu", "p relu").endswith("[[0, 0]]")
    assert not answer(recording, "edit relu = t * 0", "branch 0", "until head", "p relu").endswith("[[0, 0]]")
    assert "first difference" in answer(recording, "edit relu = t * 0", "diff")
    assert "* 2  head.weight = 0" in answer(recording, "edit relu = t * 0", "edit head.weight = 0", "branch")


def test_an_edit_that_cannot_be_is_one_line(folder: Path) -> None:
    recording = step(folder)
    assert "edit NODE = PYTHON" in answer(recording, "edit relu")
    assert "is no Python expression" in answer(recording, "edit relu = t *")
    assert "no node or scope named 'nothing'" in answer(recording, "edit nothing = 0")
    assert "this is the original" in answer(recording, "diff")
    assert "no branch named '7'" in answer(recording, "branch 7")
