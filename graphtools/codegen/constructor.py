"""Writes the `__init__` of a class: its modules, parameters and buffers, each as a person would make it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from typing import Any

import torch

from graphtools.codegen.classes import Class, Parameter, exported
from graphtools.codegen.expressions import Imports, literal, quoted
from graphtools.codegen.lines import statement
from graphtools.codegen.parts import Part
from graphtools.drafting.building import state_tensor
from graphtools.drafting.plan import Layer
from graphtools.drafting.settings import parameters_of
from graphtools.drafting.sources import Sources
from graphtools.errors import DraftError
from graphtools.graph import Node
from graphtools.words import is_name

_POSITIONAL = 2  # so many required arguments are given by place: nn.Conv2d(3, 64, kernel_size=7)


class Constructor:
    """Writes constructors. `constants` are buffers that the model itself holds, by name."""

    def __init__(
        self,
        sources: Sources,
        imports: Imports,
        constants: dict[str, torch.Tensor],
        ties: Mapping[str, list[str]] | None = None,
    ) -> None:
        self.sources = sources
        self.imports = imports
        self.constants = constants
        self.ties = ties or {}  # the statements that make tensors one, by the path of the class that holds them all

    def lines(self, made: Class) -> list[str]:
        """The lines of `__init__`, at the indentation of a class."""
        part = made.pattern
        signature = ", ".join(["self", *(self._declared(parameter) for parameter in made.parameters)])
        found = statement(f"def __init__({signature}):", 4)
        texts = iter(made.texts)
        if part.kind == "sequential":
            found += statement(f"super().__init__({self._members(part, texts)})", 8)
            return [*found, *(line for tie in self.ties.get(part.path, ()) for line in statement(tie, 8))]
        found.append("        super().__init__()")
        for name in made.stored:
            found.append(f"        self.{name} = {name}")
        for name, child in part.children.items():
            if is_name(name):
                found += statement(f"self.{name} = {self.made(child, texts)}", 8)
            else:
                found += statement(f"self.add_module({quoted(name)}, {self.made(child, texts)})", 8)
        for state in part.states:
            word = state.target.rpartition(".")[2]
            value = self._initial(state, texts)
            if state.kind == "parameter" and is_name(word):
                found += statement(f"self.{word} = {value}", 8)
            elif state.kind == "parameter":
                found += statement(f"self.register_parameter({quoted(word)}, {value})", 8)
            else:
                found += statement(f"self.register_buffer({quoted(word)}, {value})", 8)
        if not part.path:
            for name, tensor in self.constants.items():
                value = self._buffer(tensor, [str(size) for size in tensor.shape])
                found += statement(f"self.register_buffer({quoted(name)}, {value})", 8)
        return [*found, *(line for tie in self.ties.get(part.path, ()) for line in statement(tie, 8))]

    def _declared(self, parameter: Parameter) -> str:
        if not parameter.has_default:
            return parameter.name
        return f"{parameter.name}={literal(parameter.default, self.imports).code}"

    def made(self, part: Part, texts: Iterator[str | None]) -> str:
        """The expression that makes a module; takes the texts of its slots."""
        if part.made_by is not None:
            return self._instance(part, texts)
        if part.kind == "layer" and part.layer is not None:
            return self._layer(part.layer, texts)
        if part.kind == "sequential":
            return f"nn.Sequential({self._members(part, texts)})"
        if part.kind == "list":
            items = [self.made(child, texts) for child in part.children.values()]
            if len(items) > 1 and len(set(items)) == 1:
                return f"nn.ModuleList({items[0]} for _ in range({len(items)}))"
            return f"nn.ModuleList([{', '.join(_repeated(items))}])"
        if part.kind == "parameters":
            values = [f"{quoted(s.target.rpartition('.')[2])}: {self._initial(s, texts)}" for s in part.states]
            return f"nn.ParameterDict({{{', '.join(values)}}})"
        items = [f"{quoted(name)}: {self.made(child, texts)}" for name, child in part.children.items()]
        return f"nn.ModuleDict({{{', '.join(items)}}})"

    def _members(self, part: Part, texts: Iterator[str | None]) -> str:
        items = [self.made(child, texts) for child in part.children.values()]
        if list(part.children) == [str(index) for index in range(len(items))]:
            return ", ".join(_repeated(items))
        self.imports.names.setdefault("collections", set()).add("OrderedDict")
        counted = _counted(list(part.children)) if len(items) > 2 and len(set(items)) == 1 else None
        if counted is not None:  # block_0, block_1, ... of one kind
            head, first, last = counted
            numbers = f"range({last})" if first == 0 else f"range({first}, {last})"
            return f'OrderedDict((f"{head}{{i}}", {items[0]}) for i in {numbers})'
        pairs = [f"({quoted(name)}, {item})" for name, item in zip(part.children, items, strict=True)]
        return f"OrderedDict([{', '.join(pairs)}])"

    def _instance(self, part: Part, texts: Iterator[str | None]) -> str:
        by_place, by_name = [], []
        is_plain = True
        for slot, parameter in zip(exported(part), part.made_by.parameters, strict=True):
            text = next(texts)
            is_default = text is None and parameter.has_default and _equal(slot.value, parameter.default)
            if is_default:
                is_plain = False
                continue
            code = text if text is not None else literal(slot.value, self.imports).code
            if parameter.has_default or not is_plain or isinstance(slot.value, bool):
                by_name.append(f"{parameter.name}={code}")
                is_plain = False
            else:
                by_place.append(code)
        return f"{part.made_by.name}({', '.join([*by_place, *by_name])})"

    def written(self, layer: Layer) -> str:
        """The expression that makes a layer, all its settings literal."""
        return self._layer(layer, iter([None] * len(layer.settings or {})))

    def _layer(self, layer: Layer, texts: Iterator[str | None]) -> str:
        kind = self.sources.class_of(layer)
        parameters = parameters_of(kind)
        by_place: list[str] = []
        by_name: list[str] = []
        required = [name for name, p in parameters.items() if p.default is p.empty and not _is_variadic(p)]
        if isinstance(kind, type) and issubclass(kind, torch.nn.RNNBase):
            required = ["input_size", "hidden_size"]
        for name, value in (layer.settings or {}).items():
            text = next(texts)
            default = _RECURRENT.get(name) if name not in parameters else parameters[name].default
            if text is None and name not in required and _equal(value, default):
                continue
            code = text if text is not None else literal(value, self.imports).code
            only = len(required) == 1 or required[:_POSITIONAL] == list(required[:_POSITIONAL])
            is_by_place = (
                only and name in required[:_POSITIONAL] and len(by_place) == required.index(name) and not by_name
            )
            if is_by_place and layer.class_name.startswith("Conv") is False and required.index(name) > 1:
                is_by_place = False
            if not is_by_place and not by_name and not by_place and _is_obvious(layer, name):
                is_by_place = True
            (by_place if is_by_place else by_name).append(code if is_by_place else f"{name}={code}")
        dtype = self.sources.dtype_of(layer)
        if dtype is not None and _takes_dtype(kind):
            self.imports.modules.add("torch")
            by_name.append(f"dtype={dtype}")
        return f"{self.imports.function(layer.target)}({', '.join([*by_place, *by_name])})"

    # -- tensors -----------------------------------------------------------------------------------------------------

    def _initial(self, node: Node, texts: Iterator[str | None]) -> str:
        assert node.spec is not None
        sizes = []
        for size in node.spec.shape:
            text = next(texts)
            sizes.append(str(size) if text is None else text)
        try:
            tensor = state_tensor(node, self.sources)
        except DraftError:
            tensor = torch.empty(0)
        if node.kind != "parameter":
            return self._buffer(tensor, sizes)
        self.imports.modules.add("torch")
        frozen = ", requires_grad=False" if tensor.numel() and not tensor.requires_grad else ""
        return f"nn.Parameter({_start(tensor, sizes)}{frozen})"

    def _buffer(self, tensor: torch.Tensor, sizes: list[str]) -> str:
        self.imports.modules.add("torch")
        kind = "" if tensor.dtype == torch.float32 else f", dtype={tensor.dtype}"
        is_range = tensor.dtype == torch.int64 and tensor.dim() == 1 and tensor.numel() > 1
        if is_range and torch.equal(tensor.cpu(), torch.arange(tensor.numel())):
            return f"torch.arange({sizes[0]})"
        value = _constant(tensor)
        shape = _shape(sizes)
        if value == 1:
            return f"torch.ones({shape}{kind})"
        if tensor.numel() <= 64 and value is None and all(size.isdigit() for size in sizes):
            return tensor_text(tensor)
        return f"torch.zeros({shape}{kind})"


def tensor_text(tensor: torch.Tensor) -> str:
    """A small tensor as an expression that gives the same bits."""
    kind = (
        "" if tensor.dtype in (torch.float32, torch.int64, torch.bool) and tensor.numel() else f", dtype={tensor.dtype}"
    )
    values = re.sub(r"\bnan\b", 'float("nan")', re.sub(r"\binf\b", 'float("inf")', repr(tensor.tolist())))
    return f"torch.tensor({values}{kind})"


def _takes_dtype(kind: Any) -> bool:
    try:
        return "dtype" in inspect.signature(kind).parameters or issubclass(kind, torch.nn.RNNBase)
    except (TypeError, ValueError):
        return False


def _start(tensor: torch.Tensor, sizes: list[str]) -> str:
    value = _constant(tensor)
    shape = _shape(sizes)
    kind = "" if tensor.dtype == torch.float32 else f", dtype={tensor.dtype}"
    if value == 1:
        return f"torch.ones({shape}{kind})"
    if value == 0 or not (tensor.is_floating_point() or tensor.is_complex()):
        return f"torch.zeros({shape}{kind})"
    if kind:
        return f"torch.randn({shape}{kind})"
    if value is not None:
        return f"torch.full(({', '.join(sizes)}{',' if len(sizes) == 1 else ''}), {value!r})"
    deviation = float(tensor.detach().float().std()) if tensor.numel() > 1 else 1.0
    if not 0 < deviation < 1e6:
        deviation = 1.0
    return f"torch.randn({shape}) * {deviation:.2g}" if f"{deviation:.2g}" != "1" else f"torch.randn({shape})"


def _constant(tensor: torch.Tensor) -> float | None:
    """The value that all elements have; None if they differ."""
    if not tensor.numel() or tensor.is_complex():
        return None
    flat = tensor.detach().flatten()
    return float(flat[0]) if bool((flat == flat[0]).all()) else None


def _shape(sizes: list[str]) -> str:
    return ", ".join(sizes) if sizes else "()"


def _counted(names: list[str]) -> tuple[str, int, int] | None:
    """What names begin with that are numbered on from the first to before the last: `block_0`, `block_1`, ..."""
    found = re.fullmatch(r"([A-Za-z_]\w*?)(0|[1-9]\d*)", names[0])
    if found is None:
        return None
    head, first = found[1], int(found[2])
    last = first + len(names)
    return (head, first, last) if names == [f"{head}{number}" for number in range(first, last)] else None


def _repeated(items: list[str]) -> list[str]:
    """The items, a run of three or more equal ones as `*(item for _ in range(n))`."""
    found: list[str] = []
    index = 0
    while index < len(items):
        end = index
        while end < len(items) and items[end] == items[index]:
            end += 1
        count = end - index
        is_worth = count > 2 or (count == 2 and len(items[index]) > 30)
        found += [f"*({items[index]} for _ in range({count}))"] if is_worth else items[index:end]
        index = end
    return found


_RECURRENT = {
    "num_layers": 1, "bias": True, "batch_first": False, "dropout": 0.0, "bidirectional": False, "proj_size": 0,
    "nonlinearity": "tanh",
}  # fmt: skip
_OBVIOUS = {
    "Dropout": "p", "Dropout1d": "p", "Dropout2d": "p", "Dropout3d": "p", "AlphaDropout": "p",
    "LeakyReLU": "negative_slope",
    "Softmax": "dim", "LogSoftmax": "dim",
}  # fmt: skip


def _is_obvious(layer: Layer, name: str) -> bool:
    return _OBVIOUS.get(layer.class_name) == name


def _is_variadic(parameter: inspect.Parameter) -> bool:
    return parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)


def _equal(a: Any, b: Any) -> bool:
    return type(a) is type(b) and a == b
