"""A guessed loss is called a guess, draws its target once, and leaves torch's random numbers alone."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

import graphtools as gt
from graphtools.errors import LoadError
from graphtools.example_loss import ExampleLoss, LossName, example_optimizer


@pytest.mark.parametrize(
    ("sizes", "name", "note"),
    [
        ((4, 3), None, "a guess: cross-entropy against random classes of 3; choose it by --loss"),
        ((4, 1), None, "a guess: mean squared error against random numbers f32[4, 1]; choose it by --loss"),
        ((2, 5, 3), None, "a guess: mean squared error against random numbers f32[2, 5, 3]; choose it by --loss"),
        ((2, 5, 3), "cross_entropy", "cross-entropy against random classes of 3"),
        ((2, 3, 4, 4), "cross_entropy", "cross-entropy against random classes of 3"),
        ((3,), "cross_entropy", "cross-entropy against random classes of 3"),
        ((), "mse", "mean squared error against random numbers f32[]"),
        ((), None, "the model's own output, a single number"),
    ],
)
def test_the_loss_follows_the_shape_of_the_output(sizes: tuple[int, ...], name: LossName | None, note: str) -> None:
    output = torch.randn(sizes, requires_grad=True)
    state = torch.get_rng_state()
    loss = ExampleLoss(name)
    first, second = loss(output), loss({"logits": output})
    assert first.shape == () and torch.equal(first, second) and bool(first.isfinite())
    assert loss.note == note
    assert torch.equal(torch.get_rng_state(), state)
    first.backward()
    assert output.grad is not None


def test_scores_of_each_token_are_compared_with_random_tokens() -> None:
    loss = ExampleLoss(tokens=(2, 5))
    assert bool(loss(torch.randn(2, 5, 3, requires_grad=True)).isfinite())
    assert loss.note == "a guess: cross-entropy against random tokens of 3 at each place; choose it by --loss"


def test_the_target_is_no_operation_of_the_recorded_step() -> None:
    model = nn.Linear(3, 2)
    loss = ExampleLoss("mse")
    optimizer, note = example_optimizer(model, "adamw", lr=0.1)
    recording = gt.training_step(model, ((torch.ones(4, 3),), None), loss, optimizer)
    assert [event.name for event in recording.events if event.phase == "forward"] == ["linear", "mse_loss"]
    target = recording.value("target")
    assert torch.equal(recording.value("mse_loss"), functional.mse_loss(recording.value("linear"), target))
    assert note == "AdamW, lr 0.1"


def test_what_cannot_be_trained_is_said() -> None:
    with pytest.raises(LoadError, match="takes part in no gradient, so it cannot be trained; leave out --train"):
        ExampleLoss()(torch.ones(2))
    with pytest.raises(LoadError, match="cross-entropy needs an output"):
        ExampleLoss("cross_entropy")(torch.tensor(1.0, requires_grad=True))
    with pytest.raises(LoadError, match="ReLU has no trainable parameter; leave out --train"):
        example_optimizer(nn.ReLU())
