"""Where the user's own modules are imported from: the folder of the file or of the project in use, before all others.

One process opens many of them, one after another (a notebook, the app's worker), and two of them like to have a
`model.py` or a `utils.py` each: what an earlier one has left must not be taken for the later one's.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import ModuleType

_put: list[str] = []  # what was put into sys.path here
_KEPT = {"torch", "torchvision", "numpy", "graphtools", "sklearn", "PIL", "tests", *sys.stdlib_module_names}


def import_beside(file: str) -> None:
    """Lets a file find its neighbors, as `python file` would. Folders of files opened before stay, behind its own.

    Modules which those have left under the name of a neighbor are forgotten.
    """
    folder = Path(file).absolute().parent
    known = _modules(_importable(folder))
    forget(n for n, m in known if not is_inside(m, folder) and any(is_inside(m, Path(one)) for one in _put))
    _lead([str(folder)], [one for one in _put if one != str(folder)])


def import_alone(folder: Path, paths: Sequence[Path]) -> None:
    """Lets Python find the modules of the project `folder`, which are imported from `paths`, as if run from there.

    What earlier files and projects had put into Python's path goes; modules from elsewhere that are called like those
    of the project are forgotten; those of installed packages stay where the project has none of that name.
    """
    known = _modules({name for path in paths for name in _importable(path)})
    forget(name for name, module in known if not is_inside(module, folder))
    _lead(list(map(str, paths)), [])


def forget(names: Iterable[str]) -> None:
    """Makes Python import these modules anew."""
    for name in list(names):  # all first: where a part of a namespace package lies is asked of the package
        sys.modules.pop(name, None)


def _importable(folder: Path) -> set[str]:
    """What can be imported from a folder: its files, and the folders in it that hold Python."""
    return {path.stem for path in folder.glob("*.py")} | {path.parent.name for path in folder.glob("*/*.py")}


def _modules(names: set[str]) -> list[tuple[str, ModuleType]]:
    """The imported modules and submodules of these names, but for those that nothing may replace."""
    replaced = names - _KEPT
    return [(name, module) for name, module in sys.modules.items() if name.partition(".")[0] in replaced]


def is_inside(module: ModuleType, folder: Path) -> bool:
    """Whether a module's file, or one of a package's folders, lies in `folder`."""
    folders = vars(module).get("__path__", ())  # a namespace package has no file
    places = [vars(module).get("__file__"), *folders]
    return any(os.path.abspath(place).startswith(str(folder) + os.sep) for place in places if place)


def _lead(first: list[str], then: list[str]) -> None:
    for text in _put:
        if text in sys.path:
            sys.path.remove(text)  # the first of that name: what others have put there is further behind
    _put[:] = [*first, *then]
    sys.path[:0] = _put
    importlib.invalidate_caches()
