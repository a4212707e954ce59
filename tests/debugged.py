"""A small net with a block that is called twice, run once and trained for two steps: what debugger tests look at."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional

import graphtools as gt
from graphtools.recording import Recording


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.act = nn.ReLU(inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.act(self.linear(x))
        return x + 1


class Net(nn.Module):
    """A block called twice, and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.body = Block()
        self.norm = nn.BatchNorm1d(4)
        self.head = nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for _ in range(2):
            x = self.body(x)
        return self.head(self.norm(x))


X, Y = torch.randn(3, 4, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1, 2])
BODY = ["linear", "relu", "add"]
FORWARD = [*BODY, "linear_1", "relu_1", "add_1", "add_2", "batch_norm", "linear_2"]


@cache
def forward() -> Recording:
    """One forward pass."""
    torch.manual_seed(0)
    return gt.run(Net(), X)


def train(model: nn.Module, look: Callable[[str], None], n_steps: int = 2) -> None:
    """Steps with clipping; `look` is called where something has just happened."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for _ in range(n_steps):
        optimizer.zero_grad()
        look("zero_grad")
        loss = functional.cross_entropy(model(X), Y)
        look("forward")
        loss.backward()
        look("backward")
        nn.utils.clip_grad_norm_(model.parameters(), 0.01)
        look("clip")
        optimizer.step()
        look("step")


@cache
def trained() -> tuple[Recording, list[tuple[str, dict[str, Any]]]]:
    """Two recorded steps, and what plain PyTorch held after each part of them."""
    torch.manual_seed(0)
    model = Net()
    plain = copy.deepcopy(model)
    looks: list[tuple[str, dict[str, Any]]] = []

    def look(what: str) -> None:
        state = {name: tensor.detach().clone() for name, tensor in plain.state_dict().items()}
        grads = {f"{n}.grad": None if p.grad is None else p.grad.clone() for n, p in plain.named_parameters()}
        looks.append((what, {**state, **grads}))

    train(plain, look)
    with gt.record(model) as recording:
        train(model, lambda what: None)
    return recording, looks


def line_of(text: str, file: str = __file__) -> int:
    """The line of this file, or of another, that is `text`."""
    lines = Path(file).read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if line.strip() == text)
