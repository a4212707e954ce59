"""What all tests share: one thread for torch (bits do not depend on the machine), a browser if there is one."""

from __future__ import annotations

import os

import pytest
import torch

torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    # Browser tests last: they take longest and say most when everything below them holds.
    items.sort(key=lambda item: "browser" in os.fspath(item.path))
