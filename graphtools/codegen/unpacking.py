"""Results of several parts that are taken apart into names: `q, k, v = x.chunk(3)`, `B, T, C = x.shape`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from graphtools.codegen.bodies import Body
from graphtools.codegen.expressions import Text
from graphtools.codegen.lines import statement
from graphtools.codegen.naming import unpacked_names
from graphtools.graph import Node, Ref

if TYPE_CHECKING:
    from graphtools.codegen.forward import Forward


class Unpacking:
    """The part of a method's writer that takes results apart."""

    f: Forward
    items: list[Node | Body]
    names: dict[Ref, Text]
    uses: dict[str, list[tuple[int, Ref]]]
    sizes: dict[str, list[str]]
    telling: set[str]
    _look_up: Callable[[Ref], Text]
    _free_among: Callable[[str, list[str]], str]

    def _find_sizes(self) -> None:
        """Finds each `x.shape` of which a line of the source took several sizes apart, as many as there are."""
        for item in self.items:
            if isinstance(item, Body) or item.target != "torch.Tensor.shape" or item.source is None:
                continue
            words = unpacked_names(item.source.file, item.source.line)
            source = item.args[0] if item.args else None
            if not isinstance(source, Ref):
                continue
            given = self.f.outputs.get(source.node, ())
            rank = next((len(output.spec.shape) for output in given if output.path == source.path), 0)
            parts = [""] * rank
            users = [self.items[at] if at < len(self.items) else None for at, _ in self.uses.get(item.name, ())]
            for user in users:
                index = user.args[1] if isinstance(user, Node) and len(user.args) == 2 else None
                if not isinstance(user, Node) or user.target != "operator.getitem" or type(index) is not int:
                    break
                if not 0 <= index < rank or parts[index] or user.args[0] != Ref(item.name):
                    break
                parts[index] = user.name if self.uses.get(user.name) else ""
            else:
                if len(words) == rank and sum(map(bool, parts)) > 1:
                    self.sizes[item.name] = parts

    def _sizes_line(self, item: Node) -> list[str]:
        assert item.source is not None
        words = unpacked_names(item.source.file, item.source.line)
        names: list[str] = []
        for part, word in zip(self.sizes[item.name], words, strict=True):
            names.append(self._free_among(word, names) if part else "_")
            if part:
                self.names[Ref(part)] = Text(names[-1])
                self.telling.add(names[-1])
        return statement(f"{', '.join(names)} = {self._look_up(item.args[0]).code}.shape", 8)

    def _unpacked(self, item: Node | Body, ref: Ref) -> int | None:
        """How many names the result is unpacked into; None if it stays whole."""
        if isinstance(item, Body) or ref.path:
            return None
        used = [r.path for _, r in self.uses.get(item.name, ())]
        if not used or any(not path or not isinstance(path[0], int) or path[0] < 0 for path in used):
            return None
        given = self.f.outputs.get(item.name, ())
        tops = [output.path[0] for output in given if output.path and isinstance(output.path[0], int)]
        is_sure = item.operation in (
            "split",
            "chunk",
            "unbind",
            "tensor_split",
            "meshgrid",
            "LSTM",
            "GRU",
            "lstm",
            "gru",
        )
        if not tops or not is_sure or max(tops) > 7:
            return None
        return max(tops) + 1

    def _part_word(self, item: Node | Body, position: int) -> str:
        if not isinstance(item, Body) and item.operation in ("LSTM", "GRU"):
            return ("out", "hidden")[min(position, 1)]
        count = self._unpacked(item, Ref(item.name)) if not isinstance(item, Body) else 0
        if count == 3:
            return ("q", "k", "v")[position]
        return ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")[min(position, 7)]
