"""Values that explode to NaN

Each of twelve layers multiplies its values by about ten thousand. Past the largest float32, 3.4e38, they become
infinite, infinity minus infinity is NaN, and NaN swallows the rest. Go through the layers and watch the largest value;
the first operation whose result is not finite is where to look, not the last.
"""

import torch
from torch import nn

import graphtools as gt


class Exploding(nn.Module):
    """Features [n, 32] → NaN [n, 32]."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(32, 32) for _ in range(12)])
        for layer in self.layers:
            nn.init.normal_(layer.weight, std=2000.0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.layers:
            x = layer(x).relu()
        return x - x.mean(dim=1, keepdim=True)


def build_model() -> Exploding:
    torch.manual_seed(0)
    return Exploding()


example_input = torch.randn(4, 32, generator=torch.Generator().manual_seed(0))


if __name__ == "__main__":
    recording = gt.run(build_model(), example_input)
    for event in recording.events:
        value = recording.value(event.node)
        if not value.isfinite().all():
            print(f"the first result that is not finite: {event.node} in {event.scope or 'forward'}, {event.source}")
            break
        print(f"{event.node:<12} {event.scope:<12} largest {value.abs().max().item():.2e}")
