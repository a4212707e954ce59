"""What is computed: an immutable graph of named nodes, without torch.

    graph  ::= input* node* output? ; modules
    node   ::= %name : spec, ... = target(arg, k=arg)  # scope, file:line
    arg    ::= %name | %name.output | literal | (arg, ...) | [arg, ...] | {key: arg}
    spec   ::= f32[16, 3]

Edges are the references inside arguments and are stored nowhere else. A graph that exists is valid: names are unique,
a node refers only to nodes before it, inputs come first and the output, if there is one, last. A graph without an
output is the part of a run that happened before it stopped; `graph.failure` then says why.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from graphtools.errors import GraphError, MissingError, missing

if TYPE_CHECKING:
    import os
    from pathlib import Path as FilePath

    import networkx
    import torch.fx
    from pyvis.network import Network

Kind = Literal["input", "parameter", "buffer", "constant", "call", "output"]
Path = tuple[int | str, ...]  # where a value stands inside nested results: (1, 0) is `result[1][0]`

_BYTES = {"f64": 8, "f32": 4, "f16": 2, "bf16": 2, "i64": 8, "i32": 4, "i16": 2, "i8": 1, "u8": 1, "bool": 1}
_BYTES |= {"c64": 8, "c128": 16, "c32": 4, "u16": 2, "u32": 4, "u64": 8, "qi8": 1, "qu8": 1, "qi32": 4}


@dataclass(frozen=True, slots=True)
class Spec:
    """The type of a tensor: dtype in short (`f32`, `i64`, `bool`), shape (a symbolic size is a string), device."""

    dtype: str
    shape: tuple[int | str, ...]
    device: str = "cpu"

    @property
    def n_elements(self) -> int:
        """Number of elements; a symbolic size counts as 1."""
        count = 1
        for size in self.shape:
            count *= size if isinstance(size, int) else 1
        return count

    @property
    def n_bytes(self) -> int:
        """Bytes that the elements take when stored densely."""
        return self.n_elements * _BYTES.get(self.dtype, 1 if "8" in self.dtype else 4)

    def __str__(self) -> str:
        return f"{self.dtype}[{', '.join(map(str, self.shape))}]"


@dataclass(frozen=True, slots=True)
class Ref:
    """A reference to what an earlier node gives: all of it, or the part at `path`."""

    node: str
    path: Path = ()

    def __str__(self) -> str:
        return "%" + ".".join([self.node, *map(str, self.path)])

    def __getitem__(self, key: int | str) -> Ref:
        """The reference to one of several results, or to a part of one: `lstm[0]`, `lstm[1][0]`, `output["logits"]`."""
        if isinstance(key, bool) or not isinstance(key, int | str):
            raise TypeError(f"a result is named by its position or its key, not by {type(key).__name__} {key!r}")
        if isinstance(key, int) and key < 0:
            raise IndexError(
                f"how many results {self.node!r} gives is not known here, so none counts from the end: {key}"
            )
        return Ref(self.node, (*self.path, key))

    __iter__ = None  # with __getitem__ alone, Python would ask for [0], [1], ... without end


@dataclass(frozen=True, slots=True)
class Symbol:
    """A literal that JSON has no word for, by the name Python knows it under, as `torch.float32` or `cuda:0`.

    `kind` is "dtype", "device", "layout", "memory_format", "type", "complex", or "opaque" for an object of which only
    the text is known; the capture that made the graph may still hold that object (`graph.live`).
    """

    kind: str
    text: str

    def __str__(self) -> str:
        return self.text if self.kind != "opaque" else f"<{self.text}>"


class ListArg(tuple):
    """An argument that was a list. `x[[0, 2]]` and `x[0, 2]` differ, so lists and tuples are told apart."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Source:
    """A place in the user's source. `column` counts from 1; 0 means unknown. `function` is the one that holds it."""

    file: str
    line: int
    column: int = 0
    function: str = ""

    def __str__(self) -> str:
        return f"{self.file.replace(chr(92), '/').rsplit('/', 1)[-1]}:{self.line}"


@dataclass(frozen=True, slots=True)
class Output:
    """One tensor among the results of a node: where it stands in them and its type."""

    path: Path
    spec: Spec


@dataclass(frozen=True, slots=True)
class Node:
    """One step of the computation.

    `target` is the public name of the function (`torch.nn.functional.conv2d`, `torch.Tensor.view`, `torch.nn.Conv2d`
    for a whole module), or the path of a parameter or buffer. `scope` is the module path of the call (`layer1.0.conv1`;
    the second call of the same module is `body#1`). `outputs` is empty if no shape is known or nothing is a tensor.
    `writes` names the nodes whose value this one overwrites in place; `after` those whose in-place write it sees
    although they are not among its arguments (the base of a view). `random` tells that it draws random numbers;
    `state` holds modes that change its result (`autocast`: dtype in short; `grad`: False inside `torch.no_grad`).
    """

    name: str
    kind: Kind
    target: str
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    outputs: tuple[Output, ...] = ()
    scope: str = ""
    source: Source | None = None
    writes: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    random: bool = False
    state: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def operation(self) -> str:
        """The target's last word: `conv2d`, `add`, `Conv2d`."""
        return self.target.rsplit(".", 1)[-1] if self.kind == "call" else self.target

    @property
    def is_state(self) -> bool:
        """Whether it is a tensor that the model holds: a parameter, a buffer or a constant."""
        return self.kind in ("parameter", "buffer", "constant")

    @property
    def spec(self) -> Spec | None:
        """Type of the first tensor it gives; None if unknown."""
        return self.outputs[0].spec if self.outputs else None

    def refs(self) -> Iterator[Ref]:
        """References in its arguments, left to right, keyword arguments last; one that occurs twice comes twice."""
        found: list[Ref] = []
        for arg in self.args:
            _collect(arg, found)
        for arg in self.kwargs.values():
            _collect(arg, found)
        return iter(found)

    def __str__(self) -> str:
        specs = ", ".join(str(output.spec) for output in self.outputs)
        left = f"%{self.name}" + (f" : {specs}" if specs else "")
        place = ", ".join(part for part in (self.scope, str(self.source) if self.source else "") if part)
        return f"{left} = {self._call()}" + (f"  # {place}" if place else "")

    def _call(self) -> str:
        if self.kind != "call" and self.kind != "output":
            return f"{self.kind} {self.target}"
        args = [format_arg(arg) for arg in self.args]
        args += [f"{key}={format_arg(arg)}" for key, arg in self.kwargs.items()]
        return f"{self.target}({', '.join(args)})"


@dataclass(frozen=True, slots=True)
class State:
    """A parameter or buffer of a module. `tied_to` is the full name under which a shared one was met first."""

    name: str
    kind: Literal["parameter", "buffer"]
    spec: Spec
    trainable: bool = False
    tied_to: str | None = None


@dataclass(frozen=True, slots=True)
class Module:
    """A module by its path; `type` is its class (`torch.nn.Conv2d`), `settings` the text that its repr shows."""

    path: str
    type: str
    settings: str = ""
    states: tuple[State, ...] = ()

    @property
    def class_name(self) -> str:
        """The class without its package."""
        return self.type.rsplit(".", 1)[-1]

    @property
    def n_parameters(self) -> int:
        """Elements of its own parameters, without its children's and without those shared with an earlier module."""
        return sum(s.spec.n_elements for s in self.states if s.kind == "parameter" and s.tied_to is None)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a run stopped: the exception's type and message, and where. `node` is the operation that was running.

    `node` is None if the exception came from Python between two operations. `inputs` are the types of the tensors that
    the operation was given, in the order of its arguments.
    """

    type: str
    message: str
    node: str | None = None
    source: Source | None = None
    inputs: tuple[Spec, ...] = ()

    def __str__(self) -> str:
        where = f" at {self.source}" if self.source else ""
        return f"{self.type}{where}: {self.message}"


@dataclass(frozen=True, slots=True)
class Capture:
    """How a graph came to be. `method` is "fx", "record" or "built"; `reason` says why not fx where fx was tried first.

    `notes` are sentences about what the graph does not show; `versions` the packages that took part.
    """

    method: str = "built"
    model: str = ""
    reason: str | None = None
    duration_s: float = 0.0
    fake: bool = False
    notes: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, repr=False)
class Graph:
    """An immutable computational graph. Raises GraphError if the parts do not fit together.

    `modules` maps a module path to its Module ("" is the model). `live` holds what JSON cannot (the model, constant
    tensors, functions known only as objects) for `to_fx` and `replay`; it takes no part in equality.
    """

    nodes: tuple[Node, ...]
    modules: Mapping[str, Module] = field(default_factory=lambda: MappingProxyType({}))
    capture: Capture = Capture()
    failure: Failure | None = None
    live: Any = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        for path, module in self.modules.items():
            if module.path != path:
                raise GraphError(f"module {module.path!r} stands under the path {path!r}")
        seen: set[str] = set()
        rank = 0
        for node in self.nodes:
            if node.name in seen:
                raise GraphError(f"two nodes are named {node.name!r}; give each node a name of its own")
            step = {"input": 0, "output": 2}.get(node.kind, 1)
            if step < rank or rank == 2:
                raise GraphError(f"{node.kind} {node.name!r} is out of order: inputs come first, one output last")
            rank = step
            for ref in node.refs():
                if ref.node not in seen:
                    raise GraphError(f"{node.name!r} refers to {ref.node!r}, which is not a node before it")
            for name in (*node.writes, *node.after):
                if name not in seen:
                    raise GraphError(f"{node.name!r} depends on {name!r}, which is not a node before it")
            seen.add(node.name)

    # -- finding ----------------------------------------------------------------------------------------------------

    @cached_property
    def _by_name(self) -> dict[str, Node]:
        return {node.name: node for node in self.nodes}

    @cached_property
    def _last_in_scope(self) -> dict[str, Node]:
        last: dict[str, Node] = {}
        for node in self.nodes:
            if node.kind == "call":
                for scope in enclosing_scopes(node.scope):
                    last[scope] = node
        last.pop("", None)
        return last

    @cached_property
    def _users(self) -> dict[str, tuple[Node, ...]]:
        users: dict[str, dict[str, Node]] = {node.name: {} for node in self.nodes}
        for node in self.nodes:
            for ref in node.refs():
                users[ref.node][node.name] = node
        return {name: tuple(found.values()) for name, found in users.items()}

    def __getitem__(self, name: str) -> Node:
        """The node of that name, else the last operation of that scope, which gives the module's output.

        So `graph["layer1.0.conv1"]` works for a graph of modules and for a graph of operations alike. Parameters and
        buffers answer to their path. Raises MissingError (a KeyError) with near misses.
        """
        node = self._by_name.get(name) or self._last_in_scope.get(name)
        if node is None:
            node = next((n for n in self.nodes if n.target == name and n.kind in ("parameter", "buffer")), None)
        if node is None:
            if name and name in self.modules:
                raise MissingError(f"module {name!r} ({self.modules[name].class_name}) ran no operation in this graph")
            path, _, last = name.rpartition(".")
            state = (
                next((s for s in self.modules[path].states if s.name == last), None) if path in self.modules else None
            )
            if state is not None and state.tied_to:
                raise MissingError(f"{state.kind} {name!r} is the same tensor as {state.tied_to!r}; ask for that one")
            if state is not None:
                why = "so no gradient reaches it" if state.kind == "parameter" else "so it has no value here"
                raise MissingError(f"{state.kind} {name!r} was used by no operation of this graph, {why}")
            raise missing("node or scope", name, [*self._by_name, *self._last_in_scope])
        return node

    def __contains__(self, name: object) -> bool:
        return name in self._by_name or name in self._last_in_scope

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)

    def __len__(self) -> int:
        return len(self.nodes)

    def in_scope(self, scope: str) -> tuple[Node, ...]:
        """Operations called in `scope` or below it, in order; "" gives all. Raises MissingError if there is none."""
        if not scope:
            return self.operations
        found = tuple(n for n in self.operations if n.scope == scope or n.scope.startswith(scope + "."))
        if not found and scope not in self.modules:
            raise missing("scope", scope, [*self._last_in_scope, *self.modules])
        return found

    # -- walking ----------------------------------------------------------------------------------------------------

    @cached_property
    def inputs(self) -> tuple[Node, ...]:
        """The input nodes, in the order of the model's signature."""
        return tuple(node for node in self.nodes if node.kind == "input")

    @cached_property
    def operations(self) -> tuple[Node, ...]:
        """The nodes that compute something, in the order they ran."""
        return tuple(node for node in self.nodes if node.kind == "call")

    @property
    def output(self) -> Node | None:
        """The output node; None in the graph of a run that stopped early."""
        return self.nodes[-1] if self.nodes and self.nodes[-1].kind == "output" else None

    def node(self, of: Node | str) -> Node:
        """`of` itself if it is a node, else the node that `graph[of]` finds."""
        return of if isinstance(of, Node) else self[of]

    def arguments(self, of: Node | str) -> tuple[Node, ...]:
        """The nodes whose values `of` takes, in the order of its arguments, each once."""
        return tuple({ref.node: self._by_name[ref.node] for ref in self.node(of).refs()}.values())

    def users(self, of: Node | str) -> tuple[Node, ...]:
        """The nodes that take the value of `of`, in order, each once."""
        return self._users[self.node(of).name]

    def ancestors(self, of: Node | str) -> tuple[Node, ...]:
        """All nodes that `of` depends on, in order, in-place writes included; without `of`."""
        reached = {self.node(of).name}
        for node in reversed(self.nodes):
            if node.name in reached:
                reached.update(ref.node for ref in node.refs())
                reached.update(node.after)
        return tuple(n for n in self.nodes if n.name in reached and n.name != self.node(of).name)

    def descendants(self, of: Node | str) -> tuple[Node, ...]:
        """All nodes that depend on `of`, in order, through in-place writes too; without `of`."""
        start = self.node(of).name
        reached = {start}
        for node in self.nodes:
            if not reached.isdisjoint(node.after) or any(ref.node in reached for ref in node.refs()):
                reached.add(node.name)
        return tuple(n for n in self.nodes if n.name in reached and n.name != start)

    # -- totals -----------------------------------------------------------------------------------------------------

    @cached_property
    def n_parameters(self) -> int:
        """Elements of all parameters of the model, shared ones counted once."""
        return sum(module.n_parameters for module in self.modules.values())

    @cached_property
    def n_activation_bytes(self) -> int:
        """Bytes of all results of all operations, as if each were stored; results of unknown shape count as 0."""
        return sum(output.spec.n_bytes for node in self.operations for output in node.outputs)

    @cached_property
    def flops(self) -> int:
        """Floating-point operations of one forward pass; see `graphtools.flops` for what is counted."""
        from graphtools.flops import count_flops

        return sum(count_flops(self, node) or 0 for node in self.operations)

    # -- showing and converting (each imports what it needs when called) -----------------------------------------------

    def __repr__(self) -> str:
        scopes = {scope for node in self.operations for scope in enclosing_scopes(node.scope)} - {""}
        stopped = f", stopped by {self.failure.type}" if self.failure else ""
        return f"<Graph {self.capture.model}: {len(self.operations)} operations in {len(scopes)} scopes{stopped}>"

    def __str__(self) -> str:
        from graphtools.table import format_graph

        return format_graph(self)

    def text(self) -> str:
        """The whole graph in the grammar of this file, one node a line."""
        return "\n".join(map(str, self.nodes))

    def to_json(self, indent: int | None = None) -> str:
        """The graph as one JSON document, which `Graph.from_json` reads back to an equal graph (without `live`)."""
        from graphtools.encoding import to_json

        return to_json(self, indent)

    @staticmethod
    def from_json(text: str | bytes) -> Graph:
        """The graph that `to_json` wrote. Executes nothing; raises FormatError for anything else."""
        from graphtools.encoding import from_json

        return from_json(text)

    def to_dot(self, depth: int | None = None) -> str:
        """Graphviz DOT text with a cluster for each module; below `depth` levels modules are one box."""
        from graphtools.diagram import to_dot

        return to_dot(self, depth)

    def to_mermaid(self, depth: int | None = None) -> str:
        """Mermaid flowchart text with a subgraph for each module; below `depth` levels modules are one box."""
        from graphtools.diagram import to_mermaid

        return to_mermaid(self, depth)

    def to_networkx(self) -> networkx.MultiDiGraph:
        """A networkx.MultiDiGraph: one node a name with its fields as attributes, one edge a reference."""
        from graphtools.convert import to_networkx

        return to_networkx(self)

    def to_pyvis(self, depth: int | None = None, height: str = "720px", dark: bool = False) -> Network:
        """A pyvis Network at fixed layered positions, with module boxes, that draws offline."""
        from graphtools.viewer.pyvis_network import to_pyvis

        return to_pyvis(self, depth, height, dark)

    def to_html(
        self, file: str | os.PathLike[str] | None = None, title: str | None = None, language: str = "en"
    ) -> str | FilePath:
        """One HTML page that shows the graph interactively and needs no network.

        Gives the page as text, or the path of `file` if that is given. `language` is "en" or "ko". Raises OSError.
        """
        from graphtools.viewer.page import to_html

        return to_html(self, file, title, language)

    def show(self, language: str = "en") -> Any:
        """Shows the graph in a notebook, interactively."""
        from graphtools.viewer.notebook import show

        return show(self, language=language)

    def _repr_html_(self) -> str:
        from graphtools.viewer.notebook import repr_html

        return repr_html(self)

    def to_fx(self, model: Any = None) -> torch.fx.GraphModule:
        """A runnable torch.fx.GraphModule that shares the model's parameters and buffers.

        `model` is needed where the graph was read from a file. Raises CaptureError if an argument or a function is
        known only by its text.
        """
        from graphtools.replaying import to_fx

        return to_fx(self, model)

    def to_module(self, model: Any = None) -> torch.fx.GraphModule:
        """A module of its own that computes this graph, with copies of the model's weights under the same names.

        `model` is needed where the graph was read from a file. Raises DraftError.
        """
        from graphtools.drafting.draft import Draft

        return Draft(self, model).to_module()

    def to_code(self, name: str | None = None, model: Any = None) -> str:
        """The source of a torch.nn.Module class that computes this graph, as a person would write it.

        `model` is needed where the graph was read from a file. Raises DraftError.
        """
        from graphtools.drafting.draft import Draft

        return Draft(self, model).to_code(name)


def references(arg: Any) -> Iterator[Ref]:
    """The references in an argument, however deep, left to right."""
    found: list[Ref] = []
    _collect(arg, found)
    return iter(found)


def _collect(arg: Any, found: list[Ref]) -> None:
    if isinstance(arg, Ref):
        found.append(arg)
    elif isinstance(arg, tuple):
        for item in arg:
            _collect(item, found)
    elif isinstance(arg, slice):
        for item in (arg.start, arg.stop, arg.step):
            _collect(item, found)
    elif isinstance(arg, Mapping):
        for item in arg.values():
            _collect(item, found)


def format_arg(arg: Any) -> str:
    """An argument as text, as in the grammar of this file."""
    if isinstance(arg, Ref | Symbol):
        return str(arg)
    if isinstance(arg, ListArg):
        return "[" + ", ".join(map(format_arg, arg)) + "]"
    if isinstance(arg, tuple):
        return "(" + ", ".join(map(format_arg, arg)) + ("," if len(arg) == 1 else "") + ")"
    if isinstance(arg, Mapping):
        return "{" + ", ".join(f"{key!r}: {format_arg(item)}" for key, item in arg.items()) + "}"
    if isinstance(arg, slice):
        step = f":{format_arg(arg.step)}" if arg.step is not None else ""
        ends = ["" if end is None else format_arg(end) for end in (arg.start, arg.stop)]
        return f"{ends[0]}:{ends[1]}{step}"
    return "..." if arg is Ellipsis else repr(arg)


def enclosing_scopes(scope: str) -> Iterator[str]:
    """`scope` and every scope around it, innermost first, "" last: a.b.c, a.b, a, ""."""
    while scope:
        yield scope
        scope = scope.rpartition(".")[0]
    yield ""


def module_path(scope: str) -> str:
    """The module path of a scope, which has no call numbers: `body#1.conv` is a call of module `body.conv`."""
    return re.sub(r"#\d+", "", scope) if "#" in scope else scope


def unique_name(word: str, taken: Mapping[str, Any] | set[str] | dict[str, int]) -> str:
    """A valid node name made of `word` that is not in `taken`: relu, relu_1, relu_2, ..."""
    stem = re.sub(r"\W", "_", word) or "_"
    if stem[0].isdigit():
        stem = "_" + stem
    name, count = stem, 0
    while name in taken:
        count += 1
        name = f"{stem}_{count}"
    return name


def freeze(names: Iterable[tuple[str, Any]]) -> Mapping[str, Any]:
    """A read-only mapping of the pairs, in their order."""
    return MappingProxyType(dict(names))
