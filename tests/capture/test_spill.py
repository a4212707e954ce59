"""A limit of host memory for the values of a recording: the oldest go to disk, and nothing is wrong or lost by it."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import graphtools as gt
from tests.zoo.case import same

MEASURED = """
import sys, torch, graphtools as gt
def chain(x):
    for _ in range(40):
        x = x * 1.01
    return x
def peak():
    return 1024 * next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
x = torch.ones(4 * 2**20)  # 16 MiB
chain(x)
gt.run(chain, torch.ones(10), limit_bytes=0)  # imports what it needs
open("/proc/self/clear_refs", "w").write("5")  # the highest memory use is counted from here
before = peak()
limit = int(sys.argv[1]) or None
recording = gt.run(chain, x, limit_bytes=limit)
print(peak() - before)
assert float(recording.value("mul_39")[0]) == float(chain(x)[0])
"""


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="measures by Linux's /proc")
def test_the_process_stays_under_the_limit_where_the_values_exceed_it() -> None:
    def grown(limit_bytes: int) -> int:
        command = [sys.executable, "-c", MEASURED, str(limit_bytes)]
        return int(subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout)

    assert grown(0) > 480 * 2**20  # 40 values of 16 MiB, less what was freed memory before
    assert grown(64 * 2**20) < (64 + 2 * 16) * 2**20  # and what the operation that runs holds


def recordings(**limits: Any) -> gt.Recording:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(288, 4))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    batch = (torch.randn(4, 3, 8, 8), torch.randint(0, 4, (4,)))
    return gt.training_step(model, batch, F.cross_entropy, optimizer, **limits)


def test_values_and_gradients_on_disk_are_the_same_to_the_bit() -> None:
    plain, spilled = recordings(), recordings(limit_bytes=0)
    assert same([value for _, value in plain.values()], [value for _, value in spilled.values()]) is None
    for event in plain.events:
        assert same(plain.incoming(event), spilled.incoming(event)) is None
        assert same(plain.outgoing(event), spilled.outgoing(event)) is None
    (note,) = set(spilled.graph.capture.notes) - set(plain.graph.capture.notes)
    assert "values (" in note and "are on disk: with them the recording would have taken more than its limit" in note


def test_a_spilled_recording_can_be_edited_and_replayed() -> None:
    branch = gt.edit(recordings(limit_bytes=0), "relu", 0.0)
    assert torch.count_nonzero(branch.value("relu")) == 0
    model, x = nn.Sequential(nn.Linear(3, 3), nn.Tanh()), torch.randn(2, 3)
    recording = gt.run(model, x, limit_bytes=0)
    assert torch.equal(gt.replay(recording), model(x))


def test_a_full_disk_costs_values_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**_: Any) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    recording = gt.run(nn.Sequential(nn.Linear(3, 3), nn.Tanh()), torch.randn(2, 3), limit_bytes=0)
    with pytest.raises(gt.ValueLost, match="no memory within the limit, and none on disk"):
        recording.value("linear")
    assert "2 values were not kept: neither memory nor disk had room" in recording.graph.capture.notes
