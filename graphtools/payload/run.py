"""A recording for the viewer: what happened, in order, without the tensors.

Events, module calls, stages, parameters and gradients as columns. The words `row` and `rows` mean places among the
drawn nodes of `graph_payload`; those of parameters mean places in `parameters`. -1 stands for none.

A tensor has a key, under which `graphtools.summaries` gives its numbers:

    v.ROW.OUTPUT                what an operation gave
    g.ROW.OUTPUT.EVENT          its gradient, which arrived at EVENT
    p.PARAMETER                 a parameter before its updates
    a.PARAMETER.EVENT           its .grad after EVENT
    u.EVENT.before|after|grad   of an update, u.EVENT.change the difference; u.EVENT.state.NAME of the optimizer's state
    i.EVENT.PLACE               what came into a derivative; o.EVENT.PLACE what went out of it
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from graphtools.frames import Frames
from graphtools.graph import Graph, Node, Ref, Source
from graphtools.payload.graph import drawn_nodes
from graphtools.payload.strings import Strings
from graphtools.recording import Flow, Recording
from graphtools.words import source_line

RUN_FORMAT = "graphtools.run"
RUN_VERSION = 1

_PHASES = ("forward", "backward", "update")
_AROUND = 6  # lines of source before and after each line that ran
_LONGEST_LINE = 300
_SOURCE_ENDINGS = (".py", ".pyw", ".ipynb")  # a recording from elsewhere may name any file of this machine


def run_payload(recording: Recording) -> dict[str, Any]:
    """The events of a recording for the viewer, as a dict of lists, numbers and strings.

    Costs one walk over the events, and reads the source files that they name.
    """
    strings = Strings()
    graph = recording.graph
    places = _Places(graph)
    frames = Frames(recording)
    events = recording.events
    return {
        "format": RUN_FORMAT,
        "version": RUN_VERSION,
        "duration_s": recording.duration_s,
        "events": {
            "row": [places.row_of_event(event.node) for event in events],
            "parameter": [places.parameter.get(event.node, -1) for event in events],
            "own": [int(event.node in places.row) for event in events],
            "phase": [_PHASES.index(event.phase) for event in events],
            "name": strings.indexes(event.name for event in events),
            "step": [event.step for event in events],
            "us": [round(event.duration_s * 1e6, 1) for event in events],
            "file": strings.indexes(event.source.file if event.source else "" for event in events),
            "line": [event.source.line if event.source else 0 for event in events],
            "to": [places.rows(recording.content.flows.get(event.index)) for event in events],
        },
        "frames": _frames(frames, len(events), strings),
        "segments": frames.segments,
        "stages": [
            {
                "kind": stage.kind,
                "start": stage.start,
                "stop": stage.stop,
                "name": stage.name,
                "file": stage.source.file if stage.source else "",
                "line": stage.source.line if stage.source else 0,
                "before": list(stage.before),
                "changed": list(stage.changed),
                "value": _number_of(recording, stage.name) if stage.kind == "backward" else None,
            }
            for stage in recording.stages
        ],
        "parameters": _parameters(graph, places, strings),
        **_gradients(recording, places),
        "updates": _updates(recording, places),
        "sources": _excerpts([event.source for event in events]),
        "strings": list(strings.all),
    }


class _Places:
    """Where each node of a graph stands in the viewer's columns."""

    def __init__(self, graph: Graph) -> None:
        drawn = drawn_nodes(graph)
        self.row = {node.name: row for row, node in enumerate(drawn)}
        in_scope = {node.scope: row for row, node in reversed(list(enumerate(drawn))) if node.kind == "call"}
        # Bookkeeping is shown at the operation that it belongs to.
        self.kept_at = {n.name: in_scope.get(n.scope, -1) for n in graph.operations if n.name not in self.row}
        states = [node for node in graph.nodes if node.kind in ("parameter", "buffer")]
        self.targets = list(dict.fromkeys(node.target for node in states))
        number = {target: index for index, target in enumerate(self.targets)}
        self.parameter = {node.name: number[node.target] for node in states}
        self.readers: list[list[int]] = [[] for _ in self.targets]
        self.output: dict[str, dict[tuple[int | str, ...], int]] = {
            node.name: {output.path: index for index, output in enumerate(node.outputs)} for node in graph.nodes
        }
        for node in graph.nodes:
            for ref in node.refs():
                index = self.parameter.get(ref.node, -1)
                if index >= 0 and node.name in self.row and self.row[node.name] not in self.readers[index]:
                    self.readers[index].append(self.row[node.name])

    def row_of_event(self, name: str) -> int:
        """The box at which an event is shown: of a parameter, the first operation that reads it."""
        if name in self.parameter:
            readers = self.readers[self.parameter[name]]
            return readers[0] if readers else -1
        return self.row.get(name, self.kept_at.get(name, -1))

    def rows(self, flow: Flow | None) -> list[int]:
        """The boxes that a derivative sends a gradient to."""
        refs = [ref for refs in flow.to for ref in refs] if flow else []
        return list(dict.fromkeys(self.row[ref.node] for ref in refs if ref.node in self.row))

    def output_index(self, ref: Ref) -> int:
        """Which of its node's tensors a reference means."""
        return self.output[ref.node].get(ref.path, 0)


def _frames(frames: Frames, n_events: int, strings: Strings) -> dict[str, list[Any]]:
    """The module calls as columns, outer ones first, and the innermost of each event."""
    number = {frames.root: 0}
    for found in frames.calls().values():
        for frame in found:
            for around in reversed(frame.around()):
                number.setdefault(around, len(number))
    ordered = list(number)
    return {
        "scope": strings.indexes(frame.scope for frame in ordered),
        "start": [frame.start for frame in ordered],
        "stop": [frame.stop for frame in ordered],
        "parent": [number[frame.parent] if frame.parent else -1 for frame in ordered],
        "is_call": [int(frame.is_call) for frame in ordered],
        "of_event": [number[frames.at(index)] for index in range(n_events)],
    }


def _parameters(graph: Graph, places: _Places, strings: Strings) -> dict[str, list[Any]]:
    nodes: dict[str, Node] = {}
    for node in graph.nodes:
        if node.name in places.parameter:
            nodes.setdefault(node.target, node)
    trainable = {
        (f"{module.path}." if module.path else "") + state.name
        for module in graph.modules.values()
        for state in module.states
        if state.trainable
    }
    return {
        "name": places.targets,
        "spec": strings.indexes(str(nodes[target].spec or "") for target in places.targets),
        "rows": places.readers,
        "trainable": [int(target in trainable) for target in places.targets],
        "buffer": [int(nodes[target].kind == "buffer") for target in places.targets],
    }


def _gradients(recording: Recording, places: _Places) -> dict[str, dict[str, list[int]]]:
    grads: dict[str, list[int]] = {"row": [], "output": [], "event": []}
    accumulated: dict[str, list[int]] = {"parameter": [], "event": []}
    for index, flow in sorted(recording.content.flows.items()):
        for refs, incoming in zip(flow.of, flow.incoming, strict=True):
            if incoming is None:
                continue
            for ref in refs:
                if ref.node in places.row:
                    grads["row"].append(places.row[ref.node])
                    grads["output"].append(places.output_index(ref))
                    grads["event"].append(index)
                elif ref.node in places.parameter and flow.accumulated is not None:
                    accumulated["parameter"].append(places.parameter[ref.node])
                    accumulated["event"].append(index)
    return {"grads": grads, "accumulated": accumulated}


def _updates(recording: Recording, places: _Places) -> dict[str, list[Any]]:
    number = {target: index for index, target in enumerate(places.targets)}
    updates = [(i, u) for i, u in sorted(recording.content.updates.items()) if u.parameter in number]
    return {
        "event": [index for index, _ in updates],
        "parameter": [number[update.parameter] for _, update in updates],
        "optimizer": [update.optimizer for _, update in updates],
        "settings": [_settings(update.settings) for _, update in updates],
        "state": [list(update.state) for _, update in updates],
    }


def _settings(settings: Mapping[str, Any]) -> list[list[str]]:
    """The settings that say something: those that are on."""
    return [[name, str(value)] for name, value in settings.items() if value is not None and value is not False]


def _number_of(recording: Recording, name: str) -> float | str | None:
    """The value of a node that gave a single number, as the loss does: "nan", "inf" or "-inf" where JSON has none.

    None for any other node.
    """
    if not name or name not in recording.graph or not recording.has_value(name):
        return None
    value = recording.value(name)
    if getattr(value, "numel", lambda: 0)() != 1 or getattr(value, "is_meta", True):
        return None
    number = float(value)
    return number if math.isfinite(number) else str(number)


def _excerpts(sources: list[Source | None]) -> dict[str, dict[str, str]]:
    """The lines of source around each line that ran, by file and number."""
    wanted: dict[str, set[int]] = {}
    for source in sources:
        if source is not None and (source.file.endswith(_SOURCE_ENDINGS) or source.file.startswith("<")):
            wanted.setdefault(source.file, set()).add(source.line)
    found: dict[str, dict[str, str]] = {}
    for file, lines in wanted.items():
        around = sorted({line for at in lines for line in range(max(1, at - _AROUND), at + _AROUND + 1)})
        text = {str(line): source_line(file, line).rstrip("\n")[:_LONGEST_LINE] for line in around}
        if any(text.values()):
            found[file] = {line: words for line, words in text.items() if words or int(line) in lines}
    return found
