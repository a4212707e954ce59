"""Lays code out as ruff and black do: at most 88 characters a line, long calls broken after their bracket."""

from __future__ import annotations

import re
from collections.abc import Iterator

WIDTH = 88
_OPEN, _CLOSE = "([{", ")]}"
_STRING = re.compile(r"""(["'])(?:\\.|(?!\1).)*\1""")


def statement(code: str, indent: int, reserved: int = 0) -> list[str]:
    """The lines of a simple statement indented by so many spaces; `reserved` columns stay free at its end."""
    pad = " " * indent
    if indent + len(code) + reserved <= WIDTH:
        return [pad + code]
    chain = _chain(code)
    if chain is not None:
        before, links = chain
        links = ["".join(links)] if indent + 4 + len("".join(links)) <= WIDTH else links
        return [pad + before + "(", *(line for link in links for line in statement(link, indent + 4)), pad + ")"]
    plain = re.fullmatch(r'([\w.\[\]"]+) = ([\w.]+(?:\[\d+\][\w.]+)*)', code)
    if plain is not None and indent + len(plain[1]) + 4 <= WIDTH:  # nothing is called: the value stands in brackets
        return [f"{pad}{plain[1]} = (", f"{pad}    {plain[2]}", f"{pad})"]
    cut = _bracket_to_break(code, WIDTH - indent)
    if cut is None:
        return [pad + code]
    head, inner, tail = code[: cut[0] + 1], code[cut[0] + 1 : cut[1]], code[cut[1] :]
    parts = _split(inner)
    deeper = indent + 4
    loop = _loop(inner) if len(parts) == 1 else -1
    if loop >= 0 and deeper + len(inner) > WIDTH:
        middle = [*statement(inner[:loop], deeper), " " * deeper + inner[loop + 1 :]]
    elif loop >= 0:
        middle = [" " * deeper + inner]
    elif deeper + len(", ".join(parts)) <= WIDTH and not (len(parts) > 1 and _is_display(head)):
        comma = "," if len(parts) == 1 and inner.rstrip().endswith(",") else ""  # a tuple of one item
        middle = [" " * deeper + ", ".join(parts) + comma]
    elif len(parts) == 1 and not inner.rstrip().endswith(","):
        middle = statement(parts[0], deeper)
    else:
        middle = []
        for part in parts:
            lines = statement(part, deeper, 1)
            lines[-1] += ","
            middle += lines
    return [pad + head, *middle, pad + tail]


def _is_display(head: str) -> bool:
    """Whether what opens at the end is a dict, set, list or tuple: formatters break these into an entry a line."""
    return head[-1] == "{" or not (len(head) > 1 and re.match(r"[\w)\]}\"']", head[-2]))


def _chain(code: str) -> tuple[str, list[str]] | None:
    """What stands before a chain of at least two calls on results of calls, `x.a().b().c()`, and its calls.

    Formatters put such a chain into brackets, and if it still is too long, a call a line. None if the whole value is
    no such chain.
    """
    found = re.match(r"(return |[^()\"']*? = )(?=[\w.]+\()", code)
    if found is None:
        return None
    value = code[found.end() :]
    links, start = [], 0
    for opening, closing in _brackets(value):
        if value[opening] == "(" and re.fullmatch(r"\.?[\w.]+", value[start:opening]):
            links.append(value[start : closing + 1])
        elif value[opening] == "[" and opening == start and links:
            links[-1] += value[start : closing + 1]
        else:
            return None
        start = closing + 1
    return (found.group(), links) if start == len(value) and len(links) >= 3 else None


def _bracket_to_break(code: str, width: int) -> tuple[int, int] | None:
    """Where the bracket opens and closes that is broken: the last at the top level before which the line fits."""
    found = [(start, end) for start, end in _brackets(code) if end > start + 1]
    fitting = [pair for pair in found if pair[0] < width] or found
    return fitting[-1] if fitting else None


def _brackets(code: str) -> list[tuple[int, int]]:
    """Where each bracket at the top level opens and closes."""
    depth, start, found = 0, 0, []
    for index, letter in enumerate(_blanked(code)):
        if letter in _OPEN:
            if depth == 0:
                start = index
            depth += 1
        elif letter in _CLOSE:
            depth -= 1
            if depth == 0:
                found.append((start, index))
    return found


def _blanked(code: str) -> str:
    """The code with strings as blanks of the same length."""
    return _STRING.sub(lambda found: " " * len(found.group()), code)


def _split(inner: str) -> list[str]:
    """The parts between the commas of the top level."""
    parts, start = [], 0
    for index in _outside(inner):
        if inner[index] == ",":
            parts.append(inner[start:index].strip())
            start = index + 1
    last = inner[start:].strip()
    return [*parts, last] if last else parts


def _loop(inner: str) -> int:
    """Where the ` for ` of a comprehension stands; -1 if it is none."""
    return next((index for index in _outside(inner) if inner.startswith(" for ", index)), -1)


def _outside(code: str) -> Iterator[int]:
    """Where each character stands that is in no bracket and no string."""
    at = 0
    inside = [*_brackets(code), *((found.start(), found.end() - 1) for found in _STRING.finditer(code))]
    for start, end in sorted(inside):
        if start >= at:
            yield from range(at, start)
            at = end + 1
    yield from range(at, len(code))
