"""What the viewer reads: a graph and a run as versioned, columnar, JSON-able dicts. Imports no torch."""

from graphtools.payload.graph import FORMAT, VERSION, drawn_nodes, graph_payload, shape_text
from graphtools.payload.run import RUN_FORMAT, RUN_VERSION, run_payload

__all__ = [
    "FORMAT",
    "RUN_FORMAT",
    "RUN_VERSION",
    "VERSION",
    "drawn_nodes",
    "graph_payload",
    "run_payload",
    "shape_text",
]
