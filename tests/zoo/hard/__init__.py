"""Hard cases: small models of one difficulty each. The class's docstring says which; its name gives the case's name."""

import re
from collections.abc import Callable
from typing import Any, TypeVar

from torch import nn

from tests.zoo.case import Built, Case, seeded

Arguments = tuple[tuple[Any, ...], dict[str, Any]]
Model = TypeVar("Model", bound=Callable[..., Any])


def call(*args: Any, **kwargs: Any) -> Arguments:
    """The arguments of one call, as `(args, kwargs)`."""
    return args, kwargs


def collect(
    cases: list[Case], inputs: Callable[[], Arguments], *traits: str, **fields: Any
) -> Callable[[Model], Model]:
    """A decorator that appends a case to `cases`: of a module class, built without arguments, or of a function.

    `inputs()` makes the arguments of the call; `fields` are further fields of the case, such as `train_note`.
    """

    def decorate(model: Model) -> Model:
        def make(train: bool) -> Built:
            built = model() if isinstance(model, type) and issubclass(model, nn.Module) else model
            return built, *inputs()

        name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", model.__name__).lower()
        cases.append(Case(name=name, build=seeded(make), traits=frozenset(traits), **fields))
        return model

    return decorate
