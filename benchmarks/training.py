"""What the trainer costs beside the plain loop that a person would write: seconds of the same steps, interleaved.

    OMP_NUM_THREADS=1 python -m benchmarks.training [--blocks 60]

Both run the same steps with the same bits, a block of some steps each, turn by turn, so that what else the machine
does meets both. The data are a Dataset that gives an example at a time, as most do; the last row has a TensorDataset,
of which the trainer gathers a batch at once and DataLoader does not. The plain loop reads the loss of each step, as
loops that print it do. A second plain loop shows the noise: its ratio would be 1 on a quiet machine. Freed memory is
kept for both, as it is in the processes of the app and of `graphtools train`; where it is not, a plain loop can take
half as long again. As there, imported objects are set aside from collections of garbage. Printed are the medians of a
block, the median of the ratios of blocks that followed each other, with the range that holds it at 95 % (by the order
of the ratios), and the ratio of all seconds together.
"""

from __future__ import annotations

import argparse
import gc
import math
import statistics
import time
from collections.abc import Callable, Iterator

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset
from torchvision.models import resnet18

from graphtools.compat import keep_freed_memory
from graphtools.learning import Data, Trainer, read_plan

LR, MOMENTUM = 0.01, 0.9


def mlp() -> nn.Module:
    """A small network, of which the trainer's own work is the largest share."""
    return nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 10))


def cnn() -> nn.Module:
    """LeNet's size."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(),
        nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(512, 10),
    )  # fmt: skip


class Examples(TensorDataset):
    """A Dataset of which nobody knows that it only indexes tensors."""


# How each is made, the size of an example, of a batch, the steps of a block, and the kind of data.
CASES: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...], int, int, type[TensorDataset]]] = {
    "mlp, batch of 64": (mlp, (64,), 64, 50, Examples),
    "cnn, batch of 64": (cnn, (1, 16, 16), 64, 10, Examples),
    "resnet18, batch of 4": (lambda: resnet18(num_classes=10), (3, 64, 64), 4, 2, Examples),
    "mlp, a TensorDataset": (mlp, (64,), 64, 50, TensorDataset),
}


def plain(model: nn.Module, data: Dataset, batch: int) -> Iterator[None]:
    """The loop by hand, a step at a time."""
    optimizer = torch.optim.SGD(model.parameters(), lr=LR, momentum=MOMENTUM)
    loader = DataLoader(data, batch, shuffle=True, generator=torch.Generator().manual_seed(0))
    model.train()
    for x, y in loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        loss.item()
        yield


def trained(model: nn.Module, data: Dataset, batch: int) -> Iterator[None]:
    """The same by the trainer."""
    optimizer = {"name": "sgd", "lr": LR, "momentum": MOMENTUM}
    plan = read_plan({"epochs": 1, "batch_size": batch, "optimizer": optimizer})
    trainer = Trainer(plan, model, Data(data, None, None, "made"))
    while not trainer.is_done:
        trainer.step()
        yield


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--blocks", type=int, default=60)
    n_blocks = parser.parse_args().blocks
    keep_freed_memory()
    gc.freeze()
    print(f"{'':24}{'plain':>10}{'trainer':>10}{'trainer : plain':>26}{'all':>7}{'plain again : plain':>28}{'all':>7}")
    for name, (make, size, batch, steps, dataset) in CASES.items():
        torch.manual_seed(0)
        count = batch * steps * (n_blocks + 2)
        data = dataset(torch.randn(count, *size), torch.randint(10, (count,)))
        runs = [kind(make(), data, batch) for kind in (plain, trained, plain)]
        times: list[list[float]] = [[], [], []]
        for block in range(n_blocks + 1):
            for which in (0, 1, 2) if block % 2 else (2, 1, 0):
                started = time.perf_counter()
                for _ in range(steps):
                    next(runs[which])
                times[which].append(time.perf_counter() - started)
        first, ours, again = (kept[1:] for kept in times)
        print(
            f"{name:24}{statistics.median(first):9.4f}s{statistics.median(ours):9.4f}s"
            f"{_ratio(ours, [0.5 * (p + q) for p, q in zip(first, again, strict=True)])}{_ratio(again, first, 28)}"
        )


def _ratio(ours: list[float], theirs: list[float], width: int = 26) -> str:
    ratios = sorted(a / b for a, b in zip(ours, theirs, strict=True))
    away = math.ceil(0.98 * math.sqrt(len(ratios)))  # 1.96 deviations of a binomial with p = 1/2
    low, high = ratios[max(0, len(ratios) // 2 - away)], ratios[min(len(ratios) - 1, len(ratios) // 2 + away)]
    shown = f"{statistics.median(ratios):.3f} ({low:.3f}..{high:.3f})"
    return f"{shown:>{width}}{sum(ours) / sum(theirs):7.3f}"


if __name__ == "__main__":
    main()
