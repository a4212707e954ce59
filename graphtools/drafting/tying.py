"""Tensors that several modules share, as a head that is tied to an embedding: which they are, and that they stay one.

A plan names them as the opened model does (`tok.weight`), so a tie goes with a module that is renamed or moved into a
group. It ends where a module is replaced, or its tensor gets another shape.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from graphtools.capture.specs import dtype_name
from graphtools.drafting.plan import Plan, Tie
from graphtools.errors import DraftError
from graphtools.graph import Node

if TYPE_CHECKING:
    from graphtools.drafting.sources import Sources


def ties_of(modules: Mapping[str, nn.Module]) -> tuple[Tie, ...]:
    """The names of parameters and buffers that are one tensor, the first to be made first; each name begins with that
    of its module among `modules`."""
    names: dict[int, list[str]] = {}
    for prefix, module in modules.items():
        head = f"{prefix}." if prefix else ""
        held = (
            *module.named_parameters(remove_duplicate=False),
            *module.named_buffers(remove_duplicate=False),
        )
        for name, tensor in held:
            names.setdefault(id(tensor), []).append(head + name)
    return tuple(tuple(several) for several in names.values() if len(several) > 1)


def ties_among(sources: Sources, known: tuple[Tie, ...]) -> tuple[Tie, ...]:
    """The ties of the opened model and of the modules that were given as objects, and those that are known besides."""
    modules = {key: module for key, module in sources.modules.items() if key.startswith("given.")}
    found = ties_of(modules if sources.model is None else {"": sources.model, **modules})
    return (*found, *(tie for tie in known if not any(set(tie) <= set(other) for other in found)))


def tied(plan: Plan, look: Callable[[str], Any]) -> list[Tie]:
    """The names in a plan, two or more each, of tensors that are one.

    `look` gives for a name what must be equal for that, the shape and dtype, or None where there is no such tensor.
    """
    found = []
    for tie in plan.ties:
        alike: dict[Any, list[str]] = {}
        for name in dict.fromkeys(_here(plan, name) for name in tie):
            type_ = look(name) if name else None
            if type_ is not None:
                alike.setdefault(type_, []).append(name)
        found += [tuple(names) for names in alike.values() if len(names) > 1]
    return found


def with_present_ties(plan: Plan) -> Plan:
    """The plan with those of its ties that are between two of its modules or tensors."""
    ties = tuple(tie for tie in plan.ties if len({_here(plan, name) for name in tie} - {""}) > 1)
    return replace(plan, ties=ties) if ties != plan.ties else plan


def _here(plan: Plan, name: str) -> str:
    """The name in the plan of a tensor that is called `name` where it comes from; "" if it is not there.

    Of several modules made of one, as by pasting, it is the first's: a copy is a module of its own.
    """
    for path, layer in plan.layers.items():
        if layer.origin and name.startswith(layer.origin + "."):
            return path + name[len(layer.origin) :]
    for node in plan.nodes.values():
        if node.kind in ("parameter", "buffer") and node.target == name:
            return name
    return ""


def tie(root: nn.Module, plan: Plan) -> None:
    """Makes the tensors of a built module one that are one in its plan."""

    def look(name: str) -> Any:
        tensor = _tensor(root, name)
        return None if tensor is None else (tuple(tensor.shape), tensor.dtype)

    for first, *others in tied(plan, look):
        for name in others:
            owner, _, word = name.rpartition(".")
            setattr(root.get_submodule(owner), word, _tensor(root, first))


def tied_in_code(plan: Plan, nodes: Iterable[Node], sources: Sources) -> list[Tie]:
    """`tied` between the tensors that these nodes use, by modules that are made without memory."""
    if not plan.ties:
        return []
    nodes = list(nodes)
    types: dict[str, Any] = {}
    for node in nodes:
        if node.kind in ("parameter", "buffer") and node.spec is not None:
            types[node.target] = (node.spec.shape, node.spec.dtype)
    wanted = {name for several in plan.ties for name in (_here(plan, name) for name in several)}
    for path in dict.fromkeys(map(plan.path, nodes)):
        if path is None or not any(name.startswith(path + ".") for name in wanted):
            continue
        for name, tensor in _states(plan, sources, path):
            types[f"{path}.{name}"] = (tuple(tensor.shape), dtype_name(tensor.dtype))
    return tied(plan, types.get)


def _states(plan: Plan, sources: Sources, path: str) -> list[tuple[str, torch.Tensor]]:
    layer = plan.layers[path]
    known = sources.module(layer.origin) if layer.settings is None else None
    if known is None:
        try:
            with torch.device("meta"):
                known = sources.make(layer, path)
        except (DraftError, NotImplementedError):  # a module of the user's may need values
            known = sources.make(layer, path)
    return [*known.named_parameters(remove_duplicate=False), *known.named_buffers(remove_duplicate=False)]


def _tensor(root: nn.Module, name: str) -> torch.Tensor | None:
    owner, _, word = name.rpartition(".")
    try:
        found = getattr(root.get_submodule(owner), word)
    except AttributeError:
        return None
    return found if isinstance(found, torch.Tensor) else None
