"""Batches that are gathered at once: those of torch's own loader, in bits, order, layout and random numbers."""

import pytest
import torch
from torch.utils.data import DataLoader, Dataset, Subset, TensorDataset, random_split

from graphtools.learning.batches import loader_of

SHAPES = [(), (1,), (5,), (1, 8, 8), (3, 1, 1), (3, 4, 4), (1, 1, 1), (2, 3, 4, 5), (0, 3)]


def drawn(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def same(ours: DataLoader, theirs: DataLoader) -> bool:
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        assert type(one) is type(other)
        for a, b in zip(one, other, strict=True):
            assert (a.dtype, a.shape, a.stride()) == (b.dtype, b.shape, b.stride())
            assert torch.equal(a, b)
    assert (
        not len(ours) or ours.generator is None or torch.equal(ours.generator.get_state(), theirs.generator.get_state())
    )
    return True


def gathers(loader: DataLoader) -> bool:
    return type(loader.dataset).__name__ == "_InOnePiece"


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("batch", [1, 4, 64])
def test_a_dataset_of_tensors_gives_the_same_batches(shape: tuple[int, ...], batch: int) -> None:
    data = TensorDataset(torch.randn(21, *shape), torch.arange(21), torch.rand(21, *shape) > 0.5)
    for dataset in (data, random_split(data, [13, 8], drawn(1))[0], Subset(Subset(data, range(3, 17)), [5, 0, -1, 5])):
        ours = loader_of(dataset, batch, generator=drawn(3))
        assert gathers(ours)
        theirs = DataLoader(dataset, batch, shuffle=True, generator=drawn(3))
        assert same(ours, theirs)
        assert same(ours, theirs)  # the second epoch is another order
        assert same(loader_of(dataset, batch), DataLoader(dataset, batch))


class Doubled(TensorDataset):
    """Looks like rows of tensors, and is not."""

    def __getitem__(self, index: int) -> tuple[torch.Tensor, ...]:
        return tuple(2 * tensor for tensor in super().__getitem__(index))


class Halved(Subset):
    """A part that changes what it gives."""

    def __getitems__(self, indices: list[int]) -> list[tuple[torch.Tensor, ...]]:
        return [tuple(0.5 * tensor for tensor in row) for row in super().__getitems__(indices)]


def others() -> list[Dataset]:
    rows = torch.randn(12, 3, 4, 4)
    plain = TensorDataset(rows)
    return [
        Doubled(rows),
        Subset(Doubled(rows), [3, 1, 2]),
        Halved(plain, [2, 5, 1, 7]),
        TensorDataset(rows.to(memory_format=torch.channels_last)),
        TensorDataset(rows.transpose(1, 2)),
        TensorDataset(torch.nn.Parameter(rows)),
    ]


@pytest.mark.parametrize("number", range(6))
def test_any_other_is_left_to_the_loader(number: int) -> None:
    torch.manual_seed(0)
    dataset = others()[number]
    ours = loader_of(dataset, 4, generator=drawn(5))
    assert not gathers(ours)
    assert same(ours, DataLoader(dataset, 4, shuffle=True, generator=drawn(5)))


def test_single_examples_and_a_collate_of_ones_own_are_left_to_the_loader() -> None:
    data = TensorDataset(torch.randn(6, 2), torch.arange(6))
    assert not gathers(loader_of(data, None))
    assert next(iter(loader_of(data, 3, lambda rows: len(rows)))) == 3
