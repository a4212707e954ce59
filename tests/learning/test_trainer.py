"""The trainer against the loop that a person would write: the same parameters, bit for bit."""

import itertools
import math
import random

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

from graphtools.errors import EditError, LoadError
from graphtools.learning import Data, PlanError, Trainer, losses, read_plan
from graphtools.learning.checkpoints import checkpoints_in


class Net(nn.Module):
    """With what makes a step hard to repeat: dropout, running statistics."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(6, 16)
        self.norm = nn.BatchNorm1d(16)
        self.drop = nn.Dropout(0.3)
        self.last = nn.Linear(16, 3)

    def forward(self, x):
        return self.last(self.drop(torch.relu(self.norm(self.first(x)))))


class Noisy(Dataset):
    """Changes its examples by random numbers of torch and of Python when they are drawn, as augmentation does."""

    def __init__(self, inner):
        self.inner = inner

    def __len__(self):
        return len(self.inner)

    def __getitem__(self, index):
        x, y = self.inner[index]
        return x + 0.1 * torch.randn(6) + 0.01 * random.random(), y


def examples(count=50):
    generator = torch.Generator().manual_seed(7)
    x = torch.randn(count, 6, generator=generator)
    return TensorDataset(x, (x.sum(1) > 0).long() + (x[:, 0] > 1).long())


def make(noisy=False, count=50, **document):
    settings = {"epochs": 3, "batch_size": 8, "optimizer": {"name": "sgd", "lr": 0.1, "momentum": 0.9}, **document}
    plan = read_plan(settings)
    torch.manual_seed(plan.seed)
    random.seed(0)
    train = Noisy(examples(count)) if noisy else examples(count)
    return Trainer(plan, Net(), Data(train, examples(20), ("a", "b", "c"), "made"))


def by_hand(
    noisy=False, epochs=3, optimizer=lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9), schedule=None, count=50
):
    """The loop that a person would write."""
    torch.manual_seed(0)
    random.seed(0)
    model = Net()
    optimizer = optimizer(model.parameters())
    scheduler = schedule(optimizer) if schedule else None
    loader = DataLoader(
        Noisy(examples(count)) if noisy else examples(count), 8, shuffle=True,
        generator=torch.Generator().manual_seed(0),
    )  # fmt: skip
    model.train()
    for _ in range(epochs):
        for x, y in loader:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x), y).backward()
            optimizer.step()
        if scheduler:
            scheduler.step()
    return model.state_dict()


def run(trainer):
    steps = []
    while not trainer.is_done:
        found = trainer.step()
        if found is not None:
            steps.append(found)
    return steps


def same(trainer, expected):
    return all(torch.equal(value, expected[name]) for name, value in trainer.model.state_dict().items())


@pytest.mark.parametrize("noisy", [False, True])
def test_the_parameters_are_those_of_the_loop_by_hand(noisy):
    trainer = make(noisy)
    steps = run(trainer)
    assert same(trainer, by_hand(noisy))
    assert len(steps) == trainer.n_all_steps == 21
    assert steps[6]["test_accuracy"] is not None
    assert steps[0]["gradient_norm"] > 0
    assert 0 < steps[0]["update_ratio"] < 1
    assert 0 <= steps[0]["accuracy"] <= 1


@pytest.mark.parametrize(
    ("name", "make_optimizer"),
    [
        ("adam", lambda p: torch.optim.Adam(p, lr=0.01)),
        ("adamw", lambda p: torch.optim.AdamW(p, lr=0.01)),
        ("rmsprop", lambda p: torch.optim.RMSprop(p, lr=0.01)),
        ("adagrad", lambda p: torch.optim.Adagrad(p, lr=0.01)),
    ],
)
def test_so_they_are_with_every_optimizer(name, make_optimizer):
    trainer = make(optimizer={"name": name, "lr": 0.01})
    run(trainer)
    assert same(trainer, by_hand(optimizer=make_optimizer))


def test_so_they_are_with_a_scheduler():
    trainer = make(scheduler={"name": "step", "step_size": 1, "gamma": 0.5})
    run(trainer)
    assert same(trainer, by_hand(schedule=lambda o: torch.optim.lr_scheduler.StepLR(o, 1, 0.5)))


@pytest.mark.parametrize("noisy", [False, True])
def test_steps_that_were_recorded_change_nothing(noisy):
    trainer = make(noisy)
    for index in itertools.count():
        if trainer.is_done:
            break
        if index in (0, 5, 6, 20):
            recording, metrics = trainer.record_step()
            assert float(recording.value("cross_entropy")) == metrics["loss"]
            assert {event.phase for event in recording.events} == {"forward", "backward", "update"}
            names = [
                "linear",
                "add",
                "batch_norm",
                "relu",
                "dropout",
                "linear_1",
                "cross_entropy",
            ]  # and nothing of ours
            assert [node.name for node in recording.graph.operations] == names
        else:
            trainer.step()
    assert same(trainer, by_hand(noisy))


@pytest.mark.parametrize("noisy", [False, True])
@pytest.mark.parametrize("stop", [1, 6, 7, 11, 20])
@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_stopping_and_going_on_gives_the_same(tmp_path, stop, noisy, name):
    settings = {"checkpoints": {"folder": str(tmp_path)}, "optimizer": {"name": name, "lr": 0.01}}
    settings["scheduler"] = {"name": "one_cycle"}
    whole = make(noisy, optimizer=settings["optimizer"], scheduler=settings["scheduler"])
    run(whole)
    first = make(noisy, **settings)
    for _ in range(stop):
        first.step()
    first.save()
    torch.manual_seed(99)
    random.seed(99)
    settings["checkpoints"]["resume"] = True
    second = make(noisy, **settings)
    assert (second.n_steps, second.epoch) == (stop, stop // 7)
    run(second)
    assert same(second, whole.model.state_dict())


@pytest.mark.parametrize(
    ("breaks", "words"),
    [
        ({"step": 5}, "the plan says to stop before it"),
        ({"gradient_norm": 0.3}, "above 0.3"),
        ({"loss_rise": 0.05}, "the loss rose to"),
    ],
)
@pytest.mark.parametrize("look", [False, True])
def test_a_condition_breaks_in_before_the_step_changes_anything(tmp_path, breaks, words, look):
    trainer = make(True, breaks=breaks)
    stops = 0
    while not trainer.is_done:
        before = {name: value.clone() for name, value in trainer.model.state_dict().items()}
        if trainer.step() is not None:
            continue
        stops += 1
        assert words in trainer.why
        assert same(trainer, before)
        if look:
            recording, metrics = trainer.record_step()
            assert metrics["step"] == trainer.n_steps
            assert float(recording.value("cross_entropy")) == metrics["loss"]
    assert stops
    assert same(trainer, by_hand(True))


def test_a_checkpoint_at_a_break_goes_on_the_same(tmp_path):
    trainer = make(True, breaks={"step": 5}, checkpoints={"folder": str(tmp_path)})
    while trainer.step() is not None:
        pass
    trainer.save()
    again = make(True, checkpoints={"folder": str(tmp_path), "resume": True})
    run(again)
    assert same(again, by_hand(True))


def test_a_loss_that_is_not_finite_breaks_in():
    trainer = make(optimizer={"name": "sgd", "lr": 1e30}, breaks={"nonfinite": True})
    while not trainer.why:
        trainer.step()
    assert trainer.why in ("the loss is nan", "the loss is inf", "a gradient is not finite")
    recording, _ = trainer.record_step()
    assert recording.failure is None


def test_checkpoints_are_kept_and_old_ones_removed(tmp_path):
    trainer = make(checkpoints={"folder": str(tmp_path), "every": 2, "keep": 2})
    run(trainer)
    assert [path.name for path in checkpoints_in(tmp_path)] == ["step-00000020.ckpt", "step-00000021.ckpt"]


def test_the_same_where_the_last_batch_of_an_epoch_is_whole(tmp_path):
    trainer = make(True, count=48)
    run(trainer)
    assert same(trainer, by_hand(True, count=48))
    stopped = make(True, count=48, checkpoints={"folder": str(tmp_path)})
    for _ in range(6):  # an epoch
        stopped.step()
    stopped.save()
    again = make(True, count=48, checkpoints={"folder": str(tmp_path), "resume": True})
    run(again)
    assert same(again, by_hand(True, count=48))


def test_checkpoints_of_two_trainings_are_not_mixed(tmp_path):
    run(make(checkpoints={"folder": str(tmp_path), "every": 5}))
    with pytest.raises(LoadError, match=r"holds the checkpoints of another training, .*: go on from it \(resume\)"):
        make(checkpoints={"folder": str(tmp_path)})


def test_what_goes_on_from_an_earlier_checkpoint_keeps_what_it_writes(tmp_path):
    trainer = make(checkpoints={"folder": str(tmp_path), "every": 5, "keep": 5})
    run(trainer)
    early = tmp_path / "step-00000005.ckpt"
    again = make(checkpoints={"folder": str(tmp_path), "every": 7, "keep": 1, "resume": True})
    again.load(early)
    again.step()
    again.step()
    assert [path.name for path in checkpoints_in(tmp_path)] == ["step-00000007.ckpt"]


@pytest.mark.parametrize(
    ("count", "document", "words"),
    [
        (50, {"seed": 1}, "seed = 0, and the plan says 1"),
        (50, {"batch_size": 16}, "batch_size = 8, and the plan says 16"),
        (50, {"optimizer": {"name": "adam"}}, "optimizer.name = 'sgd', and the plan says 'adam'"),
        (50, {"scheduler": {"name": "cosine"}}, "scheduler.name = 'none', and the plan says 'cosine'"),
        (51, {}, "on 50 examples, and now there are 51"),
    ],
)
def test_a_checkpoint_of_another_plan_is_refused(tmp_path, count, document, words):
    trainer = make(checkpoints={"folder": str(tmp_path)})
    trainer.step()
    trainer.save()
    with pytest.raises(LoadError, match=words):
        make(count=count, checkpoints={"folder": str(tmp_path), "resume": True}, **document)


@pytest.mark.parametrize("name", ["none", "cosine", "one_cycle"])
def test_more_epochs_are_added_where_a_training_goes_on(tmp_path, name):
    settings = {"scheduler": {"name": name}}
    run(make(epochs=2, checkpoints={"folder": str(tmp_path)}, **settings))
    trainer = make(epochs=3, checkpoints={"folder": str(tmp_path), "resume": True}, **settings)
    assert len(run(trainer)) == 7
    whole = make(epochs=2, **settings)
    run(whole)
    whole.train_on(1)
    run(whole)
    assert all(torch.equal(a, b) for a, b in zip(trainer.model.parameters(), whole.model.parameters(), strict=True))


def test_epochs_that_were_added_are_there_again_after_a_stop(tmp_path):
    trainer = make(epochs=2, checkpoints={"folder": str(tmp_path)})
    run(trainer)
    trainer.train_on(1)
    trainer.step()
    trainer.save()
    again = make(epochs=2, checkpoints={"folder": str(tmp_path), "resume": True})
    assert not again.is_done
    run(again)
    assert same(again, by_hand())


def test_a_test_in_the_middle_of_an_epoch_leaves_frozen_norms_frozen():
    trainer = make(transfer={"freeze": ["norm"]})
    trainer.step()
    before = trainer.model.norm.running_mean.clone()
    trainer.evaluate()
    trainer.step()
    assert torch.equal(trainer.model.norm.running_mean, before)


def test_a_checkpoint_of_another_model_is_refused(tmp_path):
    trainer = make(checkpoints={"folder": str(tmp_path)})
    path = trainer.save()
    plan = read_plan({"batch_size": 8})
    other = Trainer(plan, nn.Linear(6, 3), Data(examples(), None, None, "made"))
    with pytest.raises(LoadError, match="is of another model"):
        other.load(path)


def test_accuracies_of_batches_are_known_of_many_steps(monkeypatch):
    monkeypatch.setattr("graphtools.learning.trainer._ACCURACY_SHARE", 0.05)  # steps of a real model take longer
    steps = run(make(epochs=20))
    known = [step["accuracy"] for step in steps if step["accuracy"] is not None]
    assert len(known) > 10
    assert all(0 <= share <= 1 for share in known)


@pytest.mark.parametrize("name", ["none", "step", "cosine", "one_cycle"])
def test_training_on_is_the_loop_of_more_epochs(name):
    trainer = make(epochs=2, scheduler={"name": name, "gamma": 0.5})
    run(trainer)
    trainer.train_on(1)
    assert trainer.n_all_steps == 21
    rates = [step["lr"] for step in run(trainer)]
    assert trainer.n_steps == 21
    if name in ("none", "step"):
        schedule = (lambda o: torch.optim.lr_scheduler.StepLR(o, 1, 0.5)) if name == "step" else None
        assert same(trainer, by_hand(schedule=schedule))
    else:  # a schedule with an end begins anew
        rates.append(trainer.optimizer.param_groups[0]["lr"])
        assert (max(rates) > 0.09, min(rates) < 1e-3) == (True, True)


def test_a_trial_with_the_trained_weights_counts_for_nothing():
    trainer = make(True)
    for _ in range(10):
        trainer.step()
    recording = trainer.record_trial()
    assert {event.phase for event in recording.events} == {"forward", "backward", "update"}
    run(trainer)
    assert torch.equal(trainer.record_trial().value("first.weight"), trainer.model.first.weight)
    assert same(trainer, by_hand(True))
    with pytest.raises(EditError, match="only go on from a branch of the step"):
        trainer.go_on_from(trainer.record_trial())


def test_scores_of_each_place_have_a_loss_and_an_accuracy():
    output, target = torch.randn(4, 6, 3), torch.randint(3, (4, 6))
    expected = nn.functional.cross_entropy(output.flatten(0, 1), target.flatten())
    assert torch.equal(losses.cross_entropy(output, target), expected)
    assert losses.accuracy("cross_entropy", output, target) == float((output.argmax(2) == target).float().mean())
    pictures = torch.randn(4, 3, 6)  # torch's own order, which counts where it can be meant
    assert torch.equal(losses.cross_entropy(pictures, target), nn.functional.cross_entropy(pictures, target))


def test_it_learns_the_digits(tmp_path):
    file = tmp_path / "net.py"
    file.write_text(
        "from torch import nn\nmodel = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))\n"
    )
    trainer = Trainer(read_plan({"model": str(file), "epochs": 15}))
    steps = run(trainer)
    assert steps[-1]["test_accuracy"] > 0.95
    assert not math.isnan(steps[-1]["loss"])


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"epoch": 3}, "no field epoch; did you mean epochs"),
        ({"optimizer": {"lrr": 3}}, "no field optimizer.lrr; did you mean optimizer.lr"),
        ({"optimizer": {"name": "sdg"}}, "optimizer.name must be one of sgd"),
        ({"optimizer": {"lr": "fast"}}, "optimizer.lr must be a number, not 'fast'"),
        ({"epochs": 0}, "epochs must be at least 1"),
        ({"epochs": 1.5}, "epochs must be a whole number"),
        ({"data": "digits"}, "data must be a table of settings"),
        ({"transfer": {"freeze": "all"}}, "transfer.freeze must be a list of texts"),
        ({"transfer": {"lr": {"fc": "x"}}}, "transfer.lr.fc must be a number"),
        ({"breaks": {"nonfinite": 1}}, "breaks.nonfinite must be true or false"),
    ],
)
def test_a_plan_with_a_mistake_is_refused_by_its_field(document, words):
    with pytest.raises(PlanError, match=words):
        read_plan(document)


def test_a_plan_survives_as_plain_data():
    plan = read_plan({"transfer": {"freeze": ["a"], "lr": {"b": 0.1}}, "optimizer": {"name": "adam", "lr": 1}})
    assert read_plan(plan.to_json()) == plan


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        ({"device": "nonsense"}, "no device 'nonsense'"),
        pytest.param(
            {"device": "cuda"},
            "CUDA is not available here",
            marks=pytest.mark.skipif(torch.cuda.is_available(), reason="there is one"),
        ),
        ({"transfer": {"freeze": ["nothing"]}}, "fits no parameter"),
        ({"transfer": {"freeze": ["*"]}}, "has no trainable parameters"),
        ({"transfer": {"lr": {"nothing": 0.1}}}, "fits no trained parameter"),
        ({"transfer": {"weights": "nowhere.pt"}}, "cannot read nowhere.pt"),
    ],
)
def test_what_cannot_be_trained_says_why(plan, words):
    with pytest.raises(LoadError, match=words):
        make(**plan)


def test_the_loss_of_an_epoch_is_the_mean_of_its_steps_also_after_a_break(tmp_path):
    steps = run(make())
    for epoch in range(3):
        own = [step["loss"] for step in steps[7 * epoch : 7 * epoch + 7]]
        assert steps[7 * epoch + 6]["train_loss"] == sum(own) / 7
    trainer = make(checkpoints={"folder": str(tmp_path)})
    for _ in range(10):
        trainer.step()
    trainer.save()
    again = run(make(checkpoints={"folder": str(tmp_path), "resume": True}))
    assert again[3]["train_loss"] == steps[13]["train_loss"]


@pytest.mark.parametrize("loss", ["mse", "l1", "smooth_l1", "bce_with_logits"])
def test_a_loss_of_numbers_does_not_stretch_shapes(loss):
    compared = losses.LOSSES[loss]
    with pytest.raises(LoadError, match=rf"{loss} compares numbers one by one, and the model gives \[4, 1\]"):
        compared(torch.zeros(4, 1), torch.zeros(4))
    assert compared(torch.zeros(4, 1), torch.zeros(4, 1)).dim() == 0
