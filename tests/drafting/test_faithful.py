"""What a draft makes of a model computes what the model does, bit for bit, or says that it cannot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import graphtools as gt
from graphtools.drafting.documents import from_json
from graphtools.drafting.files import model_of
from graphtools.drafting.grouping import RenameGroup
from graphtools.errors import DraftError


def opened(model: nn.Module, *x: torch.Tensor, **settings: Any) -> gt.Draft:
    return gt.Draft(gt.trace(model.eval(), *x, **settings))


def coded(draft: gt.Draft) -> nn.Module:
    space: dict[str, Any] = {"__name__": "made"}
    exec(draft.to_code(), space)
    kind = [value for value in space.values() if isinstance(value, type) and value.__module__ == "made"][-1]
    made: nn.Module = kind().eval()
    made.load_state_dict(draft.weights())
    return made


class Doubled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, factor: float) -> torch.Tensor:
        ctx.factor = factor
        return x * factor

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> Any:
        return grad * ctx.factor, None


class WithFunction(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(Doubled.apply(x, 2.0))


def test_a_function_of_the_user_with_its_own_gradient_is_applied(tmp_path: Path) -> None:
    model, x = WithFunction(), torch.randn(2, 4)
    draft = opened(model, x, method="record")
    assert "Doubled.apply(x, 2.0)" in draft.to_code()
    draft.save(tmp_path / "draft.json")
    again = gt.Draft.load(tmp_path / "draft.json", allow=[__name__.partition(".")[0]])
    built = again.to_module().eval()
    built.load_state_dict(model.state_dict())
    for made in (coded(draft), draft.to_module().eval(), built):
        given = x.clone().requires_grad_()
        wanted = x.clone().requires_grad_()
        made(given).sum().backward()
        model(wanted).sum().backward()
        assert torch.equal(made(x), model(x))
        assert torch.equal(given.grad, wanted.grad)


class FromTheEnd(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(2, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        parts = torch.split(x, 2, 1)
        state = self.lstm(parts[0])
        return parts[-1] + state[-2] + state[-1][-1]


def test_parts_of_results_that_are_counted_from_the_end() -> None:
    model, x = FromTheEnd(), torch.randn(3, 6)
    draft = opened(model, x)
    assert draft.problems() == ()
    assert any(str(ref) == "%split.2" for node in gt.trace(model, x).nodes for ref in node.refs())
    assert torch.equal(coded(draft)(x), model(x))
    assert torch.equal(draft.to_module().eval()(x), model(x))


def test_where_a_fake_kernel_refuses_a_type_that_the_function_takes_it_is_asked_itself() -> None:
    draft = gt.Draft()
    x, w = draft.input("x", "f32[8, 16]"), draft.input("w", "f32[2, 16, 8]")
    ends = draft.input("ends", "i32[2]")
    draft.output(draft.add("torch._grouped_mm", x, w, offs=ends))
    assert draft.problems() == ()
    assert str(draft.spec("output")) == "f32[8, 8]"
    draft.set_input("w", "f32[2, 12, 8]")
    assert len(draft.problems()) == 1


class Inner:
    class Tripled(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
            return x * 3

        @staticmethod
        def backward(ctx: Any, grad: torch.Tensor) -> Any:
            return grad * 3


class WithInner(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return Inner.Tripled.apply(x) + 1


def test_a_function_inside_a_class_is_imported_with_its_class() -> None:
    model, x = WithInner(), torch.randn(2, 4)
    draft = opened(model, x, method="record")
    assert "import Inner" in draft.to_code() and "Inner.Tripled.apply(x)" in draft.to_code()
    assert torch.equal(coded(draft)(x), model(x))


class Named(nn.Module):
    """A layer that has the name of a function of torch, and gives more than tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.split = nn.LSTM(2, 2)
        self.chunk = nn.MultiheadAttention(2, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.split(x)[-1][0].sum() + self.chunk(x, x, x, need_weights=False)[-2]


def test_a_layer_with_the_name_of_a_function_is_not_taken_for_it() -> None:
    model, x = Named().eval(), torch.randn(3, 2)
    draft = opened(model, x)
    assert torch.equal(draft.to_module().eval()(x), model(x))
    assert torch.equal(coded(draft)(x), model(x))


class Unsqueezed(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = x + 1
        return h.unsqueeze_(0).unsqueeze_(0) * 2


class Between(nn.Module):
    def forward(self, x: torch.Tensor) -> Any:
        h = x + 1
        a = torch.relu(h).sum(0)
        h.unsqueeze_(0)
        return a, torch.relu(h).sum(0)


class Transposed(nn.Module):
    def forward(self, x: torch.Tensor) -> Any:
        h = x.clone()
        h.t_()
        a = h @ x
        h.t_()
        return a, h.t() @ h, h + x


@pytest.mark.parametrize("kind", [Unsqueezed, Between, Transposed])
def test_shapes_follow_what_changes_a_tensor_itself(kind: Any) -> None:
    model, x = kind(), torch.randn(2, 3)
    draft = opened(model, x.clone())
    assert draft.problems() == ()
    wanted, made = model(x.clone()), draft.to_module()(x.clone())
    for a, b in zip(wanted, made, strict=True):
        assert torch.equal(a, b)
    (result,) = draft.plan["output"].args
    refs = list(result) if isinstance(result, tuple) else [result]
    values = wanted if isinstance(wanted, tuple) else (wanted,)
    assert [tuple(draft.spec(ref).shape) for ref in refs] == [tuple(value.shape) for value in values]


def test_a_tensor_that_changes_itself_is_known_after_it_too() -> None:
    draft = gt.Draft()
    h = draft.add("torch.add", draft.input("x", "f32[2, 3]"), 1)
    before = draft.add("torch.relu", h)
    after = draft.add("torch.relu", draft.add("torch.Tensor.unsqueeze_", h, 0))
    draft.output(after)
    assert (str(draft.spec(before)), str(draft.spec(after))) == ("f32[2, 3]", "f32[1, 2, 3]")


class Overwritten(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        b = torch.relu(x)
        v = b[0]
        v.add_(1)
        return b * 2


def test_what_is_written_through_a_view_can_be_bypassed() -> None:
    draft = opened(Overwritten(), torch.randn(2, 3))
    draft.bypass("relu")
    assert draft.totals().n_unknown == 0
    assert draft.preview()["add_"].writes == ("getitem",)  # and not what is no longer before it


class Function(nn.Module):
    def __init__(self, function: Any, **parts: Any) -> None:
        super().__init__()
        for name, part in parts.items():
            setattr(self, name, part)
        self.function = function

    def forward(self, x: torch.Tensor) -> Any:
        return self.function(self, x)


def alike(model: nn.Module, x: torch.Tensor, **settings: Any) -> gt.Draft:
    draft = opened(model, x, **settings)
    assert draft.problems() == ()
    for made in (draft.to_module().eval(), coded(draft)):
        assert torch.equal(made(x.clone()), model(x.clone()))
    return draft


@pytest.mark.parametrize("method", ["fx", "record"])
@pytest.mark.parametrize(
    "write",
    [
        lambda a: a[:, 0].mul_(3),
        lambda a: a.view(-1).add_(1),
        lambda a: a.t()[0].chunk(2)[0].zero_(),
        lambda a: F.relu(a.transpose(0, 1), inplace=True),
    ],
)
def test_what_is_written_through_a_view_is_written(write: Any, method: str) -> None:
    def function(model: nn.Module, x: torch.Tensor) -> torch.Tensor:
        a = x * 1
        write(a)
        return a + 1

    alike(Function(function), torch.randn(4, 4), method=method)


def test_hooks_are_kept_or_the_code_is_refused() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU())
    model[0].register_forward_hook(lambda module, given, out: out * 2)
    x = torch.randn(2, 4)
    draft = opened(model, x)
    assert torch.equal(draft.to_module()(x), model(x))
    with pytest.raises(DraftError, match="cannot be read back"):
        draft.to_code()


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_weights_of_another_type_stay_of_it(dtype: torch.dtype) -> None:
    model = Function(lambda m, x: m.fc(x) * m.scale, fc=nn.Linear(3, 3), scale=nn.Parameter(torch.randn(3))).to(dtype)
    alike(model, torch.randn(2, 3, dtype=dtype))


def test_complex_parameters_stay_complex() -> None:
    weight = nn.Parameter(torch.randn(4, dtype=torch.complex64))
    alike(Function(lambda m, x: torch.fft.ifft(torch.fft.fft(x) * m.w).real, w=weight), torch.randn(2, 4))


def test_frozen_and_whole_parameters_stay_so() -> None:
    parts = {
        "pos": nn.Parameter(torch.randn(3), requires_grad=False),
        "order": nn.Parameter(torch.arange(3), requires_grad=False),
        "fc": nn.Linear(3, 3),
    }
    draft = alike(Function(lambda m, x: m.fc(x[:, m.order] + m.pos), **parts), torch.randn(2, 3))
    made = dict(draft.to_module().named_parameters())
    assert [made[name].requires_grad for name in ("pos", "order", "fc.weight")] == [False, False, True]


def test_fields_of_named_tuples_are_their_places() -> None:
    alike(Function(lambda m, x: torch.topk(x, 2).values + x.max(1).values[:, None]), torch.randn(3, 4))


def test_a_recorded_trace_has_its_constants() -> None:
    def function(model: Any, x: torch.Tensor) -> torch.Tensor:
        return x if x.mean() > 100 else model.mask[0] @ model.fc(x)

    alike(Function(function, fc=nn.Linear(3, 3), mask=[torch.tril(torch.ones(3, 3))]), torch.randn(3, 3))


def test_names_that_python_keeps_for_itself(tmp_path: Path) -> None:
    def function(model: Any, x: torch.Tensor) -> torch.Tensor:
        return x if x.sum() > 1e9 else ((x > 0) & (x < 1) | (x > 2)).float()

    x = torch.randn(2, 3)
    draft = alike(Function(function), x)
    assert from_json(draft.to_json()) == draft.plan
    model: Any = model_of(draft, str(tmp_path / "draft.json"))
    assert torch.equal(model(x), function(None, x))


def test_imported_names_are_not_taken_for_values_and_classes() -> None:
    draft = gt.Draft()
    boxes = draft.input("boxes", "f32[N, 4]")
    area = draft.add("torchvision.ops.boxes.box_area", boxes)
    draft.output(draft.add("torch.sqrt", area))
    found = torch.tensor([[0.0, 0, 2, 8]])
    assert coded(draft)(found).item() == 4
    draft = gt.Draft()
    x = draft.input("x", "f32[B, 8, 4, 4]")
    first = draft.add("torchvision.models.mobilenetv2.InvertedResidual", x, inp=8, oup=8, stride=1, expand_ratio=2)
    second = draft.add("torchvision.models.shufflenetv2.InvertedResidual", first, inp=8, oup=8, stride=1)
    draft.output(second)
    code = draft.to_code()
    assert "import InvertedResidual as InvertedResidual2" in code
    x = torch.randn(2, 8, 4, 4)
    assert torch.equal(coded(draft)(x), draft.to_module().eval()(x)) or draft.weights()


@pytest.mark.parametrize(
    ("module", "shape", "words"),
    [
        (nn.LSTM(3, 5, batch_first=True), "f32[B, T, 3]", "is open"),
        (nn.ReLU(inplace=True), "f32[B, 3]", "writes into"),
        (nn.Softmax(), "f32[2, 3, 4]", "with these arguments"),
    ],
)
def test_what_a_rule_does_not_know_exactly_is_not_taken_apart(module: nn.Module, shape: str, words: str) -> None:
    draft = gt.Draft()
    made = draft.add(module, draft.input("x", shape))
    draft.output(made)
    with pytest.raises(DraftError, match=words):
        draft.decompose(made.node)


def test_masks_of_bools_and_other_types_are_not_taken_apart() -> None:
    mask = torch.tril(torch.ones(3, 3)).bool()
    draft = opened(
        Function(lambda m, q: F.scaled_dot_product_attention(q, q, q, attn_mask=q > 0)), torch.randn(1, 3, 3)
    )
    assert mask.any()
    with pytest.raises(DraftError, match="mask of bools"):
        draft.decompose("scaled_dot_product_attention")
    draft = opened(Function(lambda m, x: F.softmax(x, -1, dtype=torch.float64)), torch.randn(2, 3))
    with pytest.raises(DraftError, match="with these arguments"):
        draft.decompose("softmax")


def test_what_draws_random_numbers_is_not_computed_once_for_two() -> None:
    layer = nn.TransformerEncoderLayer(4, 2, 8, dropout=0.5, batch_first=True)
    draft = opened(Function(lambda m, x: m.layer(x) + m.layer(x) * 2, layer=layer), torch.randn(2, 3, 4), method="fx")
    assert not any("computed once" in change for change in draft.simplify().changes)


def test_simplify_follows_paths_and_says_what_it_cannot_compare() -> None:
    def through(m: Any, x: torch.Tensor) -> torch.Tensor:
        o, state = m.lstm(x)
        return o + m.same(state)[0]

    draft = opened(Function(through, lstm=nn.LSTM(3, 3), same=nn.Identity()), torch.randn(1, 1, 3), method="fx")
    assert "removed, since it does nothing" in str(draft.simplify())
    model = Function(lambda m, x: F.binary_cross_entropy(m.same(x), torch.ones_like(x)), same=nn.Identity())
    draft = opened(model, torch.rand(3), method="fx")
    with pytest.raises(DraftError, match="cannot be compared"):
        draft.simplify()


def test_no_model_is_made_by_a_function_and_no_weights_are_downloaded() -> None:
    draft = gt.Draft()
    x = draft.input("x", "f32[B, 3, 32, 32]")
    draft.output(x)
    document = draft.to_json()
    node = '{"name": "net", "kind": "call", "target": "torchvision.models.squeezenet.squeezenet1_1"'
    text = document.replace('"nodes": [', f'"nodes": [{node}, "kwargs": {{"weights": "DEFAULT"}}}}, ')
    found = gt.Draft()
    found.plan = from_json(text)
    assert any("does not call" in problem.message for problem in found.problems())
    found.plan = from_json(text.replace("torchvision.models.squeezenet.squeezenet1_1", "math.nope"))
    assert any("math has no function" in problem.message for problem in found.problems())


def tied(m: Any, x: torch.Tensor) -> torch.Tensor:
    return F.linear(m.fc(m.emb(x)), m.emb.weight)


@pytest.mark.parametrize(
    "edit",
    [
        lambda d: d.rename("emb", "tok"),
        lambda d: d.group(["emb", "fc"], "blk"),
        lambda d: d.group(["emb", "fc"], "blk").apply(RenameGroup("blk", "b2")).ungroup("b2"),
    ],
)
def test_a_layer_that_is_moved_takes_its_own_tensors_with_it(edit: Any) -> None:
    model, x = Function(tied, emb=nn.Embedding(10, 4), fc=nn.Linear(4, 4)), torch.randint(10, (2, 3))
    draft = opened(model, x)
    before = draft.totals().n_parameters
    edit(draft)
    assert draft.problems() == () and draft.totals().n_parameters == before
    for made in (draft.to_module().eval(), coded(draft)):
        assert torch.equal(made(x), model(x))
        assert sum(p.numel() for p in made.parameters()) == before


def test_what_takes_a_layers_tensor_has_its_present_shape() -> None:
    draft = opened(Function(tied, emb=nn.Embedding(10, 4), fc=nn.Linear(4, 4)), torch.randint(10, (2, 3)))
    draft.set("emb", num_embeddings=20)
    assert str(draft.spec("linear")) == "f32[2, 3, 20]"
    draft.set("emb", embedding_dim=8)
    assert any(problem.node in ("fc", "linear") for problem in draft.problems())
