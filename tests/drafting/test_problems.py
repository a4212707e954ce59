"""A mismatch stands on the edge where it arises, in words, with fixes that mend it."""

from __future__ import annotations

import pytest

import graphtools as gt


def chain(spec: str, *steps: tuple) -> gt.Draft:
    draft = gt.Draft()
    x = draft.input("x", spec)
    for target, *args in steps:
        x = draft.add(target, x, *args)
    return draft.output(x)


def test_a_linear_of_the_wrong_width_names_both_shapes_and_two_fixes() -> None:
    draft = chain("f32[B, 6]", ("nn.Identity",), ("nn.Linear", 8, 2))
    (problem,) = draft.problems()
    assert str(problem) == (
        "'linear' expects 8 input features but 'identity' gives f32[B, 6]. "
        "Set in_features=6, or add a Linear(6, 8) between."
    )
    assert str(problem.edge) == "%identity → linear"
    for fix in problem.fixes:
        draft.apply(fix.edit)
        assert draft.problems() == ()
        draft.undo()


def test_an_image_before_a_linear_wants_a_flatten() -> None:
    draft = chain("f32[B, 3, 4, 4]", ("nn.Linear", 48, 2))
    (problem,) = draft.problems()
    assert [fix.label for fix in problem.fixes] == ["Insert Flatten"]
    draft.apply(problem.fixes[0].edit)
    assert draft.problems() == () and str(draft.spec("linear")) == "f32[B, 2]"


def test_channels_that_do_not_fit_are_set_or_projected() -> None:
    draft = chain("f32[B, 3, 8, 8]", ("nn.Conv2d", 4, 8, 3))
    (problem,) = draft.problems()
    assert [fix.label for fix in problem.fixes] == ["Set in_channels=3", "Add Conv2d(3, 4, 1) between"]
    draft.apply(problem.fixes[1].edit)
    assert draft.problems() == ()


def test_a_skip_of_another_width_gets_a_projection_on_its_edge() -> None:
    draft = gt.Draft()
    x = draft.input("x", "f32[B, 3, 8, 8]")
    y = draft.add("nn.Conv2d", x, 3, 16, 3, padding=1)
    draft.output(draft.add("add", y, x))
    (problem,) = draft.problems()
    assert str(problem).endswith("they differ in dimension 1. Add a Conv2d(3, 16, 1) between 'x' and 'add'.")
    draft.apply(problem.fixes[0].edit)
    assert draft.problems() == ()


def test_integers_before_floats_are_a_problem_although_fake_tensors_let_them_pass() -> None:
    draft = chain("i64[B, 6]", ("nn.Linear", 6, 2))
    (problem,) = draft.problems()
    draft.apply(problem.fixes[0].edit)
    assert draft.problems() == ()
    assert "looks up rows by integers" in str(chain("f32[B, 6]", ("nn.Embedding", 9, 2)).problems()[0])


def test_only_the_first_of_a_chain_of_failures_is_listed() -> None:
    draft = chain("f32[B, 6]", ("nn.Linear", 8, 4), ("nn.Linear", 9, 2), ("nn.ReLU",))
    assert [problem.node for problem in draft.problems()] == ["linear"]


def test_what_is_missing_is_listed_all_at_once() -> None:
    draft = gt.Draft()
    draft.add("nn.Linear", out_features=3)
    draft.add("add")
    with pytest.raises(gt.DraftError) as raised:
        draft.build()
    assert str(raised.value) == (
        "the draft has 4 problems:\n"
        "  the graph has no output; make a node its output\n"
        "  'linear' has nothing at 'input'; connect a value\n"
        "  'linear' is a Linear: in_features needs a value\n"
        "  'add' has nothing at 'input'; connect a value\n"
        "  'add' has nothing at 'other'; connect a value"
    ).replace("4 problems", "5 problems")


def test_open_sizes_are_followed_through() -> None:
    draft = chain("f32[B, T, 8]", ("nn.Linear", 8, 4), ("torch.flatten",))
    assert str(draft.spec("linear")) == "f32[B, T, 4]"
    assert str(draft.spec("flatten")) == "f32[4*B*T]"
    cat = gt.Draft()
    x = cat.input("x", "f32[B, T, 8]")
    y = cat.input("y", "f32[B, 1, 8]")
    cat.output(cat.add("torch.cat", [y, x], 1))
    assert str(cat.spec("cat")) == "f32[B, T + 1, 8]"


def test_a_message_speaks_of_open_sizes_by_their_names() -> None:
    (problem,) = chain("f32[B, 8]", ("nn.MaxPool2d", 2)).problems()
    assert "f32[B, 8]" in str(problem) and "61" not in str(problem)
    (problem,) = chain("f32[B, 8]", ("nn.Conv2d", 3, 4, 3)).problems()
    assert str(problem) == "'conv2d' expects 4 dimensions but 'x' gives f32[B, 8]."


def test_what_was_disabled_and_is_on_again_has_its_shape_again() -> None:
    draft = chain("f32[B, 8]", ("nn.Linear", 8, 4), ("nn.ReLU",))
    before = str(draft.spec("relu"))
    draft.disable("linear")
    assert draft.problems() != () and draft.spec("relu") is None
    draft.disable("linear", on=False)
    assert draft.problems() == () and str(draft.spec("relu")) == before


def test_a_loop_is_removed_node_by_node_without_a_trace() -> None:
    draft = chain("f32[B, 8]", ("nn.ReLU",), ("nn.Tanh",))
    draft.connect("tanh", "relu").remove("tanh")
    assert "nothing at 'input'" in str(draft.problems()[0])  # and it does not take itself
    draft.remove("relu")
    assert gt.Draft.from_json(draft.to_json()).plan == draft.plan


def test_a_number_that_follows_an_open_size_is_told_by_its_name() -> None:
    (problem,) = chain("f32[B, 4, 8, 9]", ("torch.reshape", (5, 7))).problems()
    assert str(problem).endswith("shape '[5, 7]' is invalid for input of size 288*B")
    (problem,) = chain("f32[B, 4, 6]", ("torch.Tensor.view", -1, 122)).problems()
    assert str(problem).endswith("shape '[-1, 122]' is invalid for input of size 24*B")
    (problem,) = chain("f32[B, T, 6]", ("torch.reshape", (5, 7))).problems()
    assert str(problem).endswith("is invalid for input of size 6*B*T")


def test_a_norm_of_the_wrong_rank_becomes_the_right_one() -> None:
    draft = chain("f32[B, 3, 4, 4]", ("nn.BatchNorm1d", 3))
    (problem,) = draft.problems()
    assert str(problem) == (
        "'batch_norm1d' expects 2 or 3 dimensions but 'x' gives f32[B, 3, 4, 4]. Make it a BatchNorm2d."
    )
    draft.apply(problem.fixes[0].edit)
    assert draft.problems() == () and draft.plan.layers["batch_norm2d"].settings == {"num_features": 3}


def test_an_embedding_of_floats_gets_a_cast() -> None:
    draft = chain("f32[B, 5]", ("nn.Embedding", 9, 2))
    (problem,) = draft.problems()
    assert str(problem) == (
        "'embedding' looks up rows by integers (i64 or i32) but 'x' gives f32[B, 5]. Insert long()."
    )
    draft.apply(problem.fixes[0].edit)
    assert draft.problems() == () and str(draft.spec("embedding")) == "f32[B, 5, 2]"


def test_a_flat_image_before_a_convolution_is_unflattened() -> None:
    draft = chain("f32[B, 768]", ("nn.Conv2d", 3, 8, 3))
    (problem,) = draft.problems()
    assert str(problem) == (
        "'conv2d' expects 4 dimensions but 'x' gives f32[B, 768]. Insert Unflatten(1, (3, 16, 16)) before it."
    )
    draft.apply(problem.fixes[0].edit)
    assert draft.problems() == () and str(draft.spec("conv2d")) == "f32[B, 8, 14, 14]"
    assert chain("f32[B, 767]", ("nn.Conv2d", 3, 8, 3)).problems()[0].fixes == ()


def test_a_product_that_fits_when_turned_is_turned() -> None:
    draft = gt.Draft()
    a, b = draft.input("Query", "f32[B, 4, 8]"), draft.input("Key", "f32[B, 5, 8]")
    draft.output(draft.add("torch.matmul", a, b))
    (problem,) = draft.problems()
    assert str(problem) == (
        "'matmul' (matmul) is given f32[B, 4, 8] by 'Query' and f32[B, 5, 8] by 'Key', whose rows have 8 values and "
        "columns 5. Transpose Key."
    )
    draft.apply(problem.fixes[0].edit)
    assert draft.problems() == () and str(draft.spec("matmul")) == "f32[B, 4, 5]"
