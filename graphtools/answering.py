"""What a viewer asks Python about a recording: looks of tensors, explanations, edits; as JSON, for every host alike."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import torch

from graphtools.editing import edit
from graphtools.errors import EditError, missing
from graphtools.explaining import Arrival, Origin, Passes, explain
from graphtools.graph import Node
from graphtools.payload import drawn_nodes
from graphtools.recording import Recording
from graphtools.statistics import number
from graphtools.summaries import Summaries
from graphtools.watching import events_where, watch

Args = Mapping[str, Any]
_PICTURES = 8  # of one tensor, where they are small: the heads of attention beside each other


class Answers:
    """The answers for one recording. Nothing is computed before it is asked for."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self._held: dict[str, Any] = {}  # the events of each condition asked for
        self._ops: dict[str, Callable[[Args], Any]] = {
            "tensor": lambda args: self.summaries.tensor(args["key"], most_pictures=_PICTURES),
            "picture": lambda args: self.summaries.picture(args["key"], args["index"], bool(args["color"])),
            "metrics": lambda args: self._metrics,
            "thumbnails": lambda args: self.summaries.thumbnails(),
            "watch": lambda args: watch(self.recording, args["position"], args["texts"]),
            "where": lambda args: self._where(args["condition"]),
            "explain": lambda args: explanation(self._passes, self._rows, self._node(args["row"]), args.get("event")),
        }

    @cached_property
    def summaries(self) -> Summaries:
        """The looks of the tensors."""
        return Summaries(self.recording)

    def answer(self, op: str, args: Args) -> Any:
        """The answer to one question, as JSON. Raises MissingError for a question that there is not."""
        if op not in self._ops:
            raise missing("question", op, self._ops)
        return self._ops[op](args)

    def branch(self, args: Args) -> Recording:
        """The recording with the change that `args` ask for: `row`, or `parameter` by name, `what` and `text`.

        The text is Python, see `change_of`; it is run, so it must come from the person who looks. Raises EditError.
        """
        of: Node | str = args["parameter"] if args.get("parameter") else self._node(args["row"])
        what = args["what"]
        branch = edit(self.recording, of, change_of(str(args["text"]), what), what)
        if isinstance(branch.error, EditError):  # raised by the text itself, and not by what follows from it
            raise branch.error
        return branch

    @cached_property
    def _drawn(self) -> list[Node]:
        return drawn_nodes(self.recording.graph)

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {node.name: row for row, node in enumerate(self._drawn)}

    @cached_property
    def _passes(self) -> Passes:
        return Passes(self.recording)

    def _where(self, condition: str) -> Any:
        # A viewer asks again until it has heard, and this may take seconds.
        if condition not in self._held:
            self._held[condition] = events_where(self.recording, condition)
        return self._held[condition]

    @cached_property
    def _metrics(self) -> Any:
        return self.summaries.metrics()

    def _node(self, row: int) -> Node:
        return self._drawn[row]


def explanation(passes: Passes, row: Mapping[str, int], node: Node, event: int | None = None) -> Any:
    """The explanation of a node's value and gradient as JSON; None for the output, which is no operation.

    `row` has the row of each drawn node by its name.

    Of several backward passes it is the last one that began at `event` or before.
    """
    if node.kind == "output":
        return None
    recording = passes.recording
    before = None if event is None else _end_of_pass(recording, event)
    found = explain(recording, node, before=before, passes=passes)
    return {
        "value": found.value_words,
        "gradient": found.grad_words,
        "symbol": found.rule.symbol if found.rule else "",
        "words": found.rule.words if found.rule else "",
        "factors": [factor.words for factor in found.factors],
        "arrivals": [_arrival(arrival, row) for arrival in found.arrivals],
        "sum": found.arrivals_words,
        "sent": [_arrival(arrival, row) for arrival in found.sent],
        "origins": [_origin(origin, row) for origin in (found.value_origin, found.grad_origin) if origin],
        "notes": list(found.notes),
    }


def _end_of_pass(recording: Recording, event: int) -> int | None:
    """The event before which the backward passes count that are to be explained at `event`; None for all.

    Before the first pass has begun, that one: who asks why in the forward pass means the gradient that will come.
    """
    starts = [stage.start for stage in recording.stages if stage.kind == "backward"]
    later = [start for start in starts if start > event]
    return later[0] if later and later[0] != starts[0] else later[1] if len(later) > 1 else None


def _arrival(arrival: Arrival, row: Mapping[str, int]) -> dict[str, Any]:
    norm = "not kept" if arrival.norm is None else f"norm {number(arrival.norm)}"
    share = arrival.share if arrival.share is None or arrival.share == arrival.share else None
    name = arrival.node.partition(".")[0] if arrival.node not in row else arrival.node
    return {
        "row": row.get(name, -1),
        "name": arrival.node,
        "norm": norm,
        "share": share,
        "symbol": arrival.symbol,
        "source": str(arrival.source or ""),
    }


def _origin(origin: Origin, row: Mapping[str, int]) -> dict[str, Any]:
    return {
        "side": origin.side,
        "trouble": origin.trouble,
        "reason": origin.reason,
        "others": origin.n_others,
        "between": origin.n_between,
        "steps": [
            {"row": row.get(step.node, -1), "name": step.node, "text": step.words, "source": str(step.source or "")}
            for step in origin.steps
        ],
    }


def change_of(text: str, what: str) -> Any:
    """What an edit is given for a line of Python: a number, a function of `t`, or for an operation another function.

    `t` is the value or gradient as it was: `t * 0`, `t.clamp(max=1)`, `torch.zeros_like(t)`. An operation is named:
    `torch.nn.functional.gelu`. Raises EditError for text that is no Python.
    """
    text = text.strip()
    try:
        parsed = ast.parse(text, mode="eval")
    except SyntaxError as error:
        raise EditError(f"{text!r} is no Python expression: {error.msg}; write for example `t * 0`") from None
    code = compile(parsed, "<edit>", "eval")
    names = {"torch": torch, "nn": torch.nn, "F": torch.nn.functional}
    if what == "operation":
        try:
            found = eval(code, dict(names))
        except Exception as error:
            raise EditError(
                f"{text!r} names no function ({error}); write for example `torch.nn.functional.gelu`"
            ) from None
        if not callable(found):
            raise EditError(f"{text!r} is no function; write for example `torch.nn.functional.gelu`")
        return found
    used = {part.id for part in ast.walk(parsed) if isinstance(part, ast.Name)}
    if unknown := used - {"t", *names} - set(dir(builtins)):
        raise EditError(
            f"{text!r} uses {', '.join(sorted(unknown))}; `t` is what is there now, and torch, nn, F are known"
        )
    if "t" not in used:
        try:
            constant = eval(code, dict(names))
        except Exception as error:
            raise EditError(f"{text!r} raises {type(error).__name__}: {error}") from None
        if isinstance(constant, int | float | torch.Tensor):
            return constant
        raise EditError(f"{text!r} is no number, no tensor and no function of `t`")

    def change(t: torch.Tensor) -> Any:
        try:
            return eval(code, {**names, "t": t})
        except Exception as error:
            raise EditError(f"{text!r} raises {type(error).__name__}: {error}") from error

    change.__name__ = text
    return change
