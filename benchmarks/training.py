"""What the trainer costs beside the plain loop that a person would write: seconds of a whole epoch, interleaved.

    python -m benchmarks.training [--rounds 9]

Both run the same steps with the same bits. The plain loop reads the loss of each step, as loops that print it do. The
second plain column shows the noise of the machine: the two would be equal on a quiet one.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from torchvision.models import resnet18

from graphtools.learning import Data, Trainer, read_plan


def mlp() -> nn.Module:
    """A small network, of which the trainer's own work is the largest share."""
    return nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 10))


def cnn() -> nn.Module:
    """LeNet's size."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(),
        nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(512, 10),
    )  # fmt: skip


CASES: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...], int, int]] = {
    "mlp, batch of 64": (mlp, (64,), 64, 200),
    "cnn, batch of 64": (cnn, (1, 16, 16), 64, 60),
    "resnet18, batch of 4": (lambda: resnet18(num_classes=10), (3, 64, 64), 4, 6),
}


def plain(model: nn.Module, data: TensorDataset, batch: int) -> float:
    """Seconds of an epoch by hand."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    loader = DataLoader(data, batch, shuffle=True, generator=torch.Generator().manual_seed(0))
    model.train()
    started = time.perf_counter()
    for x, y in loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        loss.item()
    return time.perf_counter() - started


def trained(model: nn.Module, data: TensorDataset, batch: int) -> float:
    """Seconds of an epoch by the trainer."""
    settings = {"epochs": 1, "batch_size": batch, "optimizer": {"name": "sgd", "lr": 0.01, "momentum": 0.9}}
    trainer = Trainer(read_plan(settings), model, Data(data, None, None, "made"))
    started = time.perf_counter()
    while not trainer.is_done:
        trainer.step()
    return time.perf_counter() - started


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    print(f"{'':24}{'plain':>10}{'plain again':>13}{'trainer':>10}{'trainer : plain':>17}{'again : plain':>15}")
    for name, (make, size, batch, steps) in CASES.items():
        torch.manual_seed(0)
        data = TensorDataset(torch.randn(batch * steps, *size), torch.randint(10, (batch * steps,)))
        times: tuple[list[float], list[float], list[float]] = ([], [], [])
        for _ in range(rounds + 1):
            for kept, run in zip(times, (plain, plain, trained), strict=True):
                torch.manual_seed(0)
                kept.append(run(make(), data, batch))
        first, again, ours = (statistics.median(kept[1:]) for kept in times)
        ratios = [o / (0.5 * (p + q)) for p, q, o in zip(*times, strict=True)][1:]
        ratio = statistics.median(o / (0.5 * (p + q)) for p, q, o in list(zip(*times, strict=True))[1:])
        shown = f"{ratio:.3f} ({min(ratios):.2f}..{max(ratios):.2f})"
        print(f"{name:24}{first:9.3f}s{again:12.3f}s{ours:9.3f}s{shown:>20}{again / first:12.3f}")


if __name__ == "__main__":
    main()
