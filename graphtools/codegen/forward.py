"""Writes the `forward` of a class: one line an operation, values named as a person names them, loops over repeats."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from graphtools.codegen.bodies import Body, is_held
from graphtools.codegen.classes import Class, Classifier, marked
from graphtools.codegen.expressions import ATOM, Code, Imports, Text, Writer, imported_words, is_property
from graphtools.codegen.gathering import Gathering
from graphtools.codegen.lines import WIDTH, statement
from graphtools.codegen.loops import Loops
from graphtools.codegen.naming import COMMON, PLAIN, TAKEN, assigned_name, indexed, is_builtin, word_of
from graphtools.codegen.parts import module_text, state_text
from graphtools.codegen.unpacking import Unpacking
from graphtools.graph import ListArg, Node, Output, Ref, module_path, references

_INLINE = {"add", "sub", "mul", "truediv", "div", "floordiv", "matmul", "pow", "neg", "mod"}


@dataclass(slots=True)
class _Line:
    """What one item becomes: an expression and the values it gives, or a statement."""

    item: Node | Body
    outputs: list[Ref]
    loop: list[Node | Body] = field(default_factory=list)


class Forward:
    """Writes `forward` methods. `outputs` are the types of results, by node, where they are known."""

    def __init__(
        self,
        classifier: Classifier,
        imports: Imports,
        constants: dict[str, str],
        outputs: dict[str, tuple[Output, ...]],
    ) -> None:
        self.classifier = classifier
        self.plan = classifier.plan
        self.imports = imports
        self.constants = constants  # buffers of the model by node name
        self.outputs = outputs

    def lines(self, made: Class, result: Any = None) -> list[str]:
        """The lines of `forward`, at the indentation of a class; `result` is what the model gives."""
        return _Method(self, made, result).lines()


class _Method(Loops, Unpacking, Gathering):
    def __init__(self, forward: Forward, made: Class, result: Any) -> None:
        self.f = forward
        self.made = made
        self.part = made.pattern
        self.body = made.pattern.bodies[0]
        self.result = result
        self.names: dict[Ref, Text] = {}
        self.inlined: dict[Ref, Text] = {}
        self.live_until: dict[Ref, int] = {}
        self.reserved = TAKEN | imported_words(forward.plan)
        self.used: set[str] = {*self.reserved}
        self.telling: set[str] = set()  # names that say what a value is, and do not pass on to another
        self.sizes: dict[str, list[str]] = {}  # `x.shape` that is taken apart, with the node of each size or ""
        self.gathered = {tuple(self.body.inputs): self._free("inputs")} if made.is_open else {}
        self.used.update(self.gathered.values())
        self.items = self._marked_items()
        self.home = self._homes()

    # -- preparation -------------------------------------------------------------------------------------------------

    def _marked_items(self) -> list[Node | Body]:
        stored = {name: f"self.{name}" for name in self.made.stored}

        def with_self(text: str | None) -> str | None:
            if text is None:
                return None
            return re.sub(r"[A-Za-z_]\w*", lambda found: stored.get(found[0], found[0]), text)

        texts: Iterator[str | None] = map(with_self, iter(self.made.texts[self.part.n_constructor_slots :]))
        return [item if isinstance(item, Body) else marked(item, texts, self.f.classifier) for item in self.body.items]

    def _homes(self) -> dict[str, int]:
        """The index of the item that gives each node's value."""
        found = {}
        for index, item in enumerate(self.items):
            if isinstance(item, Body):
                for ref in item.outputs:
                    found[ref.node] = index
            else:
                found[item.name] = index
        return found

    def _refs(self, item: Node | Body) -> list[Ref]:
        return list(item.inputs) if isinstance(item, Body) else list(item.refs())

    def _final_refs(self) -> list[Ref]:
        return list(references((self.result,))) if not self.part.path else list(self.body.outputs)

    # -- writing -----------------------------------------------------------------------------------------------------

    def lines(self) -> list[str]:
        inputs = self._name_inputs()
        count = len(self.items)
        uses: dict[str, list[tuple[int, Ref]]] = {}
        for index, item in enumerate(self.items):
            for ref in self._refs(item):
                uses.setdefault(ref.node, []).append((index, ref))
        for ref in self._final_refs():
            uses.setdefault(ref.node, []).append((count, ref))
        self.uses = uses
        self.last = {name: max(index for index, _ in found) for name, found in uses.items()}
        self._extend_for_inlined()
        body: list[tuple[bool, str | None, list[str]]] = []
        index = 0
        while index < count:
            run = self._loop_at(index)
            if run > 1:
                body.append((True, None, self._loop(index, run)))
                index += run
                continue
            run = self._gathering_at(index)
            if run:
                body.append((True, None, self._gather(index, run)))
                index += run
                continue
            item = self.items[index]
            written = self._item(index, item)
            if written is not None:
                grad = True if isinstance(item, Body) else bool(item.state.get("grad", True))
                autocast = None if isinstance(item, Body) else item.state.get("autocast")
                body.append((grad, autocast, written))
            index += 1
        found = statement(f"def forward({', '.join(['self', *inputs])}):", 4)
        if any((grad, autocast) != (True, None) for grad, autocast, _ in body):
            self.f.imports.modules.add("torch")
        found += _in_modes(body)
        found += self._return(body)
        return found

    def _name_inputs(self) -> list[str]:
        if self.made.is_open:
            return [f"*{self.gathered[tuple(self.body.inputs)]}"]
        names = []
        for position, ref in enumerate(self.body.inputs):
            if not self.part.path:
                word = self.f.plan.nodes[ref.node].target
            elif position == 0:
                word = "x"
            else:
                node = self.f.plan.nodes[ref.node]
                word = node.target if node.kind == "input" else word_of(node)
                word = node.target.rpartition(".")[2] if node.kind in ("parameter", "buffer") else word
                if node.kind == "call" and node.source is not None:
                    word = assigned_name(node.source.file, node.source.line) or word
                word = {"out": "y", "add": "y", "x": "y"}.get(word, word)
            name = self._free(word)
            self.names[ref] = Text(name)
            self.used.add(name)
            names.append(name)
            if not PLAIN.match(name):
                self.telling.add(name)
        return names

    def _free(self, word: str) -> str:
        stem = re.sub(r"\W", "_", word) or "value"
        if stem[0].isdigit():
            stem = "_" + stem
        name, count = stem, 2
        busy = {text.code for text in self.names.values()} | self.used
        while name in busy:
            name, count = f"{stem}{count}", count + 1
        return name

    def _look_up(self, ref: Ref) -> Text:
        node = self.f.plan.nodes[ref.node]
        for length in range(len(ref.path), -1, -1):
            whole = Ref(ref.node, ref.path[:length])
            found = self.inlined.get(whole) or self.names.get(whole)
            if found is not None:
                return indexed(found, ref.path[length:])
        if ref.node in self.f.classifier.inline:
            self.f.imports.modules.add("torch")
            return Text(self.f.classifier.inline[ref.node])
        if node.kind == "constant" and ref.node in self.f.constants:
            return Text(f"self.{self.f.constants[ref.node]}")
        if node.kind in ("parameter", "buffer") and is_held(node, self.body.path):
            return Text(state_text(self.f.classifier.parts, self.body.path, node.target))
        raise KeyError(f"{ref} in {self.body.scope!r}")

    def _module(self, path: str) -> str:
        """The expression for a module inside this one: `self.layers[0].attn`."""
        return module_text(self.f.classifier.parts, self.body.path, path)

    def _slot(self, value: Any) -> Text | None:
        if isinstance(value, Code):
            return Text(value.text, ATOM if value.text.replace(".", "").isidentifier() else 13)
        is_list = isinstance(value, ListArg) or (self.made.is_open and isinstance(value, tuple))
        if self.gathered and is_list and all(isinstance(item, Ref) for item in value):
            name = self.gathered.get(tuple(value))
            return None if name is None else Text(name)
        return None

    def _writer(self) -> Writer:
        return Writer(self.f.imports, self._look_up, self._slot)

    def _expression(self, item: Node | Body) -> Text:
        if isinstance(item, Body):
            args = ", ".join(self._look_up(ref).code for ref in item.inputs)
            return Text(f"{self._module(module_path(item.scope))}({args})")
        path = self.f.plan.path(item)
        return self._writer().call(item, None if path is None else self._module(path))

    def _item(self, index: int, item: Node | Body) -> list[str] | None:
        """The lines of one item; None if its expression stands where it is used."""
        if not isinstance(item, Body) and item.name in self.sizes:
            return self._sizes_line(item)
        if not isinstance(item, Body) and any(item.name in parts for parts in self.sizes.values()):
            return None
        if not isinstance(item, Body):
            done = self._writer().statement(item) if self.f.plan.path(item) is None else None
            if done is not None:
                self.names[Ref(item.name)] = self._look_up(item.args[0])
                return statement(done, 8)
        expression = self._expression(item)
        if not isinstance(item, Body) and self._is_inlined(index, item, expression):
            self.inlined[Ref(item.name)] = expression
            return None
        outputs = self._values(item)
        if isinstance(item, Body) and len(outputs) > 1:
            names: list[str] = []
            for ref in outputs:
                names.append(self._new_name(index, item, ref, names))
            for ref, name in zip(outputs, names, strict=True):
                self.names[ref] = Text(name)
            return statement(f"{', '.join(names)} = {expression.code}", 8)
        if not outputs:
            return statement(expression.code, 8)
        ref = outputs[0]
        unpacked = self._unpacked(item, ref) if not isinstance(item, Body) else None
        if unpacked is not None:
            names = []
            for position in range(unpacked):
                part = Ref(ref.node, (position,))
                is_used = any(r.path[:1] == (position,) for _, r in self.uses.get(ref.node, ()))
                names.append(self._free_among(self._part_word(item, position), names) if is_used else "_")
                self.telling.add(names[-1])
                self.names[part] = Text(names[-1])
            return statement(f"{', '.join(names)} = {expression.code}", 8)
        if ref.path and not isinstance(item, Body):
            expression = indexed(expression, ref.path)
        name = self._new_name(index, item, ref, [])
        self.names[ref] = Text(name)
        return statement(f"{name} = {expression.code}", 8)

    def _values(self, item: Node | Body) -> list[Ref]:
        """The values to bind: what the body gives; of an operation its result, or the one part of it that is used."""
        if isinstance(item, Body):
            return item.outputs
        used = {ref.path for _, ref in self.uses.get(item.name, ())}
        if not used:
            return []
        if len(used) == 1:
            return [Ref(item.name, next(iter(used)))]
        return [Ref(item.name)]

    def _free_among(self, word: str, names: list[str]) -> str:
        name, count = self._free(word), 2
        while name in names:
            name, count = f"{word}{count}", count + 1
        return name

    def _new_name(self, index: int, item: Node | Body, ref: Ref, busy: list[str]) -> str:
        """The name in the user's own line; else that of a dying argument; else one made of what the item is."""
        written = self._written(index, item)
        if written and not ref.path:
            self._forget(index)
            if written not in busy and written not in {text.code for text in self.names.values()} | self.reserved:
                return written
        for given in self._refs(item):
            text = self.names.get(given)
            if text is None or text.code in busy or not text.code.isidentifier() or text.code in self.telling:
                continue
            holders = [other for other, known in self.names.items() if known.code == text.code]
            if all(self._dies(other, index) for other in holders):
                for other in holders:
                    del self.names[other]
                return text.code
        self._forget(index)
        word = self._item_word(item, ref)
        if not ref.path and self._feeds_loop(index, ref):
            word = "x" if self._free_among("x", busy) == "x" else "out"
        name = self._free_among(word, busy)
        if not PLAIN.match(name):
            self.telling.add(name)
        return name

    def _feeds_loop(self, index: int, ref: Ref) -> bool:
        """Whether a value is what a loop begins with, which then gives its name to what comes out of each round."""
        return (
            index + 1 < len(self.items)
            and self._loop_at(index + 1) > 1
            and self._refs(self.items[index + 1])[:1] == [ref]
        )

    def _written(self, index: int, item: Node | Body) -> str:
        """The name that the user's line gives to the value of its last operation; "" for the others."""
        if isinstance(item, Body) or item.source is None:
            return ""
        after = self.items[index + 1] if index + 1 < len(self.items) else None
        follower = after.source if isinstance(after, Node) else None
        if follower is not None and (follower.file, follower.line) == (item.source.file, item.source.line):
            return ""
        return assigned_name(item.source.file, item.source.line)

    def _forget(self, index: int) -> None:
        for other in [other for other in self.names if self._dies(other, index)]:
            del self.names[other]

    def _dies(self, ref: Ref, index: int) -> bool:
        return self.last.get(ref.node, -1) <= index

    def _item_word(self, item: Node | Body, ref: Ref) -> str:
        busy = {text.code for text in self.names.values()}
        if isinstance(item, Body):
            word = module_path(item.scope).rpartition(".")[2]
        else:
            path = self.f.plan.path(item)
            word = path.rpartition(".")[2] if path is not None else word_of(item)
        if word.isdigit() or COMMON.match(word) or not word.isidentifier() or is_builtin(word):
            return "out" if "out" not in busy else "y"
        return word

    def _is_inlined(self, index: int, item: Node, expression: Text) -> bool:
        uses = self.uses.get(item.name, [])
        if not uses or item.writes or item.random or self.f.plan.path(item) is not None or item.state:
            return False
        if any(ref.path for _, ref in uses):
            return False
        if item.name in self.free:
            return len(expression.code) <= 40
        if len(uses) != 1 or uses[0][0] != index + 1 or index + 1 >= len(self.items):
            return False
        user = self.items[index + 1]
        if isinstance(user, Body) or self.f.plan.path(user) is not None or user.writes or user.state != item.state:
            return False
        first = next(iter(user.refs()), None)
        both = item.operation in _INLINE and user.operation in _INLINE
        chain = (
            item.target.startswith("torch.Tensor.")
            and user.target.startswith("torch.Tensor.")
            and first == Ref(item.name)
            and user.args[:1] == (Ref(item.name),)
            and not is_property(user.operation)
        )
        return (both and len(expression.code) <= 50) or (chain and len(expression.code) <= WIDTH - 40)

    def _extend_for_inlined(self) -> None:
        """Finds what is read where it is used (`x.shape[0]`), and keeps what it reads alive until there."""
        self.free: set[str] = set()
        self._find_sizes()
        apart = {*self.sizes, *(name for parts in self.sizes.values() for name in parts)}
        for item in self.items:
            if isinstance(item, Node) and item.name in apart:
                continue
            if isinstance(item, Body) or item.kind != "call" or self.f.plan.path(item) is not None:
                continue
            word = item.operation
            given = list(item.refs())
            is_read = item.target.startswith("torch.Tensor.") and word in (
                "shape",
                "size",
                "device",
                "dtype",
                "dim",
                "ndim",
            )
            uses = self.uses.get(item.name, [])
            of_free = bool(given) and all(ref.node in self.free for ref in given)
            is_index = item.target == "operator.getitem" and of_free and len(uses) <= 2
            is_sum = item.target.startswith("operator.") and word in _INLINE and of_free and len(uses) == 1
            if (is_read or is_index or is_sum) and uses:
                self.free.add(item.name)
        for item in reversed(self.items):
            if not isinstance(item, Body) and item.name in self.free:
                for ref in item.refs():
                    self.last[ref.node] = max(self.last.get(ref.node, -1), self.last.get(item.name, -1))
        # What is inlined into the next line lives one line longer.
        for index, item in enumerate(self.items):
            if isinstance(item, Body) or item.name in self.free:
                continue
            uses = self.uses.get(item.name, [])
            if len(uses) == 1 and uses[0][0] == index + 1 and self.f.plan.path(item) is None:
                for ref in item.refs():
                    if self.last.get(ref.node) == index:
                        self.held_over(ref.node, index)

    def held_over(self, name: str, index: int) -> None:
        """Notes that a value may be read one item later than it is taken, because its taker may be inlined there."""
        item = self.items[index]
        assert isinstance(item, Node)
        if self._may_inline(index, item):
            self.last[name] = index + 1

    def _may_inline(self, index: int, item: Node) -> bool:
        names, inlined = dict(self.names), dict(self.inlined)
        try:
            return self._is_inlined(index, item, Text("x" * 1))
        finally:
            self.names, self.inlined = names, inlined

    def _return(self, body: list[tuple[bool, str | None, list[str]]]) -> list[str]:
        if not self.part.path:
            code = self._writer().arg(self.result).code
            if isinstance(self.result, tuple) and not isinstance(self.result, ListArg) and len(self.result) > 1:
                code = code[1:-1]
        else:
            code = ", ".join(self._look_up(ref).code for ref in self.body.outputs)
        if body and len(body[-1][2]) == 1 and body[-1][0] and body[-1][1] is None:
            line = body[-1][2][0].strip()
            name, _, value = line.partition(" = ")
            if name == code and name.isidentifier():
                return _LAST + statement(f"return {value}", 8)
        return statement(f"return {code}", 8)


_LAST = ["<drop the line before>"]


def _in_modes(body: list[tuple[bool, str | None, list[str]]]) -> list[str]:
    """The lines, those without gradients or with autocast under a `with`."""
    found: list[str] = []
    mode: tuple[bool, str | None] = (True, None)
    for grad, autocast, lines in body:
        if (grad, autocast) != mode and (grad, autocast) != (True, None):
            words = [] if grad else ["torch.no_grad()"]
            words += [] if autocast is None else [f'torch.autocast("cpu", dtype={autocast})']
            found.append(f"        with {', '.join(words)}:")
        mode = (grad, autocast)
        found += lines if mode == (True, None) else ["    " + line for line in lines]
    return found
