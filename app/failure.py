"""Says in plain words why a run stopped: what the operation was given, where it was called, and torch's own message."""

from __future__ import annotations

from html import escape

import streamlit as st
import style
from opening import Opened

from graphtools.graph import Failure, Graph, module_path
from graphtools.meaning import meaning


def failure_panel(failure: Failure, graph: Graph | None) -> None:
    """Draws the failure: its type and place, what it means, the message, and the types of the inputs."""
    node = graph[failure.node] if graph and failure.node else None
    module = graph.modules.get(module_path(node.scope)) if graph and node and node.scope else None
    what = f"{node.scope or node.name} ({module.class_name})" if node and module else node.name if node else ""
    place = f"{failure.source}" if failure.source else ""
    if failure.source and failure.source.column:
        place += f":{failure.source.column}"
    said = " · ".join(part for part in (f"stopped at {what}" if what else "", place) if part)
    parts = [f"<h1>{escape(failure.type)}</h1>", f'<p class="muted">{escape(said)}</p>' if said else ""]
    sentence = meaning(failure.message)
    if sentence:
        parts.append(f"<p>{escape(sentence)}</p>")
    parts.append(f"<pre>{escape(failure.message.strip() or 'no message')}</pre>")
    if failure.inputs:
        given = ", ".join(f"<code>{escape(str(spec))}</code>" for spec in failure.inputs)
        parts.append(f"<p>It was given {given}</p>")
    elif node is None and graph is not None and len(graph.operations):
        parts.append("<p>It came from Python after this operation, not from an operation of torch.</p>")
    st.html(f'<div class="gt gt-failure" role="alert">{"".join(parts)}</div>')


def problem_page(opened: Opened) -> None:
    """Draws what is known where there is no graph: the file could not be loaded, or nothing ran."""
    failure = opened.failure
    if failure is None:
        st.html('<div class="gt muted">The model ran no operation of torch, so there is no graph to show.</div>')
        return
    st.html(f'<div class="gt"><h1>{escape(opened.choice.title)} could not be opened</h1></div>')
    failure_panel(failure, None)
    if failure.source:
        source = failure.source
        shown = style.excerpt(opened.lines.get(source.file, ()), source.line, source.column, failed=True, around=6)
        st.html(f'<div class="gt"><h2>{escape(source.file)}</h2></div>{shown}')
