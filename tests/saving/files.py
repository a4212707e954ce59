"""Files of recordings, sound and changed."""

from __future__ import annotations

import io
import json
import warnings
import zipfile
from collections.abc import Callable
from contextlib import nullcontext
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import graphtools as gt
from graphtools import saving
from graphtools.saving import load, save
from tests.saving.made import step

Entries = dict[str, bytes]


@cache
def sound() -> bytes:
    """A file with everything in it."""
    stream = io.BytesIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(saving, "replacing", lambda path: nullcontext(stream))
        save(step(), "memory")
    return stream.getvalue()


def entries() -> Entries:
    """The entries of the sound file."""
    with zipfile.ZipFile(io.BytesIO(sound())) as zipped:
        return {name: zipped.read(name) for name in zipped.namelist()}


def refusal(content: bytes, folder: Path) -> str:
    """Why a file of these bytes is refused, without its name."""
    path = folder / "step.gt"
    path.write_bytes(content)
    with pytest.raises(gt.FormatError) as caught:
        load(path)
    text = str(caught.value)
    assert text.startswith(f"{path}: ") and "\n" not in text
    return text.removeprefix(f"{path}: ")


def zipped(parts: Entries | list[tuple[Any, bytes]], compression: int = zipfile.ZIP_STORED) -> bytes:
    """A zip of the parts; a name may come twice in a list."""
    stream = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(stream, "w", compression) as file:
        warnings.simplefilter("ignore")  # zipfile's about a name that comes twice
        for name, content in parts.items() if isinstance(parts, dict) else parts:
            file.writestr(name, content)
    return stream.getvalue()


def with_document(change: Callable[[dict[str, Any]], Any]) -> bytes:
    """The sound file with its recording.json changed."""
    parts = entries()
    document = json.loads(parts["recording.json"])
    change(document)
    return zipped({**parts, "recording.json": json.dumps(document).encode()})


def put(*place: Any) -> Callable[[dict[str, Any]], None]:
    """A change that puts the last of `place` where the keys before it lead."""
    *path, last, value = place

    def change(document: dict[str, Any]) -> None:
        part: Any = document
        for key in path:
            part = part[key]
        part[last] = value

    return change


def tensor_at(document: dict[str, Any]) -> dict[str, Any]:
    """The layout of the first tensor, f32[1, 2]."""
    return next(kept["tensor"] for kept in document["kept"] if "tensor" in kept)  # type: ignore[no-any-return]


def tensor(**changes: Any) -> Callable[[dict[str, Any]], None]:
    """A change of the first tensor's layout; "…" takes a field away."""
    return lambda document: tensor_at(document).update(changes)
