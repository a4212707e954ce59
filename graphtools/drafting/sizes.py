"""Sizes that stay open, as the batch `B`: found from runs with different numbers in their place.

A shape is computed once with a prime for each symbol, and once more for each symbol with another prime. A size that
follows a symbol in proportion is a product (`4*B`), one that follows it by a constant is a sum (`B + 1`), and one that
does neither is `?`. This costs one run more for each symbol and needs no arithmetic of symbols inside torch.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest

_BASE = (61, 67, 71, 73, 79, 83, 89, 97)
_OTHER = (101, 103, 107, 109, 113, 127, 131, 137)

Size = int | str


def symbols_in(shapes: Iterable[Sequence[Size]]) -> tuple[str, ...]:
    """The names of the open sizes, in the order they are met, at most eight."""
    found: dict[str, None] = {}
    for shape in shapes:
        for size in shape:
            if isinstance(size, str):
                found.update(dict.fromkeys(re.findall(r"[A-Za-z_]\w*", size)))
    return tuple(found)[: len(_BASE)]


def runs_for(symbols: Sequence[str]) -> list[dict[str, int]]:
    """The numbers to compute with: one run, and one more for each symbol in which only that symbol differs."""
    base = {symbol: _BASE[index] for index, symbol in enumerate(symbols)}
    return [base] + [{**base, symbol: _OTHER[index]} for index, symbol in enumerate(symbols)]


def number(size: Size, values: Mapping[str, int]) -> int:
    """The number that a size is where the symbols have these values; `B`, `4*B` and `B + 1` are understood, else 1."""
    if isinstance(size, int):
        return size
    total = 0
    for term in size.replace("-", "+-").split("+"):
        product = 1
        for factor in term.split("*"):
            word = factor.strip()
            sign = -1 if word.startswith("-") else 1
            word = word.lstrip("-").strip()
            product *= sign * (int(word) if word.isdigit() else values.get(word, 1))
        total += product
    return total


def with_symbols(text: str, values: Mapping[str, int]) -> str:
    """A text in which the numbers that stand for open sizes, as `61` or the 61 of `61x8`, are their names, and their
    multiples products."""

    def named(found: re.Match[str]) -> str:
        rest, factors = int(found[0]), []
        for symbol, value in values.items():
            if rest and rest % value == 0:
                rest //= value
                factors.append(symbol)
        return "*".join([str(rest)] * (rest != 1 or not factors) + factors)

    return re.sub(r"\d+", named, text)


def told(messages: Sequence[str | None], symbols: Sequence[str], runs: Sequence[Mapping[str, int]]) -> str:
    """The message that torch gave, in terms of the open sizes; `messages` has what it gave in each run.

    A number that follows none of them is `?`. Where the messages differ in more than numbers, the first is told with
    `with_symbols`. "" if there is none.
    """
    given = [(message, run) for message, run in zip(messages, runs, strict=True) if message is not None]
    if not given:
        return ""
    words = [re.split(r"(\d+)", message) for message, _ in given]
    texts = [several[::2] for several in words]
    if len(given) < len(runs) or any(text != texts[0] for text in texts):
        return with_symbols(*given[0])
    numbers = zip(*(map(int, several[1::2]) for several in words), strict=True)
    sizes = [str(unify(several, symbols, runs)) for several in numbers]
    sizes = [re.sub(r".* [-+] \d{3,}$", "?", size) for size in sizes]  # no sum of sizes: it follows a square, say
    return "".join(part for pair in zip_longest(texts[0], sizes, fillvalue="") for part in pair)


def unify(sizes: Sequence[int], symbols: Sequence[str], runs: Sequence[Mapping[str, int]]) -> Size:
    """What one size is, from its numbers in the runs of `runs_for`."""
    base = sizes[0]
    moved = [index for index in range(1, len(sizes)) if sizes[index] != base]
    if not moved:
        return base
    factors, rest = [], base
    for index in moved:
        symbol = symbols[index - 1]
        here, there = runs[0][symbol], runs[index][symbol]
        if base * there == sizes[index] * here and rest % here == 0:
            factors.append(symbol)
            rest //= here
    if len(factors) == len(moved):
        return "*".join(([str(rest)] if rest != 1 else []) + factors)
    terms, constant = [], base
    for index in moved:
        symbol = symbols[index - 1]
        slope, remainder = divmod(sizes[index] - base, runs[index][symbol] - runs[0][symbol])
        if remainder:
            return "?"
        terms.append(symbol if slope == 1 else f"{slope}*{symbol}")
        constant -= slope * runs[0][symbol]
    text = " + ".join(terms)
    return text if constant == 0 else f"{text} {'+' if constant > 0 else '-'} {abs(constant)}"
