"""Which models come back from their generated code bit for bit: torchvision's classifiers, transformers, timm.

    python -m benchmarks.codegen [torchvision] [transformers] [timm] [--only NAME]

Each model goes through `trace`, `Draft` and `to_code`; the code is imported, given the weights, and run beside the
model in eval mode. Compared: all results bit for bit, and what ruff says (lint and format). Printed: lines of code,
classes and seconds. Quantized models are left out: their weights are no tensors of a state dict.
"""

from __future__ import annotations

import argparse
import gc
import sys
import time
import warnings

import torch

from tests.code_oracle import is_clean, round_trip
from tests.zoo import timm_models, torchvision_models, transformers_models
from tests.zoo.case import Case, seed


def classifiers() -> list[Case]:
    """torchvision's classification models."""
    names = {name for name in torchvision_models._CLASSIFICATION if not name.startswith("quantized")}
    return [case for case in torchvision_models.cases() if case.name in names]


ZOOS = {"torchvision": classifiers, "transformers": transformers_models.cases, "timm": timm_models.cases}


def main() -> int:
    """Prints a row a model and the failures; returns 1 if there is one."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("zoos", nargs="*", help=f"of {', '.join(ZOOS)} (default: torchvision and transformers)")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="only this model")
    arguments = parser.parse_args()
    unknown = set(arguments.zoos) - set(ZOOS)
    if unknown:
        parser.error(f"no zoo {', '.join(sorted(unknown))}; there are {', '.join(ZOOS)}")
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    failures = []
    print(f"{'':44}{'lines':>7}{'classes':>9}{'ruff':>6}{'s':>7}")
    for zoo in arguments.zoos or ["torchvision", "transformers"]:
        cases = [case for case in ZOOS[zoo]() if not arguments.only or case.name in arguments.only]
        n_exact = n_clean = 0
        for case in cases:
            started = time.perf_counter()
            try:
                model, args, kwargs = case.build(False)
                seed(0)
                code = round_trip(model, *args, **kwargs)
            except Exception as error:
                reason = " ".join(str(error).split())
                failures.append(f"{zoo} {case.name}: {type(error).__name__}: {reason[:300]}")
                print(f"{zoo + ' ' + case.name:44}  {failures[-1][-100:]}", flush=True)
                continue
            n_exact += 1
            said = is_clean(code)
            n_clean += not said
            if said:
                failures.append(f"{zoo} {case.name}: ruff: {' '.join(said.split())[:300]}")
            n_lines, n_classes = len(code.splitlines()), code.count("\nclass ")
            seconds = time.perf_counter() - started
            row = f"{zoo + ' ' + case.name:44}{n_lines:7}{n_classes:9}{'' if said else 'ok':>6}{seconds:7.1f}"
            print(row, flush=True)
            del model, args, kwargs
            gc.collect()
        print(f"{zoo}: {len(cases)} models, {n_exact} bit for bit, {n_clean} clean for ruff")
    for failure in failures:
        print(failure)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
