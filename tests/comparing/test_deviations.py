"""Errors are what numpy's float64 says they are, whatever the dtype, layout or size."""

from __future__ import annotations

import math
import resource
import time
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphtools.comparing.deviations import Deviation, deviation

NUMBERS = st.sampled_from([0.0, -0.0, 1.0, -2.5, 1e-3, 3e38, math.inf, -math.inf, math.nan])


def expected(a: np.ndarray, b: np.ndarray) -> dict[str, Any]:
    """The same numbers by numpy, all at once."""
    finite_a, finite_b = np.isfinite(a), np.isfinite(b)
    both = finite_a & finite_b
    x, y = np.where(both, a, 0).astype(np.float64), np.where(both, b, 0).astype(np.float64)
    norm = max(np.linalg.norm(x), np.linalg.norm(y))
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    return {
        "max_error": float(np.abs(x - y).max(initial=0)),
        "relative": float(np.linalg.norm(x - y) / norm) if norm else 0.0,
        "n_different": int((~same).sum()),
        "n_nonfinite_a": int((finite_b & ~finite_a).sum()),
        "n_nonfinite_b": int((finite_a & ~finite_b).sum()),
        "is_equal": bool((same & ((np.signbit(a) == np.signbit(b)) | np.isnan(a))).all()),
    }


def check(found: Deviation, wanted: dict[str, Any]) -> None:
    for name, value in wanted.items():
        assert getattr(found, name) == pytest.approx(value, rel=1e-12), name
    assert found.is_different == (found.n_different > 0)


@settings(deadline=None)
@given(st.lists(st.tuples(NUMBERS, NUMBERS), max_size=8))
def test_the_numbers_are_those_of_numpy(pairs: list[tuple[float, float]]) -> None:
    a, b = (torch.tensor([pair[i] for pair in pairs], dtype=torch.float64) for i in (0, 1))
    check(deviation(a, b), expected(a.numpy(), b.numpy()))
    check(deviation(a, a.clone()), expected(a.numpy(), a.numpy()))


@pytest.mark.parametrize("shape", [(3, 300_001), (700, 3, 501), (1,), ()])
def test_pieces_add_up(shape: tuple[int, ...]) -> None:
    a = torch.randn(shape)
    b = a + torch.randn(shape) * 1e-4 * (torch.rand(shape) < 0.3)
    wanted = expected(a.numpy(), b.numpy())
    check(deviation(a, b), wanted)
    if a.dim() > 1:
        flipped = [tensor.transpose(0, 1).contiguous().transpose(0, 1) for tensor in (a, b)]
        check(deviation(flipped[0], b), wanted)
        check(deviation(a, flipped[1]), wanted)
        assert deviation(flipped[0], a).is_equal


def test_an_error_is_seen_in_another_dtype() -> None:
    a = torch.randn(100)
    b = a.bfloat16()
    found = deviation(a, b)
    check(found, {**expected(a.numpy(), b.float().numpy()), "is_equal": False})
    assert (str(found.spec_a), str(found.spec_b)) == ("f32[100]", "bf16[100]")
    exact = deviation(a, a.double())
    assert not exact.is_different and not exact.is_equal and exact.max_error == 0


def test_an_element_within_the_tolerance_does_not_differ() -> None:
    a, b = torch.tensor([1.0, 100.0, 0.0]), torch.tensor([1.001, 100.1, 1e-9])
    assert deviation(a, b).n_different == 3
    assert deviation(a, b, rtol=1.1e-3).n_different == 1
    assert deviation(a, b, rtol=1.1e-3, atol=1e-8).is_different is False
    assert deviation(b, a, rtol=1.1e-3).n_different == 1


def test_integers_and_bools_are_exact() -> None:
    large = torch.tensor([2**62, 5])
    found = deviation(large, large + torch.tensor([1, 0]))
    assert (found.max_error, found.n_different) == (1.0, 1)
    assert (
        deviation(torch.tensor([2**63 + 1], dtype=torch.uint64), torch.tensor([2**63], dtype=torch.uint64)).n_different
        == 1
    )
    assert deviation(torch.tensor([True, False]), torch.tensor([True, True])).share == 0.5
    assert deviation(torch.tensor([2**63 - 1]), torch.tensor([-(2**63)])).max_error == pytest.approx(2**64)


def test_other_shapes_are_different_and_not_computed() -> None:
    found = deviation(torch.zeros(2, 3), torch.zeros(3, 2))
    assert found.is_different and found.max_error is None
    assert found.note == "shapes differ: [2, 3] and [3, 2]"


def test_complex_sparse_quantized_and_nested_tensors_are_compared() -> None:
    z = torch.randn(5, dtype=torch.complex64)
    assert deviation(z, z.clone()).is_equal
    assert deviation(z, z + 3j).max_error == pytest.approx(3, abs=1e-5)
    assert deviation(z.conj(), z.conj().resolve_conj()).is_equal
    assert deviation(z.real, z).is_different
    eye = torch.eye(3)
    assert deviation(eye.to_sparse(), eye.to_sparse()).is_equal
    assert deviation(eye.to_sparse(), 2 * eye).n_different == 3
    jagged = torch.nested.nested_tensor([torch.ones(2), torch.ones(3)], layout=torch.jagged)
    assert deviation(jagged, jagged * 1).is_equal
    assert deviation(jagged, jagged * 2).n_different == 5
    assert deviation(torch.ones(3, dtype=torch.float8_e4m3fn), torch.ones(3)).max_error == 0


def test_what_has_no_values_is_said() -> None:
    found = deviation(torch.zeros(2, device="meta"), torch.zeros(2))
    assert found.note == "no values: a is fake and has only a type"
    assert not found.is_different and not found.is_equal


def test_norms_do_not_leave_the_range_of_floats() -> None:
    for size in (1e200, 1e-200):
        a = torch.full((4,), size, dtype=torch.float64)
        assert deviation(a, a * 1.5).relative == pytest.approx(1 / 3)
    assert deviation(torch.zeros(3), torch.ones(3)).relative == 1.0


@pytest.mark.parametrize(
    ("a", "b", "wanted"),
    [
        (3, 3, Deviation(None, None, True, False, 0.0, 0.0, 1)),
        (math.nan, math.nan, Deviation(None, None, True, False, 0.0, 0.0, 1)),
        (2.0, 3.0, Deviation(None, None, False, True, 1.0, 1 / 3, 1, 1, note="2.0 and 3.0")),
        (2.0, math.inf, Deviation(None, None, False, True, None, None, 1, 1, 0, 1, "2.0 and inf")),
        (True, False, Deviation(None, None, False, True, 1.0, 1.0, 1, 1, note="True and False")),
        ("a", "b", Deviation(is_different=True, note="'a' and 'b'")),
        ([1, 2], [1, 2], Deviation(None, None, True, False, 0.0, 0.0, 2)),
        ([1, "x"], [1, "y"], Deviation(is_different=True)),
        (torch.zeros(1), 0.0, Deviation(is_different=True, note="a Tensor and a float")),
    ],
)
def test_python_values_are_compared(a: Any, b: Any, wanted: Deviation) -> None:
    assert deviation(a, b) == wanted


def test_a_large_tensor_is_never_copied_whole() -> None:
    a = torch.randn(10_000_000)
    b = a.bfloat16()
    deviation(a[:1000], b[:1000])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    assert deviation(a, b).n_different > 9_000_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 40_000  # KB; one copy in float64 is 80 MB
    assert time.perf_counter() - started < 5
