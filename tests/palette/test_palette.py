"""The palette is what the installed packages offer, read from them, with what a form needs."""

from __future__ import annotations

import json
import subprocess
import sys

import torch
from torch import nn

import graphtools as gt
from graphtools import palette


def test_every_module_of_torch_nn_that_computes_is_there() -> None:
    titles = {entry.title for entry in palette.entries() if entry.group == "torch.nn"}
    left_out = {
        name
        for name, kind in vars(nn).items()
        if isinstance(kind, type) and issubclass(kind, nn.Module) and name not in titles
    }
    assert left_out <= {
        "Module", "Container", "Sequential", "ModuleList", "ModuleDict", "ParameterList", "ParameterDict", "RNNBase",
        "RNNCellBase", "NLLLoss2d",
    }, left_out  # fmt: skip
    assert len(titles) > 140


def test_a_convolution_has_its_parameters_with_the_controls_that_fit() -> None:
    entry = palette.find_entry("Conv2d")
    assert entry.summary == "Applies a 2D convolution over an input signal composed of several input planes."
    found = {p.name: (p.control, p.is_required, p.default) for p in entry.parameters}
    assert found["in_channels"] == ("integer", True, None)
    assert found["kernel_size"][0] == "sizes" and found["bias"] == ("switch", False, True)
    modes = next(p for p in entry.parameters if p.name == "padding_mode")
    assert modes.control == "choice" and modes.choices == ("zeros", "reflect", "replicate", "circular")
    assert [port.name for port in entry.inputs] == ["input"]


def test_functions_have_tensor_ports_and_other_parameters() -> None:
    assert [port.name for port in palette.find_entry("torch.where").inputs] == ["condition", "input", "other"]
    cat = palette.find_entry("torch.cat")
    assert cat.inputs[0].is_list and [p.name for p in cat.parameters] == ["dim"]
    assert [port.name for port in palette.find_entry("scaled_dot_product_attention").inputs][:3] == [
        "query",
        "key",
        "value",
    ]


def test_what_is_common_is_found_first() -> None:
    for query, first in {
        "linear": "torch.nn.Linear", "conv": "torch.nn.Conv2d", "drop": "torch.nn.Dropout", "relu": "torch.nn.ReLU",
        "soft max": "torch.nn.Softmax", "resnet50": "torchvision.models.resnet.resnet50",
        "mha": "torch.nn.MultiheadAttention",
    }.items():  # fmt: skip
        assert palette.search(query)[0].target == first
    assert palette.search("no such thing at all") == []


def test_signs_find_their_functions() -> None:
    for query, first in {
        "+": "torch.add", "-": "torch.sub", "*": "torch.mul", "/": "torch.div", "@": "torch.matmul",
        "**": "torch.pow", "[]": "operator.getitem", "getitem": "operator.getitem", "==": "torch.eq",
    }.items():  # fmt: skip
        assert palette.search(query)[0].target == first


def test_the_blocks_of_torchvision_are_there_and_no_whole_model_twice() -> None:
    found = {entry.title: entry for entry in palette.entries() if entry.target.startswith("torchvision.")}
    assert {
        "BasicBlock", "Bottleneck", "InvertedResidual", "Conv2dNormActivation", "SqueezeExcitation", "MLPBlock",
        "EncoderBlock", "Inception", "Fire", "CNBlock", "ASPP", "SwinTransformerBlock",
    } <= found.keys()  # fmt: skip
    assert "ResNet" not in found and "VisionTransformer" not in found
    draft = gt.Draft()
    x = draft.input("x", "f32[B, 16, 8, 8]")
    x = draft.add(found["BasicBlock"].target, x, 16, 16)
    draft.output(draft.add(palette.find_entry("InvertedResidual").target, x, 16, 16, 1, 4))
    assert draft.to_module()(torch.ones(2, 16, 8, 8)).shape == (2, 16, 8, 8)
    assert "from torchvision.models.resnet import BasicBlock\n" in draft.to_code()


def test_a_part_is_taken_with_the_entry_for_it() -> None:
    draft = gt.Draft()
    draft.output(draft.add(palette.search("[]")[0].target, draft.input("x", "f32[B, 4]"), 0))
    assert "return x[0]" in draft.to_code()


def test_entries_can_be_added_to_a_draft_by_their_target() -> None:
    for name, settings in {"Linear": {"in_features": 4, "out_features": 2}, "Tanh": {}, "torch.exp": {}}.items():
        draft = gt.Draft()
        draft.output(draft.add(palette.find_entry(name).target, draft.input("x", "f32[B, 4]"), **settings))
        assert draft.to_module()(torch.ones(2, 4)).shape[0] == 2


def test_every_target_is_one_that_a_draft_may_call() -> None:
    from graphtools.drafting.targets import find

    for entry in palette.entries():
        assert callable(find(entry.target)), entry.target


def test_json_is_strict_and_holds_every_entry() -> None:
    document = json.loads(palette.to_json(), parse_constant=lambda word: 1 / 0)
    assert len(document) == len(palette.entries())
    assert {"target", "title", "group", "category", "summary", "inputs", "parameters"} <= document[0].keys()


def test_the_users_own_modules_are_entries_too() -> None:
    class Own(nn.Module):
        """A block of the user's."""

        def __init__(self, width: int, scale: float = 0.5) -> None:
            super().__init__()
            self.fc = nn.Linear(width, width)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.fc(x)

    (entry,) = palette.entries_of(nn.Sequential(Own(3), nn.ReLU()))
    assert entry.title == "Own" and entry.summary == "A block of the user's."
    assert [(p.name, p.control) for p in entry.parameters] == [("width", "integer"), ("scale", "number")]


def test_graphtools_is_imported_without_the_palette() -> None:
    code = "import sys, graphtools; print(any(name.startswith('graphtools.palette') for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"
