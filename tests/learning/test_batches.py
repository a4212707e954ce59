"""Batches that are gathered at once: those of torch's own loader, in bits, order, layout and random numbers."""

import numpy
import pytest
import torch
from torch.utils.data import DataLoader, Subset, TensorDataset, random_split

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
    return type(loader.dataset).__name__ == "_AtOnce"


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


def test_other_datasets_are_left_to_the_loader() -> None:
    rows = torch.randn(12, 3, 4, 4)
    for dataset in (Doubled(rows), Subset(Doubled(rows), [3, 1, 2]), Halved(TensorDataset(rows), [2, 5, 1, 7])):
        ours = loader_of(dataset, 4, generator=drawn(5))
        assert not gathers(ours)
        assert same(ours, DataLoader(dataset, 4, shuffle=True, generator=drawn(5)))


ROWS = torch.randn(12, 3, 4, 4)
ODD_TENSORS = {
    "channels last": ROWS.to(memory_format=torch.channels_last),
    "turned": ROWS.transpose(1, 2),
    "a parameter": torch.nn.Parameter(ROWS),
}
ODD_INDICES = {
    "an array": numpy.array([3, 1, 4, 1]),
    "an array read backwards": numpy.arange(12)[::-1],
    "small numbers": numpy.array([3, 1, 7], dtype=numpy.uint8),
    "a tensor": torch.tensor([3, 1, 4, 1]),
    "a column": torch.tensor([[3], [1], [4]]),
    "several each": [[0, 1], [2, 3]],
    "slices": [slice(0, 2), slice(4, 6)],
    "a mapping": {0: 5, 1: 3, 2: 1},
    "a range": range(2, 9),
}
NO_INDICES = {"a mask": numpy.arange(12) > 5, "fractions": [1.9, 2.2]}


@pytest.mark.parametrize("tensor", ODD_TENSORS)
def test_odd_tensors_are_stacked_as_the_loader_does(tensor: str) -> None:
    dataset = TensorDataset(ODD_TENSORS[tensor], torch.arange(12))
    assert same(loader_of(dataset, 4, generator=drawn(5)), DataLoader(dataset, 4, shuffle=True, generator=drawn(5)))


@pytest.mark.parametrize("indices", ODD_INDICES)
def test_whatever_torch_takes_as_indices_gives_its_rows(indices: str) -> None:
    dataset = Subset(TensorDataset(ROWS, torch.arange(12)), ODD_INDICES[indices])
    assert same(loader_of(dataset, 2), DataLoader(dataset, 2))


@pytest.mark.parametrize("indices", NO_INDICES)
def test_what_torch_refuses_as_indices_is_refused(indices: str) -> None:
    dataset = Subset(TensorDataset(ROWS, torch.arange(12)), NO_INDICES[indices])
    for loader in (loader_of(dataset, 2), DataLoader(dataset, 2)):
        with pytest.raises((IndexError, TypeError)):
            next(iter(loader))


def test_a_dataset_that_changes_gives_what_it_is_then() -> None:
    part = Subset(TensorDataset(ROWS, torch.arange(12)), [0, 1, 2, 3])
    loader = loader_of(part, 4)
    assert loader.dataset[1][1] == 1
    part.indices[:] = [8, 9, 10, 11]
    part.dataset.tensors = (2 * ROWS, torch.arange(12))
    (x, y), *_ = loader
    assert y.tolist() == [8, 9, 10, 11]
    assert torch.equal(x, 2 * ROWS[8:])


def test_single_examples_and_a_collate_of_ones_own_are_left_to_the_loader() -> None:
    data = TensorDataset(torch.randn(6, 2), torch.arange(6))
    assert not gathers(loader_of(data, None))
    assert next(iter(loader_of(data, 3, lambda rows: len(rows)))) == 3
