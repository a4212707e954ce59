"""Example inputs as a user types them, `int64:1,128:0..30000`, and the tensors that they stand for."""

from __future__ import annotations

import re
from dataclasses import dataclass

import torch

from graphtools.errors import LoadError

_DTYPES = {
    "f64": "float64", "f32": "float32", "f16": "float16", "bf16": "bfloat16", "i64": "int64", "i32": "int32",
    "i16": "int16", "i8": "int8", "u8": "uint8", "float": "float32", "double": "float64", "half": "float16",
    "long": "int64", "int": "int32",
}  # fmt: skip
_FORM = "[NAME=][DTYPE:]SIZES[:LOW..HIGH], as 1,3,224,224 or int64:1,128:0..30000 or mask=bool:1,128"
_NO_TENSOR = "What is no tensor is given in the file, as in example_input = {'x': torch.ones(1, 3), 'scale': 0.5}."


@dataclass(frozen=True, slots=True)
class InputSpec:
    """A tensor to draw: `low` and `high` bound it (`high` excluded for integers); without them floats are normal."""

    shape: tuple[int, ...]
    dtype: torch.dtype = torch.float32
    low: float | None = None
    high: float | None = None
    name: str | None = None

    def make(self) -> torch.Tensor:
        """A tensor drawn from torch's generator."""
        if self.dtype == torch.bool:
            return torch.ones(self.shape, dtype=torch.bool)
        if self.dtype.is_floating_point or self.dtype.is_complex:
            if self.low is None or self.high is None:
                return torch.randn(self.shape).to(self.dtype)
            return torch.empty(self.shape).uniform_(self.low, self.high).to(self.dtype)
        low, high = int(self.low or 0), int(self.high if self.high is not None else 2)
        return torch.randint(low, high, self.shape).to(self.dtype)

    def typed(self) -> str:
        """The text that `parse_input` reads as this."""
        name = f"{self.name}=" if self.name else ""
        dtype = "" if self.dtype == torch.float32 else f"{str(self.dtype).removeprefix('torch.')}:"
        bounds = f":{self.low:.15g}..{self.high:.15g}" if self.low is not None and self.high is not None else ""
        return f"{name}{dtype}{','.join(map(str, self.shape)) or '()'}{bounds}"

    def __str__(self) -> str:
        name = f"{self.name}=" if self.name else ""
        bounds = f" in {self.low:.15g}..{self.high:.15g}" if self.low is not None and self.high is not None else ""
        return f"{name}{str(self.dtype).removeprefix('torch.')}{list(self.shape)}{bounds}"


def parse_input(text: str) -> InputSpec:
    """The InputSpec of `[NAME=][DTYPE:]SIZES[:LOW..HIGH]`; sizes `()` give a scalar. Raises LoadError."""
    name, equals, rest = text.partition("=")
    if not equals:
        name, rest = "", text
    if equals and not name.strip().isidentifier():
        raise LoadError(f"input {text!r}: {name!r} is no argument name. The form is {_FORM}")
    parts = [part.strip() for part in rest.split(":")]
    dtype = torch.float32
    if parts and re.fullmatch(r"[A-Za-z_]\w*", parts[0]):
        word = parts.pop(0).removeprefix("torch.")
        found = getattr(torch, _DTYPES.get(word, word), None)
        if not isinstance(found, torch.dtype):
            said = f"no dtype {word!r}; use float32, int64, bool, ... {_NO_TENSOR}"
            raise LoadError(f"input {text!r}: {said} The form is {_FORM}")
        dtype = found
    if not parts or len(parts) > 2:
        raise LoadError(f"input {text!r}: no sizes. The form is {_FORM}")
    sizes = parts[0].strip("()[] ")
    if re.fullmatch(r"-?\d+(\s*[,x]\s*-?\d+)*\s*,?", sizes) is None and parts[0] not in ("", "()", "[]"):
        raise LoadError(f"input {text!r}: {parts[0]!r} are no sizes. {_NO_TENSOR} The form is {_FORM}")
    if "-" in sizes or not parts[0]:
        raise LoadError(f"input {text!r}: sizes are numbers from 0, separated by commas. The form is {_FORM}")
    shape = tuple(map(int, re.findall(r"\d+", sizes)))
    low = high = None
    if len(parts) == 2:
        bounds = re.fullmatch(r"(-?[\d.eE+-]+?)\.\.(-?[\d.eE+-]+)", parts[1])
        try:
            low, high = (float(bounds[1]), float(bounds[2])) if bounds else (None, None)
        except ValueError:
            low = None
        if low is None or high is None or not low < high:
            raise LoadError(f"input {text!r}: {parts[1]!r} is no range LOW..HIGH. The form is {_FORM}")
    return InputSpec(shape, dtype, low, high, name.strip() or None)
