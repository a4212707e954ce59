"""Hard cases of what goes in and what comes out: containers, objects, nothing at all, and one tensor in two places."""

import functools
from collections import OrderedDict, namedtuple
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from tests.zoo.case import Case
from tests.zoo.hard import call, collect

CASES: list[Case] = []
hard = functools.partial(collect, CASES)

Pair = namedtuple("Pair", ["left", "right"])


class Prediction(NamedTuple):
    """A typed named tuple with a default."""

    logits: Tensor
    probability: Tensor
    label: str = "none"


@dataclass
class Detection:
    """A dataclass that holds a tensor, an optional tensor and a nested dataclass."""

    boxes: Tensor
    mask: Tensor | None = None
    child: "Detection | None" = None


@dataclass
class Output(OrderedDict):
    """A dataclass that is an ordered mapping of its fields that are not None, as transformers' `ModelOutput` is."""

    loss: Tensor | None = None
    hidden: Tensor | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            if getattr(self, field.name) is not None:
                self[field.name] = getattr(self, field.name)


class Opaque:
    """A plain object with tensors in attributes: no tree utility knows it."""

    def __init__(self, value: Tensor, parts: list[Tensor]) -> None:
        self.value, self.parts = value, parts


class Celsius(Tensor):
    """A tensor subclass without a `__torch_function__` of its own."""


class Counted(Tensor):
    """A tensor subclass that intercepts every function and changes what `add` does."""

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = super().__torch_function__(func, types, args, kwargs or {})
        return super().__torch_function__(torch.mul, types, (result, 2)) if func is torch.add else result


class _Linear(nn.Module):
    """One Linear of 8 to 4 features, for the cases below to build on."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 4)


@hard(lambda: call(torch.randn(2, 8)))
class DictOutput(_Linear):
    """Returns a dict with a nested dict, an int key and values that are no tensors."""

    def forward(self, x: Tensor) -> dict[Any, Any]:
        y = self.layer(x)
        return {"logits": y, 3: y.sum(), "nested": {"max": y.max(-1)}, "name": "net", "scale": 0.5, "none": None}


@hard(lambda: call(torch.randn(2, 8)))
class DataclassOutput(_Linear):
    """Returns a dataclass within a dataclass, one field None."""

    def forward(self, x: Tensor) -> Detection:
        return Detection(self.layer(x), child=Detection(x * 2, mask=x > 0))


@hard(lambda: call(torch.randn(2, 8)))
class NamedTupleOutput(_Linear):
    """Returns both kinds of named tuple and torch's own structseq from `topk`."""

    def forward(self, x: Tensor) -> Pair:
        y = self.layer(x)
        return Pair(left=Prediction(y, y.softmax(-1)), right=y.topk(2))


@hard(lambda: call(torch.randn(2, 8)))
class MappingDataclassOutput(_Linear):
    """Returns an object that is a dataclass and an OrderedDict at once: every tensor is reachable in two ways."""

    def forward(self, x: Tensor) -> Output:
        return Output(hidden=self.layer(x))


@hard(lambda: call(torch.randn(2, 8)))
class ObjectOutput(_Linear):
    """Returns a plain object, which no tree utility opens; its tensors are outputs all the same."""

    def forward(self, x: Tensor) -> Opaque:
        y = self.layer(x)
        return Opaque(y, list(y.unbind(0)))


@hard(
    lambda: call({"x": [torch.randn(2, 8), (torch.randn(2, 8), {"deep": torch.randn(2, 8)})]}, Pair(torch.ones(4), 2))
)
class NestedInputs(_Linear):
    """Tensors inside a dict of a list of a tuple of a dict, and in a named tuple beside an int."""

    def forward(self, batch: dict[str, Any], pair: Pair) -> Tensor:
        first, (second, rest) = batch["x"]
        return self.layer(first + second * rest["deep"]) * pair.left + pair.right


@hard(lambda: call(query=torch.randn(2, 8), key=torch.randn(3, 8), scale=0.5))
class KeywordOnlyInputs(_Linear):
    """All inputs are keyword-only, given in another order than the signature's."""

    def forward(self, *, key: Tensor, scale: float, query: Tensor) -> Tensor:
        return self.layer(query) @ self.layer(key).T * scale


@hard(lambda: call(torch.randn(2, 8), torch.randn(2, 8), torch.randn(2, 8), shift=torch.randn(8), scale=torch.rand(1)))
class VariadicInputs(_Linear):
    """`*args` and `**kwargs`: the signature names no input."""

    def forward(self, *tensors: Tensor, **options: Tensor) -> Tensor:
        return self.layer(sum(tensors) * options["scale"] + options.get("shift", 0))


@hard(lambda: call(torch.randn(2, 8), None))
class OptionalInputs(_Linear):
    """Optional inputs: one given as None, one left to its default, and a None handed on in the output."""

    def forward(self, x: Tensor, mask: Tensor | None, bias: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        y = self.layer(x)
        return (y if mask is None else y * mask), bias


@hard(lambda: call(torch.randn(2, 8), 3, True, 0.25, "mean", slice(0, 2)))
class PlainInputs(_Linear):
    """Inputs that are an int, a bool, a float, a string and a slice: constants of the graph."""

    def forward(self, x: Tensor, n: int, flip: bool, scale: float, reduction: str, part: slice) -> Tensor:
        y = self.layer(x)[part] * scale
        return getattr(torch, reduction)(y.flip(0) if flip else y, dim=0).repeat(n)


@hard(lambda: call(Detection(torch.randn(2, 8), child=Detection(torch.randn(2, 8)))))
class DataclassInput(_Linear):
    """The input is a dataclass, and the forward writes a new tensor into it."""

    def forward(self, target: Detection) -> Detection:
        target.mask = self.layer(target.boxes + target.child.boxes)
        return target


@hard(lambda: call({"x": torch.randn(2, 8), "y": torch.randn(2, 8)}, [torch.randn(2, 8)]))
class ConsumedInputs(_Linear):
    """The forward pops from the dict and appends to the list it was given: afterwards the arguments are others."""

    def forward(self, batch: dict[str, Tensor], history: list[Tensor]) -> Tensor:
        x, y = batch.pop("x"), batch.pop("y")
        history.append(x + y)
        return self.layer(torch.stack(history)).sum(0)


@hard(lambda: call(torch.randn(2, 8).as_subclass(Celsius)))
class SubclassInput(_Linear):
    """The input's class is a subclass of Tensor, which spreads to all results."""

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x).relu() + x.mean()


@hard(lambda: call(torch.randn(2, 8).as_subclass(Counted)))
class InterceptingSubclassInput(_Linear):
    """The input's class overrides `__torch_function__`, so that `torch.add` returns twice the sum."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.add(self.layer(x), 1)


@hard(lambda: (lambda x: call(x, x, [x]))(torch.randn(2, 8)))
class OneTensorThreeTimes(_Linear):
    """One tensor is given in three places: three inputs, one identity."""

    def forward(self, a: Tensor, b: Tensor, rest: list[Tensor]) -> Tensor:
        return self.layer(a + b) * self.layer(rest[0])


@hard(lambda: (lambda x: call(x, x[:, 2:], x.t()))(torch.randn(8, 8)))
class InputsShareStorage(_Linear):
    """The inputs are views of one base, with other strides and an offset."""

    def forward(self, base: Tensor, part: Tensor, transposed: Tensor) -> Tensor:
        return self.layer(base + transposed)[:, :2] + part[:, :2]


@hard(lambda: call(torch.randn(2, 8)))
class OutputsShareStorage(_Linear):
    """Returns one tensor twice, two views of it, and a detached alias."""

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        y = self.layer(x)
        return y, y, y[0], y.t(), y.detach()


@hard(lambda: call(torch.randn(2, 8)), "no-gradient")
class ReturnsItsInput(nn.Module):
    """Returns its input itself: no operation lies between, and the output has no node of its own."""

    def forward(self, x: Tensor) -> Tensor:
        return x


@hard(lambda: call(torch.randn(2, 8)), "no-gradient")
class NoOperations(nn.Module):
    """Rearranges its inputs through submodules and runs no operation."""

    def __init__(self) -> None:
        super().__init__()
        self.same = nn.Sequential(nn.Identity(), nn.Identity())

    def forward(self, x: Tensor) -> dict[str, Any]:
        return {"x": self.same(x), "again": [x], "shape": x.shape}


@hard(lambda: call(torch.randn(2, 8)), "no-gradient")
class NoParameters(nn.Module):
    """A model without parameters or buffers: nothing requires a gradient."""

    def forward(self, x: Tensor) -> Tensor:
        return (x.softmax(-1) * torch.arange(8)).sum(-1).sqrt()


@hard(lambda: call())
class NoInputs(nn.Module):
    """A model without inputs: everything comes from its parameters and factory functions."""

    def __init__(self) -> None:
        super().__init__()
        self.points = nn.Parameter(torch.randn(5, 2))

    def forward(self) -> Tensor:
        return torch.cdist(self.points, torch.eye(2)) + torch.linspace(0, 1, 2)


@hard(lambda: call(torch.randn(2, 8)), "no-gradient")
class NoOutput(_Linear):
    """Computes and returns None, as a module does that only keeps statistics."""

    def forward(self, x: Tensor) -> None:
        self.layer(x).mean()


@hard(lambda: call(torch.randn(2, 8)), "data-dependent")
class ParameterAsOutput(_Linear):
    """Returns a parameter itself and a plain number read from the graph beside it."""

    def forward(self, x: Tensor) -> tuple[Tensor, float]:
        return self.layer.weight, x.mean().item()


@hard(lambda: call(torch.randn(0, 8), torch.tensor(2.0), torch.randn(8, 1).expand(8, 8), torch.randn(8, 4).t()))
class OddShapes(_Linear):
    """An empty tensor, a 0-dim tensor, an expanded one with stride 0 and a transposed one."""

    def forward(self, empty: Tensor, scalar: Tensor, expanded: Tensor, transposed: Tensor) -> list[Tensor]:
        return [self.layer(empty), self.layer(expanded) * scalar, self.layer(transposed), empty.sum()]


@hard(
    lambda: call(
        torch.arange(6).reshape(2, 3),
        torch.tensor([True, False]),
        torch.randn(2, 3, dtype=torch.float64),
        torch.randn(2, 3).to(torch.bfloat16),
        torch.randn(2, 3).to(torch.float16),
        torch.tensor([[200, 7, 255]], dtype=torch.uint8),
        torch.randn(2, 3).to(torch.float8_e4m3fn),
    ),
    "no-gradient",
)
def many_dtypes(i: Tensor, b: Tensor, f64: Tensor, bf16: Tensor, f16: Tensor, u8: Tensor, f8: Tensor) -> list[Tensor]:
    """int64, bool, float64, bfloat16, float16, uint8 (which wraps around) and float8, promoted by each other."""
    return [i + f64, f64 * bf16, bf16 + f16, u8 + u8, u8 - i, b[:, None] & (i > 2), f8.float() + f16, i // 2, i / 2]


@hard(lambda: call(torch.tensor([[1.0, float("nan"), float("inf")], [-float("inf"), -0.0, 0.0]])), "no-gradient")
def not_finite(x: Tensor) -> list[Tensor]:
    """NaN, infinities and negative zero, made and spread: comparisons of values by `==` would fail."""
    return [x, x.log(), x - x, x / 0, x.nan_to_num(), x.softmax(-1), x == x]
