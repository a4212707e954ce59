"""Calls of all members of a list of modules, one after the other, written as a loop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from graphtools.codegen.bodies import Body
from graphtools.codegen.expressions import Text, Writer
from graphtools.codegen.lines import statement
from graphtools.codegen.naming import indexed, singular
from graphtools.codegen.parts import Part
from graphtools.graph import Node, Ref, module_path

if TYPE_CHECKING:
    from graphtools.codegen.forward import Forward


class Loops:
    """The part of a method's writer that finds and writes loops."""

    f: Forward
    part: Part
    body: Body
    items: list[Node | Body]
    names: dict[Ref, Text]
    last: dict[str, int]
    used: set[str]
    telling: set[str]
    _refs: Callable[[Node | Body], list[Ref]]
    _values: Callable[[Node | Body], list[Ref]]
    _look_up: Callable[[Ref], Text]
    _free: Callable[[str], str]
    _module: Callable[[str], str]
    _writer: Callable[[], Writer]

    def _called(self, item: Node | Body) -> tuple[Part | None, str]:
        """The container in which the module that an item calls is a member, and its name there."""
        path = module_path(item.scope) if isinstance(item, Body) else self.f.plan.path(item)
        if path is None:
            return None, ""
        owner, _, word = path.rpartition(".")
        if not word.isdigit() or owner == self.body.path:
            return None, ""
        return self.f.classifier.parts.get(owner), word

    def _loop_at(self, index: int) -> int:
        """How many items from `index` on are calls of all members of one list, each taking what the one before gave."""
        holder, word = self._called(self.items[index])
        if holder is None or holder.kind not in ("list", "sequential") or word != next(iter(holder.children)):
            return 0
        count = len(holder.children)
        run = self.items[index : index + count]
        if count < 2 or len(run) < count:
            return 0
        for item, name in zip(run, holder.children, strict=True):
            found, own = self._called(item)
            if found is not holder or own != name or (not isinstance(item, Body) and item.state):
                return 0
        patterns = [self._step(item) for item in run]
        if any(pattern is None for pattern in patterns):
            return 0
        for position in range(1, count):
            before = self._values(run[position - 1])
            if len(before) != 1:
                return 0
            carried = before[0]
            if self.last.get(carried.node, -1) > index + position:
                return 0
            first, here = self._refs(run[0]), self._refs(run[position])
            if len(first) != len(here) or here[0] != carried or here[1:] != first[1:]:
                return 0
            if patterns[position] != patterns[0] or before[0].path != self._values(run[0])[0].path:
                return 0
        return count if len(self._values(run[-1])) == 1 and first[:1] else 0

    def _step(self, item: Node | Body) -> Any:
        if isinstance(item, Body):
            return ("body", len(item.inputs))
        refs = list(item.refs())
        if not refs or item.args[:1] != (refs[0],):
            return None
        blank = replace(item, name="", args=item.args[1:], scope="", source=None)
        return (str(blank.args), str(dict(blank.kwargs)))

    def _loop(self, index: int, count: int) -> list[str]:
        run = self.items[index : index + count]
        holder, _ = self._called(run[0])
        assert holder is not None
        first, last = run[0], run[-1]
        given = self._refs(first)[0]
        lines: list[str] = []
        text = self._look_up(given)
        is_free = text.code.isidentifier() and self.last.get(given.node, -1) <= index
        name = text.code if is_free and text.code not in self.telling else ""
        if not name:
            name = self._free("out" if self.part.path else "x")
            lines += statement(f"{name} = {text.code}", 8)
        word = singular(holder.name)
        word = word if word not in {text.code for text in self.names.values()} | self.used else f"{word}_module"
        self.names[given] = Text(name)
        if isinstance(first, Body):
            args = ", ".join(self._look_up(ref).code for ref in first.inputs)
            call = Text(f"{word}({args})")
        else:
            call = self._writer().call(first, word)
            call = indexed(call, self._values(first)[0].path)
        lines.append(f"        for {word} in {self._module(holder.path)}:")
        lines += statement(f"{name} = {call.code}", 12)
        for other in [ref for ref, known in self.names.items() if known.code == name]:
            del self.names[other]
        if text.code != name:  # what went into the loop is needed after it
            self.names[given] = text
        self.names[self._values(last)[0]] = Text(name)
        return lines
