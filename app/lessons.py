"""The bundled examples: their order, titles and lessons. Imports no streamlit."""

from __future__ import annotations

import ast
from functools import lru_cache
from pathlib import Path

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
def titles() -> dict[str, str]:
    """The bundled examples in the order that teaches: name to the first line of the docstring."""
    names = {path.stem for path in EXAMPLES.glob("*.py")}
    ordered = [name for name in _ORDER if name in names] + sorted(names - set(_ORDER))
    return {name: text(name)[0] for name in ordered}


@lru_cache
def text(name: str) -> tuple[str, str]:
    """Title and lesson of an example's docstring."""
    said = ast.get_docstring(ast.parse((EXAMPLES / f"{name}.py").read_text(encoding="utf-8"))) or name
    title, _, lesson = said.partition("\n\n")
    return title, lesson


def example_choice(name: str, mode: Mode = "step") -> Choice:
    """The choice of a bundled example."""
    return Choice("example", str(EXAMPLES / f"{name}.py"), name, mode=mode)


def first_choice() -> Choice:
    """What the app opens by itself: a bundled example."""
    return example_choice(FIRST)
