"""Small models, graphs and recordings to compare."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

import graphtools as gt
from graphtools.graph import Graph, Node, Output, Ref, Spec
from graphtools.recording import Content, Event, Kept, Recording


def chain(calls: Iterable[tuple[str, str]], states: Sequence[str] = ()) -> Graph:
    """A graph of operations (scope, word), each taking the one before; a "linear" takes the next of `states` too."""
    left = list(states)
    nodes = [Node("x", "input", "x", outputs=(Output((), Spec("f32", (4,))),))]
    nodes += [
        Node(f"p{i}", "parameter", path, outputs=(Output((), Spec("f32", (4, 4))),)) for i, path in enumerate(states)
    ]
    n_states = 0
    previous = "x"
    for number, (scope, word) in enumerate(calls):
        args: tuple[Any, ...] = (Ref(previous),)
        if word == "linear" and n_states < len(left):
            args += (Ref(f"p{n_states}"),)
            n_states += 1
        previous = f"n{number}"
        nodes.append(
            Node(previous, "call", f"torch.{word}", args, outputs=(Output((), Spec("f32", (4,))),), scope=scope)
        )
    return Graph(tuple(nodes))


def made(graph: Graph, value: Callable[[Node], Any], **content: Any) -> Recording:
    """A recording of `graph` in which each node gave `value(node)`."""
    events = tuple(
        Event(index, "forward", node.name, node.scope, node.source, 0.0, None, node.operation)
        for index, node in enumerate(graph.operations)
    )
    values = {node.name: {(): Kept(value(node))} for node in graph.nodes}
    content = {"events": events, **content}
    return Recording(lambda: Content(graph, values=values, **content))


def mlp(*layers: nn.Module) -> nn.Sequential:
    """A Sequential of `layers`; without them of seeded Linear, ReLU, Linear, ReLU, Linear of other widths."""
    torch.manual_seed(0)
    return nn.Sequential(*(layers or (nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 2))))


def inputs(n: int = 3) -> torch.Tensor:
    """`n` rows of four numbers, the same each time."""
    return torch.randn(n, 4, generator=torch.Generator().manual_seed(7))


def step(model: nn.Module, lr: float = 0.1, seed: int = 0, n_steps: int = 1, shift: float = 0.0) -> Recording:
    """Training steps of a copy of the model; `shift` is added to the batch of the last one."""
    model = copy.deepcopy(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    torch.manual_seed(seed)
    batches = [inputs()] * (n_steps - 1) + [inputs() + shift]
    target = torch.tensor([0, 1, 0])
    with gt.record(model) as recording:
        for batch in batches:
            optimizer.zero_grad()
            F.cross_entropy(model(batch), target).backward()
            optimizer.step()
    return recording
