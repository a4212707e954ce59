"""A file that is no sound archive is refused with a reason, and costs no more than its own size."""

from __future__ import annotations

import io
import os
import random
import re
import stat
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

import graphtools as gt
from graphtools.saving import archive, load, save
from tests.saving.files import entries, put, refusal, sound, tensor, with_document, zipped
from tests.saving.made import assert_same, step


def test_the_sound_file_loads_however_it_was_zipped(tmp_path: Path) -> None:
    for content in (sound(), zipped(entries()), b"a stub before the archive" + sound()):
        (tmp_path / "step.gt").write_bytes(content)
        assert_same(step(), load(tmp_path / "step.gt"))


def link() -> zipfile.ZipInfo:
    """The head of a symbolic link."""
    entry = zipfile.ZipInfo("tensors.bin")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    return entry


NO_ZIP = "not a recording, or only the beginning of one: a zip's end is missing"
CONTAINERS: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", NO_ZIP),
    "text": (lambda: b"hello" * 100, NO_ZIP),
    "half of it": (lambda: sound()[: len(sound()) // 2], NO_ZIP),
    "without its last byte": (lambda: sound()[:-1], NO_ZIP),
    "an empty zip": (lambda: zipped({}), "a zip archive, but no recording"),
    "a checkpoint of torch": (
        lambda: zipped({"archive/data.pkl": b"\x80\x02."}),
        "a zip archive, but no recording: it holds 'archive/data.pkl'",
    ),
    "no graph": (
        lambda: zipped({name: part for name, part in entries().items() if name != "graph.json"}),
        "the entry 'graph.json' is missing",
    ),
    "one entry more": (lambda: zipped({**entries(), "model.pkl": b""}), "unexpected entry 'model.pkl'"),
    "two of a name": (
        lambda: zipped([*entries().items(), ("graph.json", b"{}")]),
        "it holds two entries of the same name",
    ),
    "a way out": (
        lambda: zipped({**entries(), "../../.bashrc": b""}),
        "the entry '../../.bashrc' names a place outside the archive",
    ),
    "an absolute path": (
        lambda: zipped({**entries(), "/etc/passwd": b""}),
        "the entry '/etc/passwd' names a place outside the archive",
    ),
    "a path of Windows": (
        lambda: zipped({**entries(), "..\\x": b""}),
        "the entry '..\\\\x' names a place outside the archive",
    ),
    "a folder": (lambda: zipped({**entries(), "a/": b""}), "the entry 'a/' is a link or a folder, not plain bytes"),
    "a link": (
        lambda: zipped([*((k, v) for k, v in entries().items() if k != "tensors.bin"), (link(), b"/etc/passwd")]),
        "the entry 'tensors.bin' is a link or a folder, not plain bytes",
    ),
    "compressed tensors": (
        lambda: zipped(entries(), zipfile.ZIP_DEFLATED),
        "the entry 'tensors.bin' is compressed, which that of a recording never is",
    ),
    "compressed by another method": (
        lambda: zipped(entries(), zipfile.ZIP_BZIP2),
        "the entry 'tensors.bin' is compressed by a method that recordings do not use",
    ),
    "encrypted": (lambda: with_flag(1), "the entry 'tensors.bin' is encrypted"),
    "a million entries": (
        lambda: zipped([(f"{i:0100}", b"") for i in range(9000)]),
        "its table of contents is far longer than that of a recording",
    ),
}  # fmt: skip


def with_flag(bits: int) -> bytes:
    """The sound file, whose first entry says in both of its heads that it has these flags."""
    content = bytearray(sound())
    content[6] |= bits
    content[content.index(b"PK\1\2") + 8] |= bits
    return bytes(content)


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_file_that_is_no_sound_archive_is_refused(name: str, tmp_path: Path) -> None:
    make, expected = CONTAINERS[name]
    assert refusal(make(), tmp_path) == expected


def test_a_bomb_is_refused_by_what_it_claims(tmp_path: Path) -> None:
    bomb = zipped({**entries(), "recording.json": b" " * 50_000_000}, zipfile.ZIP_DEFLATED)
    expected = r"recording\.json: 4\d\.\d KiB that claim to unpack to 47\.7 MiB; the limit is \d\.\d MiB"
    assert re.fullmatch(expected, refusal(bomb, tmp_path))


def test_a_folder_a_pipe_and_nothing_are_refused(tmp_path: Path) -> None:
    with pytest.raises(gt.FormatError, match=r"it is a folder, not a recording$"):
        load(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(gt.FormatError, match=r"it is no regular file, not a recording$"):
        load(tmp_path / "pipe")
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "nothing.gt")


@pytest.mark.parametrize("word", ["recording.json", "graph.json", "tensors.bin"])
def test_a_byte_that_changed_in_an_entry_is_refused(word: str, tmp_path: Path) -> None:
    content = bytearray(sound())
    with zipfile.ZipFile(io.BytesIO(sound())) as file:
        entry = file.getinfo(word)
    content[entry.header_offset + 30 + len(word) + entry.compress_size // 2] ^= 0x10
    reason = refusal(bytes(content), tmp_path)
    assert "damaged" in reason or "differs" in reason


def test_a_file_with_any_bytes_changed_loads_equal_or_is_refused(tmp_path: Path) -> None:
    chance = random.Random(0)
    path = tmp_path / "step.gt"
    n_refused = 0
    for _ in range(400):
        content = bytearray(sound())
        for _ in range(chance.choice((1, 1, 2, 8))):
            content[chance.randrange(len(content))] = chance.randrange(256)
        n_refused += is_refused(bytes(content), path)
    for _ in range(100):
        start = chance.randrange(len(sound()))
        stop = chance.choice((len(sound()), start + chance.randrange(100)))
        n_refused += is_refused(sound()[:start] + sound()[stop:], path)
    assert n_refused > 400


def is_refused(content: bytes, path: Path) -> bool:
    """True if a file of these bytes is refused; asserts that it holds the whole recording otherwise."""
    path.write_bytes(content)
    try:
        recording = load(path)
    except gt.FormatError:
        return True
    assert_same(step(), recording)
    return False


def test_what_a_file_claims_to_hold_takes_no_memory(tmp_path: Path) -> None:
    claims = [
        with_document(tensor(size=[10**9])),
        with_document(put("storages", 0, 1, 2**40)),
        with_document(tensor(size=[2**40], stride=[0])),
        zipped({**entries(), "recording.json": b"[" * 60_000_000}, zipfile.ZIP_DEFLATED),
        with_size("recording.json", 2**31),
        with_size("tensors.bin", 2**31),
    ]
    for content in claims:
        (tmp_path / "step.gt").write_bytes(content)
        tracemalloc.start()
        try:
            load(tmp_path / "step.gt")
        except gt.FormatError:
            pass
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 20_000_000


def with_size(name: str, n_bytes: int) -> bytes:
    """The sound file, whose directory claims that an entry unpacks to so many bytes."""
    content = bytearray(sound())
    place = content.rindex(name.encode()) - 46
    assert content[place : place + 4] == b"PK\1\2"
    content[place + 24 : place + 28] = n_bytes.to_bytes(4, "little")
    return bytes(content)


def test_a_document_near_the_limit_is_refused_when_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "LARGEST_DOCUMENT", 1000)
    with pytest.raises(gt.FormatError) as caught:
        save(step(), tmp_path / "step.gt")
    assert str(caught.value).endswith("and a file holds up to 1000 B of it; record fewer operations")
    assert list(tmp_path.iterdir()) == []
