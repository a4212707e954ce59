"""What recording costs: CPU time of a recorded forward pass against plain eager and against the peers, in one process.

    python -m benchmarks.cost [--repeat 7] [--peers] [MODEL ...]

All variants of one model run interleaved; the figure is the median over the rounds of CPU time (user + system of the
process), as a ratio to plain eager of the same round. The spread (lowest and highest ratio) is printed beside it. Two
plain columns show the noise. graphtools lets glibc keep freed memory, from which all variants profit alike;
`--return-memory` measures with glibc's own setting. Every recorded variant keeps every value. Peers (TorchLens,
torchview, nnsight) take part where they are installed.
With `--train`, forward + backward.
"""

from __future__ import annotations

import argparse
import gc
import os
import signal
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

import graphtools as gt
from graphtools.compat import keep_freed_memory

Variant = Callable[[nn.Module, Any], Any]


def gpt2_like() -> tuple[nn.Module, Any]:
    """A GPT-2-small-like decoder: 12 layers, 768 wide, 12 heads, 50257 words, 1 × 256 tokens."""
    from transformers import GPT2Config, GPT2LMHeadModel

    return GPT2LMHeadModel(GPT2Config(use_cache=False)), torch.randint(0, 50257, (1, 256))


def torchvision_model(name: str) -> Callable[[], tuple[nn.Module, Any]]:
    """A builder of a torchvision model with two images 3×224×224."""

    def build() -> tuple[nn.Module, Any]:
        from torchvision import models

        return models.get_model(name, weights=None), torch.randn(2, 3, 224, 224)

    return build


MODELS: dict[str, Callable[[], tuple[nn.Module, Any]]] = {
    "resnet18": torchvision_model("resnet18"),
    "resnet50": torchvision_model("resnet50"),
    "vit_b_16": torchvision_model("vit_b_16"),
    "gpt2-small": gpt2_like,
}


def plain(model: nn.Module, x: Any) -> Any:
    """Plain eager."""
    return model(x)


def recorded(model: nn.Module, x: Any) -> Any:
    """graphtools, every value kept."""
    return gt.run(model, x)


def torchlens(model: nn.Module, x: Any) -> Any:
    """TorchLens, every activation kept."""
    import torchlens

    log = getattr(torchlens, "log_forward_pass", None) or torchlens.trace
    return log(model, x)


def torchview(model: nn.Module, x: Any) -> Any:
    """torchview, which keeps no values."""
    from torchview import draw_graph

    return draw_graph(model, input_data=x, device="cpu", expand_nested=True)


def nnsight(model: nn.Module, x: Any) -> Any:
    """nnsight, saving the output of every leaf module."""
    from nnsight import NNsight

    traced = NNsight(model)
    kept = []
    with traced.trace(x):
        for name, module in traced.named_modules():
            if name and not list(module.children()):
                kept.append(module.output.save())
    return kept


PEERS: dict[str, Variant] = {"TorchLens": torchlens, "torchview": torchview, "nnsight": nnsight}


def cpu_seconds(variant: Variant, model: nn.Module, x: Any, train: bool) -> float:
    """CPU time of one pass of the variant, what it returns being released outside of the time."""
    gc.collect()
    started = time.process_time()
    result = variant(model, x)
    if train:
        loss_of(result).backward()
    spent = time.process_time() - started
    del result
    model.zero_grad(set_to_none=True)
    return spent


def loss_of(result: Any) -> torch.Tensor:
    """A number to differentiate, of what a variant returned."""
    if isinstance(result, tuple) and isinstance(result[-1], gt.Recording):
        result = result[0]
    result = getattr(result, "logits", result)
    return result.float().sum()


def recorded_step(model: nn.Module, x: Any) -> Any:
    """A recorded forward pass that keeps the model's result for the backward pass."""
    with gt.record(model) as recording:
        result = model(x)
    return result, recording


@contextmanager
def time_limit(seconds: float | None) -> Iterator[None]:
    """Raises TimeoutError in the block once it has run so long."""
    if seconds is None:
        yield
        return

    def stop(*_: Any) -> None:
        raise TimeoutError(f"more than {seconds:g} s for one pass")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def measure(name: str, variants: dict[str, Variant], repeat: int, train: bool, limit_s: float) -> None:
    """Prints one row a variant."""
    torch.manual_seed(0)
    model, x = MODELS[name]()
    model.train(train)
    failed: dict[str, str] = {}
    times: dict[str, list[float]] = {variant: [] for variant in variants}
    with torch.set_grad_enabled(train):
        for turn in range(repeat + 1):
            for variant, run in variants.items():
                if variant in failed:
                    continue
                try:
                    with time_limit(limit_s if variant in PEERS else None):
                        spent = cpu_seconds(run, model, x, train and variant not in PEERS)
                except Exception as error:
                    failed[variant] = f"{type(error).__name__}: {' '.join(str(error).split())[:70]}"
                    continue
                if turn:  # the first round warms up
                    times[variant].append(spent)
    base = statistics.median(times["plain"])
    for variant, spent in times.items():
        if variant in failed:
            print(f"{name:12}{variant:14}failed: {failed[variant]}")
            continue
        ratios = [one / reference for one, reference in zip(spent, times["plain"], strict=True)]
        print(
            f"{name:12}{variant:14}{statistics.median(spent) * 1e3:9.1f} ms{statistics.median(spent) / base:8.2f} x"
            f"   {min(ratios):.2f} to {max(ratios):.2f}",
            flush=True,
        )


def main() -> int:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("models", nargs="*", help=f"of {', '.join(MODELS)} (default: all)")
    parser.add_argument("--repeat", type=int, default=7)
    parser.add_argument("--peers", action="store_true", help="TorchLens, torchview and nnsight too")
    parser.add_argument("--train", action="store_true", help="forward and backward, in training mode")
    parser.add_argument("--return-memory", action="store_true", help="glibc gives freed memory back, as by default")
    parser.add_argument("--limit", type=float, default=60.0, metavar="SECONDS", help="for one pass of a peer")
    arguments = parser.parse_args()
    if arguments.return_memory:
        os.environ["MALLOC_TRIM_THRESHOLD_"] = "131072"  # read by graphtools, which then leaves glibc alone
    elif not keep_freed_memory():
        print("freed memory is not kept: this is not glibc, or the environment says otherwise")
    warnings.simplefilter("ignore")
    variants: dict[str, Variant] = {"plain": plain, "plain again": plain}
    variants["graphtools"] = recorded_step if arguments.train else recorded
    if arguments.peers:
        variants |= PEERS
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, median of {arguments.repeat}")
    print(f"{'model':12}{'variant':14}{'CPU time':>12}{'ratio':>10}   lowest to highest")
    for name in arguments.models or MODELS:
        measure(name, variants, arguments.repeat, arguments.train, arguments.limit)
    return 0


if __name__ == "__main__":
    sys.exit(main())
