"""Tensors that modules share stay one: in the draft, in the module made of it, in its code and in its file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import nn

import graphtools as gt
from tests.code_oracle import is_clean, round_trip, written


class GPT(nn.Module):
    """The head has the weights of the embedding."""

    def __init__(self) -> None:
        super().__init__()
        self.tok = nn.Embedding(50, 16)
        self.fc = nn.Linear(16, 16)
        self.head = nn.Linear(16, 50, bias=False)
        self.head.weight = self.tok.weight

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self.head(torch.relu(self.fc(self.tok(ids))))


class Nested(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = GPT()
        self.blocks = nn.ModuleList(nn.Linear(50, 50) for _ in range(3))
        self.blocks[2].weight = self.blocks[0].weight

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        x = self.body(ids)
        for block in self.blocks:
            x = block(x)
        return x


IDS = torch.randint(0, 50, (2, 5))
COUNT = 50 * 16 + 16 * 17


def opened(method: str = "fx") -> tuple[GPT, gt.Draft]:
    model = GPT().eval()
    return model, gt.Draft(gt.trace(model, IDS, method=method))  # type: ignore[arg-type]


def is_tied(module: nn.Module, first: str = "tok.weight", second: str = "head.weight") -> bool:
    return module.get_parameter(first) is module.get_parameter(second)


def n_parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize("method", ["fx", "record"])
def test_tied_weights_are_one_parameter_in_module_code_and_totals(method: str) -> None:
    model, draft = opened(method)
    assert draft.plan.ties == (("tok.weight", "head.weight"),)
    assert draft.totals().n_parameters == n_parameters(model) == COUNT
    built = draft.to_module()
    assert is_tied(built) and n_parameters(built) == COUNT
    assert torch.equal(built(IDS), model(IDS))
    assert list(built.state_dict()) == list(model.state_dict())
    code = round_trip(model, IDS, method=method)
    assert "        self.head.weight = self.tok.weight\n" in code
    made = written(code).GPT()
    assert is_tied(made) and n_parameters(made) == COUNT
    assert is_clean(code) == ""


def test_tied_weights_are_tied_in_the_class_that_holds_both() -> None:
    code = round_trip(Nested(), IDS)
    body, model = code.split("class Nested")
    assert "        self.head.weight = self.tok.weight\n" in body
    assert "        self.blocks[2].weight = self.blocks[0].weight\n" in model
    assert is_clean(code) == ""


def test_tied_members_of_a_sequential_are_tied_in_code() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4))
    model[2].weight = model[0].weight
    code = round_trip(model, torch.randn(2, 4))
    assert "        self[2].weight = self[0].weight\n" in code and is_clean(code) == ""


def test_a_file_keeps_the_ties_and_one_without_them_is_read(tmp_path: Path) -> None:
    model, draft = opened()
    draft.save(tmp_path / "gpt.json")
    read = gt.Draft.load(tmp_path / "gpt.json")
    assert read.plan == draft.plan and is_tied(read.to_module())
    document = json.loads(draft.to_json())
    del document["ties"]
    old = json.dumps(document)
    assert gt.Draft.from_json(old).plan.ties == ()
    assert is_tied(gt.Draft.from_json(old, model).to_module())


def test_a_tie_goes_with_a_module_that_is_renamed_or_grouped() -> None:
    _, draft = opened()
    draft.rename("head", "logits").group(["fc", "relu"], "mlp").group(["logits"], "top")
    assert is_tied(draft.to_module(), "tok.weight", "top.logits.weight")
    assert "self.top.logits.weight = self.tok.weight" in draft.to_code()
    assert draft.totals().n_parameters == COUNT


def test_a_tie_ends_where_a_module_is_replaced_or_resized() -> None:
    _, draft = opened()
    draft.set("head", out_features=7)
    assert not is_tied(draft.to_module()) and "head.weight =" not in draft.to_code()
    assert draft.totals().n_parameters == COUNT + 7 * 16
    draft.undo()
    assert is_tied(draft.to_module())
    draft.replace("head", "nn.Linear", 16, 50, bias=False)
    assert not is_tied(draft.to_module()) and "head.weight =" not in draft.to_code()
    assert draft.totals().n_parameters == COUNT + 50 * 16


def test_a_pasted_copy_is_a_module_of_its_own() -> None:
    _, draft = opened()
    (copy,) = draft.paste(draft.copy("head"), relu="relu")
    draft.output(copy, draft["head"])
    built = draft.to_module()
    assert is_tied(built) and not is_tied(built, "tok.weight", f"{copy.node}.weight")
    assert torch.equal(built.get_parameter(f"{copy.node}.weight"), built.get_parameter("tok.weight"))


def test_modules_given_as_objects_stay_tied() -> None:
    tok, head = nn.Embedding(50, 16), nn.Linear(16, 50)
    head.weight = tok.weight
    draft = gt.Draft()
    draft.output(draft.add(head, draft.add(tok, draft.input("ids", "i64[B, T]"))))
    assert is_tied(draft.to_module(), "embedding.weight", "linear.weight")
    assert "self.linear.weight = self.embedding.weight" in draft.to_code()


class Twice(nn.Module):
    """One module under two names, and one parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(4, 4)
        self.b = self.a
        self.scale = nn.Parameter(torch.ones(4))
        self.other = self.scale

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.b(self.a(x)) * self.scale + self.other


@pytest.mark.parametrize("method", ["fx", "record"])
def test_a_module_under_two_names_is_one(method: str) -> None:
    model = Twice()
    draft = gt.Draft(gt.trace(model.eval(), torch.randn(2, 4), method=method))  # type: ignore[arg-type]
    assert draft.totals().n_parameters == n_parameters(draft.to_module()) == n_parameters(model)
    made = written(round_trip(model, torch.randn(2, 4), method=method)).Twice()
    assert n_parameters(made) == n_parameters(model)
