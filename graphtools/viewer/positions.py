"""Where the viewer puts the boxes and lines of a graph, for pictures that are drawn without it.

The viewer's own layout runs here, in a V8 that comes as a Python package: so the places are the same, by construction.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import resources
from typing import Any

from py_mini_racer import mini_racer

from graphtools.graph import Graph
from graphtools.payload import graph_payload


@dataclass(frozen=True, slots=True)
class Positions:
    """The picture in pixels, y pointing down.

    `boxes` are dicts in the order in which they are drawn, open groups before what is in them; `lines` dicts with
    `points`, each continuing its `parent` (an index, -1 at its source `from`) and ending at the box `to`, or at None
    where others continue it; `labels` the shapes beside the lines.
    """

    width: float
    height: float
    boxes: tuple[dict[str, Any], ...]
    lines: tuple[dict[str, Any], ...]
    labels: tuple[dict[str, Any], ...]


def positions(graph: Graph, depth: int | None = None) -> Positions:
    """Where everything stands when groups `depth` levels down are closed, or, by None, as the first view shows it.

    Widths of texts are estimated, as there is no font. Costs about 0.2 s and no process or page.
    """
    script = resources.files("graphtools.viewer").joinpath("static", "positions.js").read_text(encoding="utf-8")
    text = json.dumps(graph_payload(graph), allow_nan=False)
    with mini_racer() as engine:
        engine.eval(script)
        found = json.loads(str(engine.eval(f"positionsOf({json.dumps(text)}, {json.dumps(depth)})")))
    return Positions(
        found["width"], found["height"], tuple(found["boxes"]), tuple(found["lines"]), tuple(found["labels"])
    )
