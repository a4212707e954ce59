"""The bundled examples: their order, titles and lessons. Imports no streamlit."""

from __future__ import annotations

import ast
from functools import lru_cache
from pathlib import Path

from translations import korean

from graphtools.backend import Choice, Mode

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
FIRST = "small_cnn"  # what the app shows before anything is chosen
# From one expression to a transformer, each with one idea more; then those that are broken on purpose.
_ORDER = (
    "scalar_expression",
    "linear_regression",
    "two_layer_net",
    "small_cnn",
    "residual_net",
    "rnn_loop",
    "small_transformer",
    "dead_relu",
    "exploding",
    "shape_mismatch",
)


@lru_cache
def names() -> list[str]:
    """The bundled examples in the order that teaches."""
    found = {path.stem for path in EXAMPLES.glob("*.py")}
    return [name for name in _ORDER if name in found] + sorted(found - set(_ORDER))


@lru_cache
def text(name: str, language: str = "en") -> tuple[str, str]:
    """Title and lesson of an example: those of its docstring, or their translation."""
    translated = korean()["examples"].get(name) if language == "ko" else None
    if translated is not None:
        return translated["title"], translated["lesson"]
    said = ast.get_docstring(ast.parse((EXAMPLES / f"{name}.py").read_text(encoding="utf-8"))) or name
    title, _, lesson = said.partition("\n\n")
    return title, lesson


def example_choice(name: str, mode: Mode = "step") -> Choice:
    """The choice of a bundled example."""
    return Choice("example", str(EXAMPLES / f"{name}.py"), name, mode=mode)


def first_choice() -> Choice:
    """What the app opens by itself: a bundled example."""
    return example_choice(FIRST)
