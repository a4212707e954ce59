"""Operations taken apart and graphs made simpler compute what they computed."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import graphtools as gt
from graphtools.graph import Ref
from graphtools.rewriting import prove

MODULES: list[tuple[nn.Module, str]] = [
    (nn.Linear(4, 3), "f32[B, 4]"),
    (nn.Softmax(-1), "f32[B, 4]"),
    (nn.LogSoftmax(-1), "f32[B, 4]"),
    (nn.LayerNorm(4), "f32[B, 4]"),
    (nn.RMSNorm(4), "f32[B, 4]"),
    (nn.BatchNorm1d(4), "f32[B, 4]"),
    (nn.BatchNorm2d(4), "f32[B, 4, 5, 5]"),
    (nn.Conv2d(3, 4, 3, padding=1, stride=2), "f32[B, 3, 8, 8]"),
    (nn.GELU(), "f32[B, 4]"),
    (nn.GELU("tanh"), "f32[B, 4]"),
    (nn.SiLU(), "f32[B, 4]"),
    (nn.ReLU(), "f32[B, 4]"),
    (nn.Sigmoid(), "f32[B, 4]"),
    (nn.Tanh(), "f32[B, 4]"),
    (nn.Softplus(), "f32[B, 4]"),
    (nn.LSTM(4, 3, 2, batch_first=True), "f32[B, 5, 4]"),
    (nn.LSTM(4, 3, bias=False), "f32[5, B, 4]"),
    (nn.MultiheadAttention(8, 2, batch_first=True), "f32[B, 5, 8]"),
    (nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), "f32[B, 5, 8]"),
    (nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, norm_first=True), "f32[B, 5, 8]"),
]


def draft_of(module: nn.Module, spec: str) -> gt.Draft:
    draft = gt.Draft()
    x = draft.input("x", spec)
    if isinstance(module, nn.MultiheadAttention):
        out = Ref(draft.add(module, x, x, x, need_weights=False, name="op").node, (0,))
    else:
        out = draft.add(module, x, name="op")
    return draft.output(out)


@pytest.mark.parametrize("depth", [1, 9])
@pytest.mark.parametrize(("module", "spec"), MODULES, ids=[type(module).__name__ for module, _ in MODULES])
def test_a_module_taken_apart_computes_the_same_with_the_same_weights(module: nn.Module, spec: str, depth: int) -> None:
    # In double precision rounding is far below any error of a formula, whatever the weights drawn at import.
    draft = draft_of(copy.deepcopy(module).double().eval(), spec.replace("f32", "f64"))
    before = (draft.plan, draft.sources)
    made = draft.decompose("op", depth)
    assert len(made) >= 1 and "op" not in draft
    assert draft.problems() == ()
    proof = prove(before, (draft.plan, draft.sources), tolerance=1e-13)
    assert proof.holds, str(proof)
    assert {f"op.{key}" for key in module.state_dict()} >= set(draft.to_module().state_dict()) - {
        "op.num_batches_tracked"
    }
    space: dict[str, Any] = {}
    exec(draft.to_code("Net"), space)
    written = space["Net"]().eval()
    written.load_state_dict(draft.weights())
    torch.manual_seed(0)
    x = torch.randn([3 if size == "B" else int(size) for size in spec[4:-1].split(", ")], dtype=torch.float64)
    a, b = written(x), draft.to_module().eval()(x)
    assert torch.equal(a[0], b[0])
    draft.undo(100)


def test_attention_is_taken_apart_down_to_products_and_exponentials() -> None:
    draft = draft_of(nn.MultiheadAttention(8, 2, batch_first=True), "f32[B, 5, 8]")
    draft.decompose("op", 9)
    operations = {node.operation for node in draft.build().operations}
    assert {"matmul", "exp", "sum"} <= operations
    assert not {"softmax", "linear", "scaled_dot_product_attention", "MultiheadAttention"} & operations


def test_what_is_not_known_to_have_parts_says_so() -> None:
    draft = draft_of(nn.MaxPool2d(2), "f32[B, 3, 4, 4]")
    with pytest.raises(gt.DraftError, match=r"'op' \(MaxPool2d\) is not known to be made of simpler operations"):
        draft.decompose("op")


class Wasteful(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, bias=False)
        self.norm = nn.BatchNorm2d(4)
        self.idle = nn.Identity()
        self.head = nn.Linear(4, 2)
        self.register_buffer("table", torch.arange(4.0))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.idle(F.relu(self.norm(self.conv(x))))
        a, b = torch.tanh(y), torch.tanh(y)
        scale = torch.sqrt(torch.ones(4) + 3).reshape(1, 4, 1, 1)
        return self.head(((a + b) * scale).mean((2, 3)) + self.table)


def test_a_wasteful_model_is_made_simpler_with_a_proof() -> None:
    model = Wasteful().eval()
    model.norm.running_mean.normal_()
    model.norm.running_var.uniform_(0.5, 2)
    x = torch.randn(2, 3, 6, 6)
    draft = gt.Draft(gt.trace(model, x, method="record")).set_input("x", "f32[2, 3, 6, 6]")
    before = draft.plan
    done = draft.simplify()
    assert [change.split(":")[0] for change in done.changes] == [
        "computed once, not twice",
        "computed ahead, since no input reaches it",
        "folded into the convolution before",
    ]
    assert done.proof is not None and done.proof.holds
    assert torch.allclose(draft.to_module()(x), model(x), atol=1e-5)
    operations = [node.operation for node in draft.build().operations]
    assert operations.count("tanh") == 1 and not {"BatchNorm2d", "sqrt", "ones"} & {*operations}
    draft.undo()
    assert draft.plan is before


def test_nothing_to_do_is_said_and_changes_nothing() -> None:
    draft = draft_of(nn.Linear(4, 4), "f32[B, 4]")
    before = draft.plan
    assert str(draft.simplify()) == "nothing to simplify"
    assert draft.plan is before


def test_random_operations_are_never_merged() -> None:
    draft = gt.Draft()
    x = draft.input("x", "f32[B, 4]")
    a, b = draft.add("nn.Dropout", x, 0.5), draft.add("nn.Dropout", x, 0.5)
    draft.output(draft.add("add", a, b))
    assert draft.simplify().changes == ()
    functions = gt.Draft()
    x = functions.input("x", "f32[B, 4]")
    a, b = functions.add("torch.rand_like", x), functions.add("torch.rand_like", x)
    functions.output(functions.add("add", a, b))
    assert functions.simplify().changes == ()


def test_a_draft_becomes_an_export_program() -> None:
    draft = draft_of(nn.Linear(4, 3), "f32[B, 4]")
    x = torch.randn(7, 4)
    assert torch.equal(draft.to_program().module()(x), draft.to_module()(x))
