"""One entry of the palette: a module class or a function, with what a form and a picture of it need."""

from __future__ import annotations

import inspect
import re
import types
import typing
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn

from graphtools.drafting.settings import parameters_of
from graphtools.drafting.targets import signature

Control = Literal["integer", "number", "switch", "choice", "sizes", "text", "dtype", "value"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter that is set in a form: its control, default (as it is in Python), and choices for "choice".

    "sizes" is a number or several, as in kernel_size=3 or (3, 1); "value" is any literal.
    """

    name: str
    control: Control
    is_required: bool
    default: Any = None
    choices: tuple[str, ...] = ()
    can_be_none: bool = False
    type: str = ""


@dataclass(frozen=True, slots=True)
class Port:
    """A place where a value comes in. `is_list` is one that takes any number of values (`torch.cat`)."""

    name: str
    is_required: bool = True
    is_list: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """What can be added to a draft: `draft.add(entry.target, …)`."""

    target: str
    title: str
    group: str
    category: str
    is_module: bool
    summary: str
    documentation: str
    signature: str
    parameters: tuple[Parameter, ...]
    inputs: tuple[Port, ...]
    outputs: tuple[str, ...]


# Choices that the signatures of torch give as plain texts.
_CHOICES = {
    "padding_mode": ("zeros", "reflect", "replicate", "circular"),
    "approximate": ("none", "tanh"),
    "reduction": ("mean", "sum", "none"),
    "nonlinearity": ("tanh", "relu"),
    "activation": ("relu", "gelu"),
    "rounding_mode": ("trunc", "floor"),
    "interpolation": ("nearest", "bilinear"),
}
_MODES = {
    "Upsample": ("nearest", "linear", "bilinear", "bicubic", "trilinear", "nearest-exact"),
    "interpolate": ("nearest", "linear", "bilinear", "bicubic", "trilinear", "area", "nearest-exact"),
    "EmbeddingBag": ("sum", "mean", "max"),
    "embedding_bag": ("sum", "mean", "max"),
    "pad": ("constant", "reflect", "replicate", "circular"),
    "grid_sample": ("bilinear", "nearest", "bicubic"),
    "stochastic_depth": ("batch", "row"),
    "StochasticDepth": ("batch", "row"),
}
_SIZES = frozenset(
    "kernel_size stride padding dilation output_padding output_size size normalized_shape unflattened_size shape dims "
    "sizes repeats scale_factor output_ratio".split()
)
_TENSORS = frozenset(
    "input other tensor1 tensor2 mat1 mat2 vec1 vec2 target weight query key value x y index mask src tgt "
    "condition exponent end start batch1 batch2 vec mat self values indices source hx bias grid boxes rois".split()
)
_LISTS = frozenset("tensors operands matrices".split())


def module_entry(target: str, kind: type[nn.Module], group: str, category: str) -> Entry:
    """The entry of a module class."""
    documentation = inspect.getdoc(kind) or ""
    parameters = tuple(
        _parameter(kind.__name__, parameter, documentation)
        for parameter in parameters_of(kind).values()
        if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        and not parameter.name.startswith("_")
    )
    if issubclass(kind, nn.RNNBase):
        parameters = _recurrent(kind)
    found = signature(kind)
    ports = []
    for parameter in found.parameters.values() if found is not None else ():
        is_tensor = "Tensor" in _type_text(parameter.annotation) or parameter.default is parameter.empty
        if parameter.kind is parameter.VAR_POSITIONAL:
            ports.append(Port(parameter.name, False, True))
        elif is_tensor and parameter.kind is not parameter.VAR_KEYWORD:
            ports.append(Port(parameter.name, parameter.default is parameter.empty))
    outputs = {"LSTM": ("output", "h_n", "c_n"), "GRU": ("output", "h_n"), "RNN": ("output", "h_n")}.get(
        kind.__name__, ("output", "weights") if kind.__name__ == "MultiheadAttention" else ("output",)
    )
    text = f"{kind.__name__}({', '.join(_declared(p) for p in parameters)})"
    return Entry(
        target, kind.__name__, group, category, True, summary_of(documentation), documentation, text, parameters,
        tuple(ports), outputs,
    )  # fmt: skip


def function_entry(target: str, function: Any, group: str, category: str) -> Entry | None:
    """The entry of a function; None for one without a known signature or without a tensor to take."""
    found = signature(function)
    if found is None:
        return None
    documentation = inspect.getdoc(function) or ""
    name = target.rsplit(".", 1)[-1]
    parameters, ports = [], []
    for parameter in found.parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD or parameter.name in (
            "out",
            "generator",
            "requires_grad",
            "pin_memory",
        ):
            continue
        if parameter.name in _LISTS or parameter.kind is parameter.VAR_POSITIONAL:
            ports.append(Port(parameter.name, True, True))
        elif _is_tensor(parameter, documentation):
            ports.append(Port(parameter.name, parameter.default is parameter.empty))
        elif parameter.name not in ("device", "layout", "names", "memory_format", "_stacklevel"):
            parameters.append(_parameter(name, parameter, documentation))
    if not ports:
        return None
    first = documentation.split("\n", 1)[0].strip()
    text = (
        first
        if first.startswith(name + "(")
        else f"{name}({', '.join([*(p.name for p in ports), *map(_declared, parameters)])})"
    )
    return Entry(
        target, name, group, category, False, summary_of(documentation), documentation, text, tuple(parameters),
        tuple(ports), ("output",),
    )  # fmt: skip


def _is_tensor(parameter: inspect.Parameter, documentation: str) -> bool:
    text = _type_text(parameter.annotation)
    if text:
        return "Tensor" in text and "Sequence" not in text
    if re.search(rf"^\s*{parameter.name}\s*\((Long|Bool|Int|Float)?Tensor", documentation, re.MULTILINE):
        return True
    has_number = re.search(rf"^\s*{parameter.name}\s*\((int|float|bool|str|tuple|Number)", documentation, re.MULTILINE)
    return parameter.name in _TENSORS and parameter.default is parameter.empty and not has_number


def _parameter(owner: str, parameter: inspect.Parameter, documentation: str) -> Parameter:
    is_required = parameter.default is parameter.empty
    default = None if is_required else parameter.default
    text = _type_text(parameter.annotation)
    can_be_none = (default is None and not is_required) or "None" in text or "Optional" in text
    choices = _literals(parameter.annotation) or _CHOICES.get(parameter.name, ())
    if parameter.name == "mode":
        choices = _MODES.get(owner, choices)
    control: Control
    if choices and not isinstance(default, bool):
        control = "choice"
    elif "dtype" in text or parameter.name == "dtype":
        control = "dtype"
    elif isinstance(default, bool) or text == "bool":
        control = "switch"
    elif (
        parameter.name in _SIZES
        or _takes_several(parameter.name, documentation)
        or "_size_" in text
        or "tuple[int" in text.lower()
    ):
        control = "sizes"
    elif (
        isinstance(default, int)
        or parameter.name in ("dim", "dim0", "dim1", "groups")
        or _is_of(text, "int", documentation, parameter.name)
    ):
        control = "integer"
    elif isinstance(default, float) or _is_of(text, "float", documentation, parameter.name):
        control = "number"
    elif isinstance(default, str) or _is_of(text, "str", documentation, parameter.name):
        control = "text"
    else:
        control = "value"
    shown = default if isinstance(default, bool | int | float | str | tuple | list | type(None)) else str(default)
    return Parameter(parameter.name, control, is_required, shown, tuple(choices), can_be_none, text)


def _takes_several(name: str, documentation: str) -> bool:
    """Whether a parameter is one dimension or several, as that of `mean`."""
    return name == "dim" and re.search(r"^\s*dim\s*\((int or )?tuple", documentation, re.MULTILINE) is not None


def _is_of(text: str, word: str, documentation: str, name: str) -> bool:
    if text:
        return text.replace(" | None", "").replace("Optional[", "").rstrip("]") == word
    return re.search(rf"^\s*{name}\s*\({word}", documentation, re.MULTILINE) is not None


def _type_text(annotation: Any) -> str:
    if annotation is inspect.Parameter.empty:
        return ""
    if isinstance(annotation, str):
        return annotation
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        return annotation.__name__
    return str(annotation).replace("typing.", "").replace("torch.", "")


def _literals(annotation: Any) -> tuple[str, ...]:
    if typing.get_origin(annotation) is Literal:
        return tuple(choice for choice in typing.get_args(annotation) if isinstance(choice, str))
    return ()


def _recurrent(kind: type) -> tuple[Parameter, ...]:
    found = [
        Parameter("input_size", "integer", True, type="int"),
        Parameter("hidden_size", "integer", True, type="int"),
        Parameter("num_layers", "integer", False, 1, type="int"),
        Parameter("bias", "switch", False, True, type="bool"),
        Parameter("batch_first", "switch", False, False, type="bool"),
        Parameter("dropout", "number", False, 0.0, type="float"),
        Parameter("bidirectional", "switch", False, False, type="bool"),
    ]
    if kind is nn.RNN:
        found.append(Parameter("nonlinearity", "choice", False, "tanh", ("tanh", "relu"), type="str"))
    if kind is nn.LSTM:
        found.append(Parameter("proj_size", "integer", False, 0, type="int"))
    return tuple(found)


def _declared(parameter: Parameter) -> str:
    return parameter.name if parameter.is_required else f"{parameter.name}={parameter.default!r}"


def summary_of(documentation: str) -> str:
    """The first sentence of a docstring, without reStructuredText and without the signature that torch puts first."""
    paragraphs = re.split(r"\n\s*\n", documentation.strip())
    for paragraph in paragraphs:
        text = " ".join(paragraph.split())
        if (
            not text
            or re.match(r"^[\w.]+\(.*\)\s*(->.*)?$", text)
            or text.startswith((".. ", "See :", ":math", ".. math"))
        ):
            continue
        text = re.sub(r"^[\w.]+\([^)]*\)\s*->\s*[\w\[\], ]+?\s(?=[A-Z])", "", text)
        text = re.sub(r":[\w:]+:`~?\.?([^`<]*?)(?:\s*<[^>]*>)?`", r"\1", text).replace("``", "")
        return re.split(r"(?<=[.!?])\s", text, maxsplit=1)[0]
    return ""


__all__ = ["Control", "Entry", "Parameter", "Port", "function_entry", "module_entry", "summary_of", "torch"]
