"""Weights that a draft has and no model that it can be opened from: those of modules that were given to it as objects,
or folded or taken apart in it, and its constants. They stand beside its file, in one of tensors alone, which torch
opens with `weights_only`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from graphtools.drafting.plan import Plan
from graphtools.errors import FormatError

if TYPE_CHECKING:
    from graphtools.drafting.draft import Draft

SUFFIX = ".weights"


def made_file(file: str | os.PathLike[str]) -> str:
    """Where the made weights of the draft in `file` are."""
    return os.fspath(file).removesuffix(".json") + SUFFIX


def save_made(draft: Draft, file: str | os.PathLike[str]) -> None:
    """Writes them, whole or not at all, if there are any and others than were written before. Raises OSError."""
    path, found = made_file(file), _made(draft)
    key = (path, _identity(found))
    if key == draft.made_saved or not any(found.values()):
        return
    try:
        with open(path + ".part", "wb") as out:
            torch.save(found, out)
    except RuntimeError as error:  # torch's writer has it for a disk that is full
        raise OSError(f"{path} cannot be written: {error}") from None
    os.replace(path + ".part", path)
    draft.made_saved = key


def load_made(draft: Draft, file: str | os.PathLike[str]) -> None:
    """Gives a draft the weights that were saved beside its file; a note says what is not there. Raises FormatError."""
    path = made_file(file)
    found: dict[str, dict[str, Any]] = {}
    if os.path.exists(path):
        try:
            found = torch.load(path, map_location="cpu", weights_only=True)
            modules = {origin: _holding(tensors) for origin, tensors in found["modules"].items()}
            sources = draft.sources
            draft.sources = replace(
                sources,
                modules={**sources.modules, **modules},
                tensors={**sources.tensors, **found["constants"]},
                states={**sources.states, **found["states"]},
            )
        except Exception as error:  # whatever the reader of a damaged file says
            raise FormatError(f"{path} does not hold the weights of a draft: {error}") from None
    missing = sorted(
        layer.class_name
        for layer in draft.plan.layers.values()
        if layer.origin.startswith("given.") and draft.sources.module(layer.origin) is None
    )
    if missing:
        note = f"New weights: those of {', '.join(missing)} are not in {os.path.basename(path)}"
        draft.plan = replace(draft.plan, notes=tuple(dict.fromkeys((*draft.plan.notes, note))))


def _made(draft: Draft) -> dict[str, dict[str, Any]]:
    plan, sources = draft.plan, draft.sources
    roots = {
        key: module
        for key, module in sources.modules.items()
        if key.startswith("given.") and any(_is_of(layer.origin, key) for layer in plan.layers.values())
    }
    return {
        "modules": {key: _tensors(module) for key, module in roots.items()},
        "constants": {n: sources.tensors[n] for n in _of_kind(plan, "constant", sources.tensors)},
        "states": {n: sources.states[n] for n in _of_kind(plan, "parameter buffer", sources.states)},
    }


def _is_of(origin: str, root: str) -> bool:
    return (origin + ".").startswith(root + ".")


def _of_kind(plan: Plan, kinds: str, known: Mapping[str, Any]) -> list[str]:
    return [name for name, node in plan.nodes.items() if node.kind in kinds.split() and name in known]


def _tensors(module: nn.Module) -> dict[str, torch.Tensor]:
    return dict((*module.named_parameters(remove_duplicate=False), *module.named_buffers(remove_duplicate=False)))


def _identity(found: Mapping[str, Any]) -> Any:
    """Equal for the same tensors under the same names; what was changed in place is not looked for."""
    return tuple((name, _identity(value) if isinstance(value, dict) else id(value)) for name, value in found.items())


def _holding(tensors: Mapping[str, torch.Tensor]) -> nn.Module:
    """A module that has these parameters and buffers, and nothing that runs."""
    root = nn.Module()
    for name, tensor in tensors.items():
        owner = root
        *words, last = name.split(".")
        for word in words:
            if word not in owner._modules:
                owner.add_module(word, nn.Module())
            owner = owner._modules[word]  # type: ignore[assignment]
        if isinstance(tensor, nn.Parameter):
            owner.register_parameter(last, tensor)
        else:
            owner.register_buffer(last, tensor)
    return root
