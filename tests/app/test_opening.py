"""Opening a model: every end that it can come to is told, and none raises."""

import sys

import pytest
from opening import Choice, example_choice, example_text, example_titles, first_choice, open_choice

import graphtools as gt
from graphtools.meaning import meaning


def open_file(tmp_path, text, name="model.py"):
    path = tmp_path / name
    path.write_text(text)
    return open_choice(Choice("file", str(path), name))


NET = "import torch\nfrom torch import nn\n"


def test_the_first_choice_is_the_small_network():
    opened = open_choice(first_choice())
    assert opened.failure is None
    assert len(opened.operations) == 13
    assert {event.phase for event in opened.recording.events} == {"forward", "backward", "update"}
    assert opened.failure_event == 0
    assert "x = self.norm(self.conv(x))" in opened.lines[opened.operations[0].source.file][23]


@pytest.mark.parametrize("name", example_titles())
def test_every_example_opens(name):
    opened = open_choice(example_choice(name))
    assert opened.operations
    assert (opened.failure is not None) == (name == "shape_mismatch")
    assert all(example_text(name))


def test_a_torchvision_model_opens_at_a_chosen_resolution():
    opened = open_choice(Choice("torchvision", "torchvision:squeezenet1_1", "squeezenet1_1", ("1,3,64,64",)))
    assert str(opened.graph.inputs[0].spec) == "f32[1, 3, 64, 64]"


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
    assert "target" in {node.name for node in opened.graph.inputs}


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
    made = open_choice(first_choice()).recording
    made.save(tmp_path / "step.gt")
    opened = open_choice(Choice("recording", str(tmp_path / "step.gt"), "step.gt"))
    assert [event.name for event in opened.recording.events] == [event.name for event in made.events]
    (tmp_path / "bad.gt").write_bytes(b"PK nonsense")
    refused = open_choice(Choice("recording", str(tmp_path / "bad.gt"), "bad.gt"))
    assert refused.recording is None
    assert refused.failure.type == "FormatError"


def test_a_failing_operation_is_located():
    opened = open_choice(example_choice("shape_mismatch"))
    assert opened.failure_event == 5
    assert opened.recording.events[5].scope == "head"


def test_an_error_from_python_between_operations_points_at_the_last_one(tmp_path):
    text = "def model(x):\n    y = x * 2\n    raise KeyError('later')\n"
    opened = open_file(tmp_path, "import torch\n" + text + "example_input = torch.ones(2)\n")
    assert (opened.failure.type, opened.failure.node, opened.failure_event) == ("KeyError", None, 0)
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
    assert (opened.graph, opened.operations, opened.failure_event) == (None, (), 0)
    assert opened.failure.type == kind
    assert opened.failure.message
    assert (opened.failure.source.line if opened.failure.source else None) == line


def test_a_file_that_is_not_there_is_told():
    opened = open_choice(Choice("file", "/nowhere/model.py", "model.py"))
    assert opened.failure.message.startswith("no file /nowhere/model.py")


def test_a_run_without_end_is_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr("opening.LIMITS", gt.Limits(events=50))
    opened = open_file(
        tmp_path, "import torch\ndef model(x):\n    while True:\n        x = x + 1\nexample_input = torch.ones(2)\n"
    )
    assert opened.failure.type == "LimitError"
    assert len(opened.operations) >= 50


def test_a_file_with_the_name_of_an_app_module_leaves_the_app_alone(tmp_path):
    import session

    text = (
        NET + "import component\nmodel = nn.Linear(component.SIZE, 2)\nexample_input = torch.ones(1, component.SIZE)\n"
    )
    (tmp_path / "component.py").write_text("SIZE = 3\n")
    path = list(sys.path)
    opened = open_file(tmp_path, text, "session.py")
    assert opened.failure is None
    assert sys.modules["session"] is session
    assert sys.path == path


def test_a_neighbor_that_was_edited_is_read_again(tmp_path):
    text = NET + "import sizes_of_mine\nmodel = nn.Linear(sizes_of_mine.N, 2)\n"
    for size in (3, 12345):
        (tmp_path / "sizes_of_mine.py").write_text(f"N = {size}\n")
        opened = open_file(tmp_path, text)
        assert opened.graph.inputs[0].spec.shape == (1, size)


def test_the_lines_shown_are_those_that_ran(tmp_path):
    text = NET + "model = nn.Identity()\n\ndef model(x):\n    return x + 1\nexample_input = torch.ones(2)\n"
    opened = open_file(tmp_path, text)
    (tmp_path / "model.py").write_text("# edited since\n" * 9)
    source = opened.operations[0].source
    assert opened.lines[source.file][source.line - 1] == "    return x + 1"


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


def test_lines_of_the_app_and_of_its_server_are_no_lines_of_the_model(tmp_path):
    opened = open_file(tmp_path, NET + "model = nn.Sequential(nn.Linear(2, 2))\nexample_input = torch.ones(1, 2)\n")
    assert {event.source for event in opened.recording.events} == {None}
    own = open_choice(first_choice()).recording.events[0].source
    assert own.file.endswith("small_cnn.py")
