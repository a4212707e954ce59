"""What all tests share: one thread for torch (bits do not depend on the machine), a browser if there is one."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from types import ModuleType

import pytest
import torch

from graphtools.importing import forget, is_inside

torch.set_num_threads(1)
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell starts what is put behind `&`, and so its children
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def _nothing_left_imported(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Forgets modules that a test wrote and imported, and where it let Python look for them."""
    before = list(sys.path)
    yield
    sys.path[:] = before
    known = [(name, module) for name, module in sys.modules.items() if isinstance(module, ModuleType)]
    forget(name for name, module in known if is_inside(module, tmp_path_factory.getbasetemp()))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    # Browser tests last: they take longest and say most when everything below them holds.
    items.sort(key=lambda item: "browser" in os.fspath(item.path))
