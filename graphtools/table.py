"""A graph as a readable table: what `graphtools trace` and `print(graph)` show."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence

from graphtools.columns import BOLD, END, RED, Row, layout
from graphtools.flops import count_flops
from graphtools.fold import Group, group_tree, relative, whole_modules
from graphtools.graph import Capture, Failure, Graph, Module, Node, Source, enclosing_scopes, module_path
from graphtools.meaning import meaning
from graphtools.words import bytes_text, count_text, elide, plain, seconds_text, settings_text, source_line, wrapped

_LONG = 200  # rows from which repeated blocks are folded
_LONGEST_MESSAGE = 20  # lines of an exception's message
_LONGEST_PERIOD = 64  # rows of a loop's body that are looked for again
_PROSE = 100  # columns of sentences where rows may be as wide as they need


def format_graph(graph: Graph, depth: int | None = None, width: int | None = 100, color: bool = False) -> str:
    """The graph as text: a header, a row for each module and operation, totals, and why the run stopped if it did.

    A module `depth` levels down is one row with its totals. Without `depth` everything is shown, but where that takes
    more than 200 rows, blocks and rows that repeat those before are one row, and the text says so. Lines have at most
    `width` columns (at least 60); where that is too narrow, columns are left out, and the text says which. With None no
    row is cut. `color` adds ANSI codes for a terminal. Runs nothing; reads at most one line of the user's source, that
    of the failure.
    """
    columns, width = (None, _PROSE) if width is None else (max(60, width), max(60, width))
    table = _Table(graph)
    tree = group_tree(graph)
    rows = list(table.rows(tree, depth))
    is_folded = False
    if depth is None and len(rows) > _LONG:
        table = _Table(graph)
        shorter = list(table.rows(tree, depth, fold_repeats=True))
        is_folded, rows = len(shorter) < len(rows), shorter
    laid, left_out = layout(rows, columns, color)
    lines = [*_header(graph, width), "", *laid, "", *_footer(graph, table, is_folded, left_out, width)]
    if graph.failure is not None:
        lines += ["", *_stopped(graph, graph.failure, width, color)]
    return "\n".join(line.rstrip() for line in lines)


class _Table:
    """Makes the rows of one graph."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.whole = whole_modules(graph)
        self.paths = sorted(graph.modules)
        self.flops = {node.name: count_flops(graph, node) for node in graph.operations}
        self.states = {node.name: node for node in graph.nodes if node.kind == "parameter"}
        self.failed = graph.failure.node if graph.failure else None
        self.used: set[str] = set()  # paths of modules and parameters that a row has counted already

    def rows(self, group: Group, depth: int | None, level: int = 0, fold_repeats: bool = False) -> Iterable[Row]:
        """The rows of what `group` holds, without one for itself unless `depth` is 0."""
        if depth is not None and level >= depth:
            yield self.closed([group], self.graph.capture.model or "model", 0)
            return
        index = 0
        marks = self.marks(group.parts) if fold_repeats else []
        while index < len(group.parts):
            part = group.parts[index]
            period, count = _repeats(marks, index)
            if count and (period > 1 or isinstance(part, Node)):
                body = Group(group.scope, (group.scope,), group.parts[index : index + period])
                rows = list(self.rows(body, depth, level, fold_repeats))
                yield from rows
                index += period
                yield self.again(group.parts[index : index + period * count], len(rows), count, group.scope, level)
                index += period * count
                continue
            index += 1
            if isinstance(part, Node):
                yield self.node(part, group.scope, level)
                continue
            name = relative(part.scope, group.scope)
            if depth is not None and level + 1 >= depth:
                yield self.closed([part], name, level)
                continue
            yield Row(level, _joined(name, self.class_of(part)), style=BOLD)
            yield from self.rows(part, depth, level + 1, fold_repeats)
            if not fold_repeats:
                continue
            repeats = []
            while index < len(group.parts) and self.like(group.parts[index], part):
                repeats.append(group.parts[index])
                index += 1
            if repeats:
                yield self.repeated(repeats, name, group.scope, level)

    def node(self, node: Node, within: str, level: int) -> Row:
        module = self.whole.get(node.name)
        if node.kind != "call":
            name = (
                node.kind
                if node.kind == "output"
                else f"{node.target if node.kind == 'input' else node.name}  {node.kind}"
            )
        elif module is not None:
            name = _joined(relative(node.scope, within), _class_text(module))
        else:
            name = node.operation
        is_failed = node.name == self.failed
        return Row(
            level,
            name,
            "failed here" if is_failed else _outputs_text(node),
            self.parameters_text([node]) if node.kind == "call" else "",
            _flops_text([self.flops.get(node.name, 0)]),
            str(node.source) if node.source else "",
            RED if is_failed else "",
        )

    def closed(self, groups: Sequence[Group], name: str, level: int) -> Row:
        """One row with the totals of whole groups."""
        calls = [node for group in groups for node in group.nodes() if node.kind == "call"]
        last = self.giver(groups[-1])
        is_failed = any(node.name == self.failed for node in calls)
        return Row(
            level,
            _joined(name, self.class_of(groups[0])) if len(groups) == 1 else name,
            "failed in here" if is_failed else str(last.spec) if last is not None and last.spec else "",
            self.parameters_text(calls),
            _flops_text([self.flops[node.name] for node in calls]),
            f"{len(calls)} operations",
            RED if is_failed else BOLD,
        )

    def repeated(self, repeats: list[Group | Node], name: str, within: str, level: int) -> Row:
        groups = [part for part in repeats if isinstance(part, Group)]
        names = [relative(group.scope, within) for group in groups]
        said = (
            f"{names[0]} … {names[-1]}  ({len(names)} × like {name})"
            if len(names) > 1
            else f"{names[0]}  (like {name})"
        )
        row = self.closed(groups, "", level)
        row.name = said
        return row

    def again(self, parts: list[Group | Node], n_rows: int, count: int, within: str, level: int) -> Row:
        """One row with the totals of a loop's further turns, `count` times the parts of the `n_rows` rows above."""
        last = parts[-1]
        paths = [module_path(part.scope) for part in parts]
        is_same = paths[: len(paths) // count] * count == paths  # the same modules in each turn
        row = self.closed([Group(within, (within,), parts)], "", level)
        rows = "" if n_rows == 1 else f"these {n_rows} rows "
        to = "" if is_same or last.scope == within else f", to {relative(last.scope, within)}"
        row.name = f"… {rows}repeated {count} more times{to}"
        if to and len(parts) == count:
            row.name = f"{relative(parts[0].scope, within)} … {relative(last.scope, within)}  ({count} × the row above)"
        return row

    def giver(self, group: Group) -> Node | None:
        """The last node in a group whose value is used outside it, else the last."""
        nodes = list(group.nodes())
        inside = {node.name for node in nodes}
        leaving = (n for n in reversed(nodes) if any(user.name not in inside for user in self.graph.users(n)))
        return next(leaving, nodes[-1] if nodes else None)

    def class_of(self, group: Group) -> str:
        module = self.graph.modules.get(module_path(group.scope))
        return _class_text(module) if module is not None and group.scope else ""

    def parameters_text(self, calls: list[Node]) -> str:
        """The elements of the parameters that the calls use; "reused" if rows before have counted them all."""
        sizes: dict[str, int] = {}
        for node in calls:
            module = self.graph.modules.get(module_path(node.scope))
            if module is not None and (node.name in self.whole or node.target == module.type):
                sizes.update(self.sizes_below(module.path))
            for ref in node.refs():
                state_node = self.states.get(ref.node)
                if state_node is not None and state_node.spec is not None:
                    sizes[state_node.target] = state_node.spec.n_elements
        new = sum(size for name, size in sizes.items() if name not in self.used)
        is_reused = bool(sizes) and self.used.issuperset(sizes)
        self.used.update(sizes)
        return "reused" if is_reused else count_text(new) if new else ""

    def sizes_below(self, path: str) -> dict[str, int]:
        """Elements of each parameter of the module at `path` and of those below it, by full name."""
        first, end = (path + ".", path + "/") if path else ("", "\U0010ffff")  # "/" is the letter after "."
        below = self.paths[bisect_left(self.paths, first) : bisect_left(self.paths, end)]
        sizes = {}
        for inner in {path: None, **dict.fromkeys(below)}:
            for state in self.graph.modules[inner].states:
                if state.kind == "parameter":
                    own = f"{inner}.{state.name}" if inner else state.name
                    sizes[state.tied_to or own] = state.spec.n_elements
        return sizes

    def marks(self, parts: list[Group | Node]) -> list[int]:
        """A number for each part; parts with the same number have the same rows but for paths, from the same lines."""
        numbers: dict[object, int] = {}
        keys = ((self.signature(part), part.source if isinstance(part, Node) else None) for part in parts)
        return [numbers.setdefault(key, len(numbers)) for key in keys]

    def like(self, part: Group | Node, first: Group) -> bool:
        return isinstance(part, Group) and self.signature(part) == self.signature(first)

    def signature(self, part: Group | Node) -> tuple[object, ...]:
        """What a reader sees of a part; two parts with the same signature have the same rows but for paths."""
        if isinstance(part, Node):
            module = self.whole.get(part.name)
            is_failed = part.name == self.failed
            return part.target, part.outputs, module and (module.type, module.settings), is_failed
        module = self.graph.modules.get(module_path(part.scope))
        names = tuple(
            relative(inner.scope, part.scope) if isinstance(inner, Group) or inner.name in self.whole else ""
            for inner in part.parts
        )
        return (module and (module.type, module.settings), names, *map(self.signature, part.parts))


def _repeats(marks: list[int], start: int) -> tuple[int, int]:
    """How many marks from `start` on come again at once, and how often, at least twice; (0, 0) if none do."""
    best = (0, 0)
    for period in range(1, min(_LONGEST_PERIOD, (len(marks) - start) // 3) + 1):
        place = start + period
        while place < len(marks) and marks[place] == marks[place - period]:
            place += 1
        count = (place - start) // period - 1
        if count >= 2 and period * count > best[0] * best[1]:
            best = (period, count)
    return best


def _outputs_text(node: Node) -> str:
    every = ", ".join(str(output.spec) for output in node.outputs)
    return every if len(every) <= 30 or len(node.outputs) < 2 else f"{node.spec} +{len(node.outputs) - 1}"


def _joined(*parts: str) -> str:
    return "  ".join(part for part in parts if part)


def _class_text(module: Module) -> str:
    return " ".join(part for part in (module.class_name, settings_text(module.class_name, module.settings)) if part)


def _flops_text(counts: list[int | None]) -> str:
    known = sum(count or 0 for count in counts)
    unknown = any(count is None for count in counts)
    return (count_text(known) + ("+" if unknown else "")) if known else "?" if unknown else ""


# -- the lines around the table ----------------------------------------------------------------------------------------


def _header(graph: Graph, width: int) -> list[str]:
    n_operations = len(graph.operations)
    n_scopes = len({scope for node in graph.operations for scope in enclosing_scopes(node.scope)} - {""})
    counts = f"{n_operations} operation{'s' * (n_operations != 1)} in {n_scopes} scope{'s' * (n_scopes != 1)}"
    lines = wrapped(f"{graph.capture.model or 'graph'}: {counts}, {_how(graph.capture)}", width, "  ")
    if graph.capture.reason:
        lines += wrapped(f"a run was recorded because {graph.capture.reason}", width, "  ", "  ")
    return lines


def _how(capture: Capture) -> str:
    took = f" in {seconds_text(capture.duration_s)}" if capture.duration_s else ""
    if capture.method == "fx":
        return f"traced by torch.fx{took}"
    if capture.method == "record":
        return f"recorded {'with fake tensors, which hold no values' if capture.fake else 'from a run'}{took}"
    return capture.method if capture.method else "built"


def _footer(graph: Graph, table: _Table, is_folded: bool, left_out: str, width: int) -> list[str]:
    states = [state for module in graph.modules.values() for state in module.states]
    own = [state for state in states if state.kind == "parameter" and state.tied_to is None]
    trainable = sum(state.spec.n_elements for state in own if state.trainable)
    frozen = sum(state.spec.n_elements for state in own if not state.trainable)
    unknown = sum(count is None for count in table.flops.values())
    flops = sum(count or 0 for count in table.flops.values())
    missing = f", without {unknown} operation{'s' * (unknown != 1)} of unknown cost" if unknown else ""
    has_shapes = not graph.operations or any(node.outputs for node in graph.operations)
    made = f"{bytes_text(graph.n_activation_bytes)} if every result were kept"
    lines = [
        (
            "parameters",
            f"{count_text(trainable + frozen)} ({count_text(trainable)} trainable, {count_text(frozen)} frozen)",
        ),
        ("FLOPs", f"{count_text(flops)} for one forward pass, a multiply-add counted as two{missing}"),
        ("activations", made if has_shapes else "unknown, as the shapes are"),
        *(("note", note) for note in graph.capture.notes),
    ]
    if unknown and not flops:
        lines[1] = ("FLOPs", f"unknown: {unknown} operation{'s' * (unknown != 1)} of unknown cost")
    if is_folded:
        said = "what repeats the rows before it is one row; give a depth (--depth 99, depth=99) to see all rows"
        lines.append(("folded", said))
    if left_out:
        lines.append(("narrow", left_out))
    return [line for word, text in lines for line in wrapped(f"{word:<12}{text}", width, " " * 12)]


def _stopped(graph: Graph, failure: Failure, width: int, color: bool) -> list[str]:
    where = f" at {_place(failure.source)}" if failure.source else ""
    title = wrapped(f"stopped by {failure.type}{where}{_module_text(graph, failure)}", width, "    ")
    lines = [f"{RED}{line}{END}" if color else line for line in title]
    if failure.source and (line := source_line(failure.source.file, failure.source.line)):
        text = plain(line.rstrip("\n"))
        start = len(text) - len(text.lstrip())
        lines.append("    " + elide(text.lstrip(), width - 4))
        if 0 < failure.source.column - start <= width - 4:
            lines.append(" " * (4 + failure.source.column - 1 - start) + "^")
    if failure.node is not None:
        given = ", ".join(map(str, failure.inputs)) or "no tensor"
        operation = graph[failure.node].operation if failure.node in graph else failure.node
        lines += wrapped(f"{operation} was given {given}", width, "    ", "  ")
    message = failure.message.splitlines()
    if len(message) > _LONGEST_MESSAGE:
        message = [*message[:_LONGEST_MESSAGE], f"({len(message) - _LONGEST_MESSAGE} more lines)"]
    for line in message:
        lines += wrapped(line, width, "    ", "  ")
    if words := meaning(failure.message):
        lines += wrapped(words, width, "    ", "  ")
    return lines


def _module_text(graph: Graph, failure: Failure) -> str:
    """The module in which the operation failed: `, in encoder.1.fc (Linear 16→4)`."""
    scope = graph[failure.node].scope if failure.node is not None and failure.node in graph else ""
    module = graph.modules.get(module_path(scope))
    if not scope:
        return ""
    return f", in {scope} ({_class_text(module)})" if module is not None else f", in {scope}"


def _place(source: Source) -> str:
    column = f":{source.column}" if source.column else ""
    return plain(f"{source}{column}" + (f" in {source.function}" if source.function else ""))
