"""The plan of a training as plain data: what a form, a TOML or JSON file, or a checkpoint holds."""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, get_type_hints

from graphtools.errors import GraphtoolsError

LOSSES = ("cross_entropy", "nll", "mse", "l1", "smooth_l1", "bce_with_logits", "model")
MODEL = "model"  # the loss that the model gives itself, from input and target
RANDOM = "random"  # the data that are made up for the model, of its example's shape
OPTIMIZERS = ("sgd", "adam", "adamw", "rmsprop", "adagrad")
OWN = "project"  # the data or the loss that the project has, where the model is that of a project's folder
SCHEDULERS = ("none", "cosine", "step", "exponential", "linear", "one_cycle")


class PlanError(GraphtoolsError, ValueError):
    """A plan has a field that there is not, or a value that a field cannot have. Says which, and what it can."""


@dataclass(frozen=True, slots=True)
class DataPlan:
    """Where the data come from, as `open_data` reads it, `random` for what is made up for the model, or `project` for
    those of the project."""

    source: str = "digits"
    transforms: tuple[str, ...] = ()
    test_share: float = 0.2
    download: bool = False


@dataclass(frozen=True, slots=True)
class LossPlan:
    """A loss by its name in torch.nn.functional, `model` where the model gives it from input and target, or `project`
    for that of the project."""

    name: str = "cross_entropy"


@dataclass(frozen=True, slots=True)
class OptimizerPlan:
    """An optimizer of torch.optim; None leaves a setting to torch."""

    name: str = "sgd"
    lr: float = 0.1
    momentum: float | None = None
    weight_decay: float | None = None


@dataclass(frozen=True, slots=True)
class SchedulerPlan:
    """How the learning rate changes, once an epoch (`one_cycle`: once a step)."""

    name: str = "none"
    step_size: int = 1
    gamma: float = 0.1


@dataclass(frozen=True, slots=True)
class TransferPlan:
    """What is taken from an earlier training: `weights` to load, parameters to `freeze` by pattern, the classes of a
    new `head`, learning rates `lr` by pattern."""

    weights: str = ""
    freeze: tuple[str, ...] = ()
    head: int = 0
    lr: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CheckpointPlan:
    """Where checkpoints go, empty for nowhere; how often, in steps; how many are kept; whether to go on from one."""

    folder: str = ""
    every: int = 200
    keep: int = 3
    resume: bool = False


@dataclass(frozen=True, slots=True)
class BreakPlan:
    """When to stop and look: at a loss or gradient that is not finite, at a gradient norm above a number, at a loss
    that rises above its running mean by a number, at a step (counted from 1). 0 and False: never."""

    nonfinite: bool = False
    gradient_norm: float = 0.0
    loss_rise: float = 0.0
    step: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """All of a training. `model` is a target as for `graphtools trace`; a `batch_size` of 0 is for a model that takes
    each example by itself, without a dimension for batches."""

    model: str = ""
    seed: int = 0
    device: str = "cpu"
    epochs: int = 3
    batch_size: int = 32
    data: DataPlan = field(default_factory=DataPlan)
    loss: LossPlan = field(default_factory=LossPlan)
    optimizer: OptimizerPlan = field(default_factory=OptimizerPlan)
    scheduler: SchedulerPlan = field(default_factory=SchedulerPlan)
    transfer: TransferPlan = field(default_factory=TransferPlan)
    checkpoints: CheckpointPlan = field(default_factory=CheckpointPlan)
    breaks: BreakPlan = field(default_factory=BreakPlan)

    def to_json(self) -> dict[str, Any]:
        """As plain data, which `read_plan` takes back."""
        return json.loads(json.dumps(asdict(self)))  # type: ignore[no-any-return]


_CHOICES = {"loss.name": (*LOSSES, OWN), "optimizer.name": OPTIMIZERS, "scheduler.name": SCHEDULERS}
_AT_LEAST = {"epochs": 1, "batch_size": 0, "checkpoints.every": 1, "checkpoints.keep": 1, "optimizer.lr": 0}
_AT_LEAST |= {"transfer.head": 0, "seed": 0, "data.test_share": 0, "breaks.step": 0}


def read_plan(document: Mapping[str, Any]) -> Plan:
    """The plan of a document. Raises PlanError, which names the field."""
    return _read(Plan, document, "")  # type: ignore[no-any-return]


def read_plan_file(path: str) -> dict[str, Any]:
    """The document in a TOML or JSON file. Raises PlanError for what is neither, OSError where there is no file."""
    content = Path(path).read_text(encoding="utf-8")
    try:
        found = json.loads(content) if path.endswith(".json") else tomllib.loads(content)
    except ValueError as error:
        raise PlanError(f"{path} is no {'JSON' if path.endswith('.json') else 'TOML'}: {error}") from None
    if not isinstance(found, dict):
        raise PlanError(f"{path} must hold a table of settings, not {type(found).__name__}")
    return found


def _read(kind: Any, document: Any, at: str) -> Any:
    if not isinstance(document, Mapping):
        raise PlanError(f"{at.rstrip('.')} must be a table of settings, not {document!r}")
    hints, known = get_type_hints(kind), {one.name: one for one in fields(kind)}
    given: dict[str, Any] = {}
    for name, value in document.items():
        if name not in known:
            near = difflib.get_close_matches(str(name), known, n=1)
            hint = f"did you mean {at}{near[0]}?" if near else f"there are {', '.join(known)}"
            raise PlanError(f"a plan has no field {at}{name}; {hint}")
        field_ = known[name]
        default: Any = field_.default if field_.default_factory is MISSING else field_.default_factory()
        if is_dataclass(default):
            given[name] = _read(type(default), value, f"{at}{name}.")
        else:
            given[name] = _value(f"{at}{name}", value, default, "None" in str(hints[name]))
    return kind(**given)


def _value(name: str, value: Any, default: Any, may_be_none: bool) -> Any:
    if value is None and may_be_none:
        return None
    if isinstance(default, Mapping):
        return {str(key): _number(f"{name}.{key}", each) for key, each in _mapping(name, value).items()}
    if isinstance(default, tuple):
        if isinstance(value, str) or not isinstance(value, list | tuple) or not all(isinstance(v, str) for v in value):
            raise PlanError(f"{name} must be a list of texts, not {value!r}")
        return tuple(value)
    if isinstance(default, bool | str):
        if not isinstance(value, type(default)):
            raise PlanError(
                f"{name} must be {'true or false' if isinstance(default, bool) else 'a text'}, not {value!r}"
            )
    else:
        value = _number(name, value, whole=isinstance(default, int))
        if value < _AT_LEAST.get(name, value):
            raise PlanError(f"{name} must be at least {_AT_LEAST[name]}, not {value}")
    if name in _CHOICES and value not in _CHOICES[name]:
        raise PlanError(f"{name} must be one of {', '.join(_CHOICES[name])}, not {value!r}")
    return value


def _mapping(name: str, value: Any) -> Mapping[Any, Any]:
    if not isinstance(value, Mapping):
        raise PlanError(f"{name} must be a table of pattern and number, not {value!r}")
    return value


def _number(name: str, value: Any, whole: bool = False) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float) or (whole and value != int(value)):
        raise PlanError(f"{name} must be a {'whole ' if whole else ''}number, not {value!r}")
    return int(value) if whole else float(value)
