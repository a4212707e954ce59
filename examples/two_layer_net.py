"""A two-layer network

Two linear layers with a ReLU between them, the smallest network that is not linear. Step to the ReLU and compare its
histogram with that of its input: everything below zero has moved to zero.
"""

import torch
from torch import nn

import graphtools as gt


def build_model() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3))


example_input = torch.randn(8, 4, generator=torch.Generator().manual_seed(0))


if __name__ == "__main__":
    recording = gt.run(build_model(), example_input)
    print(recording)
    share = (recording.value("1") == 0).float().mean().item()
    print(f"the ReLU sets {share:.0%} of its values to zero")
