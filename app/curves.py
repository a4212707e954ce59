"""The curves of a training: loss, accuracy, gradient norm, update ratio. All over the same steps."""

from __future__ import annotations

from typing import Any, NamedTuple

import pandas
import streamlit as st
from texts import t
from training import Training


class _Chart(NamedTuple):
    """What is drawn of a number of the steps, with that of the tests where there is one."""

    title: str
    name: str
    tested: str = ""
    is_log: bool = False
    is_share: bool = False


_CHARTS = (
    _Chart("Loss", "loss", "test_loss"),
    _Chart("Accuracy", "accuracy", "test_accuracy", is_share=True),
    _Chart("Gradient norm", "gradient_norm", is_log=True),
    _Chart("Update:weight ratio", "update_ratio", is_log=True),
)
_HEIGHT = 230
_FEW = 60  # values up to which each is marked by a point of its own
_BLUE, _ORANGE = "#2563c9", "#d97706"


def curves(training: Training) -> None:
    """Draws those that there are numbers of, two in a row."""
    columns = training.curves(tuple(chart.name for chart in _CHARTS))
    last = max([*columns["step"], *(epoch["step"] for epoch in training.epochs), 1])  # type: ignore[type-var]
    drawn = [(chart, _rows(chart, columns, training.epochs)) for chart in _CHARTS]
    places = st.columns(2, gap="medium")
    for number, (chart, rows) in enumerate((chart, rows) for chart, rows in drawn if rows):
        with places[number % 2]:
            st.html(f'<div class="gt"><h2>{t(chart.title)}</h2></div>')
            st.vega_lite_chart(pandas.DataFrame(rows), _spec(chart, rows, int(last or 1)), height=_HEIGHT)


def _rows(chart: _Chart, columns: dict[str, list[float | None]], epochs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    rows = [
        {"step": step, "value": value, "of": t("training")}
        for step, value in zip(columns["step"], columns[chart.name], strict=True)
        if isinstance(value, int | float) and (value > 0 or not chart.is_log)
    ]
    return rows + [
        {"step": epoch["step"], "value": epoch[chart.tested], "of": t("test")}
        for epoch in epochs
        if chart.tested and epoch.get(chart.tested) is not None
    ]


def _spec(chart: _Chart, rows: list[dict[str, Any]], last: int) -> dict[str, Any]:
    names = {"domain": [t("training"), t("test")], "range": [_BLUE, _ORANGE]}
    color = {"field": "of", "type": "nominal", "title": None, "scale": names}
    scale = {"domain": _domain(chart, [row["value"] for row in rows]), "type": "log" if chart.is_log else "linear"}
    # Both domains are given: one that Vega has to find is infinite for a moment, of which it complains.
    base = {
        "x": {"field": "step", "type": "quantitative", "title": None, "scale": {"domain": [0, last], "nice": False}},
        "y": {"field": "value", "type": "quantitative", "title": None, "scale": scale},
        "color": color if chart.tested else {"value": _BLUE},
        "tooltip": [{"field": "step"}, {"field": "value", "format": ".4g"}, {"field": "of", "title": " "}],
    }
    trained = [row for row in rows if row["of"] == t("training")]
    mark: dict[str, Any] = {"type": "line", "interpolate": "linear", "point": len(trained) <= _FEW}
    if chart.is_share:  # of a batch it jumps: a line between two would say what was not measured
        mark = {"type": "point", "filled": True, "size": 30 if len(trained) <= _FEW else 14, "opacity": 0.6}
    layers: list[dict[str, Any]] = [_layer(mark, t("training"), base)]
    if len(trained) < len(rows):
        layers.append(_layer({"type": "line", "point": {"filled": True, "size": 40}}, t("test"), base))
    return {
        "layer": layers,
        "config": {"legend": {"orient": "top", "offset": 2, "symbolType": "circle", "symbolOpacity": 1}},
    }


def _layer(mark: dict[str, Any], of: str, encoding: dict[str, Any]) -> dict[str, Any]:
    return {"mark": mark, "transform": [{"filter": f"datum.of === '{of}'"}], "encoding": encoding}


def _domain(chart: _Chart, values: list[float]) -> list[float]:
    """The lowest and the highest value that there is room for."""
    if chart.is_share:
        return [0, 1]
    low, high = min(values), max(values)
    if chart.is_log:
        return [low / 1.2, high * 1.2]
    room = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
    return [low - room, high + room]
