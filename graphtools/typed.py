"""What a person types at the debugger's prompt: names, places, numbers, and Python with the names of nodes."""

from __future__ import annotations

import builtins
import re
from typing import Any

import torch

from graphtools.conditions import PHASES, ConditionError, names_in
from graphtools.debugger import Debugger
from graphtools.errors import missing
from graphtools.graph import Source
from graphtools.recording import Phase
from graphtools.visible import PositionError

_PLACE = re.compile(r"[\w./\\-]+:\d+|\d+|\*")
_NOW = ("value", "grad")  # of the current event


def known_names(debugger: Debugger) -> set[str]:
    """Nodes, scopes, parameters and buffers."""
    graph = debugger.graph
    states = {node.target for node in graph.nodes if node.kind in ("parameter", "buffer")}
    return {*(node.name for node in graph.nodes), *states, *debugger.frames.calls()}


def is_place(text: str, debugger: Debugger) -> bool:
    """True if the first word names something, or looks like a line."""
    first = text.split()[0]
    return _PLACE.fullmatch(first) is not None or first in known_names(debugger)


def read_place(text: str, debugger: Debugger) -> tuple[str | None, Phase | None]:
    """A place and a phase: `layer1.0 backward`. A number is a line of the file that is shown, `*` is everywhere."""
    where, _, word = text.partition(" ")
    phase: Any = word.strip() or None
    if phase is not None and phase not in PHASES:
        raise missing("phase", phase, PHASES)
    if where.isdigit():
        where = f"{current_source(debugger).file}:{where}"
    return (None if where == "*" else where), phase


def current_source(debugger: Debugger) -> Source:
    """The source of the current event, or of the nearest one before it that has some."""
    for event in reversed(debugger.recording.events[: debugger.position + 1]):
        if event.source is not None:
            return event.source
    raise ConditionError("no event up to here has a line of source")


def read_number(text: str, usage: str) -> int:
    """A whole number. Raises ConditionError that says `usage`."""
    try:
        return int(text)
    except ValueError:
        raise ConditionError(f"{text!r} is no number; {usage}" if text else usage) from None


def evaluate(text: str, debugger: Debugger) -> Any:
    """What the text stands for at the current position: a node, scope or parameter by its name, else Python.

    The Python may use `value` and `grad` of the current event, `event`, `node`, `torch`, `debugger`, nodes by name and
    whatever has a path: `layer1.0.conv1.mean() - fc.bias.mean()`. `relu.grad` is the gradient that has arrived there;
    PositionError if none has. It is run, so it must come from the person at the prompt.
    """
    names = known_names(debugger)
    known = {"event": debugger.event, "node": debugger.node, "torch": torch, "debugger": debugger}
    if text in names and text not in (*known, *_NOW):
        return debugger.value(text)
    for name in sorted(names_in(text := _without_paths(text, names, known, debugger))):
        if name in _NOW:
            known[name] = debugger.value() if name == "value" else debugger.grad()
        elif name in names and name not in known:
            known[name] = debugger.value(name)
        elif name not in known and not hasattr(builtins, name):
            raise missing("command, node or name", name, {*known, *_NOW, *names})
    return eval(text, known)


def _gradient(path: str, debugger: Debugger) -> torch.Tensor:
    found = debugger.grad(path)
    if found is None:
        raise PositionError(f"no gradient has arrived at {path!r} up to event {debugger.position + 1}")
    return found  # type: ignore[no-any-return]


def _without_paths(text: str, names: set[str], known: dict[str, Any], debugger: Debugger) -> str:
    """The text with a plain name for each path in it, whose value goes into `known` under that name."""

    def plain_name(found: re.Match[str]) -> str:
        words = re.split(r"(?=[.#])", found[0])
        if found[0][0] in "'\"" or words[0] in known or words[0] in _NOW:
            return found[0]
        for end in range(len(words), 0, -1):
            path, rest = "".join(words[:end]), words[end:]
            if path in names:
                if rest and rest[0] == ".grad":
                    known[f"_path_{len(known)}"] = _gradient(path, debugger)
                    return f"_path_{len(known) - 1}" + "".join(rest[1:])
                if rest and not hasattr(torch.Tensor, rest[0][1:]):
                    raise missing("node or scope", found[0], names)
                if end == 1:
                    return found[0]
                known[f"_path_{len(known)}"] = debugger.value(path)
                return f"_path_{len(known) - 1}" + "".join(rest)
        if len(words) > 2 and not hasattr(builtins, words[0]):  # `layr1.0.conv1`
            raise missing("node or scope", found[0], names)
        return found[0]

    return re.sub(r"'[^']*'|\"[^\"]*\"|[^\W\d]\w*(?:[.#]\w+)+", plain_name, text)
