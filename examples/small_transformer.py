"""A small transformer

Token and position embeddings, two blocks of causal self-attention and a feed-forward network, and a head that predicts
the next token. Attention is written out step by step: look at the softmax to see where each token looks, and at its
input to see the mask, which is minus infinity above the diagonal.
"""

import math

import torch
from torch import nn

import graphtools as gt

TOKENS, LENGTH, WIDTH, HEADS = 50, 12, 32, 4


class Attention(nn.Module):
    """Causal self-attention with HEADS heads: [n, length, width] → the same."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.out = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        n, length, _ = x.shape
        q, k, v = (part.view(n, length, HEADS, -1).transpose(1, 2) for part in self.qkv(x).chunk(3, dim=-1))
        scores = q @ k.transpose(-2, -1) / math.sqrt(WIDTH // HEADS)
        future = torch.ones(length, length, dtype=torch.bool).triu(1)
        weights = scores.masked_fill(future, -math.inf).softmax(dim=-1)
        return self.out((weights @ v).transpose(1, 2).reshape(n, length, WIDTH))


class Block(nn.Module):
    """Attention, then a feed-forward network, each around a short cut: [n, length, width] → the same."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(WIDTH)
        self.attention = Attention()
        self.norm2 = nn.LayerNorm(WIDTH)
        self.feed = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.attention(self.norm1(x))
        return x + self.feed(self.norm2(x))


class SmallTransformer(nn.Module):
    """Token numbers [n, length] → scores for the next token [n, length, TOKENS]."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens = nn.Embedding(TOKENS, WIDTH)
        self.positions = nn.Embedding(LENGTH, WIDTH)
        self.blocks = nn.ModuleList([Block(), Block()])
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, TOKENS)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        x = self.tokens(tokens) + self.positions(torch.arange(tokens.shape[1]))
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


def build_model() -> SmallTransformer:
    torch.manual_seed(0)
    return SmallTransformer()


example_input = torch.randint(0, TOKENS, (2, LENGTH), generator=torch.Generator().manual_seed(0))


if __name__ == "__main__":
    recording = gt.run(build_model(), example_input)
    print(recording)
    softmax = next(node for node in recording.graph.operations if node.operation == "softmax")
    print("where the first head of the first block looks, row by row:")
    for row in recording.value(softmax)[0, 0]:
        print(" ".join(f"{weight:4.2f}" for weight in row.tolist()))
