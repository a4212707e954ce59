"""What `Draft.add` is given is read as a person means it, and a slip is told with near misses."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import graphtools as gt
from graphtools.graph import Ref


def one(spec: str = "f32[B, T, 32]", name: str = "x") -> tuple[gt.Draft, Ref]:
    draft = gt.Draft()
    return draft, draft.input(name, spec)


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
def test_recurrent_modules_take_their_sizes_by_place(kind: str) -> None:
    draft, x = one()
    hidden = draft.add(f"nn.{kind}", x, 32, 64, 2, batch_first=True)
    draft.output(draft.add("nn.Linear", hidden[0], 64, 5))
    module = getattr(draft.to_module(), kind.lower())
    assert (module.input_size, module.hidden_size, module.num_layers, module.batch_first) == (32, 64, 2, True)
    assert str(draft.spec("linear")) == "f32[B, T, 5]"


def test_a_recurrent_module_without_sizes_says_which_it_needs() -> None:
    draft, x = one()
    draft.output(draft.add("nn.GRU", x)[0])
    assert [str(problem) for problem in draft.problems()] == ["'gru' is a GRU: input_size, hidden_size need a value"]
    draft.set("gru", input_size=32, hidden_size=4, sise=3)
    assert "GRU has no 'sise'; it has input_size, hidden_size" in str(draft.problems()[0])


def test_one_of_several_results_is_named_by_its_place() -> None:
    draft, x = one()
    lstm = draft.add("nn.LSTM", x, 32, 8, batch_first=True)
    assert lstm[1][0] == Ref("lstm", (1, 0))
    draft.output(lstm[0], lstm[1][0])
    out, hidden = draft.to_module()(torch.randn(2, 3, 32))
    assert out.shape == (2, 3, 8) and hidden.shape == (1, 2, 8)
    assert "lstm[0]" in (gt.Draft.add.__doc__ or "")


def test_a_text_that_is_no_node_is_told_with_near_misses() -> None:
    draft, _ = one(name="tokens")
    message = r"^no node named 'token'; did you mean 'tokens'\?$"
    before = draft.plan
    for call in (
        lambda: draft.add("nn.Linear", "token", 32, 4),
        lambda: draft.add("torch.add", "tokens", "token"),
        lambda: draft.add("torch.cat", ["tokens", "token"], 1),
        lambda: draft.add("F.relu", "token"),
        lambda: draft.output("token"),
        lambda: draft.output("tokens", "token"),
    ):
        with pytest.raises(gt.MissingError, match=message):
            call()
    assert draft.plan is before


def test_texts_that_are_arguments_stay_texts() -> None:
    draft, x = one("f32[B, 3, 8, 8]")
    conv = draft.add("nn.Conv2d", 3, 4, 3, 1, "same", name="conv")
    draft.connect(x, conv)
    draft.add("torch.einsum", "bchw,bchw->bhw", x, x)
    draft.add("nn.Upsample", x, None, 2, "bilinear")
    assert draft.plan.layers["conv"].settings == {"in_channels": 3, "out_channels": 4, "kernel_size": 3, "stride": 1,
                                                  "padding": "same"}  # fmt: skip
    assert str(draft.spec("einsum")) == "f32[B, 8, 8]" and str(draft.spec("upsample")) == "f32[B, 3, 16, 16]"


def test_near_misses_are_each_named_once() -> None:
    draft, x = one()
    with pytest.raises(gt.DraftError) as raised:
        draft.add("Linner", x, 3, 4)
    near = str(raised.value).split("did you mean ")[1].rstrip("?").split(" or ")
    assert "'Linear'" in near and len(near) == len(set(near))


def test_reductions_have_a_second_form_with_dimensions() -> None:
    draft, x = one("f32[B, 3, 4]")
    draft.add("torch.mean", x, dim=(1, 2), keepdim=True)
    draft.add("torch.max", x, 1)
    draft.set("max", dim=2)
    assert draft.plan["max"].args[1:] == (2,)
    assert str(draft.spec("mean")) == "f32[B, 1, 1]" and str(draft.spec(Ref("max", (1,)))) == "i64[B, 3]"


def test_who_takes_all_of_several_results_may_choose_one() -> None:
    draft, x = one("f32[B, 3, 4]")
    draft.output(draft.add("F.relu", draft.add("torch.max", x, dim=1)))
    (problem,) = draft.problems()
    assert str(problem) == ("'relu' takes one value but 'max' gives 2: max[0] f32[B, 4], max[1] i64[B, 4]. Take one.")
    draft.apply(problem.fixes[0].edit)
    assert draft.problems() == () and str(draft.spec("relu")) == "f32[B, 4]"
    value = torch.randn(2, 3, 4)
    assert torch.equal(draft.to_module()(value), nn.functional.relu(value.max(1).values))
