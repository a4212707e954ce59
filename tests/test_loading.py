"""Finding a model and its inputs by what the user names, and what is said when there is none."""

from __future__ import annotations

import urllib.request
from pathlib import Path

import pytest
import torch
from torch import nn

import graphtools as gt
from graphtools.example_inputs import parse_input
from graphtools.loading import load

NO_TENSOR = "What is no tensor is given in the file, as in example_input = {'x': torch.ones(1, 3), 'scale': 0.5}."
HEAD = "import torch\nfrom torch import nn\n"
NET = "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.fc = nn.Linear(6, 2)\n"
NET += "    def forward(self, x):\n        return self.fc(x)\n"


@pytest.fixture
def write(tmp_path: Path):
    """Writes a file and gives its path."""

    def write(text: str, name: str = "model.py") -> str:
        (tmp_path / name).write_text(HEAD + text)
        return str(tmp_path / name)

    return write


@pytest.mark.parametrize(
    "text",
    [
        NET,
        NET + "model = Net()\n",
        NET + "net = Net()\n",
        NET + "def build_model():\n    return Net()\n",
        "class Part(nn.Module):\n    def __init__(self, n):\n        super().__init__()\n" + NET,
    ],
    ids=["class", "model", "net", "build_model", "the one class without arguments"],
)
def test_a_model_is_found(write, text: str) -> None:
    loaded = load(write(text))
    assert isinstance(loaded.model, nn.Module)
    assert type(loaded.model).__name__ == "Net"
    assert loaded.inputs_note == "a guess from the first layer: float32[1, 6]"


def test_one_of_several_is_picked_by_name(write) -> None:
    file = write(NET + NET.replace("Net", "Other"))
    assert type(load(f"{file}:Other").model).__name__ == "Other"


def test_of_several_the_one_that_is_no_part_of_another_is_taken(write) -> None:
    whole = "class Whole(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.inner = Net()\n"
    file = write(NET + whole + "    def forward(self, x):\n        return self.inner(x)\n")
    assert type(load(f"{file}").model).__name__ == "Whole"


def test_a_path_may_begin_at_home(write, monkeypatch) -> None:
    file = Path(write(NET))
    monkeypatch.setenv("HOME", str(file.parent))
    assert type(load(f"~/{file.name}").model).__name__ == "Net"


@pytest.mark.parametrize(
    ("text", "suffix", "message"),
    [
        (NET + NET.replace("Net", "Two"), "", "model.py defines 2 models: Net, Two. Name one, as "),
        (NET, ":Nett", "model.py has no 'Nett'; did you mean Net?"),
        ("x = 1\n", "", "no model in model.py. Looked for `model`, `net`, `build_model()`, and a class derived from"),
        (
            "class Net(nn.Module):\n    def __init__(self, width, depth):\n        pass\n",
            "",
            "Net in model.py needs arguments (width, depth), which only you know. "
            "Add to the file: def build_model(): return Net(...)",
        ),
        ("class Net:\n    pass\n", ":Net", "Net in model.py is a class, but not derived from torch.nn.Module"),
        ("size = 3\n", ":size", "size in model.py is an int, not a module or a function"),
        ("def build_model():\n    return 3\n", "", "build_model() in model.py gave an int, not a model"),
        (
            "def f(x, y):\n    return x\n",
            ":f",
            "no example input for this function; give it as --input x=SIZES --input y=SIZES (1,3,224,224 or "
            "int64:1,16:0..100); or define `example_input` in ",
        ),
        (
            "class Net(nn.Module):\n    def forward(self, x):\n        return x\n",
            "",
            "no example input, and no layer of Net to guess one from; give it as --input x=SIZES (1,3,224,224 or "
            "int64:1,16:0..100); or define `example_input` in ",
        ),
    ],
)
def test_what_stands_in_the_way_is_said(write, text: str, suffix: str, message: str) -> None:
    with pytest.raises(gt.LoadError) as caught:
        load(write(text) + suffix)
    assert str(caught.value).startswith(message)


def test_a_missing_file_suggests_the_nearest(write, tmp_path: Path) -> None:
    write(NET, "network.py")
    with pytest.raises(gt.LoadError) as caught:
        load(str(tmp_path / "netwrok.py"))
    missing, near = tmp_path / "netwrok.py", tmp_path / "network.py"
    assert str(caught.value) == f"no file {missing} (looked in {tmp_path}); did you mean {near}?"


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("model", "'model' names no model. Give a file (model.py), one of its models (model.py:Net), torchvision:NAME"),
        ("torchvision:resnet81", "torchvision has no model 'resnet81'; did you mean resnet18"),
        ("no_such_package.models:Net", "no module 'no_such_package' to import. Install it, run from its folder, or"),
    ],
)
def test_a_target_that_is_none_is_refused(target: str, message: str) -> None:
    with pytest.raises(gt.LoadError) as caught:
        load(target)
    assert str(caught.value).startswith(message)


def test_a_module_of_a_package_is_imported() -> None:
    loaded = load("torch.nn:Identity", ["2,3"])
    assert isinstance(loaded.model, nn.Identity)


@pytest.mark.parametrize(
    ("text", "n_args", "names"),
    [
        ("example_input = torch.ones(2, 6)\n", 1, []),
        ("def example_input():\n    return torch.ones(2, 6)\n", 1, []),
        ("example_inputs = (torch.ones(2, 6),)\n", 1, []),
        ("example_inputs = {'x': torch.ones(2, 6)}\n", 0, ["x"]),
    ],
)
def test_the_files_own_input_is_used(write, text: str, n_args: int, names: list[str]) -> None:
    loaded = load(write(NET + text))
    assert (len(loaded.args), list(loaded.kwargs)) == (n_args, names)
    assert loaded.inputs_note.endswith("of model.py")
    assert torch.equal([*loaded.args, *loaded.kwargs.values()][0], torch.ones(2, 6))


def test_a_guess_that_the_model_does_not_accept_says_so(write) -> None:
    text = NET.replace("return self.fc(x)", "return self.fc(x) @ torch.ones(7)")
    loaded = load(write(text))
    assert loaded.inputs_note.startswith(
        "a guess from the first layer: float32[1, 6]. If forward takes something else, say what, in this form: "
        "--input x=1,6; or define `example_input` in "
    )


@pytest.mark.parametrize(
    "line",
    ["raise RuntimeError('not trained')", "return self.no_such(x)", "return self.fc(x) / (1 // 0)", "return self.fc()"],
)
def test_a_failure_that_no_input_would_mend_is_not_put_on_the_guess(write, line: str) -> None:
    loaded = load(write(NET.replace("return self.fc(x)", line)))
    assert loaded.inputs_note == "a guess from the first layer: float32[1, 6]"


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (["1,6"], "forward(x, mask, scale) also needs mask, which --input does not give; add --input mask=SIZES"),
        (["scale=1"], "forward(x, mask, scale) also needs x and mask, which --input does not give; "
         "add --input x=SIZES --input mask=SIZES"),
        (["1,6", "1", "1"], "--input gives 3 inputs by place, more than forward(x, mask, scale) takes"),
        (["1,6", "maks=1"], "--input gives 'maks', which is no argument of forward(x, mask, scale); did you mean "
         "mask?"),
        (["1,6", "x=1", "mask=1"], "--input gives 'x' twice, by its place and by its name, to forward(x, mask, scale)"),
    ],
)  # fmt: skip
def test_inputs_that_are_not_forwards_are_refused(write, inputs: list[str], message: str) -> None:
    file = write(NET.replace("(self, x)", "(self, x, mask, *, scale=None)").replace("return", "return mask *"))
    with pytest.raises(gt.LoadError) as caught:
        load(file, inputs)
    assert str(caught.value) == message


def test_an_example_input_that_is_too_little_is_refused(write) -> None:
    file = write(NET.replace("(self, x)", "(self, x, mask)") + "example_input = torch.ones(1, 6)\n")
    with pytest.raises(gt.LoadError) as caught:
        load(file)
    assert str(caught.value) == (
        "forward(x, mask) also needs mask, which `example_input` of model.py does not give; add it there"
    )


def test_an_exception_of_the_users_file_comes_out_unchanged(write) -> None:
    with pytest.raises(ZeroDivisionError):
        load(write("1 / 0\n"))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("1,3,8,8", "float32[1, 3, 8, 8]"),
        ("int64:1,128:0..30000", "int64[1, 128] in 0..30000"),
        ("mask=bool:1,128", "mask=bool[1, 128]"),
        ("f16:2:-1..1", "float16[2] in -1..1"),
        ("long:()", "int64[]"),
        ("1x3x8", "float32[1, 3, 8]"),
        ("(1, 3)", "float32[1, 3]"),
        ("3,", "float32[3]"),
    ],
)
def test_an_input_is_read(text: str, shown: str) -> None:
    spec = parse_input(text)
    assert str(spec) == shown
    made = spec.make()
    assert (made.shape, made.dtype) == (spec.shape, spec.dtype)
    if spec.low is not None and spec.high is not None:
        assert spec.low <= made.min() and made.max() <= spec.high
    assert parse_input(spec.typed()) == spec


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "input '': sizes are numbers from 0, separated by commas. The form is "),
        ("a,b", f"input 'a,b': 'a,b' are no sizes. {NO_TENSOR} The form is "),
        ("1,x", f"input '1,x': '1,x' are no sizes. {NO_TENSOR} The form is "),
        ("1,,2", f"input '1,,2': '1,,2' are no sizes. {NO_TENSOR} The form is "),
        ("1 2", f"input '1 2': '1 2' are no sizes. {NO_TENSOR} The form is "),
        ("scale=0.5", f"input 'scale=0.5': '0.5' are no sizes. {NO_TENSOR} The form is "),
        ("1,-3", "input '1,-3': sizes are numbers from 0, separated by commas. The form is "),
        ("float99:1", f"input 'float99:1': no dtype 'float99'; use float32, int64, bool, ... {NO_TENSOR} The form is "),
        ("int64:1:5", "input 'int64:1:5': '5' is no range LOW..HIGH. The form is "),
        ("int64:1:5..2", "input 'int64:1:5..2': '5..2' is no range LOW..HIGH. The form is "),
        ("1 2=3", "input '1 2=3': '1 2' is no argument name. The form is "),
    ],
)
def test_an_input_that_is_none_is_refused(text: str, message: str) -> None:
    with pytest.raises(gt.LoadError) as caught:
        parse_input(text)
    assert str(caught.value).startswith(message)
    assert str(caught.value).endswith("as 1,3,224,224 or int64:1,128:0..30000 or mask=bool:1,128")


def test_a_device_that_is_not_there_is_refused() -> None:
    with pytest.raises(gt.LoadError, match=r"^no device 'gpu'; the devices are cpu, cuda, cuda:1, \.\.\.$"):
        load("torch.nn:ReLU", ["1"], device="gpu")
    if not torch.cuda.is_available():
        with pytest.raises(gt.LoadError, match=r"^torch sees no CUDA device on this machine"):
            load("torch.nn:ReLU", ["1"], device="cuda")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")
def test_a_model_is_recorded_on_cuda() -> None:
    loaded = load("torchvision:resnet18", ["1,3,64,64"], device="cuda")
    recording = gt.run(loaded.model, *loaded.args)
    assert recording.value("output").device.type == "cuda"
    assert torch.equal(gt.replay(recording), recording.value("output"))


def test_trained_weights_come_from_torchs_own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from torchvision import models

    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    url = models.SqueezeNet1_1_Weights.DEFAULT.url
    there = tmp_path / "checkpoints" / url.rpartition("/")[2]
    there.parent.mkdir()
    kept = models.squeezenet1_1().state_dict()
    torch.save(kept, there)
    loaded = load("torchvision:squeezenet1_1@DEFAULT")
    assert loaded.name == "squeezenet1_1"
    assert all(torch.equal(value, kept[name]) for name, value in loaded.model.state_dict().items())
    again = load("torchvision:squeezenet1_1@IMAGENET1K_V1")
    assert torch.equal(again.model.features[0].weight, kept["features.0.weight"])


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("resnet18@IMAGENET1K", "resnet18 has no weights 'IMAGENET1K'; there are DEFAULT, IMAGENET1K_V1"),
        ("fcn_resnet50@nonsense", "there are DEFAULT, COCO_WITH_VOC_LABELS_V1"),
    ],
)
def test_weights_that_there_are_not_are_refused(target: str, words: str):
    with pytest.raises(gt.LoadError, match=words):
        load(f"torchvision:{target}")


def test_weights_that_cannot_be_downloaded_say_where_to_put_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # where nobody listens
    monkeypatch.setattr(urllib.request, "_opener", None)  # it would keep the proxies for all later tests
    with pytest.raises(gt.LoadError, match="squeezenet1_1@DEFAULT could not be had from https://") as error:
        load("torchvision:squeezenet1_1@DEFAULT")
    assert str(tmp_path / "checkpoints" / "squeezenet1_1-b8a52dc0.pth") in str(error.value)
    assert "open squeezenet1_1 with random weights" in str(error.value)
