"""Opening a model: every end that it can come to is told, and none raises."""

from pathlib import Path

import pytest

import graphtools as gt
from graphtools.backend import Choice
from graphtools.backend.opening import open_choice
from graphtools.meaning import meaning

EXAMPLES = Path(__file__).parents[2] / "examples"


def example_choice(name):
    return Choice("example", str(EXAMPLES / f"{name}.py"), name)


def open_file(tmp_path, text, name="model.py"):
    path = tmp_path / name
    path.write_text(text)
    return open_choice(Choice("file", str(path), name))


NET = "import torch\nfrom torch import nn\n"


def test_the_first_choice_is_the_small_network():
    opened = open_choice(example_choice("small_cnn"))
    assert opened.failure is None
    assert len(opened.recording.graph.operations) == 13
    assert {event.phase for event in opened.recording.events} == {"forward", "backward", "update"}
    assert opened.first_event == 0


def test_a_mistake_at_the_loss_is_told_also_of_what_was_saved(tmp_path):
    text = NET + "model = nn.Sequential(nn.Linear(4, 3), nn.Softmax(-1))\nexample_input = torch.randn(8, 4)\n"
    opened = open_file(tmp_path, text)
    assert [mistake.partition(",")[0] for mistake in opened.mistakes] == [
        "At cross_entropy: its input is probabilities already"
    ]
    opened.recording.save(tmp_path / "step.gt")
    again = open_choice(Choice("recording", str(tmp_path / "step.gt"), "step.gt"))
    assert again.mistakes == opened.mistakes


@pytest.mark.parametrize("name", sorted(path.stem for path in EXAMPLES.glob("*.py")))
def test_every_example_opens(name):
    opened = open_choice(example_choice(name))
    assert opened.mistakes == []
    assert opened.recording.graph.operations
    assert (opened.failure is not None) == (name == "shape_mismatch")


def test_a_torchvision_model_opens_at_a_chosen_resolution():
    opened = open_choice(Choice("torchvision", "torchvision:squeezenet1_1", "squeezenet1_1", ("1,3,64,64",)))
    assert str(opened.recording.graph.inputs[0].spec) == "f32[1, 3, 64, 64]"


def test_a_forward_pass_alone_runs_in_evaluation_mode_without_a_trace_of_training(tmp_path):
    path = tmp_path / "model.py"
    path.write_text(NET + "model = nn.Sequential(nn.Dropout(0.5))\nexample_input = torch.ones(4)\n")
    opened = open_choice(Choice("file", str(path), "model.py", mode="forward"))
    assert opened.recording.value("output").tolist() == [1, 1, 1, 1]
    assert [event.phase for event in opened.recording.events] == ["forward"]


def test_a_training_step_says_its_loss_and_its_optimizer():
    opened = open_choice(example_choice("two_layer_net"))
    assert opened.notes[1:] == [
        "Loss: a guess: cross-entropy against random classes of 3",
        "Optimizer: SGD, lr 0.01",
    ]
    assert "target" in {node.name for node in opened.recording.graph.inputs}


def test_what_has_no_parameters_is_differentiated_by_its_inputs():
    opened = open_choice(example_choice("scalar_expression"))
    assert float(opened.recording.grad("a")) == 2 * (2 * 3 - 1) * 3
    assert opened.notes[-1] == "Loss: the model's own output, a single number"


def test_a_detector_that_needs_targets_to_train_is_run_forward(tmp_path):
    choice = Choice("torchvision", "torchvision:ssdlite320_mobilenet_v3_large", "ssdlite", ("1,3,64,64",))
    opened = open_choice(choice)
    assert opened.failure is None
    assert {event.phase for event in opened.recording.events} == {"forward"}
    assert any(note.startswith("Forward pass only: a training step stopped with") for note in opened.notes)


def test_a_recording_opens_without_its_model(tmp_path):
    made = open_choice(example_choice("small_cnn")).recording
    made.save(tmp_path / "step.gt")
    opened = open_choice(Choice("recording", str(tmp_path / "step.gt"), "step.gt"))
    assert [event.name for event in opened.recording.events] == [event.name for event in made.events]
    (tmp_path / "bad.gt").write_bytes(b"PK nonsense")
    refused = open_choice(Choice("recording", str(tmp_path / "bad.gt"), "bad.gt"))
    assert refused.recording is None
    assert refused.failure.type == "FormatError"


def test_a_failing_operation_is_located():
    opened = open_choice(example_choice("shape_mismatch"))
    assert opened.first_event == 5
    assert opened.recording.events[5].scope == "head"


def test_an_error_from_python_between_operations_points_at_the_last_one(tmp_path):
    text = "def model(x):\n    y = x * 2\n    raise KeyError('later')\n"
    opened = open_file(tmp_path, "import torch\n" + text + "example_input = torch.ones(2)\n")
    assert (opened.failure.type, opened.failure.node, opened.first_event) == ("KeyError", None, 0)
    assert opened.failure.source.line == 4


@pytest.mark.parametrize(
    ("text", "kind", "line"),
    [
        ("import torch\nclass Net(torch.nn.Module)\n", "SyntaxError", 2),
        ("sizes = [1]\n\n\nmodel = sizes[3]\n", "IndexError", 4),
        ("import sys\nsys.exit(3)\n", "sys.exit", 2),
        ("import nothing_of_that_name\n", "ModuleNotFoundError", 1),
        ("x = 1\n", "LoadError", None),
    ],
)
def test_a_file_that_cannot_be_loaded_says_where(tmp_path, text, kind, line):
    opened = open_file(tmp_path, text)
    assert (opened.recording, opened.first_event) == (None, 0)
    assert opened.failure.type == kind
    assert opened.failure.message
    assert (opened.failure.source.line if opened.failure.source else None) == line


def test_a_file_that_is_not_there_is_told():
    opened = open_choice(Choice("file", "/nowhere/model.py", "model.py"))
    assert opened.failure.message.startswith("no file /nowhere/model.py")


def test_a_run_without_end_is_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr("graphtools.backend.opening.LIMITS", gt.Limits(events=50))
    opened = open_file(
        tmp_path, "import torch\ndef model(x):\n    while True:\n        x = x + 1\nexample_input = torch.ones(2)\n"
    )
    assert opened.failure.type == "LimitError"
    assert len(opened.recording.graph.operations) >= 50


def test_the_lines_around_a_failure_are_kept(tmp_path):
    text = NET + "def model(x):\n    return x + torch.ones(7)\nexample_input = torch.ones(2)\n"
    opened = open_file(tmp_path, text)
    assert opened.lines[opened.failure.source.line - 1] == "    return x + torch.ones(7)"


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (
            "mat1 and mat2 shapes cannot be multiplied (4x1024 and 256x10)",
            "The layer expects 256 features, but its input has 1024. "
            "Set in_features=1024, or change what comes before.",
        ),
        (
            "The size of tensor a (3) must match the size of tensor b (4) at non-singleton dimension 1",
            "The two tensors have 3 and 4 elements in dimension 1; these must be equal, or one of them 1.",
        ),
        ("something else", ""),
    ],
)
def test_known_messages_are_told_in_plain_words(message, words):
    assert meaning(message) == words


def test_torch_still_says_what_the_words_are_for(tmp_path):
    wrong = "x = torch.ones(1, 4, 8, 8)\nexample_input = x\n"
    opened = open_file(tmp_path, NET + "model = nn.Conv2d(3, 2, 3)\n" + wrong)
    assert "expects 3 channels, but its input has 4" in meaning(opened.failure.message)
