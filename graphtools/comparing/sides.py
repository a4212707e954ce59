"""What there is to compare in a graph or a recording, in order, and which of it stands for which. Without torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from graphtools.comparing.aligning import align_graphs
from graphtools.comparing.parts import STATES
from graphtools.comparing.sequences import Matches, align
from graphtools.graph import Graph, Node, Source
from graphtools.recording import Content, Event

SidePhase = Literal["state", "forward", "backward", "update", "output"]


class Side(NamedTuple):
    """One thing that is compared: a parameter, buffer, constant or input ("state"), an event, or the output.

    `node` is the graph's node that it belongs to, None for a derivative of no recorded operation. `event` is None for
    states, outputs and everything in a graph.
    """

    phase: SidePhase
    node: Node | None
    event: Event | None = None

    @property
    def name(self) -> str:
        """What ran: `conv2d`, `ConvolutionBackward0`, `SGD`; of a state its kind."""
        if self.event is not None and self.event.name:
            return self.event.name
        if self.node is None:
            return ""
        return self.node.operation if self.node.kind == "call" else self.node.kind

    @property
    def where(self) -> str:
        """The scope of an operation or its derivative, the path of a parameter; a node's name where there is none."""
        if self.node is None:
            return ""
        if self.node.kind in STATES:
            return self.node.target if self.node.target != self.node.kind else self.node.name
        return self.node.scope or self.node.name

    @property
    def source(self) -> Source | None:
        """The user's line that it comes from."""
        return self.event.source if self.event is not None else self.node.source if self.node is not None else None


Matched = list[tuple[Side | None, Side | None]]


def matched_graphs(a: Graph, b: Graph) -> tuple[Matched, Mapping[str, str]]:
    """All of two graphs, what stands for each other side by side in the order of `a`, and the partners of its nodes."""
    partners = align_graphs(a, b)
    sides_a, sides_b = _of_graph(a), _of_graph(b)
    place_in_b = {side.node.name: place for place, side in enumerate(sides_b) if side.node is not None}
    matches = {}
    for place, side in enumerate(sides_a):
        if side.node is not None and side.node.name in partners:
            matches[place] = place_in_b[partners[side.node.name]]
    return _side_by_side(sides_a, sides_b, matches), partners


def matched_recordings(a: Content, b: Content) -> tuple[Matched, Mapping[str, str]]:
    """All of two recordings, as `matched_graphs`; events in the order in which they happened in `a`."""
    partners = align_graphs(a.graph, b.graph)
    sides_a, sides_b = _of_content(a), _of_content(b)
    events = _match_events(a, b, partners)
    place_in_b = {_key(side): place for place, side in enumerate(sides_b)}
    matches = {}
    for place, side in enumerate(sides_a):
        partner: int | str | None
        if side.event is not None:
            partner = events.get(side.event.index)
        else:
            partner = partners.get(side.node.name) if side.node is not None else None
        if partner in place_in_b:
            matches[place] = place_in_b[partner]
    return _side_by_side(sides_a, sides_b, matches), partners


def _key(side: Side) -> int | str | None:
    return side.event.index if side.event is not None else side.node.name if side.node is not None else None


def _side_by_side(a: list[Side], b: list[Side], matches: Mapping[int, int]) -> Matched:
    """In the order of `a`; what is only in b stands before what follows it there, extra parameters last."""
    place_in_a = {j: i for i, j in matches.items()}
    waiting: dict[int, list[Side]] = {}
    upcoming = len(a)
    for j in range(len(b) - 1, -1, -1):
        if j in place_in_a:
            upcoming = place_in_a[j]
        else:
            waiting.setdefault(upcoming, []).append(b[j])
    found: Matched = []
    for i in range(len(a) + 1):
        found += [(None, side) for side in reversed(waiting.get(i, ()))]
        if i < len(a):
            found.append((a[i], b[matches[i]] if i in matches else None))
    return sorted(found, key=_is_extra)


def _is_extra(sides: tuple[Side | None, Side | None]) -> bool:
    """True for a parameter or buffer that only one has: the operation that brought it along says more."""
    side = sides[0] or sides[1]
    return side is not None and None in sides and side.phase == "state" and side.name in ("parameter", "buffer")


# -- in order ----------------------------------------------------------------------------------------------------------


def _of_graph(graph: Graph) -> list[Side]:
    """Parameters, buffers, constants and inputs first."""
    states = [Side("state", node) for node in graph.nodes if node.kind in STATES]
    operations = [Side("forward", node) for node in graph.operations]
    return states + operations + ([Side("output", graph.output)] if graph.output is not None else [])


def _of_content(content: Content) -> list[Side]:
    """What the run began with first; what it met later (a parameter after its update) before the event that uses it."""
    nodes = {node.name: node for node in content.graph.nodes}
    first_use: dict[str, int] = {}
    for event in content.events:
        node = nodes.get(event.node)
        for name in [event.node, *(ref.node for ref in node.refs())] if node is not None else ():
            first_use.setdefault(name, event.index)
    found: list[Side] = []
    later: dict[int, list[Side]] = {}
    begun: set[tuple[str, str]] = set()
    for node in content.graph.nodes:
        if node.kind in STATES:
            is_first = node.kind != "constant" and (node.kind, node.target) not in begun
            begun.add((node.kind, node.target))
            sides = found if is_first else later.setdefault(first_use.get(node.name, len(content.events)), [])
            sides.append(Side("state", node))
    for event in content.events:
        found += later.get(event.index, ())
        found.append(Side(event.phase, nodes.get(event.node), event))
    found += later.get(len(content.events), ())
    output = content.graph.output
    return [*found, Side("output", output)] if output is not None else found


# -- events ------------------------------------------------------------------------------------------------------------


def _match_events(a: Content, b: Content, partners: Mapping[str, str]) -> dict[int, int]:
    """Operations by their nodes, derivatives by the node they belong to and their names, updates by parameter."""
    found: dict[int, int] = {}
    groups_a, groups_b = _grouped(a, partners), _grouped(b, None)
    for key, events_a in groups_a.items():
        events_b = groups_b.get(key)
        if events_b is None:
            continue
        if len(events_a) == len(events_b) == 1:
            found[events_a[0].index] = events_b[0].index
            continue
        names = [event.name for event in events_a], [event.name for event in events_b]
        for i, j in _match_names(*names, may_be_renamed=bool(key[1])):
            found[events_a[i].index] = events_b[j].index
    return found


def _match_names(a: list[str], b: list[str], may_be_renamed: bool) -> Matches:
    """Equal names first, then what is left between them, in order, if derivatives may have another name in b."""
    if (len(b), b) < (len(a), a):  # one order for both directions, so that they agree
        return [(i, j) for j, i in _match_names(b, a, may_be_renamed)]
    numbers: dict[str, int] = {}
    keys = tuple([numbers.setdefault(name, len(numbers)) for name in names] for names in (a, b))
    other = 1.0 if may_be_renamed else 0.0
    return align((keys[0], keys[1]), [(keys[0], keys[1])], lambda i, j: 3.0 if a[i] == b[j] else other)


def _grouped(content: Content, partners: Mapping[str, str] | None) -> dict[tuple[str, str], list[Event]]:
    """Events that could stand for each other, by phase and the name of their node in b."""
    targets = {node.name: node.target for node in content.graph.nodes}
    first: dict[str, str] = {}  # the first node of each parameter: a later one may be missing in the shorter run
    for name, target in targets.items():
        first.setdefault(target, name)
    groups: dict[tuple[str, str], list[Event]] = {}
    for event in content.events:
        node = event.node
        phase = "update" if event.index in content.updates else "backward" if event.phase == "backward" else "operation"
        if phase == "update":
            node = first.get(targets.get(node, ""), node)
        if partners is not None and node:
            if node not in partners:
                continue
            node = partners[node]
        groups.setdefault((phase, node), []).append(event)
    return groups
