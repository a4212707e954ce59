"""A residual network

Three blocks that each add their input to what they compute. In the graph every addition has two edges coming in: the
long way through the block and the short cut past it. The second block changes the number of channels, so its short cut
needs a convolution of its own.
"""

import torch
from torch import nn

import graphtools as gt


class Residual(nn.Module):
    """x + f(x): [n, inputs, h, w] → [n, outputs, h / stride, w / stride]."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Conv2d(inputs, outputs, 1, stride) if inputs != outputs else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.norm1(self.conv1(x)).relu()
        y = self.norm2(self.conv2(y))
        return (y + self.shortcut(x)).relu()


class ResidualNet(nn.Module):
    """Pictures [n, 3, 32, 32] → scores [n, 10]."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, padding=1)
        self.blocks = nn.Sequential(Residual(16, 16), Residual(16, 32, stride=2), Residual(32, 32))
        self.head = nn.Linear(32, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.blocks(self.stem(x))
        return self.head(x.mean(dim=(2, 3)))


def build_model() -> ResidualNet:
    torch.manual_seed(0)
    return ResidualNet()


example_input = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


if __name__ == "__main__":
    graph = gt.trace(build_model().eval(), example_input)
    print(graph)
    additions = [node.name for node in graph.operations if node.operation == "add"]
    print(f"{len(additions)} short cuts join at {', '.join(additions)}")
