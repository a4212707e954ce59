"""What recording costs: CPU time of a recorded forward pass against plain eager and against the peers, in one process.

    python -m benchmarks.cost [--repeat 7] [--peers] [MODEL ...]

All variants of one model run interleaved; the figure is the median over the rounds of CPU time (user + system of the
process), as a ratio to plain eager of the same round. The spread (lowest and highest ratio) is printed beside it. Two
plain columns show the noise. graphtools lets glibc keep freed memory, from which all variants profit alike;
`--return-memory` measures with glibc's own setting. Every recorded variant keeps every value. Peers (TorchLens,
torchview, nnsight) take part where they are installed.
With `--train`, whole training steps: forward, backward and an SGD step with momentum.
"""

from __future__ import annotations

import argparse
import gc
import itertools
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


def gpt2_like(batch: int) -> tuple[nn.Module, Any]:
    """A GPT-2-small-like decoder: 12 layers, 768 wide, 12 heads, 50257 words; 64 tokens an example."""
    from transformers import GPT2Config, GPT2LMHeadModel

    return GPT2LMHeadModel(GPT2Config(use_cache=False)), torch.randint(0, 50257, (batch, 64))


def torchvision_model(name: str) -> Callable[[int], tuple[nn.Module, Any]]:
    """A builder of a torchvision model with a batch of images 3×224×224."""

    def build(batch: int) -> tuple[nn.Module, Any]:
        from torchvision import models

        return models.get_model(name, weights=None), torch.randn(batch, 3, 224, 224)

    return build


MODELS: dict[str, Callable[[int], tuple[nn.Module, Any]]] = {
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


FORWARD: dict[str, Variant] = {"plain": plain, "plain again": plain, "graphtools": recorded}
PEERS: dict[str, Variant] = {"TorchLens": torchlens, "torchview": torchview, "nnsight": nnsight}


def loss_of(result: Any, _: Any = None) -> torch.Tensor:
    """A number to differentiate, of what a model returned."""
    return getattr(result, "logits", result).float().square().mean()


def plain_step(model: nn.Module, x: Any, optimizer: torch.optim.Optimizer) -> Any:
    """A plain training step."""
    optimizer.zero_grad()
    loss = loss_of(model(x))
    loss.backward()
    optimizer.step()
    return loss


def recorded_step(model: nn.Module, x: Any, optimizer: torch.optim.Optimizer) -> Any:
    """A recorded step: every value, gradient and update kept."""
    with gt.record(model) as recording:
        plain_step(model, x, optimizer)
    return recording


def editable_step(model: nn.Module, x: Any, optimizer: torch.optim.Optimizer) -> Any:
    """The same by graphtools.training_step, which can be edited afterwards."""
    return gt.training_step(model, (x, None), loss_of, optimizer)


def torchlens_step(model: nn.Module, x: Any, optimizer: torch.optim.Optimizer) -> Any:
    """TorchLens with the gradients of every activation, and the optimizer's step."""
    import torchlens

    optimizer.zero_grad()
    log = torchlens.trace(model, x, capture=torchlens.options.CaptureOptions(save_grads=True))
    loss_of(log[log.output_layers[0]].out).backward()
    optimizer.step()
    return log


STEPS: dict[str, Any] = {
    "plain": plain_step,
    "plain again": plain_step,
    "graphtools": recorded_step,
    "training_step": editable_step,
}
STEP_PEERS: dict[str, Any] = {"TorchLens": torchlens_step}


def cpu_seconds(variant: Any, *arguments: Any) -> float:
    """CPU time of one pass of the variant, what it returns being released outside of the time."""
    gc.collect()
    started = time.process_time()
    result = variant(*arguments)
    spent = time.process_time() - started
    del result
    return spent


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


def measure(name: str, variants: dict[str, Any], repeat: int, train: bool, limit_s: float, batch: int) -> None:
    """Prints one row a variant."""
    torch.manual_seed(0)
    model, x = MODELS[name](batch)
    model.train(train)
    optimizer = [torch.optim.SGD(model.parameters(), lr=1e-5, momentum=0.9)] if train else []
    failed: dict[str, str] = {}
    times: dict[str, list[float]] = {variant: [] for variant in variants}
    with torch.set_grad_enabled(train):
        for turn in range(repeat + 1):
            for variant, run in variants.items():
                if variant in failed:
                    continue
                try:
                    with time_limit(limit_s if variant in PEERS else None):
                        spent = cpu_seconds(run, model, x, *optimizer)
                except Exception as error:
                    failed[variant] = f"{type(error).__name__}: {' '.join(str(error).split())[:70]}"
                    continue
                if turn:  # the first round warms up
                    times[variant].append(spent)
    base = statistics.median(times["plain"])
    for variant, measured in times.items():
        if variant in failed:
            print(f"{name:12}{variant:14}failed: {failed[variant]}")
            continue
        ratios = [one / reference for one, reference in zip(measured, times["plain"], strict=True)]
        median = statistics.median(measured)
        print(
            f"{name:12}{variant:14}{median * 1e3:9.1f} ms{median / base:8.2f} x"
            f"   {min(ratios):.2f} to {max(ratios):.2f}",
            flush=True,
        )


def main() -> int:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("models", nargs="*", help=f"of {', '.join(MODELS)} (default: all)")
    parser.add_argument("--repeat", type=int, default=7)
    parser.add_argument("--batch", type=int, default=8, help="examples in a batch (8)")
    parser.add_argument("--peers", action="store_true", help="TorchLens, torchview and nnsight too")
    parser.add_argument("--train", action="store_true", help="whole training steps, SGD with momentum")
    parser.add_argument("--return-memory", action="store_true", help="glibc gives freed memory back, as by default")
    parser.add_argument("--limit", type=float, default=60.0, metavar="SECONDS", help="for one pass of a peer")
    arguments = parser.parse_args()
    if arguments.return_memory:
        os.environ["MALLOC_TRIM_THRESHOLD_"] = "131072"  # read by graphtools, which then leaves glibc alone
    elif not keep_freed_memory():
        print("freed memory is not kept: this is not glibc, or the environment says otherwise")
    warnings.simplefilter("ignore")
    plain_variant = {"plain": plain_step if arguments.train else plain}
    groups: list[dict[str, Any]] = [STEPS if arguments.train else FORWARD]
    if arguments.peers:
        peers = STEP_PEERS if arguments.train else PEERS
        # TorchLens wraps torch's functions for good, and torchview never ends after that: TorchLens comes last.
        first = {name: peer for name, peer in peers.items() if name != "TorchLens"}
        groups = [groups[0] | first, plain_variant | {"TorchLens": peers["TorchLens"]}]
    threads = torch.get_num_threads()
    print(f"torch {torch.__version__}, {threads} threads, median of {arguments.repeat}, batch of {arguments.batch}")
    print(f"{'model':12}{'variant':14}{'CPU time':>12}{'ratio':>10}   lowest to highest")
    for variants, name in itertools.product(groups, arguments.models or MODELS):
        measure(name, variants, arguments.repeat, arguments.train, arguments.limit, arguments.batch)
    return 0


if __name__ == "__main__":
    sys.exit(main())
