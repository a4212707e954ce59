"""What a derivative rule is, and the call of an operation that its numbers are computed from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import torch

from graphtools.graph import ListArg, Node, Path, Ref, Symbol
from graphtools.recording import Recording
from graphtools.statistics import NoValuesError, number, stored_values

Effect = Literal["changes", "moves", "stops"]


@dataclass(frozen=True, slots=True)
class Factor:
    """One number that a rule multiplies, selects or divides by: `words` say it, `number` is the figure in them."""

    words: str
    number: float | None = None


@dataclass(frozen=True, slots=True)
class Input:
    """An argument that gradients flow to: its name in torch's signature, its formula, and where the rule is one factor
    for each element, what computes that factor ∂y/∂x in float64, shaped to broadcast with the output."""

    name: str
    symbol: str
    slope: Callable[[Call], torch.Tensor] | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """How one operation turns the gradient of its output into those of its inputs.

    `words` are the last words of the targets that it is for, without underscores around them: `relu` is for
    `torch.relu`, `torch.Tensor.relu_` and `torch.nn.functional.relu`. `inputs` stand in the order of torch's signature;
    further arguments have the last one's formula. `effect` is "moves" where every element of the gradient is kept or
    dropped and none is changed, "stops" where none passes. `factors` gives the actual numbers of a call, `zero`,
    `value` and `grad` the reason for an all-zero gradient, a non-finite value and a non-finite gradient made here, ""
    where it knows none. They read the tensors of the call, and raise ValueLost where one was not kept.
    """

    words: str
    sentence: str
    inputs: tuple[Input, ...] = ()
    effect: Effect = "changes"
    factors: Callable[[Call], Iterable[Factor]] | None = None
    zero: Callable[[Call], str] | None = None
    value: Callable[[Call], str] | None = None
    grad: Callable[[Call], str] | None = None
    unchecked: str = ""  # why finite differences of one element are not what torch's gradient is, by design
    targets: tuple[str, ...] = ()  # whole targets, where the last word alone would say another operation

    @property
    def symbol(self) -> str:
        """The formulas of all inputs that gradients flow to, one a line."""
        return "\n".join(part.symbol for part in self.inputs if "∂" in part.symbol)

    def input_of(self, place: int | str) -> Input | None:
        """The Input for the argument at that position or of that name; None if no gradient flows there."""
        if isinstance(place, str):
            return next((part for part in self.inputs if part.name == place), None)
        return self.inputs[min(place, len(self.inputs) - 1)] if self.inputs else None


@dataclass(frozen=True)
class Call:
    """One recorded call: its arguments and result as they were, and the gradients by where they stand.

    `incoming` are ∂L/∂output by path, `outgoing` what the call sent to each of its arguments. `of` is the argument
    whose gradient is asked about, where it is one.
    """

    recording: Recording
    node: Node
    incoming: Mapping[Path, torch.Tensor] = field(default_factory=dict)
    outgoing: Mapping[Ref, torch.Tensor] = field(default_factory=dict)
    of: Ref | None = None

    def raw(self, position: int, *names: str) -> Any:
        """The argument as the graph writes it; None if it was not given."""
        if position < len(self.node.args):
            return self.node.args[position]
        return next((self.node.kwargs[name] for name in names if name in self.node.kwargs), None)

    def given(self, position: int, *names: str) -> Any:
        """The argument as it was: tensors looked up, everything else as Python has it."""
        return self.read(self.raw(position, *names))

    def read(self, arg: Any) -> Any:
        """An argument with its references replaced by recorded values."""
        if isinstance(arg, Ref):
            kept = self.recording.content.values.get(arg.node, {})
            found = self.recording.value(arg.node, arg.path if arg.path in kept else None)
            return found
        if isinstance(arg, ListArg):
            return [self.read(item) for item in arg]
        if isinstance(arg, tuple):
            return tuple(self.read(item) for item in arg)
        if isinstance(arg, slice):
            return slice(self.read(arg.start), self.read(arg.stop), self.read(arg.step))
        if isinstance(arg, Symbol) and arg.kind == "dtype":
            return getattr(torch, arg.text.removeprefix("torch."))
        return arg

    def wide(self, position: int, *names: str) -> torch.Tensor:
        """The argument as a float64 (or complex128) tensor; a Python number as a tensor without dimensions."""
        return wide(self.given(position, *names))

    @cached_property
    def x(self) -> torch.Tensor:
        """The first argument in float64."""
        return self.wide(0, "input", "self")

    @cached_property
    def result(self) -> Any:
        """What the call gave, as it was."""
        return self.recording.value(self.node)

    @cached_property
    def y(self) -> torch.Tensor:
        """The first tensor that the call gave, in float64."""
        found = self.result
        while isinstance(found, tuple):
            found = found[0]
        return wide(found)

    @cached_property
    def grad(self) -> torch.Tensor | None:
        """The gradient of the first output that got one, in float64."""
        return next((wide(gradient) for gradient in self.incoming.values()), None)


def arguments_of(node: Node) -> list[tuple[int | str, Any]]:
    """The arguments of a node, each with its position or keyword."""
    return [*enumerate(node.args), *node.kwargs.items()]


def wide(found: Any) -> torch.Tensor:
    """`found`, a tensor or number, in float64 or complex128, detached."""
    if not isinstance(found, torch.Tensor):
        return torch.tensor(found, dtype=torch.complex128 if isinstance(found, complex) else torch.float64)
    found = found.detach()
    if found.is_quantized:
        found = found.dequantize()
    return found.to(torch.complex128 if found.is_complex() else torch.float64)


def share(part: torch.Tensor, noun: str = "elements") -> Factor:
    """How many of the elements of a bool tensor are True: `62 of 100 elements (62%)`."""
    count, total = int(part.sum()), part.numel()
    percent = count / total if total else 0.0
    return Factor(f"{count:,} of {total:,} {noun} ({percent_text(percent)})", percent)


def percent_text(percent: float) -> str:
    """A share as a percentage that is 0% or 100% only where it is exactly that."""
    text = f"{percent:.0%}"
    return "<1%" if text == "0%" and percent > 0 else ">99%" if text == "100%" and percent < 1 else text


def norm_of(tensor: torch.Tensor) -> float:
    """The root of the sum of squares, in float64; NaN for a tensor without values (a fake one)."""
    try:
        values, _, _ = stored_values(tensor)
    except NoValuesError:
        return float("nan")
    return float(torch.linalg.vector_norm(wide(values)))


def size_factor(name: str, tensor: Any) -> Factor:
    """The norm and shape of a factor: `W is f32[10, 4] with norm 2.1`; a number by itself."""
    if not isinstance(tensor, torch.Tensor):
        return Factor(f"{name} = {number(tensor) if isinstance(tensor, bool | int | float) else tensor}", _real(tensor))
    norm = norm_of(tensor)
    if tensor.numel() == 1:
        return Factor(f"{name} = {number(float(wide(tensor).abs() if tensor.is_complex() else tensor))}", norm)
    return Factor(f"{name} has shape [{', '.join(map(str, tensor.shape))}] and norm {number(norm)}", norm)


def _real(given: Any) -> float | None:
    return float(given) if isinstance(given, bool | int | float) else None


def slope_factor(name: str, slope: torch.Tensor) -> Factor:
    """One factor per element in words: how many pass, or how large the factors are and how many are nearly zero."""
    size = slope.abs() if slope.is_complex() else slope
    if size.numel() == 0:
        return Factor(f"{name}: no elements")
    if size.numel() == 1 or bool((size == size.reshape(-1)[0]).all()):
        only = float(size.reshape(-1)[0])
        return Factor(f"{name} = {number(only)} everywhere" if size.numel() > 1 else f"{name} = {number(only)}", only)
    if bool(((size == 0) | (size == 1)).all()):
        passing = share(size == 1)
        return Factor(f"{name} is 1 at {passing.words}, 0 at the others", passing.number)
    finite = size[size.isfinite()]
    if finite.numel() == 0:
        return Factor(f"{name} is finite nowhere")
    mean = float(finite.mean())
    text = f"{name}: mean {number(mean)}, from {number(float(finite.min()))} to {number(float(finite.max()))}"
    n_zeros, n_odd = int((finite == 0).sum()), size.numel() - finite.numel()
    text += f", 0 at {n_zeros:,} of {size.numel():,} elements" if n_zeros else ""
    text += f", not finite at {n_odd:,}" if n_odd else ""
    return Factor(text, mean)


def pointwise(
    words: str,
    formula: str,
    sentence: str,
    slope: Callable[[Call], torch.Tensor],
    saturated: float | None = None,
    zero: Callable[[Call], str] | None = None,
    value: Callable[[Call], str] | None = None,
    grad: Callable[[Call], str] | None = None,
    targets: tuple[str, ...] = (),
) -> Rule:
    """A rule for one factor an element; with `saturated`, the share of elements with a smaller factor is shown."""

    def factors(call: Call) -> Iterable[Factor]:
        if saturated is not None:
            found = share(slope(call).abs() < saturated)
            yield Factor(f"saturated (∂y/∂x below {saturated:g}): {found.words}", found.number)

    return Rule(
        words,
        sentence,
        (Input("input", f"∂L/∂x = ∂L/∂y · {formula}", slope),),
        factors=factors if saturated is not None else None,
        zero=zero,
        value=value,
        grad=grad,
        targets=targets,
    )


def count_of(part: torch.Tensor) -> str:
    """How many elements of a bool tensor are True: `3 of 64`."""
    return f"{int(part.sum()):,} of {part.numel():,}"


def ends(tensor: torch.Tensor) -> str:
    """The range of the finite elements: `from -1.2 to 0.8`."""
    finite = tensor[tensor.isfinite()]
    if finite.numel() == 0:
        return "not finite anywhere"
    return f"from {number(float(finite.min()))} to {number(float(finite.max()))}"


def largest(tensor: torch.Tensor) -> str:
    """The largest size of an element."""
    return number(float(tensor.abs().max())) if tensor.numel() else "none"


def outside(low: float, high: float) -> Callable[[Call], str]:
    """Says how many inputs are outside a range, or "" if none is."""

    def said(call: Call) -> str:
        is_outside = (call.x < low) | (call.x > high)
        return f"{count_of(is_outside)} inputs are outside {low:g} to {high:g}" if is_outside.any() else ""

    return said
