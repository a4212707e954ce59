"""One case of the zoo: how to build a model and its inputs, and how to compare what two runs of it returned."""

import contextlib
import dataclasses
import random
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

Built = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]
Path = str

TRAITS = frozenset({"random", "data-dependent", "in-place", "no-train", "no-gradient", "stateful", "slow"})


@dataclasses.dataclass(frozen=True)
class Case:
    """A model (or a function of tensors) together with inputs on which it runs.

    `build(train)` returns `(model, args, kwargs)` for one call `model(*args, **kwargs)`, on the CPU. The model is in
    train or eval mode already, and the arguments may depend on the mode (a detector takes targets in training). Seeds
    every random generator by `seed(0)`: two calls give bit-identical models and inputs. The forward draws on from
    there: to repeat a run, call `seed` again before it.

    `traits`:
        random: eval mode draws random numbers (in train mode, dropout makes many more cases do so).
        data-dependent: reads tensor values (`item`, `tolist`, a mask as index): operations or shapes depend on them.
        in-place (hard cases only): writes to a tensor that already exists, beyond batch norm's running statistics.
        no-train: does not run in train mode with this input; `train_note` says why.
        no-gradient: in train mode nothing that it returns requires a gradient.
        stateful: a second call of the same model, in eval mode, returns other values or runs other operations.
        slow: building and running once takes more than about 2 s on one core.

    `needs` names the packages to import besides torch and numpy; a test skips the case visibly where one is missing.
    `quiet` holds patterns of warnings that a library gives as the case is built or run; `silenced` turns these off.
    """

    name: str
    build: Callable[[bool], Built]
    traits: frozenset[str] = frozenset()
    needs: tuple[str, ...] = ()
    train_note: str = ""
    quiet: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raises ValueError where the traits are unknown, or do not agree with `train_note`."""
        if unknown := self.traits - TRAITS:
            raise ValueError(f"case {self.name!r} has unknown traits {sorted(unknown)}; known are {sorted(TRAITS)}")
        if ("no-train" in self.traits) != bool(self.train_note):
            raise ValueError(f"case {self.name!r} needs the trait 'no-train' and a train_note together, or neither")

    @contextlib.contextmanager
    def silenced(self) -> Iterator[None]:
        """A context in which the warnings named in `quiet` are ignored and all others stay as they were."""
        with warnings.catch_warnings():
            for pattern in self.quiet:
                warnings.filterwarnings("ignore", message=pattern)
            yield


def seed(value: int) -> None:
    """Seeds torch, numpy and `random`, all of which some model here draws from."""
    torch.manual_seed(value)
    np.random.seed(value)
    random.seed(value)


def seeded(make: Callable[[bool], Built]) -> Callable[[bool], Built]:
    """A `Case.build` around `make`: it seeds first, and puts the module that `make` returns in the mode asked for."""

    def build(train: bool = False) -> Built:
        seed(0)
        model, args, kwargs = make(train)
        if isinstance(model, nn.Module):
            model.train(train)
        return model, args, kwargs

    return build


def flatten(value: Any) -> list[tuple[Path, Any]]:
    """All leaves of `value` in order, each with its path: `['logits']`, `[0].boxes`, or `""` where `value` is a leaf.

    Walks mappings (`ModelOutput` too), lists, tuples, named tuples, dataclasses and, of any other object that is no
    tensor, module or callable, its attributes (a key-value cache). An object met again inside itself is a leaf there.
    """
    return list(_leaves(value, "", ()))


def _leaves(value: Any, path: Path, parents: tuple[int, ...]) -> Iterator[tuple[Path, Any]]:
    parts = None if id(value) in parents else _parts(value)
    if parts is None:
        yield path, value
        return
    if not parts:
        yield path, type(value)  # An empty container is a leaf: (), [] and {} differ.
    for step, part in parts:
        yield from _leaves(part, path + step, (*parents, id(value)))


def _parts(value: Any) -> list[tuple[str, Any]] | None:
    """The steps from `value` to what it holds; None for a leaf."""
    if isinstance(value, (torch.Tensor, nn.Module, np.ndarray, np.generic, type)) or callable(value):
        return None
    if isinstance(value, Mapping):
        return [(f"[{key!r}]", part) for key, part in value.items()]
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return [(f".{name}", getattr(value, name)) for name in value._fields]
    if isinstance(value, (list, tuple)):
        return [(f"[{index}]", part) for index, part in enumerate(value)]
    if dataclasses.is_dataclass(value):
        return [(f".{field.name}", getattr(value, field.name)) for field in dataclasses.fields(value)]
    if hasattr(value, "__dict__") and type(value).__module__ not in ("builtins", "torch"):
        return [(f".{name}", part) for name, part in vars(value).items()]
    return None


def same(a: Any, b: Any) -> str | None:
    """None if `a` and `b` have the same structure and bit-identical leaves, else the first difference in words.

    Tensors agree in class, dtype, shape, layout and every bit, except that any NaN equals any NaN; 0.0 and -0.0 differ.
    """
    left, right = flatten(a), flatten(b)
    if type(a) is not type(b):
        return f"{type(a).__name__} and {type(b).__name__}"
    for (path, leaf), (other_path, other) in zip(left, right, strict=False):
        if path != other_path:
            return f"structure: {path or 'the whole'} and {other_path or 'the whole'}"
        if difference := _leaf_difference(leaf, other):
            return f"{path}: {difference}" if path else difference
    if len(left) != len(right):
        return f"{len(left)} and {len(right)} leaves"
    return None


def _leaf_difference(a: Any, b: Any) -> str | None:
    if type(a) is not type(b):
        return f"{type(a).__name__} and {type(b).__name__}"
    if isinstance(a, torch.Tensor):
        with torch.no_grad(), torch._C.DisableTorchFunctionSubclass():
            return _tensor_difference(a.detach(), b.detach())
    if isinstance(a, np.ndarray):
        return None if a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind in "fc") else "arrays differ"
    if isinstance(a, (int, float, complex, str, bytes, np.generic, torch.dtype, torch.device, torch.Size)):
        return None if a == b or (a != a and b != b) else f"{a!r} and {b!r}"
    return None  # Of any other object only the class is compared.


def _tensor_difference(a: torch.Tensor, b: torch.Tensor) -> str | None:
    if (a.dtype, a.layout, a.is_nested) != (b.dtype, b.layout, b.is_nested):
        return f"{a.dtype} {a.layout} and {b.dtype} {b.layout}"
    if a.is_nested:
        return same(list(a.unbind()), list(b.unbind()))
    if a.shape != b.shape:
        return f"shapes {list(a.shape)} and {list(b.shape)}"
    if a.layout is torch.sparse_coo:
        return same([a.coalesce().indices(), a.coalesce().values()], [b.coalesce().indices(), b.coalesce().values()])
    if a.layout is not torch.strided:
        return same(a.to_dense(), b.to_dense())
    if a.is_quantized:
        return same([a.int_repr(), str(a.qscheme())], [b.int_repr(), str(b.qscheme())])
    if a.device.type == "meta" or a.numel() == 0:
        return None
    bytes_a, bytes_b = (t.resolve_conj().resolve_neg().reshape(-1).contiguous().view(torch.uint8) for t in (a, b))
    if torch.equal(bytes_a, bytes_b):
        return None
    flat_a, flat_b = a.reshape(-1), b.reshape(-1)
    unequal = (bytes_a != bytes_b).view(flat_a.shape[0], -1).any(1) & ~(flat_a.isnan() & flat_b.isnan())
    positions = unequal.nonzero().reshape(-1)
    if positions.numel() == 0:
        return None
    at = int(positions[0])
    return f"{positions.numel()} of {a.numel()} elements, first {flat_a[at].item()!r} and {flat_b[at].item()!r} at {at}"
