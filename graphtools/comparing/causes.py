"""Where the values of a pair come from: the pairs whose difference it would inherit. Without torch."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator

from graphtools.comparing.pairs import Pair
from graphtools.comparing.sides import Side
from graphtools.graph import Graph, Node, Ref
from graphtools.recording import Content


class Origins:
    """Finds, in one of the two runs, the pairs that a pair takes values from. `content` is None for a graph."""

    def __init__(self, graph: Graph, content: Content | None, sides: Iterable[tuple[Side, Pair]]) -> None:
        self._graph = graph
        self._nodes = {node.name: node for node in graph.nodes}
        self._namesakes: dict[tuple[str, str], list[str]] = defaultdict(list)
        for node in graph.nodes:
            self._namesakes[node.kind, node.target].append(node.name)
        self._content = content
        self._passes = sorted(s.start for s in content.stages if s.kind == "backward") if content is not None else []
        self._of_node: dict[str, Pair] = {}
        self._of_event: dict[int, Pair] = {}
        for side, pair in sides:
            if side.event is not None:
                self._of_event[side.event.index] = pair
            if side.node is not None and side.phase != "backward" and not self._is_update(side):
                self._of_node[side.node.name] = pair
        self._writers: dict[str, list[Node]] = defaultdict(list)  # by target of a parameter: what wrote its .grad
        self._producers: dict[Ref, list[int]] = defaultdict(list)
        self._senders: dict[int, list[int]] = defaultdict(list)  # by id of what was sent
        self._derivatives: dict[str, list[int]] = defaultdict(list)  # by node
        self._accumulations: dict[str, list[int]] = defaultdict(list)  # by target of a parameter
        self._updates: dict[str, list[int]] = defaultdict(list)
        for node in graph.operations:
            for name in node.writes:
                target = self._nodes[name].target
                if target.endswith(".grad"):
                    self._writers[target.removesuffix(".grad")].append(node)
        if content is not None:
            self._index(content)

    def _index(self, content: Content) -> None:
        for index in sorted(content.flows):
            for refs in content.flows[index].to:
                for ref in refs:
                    self._producers[ref].append(index)
            for kept in content.flows[index].outgoing:
                if kept is not None:
                    self._senders[id(kept)].append(index)
            self._derivatives[content.events[index].node].append(index)
            if content.flows[index].accumulated is not None:
                self._accumulations[self._target(content.events[index].node)].append(index)
        for index in sorted(content.updates):
            self._updates[content.updates[index].parameter].append(index)

    def _target(self, name: str) -> str:
        return self._nodes[name].target if name in self._nodes else ""

    def _is_update(self, side: Side) -> bool:
        return self._content is not None and side.event is not None and side.event.index in self._content.updates

    def before(self, side: Side) -> Iterator[Pair | None]:
        """The pairs that a side takes values from, whether they differ or not; some may come twice."""
        if side.phase == "backward":
            yield from self._before_derivative(side)
        elif self._is_update(side):
            yield from self._before_update(side)
        elif side.phase == "state" and side.node is not None:
            yield from self._before_state(side.node)
            if not self._of_node[side.node.name].is_matched:  # it came with the operation that takes it
                yield from [self._of_node.get(user.name) for user in self._graph.users(side.node)]
        elif side.node is not None:
            yield from self._arguments(side.node)

    def _arguments(self, node: Node) -> Iterator[Pair | None]:
        for ref in node.refs():
            yield self._of_node.get(ref.node)
        for name in node.after:
            yield self._of_node.get(name)

    def _before_derivative(self, side: Side) -> Iterator[Pair | None]:
        assert side.event is not None and self._content is not None
        index = side.event.index
        passes_before = bisect_right(self._passes, index)
        began = self._passes[passes_before - 1] if passes_before else 0
        flow = self._content.flows.get(index)
        if flow is None:
            return
        refs = [ref for refs in flow.of for ref in refs]
        producers = [producer for ref in refs for producer in self._producers.get(ref, ())]
        producers += [producer for kept in flow.incoming for producer in self._senders.get(id(kept), ())]
        if not refs and side.node is not None:  # a step inside the derivative of an operation
            producers += self._derivatives[side.node.name]
        for producer in producers:
            if began <= producer < index:
                yield self._of_event.get(producer)
        if flow.accumulated is not None:
            for earlier in self._accumulations[self._target(side.event.node)]:
                if earlier < index:
                    yield self._of_event.get(earlier)
        elif side.node is not None:
            yield self._of_node.get(side.node.name)
            yield from self._arguments(side.node)

    def _before_update(self, side: Side) -> Iterator[Pair | None]:
        assert side.event is not None and self._content is not None
        index = side.event.index
        parameter = self._content.updates[index].parameter
        yield self._of_node.get(side.event.node)
        for earlier in (*self._accumulations.get(parameter, ()), *self._updates.get(parameter, ())):
            if earlier < index:
                yield self._of_event.get(earlier)
        for node in self._writers.get(parameter, ()):
            yield self._of_node.get(node.name)

    def _before_state(self, node: Node) -> Iterator[Pair | None]:
        if node.target.endswith(".grad"):
            for index in self._accumulations.get(node.target.removesuffix(".grad"), ()):
                yield self._of_event.get(index)
            return
        namesakes = self._namesakes[node.kind, node.target]
        place = namesakes.index(node.name)
        if place and node.kind != "constant":  # it was met again because it had changed
            yield self._of_node.get(namesakes[place - 1])
            for index in self._updates.get(node.target, ())[:place]:
                yield self._of_event.get(index)


def differing(candidates: Iterable[Pair | None], pair: Pair) -> tuple[Pair, ...]:
    """Those of the candidates that differ, however little, each once, without `pair` itself."""
    found = {id(other): other for other in candidates if other is not None and other is not pair}
    if not pair.is_matched:  # an operation does not come from the parameters that it brought along
        found = {
            key: other for key, other in found.items() if not (not other.is_matched and other.side.phase == "state")
        }
    return tuple(other for other in found.values() if other.is_different or other.has_error)
