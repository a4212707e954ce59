"""Example inputs: read from a text such as `int64:1,128:0..30000`, or guessed from a model's first layer."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from graphtools.capture.eager import Recorder
from graphtools.capture.preserve import preserved
from graphtools.errors import LimitError, LoadError
from graphtools.recording import Limits

_DTYPES = {
    "f64": "float64", "f32": "float32", "f16": "float16", "bf16": "bfloat16", "i64": "int64", "i32": "int32",
    "i16": "int16", "i8": "int8", "u8": "uint8", "float": "float32", "double": "float64", "half": "float16",
    "long": "int64", "int": "int32",
}  # fmt: skip
_FORM = "[NAME=][DTYPE:]SIZES[:LOW..HIGH], as 1,3,224,224 or int64:1,128:0..30000 or mask=bool:1,128"


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

    def __str__(self) -> str:
        name = f"{self.name}=" if self.name else ""
        bounds = f" in {self.low:g}..{self.high:g}" if self.low is not None and self.high is not None else ""
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
            raise LoadError(f"input {text!r}: no dtype {word!r}; use float32, int64, bool, ... The form is {_FORM}")
        dtype = found
    if not parts or len(parts) > 2:
        raise LoadError(f"input {text!r}: no sizes. The form is {_FORM}")
    sizes = parts[0].strip("()[]").replace("x", ",").strip(", ")
    try:
        shape = tuple(int(size) for size in sizes.split(",")) if sizes else ()
    except ValueError:
        raise LoadError(f"input {text!r}: {parts[0]!r} are no sizes. The form is {_FORM}") from None
    if any(size < 0 for size in shape) or (not sizes and parts[0] not in ("()", "[]")):
        raise LoadError(f"input {text!r}: sizes are numbers from 0, separated by commas. The form is {_FORM}")
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


def torchvision_inputs(name: str) -> tuple[tuple[Any, ...], str]:
    """The input that a torchvision model is usually given, and a sentence that says what it is."""
    from torchvision import models

    family = models.get_model_builder(name).__module__.removeprefix("torchvision.models.")
    if family.startswith("detection"):
        return ([torch.rand(3, 320, 320)],), "a list of one image 3×320×320, usual for torchvision's detectors"
    if family.startswith("optical_flow"):
        pair = (torch.rand(1, 3, 128, 128) * 2 - 1, torch.rand(1, 3, 128, 128) * 2 - 1)
        return pair, "two images 3×128×128, the smallest that optical flow takes"
    if family.startswith("video"):
        side = 224 if name.startswith(("mvit", "swin", "s3d")) else 112
        return (torch.rand(1, 3, 16, side, side),), f"a clip of 16 frames 3×{side}×{side}, usual for {name}"
    side = 299 if "inception" in name else 224
    return (torch.randn(1, 3, side, side),), f"one image 3×{side}×{side}, usual for torchvision's {name}"


def guess_inputs(model: Callable[..., Any], target: str) -> tuple[tuple[Any, ...], str]:
    """Inputs guessed from the first layer's weights, the first guess that the model accepts (it is run to see).

    If it accepts none, the first guess, so that the caller can show where it fails. Raises LoadError if there is
    nothing to guess from.
    """
    how = f"give one: --input 1,3,224,224, or define `example_input` in {target.partition(':')[0]}"
    if not isinstance(model, nn.Module):
        raise LoadError(f"no example input for this function; {how}")
    count = len(_required_tensors(model))
    if count == 0:
        return (), "no input: forward takes none"
    first: tuple[Any, ...] | None = None
    for spec in _guesses(model):
        args = tuple(spec.make() for _ in range(count))
        first = first if first is not None else args
        if _accepts(model, args):
            return args, f"a guess from the first layer: {spec}" + (f", {count} times" if count > 1 else "")
    if first is None:
        raise LoadError(f"no example input, and no layer of {type(model).__name__} to guess one from; {how}")
    shown = ", ".join(str(list(arg.shape)) for arg in first)
    return first, f"a guess from the first layer ({shown}), which the model does not accept; {how}"


def _required_tensors(model: nn.Module) -> list[str]:
    try:
        parameters = inspect.signature(model.forward).parameters.values()
    except (TypeError, ValueError):
        return ["x"]
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return ["x"]
    return [
        p.name for p in parameters if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]


def _guesses(model: nn.Module) -> Iterator[InputSpec]:
    for layer in model.modules():
        if isinstance(layer, nn.Embedding | nn.EmbeddingBag):
            yield InputSpec((1, 16), torch.int64, 0, layer.num_embeddings)
        elif isinstance(layer, nn.modules.conv._ConvNd):
            dimensions = len(layer.kernel_size)
            for side in {1: (1024, 128, 64), 2: (224, 32, 28, 64, 96, 8, 128, 299), 3: (16, 32, 64)}[dimensions]:
                yield InputSpec((1, layer.in_channels, *[side] * dimensions))
        elif isinstance(layer, nn.Linear | nn.Bilinear):
            width = layer.in_features if isinstance(layer, nn.Linear) else layer.in1_features
            yield InputSpec((1, width))
            yield InputSpec((1, 8, width))
            root = round(width**0.5)
            if root * root == width:
                yield InputSpec((1, 1, root, root))  # images that the model flattens
            if width % 3 == 0 and round((width // 3) ** 0.5) ** 2 * 3 == width:
                yield InputSpec((1, 3, *[round((width // 3) ** 0.5)] * 2))
        elif isinstance(layer, nn.RNNBase):
            yield InputSpec((1, 8, layer.input_size) if layer.batch_first else (8, 1, layer.input_size))
        elif isinstance(layer, nn.modules.rnn.RNNCellBase):
            yield InputSpec((1, layer.input_size))
            yield InputSpec((1, 8, layer.input_size))
        elif isinstance(layer, nn.MultiheadAttention | nn.LayerNorm):
            width = layer.embed_dim if isinstance(layer, nn.MultiheadAttention) else layer.normalized_shape[-1]
            yield InputSpec((1, 8, width))
        elif isinstance(layer, nn.modules.batchnorm._BatchNorm):
            sizes = {"1": (), "2": (8, 8), "3": (8, 8, 8)}[type(layer).__name__[-2]] if layer.num_features else ()
            yield InputSpec((2, layer.num_features, *sizes))
        else:
            continue
        return


def _accepts(model: nn.Module, args: tuple[Any, ...]) -> bool:
    # A model that is still running at the limit has accepted its input.
    with preserved(model), torch.no_grad():
        try:
            with Recorder(model, Limits(events=20_000, seconds=10), keep_values=False):
                model(*args)
        except LimitError:
            return True
        except Exception:
            return False
    return True
