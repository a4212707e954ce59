"""Guessed inputs fit: every argument of forward gets what its own layer takes, in the range and type that it takes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from graphtools.guessing import guess_inputs


class Net(nn.Module):
    """Layers under the names given."""

    def __init__(self, **layers: nn.Module) -> None:
        super().__init__()
        for name, layer in layers.items():
            setattr(self, name, layer)


class Tokens(Net):
    def forward(self, tokens):
        return self.head(self.table(tokens))


class Positions(Net):
    def forward(self, tokens):
        return self.table(tokens) + self.position(torch.arange(tokens.shape[1]))


class Two(Net):
    def forward(self, b, a):
        return self.a(a) + self.b(b)


class KeywordOnly(Net):
    def forward(self, *, x):
        return self.a(x)


class ImageAndFacts(Net):
    def forward(self, image, facts):
        return self.conv(image).mean((2, 3)) + self.linear(facts)


class Diffusion(Net):
    def forward(self, x, t):
        return self.conv(x) + self.linear(t[:, None])[:, :, None, None]


class Masked(Net):
    def forward(self, tokens, mask):
        return self.layer(self.table(tokens), src_key_padding_mask=mask)


class Optional(Net):
    def forward(self, x=None, scale=None):
        return self.a(x)


class NeedsNone(Net):
    def forward(self, x=None):
        return self.a.weight.sum()


class Joined(Net):
    def forward(self, u, v):
        return self.a(torch.cat([u, v], 1))


class Recommender(Net):
    def forward(self, user, item, facts):
        return self.out(torch.cat([self.users(user), self.items(item), facts], dim=-1))


class Functional(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3, 5))
        self.table = nn.Parameter(torch.ones(7, 3))

    def forward(self, x, ids):
        return F.linear(x, self.weight) + F.embedding(ids, self.table).mean(1)


class Recurrent(Net):
    def forward(self, x, hidden):
        return self.layer(x, hidden)


class Branching(Net):
    def forward(self, x):
        return self.a(x) if x.sum() > 0 else x


class LaterFirst(Net):  # the layer that the input reaches is not the first that was made
    def forward(self, x):
        return self.last(self.first(x))


class Transformerlike(Net):
    """With the names and the config of transformers."""

    class config:  # noqa: N801
        vocab_size = 30

    def forward(self, input_ids=None, attention_mask=None, inputs_embeds=None):
        if (input_ids is None) == (inputs_embeds is None):
            raise ValueError("You must specify exactly one of input_ids or inputs_embeds")
        return self.table(input_ids)


class Pixels(Net):
    class config:  # noqa: N801
        image_size = 48
        num_channels = 4

    def forward(self, *, pixel_values=None, labels=None):
        return self.conv(pixel_values)


L, E = nn.Linear, nn.Embedding
GUESSES: list[tuple[Callable[[], nn.Module], str]] = [
    (lambda: Tokens(table=E(50, 8), head=L(8, 2)), "a guess from the first layer: int64[1, 16] in 0..50"),
    (lambda: Positions(table=E(50, 8), position=E(8, 8)), "a guess from the first layer: int64[1, 8] in 0..50"),
    (lambda: Two(a=L(4, 3), b=L(6, 3)), "a guess from layers and names: b=float32[1, 6], a=float32[1, 4]"),
    (
        lambda: Two(a=E(4, 3), b=E(600, 3)),
        "a guess from layers and names: b=int64[1, 16] in 0..600, a=int64[1, 16] in 0..4",
    ),
    (lambda: KeywordOnly(a=L(4, 3)), "a guess from layers and names: x=float32[1, 4]"),
    (
        lambda: ImageAndFacts(conv=nn.Conv2d(3, 4, 3), linear=L(5, 4)),
        "a guess from layers and names: image=float32[1, 3, 224, 224], facts=float32[1, 5]",
    ),
    (
        lambda: Diffusion(conv=nn.Conv2d(3, 4, 3), linear=L(1, 4)),
        "a guess from layers and names: x=float32[1, 3, 224, 224], t=float32[1]",
    ),
    (
        lambda: Masked(table=E(50, 8), layer=nn.TransformerEncoderLayer(8, 2, batch_first=True)),
        "a guess from layers and names: tokens=int64[1, 16] in 0..50, mask=bool[1, 16]",
    ),
    (lambda: Optional(a=L(4, 3)), "a guess from layers and names: x=float32[1, 4]"),
    (lambda: NeedsNone(a=L(4, 3)), "no input: forward needs none"),
    (lambda: Joined(a=L(8, 3)), "a guess from layers and names: u=float32[1, 4], v=float32[1, 4]"),
    (
        lambda: Recommender(users=E(9, 8), items=E(5, 4), out=L(15, 1)),
        "a guess from layers and names: user=int64[1, 8] in 0..9, item=int64[1, 8] in 0..5, facts=float32[1, 8, 3]",
    ),
    (Functional, "a guess from layers and names: x=float32[1, 5], ids=int64[1, 16] in 0..7"),
    (
        lambda: Recurrent(layer=nn.GRU(4, 6, num_layers=2, batch_first=True)),
        "a guess from layers and names: x=float32[1, 8, 4], hidden=float32[2, 1, 6]",
    ),
    (
        lambda: Recurrent(layer=nn.GRUCell(4, 6)),
        "a guess from layers and names: x=float32[1, 4], hidden=float32[1, 6]",
    ),
    (
        lambda: Recurrent(layer=nn.Bilinear(4, 6, 2)),
        "a guess from layers and names: x=float32[1, 4], hidden=float32[1, 6]",
    ),
    (lambda: Branching(a=L(4, 3)), "a guess from the first layer: float32[1, 4]"),
    (lambda: LaterFirst(last=L(9, 3), first=L(4, 9)), "a guess from the first layer: float32[1, 4]"),
    (lambda: Branching(a=L(4, 3).double()), "a guess from the first layer: float64[1, 4]"),
    (lambda: nn.Sequential(nn.Flatten(), L(784, 10)), "a guess from the first layer: float32[1, 784]"),
    (lambda: Transformerlike(table=E(50, 8)), "a guess from layers and names: input_ids=int64[1, 16] in 0..30"),
    (lambda: Pixels(conv=nn.Conv2d(4, 8, 3)), "a guess from layers and names: pixel_values=float32[1, 4, 48, 48]"),
    (
        lambda: nn.Transformer(8, 2, 1, 1, 16, batch_first=True),
        "a guess from layers and names: src=float32[1, 8, 8], tgt=float32[1, 8, 8]",
    ),
]


@pytest.mark.parametrize(("build", "note"), GUESSES, ids=[note[-40:] for _, note in GUESSES])
def test_the_model_accepts_its_guess(build: Callable[[], nn.Module], note: str) -> None:
    model = build().eval()
    guess = guess_inputs(model, "model.py")
    assert guess.note == note
    model(*guess.args, **guess.kwargs)


def test_of_guesses_that_fail_the_one_that_gets_furthest_is_given() -> None:
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc, self.end = L(6, 2), L(3, 2)

        def forward(self, x):
            x = self.fc(x)
            _, _, width = x.shape
            return self.end(x * width)

    note = "a guess from the first layer: float32[1, 8, 6]. If forward takes something else, say what, in this form: "
    assert guess_inputs(Net(), "m.py").note == note + "--input x=1,8,6; or define `example_input` in m.py"
    assert guess_inputs(Net(), "package.models:Net").note == note + "--input x=1,8,6"


def test_each_try_is_told_and_their_time_is_limited() -> None:
    class Endless(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = L(4, 4)

        def forward(self, x):
            while True:
                x = self.fc(x)

    told: list[str] = []
    guess = guess_inputs(Endless(), "model.py", limit_s=0.5, attempt=told.append)
    assert told == ["x=float32[1, 4]"]
    assert guess.note == "a guess from the first layer: float32[1, 4]"  # a run that goes on has accepted it


def test_guessing_leaves_the_model_as_it_was() -> None:
    model = nn.Sequential(nn.BatchNorm1d(3), L(3, 2))
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    guess_inputs(model, "model.py")
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
