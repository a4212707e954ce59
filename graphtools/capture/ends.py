"""What a run of a training step leaves behind, so that a training can go on from a run that was only tried."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from graphtools import compat
from graphtools.capture.guard import save_shared

if TYPE_CHECKING:
    from graphtools.capture.program import Program


@dataclass(frozen=True, slots=True)
class End:
    """Parameters, buffers and gradients by full name, the optimizer's state by group and place, its settings by group,
    what the user's code keeps on modules, and the random states. `told` is what the program said of the run.
    """

    tensors: Mapping[str, torch.Tensor]
    grads: Mapping[str, torch.Tensor | None]
    state: Mapping[tuple[int, int], Mapping[str, Any]]
    settings: tuple[Mapping[str, Any], ...]
    attributes: tuple[Mapping[str, Any], ...]
    rng_state: Any
    host_state: Any
    told: Any

    def copied(self) -> End:
        """The same with tensors of its own: the live ones may then be written."""
        return replace(self, tensors={name: tensor.detach().clone() for name, tensor in self.tensors.items()})


def end_of(program: Program) -> End:
    """The present state of the program's model and optimizer, by reference; called when a run has just ended."""
    optimizer, tensors = program.optimizer, program.state()
    groups = optimizer.param_groups if optimizer is not None else []
    state = {
        (number, place): dict(optimizer.state[parameter])
        for number, group in enumerate(groups)
        for place, parameter in enumerate(group["params"])
        if optimizer is not None and parameter in optimizer.state
    }
    return End(
        tensors,
        {name: tensor.grad for name, tensor in tensors.items() if isinstance(tensor, nn.Parameter)},
        state,
        tuple(copy.deepcopy({key: item for key, item in group.items() if key != "params"}) for group in groups),
        program.attributes_now(),
        compat.rng_state(),
        compat.host_random_state(),
        None if program.told is None else program.told(),
    )


def take_over(program: Program, end: End) -> None:
    """Writes the state that another run of the same program left into its model, optimizer and random states.

    Copies what differs. Recordings that share memory with what is overwritten stay whole.
    """
    with compat.without_torch_function(), torch.no_grad():
        live = program.state()
        differing = {name: tensor for name, tensor in end.tensors.items() if not _is_same(live.get(name), tensor)}
        save_shared(live[name] for name in differing if name in live)
        for name, tensor in differing.items():
            known = live.get(name)
            if known is not None and known.shape == tensor.shape and known.dtype == tensor.dtype:
                known.copy_(tensor)
            else:  # a buffer that the run made, or made anew
                owner, _, last = name.rpartition(".")
                program.model.get_submodule(owner)._buffers[last] = tensor.detach().clone()
        for name, grad in end.grads.items():
            live[name].grad = None if grad is None else grad.detach().clone()
    program.set_attributes(end.attributes)
    _take_over_optimizer(program, end)
    compat.set_rng_state(end.rng_state)
    compat.set_host_random_state(end.host_state)


def _take_over_optimizer(program: Program, end: End) -> None:
    optimizer = program.optimizer
    if optimizer is None:
        return
    for number, (group, settings) in enumerate(zip(optimizer.param_groups, end.settings, strict=True)):
        group.update(copy.deepcopy(dict(settings)))
        for place, parameter in enumerate(group["params"]):
            state = end.state.get((number, place))
            if state is None:
                optimizer.state.pop(parameter, None)
            else:
                optimizer.state[parameter] = {key: copied(item) for key, item in state.items()}


def copied(item: Any) -> Any:
    """A copy that shares no memory: of a tensor without its history."""
    return item.detach().clone() if isinstance(item, torch.Tensor) else copy.deepcopy(item)


def _is_same(one: torch.Tensor | None, other: torch.Tensor) -> bool:
    return one is other or (one is not None and one.dtype == other.dtype and torch.equal(one, other))
