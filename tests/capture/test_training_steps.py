"""Recording a whole training step: gradients, updates and stages, against plain PyTorch bit for bit."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import graphtools as gt
from tests.zoo.case import same


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1)
        self.bn = nn.BatchNorm2d(4)
        self.head = nn.Linear(4 * 8 * 8, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(F.dropout(F.relu(self.bn(self.conv(x)), inplace=True), 0.2, self.training).flatten(1))


Step = Callable[[nn.Module, Any, torch.Tensor, torch.Tensor], None]


def standard(model: nn.Module, optimizer: Any, x: torch.Tensor, y: torch.Tensor) -> None:
    optimizer.zero_grad()
    F.cross_entropy(model(x), y).backward()
    optimizer.step()


def clipped(model: nn.Module, optimizer: Any, x: torch.Tensor, y: torch.Tensor) -> None:
    optimizer.zero_grad(set_to_none=False)
    F.cross_entropy(model(x), y).backward()
    nn.utils.clip_grad_norm_(model.parameters(), 0.01)
    optimizer.step()


def accumulated(model: nn.Module, optimizer: Any, x: torch.Tensor, y: torch.Tensor) -> None:
    optimizer.zero_grad()
    for half in (slice(0, 2), slice(2, None)):
        (F.cross_entropy(model(x[half]), y[half]) / 2).backward()
    optimizer.step()


def by_hand(model: nn.Module, optimizer: Any, x: torch.Tensor, y: torch.Tensor) -> None:
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    with torch.no_grad():
        for parameter in model.parameters():
            assert parameter.grad is not None
            parameter -= 0.1 * parameter.grad
            parameter.grad = None


def autocast(model: nn.Module, optimizer: Any, x: torch.Tensor, y: torch.Tensor) -> None:
    scaler = torch.amp.GradScaler("cpu")
    optimizer.zero_grad()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = F.cross_entropy(model(x), y)
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    scaler.step(optimizer)
    scaler.update()


def closure(model: nn.Module, optimizer: Any, x: torch.Tensor, y: torch.Tensor) -> None:
    def evaluate() -> torch.Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        return loss

    optimizer.step(evaluate)


def scheduled(model: nn.Module, optimizer: Any, x: torch.Tensor, y: torch.Tensor) -> None:
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.5)
    for _ in range(2):
        standard(model, optimizer, x, y)
        scheduler.step()
    with torch.no_grad():
        model.eval()
        model(x)
        model.train()


def gradient_penalty(model: nn.Module, optimizer: Any, x: torch.Tensor, y: torch.Tensor) -> None:
    optimizer.zero_grad()
    x = x.clone().requires_grad_()
    loss = F.cross_entropy(model(x), y)
    (gradient,) = torch.autograd.grad(loss, x, create_graph=True)
    (loss + gradient.square().sum()).backward()
    optimizer.step()


STEPS: dict[str, tuple[Step, Callable[[Any], Any]]] = {
    "standard": (standard, lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9)),
    "adam": (standard, lambda p: torch.optim.Adam(p, lr=0.01)),
    "adamw": (clipped, lambda p: torch.optim.AdamW(p, lr=0.01)),
    "single tensor": (standard, lambda p: torch.optim.RMSprop(p, lr=0.01, foreach=False)),
    "accumulated": (accumulated, lambda p: torch.optim.SGD(p, lr=0.1)),
    "by hand": (by_hand, lambda p: None),
    "autocast": (autocast, lambda p: torch.optim.SGD(p, lr=0.1)),
    "closure": (closure, lambda p: torch.optim.LBFGS(p, lr=0.1, max_iter=3)),
    "scheduled": (scheduled, lambda p: torch.optim.Adam(p, lr=0.01)),
    "gradient penalty": (gradient_penalty, lambda p: torch.optim.SGD(p, lr=0.1)),
}


def everything(model: nn.Module, optimizer: Any) -> list[Any]:
    """Parameters, buffers, gradients and optimizer state."""
    found: list[Any] = [*model.state_dict().values(), *[p.grad for p in model.parameters()]]
    if optimizer is not None:
        for state in optimizer.state_dict()["state"].values():
            found += state.values()
    return found


@pytest.mark.parametrize("name", STEPS)
def test_a_recorded_training_step_leaves_exactly_what_a_plain_one_leaves(name: str) -> None:
    step, make_optimizer = STEPS[name]
    torch.manual_seed(0)
    plain, x, y = Net(), torch.randn(4, 1, 8, 8), torch.randint(0, 3, (4,))
    watched = copy.deepcopy(plain)
    left = []
    for model in (plain, watched):
        optimizer = make_optimizer(model.parameters())
        for turn in range(3):
            torch.manual_seed(turn)
            if model is watched and turn < 2:
                with gt.record(model):
                    step(model, optimizer, x, y)
            else:
                step(model, optimizer, x, y)
        left.append([*everything(model, optimizer), torch.get_rng_state()])
    assert same(*left) is None


def test_every_gradient_equals_that_of_plain_autograd() -> None:
    torch.manual_seed(0)
    model, x, y = Net().eval(), torch.randn(4, 1, 8, 8), torch.randint(0, 3, (4,))
    with gt.record(model) as recording:
        F.cross_entropy(model(x), y).backward()
    again = copy.deepcopy(model)
    again.zero_grad()
    conv = again.conv(x)
    bn = again.bn(conv)
    relu = F.relu(bn)
    head = again.head(relu.flatten(1))
    loss = F.cross_entropy(head, y)
    names = ["conv2d", "batch_norm", "relu", "linear", "cross_entropy"]
    expected = torch.autograd.grad(loss, [conv, bn, relu, head, loss], retain_graph=True)
    assert all(torch.equal(recording.grad(name), grad) for name, grad in zip(names, expected, strict=True))
    loss.backward()
    for name, parameter in again.named_parameters():
        assert torch.equal(recording.grad(name), parameter.grad)
    assert recording.grad("x") is None
    assert recording.grad("flatten") is not None


def test_backward_events_are_in_firing_order_and_tied_to_their_operation() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
    with gt.record(model) as recording:
        model(torch.randn(1, 2)).sum().backward()
    assert [(event.name, event.node, event.scope) for event in recording.events if event.phase == "backward"] == [
        ("SumBackward0", "sum", ""),
        ("ReluBackward0", "relu", "1"),
        ("AddmmBackward0", "linear", "0"),
        ("AccumulateGrad", "_0_bias", "0"),
        ("TBackward0", "linear", "0"),
        ("AccumulateGrad", "_0_weight", "0"),
    ]
    by_name = {event.name: event for event in recording.events}
    (arrived,) = recording.incoming(by_name["ReluBackward0"])
    (sent,) = recording.outgoing(by_name["ReluBackward0"])
    assert torch.equal(sent, arrived * (recording.value("linear") > 0))
    source = by_name["ReluBackward0"].source
    assert source is not None and source.file == __file__


def test_the_stages_tell_what_really_happened() -> None:
    model = nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model.weight.grad = torch.ones(1, 2)  # left over from somewhere
    with gt.record(model) as recording:
        for _ in range(2):
            model(torch.randn(1, 2)).sum().backward()
            optimizer.step()
        optimizer.zero_grad()
    assert [(stage.kind, stage.before, stage.changed) for stage in recording.stages] == [
        ("forward", (), ()),
        ("backward", ("weight",), ("bias", "weight")),
        ("step", ("weight", "bias"), ("weight", "bias")),
        ("forward", (), ()),
        ("backward", ("bias", "weight"), ("bias", "weight")),
        ("step", ("weight", "bias"), ("weight", "bias")),
        ("zero_grad", ("weight", "bias"), ("weight", "bias")),
    ]
    assert [event.step for event in recording.events if event.phase == "update"] == [0, 0, 1, 1]


def test_an_update_holds_before_after_gradient_state_and_ratio() -> None:
    model = nn.Linear(2, 1, bias=False)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5, momentum=0.9)
    before = model.weight.detach().clone()
    with gt.record(model) as recording:
        for _ in range(2):
            optimizer.zero_grad()
            model(torch.ones(1, 2)).sum().backward()
            optimizer.step()
    first, second = (recording.update(event) for event in recording.events if event.phase == "update")
    assert torch.equal(first.before, before)
    assert torch.equal(first.after, before - 0.5)
    assert torch.equal(first.grad, torch.ones(1, 2))
    assert torch.equal(first.state["momentum_buffer"], torch.ones(1, 2))
    assert torch.equal(second.before, first.after)
    assert torch.equal(second.after, model.weight)
    assert torch.equal(second.state["momentum_buffer"], torch.full((1, 2), 1.9))
    assert (first.optimizer, first.settings["lr"], first.parameter) == ("SGD", 0.5, "weight")
    assert first.ratio == pytest.approx(float(0.5 * 2**0.5 / before.norm()), rel=1e-5)
    assert torch.equal(recording.update("weight").after, second.after)


def test_clipping_does_not_change_the_gradients_recorded_before_it() -> None:
    torch.manual_seed(0)
    model, x = nn.Linear(3, 2), torch.randn(4, 3)
    with gt.record(model) as recording:
        model(x).square().sum().backward()
        unclipped = [parameter.grad.clone() for parameter in model.parameters() if parameter.grad is not None]
        nn.utils.clip_grad_norm_(model.parameters(), 1e-3)
    assert torch.equal(recording.grad("weight"), unclipped[0])
    assert torch.equal(recording.grad("bias"), unclipped[1])
    assert all(event.phase == "update" for event in recording.events if "foreach" in event.name)
    by_name = {event.name: event for event in recording.events}
    assert torch.equal(recording.outgoing(by_name["TBackward0"])[0], unclipped[0])


def test_a_weight_used_twice_gets_the_sum_and_each_use_shows_its_part() -> None:
    weight, x = nn.Parameter(torch.tensor([2.0, 3.0])), torch.tensor([5.0, 7.0])
    with gt.record() as recording:
        (weight * x + weight * weight).sum().backward()
    assert torch.equal(recording.grad("parameter"), x + 2 * weight.detach())
    parts = [recording.outgoing(event) for event in recording.events if event.name == "MulBackward0"]
    assert any(torch.equal(part, x) for sent in parts for part in sent if part is not None)


def test_hooks_of_the_user_on_a_parameter_see_and_change_what_plain_code_would() -> None:
    results = []
    for recorded in (False, True):
        weight, seen = nn.Parameter(torch.ones(2)), []
        weight.register_hook(lambda grad: grad * 2)
        weight.register_post_accumulate_grad_hook(
            lambda p, seen=seen: (seen.append(p.grad.clone()), setattr(p, "grad", None))[0]
        )
        if recorded:
            with gt.record() as recording:
                (weight * 3).sum().backward()
            (sent,) = [recording.outgoing(e) for e in recording.events if e.name == "MulBackward0"]
            assert torch.equal(sent[0], torch.full((2,), 3.0))
        else:
            (weight * 3).sum().backward()
        results.append(seen[0])
    assert torch.equal(*results)


def test_nothing_of_the_recorder_stays_on_the_autograd_graph() -> None:
    weight = nn.Parameter(torch.ones(2))
    engine = torch.autograd.__dict__["_engine_run_backward"]
    zero_grad = torch.optim.Optimizer.__dict__["zero_grad"]
    with gt.record() as recording:
        loss = (weight * 3).sum()
        loss.backward(retain_graph=True)
    n_events = len(recording.events)
    loss.backward()
    assert len(recording.events) == n_events
    assert torch.autograd.__dict__["_engine_run_backward"] is engine
    assert torch.optim.Optimizer.__dict__["zero_grad"] is zero_grad


def test_a_backward_pass_that_raises_is_recorded_up_to_there() -> None:
    class Broken(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
            return x * 2

        @staticmethod
        def backward(ctx: Any, grad: torch.Tensor) -> torch.Tensor:
            raise ValueError("no derivative today")

    x = torch.ones(2, requires_grad=True)
    with pytest.raises(ValueError, match="no derivative today") as caught, gt.record():
        Broken.apply(x * 3).sum().backward()
    recording = caught.value.recording  # type: ignore[attr-defined]
    assert [event.name for event in recording.events if event.phase == "backward"] == ["SumBackward0"]
    assert recording.failure is not None and recording.failure.type == "ValueError"


def test_a_recording_stays_whole_while_training_goes_on() -> None:
    model = nn.Linear(3, 2)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    x = torch.randn(4, 3)

    def step() -> None:
        optimizer.zero_grad()
        model(x).square().sum().backward()
        optimizer.step()

    step()
    with gt.record(model) as recording:
        step()
    update = recording.update("weight")
    expected = [tensor.clone() for tensor in (update.before, update.after, update.grad, *update.state.values())]
    value = recording.value("weight").clone()
    for _ in range(2):
        step()
    update = recording.update("weight")
    assert same(expected, [update.before, update.after, update.grad, *update.state.values()]) is None
    assert torch.equal(recording.value("weight"), value)


def test_a_forward_pass_keeps_the_parameters_it_ran_with() -> None:
    model = nn.Linear(3, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    recording = gt.run(model, torch.randn(4, 3))
    before = model.weight.detach().clone()
    model(torch.randn(4, 3)).sum().backward()
    optimizer.step()
    assert torch.equal(recording.value("weight"), before)


def test_training_steps_recorded_in_two_threads_at_once_do_not_mix() -> None:
    def train(name: str, size: int, found: dict[str, Any]) -> None:
        generator = torch.Generator().manual_seed(size)
        model = nn.Sequential(nn.Linear(size, size), nn.Tanh(), nn.Linear(size, 1))
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.copy_(torch.rand(parameter.shape, generator=generator))
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        x = torch.rand(4, size, generator=generator)
        recordings = []
        for _ in range(15):
            with gt.record(model) as recording:
                optimizer.zero_grad()
                model(x).square().mean().backward()
                optimizer.step()
            recordings.append(recording)
        found[name] = (
            [[event.name for event in recording.events] for recording in recordings],
            [recording.grad("0.weight") for recording in recordings],
            list(model.parameters()),
        )

    apply = torch.autograd.Function.__dict__["apply"]
    alone: dict[str, Any] = {}
    together: dict[str, Any] = {}
    for name, size in (("small", 8), ("large", 64)):
        train(name, size, alone)
    threads = [
        threading.Thread(target=train, args=(name, size, together)) for name, size in (("small", 8), ("large", 64))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name in alone:
        assert same(alone[name], together[name]) is None
    assert torch.autograd.Function.__dict__["apply"] is apply


def test_two_optimizers_and_what_each_of_them_changed() -> None:
    torch.manual_seed(0)
    generator, discriminator = nn.Linear(2, 2), nn.Linear(2, 1)
    optimizers = [torch.optim.Adam(generator.parameters()), torch.optim.SGD(discriminator.parameters(), lr=0.1)]
    both = nn.ModuleDict({"generator": generator, "discriminator": discriminator})
    noise, real = torch.randn(3, 2), torch.randn(3, 2)
    with gt.record(both) as recording:
        fake = generator(noise)
        (discriminator(fake.detach()) - discriminator(real)).mean().backward()
        optimizers[1].step()
        optimizers[1].zero_grad()
        discriminator(fake).mean().backward()
        optimizers[0].step()
    steps = [(stage.name, stage.changed) for stage in recording.stages if stage.kind == "step"]
    assert steps == [
        ("SGD", ("discriminator.weight", "discriminator.bias")),
        ("Adam", ("generator.weight", "generator.bias")),
    ]
    assert torch.equal(recording.update("generator.weight").after, generator.weight)
    assert torch.equal(recording.grad("discriminator.weight"), discriminator.weight.grad)
