"""What generated code must be: the model's bits with the model's weights, formatted, and free of what ruff finds."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import types
from pathlib import Path
from typing import Any

import torch
from torch import nn

import graphtools as gt
from graphtools.structure import tensors

CONFIG = """
line-length = 88
target-version = "py311"
[lint]
select = ["E", "F", "W", "I", "B", "UP", "SIM", "C4", "PIE"]
"""


def written(code: str) -> types.ModuleType:
    module = types.ModuleType("written")
    exec(compile(code, "<code>", "exec"), module.__dict__)
    return module


def is_clean(*codes: str) -> str:
    """What ruff says of files of code, and how it would format them otherwise: nothing."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "ruff.toml")
        config.write_text(CONFIG)
        for index, code in enumerate(codes):
            Path(folder, f"model{index}.py").write_text(code)
        said = ""
        for words in (["check", "--quiet"], ["format", "--diff", "--quiet"]):
            command = [sys.executable, "-m", "ruff", *words, "--no-cache", "--config", str(config), folder]
            said += subprocess.run(command, capture_output=True, text=True).stdout
        return said


def round_trip(model: nn.Module, *args: Any, method: str = "auto", **kwargs: Any) -> str:
    """The code of a model, after its instance with the model's weights has given the model's bits."""
    model.eval()
    graph = gt.trace(model, *args, method=method, **kwargs)  # type: ignore[arg-type]
    draft = gt.Draft(graph)
    code = draft.to_code()
    made = getattr(written(code), graph.capture.model, None) or written(code).Net
    new = made()
    new.load_state_dict(draft.weights())
    new.eval()
    passed = [*args, *(value for value in kwargs.values() if isinstance(value, torch.Tensor))]
    given = list({id(value): value for value in passed}.values())  # a tensor that is passed twice is one input
    with torch.no_grad():
        torch.manual_seed(0)
        a = [t for _, t in tensors(model(*args, **kwargs))]
        torch.manual_seed(0)
        b = [t for _, t in tensors(new(*given))]
    assert len(a) == len(b) and all(torch.equal(x, y) for x, y in zip(a, b, strict=True))
    return code
