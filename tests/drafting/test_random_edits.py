"""Whatever a user does, a draft builds and runs or lists its problems, undoes exactly, and is read back as written."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.drafting.random_edits import walk


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(0, 2**31), st.integers(1, 20))
def test_every_state_of_random_edits_is_sound(seed: int, n_edits: int) -> None:
    n_ran, n_listed = walk(seed, n_edits)
    assert n_ran + n_listed == n_edits


def test_the_random_edits_reach_both_kinds_of_states() -> None:
    found = [walk(seed, 10) for seed in range(20)]
    assert sum(ran for ran, _ in found) > 20 and sum(listed for _, listed in found) > 20
