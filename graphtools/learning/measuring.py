"""How often something is measured during a training: as often as takes a share of the time."""

from __future__ import annotations

import math


class Share:
    """When to measure next. At first as often as `gap_s` allows, until `first_s` seconds were spent on it, so that of a
    short training nothing is missed; from then on so that it takes `share` of the time. Times are monotonic seconds.
    """

    __slots__ = ("first_s", "gap_s", "next", "share")

    def __init__(self, share: float, first_s: float, gap_s: float = 0.0) -> None:
        self.share, self.first_s, self.gap_s = share, first_s, gap_s
        self.next = -math.inf

    def took(self, seconds: float, now: float) -> None:
        """A measurement that has just ended took so long: sets `next`."""
        self.first_s -= seconds
        self.next = now + max(self.gap_s, 0.0 if self.first_s > 0 else seconds / self.share)
