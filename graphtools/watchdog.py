"""A limit on the seconds that a block of somebody else's code may take, in a process that may be ended for it."""

from __future__ import annotations

import faulthandler
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from graphtools.errors import LimitError

# What runs after the model has been stopped and must not be stopped in its turn.
_FINISHING = ("make_graph", "make_recording", "_assemble")


@contextmanager
def time_limit(seconds: float | None, fault: Any, whole: float | None = None) -> Iterator[None]:
    """Raises LimitError in the block after so many seconds; ends the process where no exception gets through.

    `whole` is the limit that the user gave, of which `seconds` are what is left.
    """
    if seconds is None or not hasattr(signal, "SIGALRM"):
        yield
        return

    def stop(_: int, frame: FrameType | None) -> None:
        while frame is not None:
            if frame.f_code.co_name in _FINISHING:
                signal.setitimer(signal.ITIMER_REAL, 0.5)
                return
            frame = frame.f_back
        raise LimitError(f"the run was stopped at its limit of {whole or seconds:g} s")

    signal.signal(signal.SIGALRM, stop)
    # Later than the recorder, which stops where an operation begins: the signal may come anywhere, also in a library.
    signal.setitimer(signal.ITIMER_REAL, seconds + 0.2)
    faulthandler.dump_traceback_later(seconds + 10, exit=True, file=fault)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        faulthandler.cancel_dump_traceback_later()
