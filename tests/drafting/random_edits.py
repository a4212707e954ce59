"""Random edits of drafts: what any user may do, in any order, on any node. Each step is checked as a user would."""

from __future__ import annotations

import random
from typing import Any

import torch
from torch import nn

import graphtools as gt
from graphtools.drafting.draft import Draft
from graphtools.drafting.problems import Problem
from graphtools.drafting.totals import Costs
from graphtools.errors import DraftError, MissingError
from graphtools.graph import Ref
from graphtools.structure import tensors

LAYERS: list[tuple[str, dict[str, Any]]] = [
    ("nn.Linear", {"in_features": 8, "out_features": 8}),
    ("nn.Linear", {"in_features": 8, "out_features": 4}),
    ("nn.Linear", {"in_features": 4}),
    ("nn.ReLU", {}),
    ("nn.Dropout", {"p": 0.2}),
    ("nn.BatchNorm1d", {"num_features": 8}),
    ("nn.LayerNorm", {"normalized_shape": 8}),
    ("nn.Flatten", {}),
    ("nn.Conv2d", {"in_channels": 3, "out_channels": 8, "kernel_size": 3, "padding": 1}),
    ("nn.Conv2d", {"in_channels": 8, "out_channels": 8, "kernel_size": 1}),
    ("nn.AdaptiveAvgPool2d", {"output_size": 1}),
    ("nn.MaxPool2d", {"kernel_size": 2}),
    ("nn.Embedding", {"num_embeddings": 9, "embedding_dim": 8}),
    ("nn.LSTM", {"input_size": 8, "hidden_size": 4}),
    ("nn.MultiheadAttention", {"embed_dim": 8, "num_heads": 2}),
    ("nn.Softmax", {"dim": -1}),
    ("nn.GroupNorm", {"num_groups": 2, "num_channels": 8}),
    ("nn.Bogus", {}),
]
FUNCTIONS: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("add", (), {}),
    ("mul", (), {}),
    ("matmul", (), {}),
    ("torch.cat", (), {"dim": 1}),
    ("F.relu", (), {}),
    ("F.gelu", (), {}),
    ("torch.flatten", (), {"start_dim": 1}),
    ("torch.mean", (), {"dim": -1}),
    ("torch.Tensor.transpose", (), {}),
    ("operator.getitem", (), {}),
    ("torch.softmax", (), {"dim": -1}),
]
VALUES: list[Any] = [0, 1, 2, 4, 8, 16, -1, 0.5, True, False, None, "zeros", (1, 2), "bogus"]
NAMES = ["a", "b", "head", "block", "layer1", "class", "2x", "x", ""]


class Traced(nn.Module):
    """A module with a shortcut, a module called twice, a parameter, a buffer and a constant."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(8, 8)
        self.inner = nn.Sequential(nn.ReLU(), nn.Linear(8, 8))
        self.scale = nn.Parameter(torch.ones(8))
        self.register_buffer("shift", torch.arange(8.0))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.inner(self.inner(self.a(x))) + x * torch.tensor([2.0])
        first, second = (y * self.scale + self.shift).chunk(2, dim=-1)
        return torch.cat([second, first], -1)


def opened() -> Draft:
    """A draft of a traced model."""
    draft = Draft(gt.trace(Traced().eval(), torch.randn(3, 8)))
    return draft.set_input("x", "f32[B, 8]")


def fresh(rng: random.Random) -> Draft:
    """A small draft that builds."""
    draft = Draft()
    if rng.random() < 0.3:
        return opened()
    if rng.random() < 0.5:
        x = draft.input("x", "f32[B, 8]")
        x = draft.add("nn.Linear", x, 8, 8)
        x = draft.add("nn.ReLU", x)
    else:
        x = draft.input("x", "f32[B, 3, 8, 8]")
        x = draft.add("nn.Conv2d", x, 3, 8, 3, padding=1)
        y = draft.add("nn.BatchNorm2d", x, 8)
        x = draft.add("add", x, y)
        x = draft.add("nn.Flatten", x)
        x = draft.add("nn.Linear", x, 512, 4)
    draft.output(x)
    return draft


def edit(draft: Draft, rng: random.Random, clips: list[Any], problems: tuple[Problem, ...]) -> None:
    """One random edit. DraftError and MissingError are answers; anything else is a fault."""
    names = [*draft.plan.nodes] or ["nobody"]
    node = rng.choice([*names, "nobody"] if rng.random() < 0.1 else names)
    place = rng.choice([0, 0, 0, 1, 2, "other", (0, 0), (0, 1), "dim", "input"])
    target, settings = rng.choice(LAYERS)
    function, args, kwargs = rng.choice(FUNCTIONS)
    some = rng.sample(names, min(len(names), rng.randint(1, 4)))
    is_layer = rng.random() < 0.6
    new = (target, (), settings) if is_layer else (function, args, kwargs)
    choices: list[Any] = [
        lambda: draft.add(new[0], *([Ref(node)] if rng.random() < 0.7 else []), *new[1], **new[2]),
        lambda: draft.connect(rng.choice(names), node, place),
        lambda: draft.disconnect(node, place),
        lambda: draft.insert_after(node, new[0], *new[1], **new[2]),
        lambda: draft.insert_on(rng.choice(draft.edges() or [("nobody", 0)]), new[0], *new[1], **new[2]),
        lambda: draft.replace(node, new[0], *new[1], **new[2]),
        lambda: draft.remove(*some),
        lambda: draft.rename(node, rng.choice(NAMES)),
        lambda: draft.set(
            node, {rng.choice(["out_features", "in_features", "dim", 1, 0, "p", "num_features"]): rng.choice(VALUES)}
        ),
        lambda: draft.bypass(*some, on=rng.random() < 0.6),
        lambda: draft.disable(node, on=rng.random() < 0.3),
        lambda: draft.group(some, rng.choice(NAMES)),
        lambda: draft.ungroup(rng.choice([*draft.plan.types, "nothing"])),
        lambda: clips.append(draft.copy(*some)),
        lambda: draft.paste(rng.choice(clips)) if clips else None,
        lambda: draft.undo(rng.randint(1, 4)),
        lambda: draft.redo(rng.randint(1, 4)),
        lambda: draft.output(*some),
        lambda: draft.set_input("x", rng.choice(["f32[B, 8]", "f32[B, 3, 8, 8]", "i64[B, 5]", "f32[B, T, 8]"])),
    ]
    for problem in problems:
        choices += [lambda fix=fix: draft.apply(fix.edit) for fix in problem.fixes] * 3
    try:
        rng.choice(choices)()
    except (DraftError, MissingError) as error:
        assert str(error)


def check(draft: Draft) -> tuple[Problem, ...]:
    """A draft either builds and runs, with the shapes that it says, or lists its problems."""
    problems = draft.problems()
    assert draft.totals() == Costs(lambda node, layer: None).totals(draft.plan, draft.shapes)  # nothing remembered
    draft.preview()
    if problems:
        assert all(problem.message for problem in problems)
        try:
            draft.build()
        except DraftError as error:
            assert all(problem.message in str(error) for problem in problems)
        else:
            raise AssertionError("it built in spite of its problems")
        return problems
    graph = draft.build()
    module = draft.to_module()
    inputs = []
    for node in graph.inputs:
        assert node.spec is not None
        shape = [size if isinstance(size, int) else {"B": 3, "T": 5}[size] for size in node.spec.shape]
        is_float = node.spec.dtype == "f32"
        inputs.append(torch.randn(shape) if is_float else torch.randint(0, 2, shape))
    with torch.no_grad():
        result = module(*inputs)
    assert graph.output is not None
    found = dict(tensors(result))
    for output in graph.output.outputs:
        sizes = {"B": 3, "T": 5, "?": None}
        known = [sizes.get(size, size) if isinstance(size, str) else size for size in output.spec.shape]
        real = list(found[output.path].shape)
        assert len(known) == len(real)
        assert all(r == k for r, k in zip(real, known, strict=True) if isinstance(k, int)), (real, output.spec)
    check_code(draft, inputs, found)
    return ()


def check_code(draft: Draft, inputs: list[torch.Tensor], found: dict[Any, torch.Tensor]) -> None:
    """The code of a draft gives the bits that its module gives, with the same weights."""
    torch.manual_seed(0)
    module = draft.to_module().eval()
    torch.manual_seed(0)
    weights = draft.weights()
    space: dict[str, Any] = {}
    exec(compile(draft.to_code("Written"), "<code>", "exec"), space)
    written = space["Written"]()
    written.load_state_dict(weights)
    with torch.no_grad():
        ours, theirs = dict(tensors(module(*inputs))), dict(tensors(written.eval()(*inputs)))
    assert ours.keys() == theirs.keys() == found.keys()
    assert all(torch.equal(ours[path], theirs[path]) or ours[path].isnan().any() for path in ours)


def walk(seed: int, n_edits: int) -> tuple[int, int]:
    """Random edits, checked after each, then undone to the start; how many states ran, and how many listed problems."""
    rng = random.Random(seed)
    torch.manual_seed(seed)
    draft = fresh(rng)
    n_ran, n_listed = 0, 0
    clips: list[Any] = []
    problems: tuple[Problem, ...] = ()
    for _ in range(n_edits):
        before, history = draft.plan, draft.history
        edit(draft, rng, clips, problems)
        if len(draft.history) == len(history) + 1:
            after = draft.plan
            draft.undo()
            assert draft.plan == before
            draft.redo()
            assert draft.plan == after
        problems = check(draft)
        n_listed, n_ran = n_listed + bool(problems), n_ran + (not problems)
        assert Draft.from_json(draft.to_json()).plan == draft.plan
    draft.undo(10**6)
    assert not draft.history
    last = draft.plan
    draft.redo(10**6).undo(10**6)
    assert draft.plan is last
    return n_ran, n_listed
