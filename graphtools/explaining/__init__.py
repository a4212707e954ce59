"""Says in words and numbers how the value and the gradient of a node came about."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from graphtools.derivatives import Call, Factor, Rule, rule_of
from graphtools.derivatives.rule import arguments_of, norm_of, slope_factor
from graphtools.explaining.absences import missing_origin
from graphtools.explaining.checking import check_calls
from graphtools.explaining.origins import (
    UNCOMPUTED,
    is_finite,
    is_zero,
    made_here,
    unbounded_origin,
    value_origin,
    zero_origin,
)
from graphtools.explaining.parts import Arrival, Check, Explanation, Origin, RuleText, Step
from graphtools.explaining.passes import Part, Pass, Passes
from graphtools.graph import Node, Path, Ref, references
from graphtools.mistakes import mistake_at
from graphtools.recording import Recording, ValueLost, is_path
from graphtools.statistics import number, one_line

__all__ = ["Arrival", "Check", "Explanation", "Origin", "Passes", "RuleText", "Step", "explain"]

_SHOWN = 4  # results of one node that are written out


def explain(
    recording: Recording,
    of: Node | str,
    path: Path | None = None,
    check: bool = False,
    before: int | None = None,
    passes: Passes | None = None,
) -> Explanation:
    """Why the value and the gradient of `of` (a node, its name, a scope, a parameter's path) are what they are.

    For a node that gave several tensors, `path` picks one. With several backward passes it is the last one that reached
    the node, of those that began before event index `before`. `check` compares what the operation sent on (of a
    parameter or input, what its users sent to it) with finite differences: see `graphtools.explaining.checking`.
    Who explains many nodes of one recording makes its `Passes` once and gives them to each call.
    Reads the tensors of the node, of its users and of the way back to where a zero or non-finite number began, a few
    times each, and copies the node's own to float64. Raises MissingError for an unknown name, and GraphtoolsError where
    `check` is asked of a recording loaded from a file.
    """
    node = _node(recording, of, before)
    passes = passes or Passes(recording)
    backward = passes.that_reached(node, before)
    rule = rule_of(node)
    if check and recording.graph.live is None:
        check_calls([Call(recording, node)])  # raises
    call = Call(recording, node) if backward is None else backward.call(node)
    parts = [] if backward is None else backward.parts(node, path)
    gradients = _gradients(recording, backward, node, path)
    arrivals = tuple(_arrivals(recording, parts))
    return Explanation(
        node,
        path,
        _value_words(recording, node, path),
        _grad_words(recording, backward, node, gradients, before),
        None if rule is None else RuleText(rule.symbol, rule.sentence),
        tuple(_factors(call, rule)),
        arrivals,
        _sum_words(parts, gradients, "gradient" in node.state.get("edited", {})),
        tuple(_sent(call)),
        value_origin(recording, node, path, passes.known),
        None if backward is None else _grad_origin(recording, backward, node, path, gradients),
        _check(backward, node, parts) if check else None,
        tuple(_notes(recording, node, rule, call)),
    )


def _node(recording: Recording, of: Node | str, before: int | None) -> Node:
    """The node; of a parameter named by its path, the one of the last step in which a gradient reached it."""
    node = recording.graph.node(of)
    if not is_path(node, of):
        return node
    same = [other for other in recording.graph.nodes if other.kind == "parameter" and other.target == node.target]
    reached = [(recording.grad_event(other, before=before), other) for other in same]
    return max(
        ((event, other) for event, other in reached if event is not None),
        key=lambda pair: pair[0],
        default=(0, same[-1]),
    )[1]


# -- the value and the gradient ----------------------------------------------------------------------------------------


def _value_words(recording: Recording, node: Node, path: Path | None) -> str:
    failure = recording.failure
    if failure is not None and failure.node == node.name:
        return f"none: it raised {failure.type}: {failure.message.splitlines()[0] if failure.message else ''}".rstrip(
            ": "
        )
    try:
        found = recording.value(node, path)
    except ValueLost as reason:
        return f"not kept: {reason}"
    values = found if isinstance(found, tuple) else (found,)
    lines = [one_line(value) if isinstance(value, torch.Tensor) else repr(value)[:80] for value in values[:_SHOWN]]
    if len(values) > 1:
        paths = [".".join(map(str, place)) for place in recording.content.values[node.name]]
        lines = [f"{place}: {line}" for place, line in zip(paths, lines, strict=False)]
    return "\n".join(lines) + (f"\n… {len(values) - _SHOWN} more" if len(values) > _SHOWN else "")


def _gradients(recording: Recording, backward: Pass | None, node: Node, path: Path | None) -> dict[Path, torch.Tensor]:
    if backward is None or not backward.has_reached(node):
        return {}
    return {place: grad for place, grad in backward.incoming(node).items() if path in (None, place)}


def _grad_words(
    recording: Recording, backward: Pass | None, node: Node, gradients: dict[Path, torch.Tensor], before: int | None
) -> str:
    if backward is None:
        return "none: no backward pass was recorded"
    if not gradients:
        return "not kept" if backward.has_reached(node) else "none arrived"
    lines = [
        (f"{'.'.join(map(str, place))}: " if place else "") + one_line(gradient)
        for place, gradient in list(gradients.items())[:_SHOWN]
    ]
    if node.kind == "parameter":
        try:
            accumulated = recording.grad(node, before=before)
        except ValueLost:
            return "\n".join(lines)
        if accumulated is not None and not _are_equal(accumulated, next(iter(gradients.values()))):
            lines[0] += ", of this pass"
            lines.append(f".grad after it, with what earlier passes left there: {one_line(accumulated)}")
    return "\n".join(lines)


def _are_equal(one: torch.Tensor, other: torch.Tensor) -> bool:
    """True if all elements are equal, NaN to NaN."""
    return one is other or (one.shape == other.shape and torch.equal(one.nan_to_num(), other.nan_to_num()))


# -- the rule ----------------------------------------------------------------------------------------------------------


def _factors(call: Call, rule: Rule | None) -> Iterator[Factor]:
    if rule is None:
        return
    try:
        for place, part in enumerate(rule.inputs):
            arg = call.raw(place, part.name)
            if part.slope is not None and isinstance(arg, Ref):
                yield slope_factor(f"∂y/∂{'x' if part.name == 'input' else part.name}", part.slope(call))
        if rule.factors is not None:
            yield from rule.factors(call)
    except ValueLost:
        yield Factor("the values that they are computed from were not kept")
    except UNCOMPUTED as error:
        if not (call.recording.failure and call.recording.failure.node == call.node.name):
            yield Factor(
                f"they cannot be computed here: {str(error).splitlines()[0] if str(error) else type(error).__name__}"
            )


def _notes(recording: Recording, node: Node, rule: Rule | None, call: Call) -> Iterator[str]:
    edited = node.state.get("edited", {})
    yield from (f"edited: {what} = {text}" for what, text in edited.items())
    if mistake := mistake_at(recording, node):
        yield mistake
    if node.kind == "call" and rule is None:
        text = f"no derivative rule is known for {_ran(node)}"
        incoming = sum(norm_of(gradient) ** 2 for gradient in call.incoming.values()) ** 0.5
        text += f"; measured: norm {number(incoming)} came in" if call.incoming else ""
        for ref, gradient in call.outgoing.items():
            norm = norm_of(gradient)
            ratio = f", {number(norm / incoming)} times that," if incoming else ""
            text += f"; norm {number(norm)}{ratio} went to {ref.node}"
        yield text + ("; explain(..., check=True) compares it with finite differences" if call.outgoing else "")
    padding = call.given(2, "padding_idx") if node.operation == "embedding" and node.kind == "call" else None
    if padding is not None and padding >= 0:
        yield f"the row of padding_idx={padding} gets no gradient, by design"
    if rule is not None and any(gradient.is_complex() for gradient in call.outgoing.values()):
        yield "its numbers are complex: torch gives the gradient by the conjugate, so the rule's factors are conjugated"
    if node.state.get("grad") is False:
        yield "it ran inside torch.no_grad()"
    if node.writes:
        yield f"it overwrites {', '.join(node.writes)} in place"
    if recording.failure is not None:
        yield f"the run stopped early: {recording.failure.type} at {recording.failure.node or 'Python code'}"


def _ran(node: Node) -> str:
    edited = node.state.get("edited", {})
    if "value" in edited:
        return f"{node.operation} with the edit of its value, {edited['value']}"
    return node.operation if "operation" in edited else node.target


# -- what came and went ------------------------------------------------------------------------------------------------


def _arrivals(recording: Recording, parts: list[Part]) -> Iterator[Arrival]:
    norms = [None if part.gradient is None else norm_of(part.gradient) for part in parts]
    finite = [norm for norm in norms if norm is not None and norm == norm and norm != float("inf")]
    total = sum(finite)
    for part, norm in zip(parts, norms, strict=True):
        user = recording.graph[part.user] if part.user else None
        share = norm / total if norm is not None and total and len(finite) == len(norms) else None
        name, source = (user.name, user.source) if user is not None else ("code that is no recorded operation", None)
        yield Arrival(name, source, norm, share, "" if user is None else _symbol(user, part.ref))


def _symbol(user: Node, ref: Ref) -> str:
    """The formula of the argument of `user` that `ref` is."""
    rule = rule_of(user)
    if rule is None:
        return ""
    for place, arg in arguments_of(user):
        if ref in references(arg):
            found = rule.input_of(place)
            return found.symbol if found is not None else ""
    return ""


def _sum_words(parts: list[Part], gradients: dict[Path, torch.Tensor], is_edited: bool) -> str:
    try:
        said = _compared_sum(parts, gradients)
        return "Their sum is what the edit of this gradient was given." if is_edited and said else said
    except UNCOMPUTED:  # sparse and nested gradients
        return ""


def _compared_sum(parts: list[Part], gradients: dict[Path, torch.Tensor]) -> str:
    if not parts or not gradients:
        return ""
    if any(part.gradient is None for part in parts):
        return "Not all parts were kept, so their sum is not known."
    for place, recorded in gradients.items():
        found = [part.gradient for part in parts if part.ref.path == place and part.gradient is not None]
        if not found:
            return "Some of the gradient came from code that is no recorded operation."
        total = found[0].double() if not found[0].is_complex() else found[0]
        for part in found[1:]:
            total = total + part
        if total.shape != recorded.shape:
            return "What arrived has another shape than the recorded gradient."
        if not is_finite(recorded):
            return ""
        apart = (total - recorded).abs()
        sizes = [float(one.abs().max()) for one in (recorded, *found) if one.numel()]
        limit = 1e-4 * max(sizes, default=0.0)  # of large parts that cancel, rounding is left
        if recorded.numel() and float(apart.max()) > limit:
            return "Their sum is not the recorded gradient: a hook changed it, or more came from unrecorded code."
    return "It is the recorded gradient." if len(parts) == 1 else "Their sum is the recorded gradient."


def _sent(call: Call) -> Iterator[Arrival]:
    norms = {ref: norm_of(gradient) for ref, gradient in call.outgoing.items()}
    total = sum(norms.values())
    for ref, norm in norms.items():
        node = call.recording.graph[ref.node]
        yield Arrival(str(ref).lstrip("%"), node.source, norm, norm / total if total else None, _symbol(call.node, ref))


# -- what is wrong -----------------------------------------------------------------------------------------------------


def _grad_origin(
    recording: Recording, backward: Pass, node: Node, path: Path | None, gradients: dict[Path, torch.Tensor]
) -> Origin | None:
    if not gradients:
        return None if backward.has_reached(node) else missing_origin(recording, backward, node, path)
    if not all(map(is_finite, gradients.values())):
        return unbounded_origin(backward, node)
    if all(map(is_zero, gradients.values())):
        return zero_origin(backward, node)
    return made_here(backward, node)


def _check(backward: Pass | None, node: Node, parts: list[Part]) -> Check:
    if backward is None:
        return Check("nothing to check: no backward pass was recorded")
    if node.kind == "call":
        return check_calls([backward.call(node)])
    users = [backward.recording.graph[name] for name in dict.fromkeys(part.user for part in parts) if name]
    return check_calls([backward.call(user) for user in users[:_SHOWN]], node)
