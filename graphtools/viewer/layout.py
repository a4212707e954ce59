"""Places for the boxes of a view and ways for its edges: layered, from inputs down to outputs, groups inside out.

Each open group is laid out by itself. Its border counts as a place for what comes in (top) and what goes out (bottom),
so an edge that crosses borders is a row of ways, one in each group. A chain of single links is straight because its
boxes share one x. All is a function of the view alone, in pixels, the y axis pointing down.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from graphtools.fold import Box, Edge, View
from graphtools.viewer.layers import HEAD, PAD, Item, Placed, Point, place
from graphtools.viewer.ranks import Link

_IN, _OUT = "in", "out"  # the borders of a group, as ends of links


@dataclass(frozen=True, slots=True)
class Rect:
    """A box on the page, by its upper left corner."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything stands: a rectangle for each box id, and for each edge its points from source to target."""

    rects: dict[str, Rect]
    routes: tuple[tuple[Edge, tuple[Point, ...]], ...]
    width: float
    height: float


def layout(view: View) -> Layout:
    """The places of all boxes of `view`, the upper left corner of everything being (0, 0)."""
    tree = _Tree(view)
    links, ways = tree.cut(view.edges)
    placed = tree.place(links)
    rects: dict[str, Rect] = {}
    frames: dict[str, tuple[float, float]] = {}  # x of the axis and y of the top of each group's content
    top = placed[""]
    stack = [("", top.left, 0.0)]
    while stack:
        group, axis, y = stack.pop()
        frames[group] = (axis, y)
        for box in tree.children[group]:
            item, x, above = placed[group].items[box.id], *placed[group].at[box.id]
            rects[box.id] = Rect(axis + x - item.left, y + above, item.left + item.right, item.height)
            if box.children:
                stack.append((box.id, axis + x, y + above + HEAD))
    routes = tuple((edge, _route(ways[edge.source, edge.target], placed, frames)) for edge in view.edges)
    return Layout(rects, routes, top.left + top.right, top.height)


def heading(box: Box) -> str:
    """The first line in a box: its title, with the class of a closed module."""
    return (
        f"{box.title} · {box.class_name}"
        if box.is_group and box.class_name != box.title and box.class_name
        else box.title
    )


def box_size(box: Box) -> tuple[float, float]:
    """Width and height of a box that is not open, by the letters that it shows."""
    letters = max(7.6 * len(heading(box)), 6.2 * len(box.subtitle), 6.2 * len(box.shape))
    return min(260.0, max(116.0, letters + 30)), 44.0 if box.shape or box.subtitle else 32.0


def _route(
    ways: list[tuple[str, Link]], placed: dict[str, Placed], frames: dict[str, tuple[float, float]]
) -> tuple[Point, ...]:
    points: list[Point] = []
    for group, link in ways:
        axis, y = frames[group]
        points += [(axis + x, y + above) for x, above in placed[group].ways[link]]
    return tuple(_without_repeats(points))


def _without_repeats(points: list[Point]) -> Iterator[Point]:
    """The points without those that are on the straight line between their neighbors."""
    kept: list[Point] = []
    for x, y in points:
        while kept and abs(kept[-1][0] - x) < 0.01 and abs(kept[-1][1] - y) < 0.01:
            kept.pop()
        while len(kept) > 1 and abs(kept[-1][0] - x) < 0.01 and abs(kept[-2][0] - x) < 0.01:
            kept.pop()
        kept.append((x, y))
    yield from kept


@dataclass(slots=True)
class _Tree:
    """The open groups of a view: "" is the page."""

    view: View
    children: dict[str, tuple[Box, ...]] = field(default_factory=dict)
    parent: dict[str, str] = field(default_factory=dict)
    boxes: dict[str, Box] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.children[""] = self.view.boxes
        self.parent.update((box.id, "") for box in self.view.boxes)
        for box in self.view.walk():
            self.boxes[box.id] = box
            if box.children:
                self.children[box.id] = box.children
                self.parent.update((child.id, box.id) for child in box.children)

    def above(self, box: str) -> list[str]:
        """`box`, the group around it, and so on, "" last."""
        found = [box]
        while found[-1]:
            found.append(self.parent[found[-1]])
        return found

    def cut(
        self, edges: tuple[Edge, ...]
    ) -> tuple[dict[str, list[Link]], dict[tuple[str, str], list[tuple[str, Link]]]]:
        """The edges cut at the borders that they cross: the links of each group, and those that make up each edge."""
        links: dict[str, dict[Link, None]] = {group: {} for group in self.children}
        ways = {}
        for edge in edges:
            up, down = self.above(edge.source), self.above(edge.target)
            while len(up) > 1 and len(down) > 1 and up[-2:] == down[-2:]:
                up.pop()
                down.pop()
            way = [(group, Link(edge.source, inner, _OUT)) for inner, group in pairwise(up[:-1])]
            way.append((up[-1], Link(edge.source, up[-2], down[-2])))
            into = [(group, Link(edge.source, _IN, inner)) for inner, group in pairwise(down[:-1])]
            way += reversed(into)
            ways[edge.source, edge.target] = way
            for group, link in way:
                links[group][link] = None
        return {group: list(found) for group, found in links.items()}, ways

    def place(self, links: dict[str, list[Link]]) -> dict[str, Placed]:
        """The content of every group, inner groups first, because an outer one needs their size."""
        order = ["", *(box.id for box in self.view.walk() if box.children)]
        placed: dict[str, Placed] = {}
        for group in reversed(order):
            items = {box.id: self.item(box, placed) for box in self.children[group]}
            placed[group] = place(items, links[group], bool(group))
        return placed

    def item(self, box: Box, placed: dict[str, Placed]) -> Item:
        if not box.children:
            width, height = box_size(box)
            return Item(width / 2, width / 2, height, is_tensor=bool(box.shape))
        inner = placed[box.id]
        title = 8.6 * len(box.title) + 7.4 * len(box.class_name) + 36
        left, right = inner.left + PAD, inner.right + PAD
        ports_in = {key: x for (side, key), x in inner.ports.items() if side == _IN}
        ports_out = {key: x for (side, key), x in inner.ports.items() if side == _OUT}
        return Item(left, max(right, title - left), inner.height + HEAD + PAD, ports_in, ports_out)
