"""The folded view as Graphviz DOT and as a Mermaid flowchart. Names become text, whatever letters they hold."""

from __future__ import annotations

from collections.abc import Iterator

from graphtools.fold import Box, View, fold
from graphtools.graph import Graph
from graphtools.words import plain

# One color a category, in light pages; the viewer's theme.js has the same.
COLORS = {
    "input": "#8391a5", "output": "#8391a5", "convolution": "#2f72c4", "normalization": "#21998b",
    "activation": "#e8873a", "pooling": "#d2505c", "linear": "#4f9a44", "attention": "#8a5cc2", "recurrent": "#b0479a",
    "embedding": "#6a5fd0", "dropout": "#a69bb5", "arithmetic": "#8d7664", "reduction": "#b5793f", "shape": "#6f8795",
    "indexing": "#7d93a1", "creation": "#9aa34a", "loss": "#c2a112", "conversion": "#5fa0b5", "state": "#8c8fa8",
    "other": "#7b8794",
}  # fmt: skip
GROUP_COLOR, FAILED_COLOR = "#556789", "#c81e3a"
_FRAMES = ("#f1f5fc", "#e8eff9", "#dfe8f6", "#d6e1f2")

_DOT_HEAD = """  graph [rankdir=TB, fontname="Helvetica,Arial,sans-serif", fontsize=11, ranksep=0.35, nodesep=0.3];
  node [shape=box, style="rounded,filled", fillcolor=white, fontname="Helvetica,Arial,sans-serif", fontsize=11];
  edge [color="#94a2b6", fontcolor="#64748b", fontname="Helvetica,Arial,sans-serif", fontsize=9, arrowsize=0.6];"""


def box_color(box: Box) -> str:
    """The border color of a box: red where the run failed, else by category."""
    return FAILED_COLOR if box.failed else GROUP_COLOR if box.is_group else COLORS[box.category]


def to_dot(graph: Graph, depth: int | None = None) -> str:
    """DOT text of the view of `graph` at `depth` (see `graphtools.fold.fold`), with a cluster for each open module."""
    view = fold(graph, depth)
    ids = _ids(view)
    lines = [f"digraph {_dot(graph.capture.model or 'graph')} {{", _DOT_HEAD]
    lines += _dot_boxes(view.boxes, ids, 1)
    for edge in view.edges:
        label = f" [label={_dot(' ' + edge.shape)}]" if edge.shape else ""
        lines.append(f"  {ids[edge.source]} -> {ids[edge.target]}{label};")
    return "\n".join([*lines, "}"])


def _dot_boxes(boxes: tuple[Box, ...], ids: dict[str, str], level: int) -> Iterator[str]:
    indent = "  " * level
    for box in boxes:
        if not box.children:
            label = "\\n".join(_dot_text(line) for line in _lines(box))
            yield f'{indent}{ids[box.id]} [label="{label}", color="{box_color(box)}"{", penwidth=2" * box.is_group}];'
            continue
        yield f"{indent}subgraph cluster_{ids[box.id]} {{"
        fill = _FRAMES[min(level, len(_FRAMES)) - 1]
        label = _dot(_heading(box))
        yield f'{indent}  label={label}; labeljust=l; style="rounded,filled"; fillcolor="{fill}"; color="#c3d0e4";'
        yield from _dot_boxes(box.children, ids, level + 1)
        yield f"{indent}}}"


def to_mermaid(graph: Graph, depth: int | None = None) -> str:
    """Mermaid flowchart text of the view of `graph` at `depth`, with a subgraph for each open module."""
    view = fold(graph, depth)
    ids = _ids(view)
    lines = ["flowchart TD", *_mermaid_boxes(view.boxes, ids, 1)]
    for edge in view.edges:
        label = f'|"{_mermaid_text(edge.shape)}"|' if edge.shape else ""
        lines.append(f"  {ids[edge.source]} -->{label} {ids[edge.target]}")
    colors = {box_color(box): f"c{box_color(box)[1:]}" for box in view.leaves()}
    lines += [
        f"  classDef {name} fill:#ffffff,stroke:{color},stroke-width:2px,color:#17202e"
        for color, name in colors.items()
    ]
    lines += [f"  class {ids[box.id]} {colors[box_color(box)]}" for box in view.leaves()]
    return "\n".join(lines)


def _mermaid_boxes(boxes: tuple[Box, ...], ids: dict[str, str], level: int) -> Iterator[str]:
    indent = "  " * level
    for box in boxes:
        if not box.children:
            yield f'{indent}{ids[box.id]}["{"<br/>".join(map(_mermaid_text, _lines(box)))}"]'
            continue
        yield f'{indent}subgraph {ids[box.id]}["{_mermaid_text(_heading(box))}"]'
        yield from _mermaid_boxes(box.children, ids, level + 1)
        yield f"{indent}end"


def _ids(view: View) -> dict[str, str]:
    """A word of letters and digits for each box: names themselves may hold anything."""
    return {box.id: f"{'g' if box.children else 'n'}{index}" for index, box in enumerate(view.walk())}


def _lines(box: Box) -> list[str]:
    return [line for line in (box.title, box.subtitle) if line] or [" "]


def _heading(box: Box) -> str:
    return f"{box.title}  {box.class_name}" if box.class_name and box.class_name != box.title else box.title


def _dot(text: str) -> str:
    return f'"{_dot_text(text)}"'


def _dot_text(text: str) -> str:
    # Graphviz reads \N and &lt; inside quoted labels, so both letters that start such things are escaped.
    return plain(text).replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;")


def _mermaid_text(text: str) -> str:
    """Everything but letters, digits and harmless marks as the character codes of Mermaid, `#34;` for a quote."""
    return "".join(
        letter if letter.isalnum() or letter in " .,:_-+×·→()=/…" else f"#{ord(letter)};" for letter in plain(text)
    )
