"""Compares the gradient that an operation sent with finite differences of the operation itself."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch

from graphtools import compat
from graphtools.derivatives import Call, rule_of
from graphtools.derivatives.rule import wide
from graphtools.errors import CaptureError, GraphtoolsError
from graphtools.explaining.origins import is_finite
from graphtools.explaining.parts import Check
from graphtools.graph import ListArg, Node, Path, Ref, Symbol
from graphtools.recording import Recording, ValueLost
from graphtools.replaying import run_node
from graphtools.statistics import number
from graphtools.structure import part, replace_leaves, tensors

_SAMPLES = 20
_TOO_LARGE = 1e12  # an element, as of a mask, that float64 cannot tell from one a little larger


class _CannotCheckError(Exception):
    """Finite differences cannot be had here; the message says why."""


def check_calls(calls: list[Call], of: Node | None = None) -> Check:
    """Central differences in float64 of each call's Σ output · ∂L/∂output, against what it sent to its arguments.

    Of at most 20 elements, or of the argument `of` alone if that is given. Runs the operation twice for each element,
    on copies, with its recorded random state; torch's generators are left as they were. Raises GraphtoolsError for a
    recording that was loaded from a file.
    """
    if not calls:
        return Check("nothing to check: no recorded operation sent a gradient here")
    if calls[0].recording.graph.live is None:
        raise GraphtoolsError(
            "check=True runs the operation again, and this recording was loaded from a file without its program; "
            "explain it without check, or check it in the session that records it"
        )
    worst, n_elements, n_corners, tolerance = 0.0, 0, 0, 0.0
    for call in calls:
        try:
            found = _Differences(call, of).compare(max(1, _SAMPLES // len(calls)))
        except (_CannotCheckError, ValueLost, CaptureError) as reason:
            return Check(f"finite differences cannot be had of {call.node.name}: {reason}")
        worst, n_elements = max(worst, found[0]), n_elements + found[1]
        n_corners, tolerance = n_corners + found[2], max(tolerance, found[3])
    corners = f"; {n_corners} more are at a corner, where the derivative jumps, or too large" if n_corners else ""
    if not n_elements:
        return Check(
            "nothing was compared: every element looked at is at a corner, where the derivative jumps, or too large"
        )
    verdict = "agrees" if worst <= tolerance else "does not agree"
    text = f"{verdict} with finite differences at {n_elements} elements: largest relative disagreement {number(worst)}"
    return Check(text + corners, n_elements, worst, tolerance)


class _Differences:
    """The differences of one call."""

    def __init__(self, call: Call, of: Node | None) -> None:
        self.call = call
        node = call.node
        if node.after:
            raise _CannotCheckError(
                "it reads memory that another operation wrote in place, which its arguments do not show"
            )
        if node.operation.startswith("embedding") and node.writes:
            raise _CannotCheckError("it first scales rows of its weight to max_norm, which its gradient leaves out")
        padding = call.given(2, "padding_idx") if node.operation == "embedding" else None
        if padding is not None and padding >= 0:
            raise _CannotCheckError(f"the row of padding_idx={padding} gets no gradient, by design")
        if node.operation == "gumbel_softmax" and call.given(2, "hard"):
            raise _CannotCheckError("with hard=True its gradient is that of the soft result, by design")
        if not call.incoming:
            raise _CannotCheckError("no gradient arrived at it")
        self.sent = {ref: gradient for ref, gradient in call.outgoing.items() if of is None or ref.node == of.name}
        if not self.sent:
            raise _CannotCheckError("it sent no gradient to a recorded argument")
        rule = rule_of(node)
        if rule is not None and rule.unchecked:
            raise _CannotCheckError(rule.unchecked)
        if not all(map(is_finite, (*self.sent.values(), *call.incoming.values()))):
            raise _CannotCheckError("its gradients are not finite")
        self.node = replace(
            node, args=_in_float64(node.args), kwargs={name: _in_float64(arg) for name, arg in node.kwargs.items()}
        )
        self.environment = {ref.node: _widened(_whole(call.recording, ref.node)) for ref in node.refs()}
        events = call.recording.events
        self.rng_state = next((e.rng_state for e in events if e.node == node.name and e.rng_state is not None), None)
        self.epsilon = max(
            torch.finfo(gradient.dtype).eps for gradient in (*self.sent.values(), *call.incoming.values())
        )
        if "autocast" in node.state:
            self.epsilon = max(self.epsilon, torch.finfo(getattr(torch, node.state["autocast"].split(".")[-1])).eps)
        self.start, precision = self._first()
        self.step = precision ** (1 / 3)

    def _first(self) -> tuple[dict[Path, torch.Tensor], float]:
        """The results at the recorded arguments, and the precision of the dtype that the operation computes in."""
        result = self._result(self.environment)
        precision = 0.0
        for path in self.call.incoming:
            again = _at(result, path)
            recorded = _at_recorded(self.call.recording, self.call.node, path)
            if not isinstance(again, torch.Tensor) or again.shape != recorded.shape:
                raise _CannotCheckError("run again, it gives a result of another shape")
            if not (is_finite(again) and is_finite(recorded)):
                raise _CannotCheckError("its value is not finite")
            precision = max(precision, torch.finfo(again.dtype).eps)
            apart = float((wide(again) - wide(recorded)).abs().max()) if again.numel() else 0.0
            size = float(wide(recorded).abs().max()) if again.numel() else 0.0
            if apart > 100 * math.sqrt(self.epsilon) * max(size, 1e-6):
                raise _CannotCheckError(
                    "run again in float64, it gives another value (its random numbers, or what it reads)"
                )
        return {path: wide(_at(result, path)) for path in self.call.incoming}, precision

    def _result(self, environment: Mapping[str, Any]) -> Any:
        node, graph = self.node, self.call.recording.graph
        copies = {
            name: replace_leaves(value, _copied) if not _is_leaf(value) else _copied(value)
            for name, value in environment.items()
        }
        before = compat.rng_state()
        try:
            if self.rng_state is not None:
                compat.set_rng_state(self.rng_state)
            with torch.no_grad():
                try:
                    return run_node(node, graph, copies, self.rng_state)
                except (RuntimeError, TypeError, ValueError, NotImplementedError) as error:
                    raise _CannotCheckError(f"run again in float64, it raises: {str(error).splitlines()[0]}") from error
        finally:
            compat.set_rng_state(before)

    def _change(self, result: Any) -> float:
        """What the sum of output · gradient differs from that at the recorded arguments, element by element."""
        change = 0.0
        for path, gradient in self.call.incoming.items():
            apart = wide(_at(result, path)) - self.start[path]
            change += float((apart * wide(gradient).conj()).real.sum())
        return change

    def _moved(self, ref: Ref, index: int, by: float) -> float:
        environment = dict(self.environment)
        whole = environment[ref.node]
        environment[ref.node] = whole = replace_leaves(whole, _copied) if not _is_leaf(whole) else _copied(whole)
        numbers = _numbers(part(whole, ref.path))
        numbers[tuple(torch.unravel_index(torch.tensor(index), numbers.shape))] += by
        return self._change(self._result(environment))

    def compare(self, n_samples: int) -> tuple[float, int, int, float]:
        """The largest disagreement, elements compared, elements left out, and the tolerance."""
        worst, n_elements, n_corners = 0.0, 0, 0
        generator = torch.Generator().manual_seed(0)
        share = max(1, n_samples // len(self.sent))
        tolerance = max(1e-3, 10 * self.epsilon ** (2 / 3))
        largest = max((float(g.abs().max()) for g in self.sent.values() if g.numel()), default=0.0)
        arrived = max((float(g.abs().max()) for g in self.call.incoming.values() if g.numel()), default=0.0)
        # Where terms cancel, what is left of them is rounding of the recorded dtype, and no derivative.
        least = max(1e-2 * largest, 10 * self.epsilon * arrived / tolerance, 1e-30)
        for ref, gradient in list(self.sent.items())[:n_samples]:
            values = part(self.environment[ref.node], ref.path)
            if not isinstance(values, torch.Tensor) or values.shape != gradient.shape:
                raise _CannotCheckError(f"{ref.node} is no plain tensor")
            if values.is_complex() != gradient.is_complex() or not (values.is_complex() or values.is_floating_point()):
                raise _CannotCheckError(f"{ref.node} is no floating-point tensor")
            flat, recorded = _numbers(values).reshape(-1), _numbers(wide(gradient)).reshape(-1)
            top = recorded.abs().topk(min(share // 2, recorded.numel())).indices.tolist()
            drawn = (
                torch.randint(recorded.numel(), (share - len(top),), generator=generator).tolist()
                if recorded.numel()
                else []
            )
            for index in dict.fromkeys([*top, *drawn]):
                size = abs(float(flat[index]))
                if size > _TOO_LARGE:
                    n_corners += 1
                    continue
                h = self.step * max(1e-2, min(size, size**0.5))  # a mask of -1e6 would else be moved by far too much
                right = self._moved(ref, index, h) / h
                left = -self._moved(ref, index, -h) / h
                expected = float(recorded[index])
                size = max(abs(right), abs(left), abs(expected), least)
                if abs(right - left) > 0.05 * size:
                    n_corners += 1
                    continue
                worst = max(worst, abs((left + right) / 2 - expected) / size)
                n_elements += 1
        return worst, n_elements, n_corners, tolerance


def _numbers(tensor: torch.Tensor) -> torch.Tensor:
    """The tensor, or the real and imaginary parts of a complex one as a view."""
    return torch.view_as_real(tensor.resolve_conj()) if tensor.is_complex() else tensor


def _in_float64(arg: Any) -> Any:
    """An argument with float64 in place of each floating-point dtype, as in `softmax(x, dtype=torch.float32)`."""
    if isinstance(arg, Symbol) and arg.kind == "dtype" and "float" in arg.text:
        return Symbol("dtype", "torch.float64")
    if isinstance(arg, ListArg):
        return arg
    return tuple(map(_in_float64, arg)) if isinstance(arg, tuple) else arg


def _is_leaf(value: Any) -> bool:
    return not isinstance(value, tuple | list | dict)


def _copied(leaf: Any) -> Any:
    return leaf.clone() if isinstance(leaf, torch.Tensor) else leaf


def _widened(value: Any) -> Any:
    def widen(leaf: Any) -> Any:
        if not isinstance(leaf, torch.Tensor):
            return leaf
        leaf = leaf.detach()
        if leaf.layout != torch.strided or leaf.is_nested or leaf.is_quantized:
            raise _CannotCheckError("an argument is sparse, nested or quantized")
        if leaf.device.type == "meta" or compat.is_fake(leaf):
            raise _CannotCheckError("an argument is a fake tensor without values")
        if leaf.is_complex():
            return leaf.resolve_conj().to(torch.complex128)
        return leaf.double() if leaf.is_floating_point() else leaf

    return widen(value) if _is_leaf(value) else replace_leaves(value, widen)


def _whole(recording: Recording, name: str) -> Any:
    """The value of a node as nested lists and dicts, so that each path leads to its tensor."""
    kept = recording.content.values.get(name, {})
    if set(kept) <= {()}:
        return recording.value(name)
    whole: Any = None
    for path in kept:
        whole = _put(whole, path, recording.value(name, path))
    return whole


def _put(whole: Any, path: Path, value: Any) -> Any:
    if not path:
        return value
    key, rest = path[0], path[1:]
    if isinstance(key, int):
        items = list(whole or [])
        items += [None] * (key + 1 - len(items))
        items[key] = _put(items[key], rest, value)
        return items
    found = dict(whole or {})
    found[key] = _put(found.get(key), rest, value)
    return found


def _at(result: Any, path: Path) -> Any:
    return part(result, path) if path else next((tensor for _, tensor in tensors(result)), result)


def _at_recorded(recording: Recording, node: Node, path: Path) -> torch.Tensor:
    kept = recording.content.values.get(node.name, {})
    found = recording.value(node, path if path in kept else None)
    return found[0] if isinstance(found, tuple) else found  # type: ignore[no-any-return]
