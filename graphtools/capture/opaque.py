"""Which modules are recorded as one operation, because looking inside would change what they compute."""

from __future__ import annotations

import torch
from torch import nn

from graphtools import compat

_FUSED = (nn.MultiheadAttention, nn.TransformerEncoderLayer, nn.TransformerEncoder)


def may_run_fused(module: nn.Module) -> bool:
    """True for a module with a fused path, which torch takes under conditions of its own."""
    return isinstance(module, _FUSED)


def is_opaque(module: nn.Module) -> bool:
    """True for a module to be recorded as one operation, because watching it inside would change what it computes.

    An active mode turns off the fused path of attention and Transformer layers, which moves results by some 1e-7;
    TorchScript and torch.compile run where no mode sees them.
    """
    if isinstance(module, torch.jit.ScriptModule) or type(module).__name__ == "OptimizedModule":
        return True
    if not isinstance(module, _FUSED) or module.training or not compat.is_fast_path_enabled():
        return False
    return not (torch.is_grad_enabled() and any(p.requires_grad for p in module.parameters()))
