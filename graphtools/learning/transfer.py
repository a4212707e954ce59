"""Transfer learning: weights from elsewhere, frozen parameters, a new head, learning rates by pattern."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from graphtools.errors import FormatError, LoadError
from graphtools.learning.checkpoints import SUFFIX, load_checkpoint


def load_weights(model: nn.Module, file: str) -> str:
    """Loads a state dict, or a checkpoint of graphtools, into the model; says what fitted. Executes nothing in it.

    Entries of another shape or name are left out and named; if none fits, LoadError is raised.
    """
    found = _state_of(file)
    own = model.state_dict()
    fitting = {name: value for name, value in found.items() if name in own and own[name].shape == value.shape}
    if not fitting:
        raise LoadError(f"nothing in {file} fits the model: it holds {', '.join(list(found)[:4])} and more")
    model.load_state_dict(fitting, strict=False)
    others = [name for name in own if name not in fitting]
    left = f"; as they were: {', '.join(others[:4])}{' and more' if len(others) > 4 else ''}" if others else ""
    return f"weights: {len(fitting)} of {len(own)} tensors from {file}{left}"


def _state_of(file: str) -> Mapping[str, torch.Tensor]:
    if file.endswith(SUFFIX):
        found: Any = load_checkpoint(file)["model"]
    else:
        try:
            found = torch.load(file, map_location="cpu", weights_only=True)
        except OSError as error:
            raise LoadError(f"cannot read {file}: {error.strerror or error}") from None
        except Exception as error:  # the restricted reader refuses what would run code
            raise LoadError(f"{file} is no file of weights alone: {error}") from None
    for name in ("state_dict", "model"):
        if isinstance(found, Mapping) and isinstance(found.get(name), Mapping):
            found = found[name]
    if not isinstance(found, Mapping) or not all(isinstance(value, torch.Tensor) for value in found.values()):
        raise FormatError(f"{file} holds no state dict: names with tensors")
    return found


def freeze(model: nn.Module, patterns: Sequence[str]) -> list[str]:
    """Takes parameters out of training, by patterns of their paths or of their modules' (`layer1`, `layer1.*.bias`).

    Returns their paths. Raises LoadError for a pattern that fits none.
    """
    names = [name for name, _ in model.named_parameters()]
    frozen: set[str] = set()
    for pattern in patterns:
        fitting = matching(names, pattern)
        if not fitting:
            raise LoadError(f"the pattern {pattern!r} fits no parameter; there are {', '.join(names[:6])} ...")
        frozen.update(fitting)
    for name, parameter in model.named_parameters():
        if name in frozen:
            parameter.requires_grad_(False)
    return [name for name in names if name in frozen]


def matching(names: Iterable[str], pattern: str) -> list[str]:
    """The paths that a pattern fits, as it is or as that of a module around them."""
    return [name for name in names if fnmatch.fnmatchcase(name, pattern) or fnmatch.fnmatchcase(name, pattern + ".*")]


def frozen_norms(model: nn.Module) -> list[nn.Module]:
    """The batch norms of which all parameters are frozen: their statistics should stay, so they run in eval mode."""
    found = [module for module in model.modules() if isinstance(module, _BatchNorm)]
    return [one for one in found if (own := list(one.parameters())) and not any(p.requires_grad for p in own)]


def replace_head(model: nn.Module, n_classes: int) -> str:
    """Puts a new last layer with `n_classes` results in place of the last Linear or 1 × 1 Conv2d; returns its path.

    It is freshly initialized. Raises LoadError where the model has none.
    """
    found = [
        (name, module)
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) or (isinstance(module, nn.Conv2d) and module.kernel_size == (1, 1))
    ]
    # An auxiliary classifier (googlenet, inception) comes before, or is called so; the head is the last of the others.
    heads = [(name, module) for name, module in found if "aux" not in name.lower()]
    linear = [pair for pair in heads if isinstance(pair[1], nn.Linear)]
    if not heads:
        raise LoadError(f"{type(model).__name__} has no Linear or 1 × 1 Conv2d that could be its head")
    # A model with a Linear ends in it; one without, as squeezenet, in a convolution.
    name, old = (linear or heads)[-1]
    new: nn.Module
    if isinstance(old, nn.Linear):
        new = nn.Linear(old.in_features, n_classes, bias=old.bias is not None)
    else:
        assert isinstance(old, nn.Conv2d)
        new = nn.Conv2d(old.in_channels, n_classes, 1, bias=old.bias is not None)
    parent, _, last = name.rpartition(".")
    place = model.get_submodule(parent)
    new.to(next(old.parameters()).device)
    setattr(place, last, new)  # also in a Sequential, whose children go by their numbers or by names
    return name


def groups(model: nn.Module, rates: Mapping[str, float]) -> list[dict[str, Any]]:
    """Parameter groups for an optimizer: those of each pattern with its learning rate, then all others.

    A parameter belongs to the first pattern that fits it. Raises LoadError for a pattern that fits none.
    """
    trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
    found: list[dict[str, Any]] = []
    for pattern, lr in rates.items():
        fitting = matching(trained, pattern)
        if not fitting:
            raise LoadError(f"the pattern {pattern!r} of transfer.lr fits no trained parameter that is left")
        found.append({"params": [trained.pop(name) for name in fitting], "lr": lr})
    if trained or not found:
        found.append({"params": list(trained.values())})
    return found
