"""A program that can be run again from the state it started in: what editing a recording needs."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import torch
from torch import nn

from graphtools import compat
from graphtools.capture.eager import Recorder
from graphtools.capture.ends import copied
from graphtools.capture.preserve import hooks_of, preserved, set_hooks
from graphtools.errors import EditError
from graphtools.structure import replace_leaves, tensors


@dataclass(slots=True)
class Program:
    """`run(recorder, inputs)` runs the user's code under the recorder and returns what it raised, or None.

    `inputs` is any nest of tensors. `versions` are the in-place counters of the inputs and of the model's state when
    the run began, by which a later change is noticed. `optimizer_state` is a copy of the optimizer's state then.
    """

    name: str
    model: Any
    inputs: Any
    run: Callable[[Recorder, Any], BaseException | None]
    optimizer: torch.optim.Optimizer | None = None
    optimizer_state: Mapping[int, dict[str, Any]] = field(default_factory=dict)
    optimizer_settings: tuple[dict[str, Any], ...] = ()
    versions: tuple[int | None, ...] = ()
    state_at_start: Mapping[str, tuple[torch.Tensor, int | None]] = field(default_factory=dict)
    rng_state: Any = None
    host_state: Any = None
    attributes: tuple[tuple[nn.Module, dict[str, Any]], ...] = ()
    repeats: bool | None = None  # True once it was seen to give the same again
    told: Callable[[], Any] | None = None  # what whoever made the program wants to know of each run of it

    def __post_init__(self) -> None:
        self.versions = self._versions()
        self.rng_state = compat.rng_state()
        self.host_state = compat.host_random_state()
        copies: dict[int, Any] = {}
        self.attributes = tuple((module, _attributes(module, copies)) for module in self._modules())
        self.state_at_start = {name: (tensor, compat.version(tensor)) for name, tensor in self.state().items()}
        if self.optimizer is not None:
            self.optimizer_settings = tuple(
                copy.deepcopy({key: item for key, item in group.items() if key != "params"})
                for group in self.optimizer.param_groups
            )
            self.optimizer_state = {
                id(parameter): {key: copied(item) for key, item in state.items()}
                for parameter, state in self.optimizer.state.items()
            }

    def _modules(self) -> list[nn.Module]:
        return list(self.model.modules()) if isinstance(self.model, nn.Module) else []

    def state(self) -> dict[str, torch.Tensor]:
        """Parameters and buffers by all their full names."""
        if not isinstance(self.model, nn.Module):
            return {}
        return {
            **dict(self.model.named_parameters(remove_duplicate=False)),
            **dict(self.model.named_buffers(remove_duplicate=False)),
        }

    def _versions(self) -> tuple[int | None, ...]:
        return tuple(compat.version(tensor) for _, tensor in tensors(self.inputs))

    def attributes_now(self) -> tuple[dict[str, Any], ...]:
        """What the user's code keeps on each module at present, hooks included."""
        copies: dict[int, Any] = {}
        return tuple(_attributes(module, copies) for module, _ in self.attributes)

    def set_attributes(self, attributes: tuple[Mapping[str, Any], ...]) -> None:
        """Puts back what `attributes_now` gave."""
        copies: dict[int, Any] = {}
        for (module, _), kept in zip(self.attributes, attributes, strict=True):
            own = {key: item for key, item in kept.items() if key != _HOOKS}
            for name in set(_attributes(module, {})) - set(kept):
                del vars(module)[name]
            vars(module).update({key: _containers_copied(item, copies) for key, item in own.items()})
            set_hooks(module, kept[_HOOKS])

    def check_inputs(self) -> None:
        """Raises EditError if an input was overwritten since the run began."""
        if self._versions() != self.versions:
            raise EditError(
                "an input of this run was overwritten in place since, so the run cannot be repeated; "
                "record again with a clone of it"
            )

    @contextmanager
    def rewound(
        self,
        start: Mapping[str, torch.Tensor],
        inputs: Mapping[Any, torch.Tensor] = MappingProxyType({}),
        gradient_edits: Mapping[str, Callable[[torch.Tensor], torch.Tensor]] = MappingProxyType({}),
    ) -> Iterator[Any]:
        """Puts model, optimizer and random state to where the run began, gives the inputs, and puts all back after.

        `start` are the values of parameters and buffers by full name, `inputs` replacements by path. The live tensors
        are not written: the modules and the optimizer hold others for the length of the block. `gradient_edits` are
        hooks on parameters.
        """
        fresh: dict[int, torch.Tensor] = {}
        for name, (tensor, _) in self.state_at_start.items():
            if id(tensor) in fresh or nn.parameter.is_lazy(tensor):
                continue
            value = start.get(name)
            new = (compat.lazy_clone if self.optimizer is None else torch.clone)(
                (tensor if value is None else value).detach()
            )
            if isinstance(tensor, nn.Parameter):
                new = nn.Parameter(new, requires_grad=tensor.requires_grad)
                if name in gradient_edits:
                    new.register_hook(gradient_edits[name])
            fresh[id(tensor)] = new
        rng_state, host_state = compat.rng_state(), compat.host_random_state()
        with preserved(self.model):
            self.set_attributes(tuple(attributes for _, attributes in self.attributes))
            for path, (tensor, _) in self.state_at_start.items():
                owner, _, name = path.rpartition(".")
                module = self.model.get_submodule(owner)
                table = module._parameters if isinstance(tensor, nn.Parameter) else module._buffers
                if id(tensor) in fresh:
                    table[name] = fresh[id(tensor)]  # type: ignore[assignment]
            with self._optimizer_over(fresh):
                compat.set_rng_state(self.rng_state)
                compat.set_host_random_state(self.host_state)
                try:
                    yield _with(self.inputs, inputs)
                finally:
                    compat.set_rng_state(rng_state)
                    compat.set_host_random_state(host_state)

    @contextmanager
    def _optimizer_over(self, fresh: Mapping[int, torch.Tensor]) -> Iterator[None]:
        optimizer = self.optimizer
        if optimizer is None:
            yield
            return
        groups = [dict(group) for group in optimizer.param_groups]
        state = dict(optimizer.state)
        try:
            optimizer.state.clear()
            for group, settings in zip(optimizer.param_groups, self.optimizer_settings, strict=True):
                group.update(copy.deepcopy(settings))
                group["params"] = [fresh.get(id(p), p) for p in group["params"]]
            for group_before in groups:
                for parameter in group_before["params"]:
                    known = self.optimizer_state.get(id(parameter))
                    if known is not None:
                        optimizer.state[fresh.get(id(parameter), parameter)] = {
                            key: copied(item) for key, item in known.items()
                        }
            yield
        finally:
            for group, before in zip(optimizer.param_groups, groups, strict=True):
                group.clear()
                group.update(before)
            optimizer.state.clear()
            optimizer.state.update(state)


_HOOKS = "hooks of the module"  # no name that an attribute can be written with
_TABLES = frozenset(vars(nn.Module()))  # parameters, buffers, sub-modules, hooks: torch's own


def _attributes(module: nn.Module, copies: dict[int, Any]) -> dict[str, Any]:
    """What the user's code keeps on a module, `training` and hooks included; containers copied, their leaves shared."""
    kept = {key: item for key, item in vars(module).items() if key not in _TABLES or key == "training"}
    return {_HOOKS: hooks_of(module)} | {key: _containers_copied(item, copies) for key, item in kept.items()}


def _containers_copied(item: Any, copies: dict[int, Any]) -> Any:
    if id(item) in copies:
        return copies[id(item)]
    if type(item) is dict:
        table: dict[Any, Any] = {}
        copies[id(item)] = table  # known before its parts, which may hold it
        table.update({key: _containers_copied(part, copies) for key, part in item.items()})
        return table
    if type(item) is list:
        parts: list[Any] = []
        copies[id(item)] = parts
        parts.extend(_containers_copied(part, copies) for part in item)
        return parts
    return set(item) if type(item) is set else item


def _with(inputs: Any, replaced: Mapping[Any, torch.Tensor]) -> Any:
    if not replaced:
        return inputs
    by_id = {id(tensor): replaced[path] for path, tensor in tensors(inputs) if path in replaced}
    return replace_leaves(inputs, lambda leaf: by_id.get(id(leaf), leaf))
