"""Recording a run: what is listed, what is kept, and that nothing changes by being watched."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import graphtools as gt


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1)
        self.bn = nn.BatchNorm2d(4)
        self.head = nn.Linear(4 * 8 * 8, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = F.relu(self.bn(self.conv(x)))
        y = y + x
        if y.sum() > 0:
            y = y * 2
        return self.head(y.flatten(1))


def line_of(text: str) -> int:
    """The number of the line of this file that holds `text` first."""
    return next(n for n, line in enumerate(Path(__file__).read_text().splitlines(), 1) if text in line)


def test_the_event_list_of_a_small_net_is_exactly_this() -> None:
    recording = gt.run(Net(), torch.randn(2, 1, 8, 8))
    assert [f"{event.scope} {recording.graph[event.node].operation}".strip() for event in recording.events] == [
        "conv conv2d",
        "bn add_",
        "bn batch_norm",
        "relu",
        "add",
        "sum",
        "gt",
        "bool",
        "mul",
        "flatten",
        "head linear",
    ]


def test_a_training_step_lists_the_models_operations_and_not_the_optimizers() -> None:
    model = nn.Linear(3, 2)
    optimizer = torch.optim.Adam(model.parameters())
    with gt.record(model) as recording:
        loss = F.mse_loss(model(torch.randn(4, 3)), torch.zeros(4, 2))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    assert [node.operation for node in recording.graph.operations] == ["randn", "linear", "zeros", "mse_loss"]


def test_a_parameter_keeps_the_value_it_had_before_the_optimizer_stepped() -> None:
    model = nn.Linear(3, 2)
    before = model.weight.detach().clone()
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    x = torch.randn(4, 3)
    with gt.record(model) as recording:
        model(x).sum().backward()
        optimizer.step()
    assert torch.equal(recording.value("weight"), before)
    assert not torch.equal(model.weight, before)


def test_an_operation_knows_its_line_and_column() -> None:
    recording = gt.run(Net(), torch.randn(2, 1, 8, 8))
    source = recording.graph["relu"].source
    assert source is not None
    assert Path(source.file) == Path(__file__)
    assert (source.line, source.column, source.function) == (line_of("y = F.relu(self.bn"), 13, "Net.forward")


def test_a_value_overwritten_in_place_is_still_what_it_was() -> None:
    def f(x: torch.Tensor) -> torch.Tensor:
        y = x * 2
        y.add_(1)
        y[0] = 0
        return y + 0

    x = torch.randn(3)
    recording = gt.run(f, x)
    assert torch.equal(recording.value("mul"), x * 2)
    assert torch.equal(recording.value("add"), x * 2 + 1)
    assert recording.value("setitem")[0] == 0
    assert recording.graph["setitem"].writes == ("add",)


def test_a_value_overwritten_after_the_recording_is_refused_not_wrong() -> None:
    x = torch.randn(3)
    recording = gt.run(lambda x: x + 1, x)
    x.zero_()
    with pytest.raises(gt.ValueLost, match="overwritten in place after the recording ended"):
        recording.value("x")
    assert not recording.has_value("x")


def test_a_write_through_a_view_is_an_edge_from_the_write_to_the_next_reader() -> None:
    def f(x: torch.Tensor) -> torch.Tensor:
        base = x * 1
        base[0].zero_()
        return base + 1

    graph = gt.run(f, torch.randn(3)).graph
    assert graph["add"].after == ("zero",)
    assert [node.name for node in graph.ancestors("add")] == ["x", "mul", "getitem", "zero"]
    assert graph["zero"] in graph.ancestors("add") and graph["add"] in graph.descendants("getitem")


def test_the_second_call_of_a_module_has_a_scope_of_its_own() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Sequential(nn.Linear(2, 2), nn.ReLU())

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.body(self.body(x))

    graph = gt.run(Twice(), torch.randn(1, 2)).graph
    assert [node.scope for node in graph.operations] == ["body.0", "body.1", "body#1.0", "body#1.1"]


def test_keyword_and_nested_inputs_are_inputs_by_name() -> None:
    class Model(nn.Module):
        def forward(self, images: list[torch.Tensor], *, mask: torch.Tensor) -> torch.Tensor:
            return images[0] * mask + images[1]

    x, mask, model = [torch.randn(2), torch.randn(2)], torch.ones(2), Model()
    with gt.record(model) as recording:
        model(x, mask=mask)
    assert [node.target for node in recording.graph.inputs] == ["images.0", "images.1", "mask"]


def test_modules_in_no_attribute_are_named_by_their_class() -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = [nn.Linear(2, 2), nn.Linear(2, 2)]

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.layers[1](self.layers[0](x))

    graph = gt.run(Model(), torch.randn(1, 2)).graph
    assert [node.scope for node in graph.operations] == ["Linear", "Linear_1"]


def test_an_exception_comes_out_unchanged_with_the_graph_so_far() -> None:
    class Broken(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two = nn.Linear(4, 8), nn.Linear(9, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.two(self.one(x))  # broken

    model, x = Broken(), torch.randn(3, 4)
    with pytest.raises(RuntimeError) as plain:
        model(x)
    with pytest.raises(RuntimeError) as caught:
        gt.run(model, x)
    assert str(caught.value) == str(plain.value)
    failure = caught.value.recording.failure
    assert failure.type == "RuntimeError"
    assert failure.message == str(plain.value)
    assert caught.value.recording.graph[failure.node].scope == "two"
    assert (failure.source.line, failure.source.column) == (line_of("# broken"), 20)
    assert [str(spec) for spec in failure.inputs] == ["f32[3, 8]", "f32[2, 9]", "f32[2]"]
    assert [node.operation for node in caught.value.recording.graph.operations] == ["linear", "linear"]


def test_an_exception_between_operations_has_a_line_and_no_operation() -> None:
    def f(x: torch.Tensor) -> torch.Tensor:
        y = x + 1
        raise KeyError("mine")  # own exception
        return y

    with pytest.raises(KeyError) as caught:
        gt.run(f, torch.zeros(2))
    failure = caught.value.recording.failure
    assert (failure.type, failure.node, failure.source.line) == ("KeyError", None, line_of("# own exception"))


def test_an_exception_that_the_model_catches_leaves_no_trace_in_the_graph() -> None:
    def f(x: torch.Tensor) -> torch.Tensor:
        try:
            x = x @ torch.zeros(7, 7)
        except RuntimeError:
            x = x * 3
        return x

    graph = gt.run(f, torch.zeros(2, 2)).graph
    assert [node.operation for node in graph.operations] == ["zeros", "mul"]
    assert graph.failure is None


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        (gt.Limits(events=10), "the run was stopped at its limit of 10 operations"),
        (gt.Limits(seconds=0.05), "the run was stopped at its limit of 0.05 s, after "),
        (
            gt.Limits(bytes=9_999),
            "the run was stopped after 25 operations: their results take 10000 bytes, the limit is 9999",
        ),
    ],
)
def test_a_model_that_never_ends_is_stopped_with_the_graph_so_far(limits: gt.Limits, message: str) -> None:
    def forever(x: torch.Tensor) -> torch.Tensor:
        while True:
            x = x * 1.01

    with pytest.raises(gt.LimitError) as caught:
        gt.run(forever, torch.ones(100), limits=limits)
    assert str(caught.value).startswith(message)
    graph = caught.value.recording.graph
    assert graph.failure is not None and graph.output is None
    assert len(graph.operations) >= 10


def test_an_interrupt_keeps_the_graph_so_far() -> None:
    def f(x: torch.Tensor) -> torch.Tensor:
        x = x + 1
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        gt.run(f, torch.zeros(2))
    assert [node.operation for node in caught.value.recording.graph.operations] == ["add"]


def test_two_threads_record_apart() -> None:
    recordings = {}

    def work(name: str, count: int) -> None:
        def f(x: torch.Tensor) -> torch.Tensor:
            for _ in range(count):
                x = x + 1
            return x

        recordings[name] = gt.run(f, torch.zeros(2))

    threads = [threading.Thread(target=work, args=(str(n), n * 50)) for n in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {name: len(recording.events) for name, recording in recordings.items()} == {
        "1": 50,
        "2": 100,
        "3": 150,
        "4": 200,
    }


def test_a_recording_inside_a_recording_records_both() -> None:
    with gt.record() as outer:
        x = torch.ones(2) * 2
        with gt.record() as inner:
            x = x + 1
        x - 1
    assert [node.operation for node in outer.graph.operations] == ["ones", "mul", "add", "sub"]
    assert [node.operation for node in inner.graph.operations] == ["add"]


def test_reflected_operators_read_as_they_were_written() -> None:
    graph = gt.run(lambda x: (1 - x) / (2 / x), torch.ones(2)).graph
    assert [str(node).split(" = ")[1].split("  #")[0] for node in graph.operations] == [
        "operator.sub(1, %x)",
        "operator.truediv(2, %x)",
        "torch.Tensor.div(%sub, %truediv)",
    ]


def test_values_are_on_no_autograd_graph() -> None:
    recording = gt.run(Net(), torch.randn(2, 1, 8, 8))
    assert all(value.grad_fn is None for _, value in recording.values() if isinstance(value, torch.Tensor))


class Block(nn.Module):
    """conv, bn and ReLU in place, and a sum in place, as in a ResNet."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)
        self.bn = nn.BatchNorm2d(3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.bn(self.conv(x))
        y += x
        return F.relu(y, inplace=True)


@pytest.mark.parametrize("training", [False, True])
def test_what_an_in_place_operation_overwrites_is_computed_again_to_the_same_bits(training: bool) -> None:
    block, x = Block().train(training), torch.randn(2, 3, 32, 32)
    recording = gt.run(block, x)
    copy = Block().train(training)
    copy.load_state_dict({**block.state_dict(), "bn.running_mean": torch.zeros(3), "bn.running_var": torch.ones(3)})
    normalized = copy.bn(copy.conv(x))
    assert torch.equal(recording.value("batch_norm"), normalized)
    assert torch.equal(recording.value("add_1" if training else "add"), normalized + x)
    assert torch.equal(recording.value("relu"), (normalized + x).relu())


def test_a_value_computed_again_survives_a_later_training_step() -> None:
    block, x = Block().eval(), torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        expected = block.bn(block.conv(x))
    recording = gt.run(block, x)
    with torch.no_grad():
        for parameter in block.parameters():
            parameter.add_(1)
        block.bn.running_var.mul_(2)
    assert torch.equal(recording.value("batch_norm"), expected)
    assert recording.has_value("batch_norm")


def test_looking_at_a_value_computed_again_is_not_recorded() -> None:
    recording = gt.run(Block(), torch.randn(2, 3, 32, 32))
    with gt.record() as outer:
        recording.value("batch_norm")
    assert len(outer.events) == 0


class Greedy(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x * 2
        return y.expand(2**40, *y.shape).contiguous()


@pytest.mark.parametrize(
    "device",
    ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"))],
)
def test_out_of_memory_gives_the_graph_so_far_with_the_operation_that_asked_for_it(device: str) -> None:
    with pytest.raises(RuntimeError, match=r"(?i)memory") as caught:
        gt.run(Greedy(), torch.ones(64, 64, device=device))
    recording = caught.value.recording  # type: ignore[attr-defined]
    failure = recording.failure
    assert (failure.node, failure.source.line) == ("contiguous", line_of("y.expand(2**40"))
    assert [str(spec) for spec in failure.inputs] == ["f32[1099511627776, 64, 64]"]
    assert torch.equal(recording.value("mul"), torch.full((64, 64), 2.0, device=device))
