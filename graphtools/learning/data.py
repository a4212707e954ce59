"""The data of a training by a name: digits, torchvision's datasets, folders, tables, arrays, a Dataset of one's own."""

from __future__ import annotations

import ast
import csv
import importlib.util
import inspect
import io
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import Dataset, TensorDataset, random_split

from graphtools.errors import LoadError, missing
from graphtools.projects import Project
from graphtools.projects.running import FromFolder, make_data

SOURCES = {
    "digits": "scikit-learn's handwritten digits: 1,797 images of 1 × 8 × 8, ten classes",
    "torchvision:NAME": "a dataset of torchvision",
    "folder:PATH": "images in a folder for each class; train and test or val folders are taken as they are",
    "csv:FILE": "a table with a header; the target is the last column, or one called target, label, class or y",
    "numpy:FILE": "an .npz file with x and y",
    "random": "random inputs of the shape of the model's example, with targets that a fixed function of them gives",
    "FILE.py:NAME": "a Dataset of your own: a class, a function or an object; the file is executed",
}
_ENDINGS = {".npz": "numpy", ".csv": "csv", ".tsv": "csv"}  # of files that need no word before them
_DELIMITERS = ",;\t"
_TARGETS = ("target", "label", "class", "y")


@dataclass(frozen=True, slots=True)
class Data:
    """What is trained on and what is tested on; `classes` names what the targets count, None for numbers."""

    train: Dataset[Any]
    test: Dataset[Any] | None
    classes: tuple[str, ...] | None
    note: str
    collate: Callable[[list[Any]], Any] | None = None


def open_data(
    source: str,
    *,
    transforms: Sequence[str] = (),
    test_share: float = 0.2,
    seed: int = 0,
    root: str | os.PathLike[str] | None = None,
    download: bool = False,
) -> Data:
    """The data that `source` names, see SOURCES; of a path alone the ending says it (`d.npz`, `d.csv`), or the folder.

    Where there is no test set, `test_share` is split off by the seed. `transforms` are those of
    torchvision.transforms.v2, as texts: `Resize(32)`. `root` is where datasets of torchvision are looked for (default:
    `data` in the present folder). Raises LoadError, which says what to do.
    """
    transform = read_transforms(transforms)
    source = _named(source)
    kind, _, where = source.partition(":")
    if source == "digits":
        data = _digits()
    elif kind == "torchvision":
        data = _torchvision(where, Path(root or "data"), download)
    elif kind == "folder":
        data = _folder(Path(where))
    elif kind == "csv":
        data = _csv(where)
    elif kind == "numpy":
        data = _numpy(where)
    elif kind.endswith(".py"):
        data = _own(source)
    else:
        raise LoadError(f"no data {source!r}; it may be {', '.join(SOURCES)}")
    if data.test is None and test_share > 0:
        data = split(data, test_share, seed)
    return data if transform is None else transformed(data, transform)


def _named(source: str) -> str:
    """The source with its kind before it, where a path alone says which by its ending, or is a folder."""
    if source.partition(":")[0] in ("csv", "numpy", "folder", "torchvision"):
        return source
    kind = _ENDINGS.get(os.path.splitext(source)[1].lower(), "folder" if os.path.isdir(source) else "")
    return f"{kind}:{source}" if kind else source


def project_data(project: Project, test_share: float, seed: int) -> Data:
    """The data of a project, by running its code. Raises LoadError, and what the code raises."""
    parts = make_data(project)
    if not hasattr(parts.train, "__len__") or not hasattr(parts.train, "__getitem__"):
        raise LoadError("the project's training set has no length, and an epoch needs one: give --data")
    train = FromFolder(project, parts.train)
    test = None if parts.test is None else FromFolder(project, parts.test)
    note = f"{project.datasets[0].call()} of the project: {len(train):,} examples"
    note += f" and {len(test):,} to test" if test is not None else ""
    data = Data(train, test, parts.classes, note, parts.collate)
    return split(data, test_share, seed) if test is None and test_share > 0 else data


class _Transformed(Dataset[Any]):
    def __init__(self, inner: Dataset[Any], transform: Callable[[Any], Any]) -> None:
        self.inner, self.transform = inner, transform

    def __len__(self) -> int:
        return len(self.inner)  # type: ignore[arg-type]

    def __getitem__(self, index: int) -> Any:
        x, *rest = self.inner[index]
        return (self.transform(x), *rest)


def transformed(data: Data, transform: Callable[[Any], Any]) -> Data:
    """The data with a transform of each input."""
    test = None if data.test is None else _Transformed(data.test, transform)
    return replace(data, train=_Transformed(data.train, transform), test=test)


def read_transforms(texts: Sequence[str]) -> Callable[[Any], Any] | None:
    """The transforms that the texts name, one after the other; None for none. Nothing in the texts is run."""
    if not texts:
        return None
    from torchvision.transforms import v2

    return v2.Compose([_transform(text, v2) for text in texts])


def _transform(text: str, v2: Any) -> Any:
    try:
        call = ast.parse(text.strip(), mode="eval").body
        name = call.func if isinstance(call, ast.Call) else call
        if not isinstance(name, ast.Name):
            raise ValueError
        args = [ast.literal_eval(arg) for arg in call.args] if isinstance(call, ast.Call) else []
        keywords = {str(k.arg): ast.literal_eval(k.value) for k in call.keywords} if isinstance(call, ast.Call) else {}
    except (SyntaxError, ValueError):
        raise LoadError(f"no transform {text!r}; write a name with plain values, such as Resize(32)") from None
    known = [one for one, kind in vars(v2).items() if isinstance(kind, type) and issubclass(kind, torch.nn.Module)]
    if name.id not in known:
        raise LoadError(str(missing("transform", name.id, known)))
    try:
        return getattr(v2, name.id)(*args, **keywords)
    except Exception as error:
        raise LoadError(f"the transform {text} cannot be made: {error}") from None


def split(data: Data, test_share: float, seed: int) -> Data:
    """The data with a share of their examples kept for testing. Raises LoadError for too few."""
    count = len(data.train)  # type: ignore[arg-type]
    tested = max(1, round(count * test_share))
    if tested >= count:
        raise LoadError(f"{count} examples are too few to keep {test_share:.0%} for testing")
    generator = torch.Generator().manual_seed(seed)
    train, test = random_split(data.train, [count - tested, tested], generator)
    return Data(train, test, data.classes, f"{data.note}; {tested:,} of them kept for testing", data.collate)


def _digits() -> Data:
    # Its file alone: importing scikit-learn takes longer than a small training.
    package = importlib.util.find_spec("sklearn")
    folder = Path(package.origin).parent if package is not None and package.origin else Path()
    file = folder / "datasets" / "data" / "digits.csv.gz"
    if not file.is_file():
        raise LoadError("the digits are scikit-learn's: pip install scikit-learn")
    import numpy

    rows = torch.from_numpy(numpy.loadtxt(file, delimiter=","))
    x = rows[:, :64].reshape(-1, 1, 8, 8).float() / 16
    y = rows[:, 64].long()
    return Data(TensorDataset(x, y), None, tuple(map(str, range(10))), f"digits: {len(y):,} images of 1 × 8 × 8")


def _torchvision(name: str, root: Path, download: bool) -> Data:
    from torchvision import datasets
    from torchvision.transforms import v2

    known = [one for one in datasets.__all__ if isinstance(getattr(datasets, one), type)]
    if name not in known:
        raise LoadError(str(missing("dataset of torchvision", name or "", known)))
    kind = getattr(datasets, name)
    convert = v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])
    if name == "FakeData":
        fake = kind(size=512, image_size=(3, 32, 32), num_classes=10, transform=convert)
        return Data(fake, None, tuple(map(str, range(10))), "FakeData: 512 random images of 3 × 32 × 32")
    takes = inspect.signature(kind).parameters
    options: dict[str, Any] = {"transform": convert} | ({"download": download} if "download" in takes else {})
    parts: list[dict[str, Any]] = [{}]
    if "train" in takes:
        parts = [{"train": True}, {"train": False}]
    elif "split" in takes:
        parts = [{"split": "train"}, {"split": "test"}]
    try:
        made = [kind(str(root), **part, **options) for part in parts]
    except Exception as error:
        raise LoadError(
            f"torchvision's {name} was not found in {root.resolve()}: {error}. Set download = true in [data] (or "
            f"--download) to fetch it, or put its files there"
        ) from None
    classes = getattr(made[0], "classes", None)
    note = f"{name}: {len(made[0]):,} examples" + (f" and {len(made[1]):,} to test" if len(made) > 1 else "")
    return Data(made[0], made[1] if len(made) > 1 else None, tuple(map(str, classes)) if classes else None, note)


def _folder(path: Path) -> Data:
    from torchvision.datasets import ImageFolder
    from torchvision.transforms import v2

    if not path.is_dir():
        raise LoadError(f"no folder {path}")
    convert = v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])
    train = path / "train" if (path / "train").is_dir() else path
    test = next((path / name for name in ("test", "val") if train != path and (path / name).is_dir()), None)
    try:
        made = [ImageFolder(str(one), convert, loader=_image) for one in (train, test) if one is not None]
    except FileNotFoundError as error:
        raise LoadError(f"{path} is no folder of images: it needs a folder for each class. {error}") from None
    note = f"{path.name}: {len(made[0]):,} images of {len(made[0].classes)} classes"
    return Data(made[0], made[1] if len(made) > 1 else None, tuple(made[0].classes), note)


def _image(path: str) -> Any:
    from torchvision.datasets.folder import default_loader

    try:
        return default_loader(path)
    except (OSError, SyntaxError) as error:  # the second of a broken PNG
        raise LoadError(f"{path} cannot be read as an image: repair it or take it away. {error}") from None


def _csv(name: str) -> Data:
    try:
        with open(name, newline="", encoding="utf-8-sig") as file:
            rows = _rows(file.read())
    except OSError as error:
        raise LoadError(f"cannot read {name}: {error.strerror}") from None
    except (ValueError, csv.Error) as error:
        raise LoadError(f"{name} is no table of text: {error}") from None
    if len(rows) < 3:
        raise LoadError(f"{name} has {len(rows)} rows; it needs a header and at least two rows of numbers")
    header, *body = rows
    headless = _has_no_header(header, body)
    if headless:
        header, body = [f"column {i + 1}" for i in range(len(header))], rows
    if len(header) < 2:
        raise LoadError(
            f"{name} has one column, {''.join(header)!r}, and a table needs numbers and a target; its cells may stand "
            "apart by commas, semicolons or tabs"
        )
    target = next((i for i, word in enumerate(header) if word.strip().lower() in _TARGETS), len(header) - 1)
    texts = [row[target] if target < len(row) else "" for row in body]
    numbers: list[list[float]] = []
    for line, row in enumerate(body, 1 if headless else 2):
        if len(row) != len(header):
            raise LoadError(f"{name}, line {line}: {len(row)} cells where the header has {len(header)}")
        numbers.append([_cell(name, line, header[i], cell) for i, cell in enumerate(row) if i != target])
    x = torch.tensor(numbers)
    try:
        values = [float(text) for text in texts]
    except ValueError:
        values = None  # type: ignore[assignment]
    names = sorted(set(texts), key=lambda text: (len(text), text))
    if values is None or (all(value == int(value) for value in values) and len(names) <= max(20, len(texts) // 50)):
        y = torch.tensor([names.index(text) for text in texts])
        return Data(
            TensorDataset(x, y),
            None,
            tuple(names),
            f"{name}: {len(y):,} rows, {len(names)} classes of {header[target]}",
        )
    y = torch.tensor(values).unsqueeze(1)
    return Data(
        TensorDataset(x, y), None, None, f"{name}: {len(y):,} rows, {header[target]} to be predicted as a number"
    )


def _has_no_header(first: list[str], others: list[list[str]]) -> bool:
    """Whether the first row is one of the table: numbers, but for a last cell that may be a word where others are
    words too. A header of whole numbers in their order, as pandas writes 0, 1, 2, is one."""
    if len(first) < 2 or not all(map(_is_number, first[:-1])):
        return False
    if not _is_number(first[-1]):
        last = [row[-1] for row in others if row]
        return first[-1].strip().lower() not in _TARGETS and first[-1] in last
    return [text.strip() for text in first] != [str(i) for i in range(len(first))]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _rows(text: str) -> list[list[str]]:
    """The cells of a table, by the delimiter that gives its header the most: a comma, a semicolon or a tab."""

    def n_columns(delimiter: str) -> int:
        return len(next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), []))

    return list(csv.reader(io.StringIO(text, newline=""), delimiter=max(_DELIMITERS, key=n_columns)))


def _cell(name: str, line: int, column: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        what = (
            "is empty: fill it, or leave the row away"
            if not text.strip()
            else (f"is {text!r}, no number: write it as one, or leave the column away (only the target may be words)")
        )
        raise LoadError(f"{name}, line {line}: {column} {what}") from None


def _numpy(name: str) -> Data:
    import numpy

    try:
        found = numpy.load(name, allow_pickle=False)
        x, y = found["x"], found["y"]
    except OSError as error:
        raise LoadError(f"cannot read {name}: {error}") from None
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise LoadError(f"{name} must be an .npz file with arrays x and y, without Python objects: {error}") from None
    if len(x) != len(y):
        raise LoadError(f"{name}: x has {len(x)} examples and y {len(y)}")
    inputs = torch.from_numpy(x)
    targets = torch.from_numpy(y)
    inputs = inputs.float() if inputs.is_floating_point() else inputs
    is_class = not targets.is_floating_point()
    classes = tuple(map(str, range(int(targets.max()) + 1))) if is_class else None
    targets = targets.long() if is_class else targets.float()
    return Data(TensorDataset(inputs, targets), None, classes, f"{name}: {len(x):,} examples of {list(x.shape[1:])}")


def _own(target: str) -> Data:
    from graphtools.loading import run_file

    path, _, name = target.partition(":")
    module = run_file(path)
    known = [
        one
        for one, value in vars(module).items()
        if (isinstance(value, type) and issubclass(value, Dataset) and value.__module__ == module.__name__)
        or isinstance(value, Dataset)
    ]
    if not name and len(known) == 1:
        name = known[0]
    if not hasattr(module, name or " "):
        raise LoadError(f"{path} has no {name or 'Dataset'}; it has {', '.join(known) or 'none'}: write {path}:NAME")
    found = getattr(module, name)
    if not isinstance(found, Dataset):
        found = found()
    if not isinstance(found, Dataset) and not (hasattr(found, "__len__") and hasattr(found, "__getitem__")):
        raise LoadError(f"{target} gave {type(found).__name__}, which is no Dataset: it needs __len__ and __getitem__")
    classes = getattr(found, "classes", None)
    return Data(found, None, tuple(map(str, classes)) if classes else None, f"{target}: {len(found):,} examples")  # type: ignore[arg-type]
