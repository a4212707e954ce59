"""Recordings equal plain PyTorch, bit for bit, over models nobody here wrote and over the hard cases.

All of torchvision and timm take too long for every run: `python -m benchmarks.coverage` covers them. Here is one of
each torchvision family.
"""

from __future__ import annotations

import warnings

import pytest

from tests.oracle import check
from tests.zoo import hard_cases, torchvision_models
from tests.zoo.case import Case

_FAMILIES = (
    "alexnet densenet121 efficientnet_b0 googlenet inception_v3 mnasnet0_5 mobilenet_v2 mobilenet_v3_small "
    "regnet_y_400mf resnet18 shufflenet_v2_x0_5 squeezenet1_1 swin_t vit_b_32 lraspp_mobilenet_v3_large "
    "fasterrcnn_mobilenet_v3_large_320_fpn ssdlite320_mobilenet_v3_large raft_small r3d_18 quantized_mobilenet_v2"
).split()


def _cases() -> list[Case]:
    named = {case.name: case for case in torchvision_models.cases()}
    return [*hard_cases.cases(), *(named[name] for name in _FAMILIES)]


@pytest.mark.parametrize("train", [False, True], ids=["eval", "train"])
@pytest.mark.parametrize("case", _cases(), ids=lambda case: case.name)
def test_a_recording_equals_plain_pytorch_and_replays_bit_for_bit(case: Case, train: bool) -> None:
    if train and "no-train" in case.traits:
        pytest.skip(case.train_note)
    for package in case.needs:
        pytest.importorskip(package)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what the models warn of is theirs; hard cases name theirs one by one
        report = check(case, train)
    assert report.problems == []


@pytest.mark.parametrize("train", [False, True], ids=["eval", "train"])
def test_recordings_of_transformers_equal_plain_pytorch(train: bool) -> None:
    pytest.importorskip("transformers")
    from tests.zoo import transformers_models

    problems = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for case in transformers_models.cases():
            if not (train and "no-train" in case.traits):
                problems += [f"{case.name}: {problem}" for problem in check(case, train).problems]
    assert problems == []
