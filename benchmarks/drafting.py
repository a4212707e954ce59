"""What an edit of a large draft costs: new shapes, problems and totals, in milliseconds. And random edits, in number.

python -m benchmarks.drafting              # a draft of 500 nodes
python -m benchmarks.drafting --random 1000
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

from graphtools.drafting.draft import Draft


def residual_net(n_nodes: int) -> Draft:
    """Blocks of convolution, norm, activation and addition on an image whose batch is open, then a head."""
    draft = Draft()
    x = draft.input("x", "f32[B, 3, 64, 64]")
    x = draft.add("nn.Conv2d", x, 3, 32, 3, padding=1, name="stem")
    while len(draft) < n_nodes - 4:
        y = draft.add("nn.Conv2d", x, 32, 32, 3, padding=1)
        y = draft.add("nn.BatchNorm2d", y, 32)
        y = draft.add("nn.ReLU", y)
        x = draft.add("add", x, y)
    x = draft.add("nn.AdaptiveAvgPool2d", x, 1)
    x = draft.add("nn.Flatten", x)
    x = draft.add("nn.Linear", x, 32, 10, name="head")
    return draft.output(x)


def measure(draft: Draft, edit: Callable[[Draft], Any], n_times: int) -> list[float]:
    """Milliseconds from an edit to its shapes, problems and totals; each is undone, which is not counted."""
    found = []
    for _ in range(n_times):
        started = time.perf_counter()
        edit(draft)
        draft.problems()
        draft.totals()
        found.append(1000 * (time.perf_counter() - started))
        draft.undo()
        draft.problems()
    return found


def main() -> None:
    """Prints one row an edit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=500)
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--random", type=int, default=0, metavar="N", help="run N random sequences of 15 edits instead")
    arguments = parser.parse_args()
    if arguments.random:
        from tests.drafting.random_edits import walk

        started = time.perf_counter()
        found = [walk(seed, 15) for seed in range(arguments.random)]
        n_ran, n_listed = sum(ran for ran, _ in found), sum(listed for _, listed in found)
        seconds = time.perf_counter() - started
        print(f"{arguments.random} sequences: {n_ran} states ran, {n_listed} listed their problems, {seconds:.0f} s")
        return
    draft = residual_net(arguments.nodes)
    started = time.perf_counter()
    draft.problems()
    draft.totals()
    print(f"{len(draft)} nodes; shapes at first: {1000 * (time.perf_counter() - started):.0f} ms")
    relu = [name for name in draft.plan.nodes if name.startswith("relu")]
    rate = iter(range(1, 10**6))
    edits: dict[str, Callable[[Draft], Any]] = {
        "dropout behind the first relu": lambda d: d.insert_after(relu[0], "nn.Dropout", next(rate) / 1e6),
        "stride of the stem (all shapes new)": lambda d: d.set("stem", stride=1 + next(rate) % 7),
        "input size (all shapes new)": lambda d: d.set_input("x", f"f32[B, 3, {64 + 8 * next(rate)}, 64]"),
        "rename": lambda d: d.rename("head", f"head{next(rate)}"),
        "bypass in the middle": lambda d: d.bypass(relu[len(relu) // 2]),
        "a mismatch at the start": lambda d: d.set("stem", out_channels=32 + next(rate)),
        "remove at the end": lambda d: d.remove(relu[-1]),
    }
    for label, edit in edits.items():
        times = measure(draft, edit, arguments.times)
        print(f"{label:38} median {statistics.median(times):6.1f} ms   worst {max(times):6.1f} ms")


if __name__ == "__main__":
    main()
