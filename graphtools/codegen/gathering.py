"""Modules that take all values gathered so far, as the layers of a DenseNet: `forward(self, *inputs)`, in a loop."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from graphtools.codegen.bodies import Body
from graphtools.codegen.expressions import Text
from graphtools.codegen.parts import Part
from graphtools.graph import Ref

if TYPE_CHECKING:
    from graphtools.codegen.classes import Classifier
    from graphtools.codegen.forward import Forward

_LEAST = 3  # of modules with another number of inputs each: of fewer, names for the inputs say more


def key_of_any_number(body: Any) -> Any:
    """The key of a body, as `Classifier` makes it, without how many inputs it takes; None where it does more with
    them than to put all of them, in their order, into one list for a function of torch, which takes a tuple as well."""
    items, outputs, count = body
    inputs = tuple(("in", index) for index in range(count))
    n_lists, is_spoiled = 0, False

    def visit(key: Any, called: str = "") -> Any:
        nonlocal n_lists, is_spoiled
        if not isinstance(key, tuple):
            return key
        if key[:1] in (("ListArg",), ("tuple",)) and key[1:] == inputs and called.startswith("torch."):
            n_lists += 1
            return ("all inputs",)
        is_spoiled |= key[:1] == ("in",)
        return tuple(visit(item, called) for item in key)

    found = (tuple(visit(item, item[0]) for item in items), visit(outputs))
    return None if is_spoiled or n_lists != 1 or not count else found


def joined(groups: Iterable[list[Part]]) -> list[list[Part]]:
    """The groups of parts that are alike; those that are so but for how many inputs they take are one."""
    found: list[list[Part]] = []
    of_any: dict[Any, list[list[Part]]] = {}
    for members in groups:
        found.append(members)
        if members[0].key_of_any_number is not None:
            of_any.setdefault(members[0].key_of_any_number, []).append(members)
    for several in of_any.values():
        if len(several) >= _LEAST:
            first, *others = several
            for members in others:
                first += members
                found.remove(members)
    return found


class Gathering:
    """The part of a method's writer for values that are gathered in one list."""

    f: Forward
    part: Part
    items: list[Any]
    names: dict[Ref, Text]
    gathered: dict[tuple[Ref, ...], str]  # lists that have a name
    _free: Callable[[str], str]
    _look_up: Callable[[Ref], Text]

    def _gathering_at(self, index: int) -> int:
        """How many items from `index` on are calls that take all that the ones before gave, of all modules inside."""
        first = self.items[index]
        if not self._is_open(first):
            return 0
        values, count = list(first.inputs), 0
        for item in self.items[index:]:
            if not self._is_open(item) or item.inputs != values or len(item.outputs) != 1:
                break
            values.append(item.outputs[0])
            count += 1
        called = [item.path for item in self.items[index : index + count]]
        is_all = self.part.kind == "class" and called == [child.path for child in self.part.children.values()]
        return count if is_all and count >= _LEAST else 0

    def _is_open(self, item: Any) -> bool:
        classifier: Classifier = self.f.classifier
        made = classifier.parts[item.path].made_by if isinstance(item, Body) else None
        return made is not None and made.is_open

    def _gather(self, index: int, count: int) -> list[str]:
        first = self.items[index]
        name, layer = self._free("features"), self._free("layer")
        given = ", ".join(self._look_up(ref).code for ref in first.inputs)
        values = [*first.inputs, *(item.outputs[0] for item in self.items[index : index + count])]
        self.gathered[tuple(values)] = name
        for position, ref in enumerate(values[len(first.inputs) :], len(first.inputs)):
            self.names[ref] = Text(f"{name}[{position}]")
        return [
            f"        {name} = [{given}]",
            f"        for {layer} in self.children():",
            f"            {name}.append({layer}(*{name}))",
        ]
