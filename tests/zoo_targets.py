"""The targets of all operations that torchvision's and the tested transformers' models use, in train and eval mode.

`python -m tests.zoo_targets` records every model (about six minutes) and writes `tests/golden/zoo_targets.txt`.
"""

from __future__ import annotations

import gc
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path

import torch

import graphtools as gt
from tests.zoo.case import Case, seed

FILE = Path(__file__).parent / "golden" / "zoo_targets.txt"


def targets_of(case: Case) -> Iterator[str]:
    """The targets that one model uses: trained, if it can be, and in eval mode."""
    for train in (True, False):
        if train and "no-train" in case.traits:
            continue
        with warnings.catch_warnings(), torch.set_grad_enabled(train):
            warnings.simplefilter("ignore")
            model, args, kwargs = case.build(train)
            seed(1)
            yield from (node.target for node in gt.run(model, *args, **kwargs).graph.operations)


def collect(cases: Iterable[Case]) -> list[str]:
    """The targets of all these models, sorted."""
    found: set[str] = set()
    for case in cases:
        found.update(targets_of(case))
        gc.collect()
        print(f"{case.name:<44} {len(found)} targets", flush=True)
    return sorted(found)


def main() -> None:
    """Writes the list."""
    from tests.zoo import torchvision_models, transformers_models

    torch.set_num_threads(1)
    found = collect([*transformers_models.cases(), *torchvision_models.cases()])
    FILE.write_text("\n".join(found) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
