"""From where a project's modules are imported: the folders that Python would look in, and the names."""

from __future__ import annotations

import re
from pathlib import Path

from graphtools.projects.project import Role


def import_paths(folder: Path, files: list[Path], roles: dict[Path, tuple[Role, str]]) -> list[Path]:
    """The folders that Python would look in: that of the script that trains, out of its package, and the project."""
    scripts = [f for f in files if roles[f][0] == "train"] or [f for f in files if roles[f][0] == "model"] or files
    scripts.sort(key=lambda f: (len(f.parts), f.stem not in ("train", "main", "model")))
    here = scripts[0].parent
    while here != folder and ((here / "__init__.py").exists() or _imports_relatively(here)):
        here = here.parent
    return list(dict.fromkeys([here, folder]))


def _imports_relatively(folder: Path) -> bool:
    for file in folder.glob("*.py"):
        try:
            if re.search(r"^\s*from \.", file.read_text(encoding="utf-8-sig"), re.MULTILINE):
                return True
        except (OSError, ValueError):
            continue
    return False


def module_name(path: Path, paths: list[Path]) -> str:
    for root in paths:
        if path.is_relative_to(root):
            parts = path.relative_to(root).with_suffix("").parts
            return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)
    return path.stem
