"""torchvision's trained weights: which there are of a model, and a model with them, downloaded once."""

from __future__ import annotations

import os
from typing import Any

import torch
from torch import nn

from graphtools.errors import LoadError


def weights_of(name: str) -> list[str]:
    """The names of the trained weights of a torchvision model, "DEFAULT" first; empty if there are none."""
    from torchvision import models

    found = [member for member in models.get_model_weights(name).__members__ if member != "DEFAULT"]
    return ["DEFAULT", *found] if found else []


def with_weights(name: str, weights: str) -> nn.Module:
    """The torchvision model with trained weights. Downloads them into torch's own cache if they are not there yet.

    Raises LoadError for weights that there are not, and where they cannot be downloaded, with the address and the file
    that they would be.
    """
    from torchvision import models

    known = weights_of(name)
    if weights not in known:
        raise LoadError(f"{name} has no weights {weights!r}; there are {', '.join(known) or 'none'}")
    chosen: Any = models.get_model_weights(name)[weights]
    file = os.path.join(torch.hub.get_dir(), "checkpoints", os.path.basename(chosen.url))
    try:
        return models.get_model(name, weights=chosen)  # type: ignore[no-any-return]
    except (OSError, RuntimeError) as error:  # no network, no such address; a file cut short has another hash
        raise LoadError(
            f"the weights {name}@{weights} could not be had from {chosen.url}: {error}. "
            f"Without a network, put that file at {file}; or open {name} with random weights"
        ) from None
