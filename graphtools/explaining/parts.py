"""The parts of an explanation, as data and as text."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from graphtools.derivatives import Factor
from graphtools.graph import Node, Path, Source
from graphtools.statistics import number

Trouble = Literal["missing", "zero", "not finite"]
Side = Literal["value", "gradient"]
_WIDTH = 100
_INDENT = 10


@dataclass(frozen=True, slots=True)
class RuleText:
    """A derivative rule in symbols, one formula for each input, and in plain words."""

    symbol: str
    words: str


@dataclass(frozen=True, slots=True)
class Arrival:
    """A gradient that went from `node` to another value: its norm, and its share of the sum of all norms.

    `symbol` is the formula that `node`'s rule has for it. `norm` is None where the gradient was not kept. Of what an
    operation sent on, `node` is the argument that got it.
    """

    node: str
    source: Source | None
    norm: float | None
    share: float | None
    symbol: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One place on the way back to where a zero, missing or non-finite number began."""

    node: str
    source: Source | None
    words: str


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a zero, missing or non-finite value or gradient began: the last of `steps`, and the reason there.

    Of a long way `steps` has the first and the last eight, and `n_between` counts those left out between them.
    `n_others` counts further places that made the same trouble on other ways.
    """

    side: Side
    trouble: Trouble
    steps: tuple[Step, ...]
    reason: str
    n_others: int = 0
    n_between: int = 0

    @property
    def node(self) -> str:
        """The name of the node where it began."""
        return self.steps[-1].node


@dataclass(frozen=True, slots=True)
class Check:
    """The recorded gradient against finite differences at `n_elements` elements.

    `disagreement` is the largest relative difference; None, with the reason in `words`, where nothing was compared.
    `tolerance` is what rounding in the recorded dtype may bring about.
    """

    words: str
    n_elements: int = 0
    disagreement: float | None = None
    tolerance: float = 0.0

    @property
    def agrees(self) -> bool | None:
        """True if the disagreement is within rounding; None if nothing was compared."""
        return None if self.disagreement is None else self.disagreement <= self.tolerance


@dataclass(frozen=True)
class Explanation:
    """Why a value and its gradient are what they are. Holds text and numbers, no tensors.

    `rule` is None for what is no operation, or has no rule; `factors` are its actual numbers. `arrivals` are the parts
    of the gradient that the users sent, `arrivals_words` what their sum is; `sent` is what the operation sent on.
    `value_origin` and `grad_origin` lead back to where a bad number began, None where nothing is wrong.
    """

    node: Node
    path: Path | None
    value_words: str
    grad_words: str
    rule: RuleText | None = None
    factors: tuple[Factor, ...] = ()
    arrivals: tuple[Arrival, ...] = ()
    arrivals_words: str = ""
    sent: tuple[Arrival, ...] = ()
    value_origin: Origin | None = None
    grad_origin: Origin | None = None
    check: Check | None = None
    notes: tuple[str, ...] = ()

    @property
    def origin(self) -> Origin | None:
        """Where what is wrong began: of the value if that is not finite, else of the gradient."""
        return self.value_origin or self.grad_origin

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        node = self.node
        name = node.name if not self.path else ".".join([node.name, *map(str, self.path)])
        place = ", ".join(part for part in (node.scope, str(node.source or "")) if part)
        kind = node.target if node.kind == "call" else f"{node.kind} {node.target}".strip()
        yield from _wrapped(f"{name} = {kind}" + (f"  # {place}" if place else ""), 0)
        yield from _titled("value", self.value_words.splitlines())
        yield from _titled("gradient", self.grad_words.splitlines())
        if self.rule is not None:
            yield from _titled("rule", [*self.rule.symbol.splitlines(), self.rule.words])
        yield from _titled("factors", [factor.words for factor in self.factors])
        yield from _titled("arrived", [*map(_arrival_text, self.arrivals), *filter(None, [self.arrivals_words])])
        yield from _titled("sent on", [f"norm {_norm(sent)} to {sent.node}" for sent in self.sent])
        for origin in (self.value_origin, self.grad_origin):
            if origin is not None:
                yield from _origin_lines(origin)
        if self.check is not None:
            yield from _titled("check", [self.check.words])
        yield from _titled("note", self.notes)


def _arrival_text(arrival: Arrival) -> str:
    share = f" ({arrival.share:.0%})" if arrival.share is not None else ""
    symbol = f":  {arrival.symbol}" if arrival.symbol else ""
    place = f"  # {arrival.source}" if arrival.source else ""
    return f"norm {_norm(arrival)}{share} from {arrival.node}{symbol}{place}"


def _norm(arrival: Arrival) -> str:
    return "not kept" if arrival.norm is None else number(arrival.norm)


def _origin_lines(origin: Origin) -> Iterator[str]:
    title = "why" if origin.side == "gradient" else "why value"
    yield from _titled(title, [origin.reason])
    if len(origin.steps) > 1:
        n_steps = len(origin.steps) + origin.n_between
        shown = origin.steps if n_steps <= 12 else (*origin.steps[:4], None, *origin.steps[-6:])
        for step in shown:
            if step is None:
                yield from _wrapped(f"… {n_steps - 10} more …", _INDENT)
                continue
            place = f"  # {step.source}" if step.source else ""
            yield from _wrapped(f"→ {step.node}: {step.words}{place}", _INDENT)
    if origin.n_others:
        places = "place does" if origin.n_others == 1 else "places do"
        yield from _wrapped(f"{origin.n_others} more {places} the same on other ways.", _INDENT)


def _titled(title: str, texts: tuple[str, ...] | list[str]) -> Iterator[str]:
    for index, text in enumerate(texts):
        for line in _wrapped(text, _INDENT):
            yield title.ljust(_INDENT) + line[_INDENT:] if index == 0 and title else line
            title = ""


def _wrapped(text: str, indent: int) -> list[str]:
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + (0 if indent else 4)),
        break_on_hyphens=False,
        drop_whitespace=True,
    )
