"""The folded view of a graph that text and pictures share: boxes for operations and closed modules, edges between them.

Parameters and buffers are no boxes. A scope that holds one operation is that operation, under the name of its module's
class; a scope that holds nothing but one scope is that scope.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from graphtools.graph import Graph, Module, Node, Path, Spec, enclosing_scopes, module_path
from graphtools.kinds import node_category

FIRST_VIEW = 40  # boxes that a view shows at most if no depth is asked for; more do not fit on a screen


@dataclass(slots=True)
class Group:
    """The calls made in one scope, in order: operations, and the groups of the scopes in it.

    `chain` lists the scopes that hold nothing but this one, outermost first, and then this one.
    """

    scope: str
    chain: tuple[str, ...]
    parts: list[Group | Node] = field(default_factory=list)

    def nodes(self) -> Iterator[Node]:
        """All nodes in it, group by group."""
        for part in self.parts:
            if isinstance(part, Group):
                yield from part.nodes()
            else:
                yield part


@dataclass(frozen=True, slots=True)
class Box:
    """One visible box: a node, a closed group, or an open group around its `children`.

    `members` names the nodes in it. `shape` is that of the value it gives, as `1×64×56×56`; "" if unknown. Parameters
    are counted once per box, so a module that is called twice shows them twice.
    """

    id: str
    title: str
    subtitle: str
    scope: str
    members: tuple[str, ...]
    children: tuple[Box, ...]
    category: str
    shape: str
    n_parameters: int
    class_name: str
    n_operations: int
    is_group: bool = False
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Edge:
    """A value that goes from one visible box to another, by their ids; `shape` as in Box, or `3 tensors`."""

    source: str
    target: str
    shape: str


@dataclass(frozen=True, slots=True)
class View:
    """What is visible of a graph: the outermost boxes, and the edges between boxes that are not open."""

    boxes: tuple[Box, ...]
    edges: tuple[Edge, ...]

    def walk(self) -> Iterator[Box]:
        """All boxes, an open group before its children."""
        stack = list(reversed(self.boxes))
        while stack:
            box = stack.pop()
            yield box
            stack.extend(reversed(box.children))

    def leaves(self) -> Iterator[Box]:
        """The boxes that are not open, between which the edges run."""
        return (box for box in self.walk() if not box.children)


def fold(graph: Graph, depth: int | None = None, open: Collection[str] | None = None) -> View:
    """The view of `graph` in which modules `depth` levels down are one box each: 0 shows one box, 1 the model's parts.

    `open` lists the scopes to open instead ("" is the model). With neither, whole levels are opened from the top as
    long as no more than 40 boxes show; the operation that failed is always shown.
    """
    root = group_tree(graph)
    folder = _Folder(graph)
    if open is not None:
        opened = _opened_by_name(root, frozenset(open))
    elif depth is not None:
        opened = _opened_to_depth(root, depth)
    else:
        opened = _opened_to_fit(root, graph.failure.node if graph.failure else None)
    boxes = folder.children(root, opened) if id(root) in opened else (folder.group(root, None, opened),)
    return View(boxes, folder.edges(boxes))


def group_tree(graph: Graph) -> Group:
    """The calls of `graph` grouped by scope; inputs, constants and the output stand at the top."""
    root = Group("", ("",))
    groups = {"": root}
    for node in graph.nodes:
        if node.kind in ("parameter", "buffer"):
            continue
        _group_of(node.scope if node.kind == "call" else "", groups).parts.append(node)
    _join_chains(root)
    return root


def _group_of(scope: str, groups: dict[str, Group]) -> Group:
    missing = []
    while scope not in groups:
        missing.append(scope)
        scope = scope.rpartition(".")[0]
    group = groups[scope]
    for name in reversed(missing):
        groups[name] = Group(name, (name,))
        group.parts.append(groups[name])
        group = groups[name]
    return group


def _join_chains(root: Group) -> None:
    stack = [root]
    while stack:
        group = stack.pop()
        for index, part in enumerate(group.parts):
            chain: tuple[str, ...] = ()
            while isinstance(part, Group) and len(part.parts) == 1:
                chain += part.chain
                part = part.parts[0]
            if isinstance(part, Group):
                part.chain = chain + part.chain
                stack.append(part)
            group.parts[index] = part


def _groups(group: Group) -> list[Group]:
    return [part for part in group.parts if isinstance(part, Group)]


def _opened_by_name(root: Group, names: frozenset[str]) -> set[int]:
    opened = set()
    stack = [root]
    while stack:
        group = stack.pop()
        if not names.isdisjoint(group.chain):
            opened.add(id(group))
            stack.extend(_groups(group))
    return opened


def _opened_to_depth(root: Group, depth: int) -> set[int]:
    opened: set[int] = set()
    level = [root]
    for _ in range(depth):
        opened.update(map(id, level))
        level = [inner for group in level for inner in _groups(group)]
        if not level:
            break
    return opened


def _opened_to_fit(root: Group, failed: str | None) -> set[int]:
    opened = {id(root)} | _around(root, failed)
    n_boxes = len(root.parts)
    level = _groups(root)
    while level:
        grown = n_boxes + sum(len(group.parts) - 1 for group in level)
        # A single box around everything says nothing, so it is opened even if what it holds is many.
        if grown > FIRST_VIEW and len(level) > 1:
            break
        n_boxes = grown
        opened.update(map(id, level))
        level = [inner for group in level for inner in _groups(group)]
    return opened


def _around(root: Group, name: str | None) -> set[int]:
    """The groups around the node of that name."""
    group, found = root, set()
    while name is not None:
        found.add(id(group))
        inside = [inner for inner in _groups(group) if any(node.name == name for node in inner.nodes())]
        if not inside:
            return found
        group = inside[0]
    return found


class _Folder:
    """Makes the boxes and edges of one view."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.parameters = parameters_by_path(graph.modules)
        self.parameter_specs = {node.name: node.spec for node in graph.nodes if node.kind == "parameter"}
        self.whole = whole_modules(graph)
        self.failed = graph.failure.node if graph.failure else None

    def children(self, group: Group, opened: set[int]) -> tuple[Box, ...]:
        return tuple(
            self.group(part, group, opened) if isinstance(part, Group) else self.node(part, group.scope)
            for part in group.parts
        )

    def group(self, group: Group, around: Group | None, opened: set[int]) -> Box:
        nodes = list(group.nodes())
        module = self.graph.modules.get(module_path(group.scope))
        n_operations = sum(node.kind == "call" for node in nodes)
        class_name = module.class_name if module else ""
        counted = f"{n_operations} operation{'' if n_operations == 1 else 's'}"
        last = self.giver(nodes)
        return Box(
            id="@" + group.scope,
            title=relative(group.scope, around.scope if around else "") or self.graph.capture.model or "model",
            subtitle=" · ".join(part for part in (class_name if group.scope else "", counted) if part),
            scope=group.scope,
            members=tuple(node.name for node in nodes),
            children=self.children(group, opened) if id(group) in opened else (),
            category="other",
            shape=shape_text(last.spec) if last else "",
            n_parameters=self.parameters.get(module_path(group.scope), 0),
            class_name=class_name,
            n_operations=n_operations,
            is_group=True,
            failed=self.failed is not None and any(node.name == self.failed for node in nodes),
        )

    def node(self, node: Node, within: str) -> Box:
        module = self.whole.get(node.name)
        title, subtitle = _words(node, module, within)
        taken = dict.fromkeys(ref.node for ref in node.refs())
        own = sum(spec.n_elements for name in taken if (spec := self.parameter_specs.get(name)) is not None)
        return Box(
            id="%" + node.name,
            title=title,
            subtitle=subtitle,
            scope=node.scope,
            members=(node.name,),
            children=(),
            category=node_category(node),
            shape=shape_text(node.spec),
            n_parameters=self.parameters.get(module_path(node.scope), 0) if module else own,
            class_name=module.class_name if module else "",
            n_operations=int(node.kind == "call"),
            failed=node.name == self.failed,
        )

    def giver(self, nodes: list[Node]) -> Node | None:
        """The last of `nodes` whose value is used outside them, else the last."""
        inside = {node.name for node in nodes}
        for node in reversed(nodes):
            if any(user.name not in inside for user in self.graph.users(node)):
                return node
        return nodes[-1] if nodes else None

    def edges(self, boxes: tuple[Box, ...]) -> tuple[Edge, ...]:
        leaf = {name: box.id for box in View(boxes, ()).leaves() for name in box.members}
        nodes = {node.name: node for node in self.graph.nodes}
        carried: dict[tuple[str, str], dict[tuple[str, Path], str]] = {}
        for node in self.graph.nodes:
            for ref in node.refs():
                source, target = leaf.get(ref.node), leaf.get(node.name)
                if source is not None and target is not None and source != target:
                    values = carried.setdefault((source, target), {})
                    values[ref.node, ref.path] = _carried(nodes[ref.node], ref.path)
        return tuple(Edge(source, target, _joined(values)) for (source, target), values in carried.items())


def whole_modules(graph: Graph) -> dict[str, Module]:
    """The modules that make one call and nothing more, by the name of that call's node."""
    calls_in = Counter(node.scope for node in graph.operations)
    outer = {above for scope in calls_in for above in list(enclosing_scopes(scope))[1:]}
    found = {}
    for node in graph.operations:
        module = graph.modules.get(module_path(node.scope))
        if node.scope and module is not None and calls_in[node.scope] == 1 and node.scope not in outer:
            found[node.name] = module
    return found


def parameters_by_path(modules: Mapping[str, Module]) -> dict[str, int]:
    """Elements of the parameters of each module and those below it, shared ones counted once."""
    totals = dict.fromkeys(modules, 0)
    for path, module in modules.items():
        above = path
        while True:
            if above in totals:
                totals[above] += module.n_parameters
            if not above:
                break
            above = above.rpartition(".")[0]
    return totals


def _words(node: Node, module: Module | None, within: str) -> tuple[str, str]:
    """Title and subtitle of the box of a node."""
    if node.kind in ("input", "constant"):
        word = node.target if node.kind == "input" else node.target.rpartition(".")[2]
        return word or node.name, str(node.spec) if node.spec else node.kind
    if node.kind == "output":
        return "output", f"{len(node.outputs)} tensors" if len(node.outputs) > 1 else ""
    if module is not None:
        return module.class_name, relative(node.scope, within)
    return node.operation, str(node.source) if node.source else relative(node.scope, within)


def relative(scope: str, within: str) -> str:
    """`scope` as seen from inside `within`: `layer1.0.conv1` in `layer1` is `0.conv1`."""
    return scope[len(within) + 1 :] if within and scope.startswith(within + ".") else scope


def shape_text(spec: Spec | None) -> str:
    """A shape as pictures write it: `1×64×56×56`, `scalar` for no dimension, "" if it is unknown."""
    return "" if spec is None else "×".join(map(str, spec.shape)) or "scalar"


def _carried(node: Node, path: Path) -> str:
    inside = [output.spec for output in node.outputs if output.path[: len(path)] == path]
    return shape_text(inside[0]) if len(inside) == 1 else f"{len(inside)} tensors" if inside else ""


def _joined(values: Mapping[tuple[str, Path], str]) -> str:
    shapes = set(values.values())
    return shapes.pop() if len(shapes) == 1 and len(values) == 1 else f"{len(values)} tensors"
