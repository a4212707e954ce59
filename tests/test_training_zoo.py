"""A recorded training step of the hard cases and of other people's models equals plain PyTorch's, bit for bit."""

from __future__ import annotations

import pytest

from tests.step_oracle import check_step, has_step
from tests.zoo import hard_cases, torchvision_models, transformers_models
from tests.zoo.case import Case

TORCHVISION = (
    "resnet18 densenet121 googlenet mobilenet_v3_small shufflenet_v2_x0_5 squeezenet1_1 efficientnet_b0".split()
)
# Where the test's own look at the plain run is in the way: torch moves its hook to another view; memory that was never
# written is returned; a forbidden view may not be asked for its grad_fn.
NOT_COMPARABLE = {"methods_in_place", "adaptive_softmax", "chunks_written"}
CASES = {
    **{f"hard {case.name}": case for case in hard_cases.cases() if case.name not in NOT_COMPARABLE},
    **{f"transformers {case.name}": case for case in transformers_models.cases()[::4]},
    **{f"torchvision {case.name}": case for case in torchvision_models.cases() if case.name in TORCHVISION},
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_recorded_training_step_equals_a_plain_one(case: Case) -> None:
    for package in case.needs:
        pytest.importorskip(package)
    if not has_step(case):
        pytest.skip("nothing to train")
    assert check_step(case).problems == []
