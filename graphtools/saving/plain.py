"""Python values of a run (what `.item()` gave, settings of an optimizer) as JSON, and back, to the last bit.

plain ::= null | true | 1 | 1.5 | "text" | [plain, ...]                    an array is a list
        | {"tuple": [plain, ...]} | {"int": "0x…"} | {"complex": [plain, plain]}
        | {"float": "7ff8000000000000"}                                    the bits of one that is not finite
"""

from __future__ import annotations

import math
import re
import struct
from typing import Any

from graphtools.encoding.checks import array, each, fail, short, text

_DEEPEST = 100
_LARGEST_INT = 2**63 - 1  # beyond it a reader in another language would lose digits


def to_plain(value: Any, depth: int = 0) -> Any:
    """The value as JSON; what is none of the above as its text."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return int(value) if abs(value) <= _LARGEST_INT else {"int": hex(value)}
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else {"float": struct.pack(">d", value).hex()}
    if isinstance(value, complex):
        return {"complex": [to_plain(value.real), to_plain(value.imag)]}
    if isinstance(value, list | tuple) and depth < _DEEPEST:
        items = [to_plain(item, depth + 1) for item in value]
        return items if isinstance(value, list) else {"tuple": items}
    return str(value)


def read_plain(value: Any, where: str, depth: int = 0) -> Any:
    """The value that the JSON stands for. Raises FormatError if it stands for none."""
    if depth > _DEEPEST:
        fail(where[:60], f"nested more than {_DEEPEST} deep")
    if isinstance(value, float) and not math.isfinite(value):
        fail(where, "the number is too large for a float")
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list):
        return [read_plain(item, where, depth + 1) for item in value]
    if len(value) != 1:
        fail(where, f"expected a value, not {short(value)}")
    ((word, content),) = value.items()
    at = f"{where}.{word}"
    if word == "tuple":
        return tuple(read_plain(item, where, depth + 1) for item in array(content, at))
    if word == "int" and re.fullmatch("-?0x[0-9a-f]+", text(content, at)):
        return int(content, 16)
    if word == "float" and re.fullmatch("[0-9a-f]{16}", text(content, at)):
        return struct.unpack(">d", bytes.fromhex(content))[0]
    if word == "complex":
        parts = each(read_plain, array(content, at, 2), at)
        if all(type(part) is float for part in parts):
            return complex(*parts)
    fail(where, f"expected a value, not {short(word)}: {short(content)}")


def n_parts(value: Any) -> int:
    """How many plain values are in it, itself included; a list of lists counts all that they hold."""
    if not isinstance(value, list | tuple):
        return 1
    return 1 + sum(map(n_parts, value))
