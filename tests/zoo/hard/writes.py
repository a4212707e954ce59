"""Hard cases of writes: a tensor, a buffer, a view or the module itself is another after the operation than before."""

import functools
import operator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.zoo.case import Case
from tests.zoo.hard import call, collect

CASES: list[Case] = []
hard = functools.partial(collect, CASES)


class _Layer(nn.Module):
    """One Linear of 8 to 8 features, for the cases below to build on."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 8)


@hard(lambda: call(torch.randn(4, 8)), "in-place")
class MethodsInPlace(_Layer):
    """Methods that end in `_` write their tensor and return it: one object, many values in turn."""

    def forward(self, x: Tensor) -> Tensor:
        y = self.layer(x)
        z = y.add_(1).mul_(2)
        z.clamp_(min=-1).sub_(x).t_()
        return z.t().relu_() + y.t()


@hard(lambda: call(torch.randn(4, 8)), "in-place")
class AugmentedAssignment(_Layer):
    """`+=`, `*=`, `/=`, `-=`, `**=` and `@`: Python rebinds the name to what the operator returned."""

    def forward(self, x: Tensor) -> Tensor:
        y = self.layer(x)
        alias = y
        y += x
        y *= 0.5
        y /= 2
        y -= 1
        y = operator.iadd(y, 1)
        mask = x > 0
        mask |= x < -1
        mask &= y.detach() > 0
        return alias * mask + y @ x.T @ x


@hard(lambda: call(torch.randn(4, 8)), "in-place")
class SetItemSlice(_Layer):
    """`__setitem__` with slices, an ellipsis, a step and a number: it returns nothing, yet has an output."""

    def forward(self, x: Tensor) -> Tensor:
        y = self.layer(x)
        out = torch.zeros(4, 8)
        out[1:3] = y[1:3]
        out[..., 0] = 7
        out[::2, 1:-1:3] = y[::2, 1:-1:3] * 2
        out[3, 3] = y.sum()
        return out


@hard(lambda: call(torch.randn(4, 8)), "in-place")
class SetItemMask(_Layer):
    """`__setitem__` with a boolean mask, a list, an index tensor and None."""

    def forward(self, x: Tensor) -> Tensor:
        y = self.layer(x)
        y = y.clone()
        y[x < 0] = 0.0
        y[[0, 2]] = x[[2, 0]]
        y[torch.tensor([1, 3]), torch.tensor([2, 4])] = -1
        y[None, 0, :2] += 3
        return y


@hard(lambda: call(torch.randn(4, 8)), "in-place")
class ViewWrittenBaseUsed(_Layer):
    """Writes into views of views; only the base is used afterwards, and nothing connects the two by identity."""

    def forward(self, x: Tensor) -> Tensor:
        base = self.layer(x).clone()
        base.view(2, 2, 8)[0].transpose(0, 1).mul_(3)
        base[:, 4:].select(0, 1).zero_()
        base.diagonal().fill_(5)
        return base * 2


@hard(lambda: call(torch.randn(4, 8)), "in-place")
class BaseWrittenViewUsed(_Layer):
    """Writes into the base after a view was taken: the view's value changed without any operation on it."""

    def forward(self, x: Tensor) -> Tensor:
        base = self.layer(x).clone()
        row, flat = base[1], base.view(-1)
        base.add_(10)
        return row * flat[8:16]


@hard(lambda: call(torch.randn(4, 8)), "in-place")
class InputWritten(_Layer):
    """Writes into its own input: after the call the caller's tensor is another."""

    def forward(self, x: Tensor) -> Tensor:
        x.mul_(2)
        x[0] = 0
        return self.layer(x)


@hard(lambda: call(torch.randn(4, 8)), "in-place", "no-gradient")
def out_argument(x: Tensor) -> tuple[Tensor, ...]:
    """`out=`: one tensor, a tuple of two, a view, and one that must grow."""
    total, grown = torch.empty(4, 8), torch.empty(0)
    values, indices = torch.empty(4), torch.empty(4, dtype=torch.long)
    torch.add(x, 1, out=total)
    torch.max(total, dim=1, out=(values, indices))
    torch.mul(x[0], 2, out=total[2])
    torch.cat([x, total], out=grown)
    return total, grown, values, indices


@hard(lambda: call(torch.randn(4, 8)), "in-place")
class ActivationsInPlace(_Layer):
    """`inplace=True` in functions and modules; the tensor before the activation is used again after it."""

    def __init__(self) -> None:
        super().__init__()
        self.relu, self.silu = nn.ReLU(inplace=True), nn.Hardswish(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        y = self.layer(x)
        z = self.relu(y)
        z = F.leaky_relu(z - 0.1, 0.2, inplace=True)
        return self.silu(z + 0) + y + F.relu(x.clone(), inplace=True)


@hard(lambda: call(torch.randn(4, 8)), "in-place")
class ListedWrites(nn.Module):
    """`scatter_`, `index_add_`, `index_copy_`, `masked_fill_`, `copy_`, `put_`, `_foreach_add_`: many names."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(4, 8))

    def forward(self, x: Tensor) -> Tensor:
        y = self.weight * x
        index = torch.tensor([[0, 1, 2, 3]]).T.expand(4, 8)
        out = torch.zeros(4, 8).scatter_(0, index, y).index_add_(0, torch.tensor([3, 3]), y[:2])
        out.index_copy_(1, torch.tensor([0, 5]), y[:, 2:4]).masked_fill_(x > 2, 9.0)
        out.put_(torch.tensor([0, 31]), y[0, :2])
        other = torch.empty_like(out).copy_(out)
        torch._foreach_add_([out, other], [y, x])
        return out + other.nan_to_num_()


@hard(lambda: call(torch.randn(4, 8)), "in-place")
class ChunksWritten(_Layer):
    """Writes into the pieces of `chunk` and `unbind`: several outputs of one operation share its input's storage."""

    def forward(self, x: Tensor) -> Tensor:
        y = self.layer(x)
        with torch.no_grad():
            left, _ = y.chunk(2, dim=1)
            left.mul_(2)
            y.unbind(0)[2].zero_()
        return y + 1


@hard(lambda: call(torch.randn(4, 8)), "in-place", "stateful")
class WritesBehindAutograd(_Layer):
    """Writes through `.data`, `.detach()` and `set_`: no version counter of the tensor itself moves."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(8))

    def forward(self, x: Tensor) -> Tensor:
        y = self.layer(x)
        y.data.add_(1)
        y.detach()[0].zero_()
        self.scale.data = self.scale.data * 0.9
        replaced = torch.empty(0).set_(x.clone())
        return y * self.scale.detach() + replaced


@hard(lambda: call(torch.randn(4, 8)), "in-place")
class NumpyWrites(_Layer):
    """numpy writes into memory that a tensor shares: no torch function sees the write."""

    def forward(self, x: Tensor) -> Tensor:
        mask = torch.ones(8)
        view = mask.numpy()
        view[::2] = 0
        np.multiply(view, 3, out=view)
        return self.layer(x) * mask


@hard(lambda: call(torch.randn(4, 8)), "in-place", "stateful")
class BufferUpdated(_Layer):
    """Buffers change in the forward: by a write, by assignment of a new tensor, and from None to a tensor."""

    mean: Tensor
    latest: Tensor | None
    n_calls: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(8))
        self.register_buffer("n_calls", torch.tensor(0))
        self.register_buffer("latest", None, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        y = self.layer(x)
        with torch.no_grad():
            self.mean.lerp_(y.mean(0), 0.1)
            self.n_calls += 1
        self.latest = y.detach()
        return y - self.mean / self.n_calls


@hard(lambda: call(torch.randn(4, 8)), "stateful")
class StateOnSelf(_Layer):
    """Keeps a tensor on `self` between calls: the second call uses a value from the first."""

    def __init__(self) -> None:
        super().__init__()
        self.history: list[Tensor] = []
        self.hidden: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        y = self.layer(x)
        if self.hidden is not None:
            y = y + self.hidden
        self.hidden = y.detach()
        self.history.append(self.hidden)
        return y * len(self.history)


@hard(lambda: call(torch.randn(6, 8, 5, 5)))
class BatchNormTraining(nn.Module):
    """Batch norm in train mode writes its running statistics without moving their version; momentum None averages."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.average = nn.BatchNorm2d(8), nn.BatchNorm2d(8, momentum=None, affine=False)
        self.instance = nn.InstanceNorm2d(8, affine=True, track_running_stats=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.instance(self.average(self.norm(x).relu()))


@hard(lambda: call(torch.randn(4, 8), torch.randn(4, 8)), "in-place", "stateful")
class ParameterUpdated(_Layer):
    """Follows a layer with a slow copy whose parameters it overwrites in every forward (momentum encoder)."""

    def __init__(self) -> None:
        super().__init__()
        self.slow = nn.Linear(8, 8).requires_grad_(False)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        with torch.no_grad():
            for slow, fast in zip(self.slow.parameters(), self.layer.parameters(), strict=True):
                slow.mul_(0.9).add_(fast, alpha=0.1)
        return F.cosine_similarity(self.layer(x), self.slow(y))


@hard(lambda: call(torch.randn(4, 8)), "in-place")
class PreallocatedCache(_Layer):
    """Fills a preallocated tensor one row per step and reads the part written so far: a key-value cache."""

    def forward(self, x: Tensor) -> Tensor:
        cache = torch.zeros(4, 4, 8)
        out = []
        for step in range(4):
            cache[step] = self.layer(x + step).detach()
            out.append((x @ cache[: step + 1].mean(0).T).softmax(-1))
        return self.layer(torch.stack(out).sum((0, 2))[:, None] * x)


@hard(lambda: call(torch.randn(4, 8)), "in-place")
class NameRebound(_Layer):
    """Two names swap their tensors between writes, so neither a name nor an id is a value."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        a, b = self.layer(x).clone(), x.clone()
        for _ in range(3):
            a, b = b, a
            a.add_(1)
            b = b * 2
            del x
            x = a
        return a, b + x


@hard(lambda: call(torch.randn(4, 8)), "in-place")
class OverlappingMemory(nn.Module):
    """`as_strided` and `unfold` views whose elements overlap; a write to the base shows up several times."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.randn(3))

    def forward(self, x: Tensor) -> Tensor:
        x = x.clone()
        windows, strided = x.unfold(1, 3, 1), x.as_strided((4, 4), (8, 1), 2)
        x[:, 3] = 1
        return (windows * self.kernel).sum(-1) + strided.sum()


@hard(lambda: call(torch.randn(4, 8)), "stateful")
class LazyCache(_Layer):
    """Builds a table on its first call and keeps it in a dict by shape: the first call has more operations."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: dict[tuple[int, ...], Tensor] = {}

    def forward(self, x: Tensor) -> Tensor:
        key = tuple(x.shape)
        if key not in self.tables:
            self.tables[key] = torch.outer(torch.arange(4.0), torch.arange(8.0)).sin()
        return self.layer(x) + self.tables[key]
