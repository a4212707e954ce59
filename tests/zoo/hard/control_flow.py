"""Hard cases of control flow: the graph depends on values, on Python, or on which thread runs it."""

import functools
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.zoo.case import Case
from tests.zoo.hard import call, collect

CASES: list[Case] = []
hard = functools.partial(collect, CASES)


@hard(lambda: call(torch.randn(4, 8)), "data-dependent")
class BranchOnTensor(nn.Module):
    """An `if` on a tensor: only the branch taken is in the graph, the other layer has no gradient."""

    def __init__(self) -> None:
        super().__init__()
        self.positive, self.negative = nn.Linear(8, 4), nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        if x.sum() > 0:
            return self.positive(x)
        return F.relu(self.negative(x))


@hard(lambda: call(torch.randn(4, 8) * 20), "data-dependent")
class WhileOnTensor(nn.Module):
    """A `while` whose number of rounds depends on the norm of what it computes."""

    def __init__(self) -> None:
        super().__init__()
        self.step = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        while x.norm() > 1:
            x = torch.tanh(self.step(x)) * 0.5
        return x


@hard(lambda: call(torch.randn(4, 8), torch.tensor([3, 1, 5])), "data-dependent")
class LoopByItem(nn.Module):
    """Python loops whose bounds come from `.item()` and from `int(tensor)`."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 8)

    def forward(self, x: Tensor, counts: Tensor) -> Tensor:
        for _ in range(counts.max().item()):
            x = self.layer(x)
        for index in range(int(counts[1])):
            x = x + index
        return x


@hard(lambda: call(torch.randn(16, 8)), "data-dependent")
class RecursiveFunction(nn.Module):
    """A function that calls itself on the two halves of a tensor and stops on a value."""

    def __init__(self) -> None:
        super().__init__()
        self.merge = nn.Linear(16, 8)

    def reduce(self, x: Tensor) -> Tensor:
        """One row for all rows of `x`."""
        if len(x) == 1 or x.abs().max() < 0.5:
            return x[0]
        middle = len(x) // 2
        return torch.tanh(self.merge(torch.cat([self.reduce(x[:middle]), self.reduce(x[middle:])])))

    def forward(self, x: Tensor) -> Tensor:
        return self.reduce(x)


@hard(lambda: call(torch.randn(2, 8)))
class RecursiveModule(nn.Module):
    """A module that calls itself through `__call__`: one scope is open several times at once."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 8)

    def forward(self, x: Tensor, depth: int = 4) -> Tensor:
        if depth == 0:
            return x
        return self(F.relu(self.layer(x)), depth=depth - 1) + x


@hard(lambda: call(torch.randn(2, 4)))
class TwoThousandSteps(nn.Module):
    """A loop of 2,000 steps: 4,000 operations at two lines of the source."""

    def __init__(self) -> None:
        super().__init__()
        self.rate = nn.Parameter(torch.tensor(0.001))

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(2000):
            x = x - self.rate * x
        return x


class _Nest(nn.Module):
    """`depth` modules, each inside the one before, around one Linear."""

    def __init__(self, depth: int) -> None:
        super().__init__()
        self.inner = _Nest(depth - 1) if depth else nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x) + 1


@hard(lambda: call(torch.randn(2, 4)))
class DeepNesting(nn.Module):
    """300 modules inside one another: three Python frames per level, more under hooks; it raises the limit itself."""

    def __init__(self) -> None:
        super().__init__()
        self.nest = _Nest(300)

    def forward(self, x: Tensor) -> Tensor:
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(max(limit, 20_000))
        try:
            return self.nest(x)
        finally:
            sys.setrecursionlimit(limit)


@hard(lambda: call(torch.randn(2, 6)), "data-dependent")
class CellUntilDone(nn.Module):
    """An `nn.RNNCell` called until a learned score says stop, and at most ten times."""

    def __init__(self) -> None:
        super().__init__()
        self.cell, self.stop = nn.RNNCell(6, 6), nn.Linear(6, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, int]:
        hidden = torch.zeros_like(x)
        n_steps = 0
        while n_steps < 10:
            n_steps += 1
            hidden = self.cell(x, hidden)
            if bool((torch.sigmoid(self.stop(hidden)).mean() > 0.75) | (hidden.abs().mean() > 0.95)):
                break
        return hidden, n_steps


@hard(lambda: call(torch.randn(2, 8), route=["relu", "wide", "relu"]))
class DispatchByName(nn.Module):
    """Strings in the arguments choose the modules of an `nn.ModuleDict`."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleDict({"relu": nn.ReLU(), "wide": nn.Linear(8, 8), "unused": nn.Linear(8, 3)})

    def forward(self, x: Tensor, route: list[str]) -> Tensor:
        for name in route:
            x = self.blocks[name](x)
        return x


@hard(lambda: call(torch.randn(2, 8)))
class FailedOperationCaught(nn.Module):
    """An operation raises, the forward catches it and takes another path: the failed call has no output."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(5, 8))

    def forward(self, x: Tensor) -> Tensor:
        try:
            return x @ self.weight
        except RuntimeError:
            return x @ self.weight.t()


class _Refuses(nn.Module):
    """Computes something, then raises."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        self.layer(x)
        raise ValueError("refused")


@hard(lambda: call(torch.randn(2, 8)))
class FailedModuleCaught(nn.Module):
    """A submodule raises two scopes down and the outer forward goes on: open scopes must close without their hooks."""

    def __init__(self) -> None:
        super().__init__()
        self.risky, self.safe = nn.Sequential(nn.ReLU(), _Refuses()), nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        try:
            x = self.risky(x)
        except ValueError:
            x = -x
        return self.safe(x)


@hard(lambda: call(torch.randn(6, 8)))
class BranchOnShape(nn.Module):
    """Python arithmetic on shapes, `len`, `numel` and `dim` decides what runs: another shape, another graph."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        rows, columns = x.shape
        if x.numel() > 32 and x.dim() == 2 and len(x) % 2 == 0:
            x = x.reshape(rows // 2, 2 * columns)[:, : x.size(-1)]
        return self.layer(x) / columns**0.5


class _Stream:
    """Two layers as generators: `pairs` interleaves them, so neither finishes before the other begins."""

    def __init__(self, first: nn.Module, second: nn.Module) -> None:
        self.first, self.second = first, second

    def pairs(self, x: Tensor) -> Iterator[Tensor]:
        """Both layers' results of each row of `x`, one row at a time."""
        for row in x:
            yield self.first(row)
            yield self.second(row)


@hard(lambda: call(torch.randn(3, 8)))
class LazyGenerator(nn.Module):
    """Operations run inside a generator, while the consumer's operations run between them; rows come from iterating."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(8, 4), nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        total = torch.zeros(4)
        for part in _Stream(self.a, self.b).pairs(x):
            total = total + F.relu(part)
        return total


@hard(lambda: call(torch.randn(4, 8)))
class WorkerThread(nn.Module):
    """A submodule runs in another thread, where no mode of this thread is active and gradients are on by default."""

    def __init__(self) -> None:
        super().__init__()
        self.here, self.there = nn.Linear(8, 8), nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        with ThreadPoolExecutor(max_workers=1) as pool:
            other = pool.submit(self.there, x).result()
        return self.here(x) + other


@hard(lambda: call([torch.randn(3) for _ in range(5)]), "data-dependent", "no-gradient")
def sorted_by_value(tensors: list[Tensor]) -> Tensor:
    """Python's `sorted`, `max` and `in` compare tensors by calling back into them."""
    ordered = sorted(tensors, key=lambda tensor: tensor.sum().item())
    largest = max((tensor[0] for tensor in tensors), key=float)
    if 0.0 in torch.stack(tensors):
        return largest
    return torch.stack(ordered) * max(tensors[0][0], tensors[1][0]) + largest


@hard(lambda: call(torch.rand(4, 3)), "data-dependent")
class AssertOnValue(nn.Module):
    """`assert` and chained comparisons read values, and nothing downstream uses them."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        assert (x >= 0).all() and x.isfinite().all(), "the input must be finite and not negative"
        assert 0 <= x.min() <= x.max() <= 1
        return self.layer(x).log_softmax(-1)


@hard(lambda: call(torch.randn(5, 8)), "data-dependent")
class MixtureOfExperts(nn.Module):
    """Each row goes to the expert of its largest score: experts without a row do not run, rows per expert vary."""

    def __init__(self) -> None:
        super().__init__()
        self.gate, self.experts = nn.Linear(8, 4), nn.ModuleList(nn.Linear(8, 8) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        weight, chosen = self.gate(x).softmax(-1).max(-1)
        out = torch.zeros_like(x)
        for index in chosen.unique().tolist():
            rows = (chosen == index).nonzero().squeeze(1)
            out = out.index_add(0, rows, self.experts[index](x[rows]) * weight[rows, None])
        return out


@hard(lambda: call(torch.tensor([[1, 2, 3]])), "data-dependent")
class GreedyDecoding(nn.Module):
    """A loop that feeds its own argmax back and grows its input by `torch.cat` until a stop token."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.head = nn.Embedding(11, 8), nn.Linear(8, 11)

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        while tokens.shape[1] < 9:
            logits = self.head(self.embedding(tokens).mean(1))
            best = logits.argmax(-1, keepdim=True)
            tokens = torch.cat([tokens, best], dim=1)
            if best.item() == 0:
                break
        return tokens, logits


@hard(lambda: call(torch.randn(3, 7, 4), torch.tensor([7, 2, 5])), "data-dependent")
class PackedByHand(nn.Module):
    """Sequences cut to lengths that come from `.tolist()`: one slice per sequence, each of another length."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 2)

    def forward(self, x: Tensor, lengths: Tensor) -> list[Tensor]:
        return [self.layer(row[:length]) for row, length in zip(x, lengths.tolist(), strict=True)]
