"""Watches backward passes: one entry for each autograd node that ran, with the gradients that came in and went out.

While a pass runs, a hook stands on every autograd node that it can reach; nothing is left behind. Gradients are kept
by reference. A parameter's gradient is taken from its `.grad` afterwards: autograd makes the very tensor that arrived
the new `.grad` if nobody else holds it, and would copy it otherwise.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import torch

from graphtools import compat
from graphtools.capture.clock import Lapse, Moment, between
from graphtools.capture.source import Place
from graphtools.capture.values import Memory, Value, detached
from graphtools.graph import Ref
from graphtools.recording import Flow, Kept, ValueLost

Refs = tuple[Ref, ...]


@dataclass(slots=True)
class StageEntry:
    """A stage of the training step, raw: `start` and `stop` are places in the log of the recorder."""

    kind: str
    start: int
    stop: int = -1
    name: str = ""
    place: Place | None = None
    before: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)


@dataclass(slots=True)
class BackwardEntry:
    """One autograd node that ran, raw. `call` is the name of the graph's node that it belongs to, "" if none."""

    name: str
    call: str
    incoming: tuple[Any, ...]
    outgoing: tuple[Any, ...]
    of: tuple[Refs, ...]
    to: tuple[Refs, ...]
    duration: float | Lapse = 0.0
    accumulated: Value | None = None
    versions: tuple[int | None, ...] = ()
    flow: Flow | None = None

    def let_go(self, known: dict[int, Kept]) -> None:
        """Makes the Flow, which holds no autograd graph. `known` are the gradients met so far, by id."""
        versions = iter(self.versions)
        incoming = tuple(_kept(tensor, next(versions), known) for tensor in self.incoming)
        outgoing = tuple(_kept(tensor, next(versions), known) for tensor in self.outgoing)
        accumulated = None if self.accumulated is None else self.accumulated.final
        self.flow = Flow(incoming, outgoing, self.of, self.to, accumulated)
        self.incoming = self.outgoing = ()


def _kept(tensor: Any, version: int | None, known: dict[int, Kept]) -> Kept | None:
    if tensor is None or isinstance(tensor, Kept):
        return tensor
    if isinstance(tensor, Value):
        return tensor.final
    found = known.get(id(tensor))
    if found is None:
        found = Kept(detached(tensor), compat.version(tensor))
        if version != found.version:
            found = Kept(None, recipe=_raise_overwritten)
        known[id(tensor)] = found
    return found


def _raise_overwritten() -> Any:
    raise ValueLost("this gradient was overwritten in place during the run, by code that is no recorded operation")


@dataclass(slots=True)
class _Node:
    """An autograd node that a pass can reach."""

    function: Any
    call: str
    of: tuple[Refs, ...] = ()
    to: tuple[Refs, ...] = ()
    to_leaf: tuple[Any, ...] = ()  # for each edge the leaf tensor that it accumulates into, or None
    variable: Any = None  # the leaf of an AccumulateGrad
    had_grad: bool = False


class BackwardWatch:
    """Knows which autograd node belongs to which value, and turns passes into entries of `log`."""

    def __init__(self, memory: Memory, log: list[Any], find_leaf: Callable[[torch.Tensor], Value]) -> None:
        self._memory = memory
        self._log = log
        self._find_leaf = find_leaf
        self._indexed = 0
        self._by_function: dict[tuple[int, int], list[Value]] = {}
        self._call_of: dict[int, str] = {}
        self.gradients: dict[int, Value] = {}  # of leaves, by id of the `.grad`

    def run(
        self, original: Callable[..., Any], roots: Any, args: tuple[Any, ...], kwargs: Any, stage: StageEntry
    ) -> Any:
        """Runs the pass with hooks in place and logs what fired, also where the pass raises.

        `args` and `kwargs` are those of torch's engine: gradients, retain_graph, create_graph, inputs, ...
        """
        given_inputs = args[3] if len(args) > 3 else kwargs.get("inputs", ())
        accumulates = bool(kwargs.get("accumulate_grad")) and not given_inputs
        with compat.without_torch_function():
            nodes = self._reachable(roots, accumulates)
            self._save_what_is_accumulated_into(nodes, stage)
            fired: list[tuple[_Node, Moment, tuple[Any, ...], tuple[Any, ...]]] = []
            handles = [node.function.register_hook(self._hook(node, fired)) for node in nodes]
        started = Moment()
        try:
            return original(roots, *args, **kwargs)
        finally:
            with compat.without_torch_function(), torch.no_grad():
                for handle in handles:
                    handle.remove()
                self._write_log(fired, started, stage)

    def _hook(self, node: _Node, fired: list[Any]) -> Callable[..., None]:
        to_leaf = node.to_leaf
        variable = node.variable
        budget = self._memory.budget

        def hook(outgoing: tuple[Any, ...], incoming: tuple[Any, ...]) -> None:
            # A post hook's return value would replace the gradients, so this returns None.
            now = Moment()
            if variable is not None and not node.had_grad:
                incoming = (None,)  # it is the new .grad
            if budget is not None:
                incoming = tuple([budget.kept(gradient) for gradient in incoming])
            if to_leaf:
                # What a leaf is about to take over as its .grad must not be held here, or it would be copied.
                outgoing = tuple(
                    [
                        None if leaf is not None and leaf.grad is None else g
                        for g, leaf in zip(outgoing, to_leaf, strict=False)
                    ]
                )
            if budget is not None:
                outgoing = tuple([budget.kept(gradient) for gradient in outgoing])
            fired.append((node, now, incoming, outgoing))

        return hook

    # -- which node is whose ----------------------------------------------------------------------------------------

    def _index(self) -> None:
        values = self._memory.values
        for value in values[self._indexed :]:
            function = value.grad_fn
            if function is not None:
                self._by_function.setdefault((id(function), value.output_number), []).append(value)
                self._call_of.setdefault(id(function), value.ref.node)
        self._indexed = len(values)

    def _refs(self, function: Any, number: int) -> Refs:
        return tuple(value.ref for value in self._by_function.get((id(function), number), ()))

    def _reachable(self, roots: Any, accumulates: bool) -> list[_Node]:
        self._index()
        todo: list[tuple[Any, str]] = []
        for root in roots if isinstance(roots, tuple | list) else (roots,):
            function = root.grad_fn if isinstance(root, torch.Tensor) else getattr(root, "node", None)
            if function is None and isinstance(root, torch.Tensor) and root.requires_grad:
                function = compat.accumulator(root)
            if function is not None:
                todo.append((function, ""))
        nodes: dict[int, _Node] = {}
        edges: list[tuple[_Node, tuple[Any, ...]]] = []
        while todo:
            function, caller = todo.pop()
            if id(function) in nodes:
                continue
            variable = function.variable if type(function).__name__ == "AccumulateGrad" else None
            node = _Node(function, self._call_of.get(id(function), caller), variable=variable)
            nodes[id(function)] = node  # holds the function, so that ids stay its own
            if variable is not None:
                leaf = self._find_leaf(variable)
                node.call = leaf.ref.node
                node.of = ((leaf.ref,),)
                continue
            following = function.next_functions
            edges.append((node, following))
            todo.extend((child, node.call) for child, _ in reversed(following) if child is not None)
        n_edges = Counter(id(child) for _, following in edges for child, _ in following)
        for node, following in edges:
            leaves = [nodes[id(child)].variable if child is not None else None for child, _ in following]
            node.to = tuple(
                (() if child is None else nodes[id(child)].of[0] if leaf is not None else self._refs(child, number))
                for (child, number), leaf in zip(following, leaves, strict=True)
            )
            if accumulates:
                # What one edge alone sends, and no hook changes on the way, becomes the `.grad` itself.
                taken = [
                    leaf if leaf is not None and n_edges[id(child)] == 1 and not compat.has_grad_hooks(leaf) else None
                    for (child, _), leaf in zip(following, leaves, strict=True)
                ]
                node.to_leaf = tuple(taken) if any(leaf is not None for leaf in taken) else ()
        return list(nodes.values())

    # -- gradients of leaves ----------------------------------------------------------------------------------------

    def _save_what_is_accumulated_into(self, nodes: Iterable[_Node], stage: StageEntry) -> None:
        overwritten = []
        for node in nodes:
            if node.variable is not None and node.variable.grad is not None:
                node.had_grad = True
                stage.before.append(self._find_leaf(node.variable).call.target)
                overwritten.append(node.variable.grad)
        if overwritten:
            self._memory.protect(iter(overwritten), None)

    def gradient_of(self, leaf: torch.Tensor) -> Value | None:
        """The Value of a leaf's present `.grad`."""
        grad = leaf.grad
        if grad is None:
            return None
        value = self.gradients.get(id(grad))
        if (
            value is None
            or value.held() is not grad
            or value.is_safe
            or self._memory.is_overwritten_unseen(value, grad)
        ):
            owner = self._find_leaf(leaf)
            value = Value(grad, Ref(f"{owner.ref.node}.grad"), owner.call, owner.index, True, is_hidden=True)
            self._memory.add(value, grad)
            self.gradients[id(grad)] = value
        return value

    def owner_of(self, grad: torch.Tensor) -> Value | None:
        """The leaf whose `.grad` this tensor is, by the gradients met so far; a Value of that gradient."""
        value = self.gradients.get(id(grad))
        return value if value is not None and value.held() is grad else None

    # -- the log ----------------------------------------------------------------------------------------------------

    def _write_log(self, fired: list[Any], started: Moment, stage: StageEntry) -> None:
        taken: dict[int | None, Value] = {}  # the gradients of leaves, by the memory that they live in
        for node, *_ in fired:
            if node.variable is not None:
                stage.changed.append(self._find_leaf(node.variable).call.target)
                accumulated = self.gradient_of(node.variable)
                if accumulated is not None:
                    taken[self._memory.storage(accumulated)] = accumulated
        for node, ended, incoming, outgoing in fired:
            accumulated = None
            duration = between(started, ended, incoming)
            if node.variable is not None:
                accumulated = self.gradient_of(node.variable)
                if not node.had_grad:
                    incoming = (accumulated,)
            else:
                node.of = node.of or tuple(self._refs(node.function, number) for number in range(len(incoming)))
                if node.to_leaf:
                    outgoing = tuple(
                        self.gradient_of(leaf) if g is None and leaf is not None else g
                        for g, leaf in zip(outgoing, node.to_leaf, strict=False)
                    )
            incoming, outgoing = self._held(incoming, taken), self._held(outgoing, taken)
            versions = tuple(compat.version(g) if isinstance(g, torch.Tensor) else None for g in (*incoming, *outgoing))
            name = "AccumulateGrad" if node.variable is not None else _name(node.function)
            entry = BackwardEntry(
                name, node.call, incoming, outgoing, node.of, node.to, duration, accumulated, versions
            )
            started = ended
            self._log.append(entry)

    def _held(self, gradients: Iterable[Any], taken: dict[int | None, Value]) -> tuple[Any, ...]:
        """The gradients; as Values those that share memory with a `.grad`, which clipping or a later pass overwrites.
        The gradient of a transposed weight is one: it is the weight's gradient seen another way."""
        held = []
        for gradient in gradients:
            if isinstance(gradient, torch.Tensor):
                key = compat.storage_key(gradient)
                owner = taken.get(key) if key is not None else None
                if owner is not None:
                    value = Value(gradient, owner.ref, owner.call, owner.index, True, is_hidden=True)
                    self._memory.add(value, gradient)
                    gradient = value
            held.append(gradient)
        return tuple(held)


def _name(function: Any) -> str:
    """The node's name as torch shows it: `ConvolutionBackward0`."""
    name: str = function.name()
    return name.rsplit("::", 1)[-1]
