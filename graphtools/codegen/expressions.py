"""One operation as a Python expression: `x + y`, `F.relu(x)`, `x.view(2, -1)`, `x[:, 0]`."""

from __future__ import annotations

import inspect
import math
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import torch

from graphtools.codegen.lines import WIDTH
from graphtools.drafting.plan import Plan
from graphtools.errors import DraftError
from graphtools.graph import ListArg, Node, Ref, Symbol

_BINARY = {
    "add": ("+", 12), "sub": ("-", 12), "mul": ("*", 13), "truediv": ("/", 13), "floordiv": ("//", 13),
    "mod": ("%", 13), "matmul": ("@", 13), "pow": ("**", 15), "and_": ("&", 10), "or_": ("|", 8), "xor": ("^", 9),
    "lshift": ("<<", 11), "rshift": (">>", 11), "eq": ("==", 7), "ne": ("!=", 7), "lt": ("<", 7), "le": ("<=", 7),
    "gt": (">", 7), "ge": (">=", 7),
}  # fmt: skip
_METHODS = {
    "add": "add", "sub": "sub", "mul": "mul", "div": "truediv", "matmul": "matmul", "true_divide": "truediv",
    "gt": "gt", "ge": "ge", "lt": "lt", "le": "le", "eq": "eq", "ne": "ne", "__and__": "and_", "__or__": "or_",
}  # fmt: skip
_FUNCTIONS = {  # of tensors, that an operator calls just so
    "torch.add": "add", "torch.sub": "sub", "torch.mul": "mul", "torch.div": "truediv", "torch.matmul": "matmul",
    "torch.pow": "pow",
}  # fmt: skip
_INPLACE = {
    "iadd": "+=", "isub": "-=", "imul": "*=", "itruediv": "/=", "ifloordiv": "//=", "imod": "%=", "ipow": "**=",
    "iand": "&=", "ior": "|=", "ixor": "^=", "imatmul": "@=",
}  # fmt: skip
_UNARY = {"neg": "-", "invert": "~", "pos": "+"}
ATOM = 20


@dataclass(frozen=True, slots=True)
class Text:
    """An expression and how tightly it binds: ATOM for a name or a call, less for `a + b`."""

    code: str
    binds: int = ATOM

    def within(self, binds: int) -> str:
        """The code, in parentheses where what stands around binds more tightly."""
        return self.code if self.binds >= binds else f"({self.code})"


@dataclass(slots=True)
class Imports:
    """The imports that the code needs. `applied` are targets that stand for the `apply` of an autograd.Function."""

    applied: frozenset[str] = frozenset()
    names: dict[str, set[str]] = field(default_factory=dict)
    modules: set[str] = field(default_factory=set)
    words: dict[str, str] = field(default_factory=dict)

    def function(self, target: str) -> str:
        """The expression for a function by its full name; notes the import."""
        module, _, name = target.rpartition(".")
        if module == "torch.nn.functional":
            self.modules.add("torch.nn.functional as F")
            return f"F.{name}"
        if module == "torch.nn":
            return f"nn.{name}"
        if target.startswith("torch."):
            self.modules.add("torch")
            return target
        if module == "builtins":
            return name
        if module in ("operator", "math"):
            self.modules.add(module)
            return target
        module, name, inside = _importable(target)
        owner, word, count = f"{module}.{name}", name, 2
        while self.words.setdefault(word, owner) != owner:  # another module's of that name is there
            word, count = f"{name}{count}", count + 1
        self.names.setdefault(module, set()).add(name if word == name else f"{name} as {word}")
        return word + inside + (".apply" if target in self.applied else "")

    def text(self) -> str:
        """The import statements, sorted as isort does: the standard library, then the rest."""
        blocks = []
        own = sorted(name for name in self.modules if name in ("math", "operator", "collections"))
        standard = [f"import {name}" for name in own]
        if "collections" in self.names:
            standard.append(f"from collections import {', '.join(sorted(self.names['collections']))}")
        if standard:
            blocks.append("\n".join(standard))
        rest = []
        if "torch" in self.modules:
            rest.append("import torch")
        if "torch.nn.functional as F" in self.modules:
            rest.append("import torch.nn.functional as F")
        names = {**self.names, "torch": self.names.get("torch", set()) | {"nn"}}
        for module in sorted(names):
            if module != "collections":
                line = f"from {module} import {', '.join(sorted(names[module]))}"
                if len(line) > WIDTH:
                    listed = "".join(f"    {name},\n" for name in sorted(names[module]))
                    line = f"from {module} import (\n{listed})"
                rest.append(line)
        blocks.append("\n".join(rest))
        return "\n\n".join(blocks)


@dataclass(frozen=True, slots=True)
class Code:
    """An argument that is written as it stands: what the generated class was given, in the place of a literal."""

    text: str


def imported_words(plan: Plan) -> frozenset[str]:
    """What the code of a plan imports by its own name, so that nothing else may be called so."""
    calls = [node.target for node in plan.nodes.values() if node.kind == "call"]
    targets = {*calls, *(layer.target for layer in plan.layers.values())}
    known = ("torch", "operator", "builtins", "math")
    return frozenset(_importable(target)[1] for target in targets if target.partition(".")[0] not in known)


class Writer:
    """Writes arguments and calls. `look_up` gives the text of a reference, `slot` that of a literal by its place."""

    def __init__(self, imports: Imports, look_up: Callable[[Ref], Text], slot: Callable[[Any], Text | None]) -> None:
        self.imports = imports
        self.look_up = look_up
        self.slot = slot

    def arg(self, value: Any) -> Text:
        """An argument as text."""
        if isinstance(value, Ref):
            return self.look_up(value)
        slotted = self.slot(value)
        if slotted is not None:
            return slotted
        if isinstance(value, ListArg):
            return Text("[" + ", ".join(self.arg(item).code for item in value) + "]")
        if isinstance(value, tuple):
            inner = ", ".join(self.arg(item).code for item in value)
            return Text(f"({inner},)" if len(value) == 1 else f"({inner})")
        if isinstance(value, Mapping):
            return Text("{" + ", ".join(f"{quoted(key)}: {self.arg(item).code}" for key, item in value.items()) + "}")
        if isinstance(value, slice):
            parts = [value.start, value.stop, value.step]
            return Text(f"slice({', '.join(self.arg(part).code for part in parts)})")
        return literal(value, self.imports)

    def index(self, value: Any) -> str:
        """What stands between the brackets of `x[...]`."""
        if isinstance(value, tuple) and not isinstance(value, ListArg) and value:
            return ", ".join(self._item(item) for item in value) + ("," if len(value) == 1 else "")
        return self._item(value)

    def _item(self, value: Any) -> str:
        if isinstance(value, slice):
            ends = [end if end is None else self.arg(end).code for end in (value.start, value.stop, value.step)]
            return _slice(ends)
        if isinstance(value, tuple) and not isinstance(value, ListArg):
            return self.arg(value).code
        return self.arg(value).code

    def call(self, node: Node, function: str | None = None) -> Text:
        """The call of a node as an expression; `function` is the text of the module that it calls, if it is one."""
        if function is not None:
            return Text(f"{function}({self._arguments(node.args, node.kwargs)})")
        target, args, kwargs = node.target, node.args, node.kwargs
        word = target.rsplit(".", 1)[-1]
        if target.startswith("torch.Tensor.") and len(args) == 2 and not kwargs and word in _METHODS:
            return self._binary(_METHODS[word], args)
        if target.startswith("operator.") and not kwargs:
            if word in _BINARY and len(args) == 2:
                return self._binary(word, args)
            if word in _UNARY and len(args) == 1:
                return Text(f"{_UNARY[word]}{self.arg(args[0]).within(16)}", 14)
            if word == "getitem" and len(args) == 2:
                return Text(f"{self.arg(args[0]).within(ATOM)}[{self.index(args[1])}]")
            if word == "abs":
                return Text(f"abs({self._arguments(args, kwargs)})")
        if target in _FUNCTIONS and len(args) == 2 and not kwargs and isinstance(args[0], Ref) and _is_operand(args[1]):
            return self._binary(_FUNCTIONS[target], args)
        if target in ("torch.Tensor.neg", "torch.neg") and len(args) == 1 and not kwargs:
            return Text(f"-{self.arg(args[0]).within(16)}", 14)
        if target.startswith("torch.Tensor.") and args:
            first = self.arg(args[0]).within(ATOM)
            if is_property(word):
                return Text(f"{first}.{word}")
            return Text(f"{first}.{word}({self._arguments(args[1:], kwargs)})")
        if target.startswith("torch.ops.") and target.count(".") == 3:
            self.imports.modules.add("torch")
        defaults = _defaults(target)
        kwargs = {k: v for k, v in kwargs.items() if k not in defaults or not _is_same(v, defaults[k])}
        return Text(f"{self.imports.function(target)}({self._arguments(args, kwargs)})")

    def statement(self, node: Node) -> str | None:
        """The node as a statement that has no value (`x += y`, `x[0] = y`); None if it is an expression."""
        word = node.target.rsplit(".", 1)[-1]
        if node.target == "operator.setitem" and len(node.args) == 3:
            target = self.arg(node.args[0]).within(ATOM)
            return f"{target}[{self.index(node.args[1])}] = {self.arg(node.args[2]).code}"
        if node.target.startswith("operator.") and word in _INPLACE and len(node.args) == 2:
            written = self.arg(node.args[0])
            if written.code.isidentifier():
                return f"{written.code} {_INPLACE[word]} {self.arg(node.args[1]).code}"
        return None

    def _binary(self, word: str, args: tuple[Any, ...]) -> Text:
        sign, binds = _BINARY[word]
        left, right = self.arg(args[0]), self.arg(args[1])
        if binds == 7:  # comparisons chain in Python
            return Text(f"{left.within(8)} {sign} {right.within(8)}", 7)
        if word == "pow":
            base, power = left.within(16), right.within(15)
            is_simple = re.fullmatch(r"[\w.]+", base) and re.fullmatch(r"-?[\w.]+", power)
            return Text(f"{base}{sign if is_simple else f' {sign} '}{power}", 15)
        return Text(f"{left.within(binds)} {sign} {right.within(binds + 1)}", binds)

    def _arguments(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
        parts = [self.arg(arg).code for arg in args]
        parts += [f"{key}={self.arg(value).code}" for key, value in kwargs.items()]
        return ", ".join(parts)


def _is_operand(arg: Any) -> bool:
    """Whether an argument may stand behind an operator: a value, or a number."""
    return isinstance(arg, Ref) or type(arg) in (int, float) or isinstance(arg, Code)


def _slice(ends: list[str | None]) -> str:
    """`1:2`, and as formatters write it `: x.shape[1]` where an end is more than a name or a number."""
    space = "" if all(end is None or re.fullmatch(r"-?\w+", end) for end in ends) else " "
    start, stop, step = ends
    text = f"{start}{space}:" if start is not None else ":"
    text += f"{space}{stop}" if stop is not None else ""
    if step is not None:
        text += f"{space if stop is not None else ''}:{space}{step}"
    return text


# Functions written in C++ have no signature to read.
_KNOWN = {
    "torch.nn.functional.scaled_dot_product_attention": {
        "attn_mask": None, "dropout_p": 0.0, "is_causal": False, "scale": None, "enable_gqa": False,
    },
}  # fmt: skip


def _importable(target: str) -> tuple[str, str, str]:
    """A module, the name that it is imported by, and the way from there: `pkg.nets`, `Net`, `.Inner`."""
    words = target.split(".")
    known = (cut for cut in range(len(words) - 1, 0, -1) if ".".join(words[:cut]) in sys.modules)
    cut = next(known, len(words) - 1)
    return ".".join(words[:cut]), words[cut], "".join(f".{word}" for word in words[cut + 1 :])


@lru_cache(maxsize=1024)
def _defaults(target: str) -> dict[str, Any]:
    """The defaults of a function of torch.nn.functional; empty where they are not known."""
    if target in _KNOWN:
        return _KNOWN[target]
    module, _, name = target.rpartition(".")
    if module != "torch.nn.functional":
        return {}
    try:
        found = inspect.signature(getattr(torch.nn.functional, name)).parameters
    except (TypeError, ValueError, AttributeError):
        return {}
    return {key: p.default for key, p in found.items() if p.default is not p.empty}


def _is_same(a: Any, b: Any) -> bool:
    return type(a) is type(b) and bool(a == b)


def is_property(word: str) -> bool:
    """Whether an attribute of tensors is read, not called."""
    found = getattr(torch.Tensor, word, None)
    return isinstance(found, property) or inspect.isgetsetdescriptor(found) or word in ("shape", "device", "dtype")


def literal(value: Any, imports: Imports) -> Text:
    """A literal as Python writes it, that reads back as the same value. Raises DraftError for what is none."""
    if isinstance(value, bool) or value is None or value is Ellipsis:
        return Text("..." if value is Ellipsis else repr(value))
    if isinstance(value, int):
        return Text(repr(int(value)), ATOM if value >= 0 else 14)
    if isinstance(value, float):
        if math.isfinite(value):
            # Formatters write 1e38 for 1e+38.
            return Text(
                repr(float(value)).replace("e+", "e"), ATOM if value >= 0 and not math.copysign(1, value) < 0 else 14
            )
        return Text(f'float("{value}")')
    if isinstance(value, complex):
        return Text(f"complex({value.real!r}, {value.imag!r})")
    if isinstance(value, str):
        return Text(quoted(value))
    if isinstance(value, ListArg):
        return Text("[" + ", ".join(literal(item, imports).code for item in value) + "]")
    if isinstance(value, tuple):
        inner = ", ".join(literal(item, imports).code for item in value)
        return Text(f"({inner},)" if len(value) == 1 else f"({inner})")
    if isinstance(value, Mapping):
        return Text("{" + ", ".join(f"{quoted(k)}: {literal(v, imports).code}" for k, v in value.items()) + "}")
    if isinstance(value, Symbol):
        if value.kind == "device":
            return Text(quoted(value.text))
        if value.kind in ("dtype", "layout", "memory_format"):
            imports.modules.add("torch")
            return Text(value.text if value.text.startswith("torch.") else f"torch.{value.text}")
    raise DraftError(f"{value} cannot be written as code; it is known only as an object")


def quoted(text: Any) -> str:
    """A text between double quotes, as formatters write it."""
    if not isinstance(text, str):
        return repr(text)
    plain = repr(text)
    if plain.startswith("'") and '"' not in text and "\\'" not in plain:
        return f'"{plain[1:-1]}"'
    return plain
