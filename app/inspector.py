"""The panel beside the graph: one operation, what it was given, what it gave, and the line that called it."""

from __future__ import annotations

from base64 import b64encode
from html import escape
from io import BytesIO
from typing import Any

import altair
import numpy
import streamlit as st
import style
import torch
from failure import failure_panel
from opening import Opened
from PIL import Image

import graphtools as gt
from graphtools.graph import Node, Output, Ref, format_arg, module_path, references
from graphtools.picture import Picture, picture
from graphtools.statistics import Statistics, histogram, number, statistics
from graphtools.words import settings_text

_LONGEST = 300  # characters of an argument
_SIDE = 260  # pixels of a picture
_HEAT = numpy.array(  # dark blue through purple and orange to light yellow; differs in lightness all the way
    [
        [13, 8, 45],
        [62, 15, 114],
        [124, 30, 109],
        [183, 55, 84],
        [229, 92, 48],
        [251, 149, 25],
        [246, 215, 70],
        [252, 255, 190],
    ]
)


def inspector(opened: Opened, position: int) -> None:
    """Draws the panel of the operation at `position`."""
    recording = opened.recording
    if recording is None or not opened.operations:
        return
    node = opened.operations[position]
    _heading(recording, node, position)
    if opened.failure and opened.failure_index == position:
        failure_panel(opened.failure, opened.graph)
    else:
        _result(recording, node)
    if node.source:
        shown = style.excerpt(
            opened.lines.get(node.source.file, ()),
            node.source.line,
            node.source.column,
            failed=opened.failure is not None and opened.failure.node == node.name,
        )
        place = f"{node.source}" + (f" in {node.source.function}" if node.source.function else "")
        st.html(f'<div class="gt"><h2 title="{escape(node.source.file)}">{escape(place)}</h2></div>{shown}')
    _arguments(recording, node)


def _heading(recording: gt.Recording, node: Node, position: int) -> None:
    module = recording.graph.modules.get(module_path(node.scope))
    settings = settings_text(module.class_name, module.settings) if module else ""
    kind = f" <span>{escape(f'{module.class_name} {settings}')}</span>" if module and node.scope else ""
    duration = recording.events[position].duration_s * 1000
    marks = [f"in {node.scope or 'the model itself'}"]
    marks += [f"{duration:.3g} ms"] if duration else []
    marks += ["draws random numbers"] if node.random else []
    marks += [f"writes into {', '.join(node.writes)}"] if node.writes else []
    marks += ["without gradient"] if node.state.get("grad") is False else []
    marks += [f"autocast to {node.state['autocast']}"] if node.state.get("autocast") else []
    st.html(
        f'<div class="gt"><h1>{escape(node.name)}{kind}</h1><p class="muted"><code>{escape(node.target)}</code></p>'
        f'<p class="muted">{escape(" · ".join(marks))}</p></div>'
    )


# -- what it gave ----------------------------------------------------------------------------------------------------


def _result(recording: gt.Recording, node: Node) -> None:
    output = _chosen_output(node)
    try:
        value = recording.value(node, output.path if output else None)
    except gt.ValueLost as error:
        st.html(f'<div class="gt muted">{escape(str(error))}</div>')
        return
    if not isinstance(value, torch.Tensor):
        st.html(style.table([("result", _short(repr(value)))]))
        return
    found = statistics(value)
    st.html(style.table(_statistics_rows(found), numbers=True))
    left, right = st.columns(2, gap="small")
    with left:
        _histogram(value)
    with right:
        _picture(value)


def _chosen_output(node: Node) -> Output | None:
    if len(node.outputs) < 2:
        return node.outputs[0] if node.outputs else None
    labels = {f"{'.'.join(map(str, output.path))}  {output.spec}": output for output in node.outputs}
    label = st.selectbox("Result", list(labels), key=f"output {node.name}")
    return labels[label]


def _statistics_rows(found: Statistics) -> list[tuple[str, str]]:
    rows = [("type", found.spec), ("elements", f"{found.n_elements:,}")]
    if found.n_finite:
        rows.append(("mean ± std", number(found.mean) + (f" ± {number(found.std)}" if found.std is not None else "")))
        rows.append(("min … max", f"{number(found.min)} … {number(found.max)}"))
        rows.append(("norm", number(found.norm)))
    if found.n_elements and (found.n_finite or not found.note):
        rows.append(("zeros", f"{_percent(found.zeros)}"))
        bad = f"!{found.n_nan:,} NaN, {found.n_inf:,} infinite" if not found.is_finite else "all finite"
        rows.append(("NaN, Inf", bad))
    if found.note:
        rows.append(("note", found.note))
    return rows


def _percent(share: float) -> str:
    return (
        "none" if share == 0 else "all" if share == 1 else f"{share:.1%}" if 0.001 <= share <= 0.999 else f"{share:.3%}"
    )


def _histogram(value: torch.Tensor) -> None:
    found = histogram(value)
    if not found.counts:
        st.html(f'<div class="gt muted">No histogram: {escape(found.note)}</div>')
        return
    # Six digits are enough for a bar and keep the message to the browser small.
    rows = [
        {"from": float(f"{start:.6g}"), "to": float(f"{end:.6g}"), "count": count}
        for start, end, count in zip(found.edges, found.edges[1:], found.counts, strict=False)
    ]
    chart = (
        altair.Chart(altair.Data(values=rows))
        .mark_bar(color="#5b8def", binSpacing=0.5)
        .encode(
            x=altair.X("from:Q", bin="binned", title=None, axis=altair.Axis(tickCount=3, format="~g", grid=False)),
            x2="to:Q",
            y=altair.Y("count:Q", title=None, axis=None),
            tooltip=[altair.Tooltip("from:Q"), altair.Tooltip("to:Q"), altair.Tooltip("count:Q")],
        )
        .properties(height=150, padding={"left": 4, "right": 8, "top": 4, "bottom": 2})
    )
    st.altair_chart(chart, width="stretch")
    if found.step > 1:
        st.html(f'<div class="gt muted">{found.n_sampled:,} elements, one in {found.step}</div>')


def _picture(value: torch.Tensor) -> None:
    rank = value.dim()
    axes = [axis for axis in range(max(0, rank - 2)) if value.shape[axis] > 1]
    first = picture(value, [0] * rank, max_side=_SIDE)
    in_color = first.kind == "image" and st.toggle("Color", value=True, key="picture in color")
    leading = [0] * max(0, rank - (3 if in_color else 2))
    slot = st.empty()
    for axis in axes:
        if axis < len(leading):
            size = value.shape[axis]
            name = ("sample" if axis == 0 else "channel") if rank == 4 else f"index {axis}"
            key = f"axis {axis} of {rank}, {size}"
            with st.container(key=f"axis_{axis}", gap=None):
                label = st.empty()
                leading[axis] = st.slider(name, 0, size - 1, 0, key=key, label_visibility="collapsed")
                label.html(f'<div class="gt muted">{name} {leading[axis]} of {size}</div>')
    shown = picture(value, leading, max_side=_SIDE, color=in_color)
    if shown.kind == "none":
        slot.html(f'<div class="gt muted">No picture: {escape(shown.caption)}</div>')
        return
    if shown.kind == "curve":
        _curve(slot, shown)
    else:
        # In the page: a file of its own may be gone from the server before the browser asks, after a quick step.
        slot.html(f'<img class="gt-picture" alt="{escape(shown.caption)}" src="{_data_url(pixels(shown))}">')
    st.html(f'<div class="gt muted">{escape(shown.caption.rpartition(", ")[2] if axes else shown.caption)}</div>')


def _curve(slot: Any, shown: Picture) -> None:
    rows = [{"index": i, "value": v if numpy.isfinite(v) else None} for i, v in enumerate(shown.values.tolist())]
    mark = altair.Chart(altair.Data(values=rows))
    mark = (
        mark.mark_bar(color="#5b8def") if len(rows) < 3 else mark.mark_line(color="#5b8def", interpolate="step-after")
    )
    chart = mark.encode(
        x=altair.X("index:Q", title=None, axis=altair.Axis(tickCount=3, grid=False)),
        y=altair.Y("value:Q", title=None, axis=altair.Axis(tickCount=3, format="~g")),
    ).properties(height=150, padding=4)
    slot.altair_chart(chart, width="stretch")


def pixels(shown: Picture) -> numpy.ndarray[Any, Any]:
    """The picture as u8[height, width, 3]; what is not finite is red."""
    values = shown.values.numpy()
    if shown.kind == "heat map":
        finite = numpy.isfinite(values)
        low, high = (values[finite].min(), values[finite].max()) if finite.any() else (0.0, 1.0)
        level = numpy.where(finite, (values - low) / max(float(high - low), 1e-30), 0.0).clip(0, 1)
        stops = numpy.linspace(0, 1, len(_HEAT))
        values = numpy.stack([numpy.interp(level, stops, _HEAT[:, i]) for i in range(3)], axis=-1).astype(numpy.uint8)
        values[~finite] = (255, 0, 64)
    return values


def _data_url(values: numpy.ndarray[Any, Any]) -> str:
    stream = BytesIO()
    Image.fromarray(values).save(stream, "PNG")
    return "data:image/png;base64," + b64encode(stream.getvalue()).decode()


# -- what it was given -----------------------------------------------------------------------------------------------


def _arguments(recording: gt.Recording, node: Node) -> None:
    rows = [(str(position), _argument(recording, arg)) for position, arg in enumerate(node.args)]
    rows += [(name, _argument(recording, arg)) for name, arg in node.kwargs.items()]
    users = ", ".join(user.name for user in recording.graph.users(node))
    rows.append(("used by", users or "nothing"))
    st.html(f'<div class="gt"><h2>Arguments</h2></div>{style.table([(name, _short(text)) for name, text in rows])}')


def _argument(recording: gt.Recording, arg: Any) -> str:
    if not isinstance(arg, Ref):
        text = format_arg(arg)
        return text if not any(True for _ in references(arg)) else text.replace("%", "")
    source = recording.graph[arg.node]
    spec = next((output.spec for output in source.outputs if output.path == arg.path), source.spec)
    name = source.target if source.kind in ("parameter", "buffer") else ".".join([arg.node, *map(str, arg.path)])
    kind = f"{source.kind} " if source.kind != "call" else ""
    return f"{kind}{name}" + (f"  {spec}" if spec else "")


def _short(text: str, longest: int = _LONGEST) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"
