"""Small programs in which something is wrong, in numbers that every torch prints the same: what explanations are of."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

import graphtools as gt
from graphtools.recording import Recording


class TwoLayers(nn.Module):
    """features [n, 2] → hidden [n, 2] → score [n, 1], with an activation between."""

    def __init__(
        self, activation: Callable[[torch.Tensor], torch.Tensor], weight: float = 1.0, bias: float = 0.0
    ) -> None:
        super().__init__()
        self.hidden, self.head = nn.Linear(2, 2), nn.Linear(2, 1)
        self.activation = activation
        for layer in (self.hidden, self.head):
            nn.init.constant_(layer.weight, weight)
            nn.init.constant_(layer.bias, bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.activation(self.hidden(x)))


class Shared(nn.Module):
    """A layer that is used twice."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 2, bias=False)
        self.layer.weight.data = torch.tensor([[1.0, 0.5], [-1.0, 2.0]])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(self.layer(x))


X = torch.tensor([[1.0, 2.0], [3.0, 4.0]])


def trained(model: nn.Module, x: torch.Tensor = X) -> Recording:
    """A forward and a backward pass of the sum of what the model gives."""
    with gt.record(model) as recording:
        model(x).sum().backward()
    return recording


def dead_relu() -> Recording:
    return trained(TwoLayers(torch.relu, bias=-16.0))


def saturated_sigmoid() -> Recording:
    return trained(TwoLayers(torch.sigmoid, weight=32.0))


def detached() -> Recording:
    return trained(TwoLayers(torch.detach))


def frozen() -> Recording:
    model = TwoLayers(torch.relu)
    model.hidden.weight.requires_grad_(False)
    return trained(model)


def forward_only() -> Recording:
    return gt.run(TwoLayers(torch.relu), X)


def shared() -> Recording:
    model = Shared()
    with gt.record(model) as recording:
        for _ in range(2):
            model(X).sum().backward()
    return recording


def log_of_zero() -> Recording:
    return trained(TwoLayers(lambda hidden: torch.log(hidden - 3)))


def zero_by_zero() -> Recording:
    x = torch.tensor([1.0, 0.0, 2.0], requires_grad=True)
    with gt.record() as recording:
        ratio = x / x
        (ratio * 2).sum().backward()
    return recording


def root_of_zero() -> Recording:
    x = torch.tensor([4.0, 0.0, 1.0], requires_grad=True)
    with gt.record() as recording:
        torch.where(x > 0, x.sqrt(), 0.0).sum().backward()
    return recording
