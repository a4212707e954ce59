"""Dead ReLUs

The first layer's bias is far below zero, as after a training step that was too large. Whatever comes in, its ReLU gives
zero, and everything after it no longer depends on the input: no gradient will ever bring it back. Step to the first
ReLU and read the share of zeros.
"""

import torch
from torch import nn

import graphtools as gt


class DeadNet(nn.Module):
    """Features [n, 16] → scores [n, 4], which are the same for every row."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Linear(16, 32)
        self.middle = nn.Linear(32, 32)
        self.head = nn.Linear(32, 4)
        nn.init.constant_(self.hidden.bias, -10.0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.hidden(x).relu()
        x = self.middle(x).relu()
        return self.head(x)


def build_model() -> DeadNet:
    torch.manual_seed(0)
    return DeadNet()


example_input = torch.randn(64, 16, generator=torch.Generator().manual_seed(0))


if __name__ == "__main__":
    recording = gt.run(build_model(), example_input)
    for event in recording.events:
        value = recording.value(event.node)
        zeros = (value == 0).float().mean().item()
        spread = value.std(dim=0).max().item()
        print(f"{event.node:<8} {zeros:>5.0%} zeros   differs between rows by {spread:.3g}   {event.source}")
