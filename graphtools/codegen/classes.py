"""Finds the classes of a model: modules that are alike but for literals are made by one, with parameters."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import Any

from graphtools.codegen.bodies import Body, Tangled, is_held
from graphtools.codegen.expressions import Code, imported_words
from graphtools.codegen.gathering import joined, key_of_any_number
from graphtools.codegen.naming import TAKEN
from graphtools.codegen.parts import Part, Slot
from graphtools.drafting.plan import Plan
from graphtools.drafting.sources import Sources
from graphtools.drafting.targets import signature
from graphtools.errors import DraftError
from graphtools.graph import ListArg, Node, Ref, Symbol, freeze, module_path

_SIZES = ("features", "channels", "dim", "shape", "size", "width", "hidden", "embed")


@dataclass(slots=True)
class Parameter:
    """A parameter of a class that the code defines. `default` is in use where `has_default` is set."""

    name: str
    values: dict[str, Any]  # by the path of the module made
    default: Any = None
    has_default: bool = False


@dataclass(slots=True)
class Class:
    """A class that the code defines: its name, parameters, and the modules that it makes, the first as the pattern.

    `texts` gives for each slot of the pattern the expression of what stands there, None for the literal itself.
    `stored` are the parameters that `forward` needs. `is_open` where it takes any number of inputs.
    """

    name: str
    pattern: Part
    members: list[Part]
    parameters: list[Parameter] = field(default_factory=list)
    texts: list[str | None] = field(default_factory=list)
    stored: list[str] = field(default_factory=list)
    is_open: bool = False


class Classifier:
    """Gives every part of a tree its key, its slots, and its class. Raises Tangled for calls that differ."""

    def __init__(self, plan: Plan, sources: Sources, nodes: Mapping[str, Node], inline: Mapping[str, str]) -> None:
        self.plan = plan
        self.sources = sources
        self.nodes = nodes
        self.order = {name: index for index, name in enumerate(nodes)}
        self.inline = inline  # small constants by node name, as text
        self.classes: list[Class] = []
        self.parts: dict[str, Part] = {}

    def run(self, root: Part, name: str) -> list[Class]:
        """The classes in the order in which they must be defined, the model's own last."""
        parts = list(root.walk())
        self.parts = {part.path: part for part in parts}
        for height in range(root.height + 1):
            groups: dict[Any, list[Part]] = {}
            for part in parts:
                if part.height == height:
                    self._describe(part)
                    groups.setdefault(part.key, []).append(part)
            for members in joined(groups.values()):
                pattern = members[0]
                if not pattern.path:
                    self._define(members, name)
                elif pattern.kind == "class" or (pattern.kind == "sequential" and self._is_named(members)):
                    self._define(members, "")
        self._name(name)
        return self.classes

    def _is_named(self, members: list[Part]) -> bool:
        kind = members[0].type
        return len(members) > 1 and bool(kind) and not kind.startswith("torch.nn.") and len(members[0].children) > 1

    # -- keys and slots ----------------------------------------------------------------------------------------------

    def _describe(self, part: Part) -> None:
        slots: list[Slot] = []
        if part.kind == "layer" and part.layer is not None:
            layer = part.layer
            if layer.settings is None:
                raise DraftError(
                    f"{part.path!r} is a {layer.class_name} whose constructor arguments cannot be read back, so it "
                    'cannot be written as code; trace the model with method="record", which looks inside'
                )
            slots = [Slot(key, value, part.name) for key, value in layer.settings.items()]
            part.key = ("layer", layer.target, tuple(layer.settings))
            part.slots = slots
            part.n_constructor_slots = len(slots)
            return
        if part.kind == "class" and part.path and not all(name.isidentifier() for name in part.children):
            raise Tangled(
                {part.path}
            )  # self.0 is no attribute: its calls stand in the module around, as self.x[0](...)
        children = []
        for name, child in part.children.items():
            children.append((name, child.made_by.name if child.made_by else child.key))
            slots += [replace(slot, child=name) for slot in exported(child)]
        states = []
        for state in part.states:
            spec = state.spec
            assert spec is not None
            word = state.target.rpartition(".")[2]
            states.append((word, state.kind, spec.dtype, len(spec.shape)))
            hint = "dim" if len(spec.shape) == 1 else "size"
            slots += [Slot(hint, size, word) for size in spec.shape]
        part.n_constructor_slots = len(slots)
        body_key: Any = None
        for index, body in enumerate(part.bodies):
            own: list[Slot] = []
            key = self._body(body, own)
            if index and (
                key != body_key or [s.value for s in own] != [s.value for s in slots[part.n_constructor_slots :]]
            ):
                raise Tangled({part.path})
            if not index:
                body_key = key
                slots += own
        kind = part.type.rsplit(".", 1)[-1] if part.path else "(model)"
        part.key = (part.kind, kind, tuple(children), tuple(states), body_key)
        of_any = key_of_any_number(body_key) if part.path and len(part.bodies) == 1 else None
        if of_any is not None:
            part.key_of_any_number = (part.kind, kind, tuple(children), tuple(states), of_any)
        part.slots = slots

    def _body(self, body: Body, slots: list[Slot]) -> Any:
        labels: dict[str, Any] = {}
        inputs = {ref: index for index, ref in enumerate(body.inputs)}
        for index, item in enumerate(body.items):
            if isinstance(item, Body):
                for position, ref in enumerate(item.outputs):
                    labels[str(ref)] = ("call", index, position)
            else:
                labels["%" + item.name] = ("item", index)

        def label(ref: Ref) -> Any:
            if ref in inputs:
                return ("in", inputs[ref])
            node = self.nodes[ref.node]
            if ref.node in self.inline:
                return ("tensor", self.inline[ref.node])
            if node.is_state and is_held(node, body.path):
                return ("own", node.target[len(body.path) :] if node.kind != "constant" else node.name)
            for length in range(len(ref.path), -1, -1):
                text = str(Ref(ref.node, ref.path[:length]))
                if text in labels:
                    return (labels[text], ref.path[length:])
                if Ref(ref.node, ref.path[:length]) in inputs:
                    return ("in", inputs[Ref(ref.node, ref.path[:length])], ref.path[length:])
            raise DraftError(f"{ref} is not known in {body.scope or 'the model'}")

        body.outputs.sort(key=lambda ref: (self.order[ref.node], list(map(str, ref.path))))
        items = []
        for item in body.items:
            head = len(body.path) + 1 if body.path else 0
            if isinstance(item, Body):
                part = self.parts[item.path]
                name = part.made_by.name if part.made_by else str(part.key)
                items.append((module_path(item.scope)[head:], name, tuple(label(ref) for ref in item.inputs)))
                continue
            path = self.plan.path(item)
            what = path[head:] if path is not None else item.target
            key = self._pattern(item, label, slots)
            items.append((what, key, tuple(sorted(item.state.items()))))
        return (tuple(items), tuple(label(ref) for ref in body.outputs), len(body.inputs))

    def _pattern(self, node: Node, label: Any, slots: list[Slot]) -> Any:
        names = self.argument_names(node)

        def visit(arg: Any, hint: str) -> Any:
            if isinstance(arg, Ref):
                return label(arg)
            if is_slot(arg):
                slots.append(Slot(hint, arg, ""))
                return "literal"
            if isinstance(arg, tuple):
                return (type(arg).__name__, *(visit(item, hint) for item in arg))
            if isinstance(arg, Mapping):
                return ("map", *((key, visit(item, str(key))) for key, item in arg.items()))
            if isinstance(arg, slice):
                return ("slice", *(visit(item, hint) for item in (arg.start, arg.stop, arg.step)))
            return str(arg) if isinstance(arg, Symbol) else (type(arg).__name__, arg)

        args = tuple(
            "training" if self.is_training(name, arg) else visit(arg, name)
            for name, arg in zip_longest(names[: len(node.args)], node.args, fillvalue="value")
        )
        kwargs = []
        for key, arg in node.kwargs.items():
            kwargs.append((key, "training" if self.is_training(key, arg) else visit(arg, key)))
        return (args, tuple(kwargs))

    def is_training(self, key: str, arg: Any) -> bool:
        """Whether an argument says that the model is in training, or that it is not, as it was."""
        return key in ("training", "train") and arg is self.sources.training

    def argument_names(self, node: Node) -> list[str]:
        """Names for the arguments by place of a function, as far as they are known."""
        try:
            found = signature(self.sources.find(node.target)) if self.plan.path(node) is None else None
        except DraftError:
            found = None
        return list(found.parameters) if found is not None else []

    # -- classes -----------------------------------------------------------------------------------------------------

    def _define(self, members: list[Part], name: str) -> None:
        pattern = members[0]
        made = Class(name or f"#{len(self.classes)}", pattern, members)
        made.is_open = any(member.key != pattern.key for member in members)
        taken = {*pattern.children, *(state.target.rpartition(".")[2] for state in pattern.states), "self", "training"}
        known: list[tuple[list[Any], str]] = []
        for index, slot in enumerate(pattern.slots):
            values = [member.slots[index].value for member in members]
            if all(_same(value, values[0]) for value in values):
                made.texts.append(None)
                continue
            text = next((word for vector, word in known if _all_same(vector, values)), None)
            if text is None:
                text = _derived(values, slot.hint, made.parameters, members)
            if text is None:
                text = _unique(slot, taken)
                taken.add(text)
                parameter = Parameter(text, {m.path: v for m, v in zip(members, values, strict=True)})
                made.parameters.append(parameter)
            known.append((values, text))
            if index >= pattern.n_constructor_slots:
                for parameter in made.parameters:
                    if re.search(rf"\b{parameter.name}\b", text) and parameter.name not in made.stored:
                        made.stored.append(parameter.name)
            made.texts.append(text)
        for parameter in made.parameters:
            _set_default(parameter)
        made.parameters.sort(key=lambda parameter: parameter.has_default)
        for member in members:
            member.made_by = made
        self.classes.append(made)

    def _name(self, root_name: str) -> None:
        """Names the classes after those of the model: the most frequent variant has the plain name."""
        groups: dict[str, list[Class]] = {}
        for made in self.classes:
            if made.pattern.path:
                groups.setdefault(_class_word(made.pattern), []).append(made)
        taken = {root_name, "OrderedDict", *TAKEN, *imported_words(self.plan)}
        for word, variants in groups.items():
            plain = max(variants, key=lambda made: len(made.members))
            for made in [plain, *(v for v in variants if v is not plain)]:
                made.name = _free(word if made is plain else _variant(word, made, plain), taken)
                taken.add(made.name)


def exported(part: Part) -> list[Slot]:
    """The literals that who makes a part must give: those of its class's parameters, or all."""
    made = part.made_by
    if made is not None:
        return [Slot(parameter.name, parameter.values[part.path]) for parameter in made.parameters]
    return part.slots[: part.n_constructor_slots]


def is_slot(arg: Any) -> bool:
    """Whether an argument is a literal that may become a parameter: a number, a truth value, or a tuple of them."""
    if isinstance(arg, bool | int | float):
        return True
    return isinstance(arg, tuple) and bool(arg) and all(is_slot(item) for item in arg)


def marked(node: Node, texts: Iterator[str | None], classifier: Classifier) -> Node:
    """The node with each literal that is a parameter replaced by its expression, in the order of `_pattern`."""

    def visit(arg: Any) -> Any:
        if isinstance(arg, Ref):
            return arg
        if is_slot(arg):
            text = next(texts)
            return arg if text is None else Code(text)
        if isinstance(arg, ListArg):
            return ListArg(visit(item) for item in arg)
        if isinstance(arg, tuple):
            return tuple(visit(item) for item in arg)
        if isinstance(arg, Mapping):
            return freeze((key, visit(item)) for key, item in arg.items())
        if isinstance(arg, slice):
            return slice(*(visit(item) for item in (arg.start, arg.stop, arg.step)))
        return arg

    names = classifier.argument_names(node)[: len(node.args)]
    training = Code("self.training")
    args = tuple(
        training if classifier.is_training(name, arg) else visit(arg)
        for name, arg in zip_longest(names, node.args, fillvalue="value")
    )
    kwargs = {}
    for key, arg in node.kwargs.items():
        kwargs[key] = training if classifier.is_training(key, arg) else visit(arg)
    return replace(node, args=args, kwargs=freeze(kwargs.items()))


def _same(a: Any, b: Any) -> bool:
    return type(a) is type(b) and a == b and (not isinstance(a, tuple) or repr(a) == repr(b))


def _all_same(a: list[Any], b: list[Any]) -> bool:
    return all(_same(x, y) for x, y in zip(a, b, strict=True))


def _derived(values: list[Any], hint: str, parameters: list[Parameter], members: list[Part]) -> str | None:
    """The values as a multiple of a parameter, or as an even part of one: `4 * dim`. Only for sizes."""
    if not all(type(value) is int and value > 3 for value in values) or not any(word in hint for word in _SIZES):
        return None
    for parameter in parameters:
        base = [parameter.values[member.path] for member in members]
        if not all(type(value) is int and value > 3 for value in base):
            continue
        ratio = values[0] // base[0]
        if 2 <= ratio <= 8 and all(value == ratio * b for value, b in zip(values, base, strict=True)):
            return f"{ratio} * {parameter.name}"
        ratio = base[0] // values[0]
        if 2 <= ratio <= 8 and all(ratio * value == b for value, b in zip(values, base, strict=True)):
            return f"{parameter.name} // {ratio}"
    return None


def _unique(slot: Slot, taken: set[str]) -> str:
    if slot.hint not in taken and slot.hint.isidentifier():
        return slot.hint
    child = re.sub(r"\W", "_", slot.child)
    name = f"{child}_{slot.hint}" if child and not child[0].isdigit() else f"{slot.hint}_2"
    count = 2
    stem = name if child and not child[0].isdigit() else slot.hint
    while name in taken:
        name = f"{stem}_{count}"
        count += 1
    return name


def _set_default(parameter: Parameter) -> None:
    """A default for what is a switch or a step, not a size: the value that most have."""
    values = list(parameter.values.values())
    if any(word in parameter.name for word in _SIZES):
        return
    common = max(values, key=lambda value: sum(_same(value, other) for other in values))
    if 2 * sum(_same(common, value) for value in values) > len(values):
        parameter.default, parameter.has_default = common, True


def _class_word(part: Part) -> str:
    word = part.type.rsplit(".", 1)[-1] if part.type else ""
    if not word or word in ("Module", "Sequential", "ModuleList", "ModuleDict"):
        word = "".join(w[:1].upper() + w[1:] for w in re.split(r"[_\W]+", part.name) if not w.isdigit())
        if not word:
            owner = part.path.rpartition(".")[0].rpartition(".")[2]
            word = "".join(w[:1].upper() + w[1:] for w in re.split(r"[_\W]+", owner)).rstrip("s") or "Block"
    word = re.sub(r"\W", "", word).lstrip("_") or "Block"
    return word[0].upper() + word[1:]


def _variant(word: str, made: Class, plain: Class) -> str:
    more = [name for name in made.pattern.children if name not in plain.pattern.children and name.isidentifier()]
    less = [name for name in plain.pattern.children if name not in made.pattern.children and name.isidentifier()]
    if len(more) == 1 and not less:
        return f"{word}With{''.join(w.title() for w in more[0].split('_'))}"
    if len(less) == 1 and not more:
        return f"{word}Without{''.join(w.title() for w in less[0].split('_'))}"
    return word


def _free(word: str, taken: set[str]) -> str:
    name, count = word, 2
    while name in taken:
        name, count = f"{word}{count}", count + 1
    return name
