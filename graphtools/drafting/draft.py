"""A graph being built: the one mutable object here, which holds a plan, what came before it and what was undone."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from torch import nn

from graphtools.drafting import edits as e
from graphtools.drafting.arguments import Arguments, Target, Where
from graphtools.drafting.building import BuiltLive, build_graph, build_module
from graphtools.drafting.grouping import Clip, Group, Paste, Ungroup, clipped
from graphtools.drafting.opening import open_graph
from graphtools.drafting.plan import OUTPUT, Edge, Layer, Place, Plan
from graphtools.drafting.problems import Problem, find_problems
from graphtools.drafting.shapes import Propagation, Shapes
from graphtools.drafting.sources import Sources
from graphtools.drafting.totals import Costs, Totals, preview
from graphtools.drafting.tying import ties_among, ties_of, with_present_ties
from graphtools.errors import DraftError
from graphtools.graph import Graph, Node, Ref, Spec, freeze

if TYPE_CHECKING:
    import torch
    import torch.fx

    from graphtools.rewriting.simplifying import Simplified


@dataclass(frozen=True, slots=True)
class _Past:
    edit: e.Edit
    before: Plan


class Draft(Arguments):
    """A graph being built or rebuilt.

        draft = graphtools.Draft()
        x = draft.input("x", "f32[B, 1, 28, 28]")
        x = draft.add("nn.Flatten", x)
        x = draft.add("nn.Linear", x, 784, 10, name="head")
        draft.output(x)
        model = draft.to_module()

    `Draft(graph)` opens a traced graph with the weights of its model, which what does not change keeps; `model` is
    needed for a graph read from a file. The graph and the model are not touched. A node is named by its name or by the
    Ref that `add` gave. Every edit raises DraftError or MissingError if it does not apply, and then changes nothing.
    """

    def __init__(self, graph: Graph | None = None, model: nn.Module | None = None) -> None:
        self.plan = Plan()
        self.sources = Sources()
        if graph is not None and isinstance(graph.live, BuiltLive) and graph.live.plan is not None:
            self.plan, self.sources = graph.live.plan, graph.live.sources or Sources()
        elif graph is not None:
            self.plan, self.sources = open_graph(graph, model)
        self.opened: Plan | None = self.plan if graph is not None else None  # the model as it was
        self.made_saved: Any = None  # see graphtools.drafting.made
        self._past: list[_Past] = []
        self._undone: list[_Past] = []
        self._propagation: Propagation | None = None
        self._shapes: tuple[Plan, Shapes] | None = None
        self._costs: Costs | None = None

    # -- adding ------------------------------------------------------------------------------------------------------

    def input(self, name: str, spec: Spec | str | None = None) -> Ref:
        """Adds an input. `spec` is its type, `f32[B, 3, 224, 224]`: a word is a size that stays open."""
        self.apply(e.AddInput(name, _spec(spec)))
        return Ref(name)

    def add(self, target: Target, *args: Any, name: str = "", scope: str = "", **kwargs: Any) -> Ref:
        """Adds a call of a module or of a function and gives the reference to its result.

        `target` is a class of modules or a function, its name (`"torch.nn.Linear"`, `"nn.Linear"`, `"Linear"`,
        `"F.relu"`, `"add"`), or a module, whose weights are taken. For a module, values among `args` are what it is
        called with, literals the first arguments of its constructor; `kwargs` go to the constructor if it knows the
        name, else to the call. For a function all arguments are those of the call. A text that is the name of a node,
        given by place, stands for its value. Arguments that are still missing are open, and can be connected.
        Of several results, the reference to one is `lstm[0]`, to the first of a tuple in them `lstm[1][0]`.
        """
        before = self.plan
        self.apply(e.Add(self._new(target, args, kwargs, name), scope))
        return Ref(next(key for key in self.plan.nodes if key not in before.nodes))

    def output(self, *values: Any) -> Draft:
        """Makes a value the result of the graph; several make a tuple, a mapping or list a result of that form."""
        for text in values:
            if isinstance(text, str):
                self._ref(text)
        value = self._arg(values[0] if len(values) == 1 else tuple(values), True)
        return self.apply(e.SetOutput(value))

    # -- wiring ------------------------------------------------------------------------------------------------------

    def connect(self, source: Where, node: Where, at: int | str | Place = 0) -> Draft:
        """Gives a value to a node as its argument `at`: a position, a name, or a path as (0, 1) into a list."""
        return self.apply(e.Connect(self._ref(source), _name(node), _place(at)))

    def disconnect(self, node: Where, at: int | str | Place = 0) -> Draft:
        """Leaves the argument `at` of a node open."""
        return self.apply(e.Disconnect(_name(node), _place(at)))

    def insert_after(self, node: Where, target: Target, *args: Any, name: str = "", **kwargs: Any) -> Draft:
        """Puts a new node behind another: all who took that one's value take the new one's. Arguments as for `add`."""
        return self.apply(e.InsertAfter(self._ref(node), self._new(target, args, kwargs, name)))

    def insert_on(
        self, edge: Edge | tuple[Where, int | str | Place], target: Target, *args: Any, **kwargs: Any
    ) -> Draft:
        """Puts a new node on one edge, given as an Edge or as (node, at): where it ends. Arguments as for `add`."""
        node, place = (edge.node, edge.place) if isinstance(edge, Edge) else (_name(edge[0]), _place(edge[1]))
        name = kwargs.pop("name", "")
        return self.apply(e.InsertOn(node, place, self._new(target, args, kwargs, name)))

    def edges(self) -> tuple[Edge, ...]:
        """Every edge: which value goes to which node, and as which of its arguments."""
        return tuple(self.plan.edges())

    # -- changing ----------------------------------------------------------------------------------------------------

    def replace(self, node: Where, target: Target, *args: Any, name: str = "", **kwargs: Any) -> Draft:
        """Makes a node call something else, with the values that it had, and new weights. Arguments as for `add`."""
        return self.apply(e.Replace(_name(node), self._new(target, args, kwargs, name, is_open=False)))

    def remove(self, *nodes: Where) -> Draft:
        """Removes nodes. A chain heals: who took the value of a node with one input takes that input."""
        return self.apply(e.Remove(tuple(map(_name, nodes))))

    def rename(self, node: Where, name: str) -> Draft:
        """Gives a node, and the module that it alone calls, another name."""
        return self.apply(e.RenameNode(_name(node), name))

    def set(self, node: Where, values: Mapping[str | int, Any] | None = None, **parameters: Any) -> Draft:
        """Sets arguments of a module's constructor or literal arguments of a call; `values` may name positions too."""
        merged: dict[str | int, Any] = dict(values or {})
        merged.update(parameters)
        place_of = self._positions(_name(node))
        literal = {place_of.get(key, key): self._arg(value, False) for key, value in merged.items()}
        return self.apply(e.Set(_name(node), freeze(literal.items())))  # type: ignore[arg-type]

    def set_input(self, name: Where, spec: Spec | str) -> Draft:
        """Gives an input another type."""
        found = _spec(spec)
        assert found is not None
        return self.apply(e.SetSpec(_name(name), found))

    def bypass(self, *nodes: Where, on: bool = True) -> Draft:
        """Lets the first value of nodes pass through them unchanged; `on=False` ends that."""
        return self.apply(e.SetMode(tuple(map(_name, nodes)), "bypassed" if on else None))

    def disable(self, *nodes: Where, on: bool = True) -> Draft:
        """Switches nodes off, and with them all that depends on them; `on=False` ends that."""
        return self.apply(e.SetMode(tuple(map(_name, nodes)), "disabled" if on else None))

    def group(self, nodes: Iterable[Where], name: str) -> Draft:
        """Moves nodes into a new module called `name`."""
        return self.apply(Group(tuple(map(_name, nodes)), name))

    def ungroup(self, scope: str) -> Draft:
        """Takes the module at a path apart."""
        return self.apply(Ungroup(scope))

    def copy(self, *nodes: Where) -> Clip:
        """Nodes with their modules as a value that can be pasted, here or into another draft."""
        return clipped(self.plan, tuple(map(_name, nodes)))

    def paste(self, clip: Clip, scope: str = "", **connections: Where) -> tuple[Ref, ...]:
        """Adds copies of copied nodes and gives their references. What came from outside is left open, or comes from
        `connections`, by the name that it had there."""
        before = self.plan
        given = {key: self._ref(value) for key, value in connections.items()}
        self.apply(Paste(clip, scope, given))
        return tuple(Ref(key) for key in self.plan.nodes if key not in before.nodes)

    def move(self, positions: Mapping[str, tuple[float, float]]) -> Draft:
        """Puts nodes, and modules by their path and "/", at places in the drawing: x and y in pixels."""
        return self.apply(e.Move(dict(positions)))

    # -- history -----------------------------------------------------------------------------------------------------

    def apply(self, edit: e.Edit) -> Draft:
        """Applies an edit that is a value, as one of a problem's fixes. Raises DraftError and changes nothing if it
        does not apply."""
        after = edit.apply(self.plan)
        if after.layers is not self.plan.layers and any(key.startswith("given.") for key in self.sources.modules):
            after = with_present_ties(replace(after, ties=ties_among(self.sources, after.ties)))
        self._past.append(_Past(edit, self.plan))
        self._undone.clear()
        self.plan = after
        return self

    def undo(self, count: int = 1) -> Draft:
        """Takes back the last edits: the plan is the very one of before. Nothing happens where there is none."""
        for _ in range(min(count, len(self._past))):
            last = self._past.pop()
            self._undone.append(_Past(last.edit, self.plan))
            self.plan = last.before
        return self

    def redo(self, count: int = 1) -> Draft:
        """Applies again what was undone."""
        for _ in range(min(count, len(self._undone))):
            last = self._undone.pop()
            self._past.append(_Past(last.edit, self.plan))
            self.plan = last.before
        return self

    @property
    def history(self) -> tuple[e.Edit, ...]:
        """The edits so far, those undone left out."""
        return tuple(past.edit for past in self._past)

    @property
    def undone(self) -> tuple[e.Edit, ...]:
        """The edits that `redo` applies again, the next one last."""
        return tuple(past.edit for past in self._undone)

    def amend(self, plan: Plan) -> Draft:
        """Puts another plan in the place of the present one, as a part of the last edit: no step of undo."""
        self.plan = plan
        return self

    def fork(self) -> Draft:
        """A draft of the same plan without a past, to try something on: what it does changes nothing here. It shares
        what is remembered of shapes."""
        other = Draft()
        other.plan, other.sources = self.plan, self.sources
        shapes = self.shapes
        other._propagation, other._shapes = self._propagation, (self.plan, shapes)
        return other

    # -- looking -----------------------------------------------------------------------------------------------------

    def __contains__(self, name: object) -> bool:
        return name in self.plan.nodes

    def __getitem__(self, name: str) -> Ref:
        """The value of a node. Raises MissingError with near misses."""
        return Ref(self.plan[name].name)

    def __len__(self) -> int:
        return len(self.plan.nodes)

    @property
    def shapes(self) -> Shapes:
        """The types of all results, by fake tensors. After an edit only what depends on it is computed again."""
        if self._propagation is None:
            self._propagation = Propagation(self.sources)
        if self._shapes is None or self._shapes[0] is not self.plan:
            before = self._shapes[1] if self._shapes is not None else None
            if self._shapes is None or not _is_same_graph(self._shapes[0], self.plan):
                before = self._propagation.run(self.plan, before)
            assert before is not None
            self._shapes = (self.plan, before)
        return self._shapes[1]

    def spec(self, node: Where) -> Spec | None:
        """The type of a value, `f32[B, 10]`; None if it is not known."""
        ref = self._ref(node)
        return next((o.spec for o in self.shapes.outputs.get(ref.node, ()) if o.path == ref.path), None)

    def problems(self) -> tuple[Problem, ...]:
        """Everything that keeps the draft from being built, with the edge where it arises and fixes."""
        return find_problems(self.plan, self.sources, self.shapes)

    def totals(self) -> Totals:
        """Parameters, floating-point operations and activation memory, an open size counted as 1."""
        shapes = self.shapes
        assert self._propagation is not None
        if self._costs is None:
            self._costs = Costs(self._propagation.call_of)
        return self._costs.totals(self.plan, shapes)

    def preview(self) -> Graph:
        """The draft as a Graph to look at: open arguments are None, what closes a loop is left out. Has no values."""
        return preview(self.plan, self.shapes)

    def __str__(self) -> str:
        return self.preview().text()

    def __repr__(self) -> str:
        return f"<Draft {self.plan.model}: {len(self.plan.nodes)} nodes, {len(self._past)} edits>"

    # -- results -----------------------------------------------------------------------------------------------------

    def check(self) -> None:
        """Raises DraftError, which lists every problem, if there is one."""
        problems = self.problems()
        if problems:
            count = len(problems)
            head = "the draft has a problem" if count == 1 else f"the draft has {count} problems"
            raise DraftError(f"{head}:\n" + "\n".join(f"  {problem}" for problem in problems))

    def build(self) -> Graph:
        """The Graph of the draft, with a module behind it whose weights are those kept and new ones.

        Raises DraftError, which lists every problem. Allocates the weights.
        """
        self.check()
        return build_graph(self.plan, self.sources, self.shapes.outputs, self.plan.model)

    def to_module(self) -> torch.fx.GraphModule:
        """A module that runs, with the names of parameters that the opened model has. Raises DraftError."""
        self.check()
        return build_module(self.plan, self.sources)

    def to_code(self, name: str | None = None) -> str:
        """The source of a module class that computes the same, as a person would write it. Raises DraftError."""
        from graphtools.codegen import to_code

        self.check()
        return to_code(self.plan, self.sources, name, self.shapes.outputs)

    def to_patch(self) -> str:
        """A unified diff of the opened model's source that makes the changes of this draft there.

        Raises DraftError, which says why, where they have no single place in the source; `to_code` then writes all.
        """
        from graphtools.codegen.patching import to_patch

        self.check()
        if self.opened is None:
            raise DraftError("the draft was not made of a model, so there is no source to change; to_code() writes it")
        return to_patch(self.opened, self.plan, self.sources)

    def to_program(self) -> torch.export.ExportedProgram:
        """The draft as a torch.export program in eval mode, with open sizes dynamic. Raises DraftError."""
        from graphtools.drafting.exporting import to_program

        return to_program(self)

    def to_onnx(self, file: str | os.PathLike[str]) -> None:
        """Writes an ONNX file. Raises DraftError, which names the packages, where they are not installed."""
        from graphtools.drafting.exporting import to_onnx

        to_onnx(self, file)

    def weights(self) -> dict[str, torch.Tensor]:
        """The weights of the draft by the names that they have in the generated code."""
        from graphtools.codegen import weights

        return weights(self.plan, self.sources)

    # -- rewriting ---------------------------------------------------------------------------------------------------

    def decompose(self, node: Where, depth: int = 1) -> tuple[str, ...]:
        """Puts what an operation is made of in its place, down to `depth` levels, and gives the names of the new nodes.

        One edit a level. Raises DraftError for what is not known to be made of simpler operations.
        """
        from graphtools.rewriting.decomposing import decompose

        return decompose(self, _name(node), depth)

    def simplify(self) -> Simplified:
        """Removes what does nothing, computes ahead and once what can be, folds batch norms; one edit, with a proof.

        What is computed in eval mode stays. Raises DraftError if the draft has problems.
        """
        from graphtools.rewriting.simplifying import simplify

        return simplify(self)

    def take_sources(self, more: Sources) -> None:
        """Lets the draft know values and objects that nodes of a rewrite refer to. Forgets nothing."""
        known = self.sources
        self.sources = replace(
            known,
            tensors={**more.tensors, **known.tensors, **more.tensors},
            functions={**more.functions, **known.functions},
            objects={**more.objects, **known.objects},
            modules={**{k: v for k, v in more.modules.items() if k.startswith("given.")}, **known.modules},
            states={**known.states, **more.states},
        )
        self._propagation = None
        self._shapes = None
        self._costs = None

    # -- files -------------------------------------------------------------------------------------------------------

    def to_json(self) -> str:
        """The draft as JSON text, without weights and without its past."""
        from graphtools.drafting.documents import to_json

        return to_json(self.plan)

    @staticmethod
    def from_json(text: str | bytes, model: nn.Module | None = None, allow: Iterable[str] = ()) -> Draft:
        """The draft in a text that `to_json` wrote. It is data: nothing runs but torch, torchvision and the packages
        in `allow`. `model` gives weights back. Raises FormatError."""
        from graphtools.drafting.documents import from_json

        draft = Draft()
        draft.plan = from_json(text)
        draft.sources = Sources(model=model, allowed=tuple(allow))
        if model is not None and not draft.plan.ties:  # documents of before there were ties
            draft.plan = with_present_ties(replace(draft.plan, ties=ties_of({"": model})))
        return draft

    def save(self, file: str | os.PathLike[str]) -> None:
        """Writes `to_json` to a file, whole or not at all; and beside it, in one that ends on `.weights`, the weights
        that no model has from which the draft was opened, as those of modules that were given to it. Raises OSError.
        """
        from graphtools.drafting.made import save_made

        path = os.fspath(file)
        save_made(self, path)
        with open(path + ".part", "w", encoding="utf-8") as out:
            out.write(self.to_json())
        os.replace(path + ".part", path)

    @staticmethod
    def load(file: str | os.PathLike[str], model: nn.Module | None = None, allow: Iterable[str] = ()) -> Draft:
        """The draft that `save` wrote; see `from_json`."""
        from graphtools.drafting.made import load_made

        with open(file, "rb") as opened:
            draft = Draft.from_json(opened.read(), model, allow)
        load_made(draft, file)
        return draft


def _is_same_graph(a: Plan, b: Plan) -> bool:
    """Whether only places in the drawing differ, as after a move."""
    return a.nodes is b.nodes and a.layers is b.layers and a.modes is b.modes


def _name(where: Where) -> str:
    return where.node if isinstance(where, Ref) else where


def _place(at: int | str | Place) -> Place:
    return at if isinstance(at, tuple) else (at,)


def _spec(spec: Spec | str | None) -> Spec | None:
    from graphtools.drafting.documents import parse_spec

    return parse_spec(spec) if isinstance(spec, str) else spec


__all__ = ["OUTPUT", "Draft", "Layer", "Node"]
