"""A measurement takes no more than its share of the time, and a short training misses none."""

from itertools import pairwise

import pytest

from graphtools.learning.measuring import Share


def measured(share: Share, seconds: float, step_s: float, n_steps: int) -> list[int]:
    """The steps of a made-up training that are measured, if a measurement takes so long."""
    now, found = 0.0, []
    for step in range(n_steps):
        now += step_s
        if now >= share.next:
            found.append(step)
            now += seconds
            share.took(seconds, now)
    return found


def test_at_first_each_step_is_measured_and_then_so_many_as_take_the_share() -> None:
    took = 2.0**-10
    found = measured(Share(0.01, first_s=20 * took), took, step_s=0.01, n_steps=10_000)
    assert found[:20] == list(range(20))
    assert found[20] - found[19] == 10
    assert len(found[20:]) * took == pytest.approx(0.01 * 10_000 * 0.01, rel=0.05)


def test_two_are_a_while_apart_also_at_first() -> None:
    found = measured(Share(0.5, first_s=1.0, gap_s=0.1), seconds=0.001, step_s=0.01, n_steps=200)
    assert all(9 <= b - a <= 11 for a, b in pairwise(found))
