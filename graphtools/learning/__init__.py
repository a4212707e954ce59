"""Training: a plan as plain data, its data, the plain PyTorch loop step by step, and checkpoints."""

from __future__ import annotations

from graphtools.learning.data import Data, open_data
from graphtools.learning.plan import Plan, PlanError, read_plan
from graphtools.learning.trainer import Trainer

__all__ = ["Data", "Plan", "PlanError", "Trainer", "open_data", "read_plan"]
