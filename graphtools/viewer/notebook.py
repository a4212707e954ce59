"""A graph or a recording in a notebook: a widget that Python answers, or a page in a frame of its own without one."""

from __future__ import annotations

import html
from typing import Any

from graphtools.graph import Graph
from graphtools.payload import graph_payload
from graphtools.recording import Recording
from graphtools.viewer.page import page_html
from graphtools.viewer.run_page import recording_data

MOST_BYTES = 8 * 1024 * 1024  # a notebook stores each output, so a larger page is offered as a file instead
_MOST_LINES = 60


def show(graph: Graph, height: int = 600, language: str = "en") -> Any:
    """The graph as a widget, `height` pixels high; as a page in a frame where anywidget is not installed.

    Needs IPython. The widget works in JupyterLab, Jupyter Notebook, VS Code and Colab.
    """
    made = _widget(graph, height, language)
    return _frame(repr_html(graph, height, language)) if made is None else made


def show_recording(recording: Recording, height: int = 760, language: str = "en") -> Any:
    """The recording as a widget that asks Python for each tensor looked at, and in which values can be edited.

    Without anywidget it is a page in a frame that holds the look of every tensor, as `recording.to_html` writes it.
    """
    made = _widget(recording, height, language)
    if made is not None:
        return made
    name = recording.graph.capture.model or "recording"
    page = page_html({**recording_data(recording), "options": {"focus": False, "language": language}}, name, language)
    return show_page(page, repr(recording), height, "recording.to_html('step.html')")


def show_page(page: str, name: str, height: int, call: str) -> Any:
    """A page in a frame of its own; of one above 8 MB its name, and the call that writes it to a file."""
    if len(page.encode()) > MOST_BYTES:
        words = f"{name}\ntoo large to show here; {call} writes it to a file"
        return _frame(f"<pre>{html.escape(words)}</pre>")
    return _frame(_iframe(page, name, height))


def repr_html(graph: Graph, height: int = 600, language: str = "en") -> str:
    """HTML with the interactive graph; for a page above 8 MB the graph's text, cut, and how to see all of it."""
    # Without `focus`: a cell that has just run must not take the keyboard from the notebook.
    options = {"focus": False, "language": language}
    page = page_html({"payload": graph_payload(graph), "options": options}, graph.capture.model or "graph", language)
    if len(page.encode()) > MOST_BYTES:
        return _text_html(graph, "graph.to_html('graph.html')")
    return _iframe(page, repr(graph), height)


def _widget(shown: Graph | Recording, height: int, language: str) -> Any:
    try:
        from graphtools.viewer.widget import Widget
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("anywidget", "traitlets", "ipywidgets"):
            raise
        return None
    return Widget(shown, height, language)


def _frame(text: str) -> Any:
    from IPython.display import HTML

    # IPython warns about a bare iframe in HTML(); inside a div it is what the notebook needs.
    return HTML(f"<div>{text}</div>")


def _iframe(page: str, name: str, height: int) -> str:
    return (
        f'<iframe srcdoc="{html.escape(page, quote=True)}" sandbox="allow-scripts" '
        f'title="{html.escape(name, quote=True)}" '
        f'style="width: 100%; height: {int(height)}px; border: 1px solid #8884; border-radius: 8px"></iframe>'
    )


def _text_html(graph: Graph, call: str) -> str:
    lines = [repr(graph), f"too large to show here; {call} writes it to a file", ""]
    lines += [str(node) for node in graph.nodes[:_MOST_LINES]]
    if len(graph) > _MOST_LINES:
        lines.append(f"and {len(graph) - _MOST_LINES} more nodes")
    return f"<pre>{html.escape(chr(10).join(lines))}</pre>"
