"""Files and projects opened one after another in one process each find their own modules."""

from __future__ import annotations

import sys
from pathlib import Path

from graphtools.loading import load_model

NET = "from torch import nn\n{0}\nclass Net(nn.Linear):\n    def __init__(self):\n        super().__init__(WIDTH, 1)\n"


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        file = folder / (name.replace("__", "/") + ".py")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return folder


def width(target: Path) -> int:
    return load_model(str(target)).model.in_features  # type: ignore[attr-defined]


def test_each_file_finds_its_own_neighbor(tmp_path: Path) -> None:
    for one, n in (("a", 3), ("b", 4)):
        write(tmp_path / one, model=NET.format("from sizes import WIDTH"), sizes=f"WIDTH = {n}\n")
    assert [width(tmp_path / one / "model.py") for one in "aba"] == [3, 4, 3]


def test_a_file_opened_before_does_not_hide_a_projects_folder_of_the_same_name(tmp_path: Path) -> None:
    write(tmp_path / "file", model=NET.format("WIDTH = 3"))
    folder = write(
        tmp_path / "project", model__net=NET.format("from model.sizes import WIDTH"), model__sizes="WIDTH = 4\n"
    )
    assert width(tmp_path / "file" / "model.py") == 3
    assert width(folder) == 4


def test_what_others_have_put_into_the_path_stays(tmp_path: Path) -> None:
    write(tmp_path / "file", model=NET.format("WIDTH = 3"))
    folder = write(tmp_path / "project", net=NET.format("WIDTH = 4"))
    sys.path.append(str(tmp_path / "file"))
    width(tmp_path / "file" / "model.py")
    assert sys.path[0] == str(tmp_path / "file")
    width(folder)
    assert sys.path[0] == str(folder) and sys.path[-1] == str(tmp_path / "file")
    assert sys.path.count(str(tmp_path / "file")) == 1


def test_a_namespace_package_of_another_project_is_forgotten_with_its_parts(tmp_path: Path) -> None:
    for one, n in (("a", 3), ("b", 4)):
        files = {"net": NET.format("from model.parts.sizes import WIDTH"), "model__parts__sizes": f"WIDTH = {n}\n"}
        write(tmp_path / one, **files, model__other=f"N = {n}\n")
    assert [width(tmp_path / one) for one in "aba"] == [3, 4, 3]
