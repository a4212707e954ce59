"""The modules of a plan as a tree, and what each of them is in code: a layer, a container, or a class of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from torch import nn

from graphtools.codegen.bodies import Body
from graphtools.codegen.expressions import quoted
from graphtools.drafting.plan import Layer, Plan
from graphtools.drafting.sources import Sources
from graphtools.graph import Node
from graphtools.words import is_name

Kind = Literal["layer", "class", "sequential", "list", "dict", "parameters"]
_CONTAINERS = ("torch.nn.ModuleList", "torch.nn.ModuleDict", "torch.nn.ParameterList", "torch.nn.ParameterDict")


@dataclass(slots=True)
class Slot:
    """A literal that may differ between modules of one class: its value, and the name of a parameter for it."""

    hint: str
    value: Any
    child: str = ""


@dataclass(slots=True)
class Part:
    """A module at `path`, with those inside it in order, the tensors that it holds itself and its calls.

    `key` is equal for parts that differ in the values of `slots` only, `key_of_any_number` also for those that take
    another number of inputs, see `gathering`. `made_by` is the class that makes it, if it is
    one of those that the code defines.
    """

    path: str
    name: str
    kind: Kind = "dict"
    children: dict[str, Part] = field(default_factory=dict)
    layer: Layer | None = None
    states: list[Node] = field(default_factory=list)
    bodies: list[Body] = field(default_factory=list)
    type: str = ""
    key: Any = None
    key_of_any_number: Any = None
    slots: list[Slot] = field(default_factory=list)
    n_constructor_slots: int = 0
    made_by: Any = None

    def walk(self) -> Iterator[Part]:
        """This part and all inside, innermost first."""
        for child in self.children.values():
            yield from child.walk()
        yield self

    @property
    def height(self) -> int:
        """0 for a part with none inside."""
        return 1 + max((child.height for child in self.children.values()), default=-1)


def containers(plan: Plan) -> set[str]:
    """The paths of modules that are never called: lists and dicts of modules."""
    found = {path for path, kind in plan.types.items() if kind in _CONTAINERS}
    known = {*plan.types, *plan.layers}
    return found | {path.rpartition(".")[0] for path in known if path.rpartition(".")[2].isdigit()} - {*plan.types}


def make_tree(plan: Plan, ordered: list[Node], root_body: Body, sources: Sources) -> Part:
    """The tree of all modules that the nodes call or take tensors from."""
    root = Part("", "", type=plan.model)
    bodies: dict[str, list[Body]] = {}
    for body in root_body.walk():
        bodies.setdefault(body.path, []).append(body)
    for node in ordered:
        path = plan.path(node)
        if path is not None:
            part = _at(root, path)
            part.kind, part.layer, part.type = "layer", plan.layers[path], node.target
    layers = {path for path in map(plan.path, ordered) if path is not None}
    for node in ordered:
        owner, _, _ = node.target.rpartition(".")
        if node.kind in ("parameter", "buffer") and not any((owner + ".").startswith(p + ".") for p in layers):
            part = _at(root, owner)
            if not any(state.target == node.target for state in part.states):
                part.states.append(node)
    for path, calls in bodies.items():
        _at(root, path).bodies = calls
    _order(root, sources)
    for part in root.walk():
        if part.kind != "layer":
            part.type = part.type or plan.types.get(part.path, "")
            part.kind = _kind(part, sources)
    return root


def _at(root: Part, path: str) -> Part:
    part = root
    for index, word in enumerate(path.split(".") if path else ()):
        if word not in part.children:
            part.children[word] = Part(".".join(path.split(".")[: index + 1]), word)
        part = part.children[word]
    return part


def _order(root: Part, sources: Sources) -> None:
    """Puts children in the order of the model they come from, digits in their own, new ones where they are used."""
    for part in root.walk():
        module = sources.module(part.path) if part.path else sources.model
        known = {name: index for index, name in enumerate(module._modules)} if module is not None else {}
        if part.children and all(name.isdigit() for name in part.children):
            part.children = dict(sorted(part.children.items(), key=lambda pair: int(pair[0])))
        elif known:
            used = list(part.children)
            rank: dict[str, float] = {}
            last = -1.0
            for name in used:
                last = known[name] if name in known else last + 0.001
                rank[name] = last
            part.children = dict(sorted(part.children.items(), key=lambda pair: rank[pair[0]]))


def _kind(part: Part, sources: Sources) -> Kind:
    names = list(part.children)
    if part.bodies:
        return "sequential" if _is_sequential(part, sources) else "class"
    if part.states:
        only_parameters = all(state.kind == "parameter" for state in part.states) and not part.children
        return "parameters" if only_parameters and part.path else "class"
    if not part.path:
        return "class"
    if names == [str(index) for index in range(len(names))]:
        return "list"
    return "dict"


def _is_sequential(part: Part, sources: Sources) -> bool:
    """Whether the module does nothing but call what is inside it, one after the other."""
    if part.states or not part.children:
        return False
    module = sources.module(part.path) if part.path else sources.model
    if not (all(name.isdigit() for name in part.children) or isinstance(module, nn.Sequential)):
        return False
    for body in part.bodies:
        if len(body.items) != len(part.children) or len(body.inputs) != 1:
            return False
        head = f"{part.path}." if part.path else ""
        value = body.inputs[0]
        for name, item in zip(part.children, body.items, strict=True):
            if isinstance(item, Body):
                if item.path != head + name or item.inputs != [value] or len(item.outputs) != 1:
                    return False
                value = item.outputs[0]
            else:
                layer = part.children[name]
                if layer.kind != "layer" or item.scope.partition("#")[0] != head + name or item.state:
                    return False
                if item.args != (value,) or item.kwargs:
                    return False
                from graphtools.graph import Ref

                value = Ref(item.name)
        if part.path and body.outputs != [value]:
            return False
    return True


def module_text(parts: Mapping[str, Part], home: str, path: str) -> str:
    """The expression for a module inside the one at `home`: `self.layers[0].attn`."""
    text, at = "self", home
    for word in path[len(home) + 1 if home else 0 :].split(".") if path != home else ():
        holder = parts.get(at)
        at = f"{at}.{word}" if at else word
        kind = holder.kind if holder is not None else "class"
        if kind in ("list", "sequential") and word.isdigit():
            text += f"[{list(holder.children).index(word)}]" if holder is not None else f"[{word}]"
        elif kind == "dict":
            text += f"[{quoted(word)}]"
        elif not is_name(word):
            text += f".get_submodule({quoted(word)})"
        else:
            text += f".{word}"
    return text


def state_text(parts: Mapping[str, Part], home: str, name: str) -> str:
    """The expression for a parameter or buffer of a module inside the one at `home`: `self.layers[0].norm.weight`."""
    owner, _, word = name.rpartition(".")
    base, holder = module_text(parts, home, owner), parts.get(owner)
    if holder is not None and holder.kind == "parameters":
        return f"{base}[{quoted(word)}]"
    return f"{base}.{word}" if is_name(word) else f"getattr({base}, {quoted(word)})"


def by_path(root: Part) -> Mapping[str, Part]:
    """Every part by its path."""
    return {part.path: part for part in root.walk()}


__all__ = ["Kind", "Part", "Slot", "by_path", "containers", "make_tree", "module_text", "state_text"]
