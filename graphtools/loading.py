"""Finds the model that a user names, `model.py`, `model.py:Net`, `torchvision:resnet18`, `package.module:Net`.

A folder is a project, see graphtools.projects, which also has data, a loss and an optimizer of its own.
`torchvision:resnet18@DEFAULT` has trained weights, which are downloaded; without `@` they are random.

Loading runs the named file or imports the named package: that is what the user asked for. Nothing else is run.
"""

from __future__ import annotations

import ast
import difflib
import importlib
import importlib.util
import inspect
import os
import sys
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import torch
from torch import nn

from graphtools.errors import LoadError
from graphtools.example_inputs import InputSpec, parse_input
from graphtools.guessing import guess_inputs, torchvision_inputs
from graphtools.importing import import_beside
from graphtools.pretrained import with_weights
from graphtools.projects import Project, open_project
from graphtools.projects.running import batch_of, make_data, make_loss, make_model, make_optimizer

_NAMES = ("model", "net")
_BUILDERS = ("build_model",)


@dataclass(slots=True)
class Loaded:
    """A model with example inputs. `inputs_note` says where the inputs come from, and says so if they are a guess.

    The model of a project has also, where that was found, the target that belongs to the inputs, the project's loss as
    a function of output and target, and its optimizer; `loss_note` and `optimizer_note` say what they are. `notes` say
    what else one should know, as that the weights of a draft are new ones.
    """

    model: Callable[..., Any]
    name: str
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    inputs_note: str = ""
    file: str | None = None
    target: str = ""
    module: ModuleType | None = None
    project: Project | None = None
    batch_target: Any = None
    loss_fn: Callable[..., torch.Tensor] | None = None
    loss_note: str = ""
    optimizer: torch.optim.Optimizer | None = None
    optimizer_note: str = ""
    notes: list[str] = field(default_factory=list)


def load(target: str, inputs: Sequence[str] = (), device: str = "cpu", seed: int = 0) -> Loaded:
    """The model that `target` names, on `device`, and example inputs for it: `load_model`, then `give_inputs`."""
    loaded = load_model(target, inputs, device, seed)
    give_inputs(loaded, inputs, device, seed)
    return loaded


def load_model(
    target: str, inputs: Sequence[str] = (), device: str = "cpu", seed: int = 0, run_source: bool = False
) -> Loaded:
    """The model that `target` names, on `device`, still without inputs; the `inputs` texts are read, so that a typing
    error in them costs nothing. A file of a draft (`lenet.json`) is data, and runs no file of code; for the weights and
    classes of the model of the user's that it was made of, `run_source` allows to run that one's file.

    torch is seeded before the model is built. Raises LoadError, whose message says what was tried and what to do; what
    the user's file raises comes out unchanged.
    """
    for text in inputs:
        parse_input(text)
    _check_device(device)
    torch.manual_seed(seed)
    path, _, wanted = target.partition(":") if not _is_drive(target) else (target, "", "")
    path = os.path.expanduser(path)
    module: ModuleType | None = None
    model: Callable[..., Any]
    project: Project | None = None
    if path == "torchvision":
        name, _, weights = wanted.partition("@")
        model = _torchvision_model(name, weights)
    elif path.endswith(".json"):
        return _load_draft(path, device, run_source)
    elif os.path.isdir(path):
        project = open_project(path)
        model, found = make_model(project, wanted)
        name, module = found.name, sys.modules.get(found.module)
    elif path.endswith(".py") or os.sep in path or os.path.exists(path):
        module = run_file(path)
        model, name = _find_model(module, os.path.basename(path), target, wanted)
    elif wanted:
        module = _import(path)
        model, name = _find_model(module, path, target, wanted)
    else:
        raise LoadError(_no_target(target))
    if isinstance(model, nn.Module) and any(p.device.type != torch.device(device).type for p in model.parameters()):
        model.to(device)
    loaded = Loaded(model, name, file=getattr(module, "__file__", None), target=target, module=module, project=project)
    if project is not None and isinstance(model, nn.Module):
        loaded.loss_fn, loaded.loss_note = make_loss(project)
        loaded.optimizer, loaded.optimizer_note = make_optimizer(project, model)
    return loaded


def give_inputs(
    loaded: Loaded,
    inputs: Sequence[str] = (),
    device: str = "cpu",
    seed: int = 0,
    limit_s: float = 60.0,
    attempt: Callable[[str], None] = lambda text: None,
) -> None:
    """Gives a loaded model its example inputs.

    They are those of the `inputs` texts (see `parse_input`); else the first examples of a project's data; else the
    file's `example_input` or `example_inputs`, a value or a function; else a guess, for which the model is run
    (`limit_s` and `attempt` as in `guess_inputs`). torch is seeded before inputs are drawn. Raises LoadError, also
    where the inputs are not those that forward takes.
    """
    torch.manual_seed(seed)
    if loaded.args and not inputs:
        return
    own = next((name for name in ("example_input", "example_inputs") if hasattr(loaded.module, name)), None)
    if inputs:
        _give_parsed(loaded, [parse_input(text) for text in inputs])
    elif loaded.project is not None and _give_examples(loaded, loaded.project):
        pass
    elif own is not None:
        _give_own(loaded, own)
    else:
        is_torchvision = loaded.target.startswith("torchvision:")
        guess = (
            torchvision_inputs(loaded.name)
            if is_torchvision
            else guess_inputs(loaded.model, loaded.target, limit_s, attempt)
        )
        # Why a project's own data are not the inputs stays said.
        note = f"{loaded.inputs_note} {guess.note}".lstrip()
        loaded.args, loaded.kwargs, loaded.inputs_note = guess.args, guess.kwargs, note
    move = _mover(device)
    loaded.args = tuple(move(arg) for arg in loaded.args)
    loaded.kwargs = {key: move(arg) for key, arg in loaded.kwargs.items()}
    loaded.batch_target = move(loaded.batch_target)


# -- finding the code ---------------------------------------------------------------------------------------------


def _is_drive(target: str) -> bool:  # C:\model.py
    return len(target) > 2 and target[1] == ":" and target[2] in "\\/" and target[0].isalpha()


def _no_target(target: str) -> str:
    return (
        f"{target!r} names no model. Give a file (model.py), one of its models (model.py:Net), "
        "torchvision:NAME (torchvision:resnet18), or package.module:NAME"
    )


def run_file(path: str) -> ModuleType:
    """Executes a Python file and gives its module. Raises LoadError for what is none, else what the file raises."""
    if os.path.isdir(path):
        files = sorted(f for f in os.listdir(path) if f.endswith(".py"))
        listed = f"; it holds {', '.join(files[:6])}" if files else ""
        raise LoadError(f"{path} is a folder. Name a Python file in it{listed}")
    if not os.path.isfile(path):
        folder = os.path.dirname(path) or "."
        files = [f for f in os.listdir(folder) if f.endswith(".py")] if os.path.isdir(folder) else []
        near = difflib.get_close_matches(os.path.basename(path), files, n=1)
        hint = f"; did you mean {os.path.join(os.path.dirname(path), near[0])}?" if near else ""
        raise LoadError(f"no file {path} (looked in {os.path.abspath(folder)}){hint}")
    if not path.endswith(".py"):
        raise LoadError(f"{path} is no Python file. Give a .py file that defines the model")
    name = os.path.splitext(os.path.basename(path))[0]
    import_beside(path)
    spec = importlib.util.spec_from_file_location(name, os.path.abspath(path))
    if spec is None or spec.loader is None:
        raise LoadError(f"Python cannot load {path}")
    module = importlib.util.module_from_spec(spec)
    before = sys.modules.get(name)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        if before is not None:
            sys.modules[name] = before
        else:
            sys.modules.pop(name, None)
        raise
    return module


def _import(name: str) -> ModuleType:
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(error.name + ".")):
            raise LoadError(
                f"no module {error.name!r} to import. Install it, run from its folder, or give a file: path/to/model.py"
            ) from None
        raise


def _torchvision_model(name: str, weights: str = "") -> nn.Module:
    try:
        from torchvision import models
    except ImportError as error:
        raise LoadError(f"torchvision cannot be imported: {error}") from None
    known = models.list_models()
    if not name:
        raise LoadError(f"name the torchvision model, one of {len(known)}: torchvision:resnet18")
    if name not in known:
        near = difflib.get_close_matches(name, known, n=3)
        raise LoadError(f"torchvision has no model {name!r}" + (f"; did you mean {' or '.join(near)}?" if near else ""))
    if weights:
        return with_weights(name, weights)
    builder = models.get_model_builder(name)
    parameters = inspect.signature(builder).parameters
    options: dict[str, Any] = {"weights": None}
    if "weights_backbone" in parameters:
        options["weights_backbone"] = None
    if "init_weights" in parameters or name in ("googlenet", "inception_v3"):
        options["init_weights"] = False  # their own way takes minutes
    return builder(**options)  # type: ignore[no-any-return]


def _load_draft(file: str, device: str, run_source: bool) -> Loaded:
    """The model of a draft's file, with a sample of its inputs' types."""
    from graphtools.capture.api import trace
    from graphtools.drafting.draft import Draft
    from graphtools.drafting.files import NEW_WEIGHTS, model_of, reopen
    from graphtools.drafting.samples import samples

    def open_source(target: str) -> Draft:
        source = load(target)
        return Draft(trace(source.model, *source.args, **source.kwargs))

    try:
        draft = reopen(file, open_source, run_source)
    except OSError as error:
        raise LoadError(f"cannot read {file}: {error.strerror or error}") from None
    model = model_of(draft, os.path.abspath(file)).to(device)
    args = tuple(tensor.to(device) for tensor in samples(draft.plan).values())
    shapes = ", ".join(str(node.spec) for node in draft.plan.nodes.values() if node.kind == "input")
    note = f"random, of the draft's types {shapes}"
    notes = [note for note in draft.plan.notes if note.startswith(NEW_WEIGHTS)]
    return Loaded(model, draft.plan.model, args, inputs_note=note, target=file, notes=notes)


def _find_model(module: ModuleType, file: str, target: str, wanted: str) -> tuple[Callable[..., Any], str]:
    if wanted:
        if not hasattr(module, wanted):
            names = [*_candidates(module), *[n for n in (*_NAMES, *_BUILDERS) if hasattr(module, n)]]
            near = difflib.get_close_matches(wanted, names, n=1)
            there = f"; it has {', '.join(names)}" if names else "; it defines no model"
            hint = f"; did you mean {near[0]}?" if near else there
            raise LoadError(f"{file} has no {wanted!r}{hint}")
        return _make(getattr(module, wanted), wanted, file), wanted
    for name in (*_NAMES, *_BUILDERS):
        found = getattr(module, name, None)
        if callable(found):
            return _make(found, name, file), name
    classes = _candidates(module)
    ready = [name for name in classes if not _required(getattr(module, name))]
    whole = ready if len(ready) == 1 else [name for name in ready if name not in _parts(module, ready)]
    if len(whole) == 1:  # the only one, or the only one that no other has as a part
        return _make(getattr(module, whole[0]), whole[0], file), whole[0]
    base = target.partition(":")[0]
    if len(ready) > 1:
        raise LoadError(
            f"{file} defines {len(ready)} models: {', '.join(ready)}. Name one, as {base}:{ready[-1]}, "
            "or define `model` in the file"
        )
    if classes:
        raise LoadError(_needs_arguments(getattr(module, classes[-1]), classes[-1], file))
    raise LoadError(
        f"no model in {file}. Looked for `model`, `net`, `build_model()`, and a class derived from torch.nn.Module "
        "that needs no argument. Define one of them"
    )


def _parts(module: ModuleType, names: list[str]) -> set[str]:
    """Those of the classes `names` whose name stands in the code of another of the file's classes of modules."""
    found: set[str] = set()
    for name in _candidates(module):
        try:
            code = ast.parse(textwrap.dedent(inspect.getsource(getattr(module, name))))
        except (OSError, TypeError, SyntaxError):
            continue
        found |= {node.id for node in ast.walk(code) if isinstance(node, ast.Name) and node.id != name}
    return found & set(names)


def _candidates(module: ModuleType) -> list[str]:
    return [
        name
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, nn.Module) and value.__module__ == module.__name__
    ]


def _required(callee: Callable[..., Any]) -> list[str]:
    try:
        parameters = inspect.signature(callee).parameters.values()
    except (TypeError, ValueError):
        return []
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [p.name for p in parameters if p.default is inspect.Parameter.empty and p.kind not in kinds]


def _needs_arguments(cls: Callable[..., Any], name: str, file: str) -> str:
    required = ", ".join(_required(cls))
    return (
        f"{name} in {file} needs arguments ({required}), which only you know. "
        f"Add to the file: def build_model(): return {name}(...)"
    )


def _make(found: Any, name: str, file: str) -> Callable[..., Any]:
    if isinstance(found, nn.Module):
        return found
    if isinstance(found, type):
        if not issubclass(found, nn.Module):
            raise LoadError(f"{name} in {file} is a class, but not derived from torch.nn.Module")
        if _required(found):
            raise LoadError(_needs_arguments(found, name, file))
        return found()
    if not callable(found):
        raise LoadError(f"{name} in {file} is {_article(type(found).__name__)}, not a module or a function")
    if name in _BUILDERS or (not _required(found) and (name.startswith(("build", "make", "create", "get")))):
        if _required(found):
            raise LoadError(f"{name}() in {file} needs arguments ({', '.join(_required(found))}); give them defaults")
        built = found()
        if not callable(built):
            raise LoadError(f"{name}() in {file} gave {_article(type(built).__name__)}, not a model")
        return built  # type: ignore[no-any-return]
    if not _required(found):
        built = found()
        if isinstance(built, nn.Module):
            return built
    return found  # type: ignore[no-any-return]  # a plain function of tensors


def _article(noun: str) -> str:
    return f"{'an' if noun[0].lower() in 'aeiou' else 'a'} {noun}"


# -- inputs -------------------------------------------------------------------------------------------------------


def _give_parsed(loaded: Loaded, parsed: list[InputSpec]) -> None:
    loaded.args = tuple(spec.make() for spec in parsed if spec.name is None)
    loaded.kwargs = {spec.name: spec.make() for spec in parsed if spec.name is not None}
    loaded.inputs_note = "as given: " + ", ".join(str(spec) for spec in parsed)
    _check_fit(loaded, "--input")


def _give_examples(loaded: Loaded, project: Project) -> bool:
    """Gives a batch of the project's data; False, with the reason in the note, where it has none that can be made."""
    if not project.datasets:
        return False
    found = project.datasets[0]
    try:
        inputs, loaded.batch_target = batch_of(project, make_data(project))
    except Exception as error:  # files of data that are not there, most of all
        said = str(error) if isinstance(error, LoadError) else f"{type(error).__name__}: {error}"
        loaded.inputs_note = f"The data of the project, {found.call()} in {found.file}, cannot be used: {said}."
        return False
    if isinstance(inputs, Mapping):
        loaded.kwargs = {str(key): value for key, value in inputs.items()}
    else:
        loaded.args = inputs if isinstance(inputs, tuple) else (inputs,)
    loaded.inputs_note = f"the first examples of {found.call()} in {found.file}"
    _check_fit(loaded, loaded.inputs_note)
    return True


def _give_own(loaded: Loaded, name: str) -> None:
    value = getattr(loaded.module, name)
    value = value() if callable(value) and not isinstance(value, torch.Tensor) else value
    if isinstance(value, Mapping):
        loaded.kwargs = {str(key): item for key, item in value.items()}
    else:
        loaded.args = tuple(value) if isinstance(value, tuple) else (value,)
    file = os.path.basename(loaded.file or "the module")
    loaded.inputs_note = f"`{name}` of {file}"
    _check_fit(loaded, loaded.inputs_note)


def _check_fit(loaded: Loaded, giver: str) -> None:
    """Raises LoadError if the inputs are too few, too many, or go by names that are none of forward's."""
    function = loaded.model.forward if isinstance(loaded.model, nn.Module) else loaded.model
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return
    try:
        signature.bind(*loaded.args, **loaded.kwargs)
        return
    except TypeError:
        parameters = signature.parameters.values()
    called = "forward" if isinstance(loaded.model, nn.Module) else loaded.name
    takes = f"{called}({', '.join(signature.parameters)})"
    named = [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    by_place = [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.POSITIONAL_ONLY)]
    for name in loaded.kwargs:
        if name not in named and not any(p.kind is p.VAR_KEYWORD for p in parameters):
            near = difflib.get_close_matches(name, named, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise LoadError(f"{giver} gives {name!r}, which is no argument of {takes}{hint}")
        if name in by_place[: len(loaded.args)]:
            raise LoadError(f"{giver} gives {name!r} twice, by its place and by its name, to {takes}")
    if len(loaded.args) > len(by_place) and not any(p.kind is p.VAR_POSITIONAL for p in parameters):
        count = len(loaded.args)
        raise LoadError(f"{giver} gives {count} input{'s' * (count != 1)} by place, more than {takes} takes")
    missing = [
        p.name
        for p in parameters
        if p.default is p.empty
        and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
        and p.name not in loaded.kwargs
        and p.name not in by_place[: len(loaded.args)]
    ]
    remedy = (
        "add " + " ".join(f"--input {name}=SIZES" for name in missing)
        if giver == "--input"
        else f"add {'them' if len(missing) > 1 else 'it'} there"
    )
    raise LoadError(f"{takes} also needs {' and '.join(missing)}, which {giver} does not give; {remedy}")


def _check_device(device: str) -> None:
    try:
        kind = torch.device(device).type
    except RuntimeError:
        raise LoadError(f"no device {device!r}; the devices are cpu, cuda, cuda:1, ...") from None
    if kind == "cuda" and not torch.cuda.is_available():
        raise LoadError("torch sees no CUDA device on this machine. Leave out --device cuda to run on the CPU")


def _mover(device: str) -> Callable[[Any], Any]:
    from graphtools.structure import children, replace_leaves

    def move(value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            return value.to(device)
        return replace_leaves(value, move) if children(value) is not None else value

    return move
