"""The strip under the graph: one bar for each operation, as high as it took long, and the slider that scrubs it."""

from __future__ import annotations

import math
from base64 import b64encode
from html import escape

import session
import streamlit as st
from opening import Opened

from graphtools.kinds import node_category

_HEIGHT = 34
# The colors of the graph picture (viewer/src/theme.js), so that a bar can be found by its color.
_COLORS = {
    "convolution": "#2f72c4",
    "normalization": "#21998b",
    "activation": "#e8873a",
    "pooling": "#d2505c",
    "linear": "#4f9a44",
    "attention": "#8a5cc2",
    "recurrent": "#b0479a",
    "embedding": "#6a5fd0",
    "dropout": "#a69bb5",
    "arithmetic": "#8d7664",
    "reduction": "#b5793f",
    "shape": "#6f8795",
    "indexing": "#7d93a1",
    "creation": "#9aa34a",
    "loss": "#c2a112",
    "conversion": "#5fa0b5",
}
_OTHER = "#7b8794"


def timeline(opened: Opened) -> None:
    """Draws the strip and the slider."""
    count, position = len(opened.operations), session.session().position
    total = sum(event.duration_s for event in opened.recording.events) if opened.recording else 0.0
    node = opened.operations[position]
    here = f"{node.scope + ' › ' if node.scope else ''}{node.operation}"
    image = b64encode(bars(opened, position).encode()).decode()  # Streamlit takes bare SVG out of HTML
    facts = f"{count:,} operations, {total * 1000:.3g} ms"
    st.html(
        f'<div class="gt gt-timeline"><p><b>Timeline</b> <span class="muted">{facts}</span>'
        f'<span class="muted right">{escape(here)}</span></p>'
        f'<img alt="" src="data:image/svg+xml;base64,{image}"></div>'
        # The slider's ends stand under the middle of the first and of the last bar.
        f"<style>.st-key-position {{ padding: 0 max(0px, calc(50% / {count} - 5px)); }}</style>"
    )
    if count > 1:
        with st.container(key="position"):
            st.slider(
                "Position",
                1,
                count,
                position + 1,
                key=session.slider_key(),
                on_change=session.slider_moved,
                args=(session.slider_key(),),
                label_visibility="collapsed",
            )


def bars(opened: Opened, position: int) -> str:
    """The strip as SVG, one path for each color; heights grow with the logarithm of the duration."""
    events = opened.recording.events if opened.recording else ()
    count = len(events)
    # Microseconds: below one, everything is as low as can be seen.
    heights = [math.log10(max(event.duration_s * 1e6, 1.0)) for event in events]
    highest = max(heights, default=0.0) or 1.0
    gap = 0.0 if count > 400 else 0.12
    paths: dict[str, list[str]] = {}
    for index, (node, height) in enumerate(zip(opened.operations, heights, strict=True)):
        tall = 4 + (_HEIGHT - 4) * height / highest
        color = _COLORS.get(node_category(node), _OTHER)
        bar = f"M{index + gap:g} {_HEIGHT}v{-tall:.1f}h{1 - 2 * gap:g}V{_HEIGHT}z"
        paths.setdefault(color + ("" if index <= position else "66"), []).append(bar)
    drawn = "".join(f'<path fill="{color}" d="{"".join(parts)}"/>' for color, parts in paths.items())
    failed = opened.failure_index
    if failed is not None:
        drawn += f'<path fill="#d33350" d="M{failed + gap:g} 0h{1 - 2 * gap:g}V{_HEIGHT}h{2 * gap - 1:g}z"/>'
    drawn += f'<path fill="#f59e0b" d="M{position:g} {_HEIGHT}h1v3h-1z"/>'
    head = f'xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {max(1, count)} {_HEIGHT + 3}" preserveAspectRatio="none"'
    return f"<svg {head}>{drawn}</svg>"
