"""Lays code out as ruff and black do: at most 88 characters a line, long calls broken after their bracket."""

from __future__ import annotations

WIDTH = 88
_OPEN, _CLOSE = "([{", ")]}"


def statement(code: str, indent: int, reserved: int = 0) -> list[str]:
    """The lines of a simple statement indented by so many spaces; `reserved` columns stay free at its end."""
    pad = " " * indent
    if indent + len(code) + reserved <= WIDTH:
        return [pad + code]
    cut = _last_bracket(code)
    if cut is None or cut[1] == cut[0] + 1:
        return [pad + code]
    head, inner, tail = code[: cut[0] + 1], code[cut[0] + 1 : cut[1]], code[cut[1] :]
    parts = _split(inner)
    deeper = indent + 4
    if len(parts) == 1 and " for " in inner and not inner.startswith("*"):
        if deeper + len(inner) <= WIDTH:
            middle = [" " * deeper + inner]
        else:
            value, _, loop = inner.rpartition(" for ")
            middle = [*statement(value, deeper), " " * deeper + "for " + loop]
    elif deeper + len(", ".join(parts)) <= WIDTH:
        middle = [" " * deeper + ", ".join(parts)]
    elif len(parts) == 1 and _is_hugged(head, parts[0]):
        middle = statement(parts[0], deeper)
    else:
        middle = []
        for part in parts:
            lines = statement(part, deeper, 1)
            lines[-1] += ","
            middle += lines
    return [pad + head, *middle, pad + tail]


def _is_hugged(head: str, part: str) -> bool:
    """Whether formatters leave out the comma after the only argument: after `*items` they do not add one."""
    return part.startswith("*") and head.startswith("def ")


def _last_bracket(code: str) -> tuple[int, int] | None:
    """Where the last bracket at the top level opens and closes."""
    depth, start, found, quote = 0, 0, None, ""
    for index, letter in enumerate(code):
        if quote:
            if letter == quote and code[index - 1] != "\\":
                quote = ""
        elif letter in "\"'":
            quote = letter
        elif letter in _OPEN:
            if depth == 0:
                start = index
            depth += 1
        elif letter in _CLOSE:
            depth -= 1
            if depth == 0 and index > start + 1:
                found = (start, index)
    return found


def _split(inner: str) -> list[str]:
    """The parts between the commas of the top level."""
    parts, depth, start, quote = [], 0, 0, ""
    for index, letter in enumerate(inner):
        if quote:
            if letter == quote and inner[index - 1] != "\\":
                quote = ""
        elif letter in "\"'":
            quote = letter
        elif letter in _OPEN:
            depth += 1
        elif letter in _CLOSE:
            depth -= 1
        elif letter == "," and depth == 0:
            parts.append(inner[start:index].strip())
            start = index + 1
    last = inner[start:].strip()
    return [*parts, last] if last else parts
