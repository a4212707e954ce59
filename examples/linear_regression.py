"""Linear regression with its loss

One linear layer and the mean squared error, written out, so that the loss is part of the graph. The weight starts at
zero: every prediction is the bias, and the loss is the mean square of the targets around it.
"""

import torch
from torch import nn

import graphtools as gt


class Regression(nn.Module):
    """The mean squared error of a line: x [n, 1], target [n, 1] → scalar."""

    def __init__(self) -> None:
        super().__init__()
        self.line = nn.Linear(1, 1)
        nn.init.zeros_(self.line.weight)

    def forward(self, x: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        error = self.line(x) - target
        return (error**2).mean()


def build_model() -> Regression:
    torch.manual_seed(0)
    return Regression()


x = torch.linspace(-1, 1, 32).unsqueeze(1)
example_input = (x, 3 * x + 0.5)


if __name__ == "__main__":
    recording = gt.run(build_model(), *example_input)
    print(recording)
    print(f"loss {recording.value('output').item():.4f}")
