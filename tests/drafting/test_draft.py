"""A draft is edited as a person expects, undone exactly, saved whole, and built into what it says."""

from __future__ import annotations

import pytest
import torch
import torchvision
from torch import nn

import graphtools as gt
from graphtools.drafting.plan import Edge
from graphtools.graph import Ref


def lenet() -> gt.Draft:
    draft = gt.Draft()
    x = draft.input("x", "f32[B, 1, 28, 28]")
    x = draft.add("nn.Conv2d", x, 1, 6, 5, padding=2, name="conv1")
    x = draft.add("nn.ReLU", x)
    x = draft.add("nn.MaxPool2d", x, 2)
    x = draft.add("nn.Flatten", x)
    x = draft.add("nn.Linear", x, 6 * 14 * 14, 10, name="head")
    return draft.output(x)


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(4, 4)
        self.b = nn.Linear(4, 4)
        self.relu = nn.ReLU()
        self.head = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.relu(self.a(x))
        y = self.relu(self.b(y) + x)
        return self.head(y)


def opened() -> tuple[Residual, gt.Draft]:
    model = Residual().eval()
    return model, gt.Draft(gt.trace(model, torch.randn(2, 4)))


def names(draft: gt.Draft) -> list[str]:
    return list(draft.plan.nodes)


def test_a_draft_is_built_and_runs() -> None:
    draft = lenet()
    assert draft.problems() == ()
    assert str(draft.spec("max_pool2d")) == "f32[B, 6, 14, 14]"
    module = draft.to_module()
    assert module(torch.randn(3, 1, 28, 28)).shape == (3, 10)
    assert list(module.state_dict()) == ["conv1.weight", "conv1.bias", "head.weight", "head.bias"]
    graph = draft.build()
    assert [node.operation for node in graph.operations] == ["Conv2d", "ReLU", "MaxPool2d", "Flatten", "Linear"]
    assert graph.capture.method == "built"


def test_the_totals_are_those_of_the_module() -> None:
    draft = lenet()
    found = draft.totals()
    module = draft.to_module()
    assert found.n_parameters == sum(parameter.numel() for parameter in module.parameters())
    assert found.flops == 2 * 28 * 28 * 6 * 25 + 2 * 1176 * 10
    assert found.activation_bytes == 4 * (6 * 28 * 28 * 2 + 6 * 14 * 14 * 2 + 10)
    draft.set("head", in_features=9)  # what does not run counts as nothing
    again = draft.totals()
    assert (again.flops, again.n_unknown) == (2 * 28 * 28 * 6 * 25, 1)


@pytest.mark.parametrize("name", ["resnet18", "shufflenet_v2_x1_0", "vit_b_16", "swin_t", "mobilenet_v3_small"])
def test_the_totals_of_a_model_of_torchvision_are_those_of_its_graph(name: str) -> None:
    model = torchvision.models.get_model(name, weights=None).eval()
    draft = gt.Draft(gt.trace(model, torch.randn(2, 3, 224, 224)))
    found, graph = draft.totals(), draft.preview()
    assert (found.flops, found.activation_bytes) == (graph.flops, graph.n_activation_bytes)
    assert found.flops > 0
    draft.set_input("x", "f32[4, 3, 224, 224]")
    again = draft.totals()
    assert (again.flops, again.activation_bytes) == (draft.preview().flops, draft.preview().n_activation_bytes)
    draft.undo()
    assert draft.totals() == found


def test_a_model_opened_and_built_computes_the_same_bits() -> None:
    model, draft = opened()
    x = torch.randn(5, 4)
    built = draft.to_module()
    assert torch.equal(built(x), model(x))
    assert list(built.state_dict()) == list(model.state_dict())
    built.get_submodule("a").weight.data.zero_()  # the model's own weights are its own
    assert model.a.weight.abs().sum() > 0


def test_what_does_not_change_keeps_its_weights() -> None:
    model, draft = opened()
    draft.set("head", out_features=7).insert_after("a", "nn.LayerNorm", 4)
    built = draft.to_module()
    assert torch.equal(built.get_submodule("a").weight, model.a.weight)
    assert built.get_submodule("head").weight.shape == (7, 4)
    assert built(torch.randn(2, 4)).shape == (2, 7)


def test_insert_after_stands_between_a_node_and_all_who_took_its_value() -> None:
    _, draft = opened()
    draft.insert_after("a", "nn.Dropout", 0.5)
    assert [str(edge) for edge in draft.edges() if "dropout" in str(edge)] == ["%a → dropout", "%dropout → relu"]
    assert names(draft)[:3] == ["x", "a", "dropout"]


def test_insert_on_an_edge_leaves_the_other_edges() -> None:
    _, draft = opened()
    draft.insert_on(Edge(Ref("x"), "add", (1,)), "nn.Linear", 4, 4, name="shortcut")
    assert {edge.node for edge in draft.edges() if edge.source == Ref("x")} == {"a", "shortcut"}


def test_remove_heals_a_chain_and_leaves_a_meeting_open() -> None:
    _, draft = opened()
    draft.remove("relu")
    assert Ref("a") in draft.plan["b"].args
    draft.remove("add")
    assert [str(problem) for problem in draft.problems()] == ["'relu_1' has nothing at 'input'; connect a value"]


def test_replace_keeps_what_it_takes_and_who_takes_it() -> None:
    model, draft = opened()
    draft.replace("relu", "nn.GELU")  # the other call of the same module stays a ReLU
    relu = nn.functional.relu

    def expected(x: torch.Tensor) -> torch.Tensor:
        return model.head(relu(model.b(nn.functional.gelu(model.a(x))) + x))

    x = torch.randn(3, 4)
    assert torch.equal(draft.to_module()(x), expected(x))


def test_a_replaced_module_is_not_called_after_its_old_class() -> None:
    draft = lenet()
    draft.replace("relu", "nn.GELU")
    assert names(draft)[2] == "gelu" and "self.gelu = nn.GELU()" in draft.to_code()
    draft.replace("conv1", "nn.Conv2d", 1, 6, 3, padding=1)  # a name that somebody gave stays
    draft.replace("gelu", "F.silu")
    assert names(draft)[1:3] == ["conv1", "silu"]
    draft.undo(3)
    assert names(draft)[2] == "relu"


def test_a_bypassed_node_passes_its_value_through_and_a_disabled_one_stops_it() -> None:
    model, draft = opened()
    x = torch.randn(3, 4)
    draft.bypass("b")
    assert torch.equal(draft.to_module()(x), model.head(torch.relu(torch.relu(model.a(x)) + x)))
    draft.bypass("b", on=False).disable("b")
    assert [str(problem) for problem in draft.problems()] == [
        "the output needs 'head', which is disabled or behind a disabled node"
    ]


def test_a_group_becomes_a_module_and_can_be_taken_apart() -> None:
    model, draft = opened()
    before = draft.plan
    draft.group(["a", "b", "relu", "relu_1", "add"], "block")
    assert list(draft.to_module().state_dict())[:2] == ["block.a.weight", "block.a.bias"]
    x = torch.randn(3, 4)
    assert torch.equal(draft.to_module()(x), model(x))
    draft.ungroup("block")
    assert draft.plan == before


def test_a_group_takes_all_its_inputs_at_once() -> None:
    _, draft = opened()
    with pytest.raises(gt.DraftError, match="take 'relu' into the group"):
        draft.group(["a", "b"], "block")


def test_a_copy_can_be_pasted_into_another_draft() -> None:
    _, draft = opened()
    clip = draft.copy("a", "head")
    other = lenet()
    other.paste(clip)
    assert names(other)[-3:] == ["a", "head_1", "output"]
    assert [problem.node for problem in other.problems()] == ["a", "head_1"]


def test_undo_and_redo_give_the_very_states_of_before() -> None:
    draft = lenet()
    states = [draft.plan]
    for edit in (
        lambda: draft.insert_after("relu", "nn.Dropout", 0.1),
        lambda: draft.set("dropout", p=0.3),
        lambda: draft.rename("dropout", "drop"),
        lambda: draft.group(["conv1", "relu"], "stem"),
        lambda: draft.disable("drop"),
        lambda: draft.remove("drop"),
    ):
        edit()
        states.append(draft.plan)
    for state in reversed(states):
        assert draft.plan is state
        draft.undo()
    draft.redo(100)
    assert draft.plan is states[-1]


def test_an_edit_that_does_not_apply_changes_nothing() -> None:
    draft = lenet()
    before = draft.plan
    with pytest.raises(gt.MissingError, match=r"no node named 'hed'; did you mean 'head'\?"):
        draft.remove("relu", "hed")
    assert draft.plan is before and draft.history[-1] is not None


def test_a_draft_is_read_back_as_it_was_written() -> None:
    _, draft = opened()
    draft.bypass("b").group(["a"], "g")
    assert gt.Draft.from_json(draft.to_json()).plan == draft.plan


def test_a_draft_from_elsewhere_runs_nothing_but_torch() -> None:
    draft = lenet()
    for target in ("os.system", "torch.load", "torch.hub.load", "torch.os.system", "builtins.eval"):
        text = draft.to_json().replace("torch.nn.ReLU", target)
        problems = gt.Draft.from_json(text).problems()
        assert problems, target
        with pytest.raises(gt.DraftError):
            gt.Draft.from_json(text).to_module()


def test_a_damaged_document_is_refused_with_its_place() -> None:
    text = lenet().to_json().replace('"ref": "x"', '"ref": "y"')
    with pytest.raises(gt.FormatError, match=r"nodes\[1\]: it refers to 'y', which is no node"):
        gt.Draft.from_json(text)


def test_a_loop_is_a_problem_that_names_its_nodes() -> None:
    draft = lenet()
    draft.connect("max_pool2d", "conv1")
    assert "is a loop; disconnect one of its edges" in str(draft.problems()[0])
    assert len(draft.preview()) == len(draft)


def test_a_module_given_as_an_object_brings_its_weights() -> None:
    layer = nn.Linear(4, 3)
    draft = gt.Draft()
    draft.output(draft.add(layer, draft.input("x", "f32[B, 4]")))
    x = torch.randn(2, 4)
    assert torch.equal(draft.to_module()(x), layer(x))


def test_the_values_of_a_traced_graph_are_the_same_through_graph_methods() -> None:
    model = Residual().eval()
    graph = gt.trace(model, torch.randn(2, 4))
    x = torch.randn(3, 4)
    assert torch.equal(graph.to_module()(x), model(x))
    assert "class Residual(nn.Module):" in graph.to_code()
