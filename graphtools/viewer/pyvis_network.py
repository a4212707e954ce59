"""A graph as a pyvis Network: the viewer's positions, module boxes behind the nodes, drawn without any request."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pyvis.network import Network

from graphtools.diagram import COLORS, FAILED_COLOR, GROUP_COLOR
from graphtools.graph import Graph, Node, module_path
from graphtools.payload import drawn_nodes
from graphtools.payload.graph import shape_text
from graphtools.viewer.positions import Positions, positions
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
    for (const { x, y, width, height, fill, border, title, detail, ports } of drawing.frames) {
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
      let end = x + 20 + ctx.measureText(title).width;
      ctx.font = `12px ${font}`;
      // Lines pass through the top of a frame: the words after its title make room.
      const reach = end + ctx.measureText(detail).width;
      for (const port of ports) if (port > end - 6 && port < reach + 6) end = Math.max(end, port + 8);
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
    """A pyvis Network of `graph`, ready to `show` or to add to; every box stands where the viewer puts it.

    `depth` closes the groups so many levels down: 0 shows one box, 1 the model's parts, None what a first view shows.
    Nodes have the name of the operation, or `@` and the scope of a closed module, as their id; physics is off. Lines
    bend at invisible nodes whose ids begin with `~`, where the viewer's do, and so pass no box. Nothing is loaded when
    the page is opened.
    """
    colors: dict[str, Any] = _DARK if dark else _LIGHT
    places = _one_box(graph) if depth == 0 and len(graph) else positions(graph, depth)
    network = GraphNetwork(_drawing(places, colors), height, colors["page"], colors["text"])
    network.set_options(json.dumps(_options(colors)))
    drawn = drawn_nodes(graph)
    for box in places.boxes:
        if not box["open"]:
            _add_box(network, graph, box, drawn[box["row"]] if box["row"] >= 0 else None, colors)
    _add_lines(network, places, colors)
    return network


def _one_box(graph: Graph) -> Positions:
    name, output = graph.capture.model or "model", next((node for node in graph.nodes if node.kind == "output"), None)
    box = {
        "id": "", "scope": "", "row": -1, "x": 0, "y": 0, "width": 200, "height": 50, "open": False, "group": True,
        "depth": 1, "category": "group", "failed": graph.failure is not None, "title": name, "detail": "",
        "subtitle": shape_text(output.spec) if output else "", "operations": len(graph.operations),
    }  # fmt: skip
    return Positions(200, 50, (box,), (), ())


def _id(box: dict[str, Any]) -> str:
    return str(box["id"]) if box["row"] >= 0 else f"@{box['id']}"


def _color(box: dict[str, Any]) -> str:
    return FAILED_COLOR if box["failed"] else GROUP_COLOR if box["group"] else COLORS[box["category"]]


def _add_box(network: Network, graph: Graph, box: dict[str, Any], node: Node | None, colors: dict[str, Any]) -> None:
    color, width, height = _color(box), box["width"], box["height"]
    lines = [plain(line) for line in (f"{box['title']} {box['detail']}".strip(), box["subtitle"]) if line]
    network.add_node(
        _id(box),
        label="\n".join(lines) or " ",
        title=_tooltip(graph, box, node),
        shape="box",
        color={
            "background": colors["box"],
            "border": color,
            "highlight": {"background": colors["box"], "border": color},
        },
        borderWidth=1.5,
        x=box["x"] + width / 2,
        y=box["y"] + height / 2,
        fixed=True,
        physics=False,
        # vis-network adds its margins to these.
        widthConstraint={"minimum": width - 20, "maximum": width - 20},
        heightConstraint={"minimum": height - 12},
        font={"color": colors["text"], "size": 11, "face": "system-ui, 'DejaVu Sans', sans-serif", "align": "left"},
    )


def _tooltip(graph: Graph, box: dict[str, Any], node: Node | None) -> str:
    scope = box["scope"]
    lines = [box["title"], box["subtitle"], f"scope {scope}" if scope else ""]
    if node is not None:
        lines += [node.target, shape_text(node.spec)]
    else:
        lines.append(f"{box['operations']} operations")
    module = graph.modules.get(module_path(scope))
    if module is not None and module.n_parameters:
        lines.append(f"{count_text(module.n_parameters)} parameters")
    text = "\n".join(dict.fromkeys(plain(line) for line in lines if line))
    # pyvis shows every title as HTML if one of them holds this word; a word joiner keeps it text.
    return text.replace("href", "h\N{WORD JOINER}ref")


def _add_lines(network: Network, places: Positions, colors: dict[str, Any]) -> None:
    """Adds each line as straight pieces between invisible nodes; what several edges share is there once."""
    boxes = {box["id"]: box for box in places.boxes}
    ends: list[str] = []  # of each line, the node at which lines that continue it begin

    def stop(source: str, x: float, y: float) -> str:
        name = f"~{source} {len(network.node_map)}"
        network.add_node(
            name, label=" ", shape="dot", size=0, borderWidth=0, color="rgba(0,0,0,0)", x=x, y=y, fixed=True,
            physics=False, chosen=False, font={"size": 1},
        )  # fmt: skip
        return name

    def connect(source: str, target: str, arrows: str = "", hidden: bool = False) -> None:
        color = {"color": colors["line"], "highlight": "#2563c9", "inherit": False}
        network.add_edge(source, target, arrows=arrows, color=color, smooth=False, hidden=hidden)

    for line in places.lines:
        points = line["points"]
        if line["parent"] >= 0:
            last = ends[line["parent"]]
        else:
            # vis-network draws to the middle of a box, so what leaves or enters beside it has a place at the border.
            source = boxes[line["from"]]
            last = _id(source)
            if _is_beside(points[0], source):
                border = stop(line["from"], *points[0])
                connect(last, border, hidden=True)
                last = border
        for point in points[1:-1]:
            bend = stop(line["from"], *point)
            connect(last, bend)
            last = bend
        target = boxes.get(line["to"])
        if target is None:
            end = stop(line["from"], *points[-1])
            connect(last, end)
        elif _is_beside(points[-1], target):
            end = stop(line["from"], *points[-1])
            connect(last, end, "to")
            connect(end, _id(target), hidden=True)
        else:
            end = _id(target)
            connect(last, end, "to")
        ends.append(end)


def _is_beside(point: Sequence[float], box: dict[str, Any]) -> bool:
    return bool(abs(point[0] - box["x"] - box["width"] / 2) > 0.5)


def _drawing(places: Positions, colors: dict[str, Any]) -> dict[str, Any]:
    """What the hooks draw: frames of open groups, outer ones first, strips of boxes, shapes beside the lines."""
    frames = [
        {
            **{name: box[name] for name in ("x", "y", "width", "height", "ports")},
            "fill": colors["frames"][min(box["depth"] - 1, 3)],
            "border": FAILED_COLOR if box["failed"] else colors["border"],
            "title": plain(box["title"]),
            "detail": plain(box["subtitle"]),
        }
        for box in places.boxes
        if box["open"]
    ]
    first = next((box["x"] + box["width"] / 2 for box in places.boxes), 0.0)
    return {
        "frames": frames,
        "strips": [[_id(box), _color(box)] for box in places.boxes if not box["open"]],
        "labels": [{**label, "text": plain(label["text"])} for label in places.labels],
        "width": places.width,
        "height": places.height,
        "start": first,
        "page": colors["page"],
        "text": colors["text"],
        "muted": colors["muted"],
    }


def _options(colors: dict[str, Any]) -> dict[str, Any]:
    return {
        "physics": {"enabled": False},
        "layout": {"improvedLayout": False},
        "interaction": {"hover": True, "dragNodes": False, "tooltipDelay": 150, "navigationButtons": False},
        "nodes": {"shapeProperties": {"borderRadius": 6}, "margin": {"top": 6, "bottom": 6, "left": 14, "right": 6}},
        "edges": {"width": 1.2, "arrows": {"to": {"scaleFactor": 0.55}}},
    }
