"""The picture of every torchvision graph, as the first view shows it and with all groups open, has no fault.

The models run on the meta device, where nothing is computed, with weights that nobody initialized; only detectors,
whose operations depend on values, are built and run in full. Node checks one graph while Python traces the next.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils._pytree import tree_map_only

import graphtools as gt
from graphtools.payload import graph_payload
from tests.zoo import torchvision_models
from tests.zoo.case import Case

pytest.importorskip("torchvision")
NODE = shutil.which("node")
FAULTS = Path(__file__).with_name("faults.mjs")


@contextmanager
def without_initialization() -> Iterator[None]:
    """A block in which `torch.nn.init` leaves all weights as they are."""
    kept = {name: value for name, value in vars(nn.init).items() if name.endswith("_") and callable(value)}
    try:
        for name in kept:
            setattr(nn.init, name, lambda tensor, *args, **kwargs: tensor)
        yield
    finally:
        for name, value in kept.items():
            setattr(nn.init, name, value)


def payload_of(case: Case) -> dict[str, Any]:
    if "data-dependent" in case.traits:
        model, args, kwargs = case.build(False)
        return graph_payload(gt.trace(model, *args, method="record", **kwargs))
    with without_initialization():
        model, args, kwargs = case.build(False)
    args, kwargs = tree_map_only(torch.Tensor, lambda tensor: tensor.to("meta"), (args, kwargs))
    return graph_payload(gt.trace(model.to("meta"), *args, method="record", **kwargs))


@pytest.mark.skipif(NODE is None, reason="node is not installed")
def test_no_picture_of_a_torchvision_graph_has_a_fault(tmp_path: Path) -> None:
    cases = torchvision_models.cases()
    report_file = tmp_path / "reports"
    # Into a file: a pipe that nobody reads yet would stop node, and then Python.
    with report_file.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(
            [str(NODE), str(FAULTS)], stdin=subprocess.PIPE, stdout=output, text=True, encoding="utf-8"
        )
        assert process.stdin is not None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what the models warn of is theirs
            for case in cases:
                process.stdin.write(json.dumps(payload_of(case)) + "\n")
        process.stdin.close()
        assert process.wait() == 0
    lines = report_file.read_text(encoding="utf-8").splitlines()
    reports = dict(zip([case.name for case in cases], map(json.loads, lines), strict=True))
    assert {name: report["found"] for name, report in reports.items() if report["found"]} == {}
    # Open to the last box, too, but for the one or two detectors of more than 3,000.
    assert [name for name, report in reports.items() if report["drawn"] < 2] in (
        ["ssdlite320_mobilenet_v3_large"],
        ["ssd300_vgg16", "ssdlite320_mobilenet_v3_large"],
    )
