"""Where drafts are kept: one file each, in a folder that outlives the app. Imports no streamlit."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import time
from pathlib import Path

_GUESTS_S = 30 * 24 * 3600.0
FOLDER_SAYS = "GRAPHTOOLS_DRAFTS"  # the environment variable that names another folder


def folder() -> Path:
    """The folder of all drafts of the person who runs the app. It need not exist yet."""
    named = os.environ.get(FOLDER_SAYS)
    if named:
        return Path(named)
    home = Path.home()
    if sys.platform == "darwin":
        return home / "Library" / "Application Support" / "graphtools" / "drafts"
    base = os.environ.get("LOCALAPPDATA" if os.name == "nt" else "XDG_DATA_HOME")
    return (Path(base) if base else home / ".local" / "share") / "graphtools" / "drafts"


def known(where: Path) -> list[Path]:
    """The drafts in a folder, the one changed last first."""
    found = []
    for file in where.glob("*.json"):
        try:
            found.append((file.stat().st_mtime, file))
        except OSError:  # it was removed in this moment
            continue
    return [file for _, file in sorted(found, reverse=True)]


def clear_guests(where: Path) -> None:
    """Removes the folders of guests in which nothing was changed for 30 days."""
    for one in where.glob("guest-*"):
        try:
            if time.time() - max(file.stat().st_mtime for file in (one, *one.glob("*"))) > _GUESTS_S:
                shutil.rmtree(one, ignore_errors=True)
        except OSError:  # it is being removed, or not ours to look at
            continue


def from_elsewhere(content: bytes) -> bytes:
    """The document of a draft that somebody has sent, without the file of code whose weights it would be given: that is
    run where a draft that was made here is opened. What is no document stays as it is, for opening it says why.
    """
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return content
    if not isinstance(document, dict) or str(document.get("source", "")).startswith("torchvision:"):
        return content
    source = document.pop("source", "")
    if source and isinstance(document.get("notes"), list):
        document["notes"].append(f"New weights: it was made of {source}, which is not run for a draft from elsewhere")
    return json.dumps(document).encode()


def free_file(where: Path, name: str) -> Path:
    """A file for a new draft: of that name, or with a number behind it, so that none is overwritten."""
    stem = re.sub(r"[^\w-]+", "_", name.removesuffix(".json")).strip("_") or "draft"
    taken = {file.stem for file in where.glob("*.json")}
    number, free = 1, stem
    while free in taken:
        number += 1
        free = f"{stem}-{number}"
    return where / f"{free}.json"
