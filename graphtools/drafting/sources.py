"""What a draft holds besides its plan: the model it was opened from, and values and objects that are no data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import torch
from torch import nn

from graphtools.drafting.plan import Layer
from graphtools.drafting.settings import parameters_of
from graphtools.drafting.targets import find
from graphtools.errors import DraftError
from graphtools.graph import ListArg, Ref, Symbol


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the weights, constants, functions and objects of a plan are found. Not changed by edits.

    `states` are values of parameter and buffer nodes that stand for tensors of a module that was taken apart, by the
    name of the node. `functions` and `classes` are those met in a model of the user's, by target; `allowed` are
    packages that a draft from a file may import besides torch and torchvision.
    """

    model: nn.Module | None = None
    tensors: Mapping[str, torch.Tensor] = field(default_factory=dict)
    functions: Mapping[str, Any] = field(default_factory=dict)
    classes: Mapping[str, type] = field(default_factory=dict)
    objects: Mapping[str, Any] = field(default_factory=dict)
    modules: Mapping[str, nn.Module] = field(default_factory=dict)
    states: Mapping[str, torch.Tensor] = field(default_factory=dict)
    allowed: tuple[str, ...] = ()
    training: bool = False

    def find(self, target: str) -> Any:
        """The class or function of a target: one met in the opened model, else what `targets.find` finds."""
        for known in (self.functions, self.classes):
            if target in known:
                return known[target]
        return find(target, self.allowed)

    def function(self, target: str) -> Any:
        """The function that a node calls. Raises DraftError for one that makes a model, which may download weights."""
        found = self.find(target)
        if target.startswith("torchvision.models.") and "weights" in parameters_of(found):
            raise DraftError(f"a draft does not call {target}; it may have the model as a module")
        return _applied(found) if _is_autograd(found) else found

    def is_applied(self, target: str) -> bool:
        """Whether a node calls the `apply` of an autograd.Function, whose name is the target."""
        try:
            found = self.find(target)
        except DraftError:
            return False
        return _is_autograd(found) or _is_autograd(getattr(found, "__self__", None))

    def module(self, origin: str) -> nn.Module | None:
        """The module at a path of the opened model, or one that was given to the draft as an object."""
        if origin in self.modules:
            return self.modules[origin]
        given = next((key for key in self.modules if key.startswith("given.") and origin.startswith(key + ".")), None)
        if given is not None:
            return _below(self.modules[given], origin[len(given) + 1 :])
        if self.model is None or not origin:
            return None
        return _below(self.model, origin)

    def class_of(self, layer: Layer) -> Any:
        """The class of a layer. Raises DraftError."""
        kind = self.find(layer.target)
        is_builder = callable(kind) and not isinstance(kind, type) and layer.target.startswith("torchvision.")
        if is_builder or (isinstance(kind, type) and issubclass(kind, nn.Module)):
            return kind
        raise DraftError(f"{layer.target} is no class of modules")

    def make(self, layer: Layer, path: str) -> nn.Module:
        """A new module of a layer, with new weights. Raises DraftError, which says what the constructor said."""
        if layer.settings is None:
            known = self.module(layer.origin)
            if known is None:
                raise DraftError(f"{path!r} is a {layer.class_name} of which only the model knew how it was made")
            import copy

            return copy.deepcopy(known)
        kind = self.class_of(layer)
        settings = {name: self.thaw(value) for name, value in layer.settings.items()}
        if layer.target.startswith("torchvision.models.") and not isinstance(kind, type):
            settings.setdefault("weights", None)
            if "weights_backbone" in parameters_of(kind):
                settings.setdefault("weights_backbone", None)  # a detector's default would be downloaded
            is_loading = settings["weights"] is not None or settings.get("weights_backbone") is not None
            if is_loading and "*" not in self.allowed:
                raise DraftError(f"{path!r}: a draft downloads no weights; load them after it is built")
        try:
            made = kind(**settings)
        except Exception as error:
            said = " ".join(str(error).split()) or type(error).__name__
            raise DraftError(f"{path!r}: {layer.class_name} cannot be made so: {said}") from error
        known = self.module(layer.origin)
        if known is not None:
            _cast(made, known)
        return made  # type: ignore[no-any-return]

    def dtype_of(self, layer: Layer) -> torch.dtype | None:
        """That of all weights of the module that a layer comes from; None for the usual one, float32."""
        known = self.module(layer.origin)
        found = {p.dtype for p in known.parameters() if p.is_floating_point()} if known is not None else set()
        return next(iter(found)) if len(found) == 1 and found != {torch.float32} else None

    def thaw(self, value: Any) -> Any:
        """An argument without references as Python takes it."""
        return thaw(value, lambda ref: ref, self.objects)


def _is_autograd(found: Any) -> bool:
    return isinstance(found, type) and issubclass(found, torch.autograd.Function)


@lru_cache(maxsize=256)
def _applied(kind: Any) -> Any:
    """The `apply` of an autograd.Function, under a name by which torch.fx can write it."""

    def apply(*args: Any) -> Any:
        return kind.apply(*args)

    apply.__name__, apply.__qualname__, apply.__module__ = kind.__name__, kind.__qualname__, kind.__module__
    return apply


def _cast(module: nn.Module, known: nn.Module) -> None:
    """Gives the weights of a new module the types of those of the same names."""
    tensors = {**dict(known.named_parameters()), **dict(known.named_buffers())}
    for path, one in module.named_modules():
        for name, tensor in [*one._parameters.items(), *one._buffers.items()]:
            theirs = tensors.get(f"{path}.{name}" if path else name)
            if tensor is None or theirs is None or theirs.dtype == tensor.dtype:
                continue
            made = tensor.detach().to(theirs.dtype)
            is_parameter = isinstance(tensor, nn.Parameter)
            setattr(one, name, nn.Parameter(made, tensor.requires_grad) if is_parameter else made)


def _below(module: nn.Module, path: str) -> nn.Module | None:
    try:
        return module.get_submodule(path)
    except AttributeError:
        return None


def thaw(arg: Any, look_up: Any, objects: Mapping[str, Any]) -> Any:
    """The argument as Python takes it, references looked up. Raises DraftError for an object that is not known here."""
    if isinstance(arg, Ref):
        return look_up(arg)
    if isinstance(arg, ListArg):
        return [thaw(item, look_up, objects) for item in arg]
    if isinstance(arg, tuple):
        return tuple(thaw(item, look_up, objects) for item in arg)
    if isinstance(arg, Mapping):
        return {key: thaw(item, look_up, objects) for key, item in arg.items()}
    if isinstance(arg, slice):
        return slice(*(thaw(item, look_up, objects) for item in (arg.start, arg.stop, arg.step)))
    if not isinstance(arg, Symbol):
        return arg
    if arg.kind == "device":
        return torch.device(arg.text)
    if arg.kind in ("dtype", "layout", "memory_format"):
        found = getattr(torch, arg.text.removeprefix("torch."), None)
        if not isinstance(found, torch.dtype | torch.layout | torch.memory_format):
            raise DraftError(f"torch has no {arg.kind} {arg.text}")
        return found
    if arg.text in objects:
        return objects[arg.text]
    raise DraftError(f"an argument is known only as {arg.text or 'open'}; give it again")
