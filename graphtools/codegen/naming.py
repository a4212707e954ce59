"""Names for values: those of the user's own lines, else words for what an operation is."""

from __future__ import annotations

import builtins
import keyword
import re
from functools import lru_cache

from graphtools.codegen.expressions import ATOM, Text, quoted
from graphtools.graph import Node, Path
from graphtools.words import source_line

WORDS = {
    "split": "parts", "chunk": "chunks", "unbind": "parts", "getitem": "part", "to": "cast", "float": "cast",
    "sum": "total", "max": "largest", "min": "smallest", "abs": "magnitude", "pow": "power", "round": "rounded",
    "scaled_dot_product_attention": "out", "arange": "positions", "shape": "shape", "input": "value",
}  # fmt: skip
COMMON = re.compile(r"^(conv|bn|norm|fc|linear|relu|act|ln|layer|block|lin|pool|proj|dense|features|body|main)_?\d*$")
# Names that say nothing of what a value is, so that they may pass on to what is made of it.
PLAIN = re.compile(r"^([a-z]\d?|out\d*|value\d*|inputs?|inp|hidden_states|hidden|output|features|result|part\d*)$")
TAKEN = {"self", "F", "nn", "torch", "math", "operator", *keyword.kwlist}


def indexed(text: Text, path: Path) -> Text:
    code = text.code if not path else text.within(ATOM)
    for key in path:
        code += f"[{quoted(key)}]"
    return Text(code, text.binds if not path else ATOM)


@lru_cache(maxsize=8192)
def unpacked_names(file: str, line: int) -> tuple[str, ...]:
    """The names on the left of `=` in a line of source that takes a shape apart: `B, T, C = x.shape`."""
    found = re.match(r"\s*\(?([A-Za-z_]\w*(?:\s*,\s*[A-Za-z_]\w*)+)\)?\s*=(?!=)", source_line(file, line))
    return tuple(re.findall(r"\w+", found[1])) if found is not None else ()


@lru_cache(maxsize=8192)
def assigned_name(file: str, line: int) -> str:
    """The name on the left of `=` in a line of source; "" if the line assigns none, or several."""
    found = re.match(r"\s*([A-Za-z_]\w*)\s*(?::[^=]+)?[-+*/@]?=(?!=)", source_line(file, line))
    return found[1] if found is not None and found[1] != "self" and not is_builtin(found[1]) else ""


def is_builtin(name: str) -> bool:
    """Whether a name is one of Python's own, as `input`, which linters want left alone."""
    return hasattr(builtins, name)


def word_of(node: Node) -> str:
    if node.kind != "call":
        return node.target.rpartition(".")[2] if node.kind != "constant" else node.name
    word = node.operation.strip("_")
    return WORDS.get(word, word if len(word) > 1 else "value")


def singular(name: str) -> str:
    if name.isdigit() or not name.isidentifier() or len(name) < 2:
        return "block"
    if name.endswith("ies"):
        return name[:-3] + "y"
    return name[:-1] if name.endswith("s") and not name.endswith("ss") else f"{name}_layer" if name else "layer"
