"""Makes a Graph and a Recording of what a Recorder met."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from types import MappingProxyType
from typing import Any

import torch
from torch import nn

from graphtools import compat
from graphtools.capture.backward import BackwardEntry
from graphtools.capture.calls import Call
from graphtools.capture.clock import seconds_of
from graphtools.capture.eager import Recorder
from graphtools.capture.scopes import type_name
from graphtools.capture.source import resolve
from graphtools.capture.specs import make_spec
from graphtools.capture.updates import UpdateEntry
from graphtools.graph import (
    Capture,
    Failure,
    Graph,
    ListArg,
    Node,
    Output,
    Path,
    Ref,
    Source,
    Spec,
    Symbol,
    freeze,
    references,
)
from graphtools.recording import Content, Event, Flow, Kept, Phase, Recording, Stage, StageKind, Update
from graphtools.structure import leaves


@dataclass(slots=True)
class Live:
    """What JSON cannot hold of a graph: by node name its tensor, function or module; by text its object."""

    model: Any = None
    tensors: dict[str, torch.Tensor] = field(default_factory=dict)
    functions: dict[str, Any] = field(default_factory=dict)
    modules: dict[str, nn.Module] = field(default_factory=dict)
    objects: dict[str, Any] = field(default_factory=dict)


def make_recording(recorder: Recorder, name: str, program: Any = None, **capture: Any) -> Recording:
    """The Recording of a Recorder whose block has ended. Cheap: its content is put together when it is asked for."""
    return Recording(
        lambda: make_content(recorder, name, **capture),
        recorder.error,
        recorder.duration_s,
        lambda value: compat.version(value) if isinstance(value, torch.Tensor) else None,
        program,
    )


def make_content(recorder: Recorder, name: str, **capture: Any) -> Content:
    """The Graph, events, values, gradients and updates of what a Recorder met."""
    graph = make_graph(recorder, name, **capture)
    nodes = {node.name: node for node in graph.nodes}
    updating = _updating(graph)
    events: list[Event] = []
    flows: dict[int, Flow] = {}
    updates: dict[int, Update] = {}
    place_of: list[int] = []  # how many events there were before each place of the log
    n_steps = 0
    step_ends = {entry.stop for entry in recorder.stages if entry.kind == "step"}
    for place, entry in enumerate(recorder.log):
        place_of.append(len(events))
        n_steps += place in step_ends
        index = len(events)
        if isinstance(entry, BackwardEntry):
            assert entry.flow is not None
            flows[index] = entry.flow
            called = entry.call if entry.call in nodes else ""
            scope, source = _home(nodes.get(entry.call))
            phase: Phase = "backward"
            event = Event(index, phase, called, scope, source, seconds_of(entry.duration), None, entry.name, n_steps)
        elif isinstance(entry, UpdateEntry):
            if entry.update is None:
                continue
            updates[index] = entry.update
            scope, source = _home(nodes.get(entry.call))[0], resolve(entry.place)
            event = Event(
                index,
                "update",
                entry.call,
                scope,
                source,
                seconds_of(entry.duration, entry.share),
                None,
                entry.optimizer,
                n_steps,
            )
        elif entry.name in nodes:
            node = nodes[entry.name]
            phase = "update" if entry.name in updating else "forward"
            state, name_of = entry.rng_state, node.operation
            event = Event(
                index, phase, node.name, node.scope, node.source, seconds_of(entry.duration), state, name_of, n_steps
            )
        else:  # it raised, and the user's code went on
            continue
        events.append(event)
    place_of.append(len(events))
    stages = _stages(recorder, events, place_of, name)
    return Content(graph, tuple(events), _kept_values(recorder), flows, updates, stages)


def _home(node: Node | None) -> tuple[str, Source | None]:
    """Scope and source of what belongs to a node; a parameter lives in the module that owns it."""
    if node is None:
        return "", None
    if node.kind == "call":
        return node.scope, node.source
    return node.target.rpartition(".")[0], node.source


def _updating(graph: Graph) -> set[str]:
    """Names of the operations that work on gradients, as gradient clipping and a hand-written SGD do."""
    found: set[str] = set()
    for node in graph.nodes:
        if (node.kind == "constant" and node.target.endswith(".grad")) or (
            node.kind == "call" and not node.state.get("grad", True) and any(ref.node in found for ref in node.refs())
        ):
            found.add(node.name)
    return found


def _stages(recorder: Recorder, events: list[Event], place_of: list[int], name: str) -> tuple[Stage, ...]:
    """The stages that were noted, in order, and between them the operations: "forward", or "update" on gradients."""
    stages: list[Stage] = []
    reached = 0

    def operations(until: int) -> None:
        for phase, run in groupby(events[reached:until], key=lambda event: event.phase):
            first, *rest = run
            kind: StageKind = "update" if phase == "update" else "forward"
            stages.append(Stage(kind, first.index, first.index + 1 + len(rest), name, first.source))

    for entry in sorted(recorder.stages, key=lambda entry: (entry.start, entry.stop)):
        start, stop = place_of[entry.start], place_of[max(entry.start, entry.stop)]
        operations(start)
        stages.append(
            Stage(
                entry.kind,  # type: ignore[arg-type]
                start,
                stop,
                entry.name,
                resolve(entry.place),
                tuple(entry.before),
                tuple(dict.fromkeys(entry.changed)),
            )
        )
        reached = max(reached, stop)
    operations(len(events))
    return tuple(stages)


def _kept_values(recorder: Recorder) -> dict[str, dict[Path, Kept]]:
    values: dict[str, dict[Path, Kept]] = {}
    for call in (*recorder.inputs, *recorder.calls):
        kept = {value.ref.path: value.final for value in call.values if value.final is not None}
        if call.result is not None:
            kept[()] = Kept(call.result)
        if kept:
            values[call.name] = kept
    if recorder.output_name is not None and recorder.output_values:
        values[recorder.output_name] = {
            path: Kept(value, version) for path, (value, version) in recorder.output_values.items()
        }
    return values


def make_graph(recorder: Recorder, name: str, method: str = "record", **capture: Any) -> Graph:
    """The Graph of what a Recorder met, up to the failure if there was one."""
    live = Live(recorder.model)
    failed = _failed_call(recorder)
    specs: dict[Ref, Spec] = {}
    nodes = []
    for call in (*recorder.inputs, *recorder.calls):
        if not call.raised or call is failed:  # what the user's code caught is no part of the result
            nodes.append(_node(call, live, specs))
    failure = None
    if recorder.error is not None:
        failure = _failure(recorder, failed, specs)
    elif recorder.output_name is not None:
        result = freeze_arg(recorder.output, live)
        outputs = tuple(Output(path, specs[ref]) for path, ref in _placed(recorder.output) if ref in specs)
        after = recorder.output_after
        nodes.append(Node(recorder.output_name, "output", "output", (result,), outputs=outputs, after=after))
    return Graph(
        tuple(nodes),
        MappingProxyType(recorder.names.table()),
        Capture(
            method=method,
            model=name,
            duration_s=capture.pop("duration_s", recorder.duration_s),
            notes=(*capture.pop("notes", ()), *_notes(recorder)),
            versions=versions(),
            **capture,
        ),
        failure,
        live,
    )


def versions() -> Mapping[str, str]:
    """Versions of what took part in a capture."""
    return freeze([("torch", torch.__version__), ("python", platform.python_version())])


def freeze_arg(arg: Any, live: Live) -> Any:
    """An argument in the forms that a Graph holds. What has no such form becomes a Symbol of kind "opaque"."""
    if arg is None or isinstance(arg, Ref | bool | str) or arg is Ellipsis:
        return arg
    if isinstance(arg, int):
        return int(arg)
    if isinstance(arg, float):
        return float(arg)
    if isinstance(arg, complex):
        return complex(arg)
    if isinstance(arg, list):
        return ListArg(freeze_arg(item, live) for item in arg)
    if isinstance(arg, tuple):
        return tuple(freeze_arg(item, live) for item in arg)
    if isinstance(arg, dict):
        return freeze((str(key), freeze_arg(item, live)) for key, item in arg.items())
    if isinstance(arg, slice):
        return slice(*(freeze_arg(item, live) for item in (arg.start, arg.stop, arg.step)))
    for kind, cls in (
        ("dtype", torch.dtype),
        ("device", torch.device),
        ("layout", torch.layout),
        ("memory_format", torch.memory_format),
    ):
        if isinstance(arg, cls):
            return Symbol(kind, str(arg))
    if type(arg).__module__ == "numpy" and hasattr(arg, "item") and getattr(arg, "ndim", None) == 0:
        return freeze_arg(arg.item(), live)
    settled = getattr(getattr(arg, "node", None), "maybe_as_int", lambda: None)()
    if settled is not None:
        return settled
    text = f"{type(arg).__name__} {len(live.objects) + 1}"
    known = next((known for known, value in live.objects.items() if value is arg), None)
    live.objects[known or text] = arg
    return Symbol("opaque", known or text)


def _node(call: Call, live: Live, specs: dict[Ref, Spec]) -> Node:
    outputs = []
    for value in call.values:
        spec = value.spec if isinstance(value.spec, Spec) else make_spec(value.spec)
        specs[value.ref] = spec
        outputs.append(Output(value.ref.path, spec))
        if call.kind != "call" and value.copy is not None:
            live.tensors[call.name] = value.copy
    if call.func is not None:
        live.functions[call.name] = call.func
    if call.module is not None:
        live.modules[call.name] = call.module
    state: dict[str, Any] = {}
    if not call.grad:
        state["grad"] = False
    if call.autocast is not None:
        state["autocast"] = call.autocast
    return Node(
        call.name,
        call.kind,  # type: ignore[arg-type]
        call.target,
        tuple(freeze_arg(arg, live) for arg in call.args),
        freeze((key, freeze_arg(arg, live)) for key, arg in call.kwargs.items()),
        tuple(outputs),
        call.scope,
        resolve(call.place),
        call.writes,
        call.after,
        call.random,
        MappingProxyType(state),
    )


def _placed(output: Any) -> Iterator[tuple[Path, Ref]]:
    return ((path, leaf) for path, leaf in leaves(output) if isinstance(leaf, Ref))


def _failed_call(recorder: Recorder) -> Call | None:
    """The operation that raised what ended the run, also where the user's code raised something else because of it."""
    if recorder.failed is None or recorder.error is None:
        return None
    call, cause = recorder.failed
    error: BaseException | None = recorder.error
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if error is cause:
            return call
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return None


def _failure(recorder: Recorder, failed: Call | None, specs: dict[Ref, Spec]) -> Failure:
    error = recorder.error
    given: tuple[Spec, ...] = ()
    if failed is not None:
        given = tuple(specs[ref] for ref in _refs_of(failed) if ref in specs)
    return Failure(
        type(error).__name__,
        str(error),
        failed.name if failed is not None else None,
        resolve(failed.place if failed is not None else recorder.error_place),
        given,
    )


def _refs_of(call: Call) -> list[Ref]:
    live = Live()
    frozen = [freeze_arg(arg, live) for arg in (*call.args, *call.kwargs.values())]
    return [ref for arg in frozen for ref in references(arg)]


def _notes(recorder: Recorder) -> list[str]:
    notes = []
    places = [source for source in map(resolve, recorder.unknown) if source is not None]
    if recorder.unknown:
        first = f", first at {places[0]}" if places else ""
        count = len(recorder.unknown)
        what = "1 tensor" if count == 1 else f"{count} tensors"
        notes.append(
            f"{what} came from outside the recorded operations (made before, by numpy, C++, a transform or another "
            f"thread{first}) and became constants"
        )
    opaque = sorted({type_name(type(call.module)) for call in recorder.calls if call.module is not None})
    if opaque:
        notes.append(f"{', '.join(opaque)} ran as in plain PyTorch, as one operation: looking inside would change it")
    for name in recorder.unseen_functions:
        notes.append(
            f"{name} was called by another name, so its operations stand here without its backward; in forward, call "
            f"{name}.apply"
        )
    if recorder.budget is not None:
        notes += recorder.budget.notes()
    for target in sorted(set(recorder.overwritten)):
        notes.append(f"{target} wrote into its arguments; what they held before was not kept")
    return notes
