"""A shape mismatch, on purpose

The head expects 256 features, but the convolutions give 16 channels of 8 by 8, which flatten to 1024. The run stops at
the linear layer; the graph up to it shows where the 1024 come from. Set in_features to 1024 to repair it.
"""

import torch
from torch import nn

import graphtools as gt


class Mismatch(nn.Module):
    """Pictures [n, 1, 32, 32] → an error."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 3, stride=2, padding=1)
        self.conv2 = nn.Conv2d(8, 16, 3, stride=2, padding=1)
        self.head = nn.Linear(256, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv1(x).relu()
        x = self.conv2(x).relu()
        x = x.flatten(1)
        return self.head(x)


def build_model() -> Mismatch:
    torch.manual_seed(0)
    return Mismatch()


example_input = torch.rand(4, 1, 32, 32, generator=torch.Generator().manual_seed(0))


if __name__ == "__main__":
    try:
        gt.run(build_model(), example_input)
    except RuntimeError as error:
        recording: gt.Recording = error.recording  # type: ignore[attr-defined]
        print(recording)
        failure = recording.failure
        assert failure is not None
        print(f"stopped at {failure.node} ({failure.source}), given {', '.join(map(str, failure.inputs))}")
