"""Everything that graphtools raises on its own account. An error says what happened, where, and what to do next."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any


class GraphtoolsError(Exception):
    """Root of the errors that graphtools raises itself. Exceptions of the user's own code are never wrapped in one."""


class GraphError(GraphtoolsError, ValueError):
    """The parts given do not form a valid graph (a name used twice, an argument that refers to a later node, ...)."""


class FormatError(GraphtoolsError, ValueError):
    """A document that should hold a graph is damaged, of another kind, or of a newer version."""


class CaptureError(GraphtoolsError, RuntimeError):
    """A model could not be captured by the way that was asked for; the message names another way.

    `reason` is the message without that advice, which is for callers in Python.
    """

    def __init__(self, reason: str, advice: str = "") -> None:
        self.reason = reason.rstrip(".") if advice else reason
        super().__init__(f"{self.reason}. {advice}" if advice else reason)


class LimitError(GraphtoolsError, RuntimeError):
    """A run went past `limit_events`, `limit_bytes` or `limit_s` and was stopped. `recording` holds the run so far."""

    recording: Any = None


class EditError(GraphtoolsError, ValueError):
    """A recording cannot be changed at the place asked for, or not so that the result is sure to be the truth."""


class DraftError(GraphtoolsError, ValueError):
    """An edit does not apply to the draft as it is, or a draft with problems was to be built: the message has all."""


class LoadError(GraphtoolsError):
    """No model, or no example input, could be made of what the user named (a file, `torchvision:NAME`, ...)."""


class MissingError(GraphtoolsError, KeyError):
    """A name was asked for that is not there. The message suggests the nearest names."""

    def __str__(self) -> str:  # KeyError would show the repr of the message.
        return str(self.args[0]) if self.args else ""


def missing(what: str, name: str, names: Iterable[str]) -> MissingError:
    """The error for a `name` that is not among `names`, with up to three near misses; `what` is the noun."""
    known = list(names)
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.6)
    if not near:  # 'conv1' for 'layer1.0.conv1': a path of which only the end was typed
        near = [candidate for candidate in known if candidate.endswith("." + name)][:3]
    hint = f"; did you mean {' or '.join(repr(candidate) for candidate in near)}?" if near else ""
    return MissingError(f"no {what} named {name!r}{hint}")
