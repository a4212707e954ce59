"""Whether edits ever lie, and what one costs.

    python -m benchmarks.edits [hard] [transformers] [torchvision] [--stride N] [--seconds S] [--cost]

For each model, in a forward pass without gradients and in a whole training step, every N-th operation's value and
gradient is changed, each in a branch of its own. The branch must equal, event by event and bit for bit, the real
program with the same change made by other means (a TorchFunctionMode and tensor hooks). "refused" counts the edits for
which graphtools says that it cannot promise that. `--cost` prints instead what an edit near the end of resnet50 costs.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
import warnings
from collections import Counter

import torch

import graphtools as gt
from tests.edit_oracle import Subject
from tests.zoo import hard_cases, torchvision_models, transformers_models
from tests.zoo.case import Case

ZOOS = {"hard": hard_cases, "transformers": transformers_models, "torchvision": torchvision_models}
CHANGES = {"value": lambda value: value * 0.5 + 0.1, "gradient": lambda gradient: gradient * 2 + 0.01}
# The check reads memory that was never written, or cannot see what ran as one module.
NOT_COMPARABLE = {"adaptive_softmax", "transformer", "nested_transformer_encoder"}


def main() -> int:
    """Prints the table and the differences; returns 1 if there is one."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("zoos", nargs="*", help=f"of {', '.join(ZOOS)} (default: hard)")
    parser.add_argument("--stride", type=int, default=1, metavar="N", help="every N-th operation")
    parser.add_argument("--seconds", type=float, default=60.0, metavar="S", help="at most so long for one model")
    parser.add_argument("--cost", action="store_true", help="what an edit near the end of resnet50 costs")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    if arguments.cost:
        print_cost()
        return 0
    failures: list[str] = []
    print(
        f"torch {torch.__version__}\n{'zoo':14}{'models':>8}{'edits':>8}{'refused':>9}{'different':>11}{'seconds':>9}"
    )
    for zoo in arguments.zoos or ["hard"]:
        started, counts = time.perf_counter(), Counter[str]()
        for case in ZOOS[zoo].cases():
            if case.name in NOT_COMPARABLE or "slow" in case.traits:
                continue
            found = Counter[str]()
            for train in (False, True):
                if not train or not {"no-train", "no-gradient"} & case.traits:
                    found += try_edits(case, train, arguments.stride, arguments.seconds, failures)
            counts += found + Counter(models=bool(found["edits"]))
        row = "".join(f"{counts[key]:{width}}" for key, width in (("models", 8), ("edits", 8), ("refused", 9)))
        print(f"{zoo:14}{row}{counts['different']:11}{time.perf_counter() - started:9.0f}", flush=True)
    print(*failures, sep="\n")
    return 1 if failures else 0


def try_edits(case: Case, train: bool, stride: int, seconds: float, failures: list[str]) -> Counter[str]:
    """Tries the edits of one case in one mode, and counts them."""
    counts = Counter[str]()
    with case.silenced():
        try:
            subject = Subject(case, train)
        except Exception:  # inputs of both kinds, nothing to differentiate, an optimizer that refuses lazy parameters
            return counts
        started = time.perf_counter()
        for what, change in CHANGES.items():
            if what == "gradient" and not train:
                continue
            for place in subject.places(what)[::stride]:
                if time.perf_counter() - started > seconds:
                    return counts
                try:
                    problems = subject.problems(place, what, change)
                except gt.EditError:
                    counts["refused"] += 1
                    continue
                counts["edits"] += 1
                counts["different"] += bool(problems)
                failures += [f"{case.name} ({'step' if train else 'forward'}): {problem}" for problem in problems[:1]]
    return counts


def print_cost() -> None:
    """CPU time of an edit at the last ReLU of resnet50 and at its first convolution, against plain eager."""
    from torchvision import models

    model, x = models.get_model("resnet50", weights=None).eval(), torch.randn(8, 3, 224, 224)
    with torch.no_grad():
        recording = gt.run(model, x)
        gt.edit(recording, "fc", lambda value: value)  # the first edit runs the program once more, to see it repeat
        rows = {"plain": lambda: model(x)}
        for place in ("fc", "layer4.2.relu", "layer3.0.relu", "conv1"):
            rows[f"edit {place}"] = lambda place=place: gt.edit(recording, place, lambda value: value * 0.5)
        times: dict[str, list[float]] = {name: [] for name in rows}
        for _ in range(6):
            for name, run in rows.items():
                started = time.process_time()
                run()
                times[name].append(time.process_time() - started)
    plain = statistics.median(times["plain"][1:])
    for name, spent in times.items():
        median = statistics.median(spent[1:])
        print(f"{name:22}{median * 1e3:9.1f} ms{median / plain:8.2f} x")


if __name__ == "__main__":
    sys.exit(main())
