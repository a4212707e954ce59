"""A training that goes on from a branch is the loop in which a person made that change by hand."""

import copy
import random

import pytest
import torch
from test_trainer import Net, Noisy, examples, make, run, same
from torch import nn
from torch.utils.data import DataLoader

import graphtools as gt
from graphtools.errors import EditError
from graphtools.learning import Data, Trainer, read_plan
from graphtools.learning.checkpoints import checkpoints_in, load_checkpoint

STEPS = [0, 4, 6, 20]  # the first of all, one in the middle, the last of an epoch, the last of all


def by_hand(at, change, name="sgd", schedule=None, epochs=3):
    """The loop that a person would write, with `change(model, loss_of)` in place of the forward pass of one step."""
    torch.manual_seed(0)
    random.seed(0)
    model = Net()
    optimizers = {
        "sgd": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9),
        "adam": lambda p: torch.optim.Adam(p, lr=0.01),
    }
    optimizer = optimizers[name](model.parameters())
    scheduler = schedule(optimizer) if schedule else None
    loader = DataLoader(Noisy(examples()), 8, shuffle=True, generator=torch.Generator().manual_seed(0))
    model.train()
    index = 0
    for _ in range(epochs):
        for x, y in loader:
            optimizer.zero_grad()
            if index == at:
                change(model, x, y)
            else:
                nn.functional.cross_entropy(model(x), y).backward()
            optimizer.step()
            index += 1
        if scheduler:
            scheduler.step()
    return model.state_dict()


def plainly(model, x, y):
    nn.functional.cross_entropy(model(x), y).backward()


def halve_a_parameter(model, x, y):
    with torch.no_grad():
        model.first.weight.mul_(0.5)
    plainly(model, x, y)


def silence(model, x, y):
    hidden = torch.relu(model.norm(model.first(x)))
    nn.functional.cross_entropy(model.last(model.drop(hidden * 0)), y).backward()


def push(model, x, y):
    plainly(model, x, y)
    model.last.weight.grad.mul_(10)


def without_dropout(model, x, y):
    nn.functional.cross_entropy(model.last(torch.relu(model.norm(model.first(x)))), y).backward()


EDITS = {
    "nothing": (plainly, ("relu", lambda t: t, "value")),
    "parameter": (halve_a_parameter, ("first.weight", lambda t: t * 0.5, "value")),
    "value": (silence, ("relu", lambda t: t * 0, "value")),
    "gradient": (push, ("last.weight", lambda g: g * 10, "gradient")),
    "operation": (
        without_dropout,
        ("drop", lambda t: t, "operation"),
    ),  # all later random numbers differ
}
OPTIMIZERS = {"sgd": {"name": "sgd", "lr": 0.1, "momentum": 0.9}, "adam": {"name": "adam", "lr": 0.01}}


def advance(trainer, count):
    for _ in range(count):
        assert trainer.step() is not None


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("at", STEPS)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_it_is_the_loop_with_the_change_made_by_hand(edit, at, name):
    change, (of, to, what) = EDITS[edit]
    trainer = make(True, optimizer=OPTIMIZERS[name])
    advance(trainer, at)
    recording, before = trainer.record_step()
    branch = gt.edit(recording, of, to, what)
    metrics = trainer.go_on_from(branch)
    assert metrics["step"] == before["step"] == trainer.n_steps == at + 1
    assert metrics["loss"] == float(branch.value("cross_entropy"))
    run(trainer)
    assert same(trainer, by_hand(at, change, name))
    assert (edit == "nothing") == same(trainer, by_hand(at, plainly, name))


def test_schedulers_count_the_step_once():
    trainer = make(True, scheduler={"name": "step", "step_size": 1, "gamma": 0.5})
    advance(trainer, 6)
    recording, _ = trainer.record_step()  # the last of its epoch
    trainer.go_on_from(gt.edit(recording, "first.weight", lambda t: t * 0.5))
    run(trainer)
    expected = by_hand(6, halve_a_parameter, schedule=lambda o: torch.optim.lr_scheduler.StepLR(o, 1, 0.5))
    assert same(trainer, expected)


def test_one_cycle_counts_it_once():
    settings = {"scheduler": {"name": "one_cycle"}, "optimizer": {"name": "sgd", "lr": 0.1, "momentum": 0.9}}
    plain = make(True, **settings)
    run(plain)
    looked = make(True, **settings)
    advance(looked, 5)
    recording, _ = looked.record_step()
    looked.go_on_from(gt.edit(recording, "relu", lambda t: t * 0))
    looked.go_on_from(recording)  # and back
    run(looked)
    assert same(looked, plain.model.state_dict())


def test_branch_original_and_branch_again_are_each_themselves():
    trainer = make(True)
    advance(trainer, 3)
    recording, first = trainer.record_step()
    original = copy.deepcopy(trainer.model.state_dict())
    branch = gt.edit(recording, "relu", lambda t: t * 0)
    second = trainer.go_on_from(branch)
    changed = copy.deepcopy(trainer.model.state_dict())
    assert not same(trainer, original)
    assert trainer.go_on_from(recording) == first
    assert same(trainer, original)
    other = gt.edit(recording, "first.weight", lambda t: t * 0.5)  # a branch made after the training had changed
    trainer.go_on_from(other)
    assert not same(trainer, original)
    assert not same(trainer, changed)
    deeper = gt.edit(branch, "last.weight", lambda t: t * 2)
    trainer.go_on_from(deeper)
    assert trainer.go_on_from(branch) == second
    assert same(trainer, changed)
    run(trainer)
    assert same(trainer, by_hand(3, silence))


def test_recordings_stay_what_they_were():
    trainer = make(True)
    advance(trainer, 3)
    recording, _ = trainer.record_step()
    branch = gt.edit(recording, "relu", lambda t: t * 0)
    kept = [{str(ref): copy.deepcopy(value) for ref, value in one.values()} for one in (recording, branch)]
    updates = [one.update("first.weight").after.clone() for one in (recording, branch)]
    trainer.go_on_from(branch)
    for one, before in zip((recording, branch), kept, strict=True):
        now = {str(ref): value for ref, value in one.values()}
        assert now.keys() == before.keys()
        for name, value in now.items():
            assert torch.equal(torch.as_tensor(value), torch.as_tensor(before[name])), name
    run(trainer)
    for one, after in zip((recording, branch), updates, strict=True):
        assert torch.equal(one.update("first.weight").after, after)


def test_a_step_that_failed_goes_on_from_a_branch_that_does_not(monkeypatch):
    def forward(self, x):
        hidden = torch.relu(self.norm(self.first(x)))
        if hidden.max() > 3:
            raise ValueError("too large")
        return self.last(hidden)

    monkeypatch.setattr(Net, "forward", forward)
    trainer = make(optimizer={"name": "sgd", "lr": 30.0})
    with pytest.raises(ValueError, match="too large"):
        run(trainer)
    with pytest.raises(ValueError, match="too large") as failed:
        trainer.record_step()
    done = trainer.n_steps
    branch = gt.edit(failed.value.recording, "relu", lambda t: t.clamp(max=1))
    metrics = trainer.go_on_from(branch)
    assert metrics["step"] == trainer.n_steps == done + 1
    with pytest.raises(EditError, match="the changed step stopped early, with ValueError"):
        trainer.go_on_from(failed.value.recording)


def test_only_the_last_step_can_be_gone_on_from():
    trainer = make()
    recording, _ = trainer.record_step()
    branch = gt.edit(recording, "relu", lambda t: t * 0)
    trainer.step()
    before = copy.deepcopy(trainer.model.state_dict())
    with pytest.raises(EditError, match="only go on from a branch of the step that it has recorded last"):
        trainer.go_on_from(branch)
    assert same(trainer, before)
    _, _ = trainer.record_step()
    with pytest.raises(EditError, match="only go on from a branch"):
        trainer.go_on_from(branch)


def test_the_checkpoint_of_the_step_is_that_of_the_branch(tmp_path):
    settings = {"checkpoints": {"folder": str(tmp_path), "every": 5}}
    trainer = make(True, **settings)
    advance(trainer, 4)
    recording, _ = trainer.record_step()
    trainer.go_on_from(gt.edit(recording, "first.weight", lambda t: t * 0.5))
    (saved,) = checkpoints_in(tmp_path)
    assert same(trainer, load_checkpoint(saved)["model"])
    settings["checkpoints"]["resume"] = True
    again = make(True, **settings)
    run(again)
    assert same(again, by_hand(4, halve_a_parameter))


class Counting(nn.Module):
    """Keeps numbers and a buffer of its own."""

    def __init__(self):
        super().__init__()
        self.last = nn.Linear(6, 3)
        self.calls, self.seen = 0, []
        self.register_buffer("mean", torch.zeros(6))

    def forward(self, x):
        if self.training:
            self.calls += 1
            self.seen.append(len(x))
            self.mean = self.mean * 0.9 + 0.1 * x.mean(0)
        return self.last(x - self.mean)


def test_what_the_model_itself_keeps_is_of_one_step():
    def made():
        torch.manual_seed(0)
        plan = read_plan({"epochs": 2, "batch_size": 8})
        return Trainer(plan, Counting(), Data(examples(), examples(20), ("a", "b", "c"), "made"))

    looked, plain = made(), made()
    run(plain)
    advance(looked, 2)
    recording, _ = looked.record_step()
    looked.go_on_from(gt.edit(recording, "last", lambda t: t))
    run(looked)
    assert same(looked, plain.model.state_dict())
    assert (looked.model.calls, looked.model.seen) == (plain.model.calls, plain.model.seen)
