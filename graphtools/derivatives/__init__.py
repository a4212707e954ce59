"""The derivative rule of each operation: formula, plain words, and what computes its factors from recorded values.

One rule serves all spellings of an operation. Sources of the formulas: torch's `derivatives.yaml` and the definitions
in the documentation of each function; tests compare each with autograd by finite differences.
"""

from __future__ import annotations

from functools import lru_cache

from graphtools.derivatives import (
    activations,
    arithmetic,
    choosing,
    drawn,
    elementwise,
    losses,
    normalization,
    pooling,
    products,
    reductions,
    shapes,
)
from graphtools.derivatives.rule import Call, Factor, Input, Rule
from graphtools.graph import Node

__all__ = ["RULES", "Call", "Factor", "Input", "Rule", "rule_for", "rule_of"]

RULES: tuple[Rule, ...] = (
    *activations.RULES,
    *elementwise.RULES,
    *arithmetic.RULES,
    *choosing.RULES,
    *products.RULES,
    *pooling.RULES,
    *normalization.RULES,
    *shapes.RULES,
    *reductions.RULES,
    *losses.RULES,
    *drawn.RULES,
)
_BY_TARGET = {target: rule for rule in RULES for target in rule.targets}
_BY_WORD = {word: rule for rule in RULES if not rule.targets for word in rule.words.split()}
_PACKAGES = ("torch.", "operator.", "builtins.", "torchvision.", "math.")


def rule_of(node: Node) -> Rule | None:
    """The rule of a node's operation; None for what is no operation, or one that no rule is known for.

    An operation whose value was edited (`graphtools.edit`) has the derivative of the edit too, and so no rule.
    """
    is_changed = "value" in node.state.get("edited", {})
    return rule_for(node.target) if node.kind == "call" and not is_changed else None


@lru_cache(maxsize=4096)
def rule_for(target: str) -> Rule | None:
    """The rule of a target. Functions of torch, torchvision and operator have one; a user's own has none, but one of
    transformers that its models use.

    A whole module (`torch.nn.ReLU`) has the rule of its function.
    """
    if target in _BY_TARGET:
        return _BY_TARGET[target]
    if not target.startswith(_PACKAGES):
        return None
    word = target.rsplit(".", 1)[-1].strip("_")
    found = _BY_WORD.get(word)
    if found is None and word[:1].isupper():
        found = _BY_FLAT.get(word.lower())
    return found


_BY_FLAT = {word.replace("_", ""): rule for word, rule in _BY_WORD.items()} | {
    f"{word.replace('_', '')[:-2]}{word[-2:]}": rule
    for word, rule in _BY_WORD.items()
    if word.endswith(("1d", "2d", "3d"))
}
for _word, _home in (
    ("batchnorm1d", "batch_norm"), ("batchnorm2d", "batch_norm"), ("batchnorm3d", "batch_norm"),
    ("instancenorm1d", "instance_norm"), ("instancenorm2d", "instance_norm"), ("instancenorm3d", "instance_norm"),
    ("crossentropyloss", "cross_entropy"), ("bceloss", "binary_cross_entropy"), ("rnn", "rnn_tanh"),
    ("bcewithlogitsloss", "binary_cross_entropy_with_logits"), ("identity", "alias"),
):  # fmt: skip
    _BY_FLAT[_word] = _BY_WORD[_home]
