"""The .gt file as a container: a zip of three entries, written whole or not at all, and read with distrust."""

from __future__ import annotations

import contextlib
import io
import os
import secrets
import stat
import struct
import threading
import weakref
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

from graphtools.encoding.checks import array, count, each, fail
from graphtools.errors import FormatError
from graphtools.recording import ValueLost
from graphtools.words import bytes_text, elide

RECORDING, GRAPH, TENSORS = "recording.json", "graph.json", "tensors.bin"
LARGEST_DOCUMENT = 128 << 20  # bytes of one JSON entry; 100,000 operations with their backward pass take about 70 MB
_LARGEST_RATIO = 150  # of deflate on a JSON entry: real ones stay below 40, a bomb needs 1000
_LARGEST_READ = 1 << 20  # bytes that zipfile may want at once; the table of contents of a recording takes about 200
_CHECKED_AT_ONCE = 64 << 20  # bytes of tensors up to which opening checks them all, in about 0.03 s
_PIECE = 16 << 20

# What zipfile and zlib raise for bytes that are no zip; OSError for a place before the beginning.
_DAMAGE = (
    zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, struct.error,
    OverflowError, IndexError, OSError,
)  # fmt: skip


# -- writing -----------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def replacing(path: str) -> Iterator[IO[bytes]]:
    """A stream into a new file that takes the place of `path` when the block ends; if it raises, `path` is as before.

    A symbolic link is followed. Raises OSError that names `path` and says why it cannot be written.
    """
    target = os.path.realpath(path)
    folder = os.path.dirname(target)
    temporary = os.path.join(folder, f".graphtools-{secrets.token_hex(6)}.tmp")
    try:
        if os.path.isdir(target):
            raise IsADirectoryError(21, "it is a folder; name a file in it")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        with os.fdopen(os.open(temporary, flags, 0o666), "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        with contextlib.suppress(OSError):  # who may read the old file may read the new one, and nobody else
            os.chmod(temporary, stat.S_IMODE(os.stat(target).st_mode))
        os.replace(temporary, target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        if not isinstance(error, OSError):
            raise
        reason = error.strerror or str(error)
        if isinstance(error, FileNotFoundError):
            reason = f"there is no folder {folder!r}; make it first"
        raise OSError(error.errno, f"the recording could not be written to {path!r}: {reason}") from error


def new_entry(name: str) -> zipfile.ZipInfo:
    """The head of an entry to be written. It holds no date, so the same recording gives the same bytes."""
    entry = zipfile.ZipInfo(name)
    entry.external_attr = (stat.S_IFREG | 0o644) << 16
    return entry


def write_document(zipped: zipfile.ZipFile, name: str, content: bytes) -> None:
    """Writes a JSON entry so that reading accepts it. Raises FormatError if it is too large."""
    if len(content) > LARGEST_DOCUMENT:
        raise FormatError(
            f"{name} would take {bytes_text(len(content))}, and a file holds up to {bytes_text(LARGEST_DOCUMENT)} of "
            "it; record fewer operations"
        )
    entry = new_entry(name)
    if _limit(len(zlib.compress(content))) >= len(content):
        entry.compress_type = zipfile.ZIP_DEFLATED
    zipped.writestr(entry, content)


def _limit(n_compressed: int) -> int:
    """How many bytes a JSON entry of so many compressed ones may unpack to."""
    return min(LARGEST_DOCUMENT, 65536 + _LARGEST_RATIO * n_compressed)


# -- reading -----------------------------------------------------------------------------------------------------------


class Buffer(bytearray):
    """Bytes that a tensor uses as its memory; known to the archive for as long as some tensor does."""

    __slots__ = ("__weakref__",)


class Archive:
    """A .gt file that is open for reading, until nobody needs it any more. Raises FormatError if it is no sound one.

    It stays open, so that a file which is replaced or deleted meanwhile still gives its values (on POSIX systems).
    """

    def __init__(self, path: str) -> None:
        self.name = path
        # Without O_NONBLOCK, opening a named pipe would wait for a writer.
        self._file = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        weakref.finalize(self, os.close, self._file)
        self._lock = threading.Lock()
        self._buffers: weakref.WeakValueDictionary[int, Buffer] = weakref.WeakValueDictionary()
        mode = os.fstat(self._file).st_mode
        if not stat.S_ISREG(mode):
            raise FormatError(f"it is {'a folder' if stat.S_ISDIR(mode) else 'no regular file'}, not a recording")
        self.n_bytes = os.fstat(self._file).st_size
        self._entries = self._read_directory()

    def _read_directory(self) -> dict[str, zipfile.ZipInfo]:
        with self._zip() as zipped:
            entries = zipped.infolist()
        for entry in entries:
            _check_entry(entry, self.n_bytes)
        found = {entry.orig_filename: entry for entry in entries}
        if len(found) != len(entries):
            raise FormatError("it holds two entries of the same name")
        if RECORDING not in found:
            held = f": it holds {elide(repr(next(iter(found))), 60)}" if found else ""
            raise FormatError(f"a zip archive, but no recording{held}")
        return found

    @contextlib.contextmanager
    def _zip(self) -> Iterator[zipfile.ZipFile]:
        """The file as a zip; what is wrong with it comes out as FormatError."""
        try:
            with _Stream(self._file, closefd=False) as stream, zipfile.ZipFile(stream) as zipped:
                yield zipped
        except FormatError:
            raise
        except zipfile.BadZipFile as error:
            if "not a zip file" in str(error):
                raise FormatError("not a recording, or only the beginning of one: a zip's end is missing") from None
            raise FormatError(f"it is damaged: {error}") from None
        except _DAMAGE as error:
            raise FormatError(f"it is damaged: {error or type(error).__name__}") from None

    def check_names(self) -> None:
        """Raises FormatError unless it holds the entries of a recording and no others."""
        for name in (RECORDING, GRAPH, TENSORS):
            if name not in self._entries:
                raise FormatError(f"the entry {name!r} is missing")
        for name in self._entries:
            if name not in (RECORDING, GRAPH, TENSORS):
                raise FormatError(f"unexpected entry {elide(repr(name), 80)}")
        if self._entries[TENSORS].compress_type != zipfile.ZIP_STORED:
            raise FormatError(f"the entry {TENSORS!r} is compressed, which that of a recording never is")

    def document(self, name: str) -> bytes:
        """The whole of a JSON entry; its size is limited before anything is allocated, and its checksum is right."""
        entry = self._entries[name]
        limit = _limit(entry.compress_size)
        if entry.file_size > limit:
            raise FormatError(
                f"{name}: {bytes_text(entry.compress_size)} that claim to unpack to {bytes_text(entry.file_size)}; "
                f"the limit is {bytes_text(limit)}"
            )
        pieces = []
        with self._zip() as zipped, zipped.open(entry) as stream:
            while piece := stream.read(1 << 20):
                pieces.append(piece)
        content = b"".join(pieces)
        if len(content) != entry.file_size:
            raise FormatError(f"{name}: {len(content)} bytes where {entry.file_size} were promised")
        return content

    def storages(self, value: Any, where: str) -> tuple[Storage, ...]:
        """The storages that a JSON array lists as [start, bytes, CRC-32], one after the other in the tensors' entry.

        Those of a small file are all read and checked now, those of a large one each when it is looked at.
        """
        entry = self._entries[TENSORS]
        with self._zip() as zipped:
            zipped.open(entry).close()  # compares the entry's own head with the directory
        head = self.read(entry.header_offset, 30)
        start = entry.header_offset + 30 + sum(struct.unpack("<HH", head[26:30]))
        if start + entry.file_size > self.n_bytes:
            raise FormatError(f"the entry {TENSORS!r} reaches beyond the end of the file")
        reached = 0
        found = []
        for index, row in enumerate(array(value, where)):
            at = f"{where}[{index}]"
            position, n_bytes, checksum = each(count, array(row, at, 3), at)
            if position < reached or n_bytes == 0 or position + n_bytes > entry.file_size:
                fail(at, f"bytes {position} to {position + n_bytes} do not lie one after the other in {TENSORS}")
            reached = position + n_bytes
            found.append(Storage(self, start + position, n_bytes, checksum))
        if entry.file_size <= _CHECKED_AT_ONCE:
            for index, storage in enumerate(found):
                if zlib.crc32(self.read(storage.start, storage.n_bytes)) != storage.checksum:
                    fail(f"{where}[{index}]", "its bytes are damaged: the checksum differs")
        return tuple(found)

    def read(self, start: int, n_bytes: int) -> Buffer:
        """Bytes of the file. Raises ValueLost if it has become shorter or cannot be read any more."""
        buffer = Buffer(n_bytes)
        view = memoryview(buffer)
        while view:
            try:
                piece = self._read_piece(start, min(len(view), _PIECE))
            except OSError as error:
                raise ValueLost(f"{self.name} cannot be read any more: {error.strerror or error}") from None
            if not piece:
                raise ValueLost(f"{self.name} was cut off after it was opened; load it again")
            view[: len(piece)] = piece
            view = view[len(piece) :]
            start += len(piece)
        return buffer

    def _read_piece(self, start: int, n_bytes: int) -> bytes:
        if hasattr(os, "pread"):  # moves no shared position: safe in threads and after a fork
            return os.pread(self._file, n_bytes, start)
        with self._lock:
            os.lseek(self._file, start, os.SEEK_SET)
            return os.read(self._file, n_bytes)

    def buffer(self, storage: Storage) -> Buffer:
        """The bytes of a storage, the same object for as long as a tensor uses it, so that views share memory."""
        found = self._buffers.get(storage.start)
        if found is None:
            found = self.read(storage.start, storage.n_bytes)
            if zlib.crc32(found) != storage.checksum:
                raise ValueLost(f"its bytes in {self.name} are damaged, or the file was overwritten; load it again")
            self._buffers[storage.start] = found
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Storage:
    """The memory of one or more tensors, in a file: `n_bytes` from `start` on."""

    archive: Archive
    start: int
    n_bytes: int
    checksum: int

    def read(self) -> Buffer:
        """Its bytes. Raises ValueLost if the file has changed or its bytes are damaged."""
        return self.archive.buffer(self)


class _Stream(io.FileIO):
    """The file for zipfile, which reads a whole table of contents at once, of whatever length the file declares."""

    def read(self, size: int | None = -1) -> bytes:  # type: ignore[override]
        if size is None or size < 0:
            size = os.fstat(self.fileno()).st_size - self.tell()
        if size > _LARGEST_READ:
            raise FormatError("its table of contents is far longer than that of a recording")
        return super().read(size) or b""


def _check_entry(entry: zipfile.ZipInfo, n_bytes: int) -> None:
    name = entry.orig_filename
    said = elide(repr(name), 80)
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if name.startswith(("/", "\\")) or ".." in name.replace("\\", "/").split("/") or "\0" in name or ":" in name:
        raise FormatError(f"the entry {said} names a place outside the archive")
    if kind not in (0, stat.S_IFREG) or name.endswith("/"):
        raise FormatError(f"the entry {said} is a link or a folder, not plain bytes")
    if entry.flag_bits & 0x41:
        raise FormatError(f"the entry {said} is encrypted")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise FormatError(f"the entry {said} is compressed by a method that recordings do not use")
    if entry.compress_size > n_bytes:
        raise FormatError(f"the entry {said} claims {entry.compress_size} bytes of a file of {n_bytes}")
    if entry.compress_type == zipfile.ZIP_STORED and entry.compress_size != entry.file_size:
        raise FormatError(f"the entry {said} gives two different sizes for itself")
