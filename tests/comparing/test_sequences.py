"""Sequences are aligned without crossing, as long as can be, and fast."""

from __future__ import annotations

import time
from functools import lru_cache
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from graphtools.comparing import sequences
from graphtools.comparing.sequences import align, best_by_score, common_subsequence, longest_increasing

KEYS = st.lists(st.integers(0, 3), max_size=14)


def longest_common(a: list[int], b: list[int]) -> int:
    """Length of the longest common subsequence, by the textbook recursion."""

    @lru_cache(None)
    def rest(i: int, j: int) -> int:
        if i == len(a) or j == len(b):
            return 0
        return 1 + rest(i + 1, j + 1) if a[i] == b[j] else max(rest(i + 1, j), rest(i, j + 1))

    return rest(0, 0)


def is_increasing(matches: list[tuple[int, int]]) -> bool:
    return all(i < k and j < m for (i, j), (k, m) in pairwise(matches))


@settings(deadline=None)
@given(KEYS, KEYS)
def test_a_common_subsequence_is_common_in_order_and_as_long_as_any(a: list[int], b: list[int]) -> None:
    found = common_subsequence(a, b)
    assert is_increasing(found)
    assert all(a[i] == b[j] for i, j in found)
    assert len(found) == longest_common(a, b)


@settings(deadline=None)
@given(KEYS, KEYS)
def test_the_best_scores_are_a_longest_common_subsequence_where_equal_scores_one(a: list[int], b: list[int]) -> None:
    found = best_by_score(len(a), len(b), lambda i, j: float(a[i] == b[j]))
    assert is_increasing(found)
    assert len(found) == longest_common(a, b)


@settings(deadline=None)
@given(st.lists(st.integers(0, 30), max_size=20))
def test_an_increasing_subsequence_increases_and_is_as_long_as_any(numbers: list[int]) -> None:
    found = longest_increasing(numbers)
    assert all(i < j and numbers[i] < numbers[j] for i, j in pairwise(found))
    assert len(found) == longest_common(numbers, sorted(set(numbers)))


@settings(deadline=None)
@given(KEYS, KEYS)
def test_too_many_edits_still_give_a_common_subsequence(a: list[int], b: list[int]) -> None:
    found = sequences._by_occurrence(a, b)
    assert is_increasing(found)
    assert all(a[i] == b[j] for i, j in found)


@settings(deadline=None)
@given(KEYS, KEYS, st.booleans())
def test_an_alignment_increases_however_it_is_found(a: list[int], b: list[int], is_long: bool) -> None:
    cells = sequences._MOST_CELLS
    sequences._MOST_CELLS = 4 if is_long else cells
    try:
        found = align((a, b), [(a, b)], lambda i, j: 2.0 if a[i] == b[j] else 1.0 if a[i] + b[j] == 3 else 0.0)
    finally:
        sequences._MOST_CELLS = cells
    assert is_increasing(found)
    assert all(a[i] == b[j] or a[i] + b[j] == 3 for i, j in found)


def test_of_equal_alignments_the_earliest_is_taken() -> None:
    assert common_subsequence([7], [7, 7]) == [(0, 0)]
    assert best_by_score(1, 3, lambda i, j: 1.0) == [(0, 0)]


def test_5000_against_5010_with_ten_insertions_is_exact() -> None:
    a = [number % 7 for number in range(5000)]
    b = list(a)
    for place in range(4500, 0, -450):
        b.insert(place, 9)
    assert len(b) == 5010
    found = align((a, b), [(a, b)], lambda i, j: float(a[i] == b[j]))
    assert [i for i, _ in found] == list(range(5000))
    assert all(b[j] != 9 for _, j in found)


def test_100000_of_one_kind_take_little_time() -> None:
    a, b = [1] * 100_000, [1] * 50_000 + [2] + [1] * 50_000
    started = time.perf_counter()
    assert len(align((a, b), [(a, b)], lambda i, j: float(a[i] == b[j]))) == 100_000
    assert len(common_subsequence(a, [2] * 100_000)) == 0
    assert time.perf_counter() - started < 5
