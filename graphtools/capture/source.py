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
_is_hidden: dict[CodeType, bool] = {}


class Place(NamedTuple):
    """A point in running code: resolved to a Source only when somebody looks, which costs more than the call did."""

    code: CodeType
    instruction: int


def user_place(frame: FrameType | None) -> Place | None:
    """The innermost place at or above `frame` that is neither torch's nor ours. About 50 ns for each frame passed."""
    while frame is not None:
        code = frame.f_code
        hidden = _is_hidden.get(code)
        if hidden is None:
            hidden = _is_hidden[code] = code.co_filename.startswith(_HIDDEN)
        if not hidden:
            return Place(code, frame.f_lasti)
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


@lru_cache(maxsize=65536)
def resolve(place: Place | None) -> Source | None:
    """File, line and column (from 1) of a place."""
    if place is None:
        return None
    positions = _positions(place.code)
    index = place.instruction // 2
    line, _, column, _ = positions[index] if 0 <= index < len(positions) else (None, None, None, None)
    if line is None:
        line = place.code.co_firstlineno
    function = place.code.co_qualname if sys.version_info >= (3, 11) else place.code.co_name
    return Source(place.code.co_filename, line, 0 if column is None else column + 1, function)


@lru_cache(maxsize=4096)
def _positions(code: CodeType) -> list[tuple[int | None, int | None, int | None, int | None]]:
    return list(code.co_positions())
