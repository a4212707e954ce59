"""One thing in a and what stands for it in b: what changed, how far the values are apart, and where that comes from."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from graphtools.comparing.changes import SOFT, Change
from graphtools.comparing.sides import Side

if TYPE_CHECKING:
    from graphtools.comparing.deviations import Deviation


class Comparer(Protocol):
    """What a pair asks when somebody looks at it; a Comparison."""

    def changes_of(self, pair: Pair) -> tuple[Change, ...]:
        """What changed in the graph and in the optimizer's settings."""

    def deviations_of(self, pair: Pair) -> Mapping[str, Deviation]:
        """How far the values are apart."""

    def causes_of(self, pair: Pair) -> tuple[Pair, ...]:
        """The differing pairs that this one takes values from."""

    def reasons_of(self, pair: Pair) -> list[str]:
        """Why the operation of a pair gives something else, other than what it takes and what changed."""

    def is_unused(self, pair: Pair) -> bool:
        """True for a parameter or buffer that the other model has too and did not use as a node."""


class Pair:
    """One thing in a and what stands for it in b; `a` or `b` is None for what is only in the other.

    Everything but the sides is computed when it is first looked at.
    """

    def __init__(self, comparer: Comparer, a: Side | None, b: Side | None) -> None:
        self._comparer = comparer
        self.a = a
        self.b = b

    @property
    def is_matched(self) -> bool:
        """True if it is in both."""
        return self.a is not None and self.b is not None

    @property
    def side(self) -> Side:
        """The side in a; in b for what is only there."""
        side = self.a if self.a is not None else self.b
        assert side is not None
        return side

    @cached_property
    def changes(self) -> tuple[Change, ...]:
        """What changed in the graph: operation, arguments, inputs, shape, dtype, ...; of an update, its settings."""
        return self._comparer.changes_of(self) if self.is_matched else ()

    @cached_property
    def deviations(self) -> Mapping[str, Deviation]:
        """How far the values are apart, by what they are.

        "" is a result, "0", "1.key" one of several; "incoming 0" and "outgoing 0" are gradients of a derivative,
        "accumulated" a `.grad`; "before", "after", "grad" and the optimizer's "exp_avg", ... belong to an update. Empty
        for graphs and for what is only in one of the two.
        """
        return self._comparer.deviations_of(self) if self.is_matched else {}

    @cached_property
    def is_different(self) -> bool:
        """True if it is only in one of the two, does something else, or gives values outside the tolerance.

        With values to compare, another dtype, device or autocast mode is no difference in itself; between graphs
        another dtype is one. A parameter that the other model has too, but did not use (in a branch not taken), is no
        difference.
        """
        if not self.is_matched:
            return not self._comparer.is_unused(self)
        if any(change.kind not in SOFT for change in self.changes):
            return True
        if self.deviations:
            return any(deviation.is_different for deviation in self.deviations.values())
        return any(change.kind == "dtype" for change in self.changes)

    @cached_property
    def is_equal(self) -> bool:
        """True if nothing is known to differ: no change but of device or mode, and all values the same bit for bit."""
        if not self.is_matched or any(change.kind not in ("device", "mode") for change in self.changes):
            return False
        return all(deviation.is_equal for deviation in self.deviations.values())

    @property
    def has_error(self) -> bool:
        """True if some value is another, also within the tolerance."""
        return any(deviation.is_different or bool(deviation.max_error) for deviation in self.deviations.values())

    @property
    def not_compared(self) -> tuple[str, ...]:
        """Why values could not be compared: they were not kept, are fake, ..."""
        return tuple(d.note for d in self.deviations.values() if d.note and not d.is_different and not d.is_equal)

    @cached_property
    def worst(self) -> tuple[str, Deviation] | None:
        """The values that are furthest apart, as in `deviations`; None if there are none."""
        return max(self.deviations.items(), key=lambda entry: entry[1].size, default=None)

    @property
    def max_error(self) -> float | None:
        """max|a − b| of the values that are furthest apart; None if nothing was computed."""
        return self.worst[1].max_error if self.worst is not None else None

    @property
    def relative(self) -> float | None:
        """‖a − b‖ / max(‖a‖, ‖b‖) of the values that are furthest apart; None if nothing was computed."""
        return self.worst[1].relative if self.worst is not None else None

    @cached_property
    def causes(self) -> tuple[Pair, ...]:
        """The pairs that this one takes values from and that differ, if only within the tolerance."""
        return self._comparer.causes_of(self) if self.is_different else ()

    @property
    def is_origin(self) -> bool:
        """True if a difference begins here: it differs, and nothing that it takes values from does."""
        return self.is_different and not self.causes

    @property
    def why(self) -> str:
        """In a few words why it differs: the changes, other random numbers, ...; "" if it only inherits."""
        if not self.is_different:
            return ""
        if not self.is_matched:
            return "only in a" if self.a is not None else "only in b"
        said = [str(change) for change in self.changes if change.kind not in SOFT]
        said += self._comparer.reasons_of(self)
        if said or self.causes or self.side.phase == "state":
            return ", ".join(said)
        if any(label.startswith("incoming") and d.is_different for label, d in self.deviations.items()):
            return "the gradient changed on its way here"
        return ", ".join(map(str, self.changes)) or "same inputs, another result"

    def __repr__(self) -> str:
        return f"<Pair {self}>"

    def __str__(self) -> str:
        from graphtools.comparing.report import pair_line

        return pair_line(self)
