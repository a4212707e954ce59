"""Hard cases of operations: operators, indices, dynamic shapes, other number types, and values that leave the graph."""

import copy
import functools

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


@hard(lambda: call(torch.randn(4, 8)))
class Operators(_Layer):
    """`1 - x`, `2 / x`, `2 ** x`, `x @ y`, `-x`, `abs`, `//`, `%`, comparisons: reflected ones swap arguments."""

    def forward(self, x: Tensor) -> list[Tensor]:
        y = self.layer(x)
        z = 1 - y + 2 / (y + 5) - 2**y + y @ y.T @ y + -y + +y + abs(y) ** 2 + y**0.5**2
        return [z, x // 0.3, y % 2, 7 % (x + 3), 3 // (x + 5), (x > 0) ^ (x < 1), ~(x >= 0.5), y == 1.0, x != y]


@hard(lambda: call(torch.arange(12).reshape(3, 4)), "no-gradient")
def integer_operators(x: Tensor) -> list[Tensor]:
    """Shifts, bit operations and integer division with a plain number on either side; true division makes floats."""
    return [x << 2, 1 << x, x >> 1, x & 6, 5 | x, x ^ 3, ~x, 100 // (x + 1), x / 2, -x % 5, x.float() // 2, 2**x]


@hard(lambda: call(torch.randn(4, 5, 8)), "data-dependent")
class Indices(_Layer):
    """None, ellipsis, slices, a list, a tuple, a tensor, a mask, an empty tuple and a 0-dim tensor as indices."""

    def forward(self, x: Tensor) -> list[Tensor]:
        y = self.layer(x)
        row = torch.tensor(1)
        parts = [y[..., None], y[:, 1:], y[[0, 2]], y[(0, 2)], y[0, 2], y[:, [1, 1], None], y[()], y[..., -1], y[row]]
        rows, columns = torch.tensor([0, 3]), torch.tensor([[1], [4]])
        return [*parts, y[rows, columns], y[y > 0], y[x[:, :, 0] > 0, 2:4], y[None, :, ::2], y[rows.tolist()], y[1:1]]


@hard(lambda: call(torch.randn(6, 8)), "data-dependent")
class DynamicShapes(_Layer):
    """`nonzero`, `where`, boolean masks, `unique`, `masked_select`, `repeat_interleave`: shapes depend on values."""

    def forward(self, x: Tensor) -> list[Tensor]:
        y = self.layer(x)
        rows, columns = torch.where(y > 0.2)
        kept = y[y.sum(1) > 0]
        counts = (x > 0).sum(1)
        values, inverse, n_each = counts.unique(return_inverse=True, return_counts=True)
        repeated = y.repeat_interleave(counts, dim=0).mean()
        parts = [
            kept * 2,
            (y > 0).nonzero(),
            y.masked_select(x > 1),
            values,
            inverse,
            n_each,
            repeated,
            y[rows, columns],
        ]
        return [*parts, torch.where(y > 0, y, 0.0), torch.arange(counts[0].item())]


@hard(lambda: call(torch.randn(6, 8), torch.tensor([0, 2, 2, 1, 0, 1])))
class GatherScatter(_Layer):
    """`gather`, `scatter_add`, `index_select`, `scatter_reduce`, `take_along_dim`: one round of a graph network."""

    def forward(self, x: Tensor, target: Tensor) -> list[Tensor]:
        y = self.layer(x)
        wide = target[:, None].expand(-1, 8)
        summed = torch.zeros(3, 8).scatter_add(0, wide, y)
        highest = torch.full((3, 8), -9.0).scatter_reduce(0, wide, y, "amax")
        picked = y.gather(1, target[:, None]) + torch.take_along_dim(y, target[:, None], 1)
        return [summed, highest, picked, y.index_select(0, target), torch.take(y, target), torch.bincount(target)]


@hard(lambda: call(torch.randn(4, 8)))
class NumpyRoundTrip(_Layer):
    """Goes to numpy and back in the middle: the graph has a gap, and what comes back has no history."""

    def forward(self, x: Tensor) -> Tensor:
        y = self.layer(x)
        ranks = np.argsort(y.detach().numpy(), axis=1).astype(np.float32)
        back = torch.from_numpy(ranks) + torch.as_tensor(np.asarray(x.detach())[0])
        return self.layer(y) * back + np.float32(0.5) * y


@hard(lambda: call(torch.randn(4, 8)), "data-dependent", quiet=("Converting a tensor with requires_grad=True",))
class ListRoundTrip(_Layer):
    """Values leave by `tolist`, `item`, `float`, `int`, `bool`, `str` and iteration, and come back as constants."""

    def forward(self, x: Tensor) -> tuple[Tensor, str]:
        y = self.layer(x)
        rows = torch.tensor([[value * 2 for value in row] for row in y.tolist()])
        scale = float(y[0, 0]) + int(y[0, 1] * 10) + bool(y[0, 2] > 0) + y.max().item()
        return y * scale + rows + torch.tensor([scale, *map(float, x[0, 1:])]), f"{scale:.3f} {tuple(y.shape)}"


@hard(lambda: call(torch.randn(4, 8)))
class SharedMemory(_Layer):
    """Leaves through DLPack, `copy.deepcopy`, `clone`, `untyped_storage` and a bit-cast: one memory, other objects."""

    def forward(self, x: Tensor) -> Tensor:
        y = self.layer(x)
        packed = torch.utils.dlpack.from_dlpack(y.detach())
        rebuilt = torch.empty(0).set_(y.detach().untyped_storage(), 0, (4, 8), (8, 1))
        copied = copy.deepcopy(x) + x.clone()
        return y + packed * copied + (rebuilt.view(torch.int32) & 0x7FFFFFFF).view(torch.float32)


@hard(lambda: call(torch.randn(4, 8)))
class ComplexNumbers(_Layer):
    """FFT, complex parameters, `real`, `imag`, `conj` (a lazy view) and `view_as_complex` (RoPE)."""

    def __init__(self) -> None:
        super().__init__()
        self.filter = nn.Parameter(torch.randn(5, dtype=torch.complex64))

    def forward(self, x: Tensor) -> list[Tensor]:
        spectrum = torch.fft.rfft(self.layer(x)) * self.filter
        pairs = torch.view_as_complex(x.reshape(4, 4, 2)) * torch.polar(torch.ones(4), torch.arange(4.0))
        mirrored = spectrum.conj()
        return [
            torch.fft.irfft(spectrum, n=8),
            mirrored,
            mirrored.imag,
            spectrum.abs(),
            torch.view_as_real(pairs),
            1j * x,
        ]


@hard(lambda: call(torch.randn(2, 3, 8)))
class Einsum(_Layer):
    """`einsum` (with an ellipsis), `tensordot`, `baddbmm`, `outer`, `multi_dot`: one call, several kernels."""

    def forward(self, x: Tensor) -> list[Tensor]:
        y = self.layer(x)
        scores = torch.einsum("bid,bjd->bij", y, y)
        traced = torch.einsum("...ii->...", scores)
        product = torch.tensordot(y, self.layer.weight, dims=([2], [0])) + torch.baddbmm(y, scores, x, beta=0.5)
        return [
            scores.softmax(-1) @ x,
            traced,
            product,
            torch.outer(traced, y[0, 0]),
            torch.linalg.multi_dot([y[0], y[0].T, y[1]]),
        ]


@hard(lambda: call(torch.randn(4, 8)))
class OwnInputReturned(_Layer):
    """`.to`, `.float`, `.contiguous`, `.cpu`, `.expand`, dropout in eval, `reshape`: some return their input itself."""

    def __init__(self) -> None:
        super().__init__()
        self.drop = nn.Dropout(0.5)

    def forward(self, x: Tensor) -> Tensor:
        y = self.layer(x)
        same = y.to(torch.float32).float().contiguous().cpu().to("cpu").type_as(x).requires_grad_(y.requires_grad)
        residual = self.drop(same) + y
        views = y.reshape(4, 8).expand(4, 8).view(4, 8).squeeze(0).resolve_conj()
        return residual + views * y.double().float() + F.pad(y, (0, 0)) + torch.atleast_1d(y)


@hard(lambda: call(torch.randn(4, 8)))
class SeveralOutputs(_Layer):
    """`topk`, `sort`, `split`, `unbind`, `meshgrid`, `aminmax`, `var_mean`: results that are tuples, some unused."""

    def forward(self, x: Tensor) -> list[Tensor]:
        y = self.layer(x)
        values, _ = y.topk(3)
        ordered = y.sort(dim=1, descending=True)
        a, b, *rest = y.split([2, 3, 3], dim=1)
        first, *_ = y.unbind(0)
        low, high = torch.aminmax(y)
        singular = torch.linalg.svdvals(x)
        grid = torch.meshgrid(torch.arange(2.0), torch.arange(3.0), indexing="ij")
        mean = torch.var_mean(y, dim=1)[1]
        return [
            values,
            ordered.values + ordered[0],
            a @ b[:2],
            rest[0],
            first,
            (y - low) / (high - low),
            singular,
            *grid,
            mean,
        ]


@hard(lambda: call(torch.randn(4, 8)))
class Properties(_Layer):
    """`T`, `mT`, `real`, `data`, `grad_fn`, `is_leaf`, `ndim`, `device`, `dtype`: some are operations, most are not."""

    def forward(self, x: Tensor) -> Tensor:
        y = self.layer(x)
        scale = y.ndim + y.element_size() + y.stride(0) + y.size()[1] + int(y.is_leaf) * 0
        fresh = torch.zeros(y.shape, dtype=y.dtype, device=y.device) + y.new_ones(y.shape[1:])
        return (y.T @ y.mT.mT.real) * scale + fresh.mean() + y.data.sum() + x.new_tensor([1.0])


@hard(lambda: call(torch.randn(4, 8), torch.tensor([1, 0, 7, 3])))
class LossInside(_Layer):
    """Returns a loss beside the logits, with labels as an input and class weights made in the forward."""

    def forward(self, x: Tensor, labels: Tensor) -> dict[str, Tensor]:
        logits = self.layer(x)
        loss = F.cross_entropy(logits, labels, weight=torch.ones(8), label_smoothing=0.1)
        loss = loss + 0.01 * sum(parameter.square().sum() for parameter in self.parameters())
        return {"loss": loss, "logits": logits, "accuracy": (logits.argmax(-1) == labels).float().mean()}


@hard(lambda: call(torch.tensor([1, 2, 4, 5, 4, 3]), torch.tensor([0, 3])), "in-place")
class EmbeddingBag(nn.Module):
    """Bags given by offsets, a padding row, sparse gradients, a norm limit that writes the weight in the forward."""

    def __init__(self) -> None:
        super().__init__()
        self.bag = nn.EmbeddingBag(10, 8, mode="max")
        self.summed = nn.EmbeddingBag(10, 8, mode="sum", sparse=True, padding_idx=4)
        self.limited = nn.Embedding(10, 8, max_norm=0.5)

    def forward(self, tokens: Tensor, offsets: Tensor) -> Tensor:
        return self.bag(tokens, offsets) + self.summed(tokens, offsets) + self.limited(offsets)


@hard(lambda: call(torch.randn(4, 8), torch.eye(4).to_sparse()))
class SparseTensors(_Layer):
    """A sparse input, `torch.sparse.mm`, `to_sparse`, `coalesce`, a sparse output: no strides, no one storage."""

    def forward(self, x: Tensor, adjacency: Tensor) -> tuple[Tensor, Tensor]:
        y = torch.sparse.mm(adjacency, self.layer(x))
        sparse = (x * (x > 0)).to_sparse()
        return y + (sparse + sparse).coalesce().to_dense(), sparse.transpose(0, 1)


@hard(lambda: call([torch.randn(2, 8), torch.randn(5, 8)]))
class NestedTensors(_Layer):
    """A jagged nested tensor, one row per sequence: its shape is not made of plain ints."""

    def forward(self, sequences: list[Tensor]) -> Tensor:
        nested = torch.nested.as_nested_tensor(sequences, layout=torch.jagged)
        hidden = self.layer(nested).relu() * 2
        return torch.nested.to_padded_tensor(hidden, 0.0).sum(1)


@hard(lambda: call(torch.randn(4, 8)), "no-gradient", quiet=("torch.quantize_per_tensor",))
class QuantizedTensors(nn.Module):
    """Quantizes and goes on in int8: `quantize_per_tensor`, fake quantization, `int_repr`, `dequantize`."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("weight", torch.randn(8, 8))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        codes = torch.quantize_per_tensor(x, 0.05, 10, torch.quint8)
        faked = torch.fake_quantize_per_tensor_affine(self.weight, 0.1, 0, -128, 127)
        return F.relu(codes.dequantize()) @ faked, codes.int_repr()


@hard(lambda: call(torch.randn(3, 3)))
class LinearAlgebra(nn.Module):
    """`solve`, `cholesky`, `eigh`, `inv`, `det`, `matrix_exp` and a failing factorization that reports by a code."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.eye(3) * 2)

    def forward(self, x: Tensor) -> list[Tensor]:
        positive = x @ x.T + self.weight
        lower = torch.linalg.cholesky(positive)
        _, code = torch.linalg.cholesky_ex(-positive)
        eigenvalues = torch.linalg.eigvalsh(positive)
        return [torch.linalg.solve(lower, x), positive.inverse(), positive.det(), eigenvalues, x.matrix_exp(), code]


@hard(lambda: call(torch.randn(1, 4, 9, 9)))
class ImageOperations(nn.Module):
    """Transposed and grouped convolutions, `interpolate`, `grid_sample`, `unfold`, `pixel_shuffle`, unpooling."""

    def __init__(self) -> None:
        super().__init__()
        self.down, self.up = nn.Conv2d(4, 8, 3, 2, groups=2, padding="valid"), nn.ConvTranspose2d(8, 4, 3, 2)

    def forward(self, x: Tensor) -> list[Tensor]:
        y = self.down(F.pad(x, (1, 1, 1, 1), mode="reflect"))
        pooled, where = F.max_pool2d(y, 2, return_indices=True)
        grid = F.affine_grid(torch.eye(2, 3)[None], [1, 4, 5, 5], align_corners=False)
        sampled = F.grid_sample(x, grid, align_corners=False)
        scaled = F.interpolate(y, scale_factor=1.5, mode="bilinear", recompute_scale_factor=True, align_corners=False)
        return [
            self.up(y),
            F.max_unpool2d(pooled, where, 2, output_size=(5, 5)),
            sampled,
            F.pixel_shuffle(y, 2),
            F.unfold(x, 3),
            scaled,
        ]
