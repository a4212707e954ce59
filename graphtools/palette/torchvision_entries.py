"""The entries of torchvision: its models, the blocks that they are made of, and its operations."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from typing import Any

from torch import nn

from graphtools.drafting.settings import parameters_of
from graphtools.kinds import category
from graphtools.palette.entry import Entry, Parameter, Port, function_entry, module_entry, summary_of

_NOT_FOR_GRAPHS = ("quantization", "detection", "optical_flow", "feature_extraction", "._")  # or not of one value
_PLAIN = frozenset("int float bool str list tuple Sequence None Optional Union Any".split())


def torchvision_entries() -> list[Entry]:
    """All of them; none where torchvision is not installed."""
    try:
        from torchvision import models, ops
    except ImportError:
        return []
    return [*_models(models), *_blocks(models), *_operations(ops)]


def _models(models: Any) -> list[Entry]:
    found = []
    for name in models.list_models():
        builder = models.get_model_builder(name)
        if "quantization" in builder.__module__:
            continue
        parameters = (Parameter("num_classes", "integer", False, 1000, type="int"),)
        doc = inspect.getdoc(builder) or ""
        is_classifier = builder.__module__.count(".") == 2
        text = f"{name}(num_classes=1000)" if is_classifier else f"{name}()"
        found.append(
            Entry(
                f"{builder.__module__}.{name}", name, "torchvision models", "other", True, summary_of(doc), doc, text,
                parameters if is_classifier else (), (Port("x"),), ("output",),
            )
        )  # fmt: skip
    return found


def _blocks(models: Any) -> list[Entry]:
    """The public classes of modules in the files of the models that can be made of numbers alone, and are no models."""
    found = []
    for file in pkgutil.walk_packages(models.__path__, f"{models.__name__}."):
        if any(word in file.name for word in _NOT_FOR_GRAPHS):
            continue
        module = importlib.import_module(file.name)
        for name, kind in sorted(vars(module).items()):
            is_class = isinstance(kind, type) and issubclass(kind, nn.Module) and kind.__module__ == file.name
            if is_class and not name.startswith("_") and _is_block(kind):
                found.append(module_entry(f"{file.name}.{name}", kind, "torchvision blocks", category(name)))
    return found


def _is_block(kind: type) -> bool:
    parameters = parameters_of(kind).values()
    if not parameters or any(p.name == "num_classes" and p.default is not p.empty for p in parameters):
        return False
    return all(
        _is_plain(p.annotation)
        for p in parameters
        if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    )


def _is_plain(annotation: Any) -> bool:
    """Whether a parameter takes a number, a switch, a text, or several. One that is not annotated is a number."""
    text = annotation.__name__ if type(annotation) is type else str(annotation).rpartition("class ")[2]
    if annotation is inspect.Parameter.empty:
        return True
    return all(word in _PLAIN for word in re.findall(r"[A-Za-z_]\w*(?![\w.])", text))


def _operations(ops: Any) -> list[Entry]:
    found = []
    for name in sorted(ops.__all__):
        thing: Any = getattr(ops, name)
        target = f"{thing.__module__}.{name}"
        if isinstance(thing, type) and issubclass(thing, nn.Module):
            found.append(module_entry(target, thing, "torchvision.ops", category(name)))
        elif inspect.isfunction(thing):
            entry = function_entry(target, thing, "torchvision.ops", category(name))
            if entry is not None:
                found.append(entry)
    return found
