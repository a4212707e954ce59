"""The graphs that the benchmarks of the viewer draw: models that people know, and loops of any size."""

from __future__ import annotations

import itertools
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

import graphtools as gt
from graphtools.capture.fakes import fake_weights
from graphtools.graph import Graph
from graphtools.payload import graph_payload


def torchvision_graph(name: str, side: int = 224) -> Graph:
    """The graph of a torchvision model in eval mode on one image."""
    import torchvision

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = torchvision.models.get_model(name, weights=None).eval()
    return gt.trace(model, torch.zeros(1, 3, side, side), fake=True)


def llama_graph(layers: int = 2) -> Graph:
    """A small Llama-like decoder of transformers under fake tensors."""
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        hidden_size=64, intermediate_size=128, num_hidden_layers=layers, num_attention_heads=4, vocab_size=100
    )
    with fake_weights():
        model = LlamaForCausalLM(config).eval()
        return gt.trace(model, torch.zeros(1, 16, dtype=torch.int64), fake=True, use_cache=False)


class Tagger(nn.Module):
    """A bidirectional LSTM over words, with a score for each word and tag."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(100, 16)
        self.lstm = nn.LSTM(16, 32, num_layers=2, bidirectional=True, batch_first=True)
        self.norm = nn.LayerNorm(64)
        self.head = nn.Linear(64, 9)

    def forward(self, words: torch.Tensor) -> torch.Tensor:
        """Log probabilities of the tags, (batch, words, 9)."""
        hidden, _ = self.lstm(self.embedding(words))
        return torch.log_softmax(self.head(self.norm(hidden)), -1)


class StepwiseLSTM(nn.Module):
    """An LSTM cell unrolled in Python."""

    def __init__(self, steps: int = 6) -> None:
        super().__init__()
        self.steps = steps
        self.cell = nn.LSTMCell(8, 8)
        self.head = nn.Linear(8, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Scores after the last step."""
        h = c = torch.zeros(x.shape[1], 8)
        for step in range(self.steps):
            h, c = self.cell(x[step], (h, c))
        return self.head(h)


class Twice(nn.Sequential):
    """Convolution, norm and ReLU, two times."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__(
            nn.Conv2d(channels, out, 3, padding=1), nn.BatchNorm2d(out), nn.ReLU(),
            nn.Conv2d(out, out, 3, padding=1), nn.BatchNorm2d(out), nn.ReLU(),
        )  # fmt: skip


class UNet(nn.Module):
    """The U-Net of Ronneberger, Fischer and Brox (2015), with few channels."""

    def __init__(self, channels: tuple[int, ...] = (4, 8, 16, 32, 64)) -> None:
        super().__init__()
        pairs = list(itertools.pairwise(channels))
        self.down = nn.ModuleList([Twice(3, channels[0]), *(Twice(a, b) for a, b in pairs)])
        self.up = nn.ModuleList([nn.ConvTranspose2d(b, a, 2, stride=2) for a, b in reversed(pairs)])
        self.join = nn.ModuleList([Twice(2 * a, a) for a, _ in reversed(pairs)])
        self.head = nn.Conv2d(channels[0], 2, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Scores of two classes for each pixel."""
        passed = []
        for index, block in enumerate(self.down):
            x = block(x if index == 0 else nn.functional.max_pool2d(x, 2))
            passed.append(x)
        for up, join, skip in zip(self.up, self.join, reversed(passed[:-1]), strict=True):
            x = join(torch.cat([skip, up(x)], 1))
        return self.head(x)


class Loop(nn.Module):
    """A recurrence of two operations a step."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.steps = steps
        self.linear = nn.Linear(8, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The state after the last step."""
        for _ in range(self.steps):
            x = torch.tanh(self.linear(x))
        return x


GRAPHS: dict[str, Callable[[], Graph]] = {
    "resnet18": lambda: torchvision_graph("resnet18"),
    "googlenet": lambda: torchvision_graph("googlenet"),
    "vit_b_16": lambda: torchvision_graph("vit_b_16"),
    "llama, 2 layers": llama_graph,
    "LSTM, stepwise": lambda: gt.trace(StepwiseLSTM(), torch.zeros(6, 1, 8), method="record"),
    "LSTM tagger": lambda: gt.trace(Tagger().eval(), torch.zeros(1, 12, dtype=torch.int64), method="record"),
    "U-Net": lambda: gt.trace(UNet().eval(), torch.zeros(1, 3, 64, 64), fake=True),
    "densenet121": lambda: torchvision_graph("densenet121"),
    "inception_v3": lambda: torchvision_graph("inception_v3", 299),
}


def write_payloads(graphs: dict[str, Callable[[], Graph]], folder: Path) -> None:
    """One JSON file for each graph, named after it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in graphs.items():
        payload: dict[str, Any] = graph_payload(make())
        (folder / f"{name}.json").write_text(json.dumps(payload), encoding="utf-8")
