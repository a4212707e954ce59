"""Runs the zoo without graphtools: `python -m tests.zoo [torchvision|timm|transformers|hard ...] [--only NAME]`.

Every case is built and run twice with one seed, in eval mode without gradients and in train mode with a backward pass.
It holds if both runs are bit-identical (outputs and gradients), nothing is printed and nothing warns. The table gives
seconds of the second run; the exit status is 1 where a case does not hold.
"""

import argparse
import contextlib
import gc
import importlib
import importlib.util
import io
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from tests.zoo.case import Case, flatten, same, seed

FILES = {
    "torchvision": "torchvision_models",
    "timm": "timm_models",
    "transformers": "transformers_models",
    "hard": "hard_cases",
}


@dataclass(frozen=True)
class Run:
    """What one run returned and how long its parts took, in seconds. `gradients` is None without a backward pass."""

    output: Any
    gradients: dict[str, torch.Tensor] | None
    build_s: float
    forward_s: float
    backward_s: float


def main(argv: Sequence[str] | None = None) -> int:
    """Checks the cases asked for, prints one row each and returns the exit status: 1 if one failed, else 0."""
    parser = argparse.ArgumentParser(prog="python -m tests.zoo", description=__doc__)
    parser.add_argument("families", nargs="*", choices=[[], *FILES], help="default: all of them")
    parser.add_argument("--only", metavar="NAME", help="one case by its name")
    options = parser.parse_args(argv)
    torch.set_num_threads(1)
    torch.set_warn_always(True)  # Else a warning that torch gives once per process counts for the first case only.
    failures: list[str] = []
    n_cases, n_skipped = 0, 0
    start = time.perf_counter()
    print(f"{'case':<44} {'build':>7} {'eval':>7} {'train':>7} {'backward':>8}  note", flush=True)
    for family in options.families or FILES:
        for case in importlib.import_module(f"tests.zoo.{FILES[family]}").cases():
            if options.only and case.name != options.only:
                continue
            n_cases += 1
            if missing := [package for package in case.needs if importlib.util.find_spec(package) is None]:
                n_skipped += 1
                print(f"{case.name:<44} skipped: {', '.join(missing)} is not installed", flush=True)
                continue
            failures += _check(case)
    for failure in failures:
        print(f"FAILED {failure}")
    print(f"{n_cases} cases, {n_skipped} skipped, {len(failures)} failures in {time.perf_counter() - start:.0f} s")
    if n_cases == 0:
        print(f"no case named {options.only!r}")
    return 1 if failures or n_cases == 0 else 0


def _check(case: Case) -> list[str]:
    """The failures of one case in words; prints its row."""
    failures: list[str] = []
    notes = sorted(case.traits)
    runs: dict[bool, Run] = {}
    for train in (False, True):
        if train and "no-train" in case.traits:
            continue
        mode = "train" if train else "eval"
        printed = io.StringIO()
        try:
            with contextlib.redirect_stdout(printed), warnings.catch_warnings():
                warnings.simplefilter("error")
                with case.silenced():
                    first, runs[train] = _run(case.build, train), _run(case.build, train)
        except Exception:
            failures.append(f"{case.name} ({mode}): {traceback.format_exc(limit=-4)}")
            continue
        if difference := same(first.output, runs[train].output):
            failures.append(f"{case.name} ({mode}): two runs differ: {difference}")
        if difference := same(first.gradients, runs[train].gradients):
            failures.append(f"{case.name} ({mode}): two backward passes differ: {difference}")
        if printed.getvalue():
            failures.append(f"{case.name} ({mode}): prints {printed.getvalue()[:80]!r}")
        if train and (first.gradients is None) != ("no-gradient" in case.traits):
            failures.append(f"{case.name} (train): the trait 'no-gradient' is wrong")
        del first
    failed = Run(None, None, float("nan"), float("nan"), float("nan"))
    in_eval, in_train = runs.get(False, failed), runs.get(True, failed)
    seconds = [in_eval.build_s, in_eval.forward_s, in_train.forward_s, in_train.backward_s]
    if failures:
        notes.append("FAILED")
    if in_eval.build_s + in_eval.forward_s > 4.0 and "slow" not in case.traits:
        notes.append("(slow, and does not say so)")
    print(
        f"{case.name:<44} " + " ".join(f"{s:7.3f}" for s in seconds[:3]) + f" {seconds[3]:8.3f}  {', '.join(notes)}",
        flush=True,
    )
    runs.clear()
    gc.collect()
    return failures


def _run(build: Callable[[bool], Any], train: bool) -> Run:
    """Builds and runs once; in train mode also runs the backward pass of the sum of all that requires a gradient."""
    start = time.perf_counter()
    model, args, kwargs = build(train)
    built = time.perf_counter()
    seed(1)
    with torch.set_grad_enabled(train):
        output = model(*args, **kwargs)
    returned = time.perf_counter()
    gradients = _gradients(model, output) if train else None
    return Run(output, gradients, built - start, returned - built, time.perf_counter() - returned)


def _gradients(model: Callable[..., Any], output: Any) -> dict[str, torch.Tensor] | None:
    """Gradient of every parameter of `model` that has one, by name; None if nothing in `output` requires a gradient."""
    leaves = [leaf for _, leaf in flatten(output) if isinstance(leaf, torch.Tensor) and leaf.requires_grad]
    if not leaves:
        return None
    total = sum((leaf.abs() if leaf.is_complex() else leaf.float()).sum() for leaf in leaves)
    total.backward()
    parameters = model.named_parameters() if isinstance(model, nn.Module) else ()
    return {name: parameter.grad for name, parameter in parameters if parameter.grad is not None}


if __name__ == "__main__":
    sys.exit(main())
