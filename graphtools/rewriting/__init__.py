"""Rewrites of a draft that leave what it computes: operations taken apart, and graphs made simpler, with a proof."""

from __future__ import annotations

from graphtools.rewriting.decomposing import decompose, has_parts
from graphtools.rewriting.proof import Proof, prove
from graphtools.rewriting.simplifying import Simplified, simplify

__all__ = ["Proof", "Simplified", "decompose", "has_parts", "prove", "simplify"]
