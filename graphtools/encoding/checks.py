"""Reading JSON that a stranger may have written: each function returns what it expects, or raises a FormatError."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NoReturn, TypeVar

from graphtools.errors import FormatError

_LARGEST = 2**63 - 1  # sizes and line numbers; torch's own sizes are signed 64-bit

T = TypeVar("T")


def fail(where: str, message: str) -> NoReturn:
    """Raises the FormatError that says `where` and what is wrong."""
    raise FormatError(f"{where}: {message}")


def short(value: Any) -> str:
    """What was found, in a few characters."""
    if isinstance(value, dict | list):
        return f"an {'object' if isinstance(value, dict) else 'array'} of {len(value)}"
    if isinstance(value, int) and not -(10**18) < value < 10**18:
        return "a number of many digits"
    text = json.dumps(value)
    return text if len(text) <= 40 else text[:39] + "…"


def parse(text: str | bytes, kind: str) -> Any:
    """The JSON document in `text`; `kind` ("a graph") says what it should hold. Strict: no NaN, no key twice."""
    try:
        return json.loads(text, object_pairs_hook=lambda pairs: _distinct(pairs, kind), parse_constant=_no_constant)
    except RecursionError:
        raise FormatError(f"the document is nested too deeply to be {kind}") from None
    except FormatError:
        raise
    except ValueError as error:  # JSONDecodeError, UnicodeDecodeError, an int of too many digits
        raise FormatError(f"not a JSON document: {error}") from None


def _distinct(pairs: list[tuple[str, Any]], kind: str) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise FormatError(f"not {kind}: an object has the key {short(twice)} twice")
    return found


def _no_constant(word: str) -> NoReturn:
    raise FormatError(f"not a JSON document: {word} is no JSON number")


def check_header(document: Any, name: str, newest: int, kind: str) -> None:
    """Refuses a document of another format than `name`, or of a version above `newest`."""
    if not isinstance(document, dict) or document.get("format") != name:
        raise FormatError(f'not {kind}: the document lacks "format": "{name}"')
    version = document.get("version")
    if type(version) is not int or version < 1:
        raise FormatError(f"version: expected a whole number from 1, not {short(version)}")
    if version > newest:
        raise FormatError(
            f"the document has version {short(version)}, and this graphtools reads up to {newest}; "
            "install a newer graphtools"
        )


def fields_of(
    value: Any, where: str, required: Sequence[str] = (), defaults: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The fields of an object that has all `required` keys and none but those and the `defaults`."""
    defaults = defaults or {}
    found = mapping(value, where)
    for key in required:
        if key not in found:
            fail(where, f"{key!r} is missing")
    for key in found:
        if key not in required and key not in defaults:
            fail(where, f"unknown field {short(key)}")
    return {**defaults, **found}


def mapping(value: Any, where: str) -> dict[str, Any]:
    """The object itself."""
    if not isinstance(value, dict):
        fail(where, f"expected an object, not {short(value)}")
    return value


def array(value: Any, where: str, length: int | None = None) -> list[Any]:
    """The array itself, which has that length if one is given."""
    if not isinstance(value, list):
        fail(where, f"expected an array, not {short(value)}")
    if length is not None and len(value) != length:
        fail(where, f"expected an array of {length}, not of {len(value)}")
    return value


def of_type(kind: type[T], value: Any, where: str) -> T:
    """`value` if it is of that very type: True is no int."""
    if type(value) is not kind:
        words = {str: "a text", int: "a whole number", bool: "true or false"}
        fail(where, f"expected {words[kind]}, not {short(value)}")
    return value


def optional(kind: type[T], value: Any, where: str) -> T | None:
    """None, or a value of that very type."""
    return None if value is None else of_type(kind, value, where)


def count(value: Any, where: str) -> int:
    """A whole number from 0 to 2**63 - 1."""
    if type(value) is not int or not 0 <= value <= _LARGEST:
        fail(where, f"expected a whole number from 0 to 2**63 - 1, not {short(value)}")
    return value


def each(read: Callable[[Any, str], T], value: Any, where: str) -> tuple[T, ...]:
    """What `read` makes of each item of an array."""
    return tuple(read(item, f"{where}[{index}]") for index, item in enumerate(array(value, where)))


def text(value: Any, where: str) -> str:
    """A text."""
    return of_type(str, value, where)


def one_of(value: Any, words: Iterable[str], where: str) -> str:
    """One of the words."""
    if not isinstance(value, str) or value not in words:
        fail(where, f"expected one of {', '.join(words)}, not {short(value)}")
    return value
