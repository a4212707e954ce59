"""`graphtools show`: what is in a recording's file. Neither the model's code nor anything in the file is run."""

from __future__ import annotations

import argparse
import json
import math
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from graphtools.cli import fail
from graphtools.cli.output import write
from graphtools.encoding.arguments import encode
from graphtools.errors import FormatError, MissingError
from graphtools.words import bytes_text, elide, plain, seconds_text

if TYPE_CHECKING:
    from graphtools.recording import Recording, Stage

FORMAT = "graphtools.summary"
VERSION = 1

_MOST_STAGES, _MOST_UPDATES, _MOST_LOST = 24, 5, 8  # lines of text; --json has them all


def show(arguments: argparse.Namespace) -> int:
    """Runs the command; returns its exit code."""
    from graphtools.saving import load

    try:
        recording, n_bytes = load(arguments.file), os.path.getsize(arguments.file)
    except FormatError as error:
        return fail(plain(str(error)))
    except OSError as error:
        return fail(f"cannot read {arguments.file}: {error.strerror or error}")

    def table(width: int | None, color: bool) -> str:
        from graphtools.table import format_graph

        text = format_graph(recording.graph, arguments.depth, width, color)
        facts = _lines(summary(recording, arguments.file, n_bytes))
        lines = (plain(line) for line in facts)
        return "\n".join([text, "", *(line if width is None else elide(line, width, middle=False) for line in lines)])

    def document() -> str:
        return json.dumps(summary(recording, arguments.file, n_bytes), allow_nan=False)

    return write(recording.graph, arguments, table, document, recording.to_html)


def summary(recording: Recording, file: str, n_bytes: int) -> dict[str, Any]:
    """What the file holds, as one JSON document: the graph, stages, events by phase, update ratios, what was lost.

    Reads the parameters before and after each update, one after the other, and the value that each backward pass
    started from.
    """
    graph, events = recording.graph, recording.events
    return {
        "format": FORMAT,
        "version": VERSION,
        "file": file,
        "bytes": n_bytes,
        "duration_s": recording.duration_s,
        "events": dict(Counter(event.phase for event in events)),
        "stages": [_stage(recording, stage) for stage in recording.stages],
        "updates": [
            {
                "event": index,
                "step": events[index].step,
                "parameter": update.parameter,
                "optimizer": update.optimizer,
                "ratio": _ratio(recording, index),
            }
            for index, update in recording.content.updates.items()
        ],
        "values": sum(map(len, recording.content.values.values())),
        "lost": [{"value": name, "reason": reason} for name, reason in _lost(recording)],
        "graph": json.loads(graph.to_json()),
    }


def _stage(recording: Recording, stage: Stage) -> dict[str, Any]:
    described: dict[str, Any] = {
        "kind": stage.kind,
        "name": stage.name,
        "start": stage.start,
        "stop": stage.stop,
        "source": str(stage.source) if stage.source else "",
        "before": list(stage.before),
        "changed": list(stage.changed),
    }
    if stage.kind == "backward" and (value := _number(recording, stage.name)) is not None:
        described["value"] = encode(value, "value")
    return described


def _number(recording: Recording, name: str) -> float | None:
    """The value of a node that gave one real number, as a loss; None for others."""
    from graphtools.recording import ValueLost

    try:
        value = recording.value(name)
        return float(value.item()) if value.numel() == 1 and not value.is_complex() else None
    except (ValueLost, MissingError, AttributeError, RuntimeError):
        return None


def _ratio(recording: Recording, index: int) -> Any:
    """The update ratio as JSON; None if it cannot be told."""
    from graphtools.recording import ValueLost

    update = recording.content.updates[index]
    try:
        before, after = (recording._read(update.parameter, kept) for kept in (update.before, update.after))
        # A stranger's file may spread one number over 2**60 elements, which the ratio would then need.
        if max(tensor.numel() for tensor in (before, after)) > max(map(_n_stored, (before, after))):
            return None
        return encode(replace(update, before=before, after=after).ratio, "ratio")
    except (ValueLost, RuntimeError, AttributeError):
        return None


def _n_stored(tensor: Any) -> int:
    return int(tensor.untyped_storage().nbytes()) // int(tensor.element_size())


def _lost(recording: Recording) -> Iterator[tuple[str, str]]:
    """What was not kept, each value once: its name and why."""
    from graphtools.saving.reading import Lost

    content = recording.content
    seen: set[int] = set()

    def lost(name: str, *kepts: Any) -> Iterator[tuple[str, str]]:
        for kept in kepts:
            if isinstance(getattr(kept, "recipe", None), Lost) and id(kept) not in seen:
                seen.add(id(kept))
                yield name, kept.recipe.reason

    for node in recording.graph.nodes:
        by_path = content.values.get(node.name)
        yield from lost(node.name, *(by_path or {}).values())
        if by_path is None and node.outputs:
            failure = recording.failure
            why = "it raised" if failure is not None and failure.node == node.name else "the recording keeps none"
            yield node.name, why
    for index, flow in content.flows.items():
        name = f"gradients of {content.events[index].node or content.events[index].name}"
        yield from lost(name, *flow.incoming, *flow.outgoing, flow.accumulated)
    for update in content.updates.values():
        yield from lost(
            f"update of {update.parameter}", update.before, update.after, update.grad, *update.state.values()
        )


# -- text --------------------------------------------------------------------------------------------------------------


def _lines(facts: dict[str, Any]) -> Iterator[str]:
    n_events = sum(facts["events"].values())
    counts = ", ".join(f"{count} {phase}" for phase, count in facts["events"].items())
    size, took = bytes_text(facts["bytes"]), seconds_text(facts["duration_s"])
    yield f"{facts['file']}: {n_events} event{'s' * (n_events != 1)} in {took}, {size}"
    yield from _labeled("events", [counts] if counts else [])
    yield from _labeled("stages", _cut(list(_stage_rows(facts["stages"])), _MOST_STAGES))
    yield from _labeled("updates", list(_update_rows(facts["updates"])))
    lost = [f"{entry['value']}: {entry['reason']}" for entry in facts["lost"]]
    yield from _labeled("values", [f"{facts['values']} kept" + (f", {len(lost)} not:" if lost else "")])
    yield from (" " * 14 + line for line in _cut(lost, _MOST_LOST))


def _labeled(label: str, lines: list[str]) -> Iterator[str]:
    for position, line in enumerate(lines):
        yield f"{label if position == 0 else '':<12}{line}"


def _cut(lines: list[str], most: int) -> list[str]:
    return lines if len(lines) <= most else [*lines[: most - 1], f"({len(lines) - most + 1} more)"]


def _stage_rows(stages: list[dict[str, Any]]) -> Iterator[str]:
    rows = [(stage["kind"], _stage_text(stage), _span(stage), stage["source"]) for stage in stages]
    widths = [min(max((len(row[column]) for row in rows), default=0), 60) for column in range(4)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _span(stage: dict[str, Any]) -> str:
    first, last = stage["start"], stage["stop"] - 1
    return "no events" if last < first else f"event {first}" if first == last else f"events {first} to {last}"


def _stage_text(stage: dict[str, Any]) -> str:
    name, n_changed = stage["name"], len(stage["changed"])
    many = f"{n_changed or 'no'} gradient{'s' * (n_changed != 1)}"
    if stage["kind"] == "backward":
        value = stage.get("value")
        number = f" = {_number_of(value):.6g}" if value is not None else ""
        return f"from {name or 'outside the recording'}{number}, {many}"
    if stage["kind"] == "zero_grad":
        return f"{name} cleared {many}"
    if stage["kind"] == "step":
        return f"{name} changed {n_changed or 'no'} parameter{'s' * (n_changed != 1)}"
    return str(name)


def _update_rows(updates: list[dict[str, Any]]) -> Iterator[str]:
    if not updates:
        return
    ratios = [(_number_of(update["ratio"]), update) for update in updates if update["ratio"] is not None]
    n_from_zero = sum(math.isinf(ratio) for ratio, _ in ratios)
    # NaN first: it is what one looks for. Infinite is the ratio of each update that starts from zero, as biases do.
    known = [(ratio, update) for ratio, update in ratios if not math.isinf(ratio)]
    known.sort(key=lambda pair: math.inf if math.isnan(pair[0]) else pair[0], reverse=True)
    from_zero = f", {n_from_zero} of them from zero" if n_from_zero else ""
    yield f"{len(updates)}{from_zero}" + ("; the largest by ‖after − before‖ / ‖before‖:" if known else "")
    for ratio, update in known[:_MOST_UPDATES]:
        step = f" in step {update['step'] + 1}" if updates[-1]["step"] else ""
        yield f"  {ratio:<10.4g}{update['parameter']}{step}"


def _number_of(encoded: Any) -> float:
    return float(encoded["float"]) if isinstance(encoded, dict) else float(encoded)
