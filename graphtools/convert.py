"""A graph as an object of another library."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from graphtools.graph import Graph

if TYPE_CHECKING:
    import networkx


def to_networkx(graph: Graph) -> networkx.MultiDiGraph:
    """A networkx.MultiDiGraph of `graph`: one node a name with its fields as attributes, one edge a reference.

    A node also has `operation`, `dtype` and `shape` (None if unknown); an edge has the `path` of what it carries and
    the `position` of the reference among those of its target. The graph's own attributes are `model`, `modules`,
    `capture` and `failure`.
    """
    import networkx

    result = networkx.MultiDiGraph(
        model=graph.capture.model, modules=dict(graph.modules), capture=graph.capture, failure=graph.failure
    )
    for node in graph.nodes:
        fields = {f.name: getattr(node, f.name) for f in dataclasses.fields(node) if f.name != "name"}
        spec = node.spec
        result.add_node(
            node.name,
            **fields,
            operation=node.operation,
            dtype=spec.dtype if spec else None,
            shape=spec.shape if spec else None,
        )
    for node in graph.nodes:
        for position, ref in enumerate(node.refs()):
            result.add_edge(ref.node, node.name, path=ref.path, position=position)
    return result
