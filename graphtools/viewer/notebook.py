"""A graph in a notebook: the page in a frame of its own, which can neither reach the notebook nor the network."""

from __future__ import annotations

import html
from typing import Any

from graphtools.graph import Graph
from graphtools.payload import graph_payload
from graphtools.viewer.page import page_html

MOST_BYTES = 8 * 1024 * 1024  # a notebook stores each output, so a larger page is offered as a file instead
_MOST_LINES = 60


def show(graph: Graph, height: int = 600) -> Any:
    """The graph as an IPython display object, `height` pixels high. Needs IPython."""
    from IPython.display import HTML

    # IPython warns about a bare iframe in HTML(); inside a div it is what the notebook needs.
    return HTML(f"<div>{repr_html(graph, height)}</div>")


def repr_html(graph: Graph, height: int = 600) -> str:
    """HTML with the interactive graph; for a page above 8 MB the graph's text, cut, and how to see all of it."""
    # Without `focus`: a cell that has just run must not take the keyboard from the notebook.
    page = page_html({"payload": graph_payload(graph), "options": {"focus": False}}, graph.capture.model or "graph")
    if len(page.encode()) > MOST_BYTES:
        return _text_html(graph)
    return (
        f'<iframe srcdoc="{html.escape(page, quote=True)}" sandbox="allow-scripts" '
        f'title="{html.escape(repr(graph), quote=True)}" '
        f'style="width: 100%; height: {int(height)}px; border: 1px solid #8884; border-radius: 8px"></iframe>'
    )


def _text_html(graph: Graph) -> str:
    lines = [repr(graph), "too large to show here; graph.to_html('graph.html') writes it to a file", ""]
    lines += [str(node) for node in graph.nodes[:_MOST_LINES]]
    if len(graph) > _MOST_LINES:
        lines.append(f"and {len(graph) - _MOST_LINES} more nodes")
    return f"<pre>{html.escape(chr(10).join(lines))}</pre>"
