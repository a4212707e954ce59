"""Takes an operation of a draft apart: in its place come the operations that it is made of, in a module of its name."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, replace
from typing import Any

from torch import nn

from graphtools.capture.symbolic import trace_symbolically
from graphtools.drafting.building import take_weights
from graphtools.drafting.draft import Draft
from graphtools.drafting.opening import open_graph
from graphtools.drafting.plan import Layer, Plan, substitute
from graphtools.drafting.sizes import number
from graphtools.drafting.sources import thaw
from graphtools.errors import CaptureError, DraftError
from graphtools.graph import Node, Output, Ref, Spec, freeze, unique_name
from graphtools.rewriting.rules import FUNCTIONS, MODULES


@dataclass(frozen=True, slots=True)
class Decompose:
    """An edit that was worked out: the node `name` becomes these nodes and modules, its parts these references."""

    name: str
    nodes: tuple[Node, ...]
    layers: tuple[tuple[str, Layer], ...]
    types: tuple[tuple[str, str], ...]
    gone: str | None
    result: Any

    def apply(self, plan: Plan) -> Plan:
        """The plan with the operation taken apart."""
        plan[self.name]
        listed: dict[str, Node] = {}
        for key, node in plan.nodes.items():
            if key == self.name:
                listed.update((new.name, new) for new in self.nodes)
            else:
                listed[key] = node
        layers = {path: layer for path, layer in plan.layers.items() if path != self.gone}
        layers.update(self.layers)
        types = {**plan.types, **dict(self.types)}
        modes = freeze((key, mode) for key, mode in plan.modes.items() if key != self.name)
        changed = replace(
            plan, nodes=freeze(listed.items()), layers=freeze(layers.items()), types=freeze(types.items()), modes=modes
        )
        return changed.mapped(lambda ref, user: self._part(ref) if ref.node == self.name else ref)

    def _part(self, ref: Ref) -> Any:
        found, path = self.result, ref.path
        while path and isinstance(found, tuple) and isinstance(path[0], int) and path[0] < len(found):
            found, path = found[path[0]], path[1:]
        return Ref(found.node, (*found.path, *path)) if isinstance(found, Ref) else found


def has_parts(draft: Draft, name: str) -> bool:
    """Whether it is known what an operation is made of."""
    node = draft.plan[name]
    return node.target in (FUNCTIONS if draft.plan.path(node) is None else MODULES)


def decompose(draft: Draft, name: str, depth: int = 1) -> tuple[str, ...]:
    """Takes an operation apart, and what comes out again, down to `depth` levels; gives the names of the new nodes.

    The names of weights stay. A function becomes operations where it stood, a module those inside a module of its name.
    One edit a level. Raises DraftError for what is not known to be made of anything, or not with these arguments.
    """
    made = _decompose_once(draft, name)
    if depth > 1:
        found: list[str] = []
        for new in made:
            if has_parts(draft, new):
                try:
                    found += decompose(draft, new, depth - 1)
                    continue
                except DraftError:  # it is made of something, but not with these arguments
                    pass
            found.append(new)
        return tuple(found)
    return made


def _decompose_once(draft: Draft, name: str) -> tuple[str, ...]:
    plan = draft.plan
    node = plan[name]
    path = plan.path(node)
    if node.kind != "call" or not has_parts(draft, name):
        raise DraftError(f"{name!r} ({node.operation}) is not known to be made of simpler operations")
    if path is not None and sum(plan.path(n) == path for n in plan.nodes.values()) > 1:
        raise DraftError(f"the module {path!r} is called more than once; replace a call of it first")
    _check_exact(draft, node)
    wrapper = _BY_COUNT.get(len(dict.fromkeys(node.refs())))
    if wrapper is None:
        raise DraftError(f"{name!r} takes no value, or more than four, so it cannot be taken apart")
    wrapped = wrapper(draft, node, path)
    try:
        graph = trace_symbolically(wrapped, (), {})
    except (CaptureError, NotImplementedError, TypeError) as error:
        if isinstance(error, CaptureError) and "NotImplementedError" not in str(error):
            raise DraftError(f"{name!r} cannot be taken apart: {error}") from None
        raise DraftError(f"{name!r} ({node.operation}) cannot be taken apart with these arguments") from None
    inner, sources = open_graph(graph, wrapped)
    edit, names = _edit(draft, node, path, inner)
    draft.apply(edit)
    states = {**dict(wrapped.named_parameters()), **dict(wrapped.named_buffers())}
    held = {names[n.name]: states[n.target] for n in inner.nodes.values() if n.kind in ("parameter", "buffer")}
    tensors = {names[name]: tensor for name, tensor in sources.tensors.items() if name in names}
    draft.take_sources(replace(sources, states=held, tensors=tensors))
    return tuple(new.name for new in edit.nodes if new.kind == "call")


def _check_exact(draft: Draft, node: Node) -> None:
    """Raises DraftError for a call that the rules do not know exactly: one that writes, or has a mask of bools."""
    layer = draft.plan.layer(node)
    if node.writes or (layer is not None and (layer.settings or {}).get("inplace")) or node.kwargs.get("inplace"):
        raise DraftError(f"{node.name!r} writes into the value that it is given; set inplace to False to take it apart")
    if node.operation == "scaled_dot_product_attention":
        for ref in node.refs():
            spec = draft.spec(ref)
            if spec is not None and spec.dtype == "bool":
                raise DraftError(f"{node.name!r} has a mask of bools, with which it cannot be taken apart")


class _Wrapped(nn.Module):
    """The call of an operation as a module of its own, whose inputs are the values that the call takes."""

    def __init__(self, draft: Draft, node: Node, path: str | None) -> None:
        super().__init__()
        self.node = node
        self.refs = list(dict.fromkeys(node.refs()))
        self.sources = draft.sources
        self.extra: dict[str, Any] = {}
        if path is not None:
            layer = draft.plan.layers[path]
            module = draft.sources.make(layer, path).eval()
            known = draft.sources.module(layer.origin)
            if known is not None:
                take_weights(module, known)
            for key, parameter in module.named_parameters(recurse=False):
                self.register_parameter(key, parameter)
            for key, buffer in module.named_buffers(recurse=False):
                self.register_buffer(key, buffer)
            for key, child in module.named_children():
                self.add_module(key, child)
            held = object.__new__(_Held)
            held.__dict__.update(of=self, module=module)
            object.__setattr__(self, "rule", MODULES[node.target](held))
        else:
            object.__setattr__(self, "rule", FUNCTIONS[node.target])
        spec = [draft.spec(ref) for ref in self.refs]
        rule: Any = self.rule
        wanted = inspect.signature(rule).parameters
        if "sizes" in wanted:
            self.extra["sizes"] = _sizes(draft, node, spec)
        if "is_double" in wanted:
            self.extra["is_double"] = any(known is not None and known.dtype == "f64" for known in spec)

    def call(self, *values: Any) -> Any:
        """The rule on the call's arguments, references replaced by the values."""
        given = dict(zip(self.refs, values, strict=True))
        args, kwargs = thaw((self.node.args, self.node.kwargs), lambda ref: given[ref], self.sources.objects)
        rule: Any = self.rule
        return rule(*args, **kwargs, **self.extra)


# torch.fx takes a signature for what it says, so there is one for each number of inputs.
class _One(_Wrapped):
    def forward(self, a: Any) -> Any:
        return self.call(a)


class _Two(_Wrapped):
    def forward(self, a: Any, b: Any) -> Any:
        return self.call(a, b)


class _Three(_Wrapped):
    def forward(self, a: Any, b: Any, c: Any) -> Any:
        return self.call(a, b, c)


class _Four(_Wrapped):
    def forward(self, a: Any, b: Any, c: Any, d: Any) -> Any:
        return self.call(a, b, c, d)


_BY_COUNT = {1: _One, 2: _Two, 3: _Three, 4: _Four}


class _Held:
    """The module that is taken apart, whose tensors and modules are those of the wrapper that fx traces."""

    of: nn.Module
    module: nn.Module

    def __getattr__(self, name: str) -> Any:
        owner = self.__dict__["of"]
        if name in owner._parameters or name in owner._buffers or name in owner._modules:
            return getattr(owner, name)
        return getattr(self.__dict__["module"], name)


def _sizes(draft: Draft, node: Node, specs: list[Spec | None]) -> tuple[int, ...] | None:
    """The sizes that a rule needs: queries, keys and depth for attention, the result for Conv2d, else the input."""
    if node.operation == "scaled_dot_product_attention":
        if len(specs) < 2 or specs[0] is None or specs[1] is None:
            return None
        return (_int(specs[0].shape[-2]), _int(specs[1].shape[-2]), _int(specs[0].shape[-1]))
    spec = draft.spec(Ref(node.name)) if node.operation == "Conv2d" else specs[0]
    if spec is None:
        return None
    layer = draft.plan.layer(node)
    is_batch_first = layer is not None and bool((layer.settings or {}).get("batch_first"))
    # Those that a rule counts with; the rest may stay open.
    needed = {"Conv2d": (2, 3), "LSTM": (1 if is_batch_first else 0,)}.get(node.operation, ())
    return tuple(_int(size) if place in needed else number(size, {}) for place, size in enumerate(spec.shape))


def _int(size: int | str) -> int:
    if isinstance(size, str):
        raise DraftError(f"the size {size!r} is open; give the input a number there to take this apart")
    return size


def _edit(draft: Draft, node: Node, path: str | None, inner: Plan) -> tuple[Decompose, dict[str, str]]:
    plan = draft.plan
    refs = list(dict.fromkeys(node.refs()))
    given = {letter: ref for letter, ref in zip("abcd", refs, strict=False)}  # noqa: C416
    scope = path if path is not None else node.scope
    taken = {*plan.nodes}
    names: dict[str, str] = {}
    for new in inner.nodes.values():
        if new.kind not in ("input", "output"):
            names[new.name] = unique_name(f"{node.name}_{new.name}", taken)
            taken.add(names[new.name])

    def moved(ref: Ref) -> Any:
        if ref.node in given:
            return Ref(given[ref.node].node, (*given[ref.node].path, *ref.path))
        return Ref(names[ref.node], ref.path)

    nodes = []
    for new in inner.nodes.values():
        if new.kind in ("input", "output"):
            continue
        is_state = new.kind in ("parameter", "buffer")
        target = f"{path}.{new.target}" if is_state and path else new.target
        inside = f"{scope}.{new.scope}" if scope and new.scope else new.scope or scope
        nodes.append(
            replace(
                new,
                name=names[new.name],
                target=target,
                args=substitute(new.args, moved),
                kwargs=substitute(new.kwargs, moved),
                scope="" if is_state else inside,
                writes=(),
                after=(),
                source=None,
                outputs=new.outputs if is_state else (),
            )
        )
    layers = []
    for inner_path, layer in inner.layers.items():
        full = f"{scope}.{inner_path}" if scope else inner_path
        origin = plan.layers[path].origin if path else ""
        layers.append((full, replace(layer, origin=f"{origin}.{inner_path}" if origin else "")))
    kind = node.operation
    types = [] if path is None else [(path, kind)]
    result = substitute(inner.nodes["output"].args[0], moved)
    return Decompose(node.name, tuple(nodes), tuple(layers), tuple(types), path, result), names


__all__ = ["Decompose", "Output", "decompose", "has_parts"]
