"""Checkpoints: a zip of one JSON document and the bytes of the tensors. Written whole or not at all; opens as data.

The document is nested plain values, see graphtools.saving.plain, with `{"tensor": n}` for the n-th tensor and
`{"map": [[key, value], ...]}` for a mapping, whose keys may be numbers.
"""

from __future__ import annotations

import json
import os
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from graphtools.errors import FormatError
from graphtools.saving.archive import new_entry, replacing
from graphtools.saving.plain import read_plain, to_plain

SUFFIX = ".ckpt"
_VERSION = 1
_DOCUMENT, _TENSORS = "checkpoint.json", "tensors.bin"
_LARGEST = 64 << 20  # bytes of the document
_DTYPES = {str(dtype).removeprefix("torch."): dtype for dtype in vars(torch).values() if isinstance(dtype, torch.dtype)}


def save_checkpoint(path: str | os.PathLike[str], state: Mapping[str, Any]) -> None:
    """Writes nested mappings, lists, plain values and tensors; a reader sees the old file or all of the new one.

    Copies each tensor to host memory once. Raises OSError that names the file.
    """
    tensors: list[torch.Tensor] = []
    document = {"format": "graphtools checkpoint", "version": _VERSION, "state": _written(state, tensors)}
    layout, start = [], 0
    for tensor in tensors:
        n_bytes = tensor.numel() * tensor.element_size()
        layout.append({"dtype": str(tensor.dtype).removeprefix("torch."), "size": list(tensor.shape), "start": start})
        start += n_bytes
    with replacing(os.fspath(path)) as stream, zipfile.ZipFile(stream, "w") as zipped:
        zipped.writestr(new_entry(_DOCUMENT), json.dumps({**document, "tensors": layout}, allow_nan=False))
        with zipped.open(new_entry(_TENSORS), "w", force_zip64=True) as out:
            for tensor in tensors:
                if tensor.numel():
                    out.write(tensor.reshape(-1).view(torch.uint8).numpy().data)


def load_checkpoint(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What `save_checkpoint` wrote, tensors on the CPU. Raises FormatError for anything else; executes nothing."""
    name = os.fspath(path)
    try:
        with zipfile.ZipFile(name) as zipped:
            if zipped.getinfo(_DOCUMENT).file_size > _LARGEST:
                raise FormatError(f"{name} is no checkpoint: its document is too large")
            document = json.loads(zipped.read(_DOCUMENT))
            if document.get("format") != "graphtools checkpoint":
                raise FormatError(f"{name} is no checkpoint of graphtools")
            if document.get("version") != _VERSION:
                raise FormatError(
                    f"{name} is a checkpoint of version {document.get('version')}, which this one cannot read"
                )
            content = bytearray(zipped.read(_TENSORS))  # its checksum is checked
        tensors = [_tensor(content, one) for one in document["tensors"]]
        state = _read(document["state"], tensors)
    except FormatError:
        raise
    except OSError as error:
        raise FormatError(f"cannot read {name}: {error.strerror or error}") from None
    except (zipfile.BadZipFile, zlib.error, KeyError, ValueError, TypeError, IndexError, AttributeError) as error:
        raise FormatError(f"{name} is no checkpoint, or is damaged: {type(error).__name__}: {error}") from None
    if not isinstance(state, dict):
        raise FormatError(f"{name} is no checkpoint: it holds {type(state).__name__}")
    return state


def checkpoints_in(folder: str | os.PathLike[str]) -> list[Path]:
    """The checkpoints of a training in the order in which they were written; empty if there is no such folder."""
    return sorted(Path(folder).glob(f"step-*{SUFFIX}"), key=lambda path: (path.stat().st_mtime_ns, path.name))


def keep_last(folder: str | os.PathLike[str], count: int) -> None:
    """Removes all but the last `count`."""
    for old in checkpoints_in(folder)[:-count]:
        old.unlink(missing_ok=True)


def _written(value: Any, tensors: list[torch.Tensor]) -> Any:
    if isinstance(value, torch.Tensor):
        tensors.append(value.detach().to("cpu", copy=False).contiguous())
        return {"tensor": len(tensors) - 1}
    if isinstance(value, Mapping):
        return {"map": [[to_plain(key), _written(each, tensors)] for key, each in value.items()]}
    if isinstance(value, list):
        return [_written(each, tensors) for each in value]
    if isinstance(value, tuple):
        return {"tuple": [_written(each, tensors) for each in value]}
    return to_plain(value)


def _read(value: Any, tensors: list[torch.Tensor]) -> Any:
    if isinstance(value, list):
        return [_read(each, tensors) for each in value]
    if isinstance(value, dict) and len(value) == 1:
        ((word, content),) = value.items()
        if word == "tensor":
            return tensors[content]
        if word == "map":
            return {read_plain(key, "key"): _read(each, tensors) for key, each in content}
        if word == "tuple":
            return tuple(_read(each, tensors) for each in content)
    return read_plain(value, "state")


def _tensor(content: bytearray, layout: Mapping[str, Any]) -> torch.Tensor:
    dtype, size, start = _DTYPES[layout["dtype"]], [int(n) for n in layout["size"]], int(layout["start"])
    count = 1
    for n in size:
        count *= n
    if start < 0 or count < 0 or start + count * dtype.itemsize > len(content):
        raise ValueError("a tensor lies outside the file")
    if not count:
        return torch.empty(size, dtype=dtype)
    part = torch.frombuffer(content, dtype=torch.uint8, count=count * dtype.itemsize, offset=start)
    return part.clone().view(dtype).reshape(size)
