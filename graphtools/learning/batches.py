"""The batches of a training, as torch's DataLoader gives them, and faster where the data are tensors already."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset, Subset, TensorDataset


def loader_of(
    dataset: Dataset[Any],
    batch_size: int | None,
    collate: Callable[[list[Any]], Any] | None = None,
    *,
    generator: torch.Generator | None = None,
) -> DataLoader[Any]:
    """torch's loader, shuffled if there is a `generator`.

    Of a TensorDataset, or a part of one, each batch is gathered at once and not an example at a time: the same batches
    bit for bit, in the same order, for the same random numbers, in a fifth of the time or less (64 examples of 64
    numbers: 0.1 ms instead of 1).
    """
    whole = _in_one_piece(dataset) if batch_size is not None and collate is None else None
    if whole is not None:
        dataset, collate = whole, _as_it_is
    return DataLoader(dataset, batch_size, shuffle=generator is not None, generator=generator, collate_fn=collate)


class _InOnePiece(Dataset[Any]):
    """Rows of tensors. A loader asks for those of a whole batch, which is then collated already."""

    def __init__(self, tensors: Sequence[torch.Tensor], rows: torch.Tensor) -> None:
        self.tensors, self.rows = tensors, rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitems__(self, indices: list[int]) -> list[torch.Tensor]:
        rows = self.rows[indices]
        return [tensor.index_select(0, rows) for tensor in self.tensors]


def _as_it_is(batch: list[torch.Tensor]) -> list[torch.Tensor]:
    return batch


def _in_one_piece(dataset: Dataset[Any]) -> _InOnePiece | None:
    """The rows of a dataset that does nothing but index tensors; None of any other."""
    if type(dataset) is Subset:
        inner = _in_one_piece(dataset.dataset)
        return (
            None if inner is None else _InOnePiece(inner.tensors, inner.rows[torch.as_tensor(dataset.indices).long()])
        )
    if type(dataset) is not TensorDataset or not all(map(_is_plain, dataset.tensors)):
        return None
    return _InOnePiece(dataset.tensors, torch.arange(len(dataset)))


def _is_plain(tensor: torch.Tensor) -> bool:
    """True for one whose rows, stacked, are what `index_select` gives, in the same layout in memory."""
    is_dense = type(tensor) is torch.Tensor and tensor.layout == torch.strided and tensor.is_contiguous()
    return is_dense and tensor.device.type == "cpu" and not tensor.requires_grad
