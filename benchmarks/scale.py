"""How recording scales: cost per operation from 100 to 100,000 operations, and a 7B Llama without its weights.

    python -m benchmarks.scale

A loop of `x = x + 1` on one element runs plainly and recorded; what is left after plain is what the recorder costs. The
graph is built afterwards and timed by itself. Median of five. Then the start of the process, and LlamaConfig() (7B).
"""

from __future__ import annotations

import gc
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch

import graphtools as gt


def loop(count: int) -> Callable[[torch.Tensor], torch.Tensor]:
    """A function of `count` operations."""

    def run(x: torch.Tensor) -> torch.Tensor:
        for _ in range(count):
            x = x + 1
        return x

    return run


def median_s(work: Callable[[], Any], repeat: int = 5) -> float:
    """Median CPU time of `work` in seconds."""
    spent = []
    for _ in range(repeat):
        gc.collect()
        started = time.process_time()
        work()
        spent.append(time.process_time() - started)
    return statistics.median(spent)


def main() -> int:
    """Prints both tables."""
    torch.set_num_threads(1)
    x = torch.zeros(1)
    print(f"torch {torch.__version__}\n{'operations':>12}{'plain µs/op':>14}{'recorder µs/op':>17}{'graph µs/op':>14}")
    for count in (100, 1_000, 10_000, 100_000):
        function = loop(count)
        plain = median_s(partial(function, x))
        recorded = median_s(partial(gt.run, function, x))
        building = []
        for _ in range(3):
            recording = gt.run(function, x)
            started = time.process_time()
            len(recording.graph)
            building.append(time.process_time() - started)
        per = 1e6 / count
        print(
            f"{count:12,}{plain * per:14.2f}{(recorded - plain) * per:17.2f}{statistics.median(building) * per:14.2f}"
        )
    print()
    for code in ("import torch", "import torch, graphtools", "import graphtools"):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        print(f"{code:28}{time.perf_counter() - started:6.2f} s")
    llama()
    return 0


def llama() -> None:
    """Captures a 7B Llama-like model under fake tensors."""
    try:
        from transformers import LlamaConfig, LlamaForCausalLM
    except ImportError:
        print("Llama 7B: transformers is not installed")
        return
    from graphtools.capture.fakes import fake_weights

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    with fake_weights():
        model = LlamaForCausalLM(LlamaConfig())
        built = time.perf_counter()
        graph = gt.trace(model, torch.zeros(1, 128, dtype=torch.int64), fake=True)
    ended = time.perf_counter()
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(
        f"Llama 7B: {graph.n_parameters / 1e9:.2f} G parameters, {len(graph.operations)} operations; built in "
        f"{built - started:.1f} s, captured in {ended - built:.1f} s, peak memory grew by {grown:.0f} MiB"
    )


if __name__ == "__main__":
    sys.exit(main())
