"""The calls that capture: `trace`, `run` and `record`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from os import PathLike
from pathlib import PurePath
from typing import Any, Literal

from torch import nn

from graphtools.capture.assemble import make_graph, make_recording
from graphtools.capture.eager import Recorder
from graphtools.capture.fakes import fake_tensors, import_fake_tensors, needs_value
from graphtools.capture.guard import guard
from graphtools.capture.preserve import preserved
from graphtools.capture.program import Program
from graphtools.errors import CaptureError
from graphtools.graph import Failure, Graph
from graphtools.recording import Limits, Recording

Method = Literal["auto", "fx", "record"]


def trace(
    model: Callable[..., Any],
    *args: Any,
    method: Method = "auto",
    fake: bool = False,
    limits: Limits = Limits(),
    **kwargs: Any,
) -> Graph:
    """The graph of `model`, a module or a function of tensors, without the values.

    "fx" derives the graph with torch.fx, before any data: with example inputs the shapes are found by fake tensors, and
    nothing is computed; without inputs the shapes stay open. "record" runs the model once on the inputs and shows the
    operations that ran. "auto" tries fx first; `graph.capture.reason` says why it was not enough. Buffers, random
    state and attributes of the modules are as they were before. `fake` records with fake tensors, which have a type
    and no values: no memory, no computation, but data-dependent control flow cannot be followed.

    Raises CaptureError where the method asked for does not apply, and whatever the model raises, with the graph up to
    there as the exception's `graph`.
    """
    _check_model(model, "trace")
    given = bool(args or kwargs)
    reason = None
    if method not in ("auto", "fx", "record"):
        raise CaptureError(f"no capture method {method!r}; the methods are 'auto', 'fx' and 'record'")
    if method != "record" and not fake:
        from graphtools.capture.symbolic import Untraceable, trace_symbolically

        try:
            return trace_symbolically(model, args, kwargs, limits)
        except Untraceable as error:
            reason = str(error)
            if method == "fx" or not given:
                next_step = (
                    f"Record a run instead, which follows what happens: graphtools.trace(model, {_call(args, kwargs)})"
                    if method == "fx"
                    else "Give example inputs, so that a run can be recorded: graphtools.trace(model, x)"
                )
                raise CaptureError(reason, next_step) from None
    if fake:
        import_fake_tensors()
    started = time.perf_counter()
    with preserved(model), fake_tensors(model, args, kwargs) if fake else nullcontext((args, kwargs)) as (args, kwargs):
        recorder = Recorder(model, limits, keep_values=False)
        raised = _run(recorder, model, args, kwargs)
    graph = make_graph(recorder, _name(model), reason=reason, fake=fake, duration_s=time.perf_counter() - started)
    if raised is not None and fake and needs_value(raised):
        raise _needs_value(graph) from raised
    if raised is not None:
        _attach(raised, "graph", graph)
        raise raised
    return graph


def _needs_value(graph: Graph) -> CaptureError:
    """The error for a program that asks a fake tensor for its value; it holds the graph up to there, which says so."""
    failure = graph.failure
    source = failure.source if failure is not None else None
    at = f" at {source}" if source else ""
    error = CaptureError(
        f"forward needs the value of a tensor{at}, and fake tensors have none",
        "Trace without fake=True, so that it is computed",
    )
    node, inputs = (failure.node, failure.inputs) if failure is not None else (None, ())
    said = Failure("CaptureError", str(error), node, source, inputs)
    _attach(error, "graph", Graph(graph.nodes, graph.modules, graph.capture, said, graph.live))
    return error


def run(
    model: Callable[..., Any],
    *args: Any,
    limits: Limits = Limits(),
    limit_bytes: int | None = None,
    **kwargs: Any,
) -> Recording:
    """One forward pass of `model`, a module or a function of tensors, recorded with every value.

    Computes exactly what `model(*args, **kwargs)` computes, with the same effects on buffers and random state. Values
    stay on their device; they are kept by reference, so they take the memory of the results themselves. Past
    `limit_bytes` of host memory the oldest go to a temporary file, and the recording says so. What the model raises
    comes out unchanged with the run so far as its `recording`; so does LimitError past one of the `limits`.
    """
    _check_model(model, "run")
    program = Program(_name(model), model, (args, kwargs), lambda recorder, given: _run(recorder, model, *given))
    return record_program(program, limits, limit_bytes)


def record_program(program: Program, limits: Limits = Limits(), limit_bytes: int | None = None) -> Recording:
    """The recording of a program run now, which can be edited. Raises what the program raises, as `run` does."""
    recorder = Recorder(program.model, limits, limit_bytes=limit_bytes)
    error = program.run(recorder, program.inputs)
    recording = make_recording(recorder, program.name, program)
    guard(recording, recorder.shared)
    if error is not None:
        _attach(error, "recording", recording)
        raise error
    return recording


@contextmanager
def record(model: Any = None, *, limits: Limits = Limits(), limit_bytes: int | None = None) -> Iterator[Recording]:
    """Records the operations of the block, which may be any code; the recording is complete when the block ends.

    `model` gives the names of modules, parameters, inputs and of the output; without it they are found as they are met.
    Past `limit_bytes` of host memory the oldest values go to a temporary file.
    Exceptions pass through unchanged, with the run so far as their `recording`; the name bound by `as` holds it too.
    """
    recorder = Recorder(model, limits, limit_bytes=limit_bytes)
    recording = Recording.__new__(Recording)
    try:
        with recorder:
            yield recording
    except BaseException as error:
        _attach(error, "recording", recording)
        raise
    finally:
        vars(recording).update(vars(make_recording(recorder, _name(model))))
        guard(recording, recorder.shared)


def _run(
    recorder: Recorder, model: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> BaseException | None:
    try:
        with recorder:
            recorder.are_inputs_named = True
            recorder.name_inputs(model.forward if isinstance(model, nn.Module) else model, args, kwargs)
            result = model(*args, **kwargs)
            recorder.set_output(result)
    except BaseException as error:
        return error
    return None


def _attach(error: BaseException, name: str, value: Any) -> None:
    try:
        setattr(error, name, value)
    except AttributeError:  # an exception class with __slots__
        pass


def _name(model: Any) -> str:
    if isinstance(model, nn.Module):
        return type(model).__name__
    return getattr(model, "__name__", type(model).__name__) if model is not None else "run"


def _check_model(model: Any, function: str) -> None:
    if isinstance(model, type) and issubclass(model, nn.Module):
        raise CaptureError(
            f"{model.__name__} is a class, not a model; make one first: graphtools.{function}({model.__name__}(), x)"
        )
    if isinstance(model, str | PathLike):
        stem = PurePath(model).stem
        file = stem if stem.isidentifier() else "your_file"
        command = "trace" if function == "trace" else "debug"
        raise CaptureError(
            f"{str(model)!r} is a {type(model).__name__}, not a model; import the model (from {file} import Net) and "
            f"call graphtools.{function}(Net(), x), or run in a shell: graphtools {command} {model}"
        )
    if not callable(model):
        raise CaptureError(
            f"the model is of type {type(model).__name__}, which cannot be called; give a torch.nn.Module or a function"
        )


def _call(args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    words = ["x"] if len(args) == 1 else [f"x{position}" for position in range(len(args))]
    return ", ".join([*words, *(f"{key}={key}" for key in kwargs), 'method="record"'])
