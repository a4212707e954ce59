"""The content of one group in layers (after Sugiyama): ranks, order in a rank, and an x for each chain."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median

from graphtools.viewer.ranks import Link, closing_links, ranks

Point = tuple[float, float]

GAP_X, GAP_Y, LANE = 26.0, 40.0, 18.0  # between boxes, between layers, and between an edge and what it passes
PAD, HEAD = 16.0, 34.0  # inside an open group: around its content, and above it for its title
_SWEEPS = 12  # passes over the layers; more changed nothing on the torchvision models


@dataclass(frozen=True, slots=True)
class Item:
    """The size of a child: how far it reaches left and right of its axis, and its height.

    For an open group, `ports_in` and `ports_out` are the places on its border, relative to the axis, of the values that
    cross it. `is_tensor` is False for what gives no tensor of known shape: sizes and asserts are no trunk.
    """

    left: float
    right: float
    height: float
    ports_in: dict[str, float] = field(default_factory=dict)
    ports_out: dict[str, float] = field(default_factory=dict)
    is_tensor: bool = True


@dataclass(frozen=True, slots=True)
class Placed:
    """The content of a group: reach left and right of its axis, height, the axis and the top of each child.

    `ports` are the x of what crosses the border, by ("in" or "out", key); `ways` the points of each link.
    """

    left: float
    right: float
    height: float
    items: dict[str, Item]
    at: dict[str, Point]
    ports: dict[tuple[str, str], float]
    ways: dict[Link, tuple[Point, ...]]


@dataclass(eq=False, slots=True)
class _Vertex:
    """A child, a port, or the place where an edge passes a layer (`item` is then None)."""

    name: str
    item: Item | None
    layer: int = 0
    position: int = 0
    x: float = 0.0
    above: list[tuple[_Vertex, float]] = field(default_factory=list)  # neighbor, and how much its port is to the right
    below: list[tuple[_Vertex, float]] = field(default_factory=list)
    block: _Block | None = None

    @property
    def is_passing(self) -> bool:
        """An edge that passes a layer, neither box nor border."""
        return not self.name

    @property
    def is_weak(self) -> bool:
        return self.item is not None and not self.item.is_tensor

    @property
    def left(self) -> float:
        return self.item.left if self.item else LANE / 2

    @property
    def right(self) -> float:
        return self.item.right if self.item else LANE / 2


@dataclass(eq=False, slots=True)
class _Block:
    """Vertices under one another that share one x."""

    vertices: list[_Vertex]
    x: float = 0.0


def place(items: dict[str, Item], links: list[Link], has_border: bool) -> Placed:
    """Places the `items` of one group in layers. Pure and deterministic; linear in the vertices for each sweep."""
    return _Layers(items, links, has_border).placed()


class _Layers:
    def __init__(self, items: dict[str, Item], links: list[Link], has_border: bool) -> None:
        self.items = items
        self.links = links
        self.has_border = has_border
        self.vertices = {name: _Vertex(name, item) for name, item in items.items()}
        self.backward = closing_links(list(items), links)
        first = 1 if has_border else 0
        for name, rank in ranks(list(items), links, self.backward).items():
            self.vertices[name].layer = first + rank
        self.last = max((v.layer for v in self.vertices.values()), default=first) + first
        self.layers: list[list[_Vertex]] = [[] for _ in range(self.last + 1)]
        for vertex in self.vertices.values():
            self.layers[vertex.layer].append(vertex)
        self.paths: dict[Link, list[_Vertex]] = {}
        self.ports: dict[tuple[str, str], _Vertex] = {}
        self._connect()
        self._sort()
        self._align()

    def _ends(self, link: Link) -> tuple[str, str]:
        """Source and target, exchanged for a link that closes a cycle."""
        return (link.target, link.source) if link in self.backward else (link.source, link.target)

    # -- vertices for edges -------------------------------------------------------------------------------------------

    def _connect(self) -> None:
        """Makes one chain of vertices for each value, down to its farthest user; nearer users branch off."""
        chains: dict[tuple[str, str, bool], list[_Vertex]] = {}
        joined: set[tuple[_Vertex, _Vertex]] = set()
        for link in self.links:
            start, end = (self._end(name, link.key, index) for index, name in enumerate(self._ends(link)))
            is_backward = link in self.backward
            chain = chains.setdefault((link.key, start.name, is_backward), [start])
            while len(chain) < end.layer - start.layer:
                vertex = _Vertex("", None, start.layer + len(chain))
                self.layers[vertex.layer].append(vertex)
                chain.append(vertex)
            path = [*chain[: max(1, end.layer - start.layer)], end]
            for upper, lower in pairwise(path):
                if (upper, lower) not in joined:
                    joined.add((upper, lower))
                    out = upper.item.ports_out.get(link.key, 0.0) if upper.item else 0.0
                    into = lower.item.ports_in.get(link.key, 0.0) if lower.item else 0.0
                    upper.below.append((lower, into - out))
                    lower.above.append((upper, out - into))
            self.paths[link] = path

    def _end(self, name: str, key: str, index: int) -> _Vertex:
        if name in self.vertices:
            return self.vertices[name]
        port = self.ports.get((name, key))
        if port is None:
            port = self.ports[name, key] = _Vertex(f"{name} {key}", None, self.last if index else 0)
            self.layers[port.layer].append(port)
        return port

    # -- order in the layers ------------------------------------------------------------------------------------------

    def _sort(self) -> None:
        """Orders each layer by the mean position of its neighbors; keeps the order with the fewest crossings."""
        self._number()
        best, fewest = [list(layer) for layer in self.layers], self._crossings()
        for sweep in range(_SWEEPS):
            if not fewest:
                break
            downward = sweep % 2 == 0
            for layer in self.layers if downward else reversed(self.layers):
                means = {}
                for vertex in layer:
                    places = [n.position for n, _ in (vertex.above if downward else vertex.below)]
                    means[vertex] = sum(places) / len(places) if places else vertex.position
                layer.sort(key=lambda vertex: means[vertex])
                for position, vertex in enumerate(layer):
                    vertex.position = position
            crossings = self._crossings()
            if crossings < fewest:
                best, fewest = [list(layer) for layer in self.layers], crossings
        self.layers = best
        self._number()

    def _number(self) -> None:
        for layer in self.layers:
            for position, vertex in enumerate(layer):
                vertex.position = position

    def _crossings(self) -> int:
        return sum(_inversions([n.position for v in layer for n in _sorted(v.below)]) for layer in self.layers)

    # -- x ------------------------------------------------------------------------------------------------------------

    def _align(self) -> None:
        blocks = self._blocks()
        self._pack(blocks)
        for _ in range(_SWEEPS):
            moved = 0.0
            for block in (*blocks, *reversed(blocks)):
                moved += self._settle(block)
            if moved < 0.5:
                break

    def _blocks(self) -> list[_Block]:
        """Chains that are drawn straight: each vertex joins at most one above it, and no two joints cross."""
        through = self._through()
        joints = []
        for layer in self.layers:
            for lower in layer:
                uppers = _sorted(lower.above)
                for upper, offset in lower.above:
                    if abs(offset) > 0.01:
                        continue
                    n_passing = upper.is_passing + lower.is_passing
                    lowers = _sorted(upper.below)
                    aside = abs(uppers.index(upper) - (len(uppers) - 1) / 2)
                    aside += abs(lowers.index(lower) - (len(lowers) - 1) / 2)
                    # First boxes, along the longest way, because that is the trunk; then edges that pass boxes, then
                    # where such edges begin and end. Of equal ones, that in the middle.
                    rank = (0, 2, 1)[n_passing], upper.is_weak or lower.is_weak, -through[upper, lower], aside
                    joints.append((*rank, lower.layer, lower.position, upper, lower))
        joints.sort(key=lambda joint: joint[:6])
        down: dict[_Vertex, _Vertex] = {}
        up: dict[_Vertex, _Vertex] = {}
        taken: dict[int, list[tuple[int, int]]] = {}
        for *_, upper, lower in joints:
            if upper in down or lower in up:
                continue
            between = taken.setdefault(lower.layer, [])
            if any((a - upper.position) * (b - lower.position) < 0 for a, b in between):
                continue
            between.append((upper.position, lower.position))
            down[upper], up[lower] = lower, upper
        blocks = []
        for layer in self.layers:
            for vertex in layer:
                if vertex not in up:
                    chain = [vertex]
                    while chain[-1] in down:
                        chain.append(down[chain[-1]])
                    blocks.append(_Block(chain))
                    for member in chain:
                        member.block = blocks[-1]
        return blocks

    def _through(self) -> dict[tuple[_Vertex, _Vertex], int]:
        """How many boxes the longest way from top to bottom has, of those that take each step."""
        above: dict[_Vertex, int] = {}
        below: dict[_Vertex, int] = {}
        for layer in self.layers:
            for vertex in layer:
                above[vertex] = max((above[n] for n, _ in vertex.above), default=0) + (not vertex.is_passing)
        for layer in reversed(self.layers):
            for vertex in layer:
                below[vertex] = max((below[n] for n, _ in vertex.below), default=0) + (not vertex.is_passing)
        return {(upper, lower): above[upper] + below[lower] for upper in above for lower, _ in upper.below}

    def _pack(self, blocks: list[_Block]) -> None:
        """Puts every block as far left as those to the left of it allow. Joints do not cross, so there is no cycle."""
        waiting = {id(block): sum(vertex.position > 0 for vertex in block.vertices) for block in blocks}
        ready = [block for block in blocks if not waiting[id(block)]]
        for block in ready:
            for vertex in block.vertices:
                layer = self.layers[vertex.layer]
                if vertex.position + 1 < len(layer):
                    following = layer[vertex.position + 1]
                    right = _block(following)
                    right.x = max(right.x, block.x + _apart(vertex, following))
                    waiting[id(right)] -= 1
                    if not waiting[id(right)]:
                        ready.append(right)

    def _settle(self, block: _Block) -> float:
        """Moves a block to the median of what it is linked to, as far as its neighbors let it; returns how far."""
        least, most = -1e9, 1e9
        wished = []
        for vertex in block.vertices:
            layer = self.layers[vertex.layer]
            if vertex.position:
                before = layer[vertex.position - 1]
                least = max(least, _block(before).x + _apart(before, vertex))
            if vertex.position + 1 < len(layer):
                following = layer[vertex.position + 1]
                most = min(most, _block(following).x - _apart(vertex, following))
            wished += [_block(n).x + offset for n, offset in (*vertex.above, *vertex.below) if n.block is not block]
        if not wished:
            return 0.0
        x = min(max(median(wished), least), most)
        moved, block.x = abs(x - block.x), x
        return moved

    # -- result -------------------------------------------------------------------------------------------------------

    def placed(self) -> Placed:
        axis = self._axis()
        tops, y = [], 0.0
        heights = [max((v.item.height for v in layer if v.item), default=0.0) for layer in self.layers]
        for index, height in enumerate(heights):
            tops.append(y)
            is_port = self.has_border and index in (0, self.last)
            y += height + (0 if index == self.last else GAP_Y / 2 if is_port or self._is_before_ports(index) else GAP_Y)
        at = {name: (_block(v).x - axis, tops[v.layer]) for name, v in self.vertices.items()}
        everything = [vertex for layer in self.layers for vertex in layer]
        left = max((axis - _block(v).x + v.left for v in everything), default=0.0)
        right = max((_block(v).x - axis + v.right for v in everything), default=0.0)
        ports = {name: _block(v).x - axis for name, v in self.ports.items()}
        ways = {link: self._way(link, path, axis, tops, heights, y) for link, path in self.paths.items()}
        return Placed(left, right, y, self.items, at, ports, ways)

    def _is_before_ports(self, index: int) -> bool:
        return self.has_border and index == self.last - 1

    def _axis(self) -> float:
        """The x that the group hangs by: where its first value comes in, else where one goes out, else a box."""
        ports = [*(v for (side, _), v in self.ports.items() if side == "in"), *self.ports.values()]
        vertices = ports or list(self.vertices.values())
        return _block(vertices[0]).x if vertices else 0.0

    def _way(
        self, link: Link, path: list[_Vertex], axis: float, tops: list[float], heights: list[float], height: float
    ) -> tuple[Point, ...]:
        points: list[Point] = []
        for vertex in path:
            x, top, bottom = _block(vertex).x - axis, tops[vertex.layer], tops[vertex.layer] + heights[vertex.layer]
            if vertex.item is None:
                is_port = vertex.name != ""
                points += [(x, -HEAD if vertex.layer == 0 else height + PAD)] if is_port else [(x, top), (x, bottom)]
            elif link in self.backward and (vertex.item.ports_in or vertex.item.ports_out):
                points += self._around(vertex, link, x, top)
            elif vertex is path[0]:
                x += vertex.item.ports_out.get(link.key, 0.0)
                points += [(x, top + vertex.item.height), (x, bottom)]
            else:
                points.append((x + vertex.item.ports_in.get(link.key, 0.0), top))
        return tuple(reversed(points)) if link in self.backward else tuple(points)

    def _around(self, vertex: _Vertex, link: Link, x: float, top: float) -> list[Point]:
        """From where a link that closes a cycle enters (or leaves) a group, round its side, to the other border."""
        assert vertex.item is not None
        bottom, side = top + vertex.item.height, x + vertex.right + LANE / 2
        if vertex.name == link.target:
            return [(x + vertex.item.ports_in.get(link.key, 0.0), top), (side, top - LANE / 2), (side, bottom)]
        return [(side, top), (side, bottom + LANE / 2), (x + vertex.item.ports_out.get(link.key, 0.0), bottom)]


def _block(vertex: _Vertex) -> _Block:
    assert vertex.block is not None
    return vertex.block


def _apart(left: _Vertex, right: _Vertex) -> float:
    """How far two neighbors in a layer are apart at least, axis to axis."""
    gap = GAP_X if left.item and right.item else LANE if left.item or right.item else 0.0
    return left.right + right.left + gap


def _sorted(neighbors: Iterable[tuple[_Vertex, float]]) -> list[_Vertex]:
    return sorted((vertex for vertex, _ in neighbors), key=lambda vertex: vertex.position)


def _inversions(values: list[int]) -> int:
    """How many pairs stand in the wrong order; by merging, n log n."""
    if len(values) < 2:
        return 0
    middle = len(values) // 2
    left, right = values[:middle], values[middle:]
    count = _inversions(left) + _inversions(right)
    left.sort()
    right.sort()
    index = 0
    for value in right:
        while index < len(left) and left[index] <= value:
            index += 1
        count += len(left) - index
    return count
