"""Every kind of tensor and Python value comes back from a file with the same bits."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from graphtools import compat
from graphtools.recording import Kept, ValueLost
from graphtools.saving.layouts import DTYPES
from tests.saving.made import assert_same_value, loaded, of_values

# torch's word that a kind is young or about to go, once a process, whoever makes the first one.
pytestmark = [
    pytest.mark.filterwarnings(f"ignore:{words}")
    for words in ("Sparse", "The PyTorch API of nested", "torch.quantize_per_tensor", "B?Complex(Half|32) support")
]


def trip(value: Any, folder: Path) -> Any:
    """The value after a trip through a file."""
    return loaded(of_values(value=value), folder).value("value")


@pytest.mark.parametrize("name", DTYPES)
def test_every_dtype_comes_back_with_the_same_bits(name: str, tmp_path: Path) -> None:
    dtype = DTYPES[name]
    noise = torch.randint(0, 256 if dtype is not torch.bool else 2, (5 * 3 * dtype.itemsize,), dtype=torch.uint8)
    flat = torch.frombuffer(bytearray(noise.tolist()), dtype=dtype)
    tensor = flat.as_strided((3, 5), (5, 1))
    back = trip(tensor, tmp_path)
    assert (back.dtype, back.shape, back.stride()) == (dtype, (3, 5), (5, 1))
    assert torch.equal(torch.frombuffer(bytearray(noise.tolist()), dtype=torch.uint8), as_bytes(back))


def as_bytes(tensor: torch.Tensor) -> torch.Tensor:
    """All bytes of a tensor's memory."""
    return torch.empty(0, dtype=torch.uint8).set_(tensor.untyped_storage())  # type: ignore[call-overload]


BASE = torch.arange(24.0).reshape(2, 3, 4)


def coo() -> torch.Tensor:
    """A sparse tensor with one element given twice."""
    return torch.sparse_coo_tensor(torch.tensor([[0, 0, 1], [0, 0, 2]]), torch.tensor([1.0, 2.0, 3.0]), (2, 3))


KINDS: dict[str, Callable[[], torch.Tensor]] = {
    "scalar": lambda: torch.tensor(2.5),
    "no elements": lambda: torch.empty(3, 0, 2),
    "no elements, odd strides": lambda: torch.empty_strided((0, 3), (7, 2)),
    "transposed": lambda: BASE.transpose(0, 2),
    "every second": lambda: BASE[:, ::2, 1:],
    "channels last": lambda: torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last),
    "expanded": lambda: BASE[:, :1, :1].expand(2, 5, 4),
    "overlapping": lambda: BASE.reshape(-1).unfold(0, 4, 1),
    "conjugate": lambda: torch.randn(3, dtype=torch.complex64).conj(),
    "imaginary part of a conjugate": lambda: torch.randn(3, dtype=torch.complex64).conj().imag,
    "parameter": lambda: torch.nn.Parameter(torch.randn(3)),
    "inference": lambda: inference_tensor(),
    "written once it is written to": lambda: compat.lazy_clone(torch.randn(3)),
    "coo": coo,
    "coo, coalesced": lambda: coo().coalesce(),
    "coo, hybrid": lambda: torch.randn(4, 3).to_sparse(1),
    "coo of one expanded value": lambda: torch.sparse_coo_tensor([[0, 1]], torch.ones(1).expand(2), (3,)),
    "csr": lambda: coo().to_dense().to_sparse_csr(),
    "csc": lambda: coo().to_dense().to_sparse_csc(),
    "bsr": lambda: torch.randn(4, 4).to_sparse_bsr((2, 2)),
    "bsc": lambda: torch.randn(4, 4).to_sparse_bsc((2, 2)),
    "nested": lambda: torch.nested.nested_tensor([torch.randn(2, 3), torch.randn(1, 3)]),
    "nested, empty": lambda: torch.nested.nested_tensor([]),
    "jagged": lambda: torch.nested.nested_tensor([torch.randn(2, 3), torch.randn(1, 3)], layout=torch.jagged),
    "qint8": lambda: torch.quantize_per_tensor(torch.randn(2, 3), 0.1, 3, torch.qint8),
    "quint8": lambda: torch.quantize_per_tensor(torch.randn(3, 2).t(), 0.1, 3, torch.quint8),
    "qint32": lambda: torch.quantize_per_tensor(torch.randn(2, 3), 0.1, 0, torch.qint32),
    "per channel": lambda: torch.quantize_per_channel(
        torch.randn(2, 3), torch.tensor([0.1, 0.2]), torch.tensor([0, 5]), 0, torch.qint8
    ),
    "per channel, float": lambda: torch.quantize_per_channel(
        torch.randn(2, 3), torch.tensor([0.1, 0.2]), torch.tensor([0.0, 0.5]), 0, torch.quint8
    ),
    "meta": lambda: torch.empty(3, 4, device="meta").t(),
}


def inference_tensor() -> torch.Tensor:
    with torch.inference_mode():
        return torch.randn(3) * 2


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_tensor_comes_back(kind: str, tmp_path: Path) -> None:
    tensor = KINDS[kind]()
    back = trip(tensor, tmp_path)
    assert type(back) is type(tensor.detach())
    assert not back.requires_grad
    assert_same_value(tensor.detach(), back)
    if tensor.layout == torch.sparse_coo:
        assert back.is_coalesced() == tensor.is_coalesced()
        assert torch.equal(back._indices(), tensor._indices())
    if tensor.is_quantized:
        assert back.qscheme() == tensor.qscheme()


def test_a_tensor_of_another_layout_comes_back_with_the_same_values_as_a_dense_one(tmp_path: Path) -> None:
    tensor = torch.randn(2, 3)
    assert torch.equal(trip(tensor.to_mkldnn(), tmp_path), tensor)


def test_a_subclass_comes_back_as_a_plain_tensor(tmp_path: Path) -> None:
    class Named(torch.Tensor):
        pass

    tensor = torch.randn(2, 3)
    back = trip(tensor.as_subclass(Named), tmp_path)
    assert type(back) is torch.Tensor
    assert torch.equal(back, tensor)


def test_a_subclass_without_memory_is_said_to_be_lost(tmp_path: Path) -> None:
    class Wrapper(torch.Tensor):
        @staticmethod
        def __new__(cls) -> Wrapper:
            return torch.Tensor._make_wrapper_subclass(cls, (2, 3))  # type: ignore[attr-defined,no-any-return]

        @classmethod
        def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            return Wrapper() if "detach" in str(func) else NotImplemented

    with pytest.raises(ValueLost, match=r"^a Wrapper .*cannot be saved"):
        trip(Wrapper(), tmp_path)


def test_a_tensor_whose_memory_was_freed_is_said_to_be_lost(tmp_path: Path) -> None:
    tensor = torch.randn(100)
    tensor.untyped_storage().resize_(0)
    with pytest.raises(ValueLost, match=r"^a Tensor without plain memory of its own cannot be saved$"):
        trip(tensor, tmp_path)


def test_nan_keeps_its_payload_in_tensors_and_in_python_values(tmp_path: Path) -> None:
    odd = struct.unpack(">d", bytes.fromhex("fff8dead0000beef"))[0]
    assert as_bytes(trip(torch.tensor([odd], dtype=torch.float64), tmp_path)).tolist()[::-1] == list(
        bytes.fromhex("fff8dead0000beef")
    )
    assert struct.pack(">d", trip(odd, tmp_path)).hex() == "fff8dead0000beef"


@pytest.mark.parametrize(
    "value",
    [
        True, 3, -(2**63) - 5, 2**64 - 1, 10**5000, 0.1, -0.0, math.inf, -math.inf, math.nan, 1e-320, 1 + 2j,
        complex(math.nan, -math.inf), "text \ud800 \0 ü", [1.5, [math.nan, 2]], [], (1, (2.0, "x")), None,
    ],
    ids=lambda value: str(type(value).__name__),
)  # fmt: skip
def test_every_python_value_comes_back(value: Any, tmp_path: Path) -> None:
    back = trip(value, tmp_path)
    if value == 10**5000:  # which repr refuses
        assert back == value
    else:
        assert_same_value(value, back)


def test_a_list_of_millions_is_lost_with_a_reason(tmp_path: Path) -> None:
    with pytest.raises(ValueLost) as caught:
        trip([0.5] * 1_000_001, tmp_path)
    assert str(caught.value) == (
        "the value of 'value' is a list of 1000002 numbers, too long for a file; keep its tensor"
    )


def test_memory_that_tensors_share_is_written_once_and_shared_again(tmp_path: Path) -> None:
    base = torch.randn(1000, 100)
    recording = of_values(base=base, view=base.t(), row=base[3], words=base.view(torch.int32))
    back = loaded(recording, tmp_path)
    assert (tmp_path / "made.gt").stat().st_size < 400_000 + 3000
    whole, row, words = back.value("base"), back.value("row"), back.value("words")
    assert row.data_ptr() == whole.data_ptr() + 3 * 400
    assert words.data_ptr() == whole.data_ptr()
    assert torch.equal(whole, base) and torch.equal(row, base[3]) and torch.equal(words, base.view(torch.int32))


def test_an_expanded_tensor_takes_the_bytes_of_what_it_repeats(tmp_path: Path) -> None:
    one = torch.tensor([7.0])
    back = loaded(of_values(many=one.expand(10**9), few=one.expand(3)), tmp_path)
    assert (tmp_path / "made.gt").stat().st_size < 2000
    many = back.value("many")
    assert (many.shape, many.stride(), float(many[-1])) == ((10**9,), (0,), 7.0)


@pytest.mark.parametrize(
    "views",
    [
        {"row": lambda table: table[500]},
        {"first": lambda table: table[:2, ::2], "second": lambda table: table[1:3, 50:]},
        {"column": lambda table: table[:, 7]},
        {"start": lambda table: table[0, :4], "end": lambda table: table[-1, -4:]},
    ],
    ids=["row", "neighbors", "column", "both ends"],
)
def test_only_what_is_used_of_a_large_memory_is_written(views: dict[str, Any], tmp_path: Path) -> None:
    table = torch.randn(1000, 100)
    values = {name: view(table) for name, view in views.items()}
    back = loaded(of_values(**values), tmp_path)
    assert (tmp_path / "made.gt").stat().st_size < 8000
    for name, value in values.items():
        assert torch.equal(back.value(name), value)


def test_a_value_is_computed_once_and_shared_wherever_it_is_kept(tmp_path: Path) -> None:
    calls = []

    def recipe() -> torch.Tensor:
        calls.append(1)
        return torch.ones(3)

    kept = Kept(None, recipe=recipe)
    back = loaded(of_values(one=kept, two=kept), tmp_path)
    assert len(calls) == 1
    assert back.content.values["one"][()] is back.content.values["two"][()]
    assert torch.equal(back.value("two"), torch.ones(3))


def test_saving_does_not_copy_memory_that_torch_shares_until_it_is_written(tmp_path: Path) -> None:
    tensor = torch.randn(100)
    clone = compat.lazy_clone(tensor)
    assert torch._C._is_cow_tensor(clone)  # type: ignore[attr-defined]
    assert torch.equal(trip(clone, tmp_path), tensor)
    assert torch._C._is_cow_tensor(clone)  # type: ignore[attr-defined]
