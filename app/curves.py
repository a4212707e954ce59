"""The curves of a training: loss, accuracy, gradient norm, update ratio."""

from __future__ import annotations

from typing import Any

import pandas
import streamlit as st
from texts import t
from training import Training

_CHARTS = (
    ("Loss", "loss", "test_loss", False),
    ("Accuracy", "accuracy", "test_accuracy", False),
    ("Gradient norm", "gradient_norm", None, True),
    ("Update : weight", "update_ratio", None, True),
)
_HEIGHT = 230


def curves(training: Training) -> None:
    """Draws those that there are numbers of, two in a row."""
    columns = training.curves(tuple(name for _, name, _, _ in _CHARTS))
    shown = [chart for chart in _CHARTS if any(value is not None for value in columns[chart[1]])]
    places = st.columns(2, gap="medium")
    for number, (title, name, tested, is_log) in enumerate(shown):
        with places[number % 2]:
            st.html(f'<div class="gt"><h2>{t(title)}</h2></div>')
            st.vega_lite_chart(*_chart(columns, name, training.epochs, tested, is_log), height=_HEIGHT)


def _chart(
    columns: dict[str, list[float | None]], name: str, epochs: list[dict[str, Any]], tested: str | None, is_log: bool
) -> tuple[pandas.DataFrame, dict[str, Any]]:
    rows = [
        {"step": step, "value": value, "of": t("training")}
        for step, value in zip(columns["step"], columns[name], strict=True)
        if isinstance(value, int | float) and (value > 0 or not is_log)
    ]
    rows += [
        {"step": epoch["step"], "value": epoch[tested], "of": t("test")}
        for epoch in epochs
        if tested and epoch.get(tested) is not None
    ]
    names = {"domain": [t("training"), t("test")], "range": ["#2563c9", "#d97706"]}
    color = {"field": "of", "type": "nominal", "title": None, "scale": names}
    point = {"filter": f"datum.of === '{t('test')}'"}
    base = {
        "x": {"field": "step", "type": "quantitative", "title": None},
        "y": {
            "field": "value",
            "type": "quantitative",
            "title": None,
            "scale": {"type": "log"} if is_log else {"zero": False},
        },
        "color": color if tested else {"value": "#2563c9"},
        "tooltip": [{"field": "step"}, {"field": "value", "format": ".4g"}, {"field": "of", "title": " "}],
    }
    layers = [{"mark": {"type": "line", "interpolate": "linear"}, "encoding": base}]
    if tested and any(row["of"] == t("test") for row in rows):
        layers.append({"mark": {"type": "point", "filled": True}, "transform": [point], "encoding": base})
    return pandas.DataFrame(rows), {
        "layer": layers,
        "config": {"legend": {"orient": "top", "offset": 2, "symbolType": "circle"}},
    }
