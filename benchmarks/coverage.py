"""Which models graphtools captures, bit for bit: torchvision, transformers, timm, and the hand-written hard cases.

    python -m benchmarks.coverage [torchvision] [transformers] [timm] [hard] [--only NAME] [--fast] [--step]

Each case runs plainly and recorded, in eval and in train mode, from equal models and seeds. Compared bit for bit: the
result, all parameter gradients, buffers and parameters, random state, hooks; then the recorded graph runs again, twice,
and must give the recorded result; then it goes through JSON. Beside it: what torch.fx alone can trace. Failures are
listed by name and reason. `--fast` leaves out train mode. `--step` checks a whole training step instead: all values,
all gradients of intermediates and parameters, updates, and the state left behind.
"""

from __future__ import annotations

import argparse
import gc
import sys
import time
import warnings

import torch
import torch.fx

from tests.oracle import check
from tests.step_oracle import check_step, has_step
from tests.zoo import hard_cases, timm_models, torchvision_models, transformers_models
from tests.zoo.case import Case

ZOOS = {
    "torchvision": torchvision_models,
    "transformers": transformers_models,
    "timm": timm_models,
    "hard": hard_cases,
}


def main() -> int:
    """Prints the table and the failures; returns 1 if there is one."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("zoos", nargs="*", help=f"of {', '.join(ZOOS)} (default: all)")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="only this case")
    parser.add_argument("--fast", action="store_true", help="eval mode only")
    parser.add_argument("--step", action="store_true", help="a whole training step")
    arguments = parser.parse_args()
    unknown = set(arguments.zoos) - set(ZOOS)
    if unknown:
        parser.error(f"no zoo {', '.join(sorted(unknown))}; there are {', '.join(ZOOS)}")
    warnings.simplefilter("ignore")
    rows, failures = [], []
    for zoo in arguments.zoos or ZOOS:
        cases = [case for case in ZOOS[zoo].cases() if not arguments.only or case.name in arguments.only]
        started = time.perf_counter()
        row = {"models": len(cases), "eval": 0, "train": 0, "no train": 0, "fx": 0, "operations": 0}
        for case in cases:
            if arguments.step:
                problems, count = problems_of_step(case)
                row["operations"] += count
                row["no train"] += not count
                row["train"] += count > 0 and not problems
                failures += [f"{zoo} {case.name} (step): {problem}" for problem in problems]
                for problem in problems[:3]:
                    print(f"\r{zoo} {case.name} (step): {problem}", file=sys.stderr, flush=True)
                gc.collect()
                print(f"\r{zoo}: {case.name:60.60}", end="", file=sys.stderr, flush=True)
                continue
            row["fx"] += traced_by_fx(case)
            for mode in ("eval",) if arguments.fast else ("eval", "train"):
                if mode == "train" and "no-train" in case.traits:
                    row["no train"] += 1
                    continue
                problems, count = problems_of(case, mode == "train")
                row["operations"] += count
                row[mode] += not problems
                failures += [f"{zoo} {case.name} ({mode}): {problem}" for problem in problems]
                for problem in problems:
                    print(f"\r{zoo} {case.name} ({mode}): {problem}", file=sys.stderr, flush=True)
            gc.collect()
            print(f"\r{zoo}: {case.name:60.60}", end="", file=sys.stderr, flush=True)
        rows.append((zoo, row, time.perf_counter() - started))
    print(file=sys.stderr)
    print_table(rows)
    print(f"\n{len(failures)} failures" + (":" if failures else ""))
    print(*failures, sep="\n")
    return 1 if failures else 0


def problems_of(case: Case, train: bool) -> tuple[list[str], int]:
    """The problems found with a case in one mode, and how many operations its graph has."""
    try:
        report = check(case, train)
    except Exception as error:
        return [f"{type(error).__name__}: {str(error)[:200]}"], 0
    return report.problems, report.n_operations


def problems_of_step(case: Case) -> tuple[list[str], int]:
    """The problems found with a training step of a case, and how many events it has; 0 if there is nothing to train."""
    try:
        if not has_step(case):
            return [], 0
        report = check_step(case)
    except Exception as error:
        return [f"{type(error).__name__}: {str(error)[:200]}"], 1
    return report.problems, report.n_operations


def traced_by_fx(case: Case) -> bool:
    """True if torch.fx.symbolic_trace gives a graph."""
    try:
        with case.silenced():
            model = case.build(False)[0]
            torch.fx.symbolic_trace(model)
    except Exception:
        return False
    return True


def print_table(rows: list[tuple[str, dict[str, int], float]]) -> None:
    """One line a zoo."""
    print(f"torch {torch.__version__}")
    print(
        f"{'zoo':14}{'models':>8}{'eval exact':>12}{'train exact':>13}{'fx alone':>10}{'operations':>12}{'seconds':>9}"
    )
    for zoo, row, seconds in rows:
        trainable = row["models"] - row["no train"]
        print(
            f"{zoo:14}{row['models']:8}{row['eval']:>8}/{row['models']:<3}{row['train']:>9}/{trainable:<3}"
            f"{row['fx']:10}{row['operations']:12}{seconds:9.0f}"
        )


if __name__ == "__main__":
    sys.exit(main())
