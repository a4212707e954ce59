"""What the examples of a model look like, and what its loss is: what a project around a model's code has to know."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

LossKind = Literal["classes", "tokens", "numbers", "own"]
_LARGE = 20_000  # numbers of one example, from which on few examples are enough to wait for


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument of forward, as one example gives it: without the batch dimension, unless there is none.

    `high` bounds integers (excluded).
    """

    name: str
    shape: tuple[int, ...]
    dtype: str = "float32"
    high: int = 2

    def code(self) -> str:
        """An expression that draws it from `generator`."""
        size = f"({self.shape[0]},)" if len(self.shape) == 1 else str(self.shape)
        sizes = ", ".join(map(str, self.shape)) or "()"
        if self.dtype == "bool":
            return f"torch.ones({sizes}, dtype=torch.bool)"
        if self.dtype.startswith(("float", "bfloat", "complex")):
            dtype = "" if self.dtype == "float32" else f", dtype=torch.{self.dtype}"
            image = "rand" if len(self.shape) == 3 and self.shape[0] in (1, 3) and not dtype else "randn"
            return f"torch.{image}({sizes}, generator=generator{dtype})"
        dtype = "" if self.dtype == "int64" else f", dtype=torch.{self.dtype}"
        return f"torch.randint({self.high}, {size}, generator=generator{dtype})"

    def words(self) -> str:
        """As a sentence names it: `x: float32 [3, 224, 224]`."""
        bound = f", from 0 to {self.high - 1}" if self.dtype.startswith(("int", "uint")) else ""
        return f"{self.name}: {self.dtype} {list(self.shape)}{bound}"


@dataclass(frozen=True, slots=True)
class Examples:
    """The examples of a model, and its loss.

    `batch` is the only batch size that the model takes, None for any; `is_whole` if its inputs have no common first
    dimension that could be a batch, so that an example is all that forward takes. `loss` is that of class numbers, of
    tokens, of numbers, or the model's own result. `output` leads to the tensor for the loss inside of the result, as
    `["logits"]` or `[0]`; `target` is its shape for one example, `n_classes` the number of classes.
    """

    arguments: tuple[Argument, ...]
    loss: LossKind = "classes"
    n_classes: int = 10
    target: tuple[int, ...] = ()
    output: str = ""
    batch: int | None = None
    is_whole: bool = False

    @property
    def is_large(self) -> bool:
        """Whether an example is so large that a training on the CPU needs patience."""
        count = 0
        for argument in self.arguments:
            size = 1
            for n in argument.shape:
                size *= n
            count += size
        return count > _LARGE

    @property
    def are_digits(self) -> bool:
        """Whether scikit-learn's digits are such examples."""
        x = self.arguments[0]
        is_image = len(self.arguments) == 1 and x.shape == (1, 8, 8) and x.dtype == "float32"
        return is_image and self.loss == "classes" and self.n_classes == 10 and not self.target and not self.batch

    def target_code(self) -> str:
        """An expression that draws a target from `generator`."""
        if self.loss == "own":
            return "torch.zeros(())"
        if self.loss == "numbers":
            return Argument("target", self.target).code().replace("torch.rand(", "torch.randn(")
        return Argument("target", self.target, "int64", self.n_classes).code()

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Examples:
        """The Examples that `to_json` gave, also after a way through JSON."""
        arguments = tuple(Argument(**{**one, "shape": tuple(one["shape"])}) for one in document["arguments"])
        return cls(**{**document, "arguments": arguments, "target": tuple(document["target"])})


def local_names(examples: Examples) -> list[str]:
    """Names for the arguments as variables, none of them one that the dataset's code uses."""
    names: list[str] = []
    for argument in examples.arguments:
        word = re.sub(r"\W", "_", argument.name)
        word = word if word.isidentifier() else f"x_{word}"
        while word in ("target", "generator", "torch", "self", "index", *names):
            word += "_"
        names.append(word)
    return names
