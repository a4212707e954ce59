"""Aligns two graphs: which node of one stands for which of the other. Without torch.

Scopes are matched from the outside in, by name, class and what runs in them, so that a renamed module, a shifted index
of a Sequential and a model inside a wrapper are found again; inside them operations are matched in order. The order of
operations is kept: no two pairs cross. Names of nodes (`relu_1`) do not matter.
"""

from __future__ import annotations

from collections.abc import Iterable

from graphtools.comparing.parts import CONTAINERS, STATES, Interner, Likeness, Operation, Scope, Tree, overlap, settled
from graphtools.comparing.sequences import Keys, Matches, align
from graphtools.graph import Graph, Node, module_path

_WRAPPED = 0.75  # overlap from which one scope of a model is taken for all of another


def align_graphs(a: Graph, b: Graph) -> dict[str, str]:
    """For each node of `a` that has one, the name of the node of `b` that stands for it; each node at most once.

    `align_graphs(b, a)` is the same the other way round. Costs about 10 µs a node.
    """
    matches = align_operations(a, b)
    operations_a, operations_b = a.operations, b.operations
    pairs = [(operations_a[i], operations_b[j]) for i, j in matches]
    found = {one.name: other.name for one, other in pairs}
    found |= _match_states(a, b, pairs)
    if a.output is not None and b.output is not None:
        found[a.output.name] = b.output.name
    return found


def align_operations(a: Graph, b: Graph) -> Matches:
    """The pairs of operations, by their places in `a.operations` and `b.operations`."""
    words_a = [(node.target, node.scope) for node in a.operations]
    words_b = [(node.target, node.scope) for node in b.operations]
    if words_a == words_b:
        return [(i, i) for i in range(len(words_a))]
    if (len(words_b), words_b) < (len(words_a), words_a):  # one order for both directions, so that they agree
        return [(i, j) for j, i in _align_trees(b, a)]
    return _align_trees(a, b)


def _align_trees(a: Graph, b: Graph) -> Matches:
    intern = Interner()
    tree_a, tree_b = Tree(a, intern), Tree(b, intern)
    likeness = Likeness(a, b)
    found: dict[int, int] = {}
    scopes = [(tree_a.root, tree_b.root)]
    while scopes:
        one, other = _facing(*scopes.pop())
        scopes += _align_parts(one, other, likeness, found)
    return _fill_gaps(tree_a.operations, tree_b.operations, sorted(found.items()), likeness)


def _facing(a: Scope, b: Scope) -> tuple[Scope, Scope]:
    """The scopes to align in place of two that belong together: where one is a wrapper, what it wraps."""
    while a.child is not None and b.child is not None:
        a, b = a.child, b.child
    while True:
        if a.child is not None and not any(overlap(a.child, part) >= 0.5 for part in b.scopes):
            a = a.child
        elif b.child is not None and not any(overlap(b.child, part) >= 0.5 for part in a.scopes):
            b = b.child
        elif (a.type == b.type and a.type not in CONTAINERS) or _share_a_child(a, b):
            return a, b
        else:
            around = max(_WRAPPED, overlap(a, b))
            inner_a = max(a.scopes, key=lambda part: overlap(part, b), default=None)
            inner_b = max(b.scopes, key=lambda part: overlap(a, part), default=None)
            if inner_a is not None and overlap(inner_a, b) > max(around, overlap(a, inner_b)):
                a = inner_a
            elif inner_b is not None and overlap(a, inner_b) > around:
                b = inner_b
            else:
                return a, b


def _share_a_child(a: Scope, b: Scope) -> bool:
    return not {(part.name, part.type) for part in a.scopes}.isdisjoint((part.name, part.type) for part in b.scopes)


def _align_parts(a: Scope, b: Scope, likeness: Likeness, found: dict[int, int]) -> Iterable[tuple[Scope, Scope]]:
    """Matches the operations right in two scopes that belong together; returns the pairs of scopes in them."""
    if a.path and b.path and (a.only is None) != (b.only is None) and not a.words & b.words:
        found[a.last.index] = b.last.index  # a whole module, or one operation in place of several
        return []
    matches = align(
        _keys(a.parts, b.parts, "exact"),
        [_keys(a.parts, b.parts, which) for which in ("strict", "label", "loose")],
        lambda i, j: likeness(a.parts[i], b.parts[j]),
    )
    inner = []
    for i, j in matches:
        one, other = a.parts[i], b.parts[j]
        if isinstance(one, Scope) and isinstance(other, Scope):
            inner.append((one, other))
        elif one.only is not None and other.only is not None:
            found[one.only.index] = other.only.index
    i, j = matches[-1] if matches else (-1, -1)
    if a.path and b.path and i + 1 < len(a.parts) and j + 1 < len(b.parts):
        found[a.last.index] = b.last.index  # each gives what its module gives: a LayerNorm, the end of an RMSNorm
    return inner


def _keys(a: Iterable[Operation | Scope], b: Iterable[Operation | Scope], which: str) -> Keys:
    return [getattr(part, which) for part in a], [getattr(part, which) for part in b]


def _fill_gaps(a: list[Operation], b: list[Operation], matches: Matches, likeness: Likeness) -> Matches:
    """Matches by what they are the operations left over between two matches, whatever scopes they are in."""

    def score(one: Operation, other: Operation) -> float:
        if one.word != other.word:
            return 0.0
        path_a, path_b = module_path(one.node.scope), module_path(other.node.scope)
        if likeness.is_taken(path_a, path_b) or not likeness.are_akin(one, other):
            return 0.0
        return likeness(one, other) + (4.0 if path_a.rpartition(".")[2] == path_b.rpartition(".")[2] else 0.0)

    def between(start_a: int, stop_a: int, start_b: int, stop_b: int) -> Matches:
        left, right = a[start_a:stop_a], b[start_b:stop_b]
        never_equal = list(range(len(left))), list(range(-len(right), 0))
        cuts = [_keys(left, right, which) for which in ("exact", "strict", "loose")]
        found = align(never_equal, cuts, lambda i, j: score(left[i], right[j]))
        return [(start_a + i, start_b + j) for i, j in found]

    filled = list(matches)
    at_a = at_b = 0
    for i, j in [*matches, (len(a), len(b))]:
        if at_a < i and at_b < j:
            filled += between(at_a, i, at_b, j)
        at_a, at_b = i + 1, j + 1
    return sorted(filled)


# -- parameters, buffers, constants and inputs -----------------------------------------------------------------------


def _match_states(a: Graph, b: Graph, pairs: list[tuple[Node, Node]]) -> dict[str, str]:
    """Those that matched operations take in the same place; then those of one path, the k-th with the k-th."""
    states_a = {node.name: node for node in a.nodes if node.kind in STATES}
    states_b = {node.name: node for node in b.nodes if node.kind in STATES}
    found: dict[str, str] = {}
    taken: set[str] = set()
    for one, other in pairs:
        for ref_a, ref_b in zip(one.refs(), other.refs(), strict=False):
            name_a, name_b = ref_a.node, ref_b.node
            if name_a in states_a and name_b in states_b and name_a not in found and name_b not in taken:
                found[name_a] = name_b
                taken.add(name_b)
    left: dict[tuple[object, ...], list[str]] = {}
    for name, node in states_b.items():
        if name not in taken:
            left.setdefault(_label(node), []).append(name)
    for name, node in states_a.items():
        if name not in found and (same := left.get(_label(node))):
            found[name] = same.pop(0)
    return found


def _label(node: Node) -> tuple[object, ...]:
    """What a state is known by: its path, or its shape if it has none."""
    if node.target == node.kind and node.spec is not None:
        return node.kind, settled(node.spec.shape)
    return node.kind, node.target
