"""Arguments of a node as JSON values, and back; the grammar is in `graphtools.encoding`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from graphtools.encoding.checks import array, each, fail, of_type, one_of, short, text
from graphtools.errors import FormatError
from graphtools.graph import ListArg, Path, Ref, Symbol, freeze

_DEEPEST = 100  # nesting of one argument; far below the interpreter's recursion limit
_LITERALS = (str, bool, int, float, type(None))
_NON_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def encode(arg: Any, where: str, depth: int = 0) -> Any:
    """The argument as a JSON value. Raises FormatError, which names the place `where`, if it has no such form."""
    if depth > _DEEPEST:
        raise FormatError(f"{where}: an argument is nested more than {_DEEPEST} deep")
    if arg is None or isinstance(arg, bool | str | int):
        return arg
    if isinstance(arg, float):
        return arg if math.isfinite(arg) else {"float": str(float(arg))}
    if isinstance(arg, complex):
        return {"complex": [encode(arg.real, where), encode(arg.imag, where)]}
    if isinstance(arg, Ref):
        return {"ref": arg.node, **({"path": list(arg.path)} if arg.path else {})}
    if isinstance(arg, Symbol):
        return {"symbol": [arg.kind, arg.text]}
    if arg is Ellipsis:
        return {"ellipsis": True}
    if isinstance(arg, slice):
        return {"slice": [encode(part, where, depth + 1) for part in (arg.start, arg.stop, arg.step)]}
    if isinstance(arg, tuple):
        items = [encode(item, where, depth + 1) for item in arg]
        return {"list": items} if isinstance(arg, ListArg) else items
    if isinstance(arg, Mapping):
        if bad := [key for key in arg if not isinstance(encode(key, where), _LITERALS)]:
            raise FormatError(f"{where}: {bad[0]!r} cannot be the key of a mapping; use a text or a number")
        return {"map": [[key, encode(item, where, depth + 1)] for key, item in arg.items()]}
    raise FormatError(f"{where}: a {type(arg).__name__} has no place in a graph; use a Symbol of kind 'opaque'")


def read_path(value: Any, where: str) -> Path:
    """The path in a JSON array of texts and whole numbers."""
    return each(lambda key, at: key if isinstance(key, str) else of_type(int, key, at), value, where)


def decode(value: Any, where: str, depth: int = 0) -> Any:
    """The argument that a JSON value stands for. Raises FormatError, which names the place `where`, if it is none."""
    if depth > _DEEPEST:
        fail(where[:60], f"nested more than {_DEEPEST} deep")
    if isinstance(value, float) and not math.isfinite(value):
        fail(where, "the number is too large for a float")
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list):
        return tuple(decode(item, where, depth + 1) for item in value)
    if set(value) == {"ref"} or set(value) == {"ref", "path"}:
        return Ref(text(value["ref"], f"{where}.ref"), read_path(value.get("path", []), f"{where}.path"))
    if len(value) != 1:
        fail(where, f"expected an argument, not an object with the keys {short(sorted(value))}")
    ((word, content),) = value.items()
    read = _READERS.get(word)
    if read is None:
        fail(where, f"unknown kind of argument {short(word)}")
    return read(content, f"{where}.{word}", depth + 1)


def _read_list(content: Any, where: str, depth: int) -> ListArg:
    return ListArg(decode(item, where, depth) for item in array(content, where))


def _read_map(content: Any, where: str, depth: int) -> Mapping[Any, Any]:
    found: dict[Any, Any] = {}
    for pair in array(content, where):
        key, item = array(pair, where, 2)
        if not isinstance(key, _LITERALS):
            fail(where, f"expected a literal as key, not {short(key)}")
        if key in found:
            fail(where, f"the key {short(key)} comes twice")
        found[decode(key, where, depth)] = decode(item, where, depth)
    return freeze(found.items())


def _read_slice(content: Any, where: str, depth: int) -> slice:
    return slice(*(decode(part, where, depth) for part in array(content, where, 3)))


def _read_ellipsis(content: Any, where: str, depth: int) -> Any:
    return ... if content is True else fail(where, f"expected true, not {short(content)}")


def _read_symbol(content: Any, where: str, depth: int) -> Symbol:
    kind, word = each(text, array(content, where, 2), where)
    return Symbol(kind, word)


def _read_float(content: Any, where: str, depth: int) -> float:
    return _NON_FINITE[one_of(content, _NON_FINITE, where)]


def _read_complex(content: Any, where: str, depth: int) -> complex:
    parts = [decode(part, where, depth) for part in array(content, where, 2)]
    if any(type(part) is not float for part in parts):
        fail(where, "expected two floats")
    return complex(*parts)


_READERS: dict[str, Callable[[Any, str, int], Any]] = {
    "list": _read_list, "map": _read_map, "slice": _read_slice, "ellipsis": _read_ellipsis, "symbol": _read_symbol,
    "float": _read_float, "complex": _read_complex,
}  # fmt: skip
