"""A save is all or nothing, and what happens to a file while it is open is noticed."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import torch

import graphtools as gt
from graphtools.recording import Kept, ValueLost
from graphtools.saving import archive, load, save
from tests.saving.made import of_values, step


def raising(error: BaseException) -> gt.Recording:
    """A recording whose second value raises when it is saved."""

    def recipe() -> Any:
        raise error

    return of_values(first=torch.randn(10_000), second=Kept(None, recipe=recipe))


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A file that is there already."""
    save(of_values(value=torch.ones(3)), tmp_path / "step.gt")
    return tmp_path / "step.gt"


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("no memory"), MemoryError()], ids=repr)
def test_a_save_that_is_interrupted_leaves_the_old_file_and_nothing_else(old: Path, error: BaseException) -> None:
    before = old.read_bytes()
    with pytest.raises(type(error)) as caught:
        save(raising(error), old)
    assert caught.value is error
    assert old.read_bytes() == before
    assert list(old.parent.iterdir()) == [old]


@pytest.mark.parametrize("function", ["fsync", "replace", "open"])
def test_a_full_disk_leaves_the_old_file_and_says_so(old: Path, function: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = old.read_bytes()

    def full(*args: Any, **kwargs: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(OSError) as caught:
        patch.setattr(os, function, full)
        save(step(), old)
    assert str(caught.value) == (f"[Errno 28] the recording could not be written to '{old}': No space left on device")
    assert old.read_bytes() == before
    assert list(old.parent.iterdir()) == [old]


def test_a_disk_that_fills_while_it_is_written_leaves_the_old_file(old: Path) -> None:
    resource = pytest.importorskip("resource")
    before = old.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, limits[1]))
        with pytest.raises(OSError, match=r"the recording could not be written to '.*step\.gt': File too large"):
            save(of_values(value=torch.randn(10**6)), old)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert old.read_bytes() == before
    assert list(old.parent.iterdir()) == [old]


def test_a_process_that_is_killed_while_it_saves_leaves_the_old_file(old: Path) -> None:
    before = old.read_bytes()
    code = (
        "import os, signal, sys, torch\n"
        "from graphtools.recording import Kept\n"
        "from graphtools.saving import save\n"
        "from tests.saving.made import of_values\n"
        "die = Kept(None, recipe=lambda: os.kill(os.getpid(), signal.SIGKILL))\n"
        "save(of_values(one=torch.randn(10**6), two=die), sys.argv[1])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(old)], cwd=Path(__file__).parents[2], timeout=120, check=False
    )
    assert done.returncode == -signal.SIGKILL
    assert old.read_bytes() == before


@pytest.mark.parametrize(
    ("path", "kind", "reason"),
    [
        ("no/such/step.gt", FileNotFoundError, "there is no folder '{folder}/no/such'; make it first"),
        (".", IsADirectoryError, "it is a folder; name a file in it"),
        ("x" * 300, OSError, "File name too long"),
    ],
    ids=["no folder", "a folder", "too long"],
)
def test_a_path_that_cannot_be_written_is_refused_with_a_reason(
    tmp_path: Path, path: str, kind: type[OSError], reason: str
) -> None:
    with pytest.raises(kind) as caught:
        save(step(), tmp_path / path)
    assert str(caught.value).endswith(": " + reason.format(folder=tmp_path))
    assert str(tmp_path / path) in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_new_file_has_the_usual_rights_and_an_old_one_keeps_its_own(old: Path) -> None:
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE(old.stat().st_mode) == 0o666 & ~mask
    old.chmod(0o600)
    save(step(), old)
    assert stat.S_IMODE(old.stat().st_mode) == 0o600


def test_a_link_is_followed(old: Path) -> None:
    link = old.parent / "link.gt"
    link.symlink_to(old)
    save(step(), link)
    assert link.is_symlink()
    assert len(load(old).events) == len(step().events)


# -- while it is open --------------------------------------------------------------------------------------------------


@pytest.fixture
def lazily(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small files are treated as large ones: nothing is read before it is looked at."""
    monkeypatch.setattr(archive, "_CHECKED_AT_ONCE", 0)


def test_a_file_that_is_replaced_or_deleted_still_gives_its_values(old: Path, lazily: None) -> None:
    recording = load(old)
    save(of_values(value=torch.zeros(3)), old)
    assert torch.equal(recording.value("value"), torch.ones(3))
    assert torch.equal(load(old).value("value"), torch.zeros(3))
    old.unlink()
    assert torch.equal(recording.value("value"), torch.ones(3))


def test_a_file_that_is_cut_off_loses_its_values_with_a_reason(old: Path, lazily: None) -> None:
    recording = load(old)
    os.truncate(old, 30)
    assert not recording.has_value("value")
    with pytest.raises(ValueLost) as caught:
        recording.value("value")
    assert str(caught.value) == f"{old} was cut off after it was opened; load it again"
    assert recording.graph["value"].kind == "constant"


def test_bytes_that_change_in_a_large_file_are_noticed_when_they_are_looked_at(old: Path, lazily: None) -> None:
    before = old.read_bytes()
    place = before.index(torch.ones(3).numpy().tobytes())
    recording = load(old)
    with old.open("r+b") as file:
        file.seek(place)
        file.write(b"\1")
    for again in (recording, load(old)):
        with pytest.raises(ValueLost) as caught:
            again.value("value")
        assert str(caught.value) == f"its bytes in {old} are damaged, or the file was overwritten; load it again"


def test_the_file_is_closed_with_the_last_value_that_needs_it(old: Path) -> None:
    def n_open() -> int:
        return len(os.listdir("/proc/self/fd"))

    if not os.path.exists("/proc/self/fd"):
        pytest.skip("no /proc")
    before = n_open()
    recording = load(old)
    assert n_open() == before + 1
    value = recording.value("value")
    del recording
    assert n_open() == before
    assert torch.equal(value, torch.ones(3))


def test_threads_read_one_file_at_the_same_time(tmp_path: Path, lazily: None) -> None:
    values = {f"v{i}": torch.full((10_000,), float(i)) for i in range(20)}
    save(of_values(**values), tmp_path / "many.gt")
    recording = load(tmp_path / "many.gt")
    wrong: list[str] = []

    def read() -> None:
        for name, value in values.items():
            if not torch.equal(recording.value(name), value):
                wrong.append(name)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_system_without_pread_reads_the_same(old: Path, lazily: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "pread")
    assert torch.equal(load(old).value("value"), torch.ones(3))
