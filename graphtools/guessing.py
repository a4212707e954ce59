"""Example inputs guessed for a model: from the layers that forward's arguments go to, and from the arguments' names.

A guess is tried out by running the model; what is not accepted is shown all the same, so that one sees where it fails.
"""

from __future__ import annotations

import inspect
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import torch
from torch import nn

from graphtools.capture.eager import Recorder
from graphtools.capture.preserve import preserved
from graphtools.errors import LimitError, LoadError
from graphtools.example_inputs import InputSpec
from graphtools.layer_inputs import first_inputs, layer_inputs, named_inputs
from graphtools.recording import Limits

_TRIES = 24  # guesses that are run at most
_KNOWN = ("input_ids", "pixel_values", "input_values", "input_features")  # transformers' names for what a model reads
_TIMES = [InputSpec((1,)), InputSpec((1,), torch.int64, 0, 100)]  # how far a diffusion has come
# What the message of an exception says if the input's shape, type or range may be at fault.
_ABOUT_INPUTS = re.compile(
    r"shape|size|dim(ension)?s?\b|channel|feature|mat1|dtype|scalar type|expected|out of (range|bounds)|length"
    r"|broadcast|match|index|pixel|patch|resolution|stride|divisible|batch|specify|not enough values|too many values",
    re.IGNORECASE,
)


@dataclass(slots=True)
class Guess:
    """Inputs for a model, and a sentence that says that they are a guess, and what to do if it may be a wrong one."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    note: str


@dataclass(slots=True)
class _Try:
    specs: tuple[InputSpec, ...]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    error: Exception | None = None
    n_calls: int = 0


def torchvision_inputs(name: str) -> Guess:
    """The input that a torchvision model is usually given."""
    from torchvision import models

    family = models.get_model_builder(name).__module__.removeprefix("torchvision.models.")
    if family.startswith("detection"):
        note = "a list of one image 3×320×320, usual for torchvision's detectors"
        return Guess(([torch.rand(3, 320, 320)],), {}, note)
    if family.startswith("optical_flow"):
        pair = (torch.rand(1, 3, 128, 128) * 2 - 1, torch.rand(1, 3, 128, 128) * 2 - 1)
        return Guess(pair, {}, "two images 3×128×128, the smallest that optical flow takes")
    if family.startswith("video"):
        side = 224 if name.startswith(("mvit", "swin", "s3d")) else 112
        note = f"a clip of 16 frames 3×{side}×{side}, usual for {name}"
        return Guess((torch.rand(1, 3, 16, side, side),), {}, note)
    side = 299 if "inception" in name else 224
    note = f"one image 3×{side}×{side}, usual for torchvision's {name}"
    return Guess((torch.randn(1, 3, side, side),), {}, note)


def guess_inputs(
    model: Callable[..., Any],
    target: str,
    limit_s: float = 60.0,
    attempt: Callable[[str], None] = lambda text: None,
) -> Guess:
    """The first guess that the model accepts, else the one with which it gets furthest.

    Runs the model, up to 24 times, each run for at most 10 s and all of them for about `limit_s`; a model that is still
    running then has accepted its input. `attempt` is told each guess before it is tried. Raises LoadError if there is
    nothing to guess from.
    """
    ask = _advice(target)
    parameters = _parameters(model)
    if not isinstance(model, nn.Module):
        named = [p.name for p in parameters if p.default is p.empty] or ["x"]
        sizes = " ".join(f"--input {name}=SIZES" for name in named)
        raise LoadError(
            f"no example input for this function; give it as {sizes} (1,3,224,224 or int64:1,16:0..100){ask}"
        )
    if not parameters:
        return Guess((), {}, "no input: forward takes none")
    ends = time.monotonic() + limit_s
    furthest: _Try | None = None
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    for specs in _guesses(model, parameters):
        tried = _made(specs, parameters, device)
        attempt(", ".join(map(str, specs)) or "no input")
        _run(model, tried, min(10.0, max(0.1, ends - time.monotonic())))
        if tried.error is None:
            return Guess(tried.args, tried.kwargs, _note(tried))
        if specs and (furthest is None or tried.n_calls > furthest.n_calls):
            furthest = tried
        is_hopeless = bool(_required(parameters)) and not _may_be_the_inputs(tried.error)
        if is_hopeless or time.monotonic() > ends:
            break
    if furthest is None:
        sizes = " ".join(f"--input {name}=SIZES" for name in _required(parameters) or [parameters[0].name])
        raise LoadError(
            f"no example input, and no layer of {type(model).__name__} to guess one from; "
            f"give it as {sizes} (1,3,224,224 or int64:1,16:0..100){ask}"
        )
    if furthest.error is None or not _may_be_the_inputs(furthest.error):
        return Guess(furthest.args, furthest.kwargs, _note(furthest))
    typed = " ".join(f"--input {spec.typed()}" for spec in furthest.specs)
    note = f"{_note(furthest)}. If forward takes something else, say what, in this form: {typed}{ask}"
    return Guess(furthest.args, furthest.kwargs, note)


def _advice(target: str) -> str:
    file = target.partition(":")[0]
    return f"; or define `example_input` in {file}" if file.endswith(".py") else ""


def _note(tried: _Try) -> str:
    if not tried.specs:
        return "no input: forward needs none"
    if len(tried.specs) == 1 and tried.args:
        return f"a guess from the first layer: {replace(tried.specs[0], name=None)}"
    return f"a guess from layers and names: {', '.join(map(str, tried.specs))}"


# -- forward's arguments -----------------------------------------------------------------------------------------------


def _parameters(model: Callable[..., Any]) -> list[inspect.Parameter]:
    """The arguments of forward that can be named; one `x` if there is no telling."""
    function = model.forward if isinstance(model, nn.Module) else model
    unknown = [inspect.Parameter("x", inspect.Parameter.POSITIONAL_ONLY)]
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return unknown
    named = [p for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    if any(p.kind is p.VAR_POSITIONAL for p in parameters) and not _required(named):
        return unknown
    return named


def _required(parameters: list[inspect.Parameter]) -> list[str]:
    return [p.name for p in parameters if p.default is p.empty]


def _made(specs: tuple[InputSpec, ...], parameters: list[inspect.Parameter], device: torch.device) -> _Try:
    """The tensors of the specs: by position as long as no argument before is left out, else by name."""
    tensors = {spec.name: spec.make().to(device) for spec in specs}
    args = []
    for parameter in parameters:
        if parameter.kind is parameter.KEYWORD_ONLY or parameter.default is not parameter.empty:
            break
        if parameter.name not in tensors:
            break
        args.append(tensors.pop(parameter.name))
    return _Try(specs, tuple(args), {str(name): tensor for name, tensor in tensors.items()})


def _choices(model: nn.Module, parameters: list[inspect.Parameter]) -> Iterator[list[str]]:
    """The arguments to give, the likeliest set first."""
    required, names = _required(parameters), [p.name for p in parameters]
    if required:
        yield required
        return
    main = getattr(model, "main_input_name", None)  # of transformers' models
    known = [name for name in _KNOWN if name in names]
    first = [main] if main in names else known[:1]
    if first:
        yield first
        if "decoder_input_ids" in names:
            yield [*first, "decoder_input_ids"]
        if len(known) > 1:
            yield known
    yield []
    if not first:
        yield names[:1]


def _guesses(model: nn.Module, parameters: list[inspect.Parameter]) -> Iterator[tuple[InputSpec, ...]]:
    """Specs for each set of arguments to try, at most 24."""
    traced: dict[str, list[InputSpec]] | None = None
    count = 0
    for names in _choices(model, parameters):
        columns = []
        for name in names:
            column = named_inputs(model, name)
            if not column:
                traced = layer_inputs(model) if traced is None else traced
                column = [*(_TIMES if _is_time(name) else []), *traced.get(name, [])]
            columns.append(column)
        fallback = next((column for column in columns if column), None) or first_inputs(model)
        columns = [column or _like(name, fallback) for name, column in zip(names, columns, strict=True)]
        if any(not column for column in columns):
            continue
        for specs in _combined(columns):
            if count == _TRIES:
                return
            count += 1
            yield tuple(replace(spec, name=name) for name, spec in zip(names, specs, strict=True))


def _like(name: str, others: list[InputSpec]) -> list[InputSpec]:
    """What an argument that no layer tells of may be, given the specs of another: a mask, or the same again."""
    if "mask" in name:
        return [InputSpec(spec.shape[:2], torch.bool) for spec in others]
    return others


def _is_time(name: str) -> bool:
    return re.fullmatch(r"t|times?|timesteps?|sigmas?|noise_levels?", name) is not None


def _combined(columns: list[list[InputSpec]]) -> Iterator[tuple[InputSpec, ...]]:
    """One spec for each argument: those of the same place in their lists first, as they belong together."""
    longest = max((len(column) for column in columns), default=1)
    aligned = [tuple(column[min(place, len(column) - 1)] for column in columns) for place in range(longest)]
    yield from dict.fromkeys([*aligned, *product(*columns)] if columns else [()])


# -- trying a guess ----------------------------------------------------------------------------------------------------


def _run(model: nn.Module, tried: _Try, limit_s: float) -> None:
    """Runs the model on a guess and notes what it raised and how many operations it had run."""
    recorder = Recorder(model, Limits(events=20_000, seconds=limit_s), keep_values=False)
    with preserved(model), torch.no_grad():
        try:
            with recorder:
                model(*tried.args, **tried.kwargs)
        except LimitError:  # still running
            pass
        except Exception as error:
            tried.error = error
    tried.n_calls = len(recorder.calls)


def _may_be_the_inputs(error: Exception) -> bool:
    if not isinstance(error, RuntimeError | ValueError | TypeError | IndexError | AssertionError):
        return False
    if isinstance(error, NotImplementedError | RecursionError):
        return False
    return isinstance(error, AssertionError) or _ABOUT_INPUTS.search(str(error)) is not None
