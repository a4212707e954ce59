"""The way back from a zero or non-finite number to the operation that made it."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import torch

from graphtools.derivatives import Call, rule_of
from graphtools.derivatives.rule import arguments_of, count_of, norm_of, wide
from graphtools.explaining.parts import Origin, Side, Step, Trouble
from graphtools.explaining.passes import Pass
from graphtools.graph import Node, Path, Ref
from graphtools.recording import Recording, ValueLost
from graphtools.statistics import number, statistics

# What computing a factor may raise for tensors that it was not made for (complex, sparse, nested, empty).
UNCOMPUTED = (ValueLost, RuntimeError, TypeError, ValueError, IndexError, AttributeError, NotImplementedError)

_TOLD = 8  # steps at each end of a way that are told; nobody reads a thousand


def is_finite(tensor: Any) -> bool:
    """False if a floating-point or complex tensor, or number, holds NaN or infinity."""
    if isinstance(tensor, float | complex):
        return bool(torch.tensor(tensor).isfinite())
    if not isinstance(tensor, torch.Tensor) or not (tensor.is_floating_point() or tensor.is_complex()):
        return True
    return statistics(tensor).is_finite


def is_zero(tensor: torch.Tensor) -> bool:
    """True if all elements are 0."""
    found = statistics(tensor)
    return bool(found.n_elements) and found.n_zeros == found.n_elements


def tensors_of(found: Any) -> list[torch.Tensor]:
    """The tensors in what `Recording.value` gave."""
    if isinstance(found, torch.Tensor):
        return [found]
    return [part for item in found for part in tensors_of(item)] if isinstance(found, tuple | list) else []


def what_is_wrong(tensors: Iterable[torch.Tensor]) -> str:
    """How many elements are not finite: `3 NaN and 2 inf of 64`."""
    n_nan = n_inf = n_all = 0
    for tensor in tensors:
        found = statistics(tensor)
        n_nan, n_inf, n_all = n_nan + found.n_nan, n_inf + found.n_inf, n_all + found.n_elements
    parts = [f"{count:,} {word}" for count, word in ((n_nan, "NaN"), (n_inf, "inf")) if count]
    return f"{' and '.join(parts)} of {n_all:,}" if parts else "finite"


# -- a walk ------------------------------------------------------------------------------------------------------------


def _walk(start: str, following: Callable[[str], tuple[list[str], str | None]]) -> tuple[list[str], str, int]:
    """The shortest way from `start` to a node that `following` gives a reason for, that reason, and how many more ends.

    `following(name)` gives the next names, or a reason why the way ends there.
    """
    came_from: dict[str, str | None] = {start: None}
    todo, ends = deque([start]), []
    while todo:
        name = todo.popleft()
        names, reason = following(name)
        if reason is not None:
            ends.append((name, reason))
            continue
        for other in names:
            if other not in came_from:
                came_from[other] = name
                todo.append(other)
    if not ends:
        return [start], "", 0
    end, reason = ends[0]
    way: list[str] = []
    at: str | None = end
    while at is not None:
        way.append(at)
        at = came_from[at]
    return way[::-1], reason, len(ends) - 1


def _origin(
    recording: Recording, side: Side, trouble: Trouble, walked: tuple[list[str], str, int], say: Callable[[Node], str]
) -> Origin:
    way, reason, n_others = walked
    n_between = max(0, len(way) - 2 * _TOLD)
    told = [*way[:_TOLD], *way[-_TOLD:]] if n_between else way
    nodes = [recording.graph[name] for name in told]
    steps = tuple(Step(node.name, node.source, say(node)) for node in nodes)
    return Origin(side, trouble, steps, reason, n_others, n_between)


def at(node: Node) -> str:
    """A node with its place, for a sentence: `relu (model.py:12)`."""
    return f"{node.name} ({node.source})" if node.source else node.name


# -- values ------------------------------------------------------------------------------------------------------------


def value_origin(
    recording: Recording, node: Node, path: Path | None = None, known: dict[str, Any] | None = None
) -> Origin | None:
    """Where the NaN or infinity in a value began: the first operation with finite inputs. None if it is finite.

    Looks at the inputs of each operation on the way, about 1 ns an element, except where `known` from an earlier call
    tells what it would see.
    """
    if not _bad(recording, node, path):
        return None
    graph = recording.graph
    known = {} if known is None else known

    def following(name: str) -> tuple[list[str], str | None]:
        if name == node.name:
            return back_from(graph[name], path)
        if name not in known:
            known[name] = back_from(graph[name], None)
        return known[name]  # type: ignore[no-any-return]

    def back_from(current: Node, path: Path | None) -> tuple[list[str], str | None]:
        bad = _bad(recording, current, path)
        has_nan = any(bool(tensor.isnan().any()) for tensor in bad)
        refs = [*dict.fromkeys(current.refs()), *(Ref(other) for other in current.after)]
        sources = [(ref.node, _bad(recording, graph[ref.node], ref.path or None)) for ref in refs]
        sources = [(source, tensors) for source, tensors in sources if tensors]
        if has_nan:  # an infinite mask beside a NaN is not what made the NaN
            with_nan = [(source, t) for source, t in sources if any(bool(one.isnan().any()) for one in t)]
            sources = with_nan or sources
        if not sources:
            return [], _value_reason(recording, current)
        return [source for source, _ in sources], None

    walked = _walk(node.name, following)
    return _origin(recording, "value", "not finite", walked, lambda n: what_is_wrong(_bad(recording, n, None)))


def _bad(recording: Recording, node: Node, path: Path | None) -> list[torch.Tensor]:
    """The tensors of a value that are not finite."""
    try:
        kept = recording.content.values.get(node.name, {})
        found = recording.value(node, path if path in kept else None)
    except ValueLost:
        return []
    return [tensor for tensor in tensors_of(found) if not is_finite(tensor)]


def _value_reason(recording: Recording, node: Node) -> str:
    if node.kind in ("input", "constant", "buffer"):
        return f"{at(node)}: this {node.kind} holds it from the start"
    if node.kind == "parameter":
        return f"{at(node)}: the parameter {node.target} holds it{_updated(recording, node)}"
    rule = rule_of(node)
    call = Call(recording, node)
    reason = ""
    if rule is not None and rule.effect == "stops":
        reason = "it makes this value, on purpose or from memory that was never written"
    elif rule is not None and rule.value is not None:
        try:
            reason = rule.value(call)
        except UNCOMPUTED:
            reason = ""
    return f"{at(node)}: its inputs are finite, its result is not. {_capital(reason or _largest(recording, node))}."


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:] if text[:1].isalpha() and not text.startswith(("exp", "log", "inf")) else text


def _largest(recording: Recording, node: Node) -> str:
    sizes = []
    for ref in dict.fromkeys(node.refs()):
        try:
            sizes += [statistics(tensor) for tensor in tensors_of(Call(recording, node).read(ref))]
        except ValueLost:
            continue
    ends = [abs(float(end)) for found in sizes for end in (found.min, found.max) if end is not None]
    return f"the largest input is {number(max(ends))}" if ends else "it has no tensor as input"


def _updated(recording: Recording, node: Node) -> str:
    for index, update in sorted(recording.content.updates.items()):
        if update.parameter == node.target:
            found = recording.update(index)
            if not is_finite(found.after) and is_finite(found.before):
                bad = (
                    " because its gradient was not finite"
                    if found.grad is not None and not is_finite(found.grad)
                    else ""
                )
                return f" since the optimizer's step at event {index}{bad}"
    return " from the start"


# -- gradients ---------------------------------------------------------------------------------------------------------


def zero_origin(backward: Pass, node: Node) -> Origin:
    """Where an all-zero gradient was made from one that is not: a dead ReLU, a product with 0, a saturated tanh."""
    return _grad_origin(backward, node, "zero", is_zero, _zero_reason)


def unbounded_origin(backward: Pass, node: Node) -> Origin:
    """Where a NaN or infinity first came into the backward pass: an operation that got a finite gradient."""
    return _grad_origin(backward, node, "not finite", lambda gradient: not is_finite(gradient), _unbounded_reason)


def made_here(backward: Pass, node: Node) -> Origin | None:
    """The reason why an operation sends on a zero or non-finite gradient where it got another; None if it does not."""
    incoming = list(backward.incoming(node).values())
    if not incoming or not all(map(is_finite, incoming)) or all(map(is_zero, incoming)):
        return None
    step = (Step(node.name, node.source, "makes it"),)
    for ref, gradient in backward.outgoing(node).items():
        if not is_finite(gradient):
            return Origin("gradient", "not finite", step, _unbounded_reason(backward, node, [ref]))
        if is_zero(gradient):
            return Origin("gradient", "zero", step, _zero_reason(backward, node, [ref]))
    return None


def _grad_origin(
    backward: Pass,
    node: Node,
    trouble: Trouble,
    holds: Callable[[torch.Tensor], bool],
    reason_of: Callable[[Pass, Node, list[Ref]], str],
) -> Origin:
    graph = backward.recording.graph
    made_by: dict[str, list[Ref]] = {}  # for each operation reached, the arguments that it was reached from

    def known(what: str, name: str, find: Callable[[Node], Any]) -> Any:
        key = (f"{trouble} {what}", name)
        if key not in backward.known:
            backward.known[key] = find(graph[name])
        return backward.known[key]

    def following(name: str) -> tuple[list[str], str | None]:
        if name != node.name and known("made", name, is_made_here):
            return [], reason_of(backward, graph[name], made_by[name])
        senders, reason = known("back", name, back_from)
        for user, ref in senders:
            made_by.setdefault(user, []).append(ref)
        return [user for user, _ in senders], reason

    def is_made_here(current: Node) -> bool:
        incoming = backward.incoming(current).values()
        if trouble == "zero":
            return not all(map(holds, incoming))
        return bool(incoming) and not any(map(holds, incoming))

    def back_from(current: Node) -> tuple[list[tuple[str, Ref]], str | None]:
        parts = [(part, part.gradient) for part in backward.parts(current) if part.gradient is not None]
        bad = [part for part, gradient in parts if holds(gradient)]
        if not parts:
            return [], _start_reason(backward, current, trouble)
        if not bad or (trouble == "zero" and len(bad) < len(parts)):
            return [], f"{at(current)}: the {len(parts)} parts that arrive " + (
                "cancel each other" if trouble == "zero" else "are finite, and their sum is too large for the dtype"
            )
        senders = [(part.user, part.ref) for part in bad if part.user]
        return senders, None if senders else f"{at(current)}: it came from code that is no recorded operation"

    def say(current: Node) -> str:
        return known("said", current.name, words_for)  # type: ignore[no-any-return]

    def words_for(current: Node) -> str:
        incoming = list(backward.incoming(current).values())
        if not incoming:
            return "no gradient kept"
        if trouble == "not finite":
            return f"gradient {what_is_wrong(incoming)}"
        return "gradient 0" if all(map(is_zero, incoming)) else f"gradient of norm {number(_norm(incoming))} comes in"

    return _origin(backward.recording, "gradient", trouble, _walk(node.name, following), say)


def _norm(tensors: Iterable[torch.Tensor]) -> float:
    return math.hypot(*map(norm_of, tensors))


def _start_reason(backward: Pass, node: Node, trouble: Trouble) -> str:
    if backward.root is not None and node.name == backward.root.name:
        return f"{at(node)}: backward() was started here with {'a gradient of 0' if trouble == 'zero' else 'it'}"
    return f"{at(node)}: what sent it was not kept, or is no recorded operation"


def _slope(call: Call, ref: Ref) -> torch.Tensor | None:
    """∂y/∂x for the argument `ref`, broadcast to the output; None where the rule is not one factor an element."""
    rule = rule_of(call.node)
    if rule is None:
        return None
    for place, arg in arguments_of(call.node):
        part = rule.input_of(place)
        if isinstance(arg, Ref) and arg == ref and part is not None and part.slope is not None:
            return part.slope(call)
    return None


def _zero_reason(backward: Pass, node: Node, refs: list[Ref]) -> str:
    call = replace(backward.call(node), of=refs[0] if refs else None)
    rule = rule_of(node)
    said = ""
    try:
        slope = _slope(call, refs[0]) if refs else None
        if slope is not None and call.grad is not None and bool((slope * call.grad != 0).any()):
            factor = number(float(slope.abs().max()))
            return f"{at(node)}: gradient times factor (at most {factor}) is too small for the dtype, and becomes 0."
        if rule is not None and rule.zero is not None:
            said = rule.zero(call)
    except UNCOMPUTED:
        said = ""
    if not said and rule is not None and rule.effect == "moves":
        said = "what arrived belongs to other elements"
    if rule is None:
        said = "it has no rule here; its derivative gave 0"
    of = f" of {refs[0].node}" if refs else ""
    return f"{at(node)} makes the gradient{of} 0: {said or 'the factors that it is multiplied by are 0'}."


def _unbounded_reason(backward: Pass, node: Node, refs: list[Ref]) -> str:
    call = replace(backward.call(node), of=refs[0] if refs else None)
    rule = rule_of(node)
    largest = number(max((float(wide(g).abs().max()) for g in call.incoming.values() if g.numel()), default=0.0))
    to = f" to {refs[0].node}" if refs else ""
    head = f"{at(node)}: a finite gradient (at most {largest}) came in, and it sent on one{to} that is not."
    said = ""
    try:
        slope = _slope(call, refs[0]) if refs else None
        if slope is not None and call.grad is not None:
            infinite = ~slope.isfinite().broadcast_to(call.grad.shape)
            n_zero = int((infinite & (call.grad == 0)).sum())
            if n_zero:
                said = (
                    f"its derivative is infinite at {count_of(infinite)} elements, and at {n_zero:,} of these the "
                    "gradient is 0, where 0 · inf = NaN: keep such inputs out before this operation, not after it"
                )
        if not said and rule is not None and rule.grad is not None:
            said = rule.grad(call)
    except UNCOMPUTED:
        said = ""
    forward = [
        ref.node
        for ref in node.refs()
        if _bad(backward.recording, backward.recording.graph[ref.node], ref.path or None)
    ]
    if forward:
        said = f"its input {forward[0]} is not finite already in the forward pass: explain({forward[0]!r}) says why"
    elif _bad(backward.recording, node, None):
        said = f"its own value is not finite already in the forward pass: explain({node.name!r}) says why"
    return f"{head} {_capital(said) + '.' if said else ''}".rstrip()
