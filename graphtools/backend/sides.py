"""One model's graph as torch.fx knows it before any data, beside what a run recorded: what each knows, and when."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from graphtools.capture.api import trace
from graphtools.errors import CaptureError
from graphtools.graph import Graph, enclosing_scopes, module_path
from graphtools.recording import Recording

Sentence = tuple[str, dict[str, Any]]  # English with blanks, and what goes into them


@dataclass(frozen=True, slots=True)
class Sides:
    """`defined` is the graph before any data, None where torch.fx has none; `before`, `after` say what each knows."""

    defined: Graph | None
    before: tuple[Sentence, ...]
    after: tuple[Sentence, ...]


def sides_of(model: Callable[..., Any], recording: Recording) -> Sides:
    """Traces `model` by torch.fx without any input, and says what that graph and the recording know. Runs nothing."""
    return Sides(*_before(model), tuple(_after(recording)))


def _before(model: Callable[..., Any]) -> tuple[Graph | None, tuple[Sentence, ...]]:
    try:
        defined = trace(model, method="fx")
    except CaptureError as error:
        reason: Sentence = ("There is no such graph: {reason}.", {"reason": error.reason.rstrip(".")})
        advice: Sentence = (
            "What the code does depends on values, or on Python that torch.fx cannot follow: only a run can tell.",
            {},
        )
        return None, (reason, advice)
    return defined, (
        ("Known before any data: {n} operations, from the code alone. Nothing ran.", {"n": len(defined.operations)}),
        ("Shapes of parameters, but of no value; no gradients, no times.", {}),
        ("One way through the code: conditions and loop lengths are fixed when it is traced.", {}),
    )


def _after(recording: Recording) -> list[Sentence]:
    graph = recording.graph
    phases = {event.phase for event in recording.events}
    found: list[Sentence] = [
        ("Known after this run: {n} operations that ran, with the line of each.", {"n": len(graph.operations)})
    ]
    if "backward" in phases:
        found.append(("Every value, every gradient and every parameter before and after the update.", {}))
    else:
        found.append(("Every value of this forward pass.", {}))
    found.append(("The way that these data took: another input may take another.", {}))
    again = _called_again(graph)
    if again:
        names = ", ".join(f"{name} ×{count}" for name, count in list(again.items())[:4])
        found.append(("Called more than once, as only a run can count: {names}.", {"names": names}))
    return found


def _called_again(graph: Graph) -> dict[str, int]:
    """How often each module was called that was called more than once; `cell#2` is the third call of `cell`."""
    found: dict[str, int] = {}
    for node in graph.operations:
        for scope in enclosing_scopes(node.scope):
            _, mark, number = scope.rpartition(".")[2].partition("#")
            if mark:
                found[module_path(scope)] = max(found.get(module_path(scope), 0), int(number) + 1)
    return found
