"""Mistakes at a loss are found where they are, and nowhere else."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import graphtools as gt
from graphtools.mistakes import loss_mistake

SCORES = torch.linspace(-2, 3, 40).reshape(8, 5)
CLASSES = torch.arange(8) % 5


def step_of(loss, x=SCORES, target=CLASSES):
    with gt.record() as recording:
        loss(x.clone().requires_grad_(), target).backward()
    return recording


@pytest.mark.parametrize(
    ("loss", "node", "words"),
    [
        (lambda x, y: F.cross_entropy(x.softmax(1), y), "cross_entropy", "the scores before the softmax"),
        (lambda x, y: nn.CrossEntropyLoss()(x.softmax(1).half().float(), y), "cross_entropy", "before the softmax"),
        (lambda x, y: F.cross_entropy(x.exp() / x.exp().sum(1, True), y), "cross_entropy", "before the softmax"),
        (lambda x, y: F.nll_loss(x, y), "nll_loss", "put log_softmax before it"),
        (lambda x, y: F.nll_loss(x.softmax(1), y), "nll_loss", "log_softmax in place of softmax"),
        (
            lambda x, y: F.kl_div(x.softmax(1), F.one_hot(y, 5).float(), reduction="batchmean"),
            "kl_div",
            "log_softmax in place",
        ),
        (
            lambda x, y: F.binary_cross_entropy_with_logits(x[:, 0].sigmoid(), (y > 2).float()),
            "binary_cross_entropy_with_logits",
            "before the sigmoid",
        ),
    ],
)
def test_what_torch_takes_without_a_word(loss, node, words):
    recording = step_of(loss)
    ((found, text),) = recording.mistakes()
    assert found.operation == node
    assert words in text
    assert text in recording.explain(found).notes


@pytest.mark.parametrize(
    "loss",
    [
        F.cross_entropy,
        lambda x, y: F.nll_loss(x.log_softmax(1), y),
        lambda x, y: F.cross_entropy(x.log_softmax(1), y),  # the same numbers, as the logarithms are scores too
        lambda x, y: F.cross_entropy(x.sigmoid(), y),  # between 0 and 1, as scores may be
        lambda x, y: F.cross_entropy(x, F.one_hot(y, 5).float()),
        lambda x, y: F.mse_loss(x[:, 0], y.float()),
        lambda x, y: F.binary_cross_entropy(x[:, 0].sigmoid(), (y > 2).float()),
        lambda x, y: F.binary_cross_entropy_with_logits(x[:, 0], (y > 2).float()),
        lambda x, y: F.kl_div(x.log_softmax(1), F.one_hot(y, 5).float(), reduction="batchmean"),
        lambda x, y: (x.softmax(1)[:, 0] - y).square().mean(),
    ],
)
def test_what_is_right_is_not_called_wrong(loss):
    assert step_of(loss).mistakes() == []


def test_shapes_that_are_stretched_are_said():
    with pytest.warns(UserWarning, match="target size"):
        recording = step_of(lambda x, y: F.mse_loss(x[:, :1], y.float()))
    ((_, text),) = recording.mistakes()
    assert "shape [8, 1] and its target [8]" in text


def test_what_was_not_kept_is_passed_over():
    probabilities = SCORES.softmax(1)
    with gt.record() as recording:
        F.cross_entropy(probabilities, CLASSES)
    probabilities.resize_(0)
    with pytest.raises(gt.ValueLost):
        recording.value(recording.graph.nodes[0])
    assert recording.mistakes() == []


@pytest.mark.parametrize("loss", [nn.CrossEntropyLoss(), F.cross_entropy, "cross_entropy"])
def test_a_loss_is_known_as_module_function_and_name(loss):
    assert "before the softmax" in loss_mistake(loss, SCORES.softmax(1), CLASSES)
    assert loss_mistake(loss, SCORES, CLASSES) == ""
    assert loss_mistake(lambda x, y: x.sum(), SCORES.softmax(1), CLASSES) == ""


def test_of_a_tensor_without_strides_nothing_is_said():
    assert loss_mistake("cross_entropy", SCORES.softmax(1).to_sparse(), CLASSES) == ""
