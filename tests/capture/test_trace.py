"""`trace`: torch.fx first, a run where it cannot, and the model as it was."""

from __future__ import annotations

import copy
import subprocess
import sys

import pytest
import torch
from torch import nn

import graphtools as gt
from tests.zoo.case import same


class Branch(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.sum() > 0:
            x = -x
        return self.linear(x)


def test_fx_comes_first_and_needs_no_data() -> None:
    graph = gt.trace(nn.Sequential(nn.Linear(3, 4), nn.ReLU()))
    assert graph.capture.method == "fx"
    assert [(node.scope, node.target) for node in graph.operations] == [
        ("0", "torch.nn.Linear"),
        ("1", "torch.nn.ReLU"),
    ]
    assert graph["0"].spec is None
    assert graph.capture.notes == ("shapes are open: no example input was given, and nothing was run",)


def test_fx_with_an_input_knows_the_shapes() -> None:
    graph = gt.trace(nn.Sequential(nn.Linear(3, 4), nn.LSTM(4, 5)), torch.zeros(2, 3))
    assert str(graph["0"].spec) == "f32[2, 4]"
    assert [str(output.spec) for output in graph["1"].outputs] == ["f32[2, 5]", "f32[1, 5]", "f32[1, 5]"]


def test_where_fx_cannot_a_run_is_recorded_and_the_reason_is_said() -> None:
    graph = gt.trace(Branch(), torch.ones(1, 3))
    assert graph.capture.method == "record"
    assert graph.capture.reason is not None
    assert "torch.fx cannot trace Branch.forward: test_trace.py:" in graph.capture.reason
    assert graph.capture.reason.endswith("depends on the value of a tensor (`if x.sum() > 0:`)")


def test_fx_alone_says_how_to_go_on() -> None:
    with pytest.raises(gt.CaptureError, match=r'Record a run instead.*graphtools.trace\(model, x, method="record"\)$'):
        gt.trace(Branch(), torch.ones(1, 3), method="fx")
    with pytest.raises(gt.CaptureError, match=r"Give example inputs, so that a run can be recorded: .*\(model, x\)$"):
        gt.trace(Branch())


def test_a_random_tensor_is_not_frozen_into_a_constant() -> None:
    class Model(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + torch.rand(3)

    graph = gt.trace(Model(), torch.zeros(3))
    assert graph.capture.method == "record"
    assert "would freeze the random numbers of rand" in (graph.capture.reason or "")
    assert graph["rand"].random


@pytest.mark.parametrize("method", ["fx", "record"])
def test_tracing_leaves_the_model_as_it_was(method: str) -> None:
    class Remembers(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.bn = nn.BatchNorm1d(3)
            self.last = None

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.last = x
            self.extra = x + 1
            return nn.functional.dropout(self.bn(x))

    model, x = Remembers(), torch.randn(4, 3)
    before, rng = copy.deepcopy(model.state_dict()), torch.get_rng_state()
    gt.trace(model, x, method=method)
    assert same(before, model.state_dict()) is None
    assert torch.equal(rng, torch.get_rng_state())
    assert model.last is None and not hasattr(model, "extra")


def test_fake_tracing_finds_shapes_without_computing() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.Softmax(-1))
    graph = gt.trace(model, torch.zeros(2, 3), fake=True)
    assert graph.capture.fake
    assert [str(node.spec) for node in graph.operations] == ["f32[2, 4]", "f32[2, 4]"]


def test_a_failing_trace_carries_the_graph_so_far() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(5, 2))
    with pytest.raises(RuntimeError) as caught:
        gt.trace(model, torch.zeros(2, 3))
    graph = caught.value.graph
    assert graph.failure.type == "RuntimeError"
    assert graph[graph.failure.node].scope == "1"


def test_an_unknown_method_is_refused() -> None:
    with pytest.raises(gt.CaptureError, match=r"^no capture method 'jit'; the methods are 'auto', 'fx' and 'record'$"):
        gt.trace(nn.ReLU(), method="jit")


def test_getitem_of_a_tuple_is_a_path_not_a_node() -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm = nn.LSTM(2, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y, (h, _) = self.lstm(x)
            return y + h

    graph = gt.trace(Model(), torch.zeros(4, 2))
    assert graph.capture.method == "fx"
    assert [node.operation for node in graph.operations] == ["LSTM", "add"]
    assert [str(ref) for ref in graph["add"].refs()] == ["%lstm.0", "%lstm.1.0"]
    x = torch.randn(4, 2)
    assert torch.equal(graph.to_fx()(x), graph.live.model(x))


def test_an_argument_with_a_default_number_does_not_cost_the_shapes() -> None:
    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(3, 2)

        def forward(self, x: torch.Tensor, scale: float = 0.5) -> torch.Tensor:
            return self.layer(x) * scale

    graph = gt.trace(Scaled(), torch.ones(4, 3))
    assert graph.capture.method == "fx"
    assert [str(output.spec) for output in graph.output.outputs] == ["f32[4, 2]"]  # type: ignore[union-attr]


def test_an_input_of_the_wrong_type_is_run_and_raises_as_the_model_does() -> None:
    with pytest.raises(RuntimeError, match="dtype"):
        gt.trace(nn.Sequential(nn.Linear(3, 2)).double(), torch.ones(4, 3))


def test_a_class_or_a_file_in_place_of_a_model_is_refused() -> None:
    for function in (gt.trace, gt.run):
        name = function.__name__
        with pytest.raises(gt.CaptureError) as caught:
            function(Branch, torch.ones(1, 3))
        advice = f"make one first: graphtools.{name}(Branch(), x)"
        assert str(caught.value) == f"Branch is a class, not a model; {advice}"
    with pytest.raises(gt.CaptureError) as caught:
        gt.trace("folder/net.py")  # type: ignore[arg-type]
    assert str(caught.value) == (
        "'folder/net.py' is a str, not a model; import the model (from net import Net) and call "
        "graphtools.trace(Net(), x), or run in a shell: graphtools trace folder/net.py"
    )
    with pytest.raises(gt.CaptureError) as caught:
        gt.run(3)  # type: ignore[arg-type]
    assert str(caught.value) == (
        "the model is of type int, which cannot be called; give a torch.nn.Module or a function"
    )


class Looks(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(10, 4)
        self.weight = nn.Parameter(torch.ones(5, 4))

    def forward(self, ids: torch.Tensor, more: torch.Tensor) -> torch.Tensor:
        return self.table(ids.view(-1)) + nn.functional.embedding(more, self.weight)


@pytest.mark.parametrize(
    ("ids", "more", "reason"),
    [
        ([3, 10], [0, 4], "table has 10 rows and is given the index 10"),
        ([-1, 9], [0, 4], "table has 10 rows and is given the index -1"),
        ([0, 9], [5, 4], "embedding has 5 rows and is given the index 5"),
        ([0.0, 9.0], [0, 4], "table looks up rows by integers and is given torch.float32"),
    ],
)
def test_indices_out_of_range_are_run_and_raise_as_the_model_does(
    ids: list[float], more: list[int], reason: str
) -> None:
    given = torch.tensor(ids), torch.tensor(more)
    with pytest.raises((IndexError, RuntimeError)) as caught:
        gt.trace(Looks(), *given)
    assert caught.value.graph.capture.reason == f"the inputs do not fit: {reason}"  # type: ignore[attr-defined]
    with pytest.raises(gt.CaptureError) as refused:
        gt.trace(Looks(), *given, method="fx")
    assert refused.value.reason == f"the inputs do not fit: {reason}"


def test_indices_in_range_need_no_run() -> None:
    graph = gt.trace(Looks(), torch.tensor([0, 9]), torch.tensor([0, 4]))
    assert graph.capture.method == "fx"


def test_what_fx_cannot_follow_does_not_read_as_the_users_fault() -> None:
    class Zeros(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + torch.zeros(x.shape[0], 3)

    graph = gt.trace(Zeros(), torch.ones(2, 3))
    assert graph.capture.method == "record"
    assert "cannot trace Zeros.forward: its stand-ins for tensors meet TypeError at test_trace.py:" in (
        graph.capture.reason or ""
    )
    assert "(`return x + torch.zeros(x.shape[0], 3)`): zeros()" in (graph.capture.reason or "")


def test_a_missing_argument_is_not_made_up() -> None:
    class Two(nn.Module):
        def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            return x * mask

    with pytest.raises(TypeError, match=r"missing 1 required positional argument: 'mask'"):
        gt.trace(Two(), torch.ones(2))
    with pytest.raises(gt.CaptureError) as caught:
        gt.trace(Two(), torch.ones(2), method="fx")
    assert caught.value.reason == "the inputs do not fit the model: missing a required argument: 'mask'"
    assert gt.trace(Two()).capture.method == "fx"


@pytest.mark.parametrize(
    "ask", [lambda x: x if x.sum() > 0 else -x, lambda x: x.nonzero(), lambda x: x * x.max().item(), lambda x: x[x > 0]]
)
def test_fake_tensors_that_are_asked_for_a_value_say_where(ask) -> None:
    with pytest.raises(gt.CaptureError) as caught:
        gt.trace(ask, torch.ones(3), fake=True)
    line = ask.__code__.co_firstlineno
    assert str(caught.value) == (
        f"forward needs the value of a tensor at test_trace.py:{line}, and fake tensors have none. "
        "Trace without fake=True, so that it is computed"
    )
    graph = caught.value.graph  # type: ignore[attr-defined]
    assert graph.failure.message == str(caught.value)
    assert [node.name for node in graph.nodes][:1] == ["x"]


def test_the_time_of_a_trace_is_without_torchs_imports() -> None:
    code = (
        "import torch; from torch import nn; import graphtools as gt\n"
        "model, x = nn.Sequential(nn.Linear(3, 3)), torch.ones(1, 3)\n"
        "first = gt.trace(model, x).capture.duration_s\n"
        "print(first < 0.5)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"


class HooksItself(nn.Module):
    """Hooks its layer on its first run, and remembers that; as models of transformers do to collect attentions."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.is_hooked = False

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        if not self.is_hooked:
            self.is_hooked = True
            self.linear.register_forward_hook(lambda module, args, output: self.seen.append(output * 2))
        self.seen: list[torch.Tensor] = []
        return self.linear(x), *self.seen


def test_hooks_that_a_model_sets_on_its_first_run_are_set_once() -> None:
    model, x = HooksItself(), torch.ones(2, 4)
    gt.trace(model, x, method="record")
    assert not model.is_hooked and not model.linear._forward_hooks
    recording = gt.run(model, x)
    branch = gt.edit(recording, "linear", lambda value: value * 1)
    assert len(branch.graph["output"].outputs) == len(model(x)) == 2


class Sign(torch.autograd.Function):
    """The sign, through which gradients pass as they are: a backward that its forward does not tell."""

    @staticmethod
    def forward(ctx, x: torch.Tensor) -> torch.Tensor:  # type: ignore[no-untyped-def]
        return x.sign()

    @staticmethod
    def backward(ctx, gradient: torch.Tensor) -> torch.Tensor:  # type: ignore[no-untyped-def]
        return gradient


class Binary(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(3, 4), nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(Sign.apply(self.first(x)))


def test_the_backward_of_a_custom_function_is_not_lost() -> None:
    model, x = Binary(), torch.randn(5, 3)
    graph = gt.trace(model, x)
    assert graph.capture.method == "record"
    assert "torch.fx would lose the backward of Sign at " in str(graph.capture.reason)
    assert "Sign" in [node.operation for node in graph.operations]
    built = gt.Draft(graph, model).to_module()
    for module in (model, built):
        module.zero_grad()
        module(x).sum().backward()
    expected = {name: parameter.grad for name, parameter in model.named_parameters()}
    for name, parameter in built.named_parameters():
        assert torch.equal(parameter.grad, expected[name]), name


class Square(torch.autograd.Function):
    @staticmethod
    def forward(x: torch.Tensor) -> torch.Tensor:
        return x * x

    @staticmethod
    def setup_context(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
        ctx.save_for_backward(inputs[0])

    @staticmethod
    def backward(ctx, gradient: torch.Tensor) -> torch.Tensor:  # type: ignore[no-untyped-def]
        return 2 * ctx.saved_tensors[0] * gradient


square = Square.apply  # as torch's documentation calls them


class ByAnotherName(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(3, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return square(self.first(x))


def test_a_custom_function_called_by_another_name_is_not_lost_in_silence() -> None:
    graph = gt.trace(ByAnotherName(), torch.randn(5, 3))
    assert "torch.fx would lose the backward of Square at " in str(graph.capture.reason)
    (note,) = [note for note in graph.capture.notes if "Square" in note]
    assert note.endswith("its operations stand here without its backward; in forward, call Square.apply")
    assert any(note in line for line in gt.Draft(graph).plan.notes)


def test_a_model_that_catches_everything_does_not_hide_what_fx_would_lose() -> None:
    class Catches(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            try:
                return Sign.apply(x)
            except Exception:
                return x * 0

    with pytest.raises(gt.CaptureError, match="lose the backward of Sign"):
        gt.trace(Catches())
    assert [node.operation for node in gt.trace(Catches(), torch.ones(2)).operations] == ["Sign"]
