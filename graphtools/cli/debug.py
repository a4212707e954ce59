"""`graphtools debug`: a prompt over a recorded run, in the process that ran it."""

from __future__ import annotations

import argparse
from typing import Any

from graphtools.cli import fail
from graphtools.cli.child import talk


def debug(arguments: argparse.Namespace) -> int:
    """Runs the command; returns its exit code."""
    answer = talk(request_of(arguments))
    if answer.message:
        fail(answer.message)
    return answer.exit_code


def request_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """What a process that records a run is asked for."""
    return {
        "target": arguments.target,
        "inputs": arguments.input,
        "train": arguments.train,
        "loss": arguments.loss,
        "optimizer": arguments.optimizer,
        "lr": arguments.lr,
        "device": arguments.device,
        "seed": arguments.seed,
        "limits": [arguments.limit_operations, None, arguments.limit_seconds],
        "limit_bytes": arguments.limit_bytes,
    }
