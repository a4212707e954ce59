"""A small convolutional network

Two blocks of convolution, batch normalization, ReLU and pooling, then a linear head: the shape of most image
classifiers. The input is two synthetic pictures, a circle and a square, so that the maps after each step can be
recognized.
"""

import torch
from torch import nn

import graphtools as gt


class Block(nn.Module):
    """Convolution to `outputs` channels at half the resolution: [n, c, h, w] → [n, outputs, h / 2, w / 2]."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(outputs)
        self.pool = nn.MaxPool2d(2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.norm(self.conv(x))
        return self.pool(x.relu())


class SmallCNN(nn.Module):
    """Pictures [n, 3, 32, 32] → scores [n, 10]."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(Block(3, 8), Block(8, 16))
        self.head = nn.Linear(16, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.features(x)
        x = x.mean(dim=(2, 3))
        return self.head(x)


def build_model() -> SmallCNN:
    torch.manual_seed(0)
    return SmallCNN()


def example_input() -> torch.Tensor:
    """An orange circle on blue, and a green square on gray."""
    rows, columns = torch.meshgrid(torch.linspace(-1, 1, 32), torch.linspace(-1, 1, 32), indexing="ij")
    circle = ((rows**2 + columns**2) < 0.45).float()
    square = ((rows.abs() < 0.55) & (columns.abs() < 0.55)).float()

    def paint(shape: torch.Tensor, color: list[float], ground: list[float]) -> torch.Tensor:
        inside, outside = torch.tensor(color).view(3, 1, 1), torch.tensor(ground).view(3, 1, 1)
        return inside * shape + outside * (1 - shape)

    return torch.stack([
        paint(circle, [1.0, 0.6, 0.1], [0.1, 0.2, 0.5]),
        paint(square, [0.2, 0.8, 0.4], [0.4, 0.4, 0.4]),
    ])  # fmt: skip


if __name__ == "__main__":
    print(gt.run(build_model().eval(), example_input()))
