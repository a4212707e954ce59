"""Edit and continue: a branch equals the real program with the same change, bit for bit, or is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import graphtools as gt
from graphtools.capture.eager import Recorder
from graphtools.graph import Ref
from tests.edit_oracle import Subject
from tests.zoo import hard_cases
from tests.zoo.case import same

CASES = {case.name: case for case in hard_cases.cases()}
TRIED = (
    "branch_on_tensor while_on_tensor loop_by_item recursive_module outputs_share_storage methods_in_place "
    "augmented_assignment set_item_slice view_written_base_used out_argument activations_in_place buffer_updated "
    "batch_norm_training state_on_self preallocated_cache dropout_training noise_added own_generator tied_weights "
    "called_thrice custom_function checkpointed checkpointed_reentrant lstm cell_loop scaled_dot_product operators "
    "own_input_returned several_outputs embedding_bag gather_scatter numpy_round_trip"
).split()


@pytest.mark.parametrize("train", [False, True], ids=["forward", "step"])
@pytest.mark.parametrize("name", TRIED)
def test_a_branch_equals_the_program_with_the_same_change(name: str, train: bool) -> None:
    case = CASES[name]
    if train and {"no-train", "no-gradient"} & case.traits:
        pytest.skip(f"{name} gives nothing to differentiate")
    with case.silenced():
        subject = Subject(case, train)
        for what, change in (("value", lambda v: v * 0.5 + 0.1), ("gradient", lambda g: g * 2 + 0.01)):
            if what == "value" or train:
                places = subject.places(what)
                for place in places[:: max(1, len(places) // 4)]:
                    assert subject.problems(place, (what, change)) == []


def halved(*args: Any, **kwargs: Any) -> torch.Tensor:
    return next(arg for arg in args if isinstance(arg, torch.Tensor)) * 0.5


@pytest.mark.parametrize("train", [False, True], ids=["forward", "step"])
@pytest.mark.parametrize(
    "name",
    (
        "methods_in_place augmented_assignment activations_in_place batch_norm_training dropout_training tied_weights "
        "custom_function operators own_input_returned"
    ).split(),
)
def test_a_branch_of_a_branch_equals_the_program_with_both_changes(name: str, train: bool) -> None:
    case = CASES[name]
    if train and {"no-train", "no-gradient"} & case.traits:
        pytest.skip(f"{name} gives nothing to differentiate")
    operation = ("operation", halved)
    value, other_value = ("value", lambda v: v * 0.5 + 0.1), ("value", lambda v: v.tanh())
    gradient, other_gradient = ("gradient", lambda g: g * 2 + 0.01), ("gradient", lambda g: g.sign())
    tried = [(value, other_value), (operation, value), (value, operation)]
    if train:
        tried += [(operation, gradient), (value, gradient), (gradient, value), (gradient, other_gradient)]
    with case.silenced():
        subject = Subject(case, train)
        for changes in tried:
            places = subject.places("gradient" if any(what == "gradient" for what, _ in changes) else "value")
            for place in places[:: max(1, len(places) // 3)]:
                assert subject.problems(place, *changes) == []


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.bn = nn.BatchNorm2d(8)
        self.relu = nn.ReLU(inplace=True)
        self.head = nn.Linear(8, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.relu(self.bn(self.conv(x))).mean((2, 3))
        if y.sum() < 0.5:
            return self.head(-y)
        return self.head(F.dropout(y, 0.5, self.training))


@pytest.fixture
def stepped() -> tuple[nn.Module, torch.optim.Optimizer, gt.Recording]:
    torch.manual_seed(0)
    model = Net()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    batch = (torch.randn(4, 3, 16, 16), torch.randint(0, 4, (4,)))
    gt.training_step(model, batch, F.cross_entropy, optimizer)
    return model, optimizer, gt.training_step(model, batch, F.cross_entropy, optimizer)


def test_an_edit_that_changes_nothing_gives_the_same_recording(stepped: Any) -> None:
    _, _, recording = stepped
    branch = gt.edit(recording, "relu", lambda value: value)
    assert [event.name for event in branch.events] == [event.name for event in recording.events]
    for event in recording.events:
        assert same(recording.incoming(event), branch.incoming(event)) is None
        if event.phase == "update":
            assert torch.equal(recording.update(event).after, branch.update(event).after)
            assert same(dict(recording.update(event).state), dict(branch.update(event).state)) is None


def test_an_edit_leaves_model_optimizer_random_state_and_recording_alone(stepped: Any) -> None:
    model, optimizer, recording = stepped
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    parameters = list(model.parameters())
    state = {key: {k: v.clone() for k, v in item.items()} for key, item in optimizer.state.items()}
    rng = torch.get_rng_state()
    gradient = recording.grad("head.weight").clone()
    branch = gt.edit(recording, "relu", lambda value: value * 0)
    assert same(before, dict(model.state_dict())) is None
    assert all(one is other for one, other in zip(parameters, model.parameters(), strict=True))
    assert all(torch.equal(state[p][key], optimizer.state[p][key]) for p in state for key in state[p])
    assert optimizer.param_groups[0]["params"][0] is parameters[0]
    assert torch.equal(rng, torch.get_rng_state())
    assert torch.equal(recording.grad("head.weight"), gradient)
    assert torch.count_nonzero(branch.value("relu")) == 0


def test_control_flow_follows_the_edit(stepped: Any) -> None:
    _, _, recording = stepped
    branch = gt.edit(recording, "relu", 0.0)
    assert "neg" in [node.name for node in branch.graph.operations]
    assert "neg" not in [node.name for node in recording.graph.operations]


def test_an_operation_is_swapped_by_function_or_name(stepped: Any) -> None:
    _, _, recording = stepped
    expected = F.gelu(recording.value("batch_norm"))
    for to in (F.gelu, "torch.nn.functional.gelu"):
        branch = gt.edit(recording, "relu", to, "operation")
        assert torch.equal(branch.value("relu"), expected)


def test_a_gradient_edit_reaches_what_lies_before_it(stepped: Any) -> None:
    _, _, recording = stepped
    branch = gt.edit(recording, "mean", 0.0, "gradient")
    assert torch.count_nonzero(branch.grad("conv.weight")) == 0
    assert torch.equal(branch.grad("head.weight"), recording.grad("head.weight"))


def test_a_parameter_a_buffer_and_an_input_can_be_edited(stepped: Any) -> None:
    _, _, recording = stepped
    branch = gt.edit(recording, "head.bias", lambda bias: bias + 1)
    assert torch.equal(branch.value("head.bias"), recording.value("head.bias") + 1)
    assert torch.equal(branch.update("head.bias").before, recording.value("head.bias") + 1)
    frozen = gt.edit(recording, "conv.weight", 0.0, "gradient")
    assert torch.count_nonzero(frozen.grad("conv.weight")) == 0
    shown = gt.edit(recording, recording.graph.inputs[0], 0.0)
    assert torch.equal(shown.value("conv2d")[0, :, 5, 5], recording.value("conv.bias"))


def test_a_branch_can_be_edited_again(stepped: Any) -> None:
    _, _, recording = stepped
    branch = gt.edit(gt.edit(recording, "relu", 1.0), "linear", lambda value: value * 0)
    assert torch.equal(branch.value("relu"), torch.ones_like(branch.value("relu")))
    assert torch.count_nonzero(branch.value("linear")) == 0


def test_what_lies_before_the_change_is_not_computed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    model = Net().eval()
    with torch.no_grad():
        recording = gt.run(model, torch.randn(2, 3, 32, 32))
        gt.edit(recording, "linear", 1.0)  # the first edit runs the program once more to see that it repeats itself
        ran: list[str] = []
        original = Recorder._repeat

        def repeat(self: Any, call: Any, func: Callable[..., Any], args: Any, kwargs: Any) -> Any:
            return original(self, call, lambda *a, **k: (ran.append(call.name), func(*a, **k))[1], args, kwargs)

        monkeypatch.setattr(Recorder, "_repeat", repeat)
        branch = gt.edit(recording, "linear", 1.0)
    assert "conv2d" not in ran and "batch_norm" not in ran and "relu" not in ran
    for name in ("conv2d", "batch_norm", "relu", "mean"):
        assert torch.equal(branch.value(name), recording.value(name))


def test_what_the_changed_program_raises_is_the_branchs_failure(stepped: Any) -> None:
    _, _, recording = stepped
    branch = gt.edit(recording, "mean", lambda value: value[:, :3])
    assert branch.failure is not None and branch.failure.node == "linear"


def test_a_program_that_does_not_repeat_itself_is_refused() -> None:
    outside = iter(range(10))

    def program(x: torch.Tensor) -> torch.Tensor:
        return (x * next(outside)).exp()

    recording = gt.run(program, torch.ones(2))
    with pytest.raises(gt.EditError, match="did not repeat itself: mul came out differently"):
        gt.edit(recording, "exp", 1.0)


def test_a_recording_of_a_block_is_refused() -> None:
    with gt.record() as recording:
        torch.ones(2).exp()
    with pytest.raises(gt.EditError, match=r"made by `with graphtools.record\(...\)`, which holds no program"):
        gt.edit(recording, "exp", 1.0)


def test_an_input_overwritten_since_is_refused() -> None:
    x = torch.ones(2)
    recording = gt.run(torch.exp, x)
    x += 1
    with pytest.raises(gt.EditError, match="an input of this run was overwritten in place since"):
        gt.edit(recording, "exp", 1.0)


def test_parameters_trained_on_since_are_no_obstacle(stepped: Any) -> None:
    model, optimizer, recording = stepped
    expected = gt.edit(recording, "relu", 1.0).grad("head.weight")
    gt.training_step(model, (torch.randn(4, 3, 16, 16), torch.randint(0, 4, (4,))), F.cross_entropy, optimizer)
    assert torch.equal(gt.edit(recording, "relu", 1.0).grad("head.weight"), expected)


def test_a_wrong_shape_is_refused_before_anything_runs(stepped: Any) -> None:
    _, _, recording = stepped
    with pytest.raises(gt.EditError, match=r"linear is f32\[4, 4\]; the new value has shape \[2\]"):
        gt.edit(recording, "linear", torch.ones(2))


def test_a_branch_has_the_lines_of_the_original_and_none_of_who_asked_for_it() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU())
    recording = gt.run(model, torch.ones(2, 4))
    branch = gt.edit(recording, "relu", 0.0)
    assert [event.source for event in branch.events] == [event.source for event in recording.events]
    assert all(event.source is not None for event in branch.events)
    assert [node.source for node in branch.graph.nodes] == [node.source for node in recording.graph.nodes]


# -- what a branch says of itself ------------------------------------------------------------------------------------


def test_the_branch_has_the_operation_that_ran(stepped: Any, tmp_path: Path) -> None:
    _, _, recording = stepped
    branch = gt.edit(recording, "relu", F.gelu, "operation")
    branch.save(tmp_path / "branch.gt")
    for found in (branch.graph["relu"], gt.load(tmp_path / "branch.gt").graph["relu"]):
        assert found.target == "torch.nn.functional.gelu"
        assert (found.args, dict(found.kwargs), found.writes) == ((Ref("batch_norm"),), {}, ())
        assert found.state["edited"] == {"operation": "torch.nn.functional.gelu in place of torch.nn.functional.relu"}
    assert recording.graph["relu"].writes == ("batch_norm",)
    again = gt.edit(branch, "relu", torch.tanh, "operation").graph["relu"]
    assert again.state["edited"] == {"operation": "torch.tanh in place of torch.nn.functional.relu"}


def test_a_module_or_a_function_of_ones_own_takes_the_place_of_an_operation(stepped: Any) -> None:
    _, _, recording = stepped
    branch = gt.edit(recording, "relu", nn.Tanh(), "operation")
    assert branch.graph["relu"].target == "torch.nn.Tanh"
    assert torch.equal(branch.value("relu"), branch.value("batch_norm").tanh())
    assert branch.graph.modules.keys() == recording.graph.modules.keys()
    branch = gt.edit(recording, "relu", lambda x: x + torch.randn_like(x), "operation")
    assert branch.graph["relu"].operation == "<lambda>" and branch.graph["relu"].random
    assert not gt.edit(recording, "relu", lambda x: x + 1, "operation").graph["relu"].random


def test_nodes_say_how_they_were_edited(stepped: Any) -> None:
    _, _, recording = stepped
    branch = gt.edit(recording, "relu", lambda t: t * 0.5)
    branch = gt.edit(branch, "relu", 1.0)
    branch = gt.edit(branch, "head.weight", lambda t: t * 10, "gradient")
    branch = gt.edit(branch, "x", torch.zeros(4, 3, 16, 16))
    edited = {node.name: dict(node.state["edited"]) for node in branch.graph.nodes if "edited" in node.state}
    assert edited == {
        "x": {"value": "another tensor"},
        "relu": {"value": "<lambda>, then 1.0"},
        "head_weight": {"gradient": "<lambda>"},
    }
    assert all("edited" not in node.state for node in recording.graph.nodes)


def test_a_second_edit_acts_on_the_branchs_value(stepped: Any) -> None:
    _, _, recording = stepped
    branch = gt.edit(gt.edit(recording, "relu", F.gelu, "operation"), "relu", lambda t: t + 1)
    assert torch.equal(branch.value("relu"), F.gelu(recording.value("batch_norm")) + 1)
    branch = gt.edit(branch, "relu", lambda t: t * 2)
    assert torch.equal(branch.value("relu"), (F.gelu(recording.value("batch_norm")) + 1) * 2)
    again = gt.edit(branch, "relu", lambda gradient: gradient * 10, "gradient")
    assert torch.equal(again.value("relu"), branch.value("relu"))
    assert same(again.grad("relu"), branch.grad("relu") * 10) is None


def test_edits_of_inputs_and_of_parameters_gradients_stay_in_a_branch_of_the_branch(stepped: Any) -> None:
    _, _, recording = stepped
    branch = gt.edit(recording, "x", lambda x: x * 2)
    branch = gt.edit(branch, "x", lambda x: x + 1)
    branch = gt.edit(branch, "head.bias", lambda g: g + 1, "gradient")
    branch = gt.edit(branch, "head.bias", lambda g: g * 2, "gradient")
    unchanged = gt.edit(branch, "linear", lambda t: t)
    assert torch.equal(unchanged.value("x"), recording.value("x") * 2 + 1)
    plain = gt.edit(gt.edit(recording, "x", lambda x: x * 2), "x", lambda x: x + 1)
    assert torch.equal(unchanged.grad("head.bias"), (plain.grad("head.bias") + 1) * 2)


def test_an_edited_value_that_is_overwritten_in_place_is_still_the_edited_one(stepped: Any) -> None:
    _, _, recording = stepped
    branch = gt.edit(recording, "batch_norm", lambda t: t * 0.5)
    assert torch.equal(branch.value("batch_norm"), recording.value("batch_norm") * 0.5)


def test_the_gradient_of_a_constant_cannot_be_edited(stepped: Any) -> None:
    _, _, recording = stepped
    branch = gt.edit(gt.edit(recording, "mean", 1.0), "mean", lambda g: g, "gradient")
    assert isinstance(branch.error, gt.EditError)
    assert str(branch.error) == "no gradient arrives at mean: its value does not require one"


@pytest.mark.parametrize("stop", [KeyboardInterrupt, gt.LimitError])
@pytest.mark.parametrize("at", [2, 3])  # the check that the program repeats itself, and the run with the change
def test_a_rerun_that_is_stopped_is_not_called_a_program_that_does_not_repeat_itself(stop, at) -> None:
    runs = []

    def program(x: torch.Tensor) -> torch.Tensor:
        runs.append(1)
        y = x + 1
        if len(runs) == at:
            raise stop
        return y * 2

    recording = gt.run(program, torch.ones(2))
    with pytest.raises(stop):
        gt.edit(recording, "mul", 0.0)
