"""Finds the line of the user's own code that called an operation, cheaply while it runs, exactly when asked."""

from __future__ import annotations

import os
import sys
from functools import lru_cache
from types import CodeType, FrameType, TracebackType
from typing import NamedTuple

import torch

from graphtools.graph import Source

_HIDDEN = (
    os.path.dirname(os.path.dirname(__file__)) + os.sep,
    os.path.dirname(torch.__file__) + os.sep,
    "<frozen ",
)
# A run that repeats another begins here: who asked for it did not write the program.
_REPEATING = os.path.join(os.path.dirname(os.path.dirname(__file__)), "editing.py")
_is_hidden: dict[CodeType, bool | None] = {}  # None: nothing of the user's own is above
_hidden_folders: list[str] = []


def hide(folder: str) -> None:
    """Treats the code in a folder, and what calls it, as no user's own: that of an app around graphtools."""
    _hidden_folders.append(os.path.abspath(folder) + os.sep)
    _is_hidden.clear()


def _hides(code: CodeType) -> bool | None:
    file = code.co_filename
    if file == _REPEATING or any(file.startswith(folder) for folder in _hidden_folders):
        return None
    return file.startswith(_HIDDEN)


class Place(NamedTuple):
    """A point in running code: resolved to a Source only when somebody looks, which costs more than the call did."""

    code: CodeType
    instruction: int


def user_place(frame: FrameType | None) -> Place | None:
    """The innermost place at or above `frame` that is neither torch's nor ours. About 50 ns for each frame passed."""
    while frame is not None:
        code = frame.f_code
        try:
            hidden = _is_hidden[code]
        except KeyError:
            hidden = _is_hidden[code] = _hides(code)
        if not hidden:
            return None if hidden is None else Place(code, frame.f_lasti)
        frame = frame.f_back
    return None


def user_place_of_traceback(traceback: TracebackType | None) -> Place | None:
    """The innermost place of the user's own code in a traceback."""
    found = None
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if not code.co_filename.startswith(_HIDDEN):
            found = Place(code, traceback.tb_lasti)
        traceback = traceback.tb_next
    return found


def resolve(place: Place | None) -> Source | None:
    """File, line and column (from 1) of a place."""
    # Two files with the same text have equal code, so the file is a part of what is remembered.
    return None if place is None else _resolve(place, place.code.co_filename)


@lru_cache(maxsize=65536)
def _resolve(place: Place, file: str) -> Source | None:
    positions = _positions(place.code)
    index = place.instruction // 2
    line, _, column, _ = positions[index] if 0 <= index < len(positions) else (None, None, None, None)
    if line is None:
        line = place.code.co_firstlineno
    function = place.code.co_qualname if sys.version_info >= (3, 11) else place.code.co_name
    return Source(file, line, 0 if column is None else column + 1, function)


@lru_cache(maxsize=4096)
def _positions(code: CodeType) -> list[tuple[int | None, int | None, int | None, int | None]]:
    return list(code.co_positions())
