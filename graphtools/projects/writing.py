"""Writes a training project: on scikit-learn's digits, or around the code of a model.

The digits' project is the folder `template`, file by file as it stands there; a project around a model takes the same
loop, and files of its own for data, loss and settings.
"""

from __future__ import annotations

import keyword
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from graphtools.errors import GraphtoolsError
from graphtools.projects.examples import Examples
from graphtools.projects.surrounding import surrounding

_TEMPLATE = Path(__file__).parent / "template"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


class ProjectError(GraphtoolsError, ValueError):
    """A project cannot be written or read; the message says why and what to do."""


def check_place(name: str | os.PathLike[str]) -> Path:
    """The folder that a project called `name` gets. Raises ProjectError for a bad name, and if something is there."""
    folder = Path(name)
    if not _NAME.fullmatch(folder.name) or keyword.iskeyword(folder.name):
        raise ProjectError(
            f"{folder.name!r} is no name for a project. Use letters, digits, - and _, beginning with a letter: digits"
        )
    if not folder.parent.is_dir():
        raise ProjectError(f"there is no folder {folder.parent}. Make it, or name a project in one that is there")
    if folder.exists() and not folder.is_dir():
        raise ProjectError(f"{folder} is a file. Choose another name")
    if folder.is_dir() and any(folder.iterdir()):
        raise ProjectError(f"{folder} is there already and not empty. Choose another name; nothing was written")
    return folder


def write_project(
    name: str | os.PathLike[str],
    *,
    model_code: str | None = None,
    class_name: str = "Net",
    examples: Examples | None = None,
    source: str = "",
) -> Path:
    """Writes a training project into the new folder `name`, whose last part is its name; returns the folder.

    Without `model_code` it trains a small network on scikit-learn's digits. With it, it trains the class `class_name`,
    whose constructor needs no argument, on random `examples`, to be replaced by data of one's own; `source` says where
    the code comes from. The project is plain PyTorch and does not need graphtools. Imports neither torch nor the code.
    Raises ProjectError if the name is none or the folder is not empty, and OSError.
    """
    folder = check_place(name)
    files = {str(file.relative_to(_TEMPLATE)): file.read_text(encoding="utf-8") for file in _files()}
    files[".gitignore"] = files.pop("gitignore")
    if model_code is not None:
        if examples is None:
            raise ProjectError("a project around a model needs `examples`, which say what the model takes")
        files.update(surrounding(files, model_code, class_name, examples, source))
    files["README.md"] = files["README.md"].replace("PROJECT", folder.name)
    _write(folder, files)
    return folder


def _files() -> list[Path]:
    # Caches of tools that have looked at the folder are none of the template.
    folders = (_TEMPLATE, _TEMPLATE / "tests")
    return sorted(file for folder in folders for file in folder.iterdir() if file.is_file() and file.name[0] != ".")


def _write(folder: Path, files: Mapping[str, str]) -> None:
    was_there = folder.is_dir()
    try:
        for name, content in files.items():
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content, encoding="utf-8")
    except BaseException:  # half a project is none
        shutil.rmtree(folder, ignore_errors=True)
        if was_there:
            folder.mkdir(exist_ok=True)
        raise
