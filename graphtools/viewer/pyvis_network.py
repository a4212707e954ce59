"""A graph as a pyvis Network: fixed layered positions, module boxes behind the nodes, drawn without any request."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

from pyvis.network import Network

from graphtools.diagram import COLORS, FAILED_COLOR, GROUP_COLOR
from graphtools.fold import Box, Edge, View, fold
from graphtools.graph import Graph
from graphtools.viewer.layout import Layout, heading, layout
from graphtools.words import count_text, plain

_LIGHT = {
    "page": "#fbfcfe", "box": "#ffffff", "text": "#17202e", "muted": "#5d6b80", "line": "#94a2b6", "border": "#c3d0e4",
    "frames": ["#f1f5fc", "#e8eff9", "#dfe8f6", "#d6e1f2"],
}  # fmt: skip
_DARK = {
    "page": "#10151d", "box": "#1a212d", "text": "#e8edf5", "muted": "#9aa7ba", "line": "#5f7089", "border": "#35445a",
    "frames": ["#171f2b", "#1d2735", "#243041", "#2b394c"],
}  # fmt: skip

# Frames, strips and shape labels are drawn by hooks, because vis-network has no boxes within boxes. All text reaches
# the page as JSON data and the canvas as text, never as markup.
_SCRIPT = """
(() => {
  const drawing = JSON.parse(document.getElementById("graphtools-drawing").textContent);
  const font = "system-ui, 'DejaVu Sans', sans-serif";
  const rounded = (ctx, x, y, width, height, radius) => {
    ctx.beginPath();
    ctx.roundRect(x, y, width, height, radius);
  };
  network.on("beforeDrawing", (ctx) => {
    for (const { x, y, width, height, fill, border, title, detail } of drawing.frames) {
      rounded(ctx, x, y, width, height, 10);
      ctx.fillStyle = fill;
      ctx.fill();
      ctx.lineWidth = 1;
      ctx.strokeStyle = border;
      ctx.stroke();
      ctx.textAlign = "left";
      ctx.textBaseline = "middle";
      ctx.font = `bold 13px ${font}`;
      ctx.fillStyle = drawing.text;
      ctx.fillText(title, x + 12, y + 16);
      const end = x + 20 + ctx.measureText(title).width;
      ctx.font = `12px ${font}`;
      ctx.fillStyle = drawing.muted;
      ctx.fillText(detail, end, y + 16);
    }
  });
  network.on("afterDrawing", (ctx) => {
    for (const [id, color] of drawing.strips) {
      const outer = network.getBoundingBox(id); // 6 px wider on each side than the box: its corner radius
      const [left, top, right, bottom] = [outer.left + 6, outer.top + 6, outer.right - 6, outer.bottom - 6];
      ctx.save();
      rounded(ctx, left, top, right - left, bottom - top, 6);
      ctx.clip();
      ctx.fillStyle = color;
      ctx.fillRect(left, top, 6, bottom - top);
      ctx.restore();
    }
    if (network.getScale() < 0.45) return;
    ctx.textAlign = "left";
    ctx.textBaseline = "middle";
    ctx.font = `10px ui-monospace, 'DejaVu Sans Mono', monospace`;
    for (const { x, y, text } of drawing.labels) {
      ctx.fillStyle = drawing.page;
      ctx.globalAlpha = 0.8;
      ctx.fillRect(x - 2, y - 7, ctx.measureText(text).width + 4, 14);
      ctx.globalAlpha = 1;
      ctx.fillStyle = drawing.muted;
      ctx.fillText(text, x, y);
    }
  });
  const { clientWidth, clientHeight } = network.body.container;
  const whole = Math.min(clientWidth / (drawing.width + 60), clientHeight / (drawing.height + 60));
  const scale = whole > 0.5 ? Math.min(whole, 1.2) : Math.max(Math.min(clientWidth / (drawing.width + 60), 0.9), 0.5);
  const y = whole > 0.5 ? drawing.height / 2 : clientHeight / scale / 2 - 30;
  const x = drawing.width * scale < clientWidth ? drawing.width / 2 : drawing.start;
  network.moveTo({ position: { x, y }, scale });
})();
"""


class GraphNetwork(Network):  # type: ignore[misc]
    """A pyvis Network whose page holds all that it needs and draws the module boxes of a graph."""

    def __init__(self, drawing: dict[str, Any], height: str, page: str, text: str) -> None:
        super().__init__(
            height=height, width="100%", directed=True, bgcolor=page, font_color=text, cdn_resources="in_line"
        )
        self.drawing = drawing

    def generate_html(self, name: str = "index.html", local: bool = True, notebook: bool = False) -> str:
        """The page as pyvis makes it, without what it would load from elsewhere, and with the module boxes."""
        self.cdn_resources = "in_line"
        if notebook and self.template is None:
            self.prep_notebook()
        html = super().generate_html(name, local, notebook)
        html = _without_requests(html)
        # "<" would end the script element inside a name such as "</script>".
        content = json.dumps(self.drawing).replace("<", "\\u003c")
        hooks = f'<script type="application/json" id="graphtools-drawing">{content}</script><script>{_SCRIPT}</script>'
        before, end, after = html.rpartition("</body>")
        self.html = before + hooks + end + after
        return self.html

    def write_html(self, name: str, local: bool = True, notebook: bool = False, open_browser: bool = False) -> None:
        """Writes the page to the file `name`, in UTF-8 on every system."""
        path = Path(name)
        path.write_text(self.generate_html(notebook=notebook), encoding="utf-8")
        if open_browser:
            import webbrowser

            webbrowser.open(path.resolve().as_uri())


def _without_requests(html: str) -> str:
    """`html` without comments, links and scripts that name another address."""
    html = re.sub(r"<!--(?:(?!-->).)*-->", "", html, count=0, flags=re.S)
    html = re.sub(r'<link\b[^>]*\bhref="(?:https?:)?//[^>]*>', "", html)
    return re.sub(r'<script\b[^>]*\bsrc="(?:https?:)?//[^>]*>\s*</script>', "", html)


def to_pyvis(graph: Graph, depth: int | None = None, height: str = "720px", dark: bool = False) -> Network:
    """A pyvis Network of the view of `graph` at `depth` (see `graphtools.fold.fold`), ready to `show` or to add to.

    Nodes have the name of the operation, or `@` and the scope of a closed module, as their id. They stand where the
    layered layout puts them; physics is off. Edges that pass other boxes go through invisible nodes whose ids begin
    with `~`. Nothing is loaded when the page is opened.
    """
    colors = _DARK if dark else _LIGHT
    view = fold(graph, depth)
    places = layout(view)
    network = GraphNetwork(_drawing(view, places, colors), height, colors["page"], colors["text"])  # type: ignore[arg-type]
    network.set_options(json.dumps(_options(colors)))
    ids = {box.id: box.id.removeprefix("%") for box in view.leaves()}
    for box in view.leaves():
        _add_box(network, box, ids[box.id], places, colors)
    ways: set[tuple[str, str]] = set()
    for edge, points in places.routes:
        _add_edge(network, edge, points, ids, ways, colors)
    return network


def _add_box(network: Network, box: Box, node_id: str, places: Layout, colors: dict[str, Any]) -> None:
    rect = places.rects[box.id]
    color = FAILED_COLOR if box.failed else GROUP_COLOR if box.is_group else COLORS[box.category]
    lines = [plain(line) for line in (heading(box), box.shape or box.subtitle) if line]
    network.add_node(
        node_id,
        label="\n".join(lines) or " ",
        title=_tooltip(box),
        shape="box",
        color={
            "background": colors["box"],
            "border": color,
            "highlight": {"background": colors["box"], "border": color},
        },
        borderWidth=1.5,
        x=round(rect.x + rect.width / 2, 2),
        y=round(rect.y + rect.height / 2, 2),
        fixed=True,
        physics=False,
        # vis-network adds its margins to these.
        widthConstraint={"minimum": rect.width - 20, "maximum": rect.width - 20},
        heightConstraint={"minimum": rect.height - 12},
        font={"color": colors["text"], "size": 12, "face": "system-ui, 'DejaVu Sans', sans-serif", "align": "left"},
    )


def _tooltip(box: Box) -> str:
    lines = [box.title, box.subtitle, f"scope {box.scope}" if box.scope else "", box.shape]
    if box.n_parameters:
        lines.append(f"{count_text(box.n_parameters)} parameters")
    if box.is_group:
        lines.append(f"{box.n_operations} operations")
    text = "\n".join(dict.fromkeys(plain(line) for line in lines if line))
    # pyvis shows every title as HTML if one of them holds this word; a word joiner keeps it text.
    return text.replace("href", "h\N{WORD JOINER}ref")


def _add_edge(
    network: Network,
    edge: Edge,
    points: tuple[tuple[float, float], ...],
    ids: dict[str, str],
    ways: set[tuple[str, str]],
    colors: dict[str, Any],
) -> None:
    """Adds an edge, cut where it bends, through invisible nodes that edges of the same source share."""
    stops = [(ids[edge.source], points[0])]
    for x, y in points[1:-1]:
        stop = f"~{ids[edge.source]} {x:.0f} {y:.0f}"
        stops.append((stop, (x, y)))
        if stop not in network.node_map:
            network.add_node(
                stop, label=" ", shape="dot", size=0, borderWidth=0, color="rgba(0,0,0,0)", x=round(x, 2),
                y=round(y, 2), fixed=True, physics=False, chosen=False, font={"size": 1},
            )  # fmt: skip
    stops.append((ids[edge.target], points[-1]))
    for (source, (x1, _)), (target, (x2, _)) in pairwise(stops):
        if (source, target) in ways:
            continue
        ways.add((source, target))
        is_last = target == ids[edge.target]
        bend = {"enabled": True, "type": "cubicBezier", "forceDirection": "vertical", "roundness": 0.5}
        network.add_edge(
            source,
            target,
            arrows="to" if is_last else "",
            color={"color": colors["line"], "highlight": "#2563c9", "inherit": False},
            smooth=False if abs(x1 - x2) < 0.5 else bend,
            title=plain(edge.shape) or None,
        )


def _drawing(view: View, places: Layout, colors: dict[str, Any]) -> dict[str, Any]:
    """What the hooks draw: frames of open groups, outer ones first, strips of boxes, shapes beside the edges."""
    frames, strips = [], []
    depth: dict[str, int] = {}
    for box in view.walk():
        for child in box.children:
            depth[child.id] = depth.get(box.id, 0) + 1
        if not box.children:
            color = FAILED_COLOR if box.failed else GROUP_COLOR if box.is_group else COLORS[box.category]
            strips.append([box.id.removeprefix("%"), color])
            continue
        rect = places.rects[box.id]
        fill = colors["frames"][min(depth.get(box.id, 0), 3)]
        border = FAILED_COLOR if box.failed else colors["border"]
        corner = {"x": rect.x, "y": rect.y, "width": rect.width, "height": rect.height}
        detail = plain(box.class_name) if box.class_name != box.title else ""
        frames.append({**corner, "fill": fill, "border": border, "title": plain(box.title), "detail": detail})
    return {
        "frames": frames,
        "strips": strips,
        "labels": _labels(places),
        "width": places.width,
        "height": places.height,
        "start": next((r.x + r.width / 2 for r in places.rects.values()), 0.0),
        "page": colors["page"],
        "text": colors["text"],
        "muted": colors["muted"],
    }


def _labels(places: Layout) -> list[dict[str, Any]]:
    """The shape that an edge carries, to the right of where it leaves its source; once for each source and shape."""
    seen: set[tuple[str, str]] = set()
    labels = []
    for edge, points in places.routes:
        if edge.shape and (edge.source, edge.shape) not in seen:
            seen.add((edge.source, edge.shape))
            x, y = points[0]
            labels.append({"x": round(x + 7, 1), "y": round(y + 12, 1), "text": plain(edge.shape)})
    return labels


def _options(colors: dict[str, Any]) -> dict[str, Any]:
    return {
        "physics": {"enabled": False},
        "layout": {"improvedLayout": False},
        "interaction": {"hover": True, "dragNodes": False, "tooltipDelay": 150, "navigationButtons": False},
        "nodes": {"shapeProperties": {"borderRadius": 6}, "margin": {"top": 6, "bottom": 6, "left": 14, "right": 6}},
        "edges": {"width": 1.2, "arrows": {"to": {"scaleFactor": 0.55}}},
    }
