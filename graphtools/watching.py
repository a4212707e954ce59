"""What a person watches while stepping: tensors and expressions as of a position, and the events at which one holds."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from typing import Any

import torch

from graphtools.conditions import Moment, expression
from graphtools.debugger import Debugger
from graphtools.errors import GraphtoolsError
from graphtools.recording import Recording, ValueLost
from graphtools.statistics import one_line
from graphtools.structure import tensors
from graphtools.typed import evaluate
from graphtools.visible import PositionError, Visible

LOOKING_S = 20.0  # seconds that a condition may take for all events of a recording
_NO_GRADIENT = re.compile(r"no gradient has arrived at (.+) up to event \d+")
_LONGEST = 300  # characters that are shown of what is no tensor


def watch(recording: Recording, position: int, texts: Iterable[str]) -> list[dict[str, Any]]:
    """What each text stands for at `position`, as JSON: `text`, `shown` (a line) and `state`.

    A text is a node, a scope, a parameter, or Python with their names: see `graphtools.typed.evaluate`. It is run, so
    it must come from the person who looks. `state` is "there", "later" (it has not run yet at this position), or
    "wrong" with the reason as `shown`. Reads the tensors that are named.
    """
    debugger = Debugger(recording, position)
    return [{"text": text, **_watched(debugger, text)} for text in texts]


def _watched(debugger: Debugger, text: str) -> dict[str, str]:
    try:
        found = evaluate(text, debugger)
    except PositionError as error:
        never = _NO_GRADIENT.fullmatch(str(error))
        if never is not None and not _comes(debugger, text):
            return {"state": "wrong", "shown": f"no gradient arrives at {never[1]} in this run"}
        return {"state": "later", "shown": str(error)}
    except (GraphtoolsError, ValueLost) as error:
        return {"state": "wrong", "shown": str(error).replace("no command, node or name named", "nothing named", 1)}
    except Exception as error:  # whatever the person's Python raises
        return {"state": "wrong", "shown": f"{type(error).__name__}: {error}"}
    return {"state": "there", "shown": _line(found)}


def _comes(debugger: Debugger, text: str) -> bool:
    """Whether what the text stands for is there at the end of the run. Evaluates it once more."""
    try:
        evaluate(text, Debugger(debugger.recording, len(debugger.recording) - 1))
    except PositionError:
        return False
    except Exception:  # it is there, and something else is wrong with it
        return True
    return True


def _line(found: Any) -> str:
    if isinstance(found, torch.Tensor):
        return repr(found.item()) if found.ndim == 0 and not found.is_complex() else one_line(found)
    inner = [tensor for _, tensor in tensors(found)] if isinstance(found, tuple | list | dict) else []
    if inner:
        return "; ".join(one_line(tensor) for tensor in inner[:4]) + ("; …" if len(inner) > 4 else "")
    shown = repr(found)
    return shown if len(shown) <= _LONGEST else shown[:_LONGEST] + " …"


def events_where(recording: Recording, condition: str, limit_s: float = LOOKING_S) -> dict[str, Any]:
    """The `events` at which a condition holds, as `graphtools.conditions.expression` reads it: `grad.norm() > 10`.

    `looked_at` is the number of events that were looked at within `limit_s` seconds. Reads every tensor that the
    condition names. Raises ConditionError for what is no condition; what it raises at an event comes out.
    """
    holds, visible = expression(condition), Visible(recording)
    found, looked_at, end = [], 0, time.monotonic() + limit_s
    for event in recording.events:
        if time.monotonic() > end:
            break
        looked_at += 1
        if holds(Moment(visible, event)):
            found.append(event.index)
    return {"events": found, "looked_at": looked_at}
