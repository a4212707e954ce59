"""Explanations: whole texts of typical troubles, and what each part of one is in every kind of recording."""

from __future__ import annotations

import sys
from pathlib import Path

import explained
import pytest
import torch
from debugged import forward as debugged_forward
from debugged import trained as debugged_trained
from torch import nn
from torch.nn import functional as F

import graphtools as gt
from graphtools.derivatives import rule_for
from graphtools.explaining import explain
from graphtools.loading import load
from graphtools.recording import Recording

sys.path.insert(0, str(Path(__file__).parent))
import golden_text

ROOT = Path(__file__).parent.parent
GOLDEN = {
    "dead_relu": "hidden.weight",
    "saturated_sigmoid": "linear",
    "detached": "hidden.weight",
    "frozen": "hidden.weight",
    "forward_only": "relu",
    "shared": "layer.weight",
    "log_of_zero": "linear_1",
    "zero_by_zero": "mul",
    "root_of_zero": "constant",
}


@pytest.mark.parametrize("name", GOLDEN)
def test_an_explanation_reads_as_it_did(name: str) -> None:
    text = str(getattr(explained, name)().explain(GOLDEN[name]))
    assert max(map(len, text.splitlines())) <= 100
    golden_text.check(f"explained_{name}.txt", text)


# -- every node ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("recording", [debugged_forward(), debugged_trained()[0]], ids=["forward", "trained"])
def test_every_node_has_an_explanation_whose_parts_add_up(recording: Recording) -> None:
    for node in recording.graph.nodes:
        found = recording.explain(node)
        assert found.node is node and str(found)
        assert "not the recorded gradient" not in found.arrivals_words
        if recording.grad(node) is not None:
            assert found.grad_words.startswith("tensor[")
            assert found.arrivals or node.name.startswith("cross_entropy")
        elif node.kind != "output":
            assert found.grad_origin is not None or recording.stages[-1].kind != "backward"


def test_the_check_agrees_at_every_node_of_a_training_step() -> None:
    recording = debugged_trained()[0]
    checks = [recording.explain(node, check=True).check for node in recording.graph.nodes]
    compared = [check for check in checks if check is not None and check.disagreement is not None]
    assert len(compared) > 20
    assert [check.words for check in compared if not check.agrees] == []


# -- several uses, outputs, passes -----------------------------------------------------------------------------------


def test_arrivals_of_a_value_used_twice_sum_to_its_gradient() -> None:
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    with gt.record() as recording:
        y = x * 2
        (y * 3 + y.exp()).sum().backward()
    found = recording.explain("mul", check=True)
    assert {arrival.node for arrival in found.arrivals} == {"mul_1", "exp"}
    assert sum(arrival.share or 0 for arrival in found.arrivals) == pytest.approx(1)
    assert found.arrivals_words == "Their sum is the recorded gradient."
    assert found.arrivals[0].source is not None
    assert found.check is not None and found.check.agrees


def test_a_hook_that_changes_the_gradient_shows_as_a_sum_that_differs() -> None:
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    with gt.record() as recording:
        y = x * 2
        y.register_hook(lambda grad: grad * 10)
        y.exp().sum().backward()
    assert "a hook changed it" in recording.explain("mul").arrivals_words


def test_a_node_with_several_outputs_is_explained_as_a_whole_or_by_path() -> None:
    x = torch.arange(4.0, requires_grad=True)
    with gt.record() as recording:
        a, b = x.chunk(2)
        (a * b).sum().backward()
    whole, second = recording.explain("chunk"), recording.explain("chunk", (1,))
    assert whole.value_words.splitlines() == ["0: " + recording_line("[0, 1]"), "1: " + recording_line("[2, 3]")]
    assert len(whole.arrivals) == 2 and len(second.arrivals) == 1
    assert second.arrivals[0].symbol == "∂L/∂other = ∂L/∂y · x"


def recording_line(numbers: str) -> str:
    low, high = numbers.strip("[]").split(", ")
    return f"tensor[2] f32 n=2 x∈[{low}, {high}] μ={(int(low) + int(high)) / 2:g} σ=0.7071 {numbers}"


def test_a_parameter_says_what_this_pass_brought_and_what_was_there_before() -> None:
    found = explained.shared().explain("layer.weight", check=True)
    assert "of this pass" in found.grad_words and ".grad after it" in found.grad_words
    assert [arrival.node for arrival in found.arrivals] == ["linear_3", "linear_2"]
    assert found.check is not None and found.check.agrees


def test_before_picks_an_earlier_pass() -> None:
    recording = debugged_trained()[0]
    second = [stage.start for stage in recording.stages if stage.kind == "backward"][1]
    last, first = recording.explain("head.weight"), recording.explain("head.weight", before=second)
    assert last.node.name != first.node.name
    assert last.grad_words != first.grad_words
    assert recording.explain("head.weight", before=0).grad_words == "none: no backward pass was recorded"


# -- missing ---------------------------------------------------------------------------------------------------------


def reason(recording: Recording, of: str) -> str:
    origin = recording.explain(of).grad_origin
    assert origin is not None and origin.trouble == "missing"
    return origin.reason


def test_a_missing_gradient_has_its_reason() -> None:
    model = nn.Linear(2, 2)
    x = torch.ones(3, 2)
    leaf = torch.ones(3, requires_grad=True)
    with gt.record(model) as recording:
        same = leaf.float()
        indexes = (leaf * 2).topk(2).indices.double()
        with torch.no_grad():
            outside = model(x)
        unused = leaf.exp()
        hidden = model(x).tanh() * outside * same.sum()
        numbers = hidden.argmax()
        hidden.sum().backward()
        after = hidden.neg()
    assert None not in (unused, numbers, after, indexes)
    assert "ran inside torch.no_grad()" in reason(recording, "linear")
    assert "gives back the very tensor" in reason(recording, "float")
    assert "takes whole numbers from topk (topk." in reason(recording, "double")
    assert "nothing uses exp" in reason(recording, "exp")
    assert "whole numbers" in reason(recording, "argmax")
    assert "ran after the loss" in reason(recording, "neg")
    assert reason(recording, "input") == (
        "the input input does not require a gradient; input.requires_grad_() asks for one."
    )


def test_what_an_in_place_write_took_over_says_so() -> None:
    x = torch.ones(3, requires_grad=True)
    with gt.record() as recording:
        y = x * 1
        part = y[:2]
        part[0] = 0.0
        (part.sum() + y.sum()).backward()
    found = recording.explain("getitem").grad_origin
    assert found is None or "in place" in found.reason


def test_the_value_alone_is_explained_without_a_backward_pass() -> None:
    found = explained.forward_only().explain("relu", check=True)
    assert found.grad_words == "none: no backward pass was recorded"
    assert found.grad_origin is None and found.arrivals == ()
    assert found.check is not None and found.check.words == "nothing to check: no backward pass was recorded"


# -- zero and not finite ---------------------------------------------------------------------------------------------


def grad_reason(make: str, of: str) -> tuple[str, str]:
    origin = getattr(explained, make)().explain(of).grad_origin
    assert origin is not None
    return origin.node, origin.reason


def test_a_zero_gradient_leads_to_where_it_was_made() -> None:
    node, why = grad_reason("dead_relu", "hidden.bias")
    assert node == "relu" and "no input is above 0 (the largest is -9): a dead ReLU" in why
    node, why = grad_reason("saturated_sigmoid", "hidden.bias")
    assert node == "sigmoid" and "saturated" in why


@pytest.mark.parametrize(
    ("operation", "said"),
    [
        (lambda x: x * torch.zeros(3), "other is 0 everywhere"),
        (lambda x: x.masked_fill(torch.ones(3, dtype=torch.bool), 1.0), "the mask is True at 3 of 3 elements"),
        (lambda x: x.clamp(min=5.0), "3 of 3 inputs are below the range"),
        (lambda x: torch.where(x > 9, x, 0.0), "the condition holds nowhere"),
        (lambda x: (x[:1] * 1).expand(2).std(), "all elements are equal"),
        (lambda x: torch.linalg.vector_norm(x - x.detach()), "the norm is 0"),
        (lambda x: x.round(), "a rounded result does not change"),
        (lambda x: (x * 40).tanh(), "saturated"),
        (lambda x: torch.cat([x, x])[:0].sum() + x.sum() * 0, "other is 0 everywhere"),
    ],
)
def test_each_way_to_lose_a_gradient_is_named(operation: object, said: str) -> None:
    x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    with gt.record() as recording:
        y = x * 1
        operation(y).sum().backward()  # type: ignore[operator]
    origin = recording.explain("mul").grad_origin
    assert origin is not None and origin.trouble == "zero"
    assert said in origin.reason


def test_parts_that_cancel_are_said_to() -> None:
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    with gt.record() as recording:
        y = x * 1
        (y - y).sum().backward()
    origin = recording.explain("mul").grad_origin
    assert origin is not None and "cancel each other" in origin.reason


@pytest.mark.parametrize(
    ("operation", "said"),
    [
        (lambda x: x.log(), "log(0) = -inf"),
        (lambda x: 1 / x, "The divisor is 0 at 1 of 3 elements: x/0 = ±inf"),
        (lambda x: x / x, "0/0 = NaN"),
        (lambda x: (x * 100).exp(), "exp overflows above 88.7, and the largest input is 200"),
        (lambda x: (x - 1).sqrt(), "1 of 3 inputs are below 0 (min -1), whose root is NaN"),
        (lambda x: x**-1.0, "1 of 3 bases are 0 and the exponent is negative"),
        (lambda x: (x * 1e38) * 1e38, "The product is too large"),
        (lambda x: x.masked_fill(x == 0, float("-inf")), "It writes -inf where its mask is True"),
        (lambda x: x[:0].mean(), "The mean of no elements"),
    ],
)
def test_a_value_that_is_not_finite_leads_to_its_operation(operation: object, said: str) -> None:
    x = torch.tensor([1.0, 0.0, 2.0], requires_grad=True)
    with gt.record() as recording:
        (operation(x * 1) + 1).sum()  # type: ignore[operator]
    last = recording.graph.operations[-1]
    origin = recording.explain(last).value_origin
    assert origin is not None and origin == recording.explain(last).origin
    assert said in origin.reason
    assert origin.steps[0].node == last.name and "of" in origin.steps[0].words


def test_all_masked_rows_of_a_softmax_are_named() -> None:
    with gt.record() as recording:
        torch.full((2, 3), float("-inf")).softmax(-1)
    origin = recording.explain("softmax").value_origin
    assert origin is not None and origin.node == "full"  # where the infinities come from


@pytest.mark.parametrize(
    ("operation", "said"),
    [
        (lambda x: x.sqrt(), "the derivative 1/(2√x) is infinite"),
        (lambda x: torch.where(x > 0, x.sqrt(), 0.0), "0 · inf = NaN"),
        (lambda x: x**0.5, "infinite for n below 1"),
        (lambda x: (x[1:] ** 2).sum(0, keepdim=True).mul(0).sqrt(), "is infinite"),
    ],
)
def test_a_gradient_that_is_not_finite_leads_to_its_operation(operation: object, said: str) -> None:
    x = torch.tensor([1.0, 0.0, 2.0], requires_grad=True)
    with gt.record() as recording:
        y = x * 1
        operation(y).sum().backward()  # type: ignore[operator]
    origin = recording.explain("mul").grad_origin
    assert origin is not None and origin.trouble == "not finite"
    assert said in origin.reason


def test_the_dead_example_is_explained() -> None:
    found = load(str(ROOT / "examples" / "dead_relu.py"))
    recording = explained.trained(found.model, *found.args)
    origin = recording.explain("hidden.weight").origin
    assert origin is not None and (origin.trouble, origin.node) == ("zero", "relu")
    assert "a dead ReLU" in origin.reason
    assert recording.explain("relu").factors[0].number == 0


def test_the_exploding_example_is_explained() -> None:
    found = load(str(ROOT / "examples" / "exploding.py"))
    recording = gt.run(found.model, *found.args)
    origin = recording.explain("output").origin
    assert origin is not None and (origin.trouble, origin.side) == ("not finite", "value")
    first = next(event.node for event in recording.events if not recording.value(event.node).isfinite().all())
    assert origin.node == first
    assert "past 3.403e+38, the largest of the dtype" in origin.reason


# -- other recordings ------------------------------------------------------------------------------------------------


class Doubled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: object, x: torch.Tensor) -> torch.Tensor:
        return x * 2

    @staticmethod
    def backward(ctx: object, *grads: torch.Tensor) -> torch.Tensor:
        return grads[0] * 3  # which is wrong


def test_a_function_without_a_rule_shows_its_effect_and_can_be_checked() -> None:
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    with gt.record() as recording:
        Doubled.apply(x * 1).sum().backward()
    node = next(node for node in recording.graph.operations if node.target.endswith("Doubled"))
    found = recording.explain(node, check=True)
    assert found.rule is None
    assert "no derivative rule is known" in found.notes[0]
    assert "norm 1.414 came in; norm 4.243, 3 times that, went to mul" in found.notes[0]
    assert found.check is not None and found.check.agrees is False
    assert found.check.disagreement == pytest.approx(1 / 3)


def test_a_failed_run_is_explained_up_to_its_failure() -> None:
    with pytest.raises(RuntimeError) as raised:
        gt.run(explained.TwoLayers(torch.relu), torch.ones(2, 3))
    recording = raised.value.recording
    found = recording.explain("linear")
    assert found.value_words.startswith("none: it raised RuntimeError")
    assert found.notes == ("the run stopped early: RuntimeError at linear",)


def test_a_loaded_recording_is_explained_but_not_checked(tmp_path: Path) -> None:
    recording = explained.dead_relu()
    recording.save(tmp_path / "step.gt")
    loaded = gt.load(tmp_path / "step.gt")
    for node in recording.graph.nodes:
        assert str(loaded.explain(node.name)) == str(recording.explain(node))
    with pytest.raises(gt.GraphtoolsError) as raised:
        loaded.explain("relu", check=True)
    assert str(raised.value) == (
        "check=True runs the operation again, and this recording was loaded from a file without its program; explain "
        "it without check, or check it in the session that records it"
    )


def test_a_value_that_was_not_kept_is_said_to_be() -> None:
    x = torch.ones(3, requires_grad=True)
    with gt.record() as recording:
        y = (x * 2).sin()
        y.sum().backward()
    with torch.no_grad():
        y.add_(1)
    found = recording.explain("sin")
    assert found.value_words.startswith("not kept: the value of 'sin' was overwritten")
    assert found.grad_words.startswith("tensor[3]")


def test_dropout_is_checked_with_the_mask_it_drew() -> None:
    x = torch.linspace(1, 2, 40, requires_grad=True)
    with gt.record() as recording:
        F.dropout(x, 0.5).sum().backward()
    state = torch.get_rng_state()
    found = recording.explain("dropout", check=True)
    assert found.check is not None and found.check.agrees
    assert torch.equal(state, torch.get_rng_state())


def test_an_unknown_name_is_an_error_with_near_misses() -> None:
    with pytest.raises(gt.MissingError) as raised:
        explain(explained.forward_only(), "reluu")
    assert str(raised.value) == "no node or scope named 'reluu'; did you mean 'relu'?"


# -- edited ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def step() -> Recording:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    return gt.training_step(model, (torch.randn(8, 4), torch.randn(8, 1)), F.mse_loss, optimizer)


def test_the_rule_is_that_of_the_operation_that_ran(step: Recording) -> None:
    found = gt.edit(step, "relu", F.gelu, "operation").explain("relu", check=True)
    assert found.rule is not None and found.rule.symbol == "∂L/∂x = ∂L/∂y · (Φ(x) + x·φ(x))"
    assert found.check is not None and found.check.agrees
    assert found.notes == ("edited: operation = torch.nn.functional.gelu in place of torch.nn.functional.relu",)


def test_a_function_of_ones_own_in_place_of_an_operation_has_no_rule_and_is_checked(step: Recording) -> None:
    found = gt.edit(step, "relu", lambda x: x.sin(), "operation").explain("relu", check=True)
    assert found.rule is None
    assert found.notes[1].startswith("no derivative rule is known for <lambda>; measured: norm ")
    assert found.check is not None and found.check.agrees


def test_an_edited_value_has_the_derivative_of_the_edit_too(step: Recording) -> None:
    found = gt.edit(step, "relu", lambda t: t * 0.5).explain("relu", check=True)
    assert found.rule is None and found.check is not None and found.check.agrees
    assert found.notes[0] == "edited: value = <lambda>"
    assert found.notes[1].startswith("no derivative rule is known for relu with the edit of its value, <lambda>; meas")
    found = gt.edit(step, "relu", 1.0).explain("relu")
    assert found.grad_origin is not None
    assert found.grad_origin.reason.endswith("was edited, 1.0, and behind that no gradient flows.")


def test_an_edited_gradient_is_told_from_what_arrived(step: Recording) -> None:
    found = gt.edit(step, "relu", lambda g: g * 10, "gradient").explain("relu")
    assert found.arrivals_words == "Their sum is what the edit of this gradient was given."
    assert found.rule is not None and found.notes == ("edited: gradient = <lambda>",)


# -- the zoo ---------------------------------------------------------------------------------------------------------


def test_every_operation_of_the_zoo_has_a_rule() -> None:
    targets = (ROOT / "tests" / "golden" / "zoo_targets.txt").read_text(encoding="utf-8").split()
    assert len(targets) > 150
    assert [target for target in targets if rule_for(target) is None] == []


@pytest.mark.parametrize("name", ["mobilenet_v3_small", "shufflenet_v2_x0_5"])
def test_models_of_the_zoo_are_explained_throughout(name: str) -> None:
    from tests.zoo import torchvision_models

    case = next(case for case in torchvision_models.cases() if case.name == name)
    with case.silenced():
        model, args, kwargs = case.build(True)
        with gt.record(model) as recording:
            model(*args, **kwargs).sum().backward()
    for node in recording.graph.nodes[::7]:
        found = recording.explain(node)
        assert str(found)
        assert "not the recorded gradient" not in found.arrivals_words


@pytest.mark.parametrize(("model", "name"), [(nn.Linear(3, 2), "weight"), (nn.Sequential(nn.Linear(3, 2)), "0.weight")])
def test_a_parameter_by_its_path_is_that_of_the_last_step(model: nn.Module, name: str) -> None:
    optimizer, x = torch.optim.SGD(model.parameters(), lr=0.1), torch.randn(4, 3)
    with gt.record(model) as recording:
        for _ in range(3):  # and zero_grad is forgotten
            model(x).square().sum().backward()
            optimizer.step()
    gradient = dict(model.named_parameters())[name].grad
    assert torch.equal(recording.grad(name), gradient)
    assert recording.explain(name).node.name.endswith("_2")
    first = next(node for node in recording.graph.nodes if node.target == name)
    assert not torch.equal(recording.grad(first), gradient)


def test_a_parameter_that_nothing_used_is_said_to_be_one() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head, self.unused = nn.Linear(3, 2), nn.Linear(3, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(x)

    recording = gt.run(Net(), torch.ones(1, 3))
    with pytest.raises(gt.MissingError, match=r"parameter 'unused\.weight' was used by no operation of this"):
        recording.explain("unused.weight")


def test_an_embedding_with_padding_says_so_and_is_not_called_wrong() -> None:
    model = nn.Sequential(nn.Embedding(10, 4, padding_idx=0), nn.Flatten(), nn.Linear(12, 2))
    with gt.record(model) as recording:
        model(torch.tensor([[1, 2, 0], [3, 0, 0]])).square().sum().backward()
    told = str(recording.explain("0", check=True))
    assert "the row of padding_idx=0 gets no gradient, by design" in told
    assert "does not agree" not in told + str(recording.explain("0.weight", check=True))


def test_of_complex_numbers_the_factors_are_said_to_be_conjugated() -> None:
    a, b = (torch.randn(2, 2, dtype=torch.cfloat, requires_grad=True) for _ in range(2))
    with gt.record() as recording:
        (a @ b).abs().sum().backward()
    for name in ("matmul", "abs"):
        told = str(recording.explain(name))
        assert "its numbers are complex" in told
        assert "not intended" not in told
