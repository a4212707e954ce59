"""What a graph that was derived from code knows of a model, and what a recording of a run knows, in plain words.

A sentence is English with blanks and what goes into them, so that the viewer can say it in another language.
"""

from __future__ import annotations

from typing import Any

from graphtools.graph import Graph, enclosing_scopes, module_path
from graphtools.recording import Recording

Sentence = tuple[str, dict[str, Any]]
_MOST_NAMES = 4


def known(shown: Graph | Recording) -> tuple[Sentence, ...]:
    """What `shown` knows, and since when. Costs one walk over its nodes."""
    return tuple(_of_run(shown) if isinstance(shown, Recording) else _of_code(shown))


def untraceable(reason: str) -> tuple[Sentence, ...]:
    """Why there is no graph from the code alone, and who knows instead."""
    return (
        ("There is no such graph: {reason}.", {"reason": reason.rstrip(".")}),
        ("What the code does depends on values, or on Python that torch.fx cannot follow: only a run can tell.", {}),
    )


def _of_code(graph: Graph) -> list[Sentence]:
    operations = graph.operations
    count = {"n": len(operations)}
    if graph.capture.method != "fx":
        return [("{n} operations of a run that was not kept: shapes, but no values.", count)]
    found: list[Sentence] = []
    if any(node.spec is not None for node in operations):
        found += [
            ("Known before the run: {n} operations, from the code and the shape of an input.", count),
            ("Shapes of all values, but no value; no gradients, no times.", {}),
        ]
    else:
        found += [
            ("Known before any data: {n} operations, from the code alone. Nothing ran.", count),
            ("Shapes of parameters, but of no value; no gradients, no times.", {}),
        ]
    found.append(("One way through the code: conditions and loop lengths are fixed when it is traced.", {}))
    return found


def _of_run(recording: Recording) -> list[Sentence]:
    graph = recording.graph
    found: list[Sentence] = [
        ("Known after this run: {n} operations that ran, with the line of each.", {"n": len(graph.operations)})
    ]
    if any(event.phase == "backward" for event in recording.events):
        found.append(("Every value, every gradient and every parameter before and after the update.", {}))
    else:
        found.append(("Every value of this forward pass.", {}))
    found.append(("The way that these data took: another input may take another.", {}))
    again = _called_again(graph)
    if again:
        names = ", ".join(f"{name} ×{count}" for name, count in list(again.items())[:_MOST_NAMES])
        found.append(("Called more than once, as only a run can count: {names}.", {"names": names}))
    carried = sum(node.target.rpartition(".")[2] in _TO_PYTHON for node in graph.operations)
    if carried:
        found.append(("{n} values went to Python, where conditions and loops may depend on them.", {"n": carried}))
    return found


_TO_PYTHON = ("item", "tolist", "numpy", "bool", "int", "float", "index")


def _called_again(graph: Graph) -> dict[str, int]:
    """How often each module was called that was called more than once; `cell#2` is the third call of `cell`."""
    found: dict[str, int] = {}
    for node in graph.operations:
        for scope in enclosing_scopes(node.scope):
            _, mark, number = scope.rpartition(".")[2].partition("#")
            if mark:
                found[module_path(scope)] = max(found.get(module_path(scope), 0), int(number) + 1)
    return found
