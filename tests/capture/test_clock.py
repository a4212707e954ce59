"""Durations: of the processor where it does the work, of the GPU where that does."""

from __future__ import annotations

import time

import pytest
import torch

import graphtools as gt
from graphtools.capture.clock import Lapse, Moment, between, seconds_of, since


def test_on_a_processor_a_lapse_is_the_time_that_passed() -> None:
    start = Moment()
    time.sleep(0.02)
    lapse = since(start, torch.ones(1))
    assert isinstance(lapse, float) and 0.02 <= lapse < 1
    assert seconds_of(lapse, share=4) == lapse / 4
    assert between(start, Moment(), (torch.ones(1), None)) >= lapse


def test_each_event_of_a_step_has_a_duration() -> None:
    model = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    batch = torch.rand(32, 64), torch.randint(2, (32,))
    recording = gt.training_step(model, batch, torch.nn.functional.cross_entropy, optimizer)
    assert all(event.duration_s > 0 for event in recording.events)
    assert sum(event.duration_s for event in recording.events) < recording.duration_s


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_on_a_gpu_the_duration_is_that_of_the_work_and_not_of_its_launch() -> None:
    x = torch.rand(4096, 4096, device="cuda")
    (x @ x).sum().item()  # the first call sets up libraries
    with gt.record() as recording:
        start = Moment()
        y = x @ x
        lapse = since(start, y)
    assert isinstance(lapse, Lapse)
    # 137 GFLOP take more than a millisecond on any GPU of today, a launch some microseconds.
    assert recording.events[0].duration_s > 1e-3
