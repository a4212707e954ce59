"""Aligns two sequences: which elements of one stand for which of the other, without crossing. Without torch.

Short stretches are aligned by the largest sum of scores (Needleman and Wunsch, 1970). Long ones are first cut at a
longest common subsequence (Myers, "An O(ND) difference algorithm", 1986); where the two differ too much for that, at a
longest increasing subsequence of the k-th occurrences, which takes O(n log n) whatever they are.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Sequence

Matches = list[tuple[int, int]]
Keys = tuple[Sequence[int], Sequence[int]]  # one for each element of a, one for each of b

_MOST_CELLS = 200_000  # scores computed for one stretch, 0.2 s
_MOST_CUTS = 3  # how often a stretch is cut before the rest is left alone
_MOST_EDITS = 600  # insertions and deletions that Myers' algorithm looks for, 0.3 s


def align(exact: Keys, cuts: Sequence[Keys], score: Callable[[int, int], float]) -> Matches:
    """The pairs of indexes that belong together, increasing on both sides.

    `score(i, j)` says how well a's element i and b's element j go together, 0 if not at all. Two with equal `exact`
    keys have the largest score that either can have. `cuts` are keys, the strictest first, by which a stretch too long
    for scores is cut into shorter ones. Among equally good alignments it takes the one that matches earliest.
    """
    matches: Matches = []
    stretches = [(_MOST_CUTS, 0, len(exact[0]), 0, len(exact[1]))]
    while stretches:
        n_cuts, start_a, stop_a, start_b, stop_b = stretches.pop()
        while start_a < stop_a and start_b < stop_b and exact[0][start_a] == exact[1][start_b]:
            matches.append((start_a, start_b))
            start_a, start_b = start_a + 1, start_b + 1
        while start_a < stop_a and start_b < stop_b and exact[0][stop_a - 1] == exact[1][stop_b - 1]:
            stop_a, stop_b = stop_a - 1, stop_b - 1
            matches.append((stop_a, stop_b))
        n_a, n_b = stop_a - start_a, stop_b - start_b
        if not n_a or not n_b:
            continue
        if n_a * n_b <= _MOST_CELLS:
            found = best_by_score(n_a, n_b, lambda i, j, a=start_a, b=start_b: score(a + i, b + j))  # type: ignore[misc]
            matches += [(start_a + i, start_b + j) for i, j in found]
        elif n_cuts:
            at_a, at_b = start_a, start_b
            for i, j in [*_cut(cuts, score, start_a, stop_a, start_b, stop_b), (stop_a, stop_b)]:
                if i < stop_a:
                    matches.append((i, j))
                stretches.append((n_cuts - 1, at_a, i, at_b, j))
                at_a, at_b = i + 1, j + 1
    return sorted(matches)


def _cut(
    cuts: Sequence[Keys], score: Callable[[int, int], float], start_a: int, stop_a: int, start_b: int, stop_b: int
) -> Matches:
    """The common subsequence with the largest sum of scores, by one of the keys."""
    best: Matches = []
    most = 0.0
    for keys_a, keys_b in cuts:
        found = common_subsequence(keys_a[start_a:stop_a], keys_b[start_b:stop_b])
        found = [(start_a + i, start_b + j) for i, j in found if score(start_a + i, start_b + j) > 0]
        total = sum(score(i, j) for i, j in found)
        if total > most:
            best, most = found, total
        if len(found) == min(stop_a - start_a, stop_b - start_b):
            break
    return best


def best_by_score(n_a: int, n_b: int, score: Callable[[int, int], float]) -> Matches:
    """The alignment with the largest sum of scores; of several the one that matches earliest. O(n_a · n_b)."""
    scores = [[score(i, j) for j in range(n_b)] for i in range(n_a)]
    best = [[0.0] * (n_b + 1) for _ in range(n_a + 1)]  # best[i][j]: of what is left from i and j on
    for i in range(n_a - 1, -1, -1):
        row, below, own = best[i], best[i + 1], scores[i]
        for j in range(n_b - 1, -1, -1):
            most = below[j] if below[j] > row[j + 1] else row[j + 1]
            if own[j] > 0 and below[j + 1] + own[j] > most:
                most = below[j + 1] + own[j]
            row[j] = most
    matches = []
    i = j = 0
    while i < n_a and j < n_b:
        if scores[i][j] > 0 and best[i][j] == best[i + 1][j + 1] + scores[i][j]:
            matches.append((i, j))
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            i += 1
        else:
            j += 1
    return matches


def common_subsequence(a: Sequence[int], b: Sequence[int]) -> Matches:
    """A longest common subsequence; a long one, not always the longest, where more than 600 elements differ."""
    start = 0
    while start < min(len(a), len(b)) and a[start] == b[start]:
        start += 1
    stop = 0
    while stop < min(len(a), len(b)) - start and a[-1 - stop] == b[-1 - stop]:
        stop += 1
    inner_a, inner_b = a[start : len(a) - stop], b[start : len(b) - stop]
    inner = _fewest_edits(inner_a, inner_b)
    if inner is None:
        inner = _by_occurrence(inner_a, inner_b)
    return [
        *((i, i) for i in range(start)),
        *((start + i, start + j) for i, j in inner),
        *((len(a) - i, len(b) - i) for i in range(stop, 0, -1)),
    ]


def _fewest_edits(a: Sequence[int], b: Sequence[int]) -> Matches | None:
    """Myers' greedy algorithm: the diagonals i - j reached with 0, 1, 2, ... edits. None if that takes too many."""
    n_a, n_b = len(a), len(b)
    reached = {1: 0}  # by diagonal the furthest i
    trace: list[dict[int, int]] = []
    for n_edits in range(min(n_a + n_b, _MOST_EDITS) + 1):
        trace.append(dict(reached))
        for diagonal in range(-n_edits, n_edits + 1, 2):
            before, after = reached.get(diagonal - 1, -1), reached.get(diagonal + 1, -1)
            i = after if diagonal == -n_edits or (diagonal != n_edits and before < after) else before + 1
            j = i - diagonal
            while i < n_a and j < n_b and a[i] == b[j]:
                i, j = i + 1, j + 1
            reached[diagonal] = i
            if i >= n_a and j >= n_b:
                return _walked_back(trace, n_a, n_b)
    return None


def _walked_back(trace: list[dict[int, int]], i: int, j: int) -> Matches:
    matches: Matches = []
    for n_edits in range(len(trace) - 1, -1, -1):
        reached = trace[n_edits]
        diagonal = i - j
        before, after = reached.get(diagonal - 1, -1), reached.get(diagonal + 1, -1)
        came_from = diagonal + 1 if diagonal == -n_edits or (diagonal != n_edits and before < after) else diagonal - 1
        last_i = reached[came_from] if n_edits else 0
        last_j = last_i - came_from if n_edits else 0
        while i > last_i and j > last_j:
            i, j = i - 1, j - 1
            matches.append((i, j))
        i, j = last_i, last_j
    matches.reverse()
    return matches


def _by_occurrence(a: Sequence[int], b: Sequence[int]) -> Matches:
    """The k-th of a kind in a with the k-th in b, as many as go without crossing."""
    place_in_b = {key: j for j, key in enumerate(_numbered(b))}
    found = [(i, place_in_b[key]) for i, key in enumerate(_numbered(a)) if key in place_in_b]
    return [found[k] for k in longest_increasing([j for _, j in found])]


def _numbered(keys: Sequence[int]) -> list[tuple[int, int]]:
    counts: Counter[int] = Counter()
    numbered = []
    for key in keys:
        numbered.append((key, counts[key]))
        counts[key] += 1
    return numbered


def longest_increasing(numbers: Sequence[int]) -> list[int]:
    """Indexes of a longest strictly increasing subsequence (patience sorting, O(n log n))."""
    ends: list[int] = []  # the smallest number that a subsequence of each length ends in
    last: list[int] = []  # its index
    before: list[int] = []
    for index, number in enumerate(numbers):
        length = bisect_left(ends, number)
        before.append(last[length - 1] if length else -1)
        if length == len(ends):
            ends.append(number)
            last.append(index)
        else:
            ends[length], last[length] = number, index
    found = []
    index = last[-1] if last else -1
    while index >= 0:
        found.append(index)
        index = before[index]
    return found[::-1]
