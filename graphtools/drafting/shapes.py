"""Shapes of a plan, kept up as it is edited: torch runs on fake tensors, which have a type and no values.

Only what an edit touches is computed again, and of that only what was not computed before for the same types: a node's
result depends on its target, settings and the types it is given, and is remembered by them. So an edit that leaves a
shape as it was stops there, and the blocks of a repeated stack cost one.
"""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode, unset_fake_temporarily

from graphtools.capture.fakes import needs_value
from graphtools.capture.specs import spec_of, torch_dtype
from graphtools.drafting.building import active, needed_nodes, state_tensor
from graphtools.drafting.checks import Misfit, check
from graphtools.drafting.holders import Done, Values, apart, may_change_types
from graphtools.drafting.keys import are_same, key_of, numbered
from graphtools.drafting.plan import OPEN, OUTPUT, Layer, Plan, places
from graphtools.drafting.sizes import number, runs_for, symbols_in, told, unify
from graphtools.drafting.sources import Sources, thaw
from graphtools.errors import DraftError
from graphtools.graph import Node, Output, Ref, Spec
from graphtools.structure import part, replace_leaves, tensors

_MEMORY = 20_000  # results remembered
_SMALL = 1_000_000  # elements, of a call that is really run
_Step = tuple[Node, Layer | None, tuple[str, ...], bool]  # the nodes that it refers to, and whether it is disabled
_OF_DTYPE = r"dtype|scalar type|BFloat16|Float16|Half"


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a node gives nothing. `inputs` are the values it was given, `is_own` False where a node before it failed."""

    message: str
    is_own: bool = True
    error: BaseException | None = None
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)


DISABLED = Fault("it is disabled", is_own=False)
UNKNOWN = Fault("the type of a value before it is not known", is_own=False)


@dataclass(slots=True)
class _Entry:
    """What a node gave in one run, and to what: the node, its layer, and the values before it."""

    node: Node
    layer: Layer | None
    given: tuple[Any, ...]
    done: Done
    outputs: tuple[list[Any], tuple[Output, ...]] | None = None  # by the results of all runs

    @property
    def result(self) -> Any:
        return self.done.result


@dataclass(frozen=True, slots=True)
class Shapes:
    """What is known of every node of a plan: the types of its results, or why there are none.

    `states` are the types of the parameters and buffers of each module by path.
    """

    outputs: Mapping[str, tuple[Output, ...]]
    faults: Mapping[str, Fault]
    states: Mapping[str, tuple[tuple[str, bool, Spec], ...]]
    entries: tuple[dict[str, _Entry], ...] = ()


class Propagation:
    """Computes shapes, and remembers. Not safe for use by several threads at once."""

    def __init__(self, sources: Sources) -> None:
        self.sources = sources
        self.mode = FakeTensorMode(allow_non_fake_inputs=True)
        self._results: dict[Any, Done] = {}
        self._of_same: dict[Any, tuple[tuple[Any, ...], Done]] = {}  # the same by the identity of what a call is given
        self._inputs: dict[Any, torch.Tensor] = {}
        self._calls: dict[int, tuple[Node, Layer | None, Any]] = {}
        self._layer_keys: dict[int, tuple[Layer, Any]] = {}
        self._outputs: dict[Any, tuple[list[Any], tuple[Output, ...]]] = {}  # by the identity of each run's result
        self._modules: dict[Any, nn.Module | DraftError] = {}
        self._foreign: dict[Any, bool] = {}
        self._states: dict[Any, tuple[tuple[str, bool, Spec], ...]] = {}
        self._tensors: dict[tuple[str, str], Any] = {}
        self._dtypes: dict[str, torch.dtype | None] = {}

    def run(self, plan: Plan, before: Shapes | None = None) -> Shapes:
        """The shapes of a plan; `before` are those of a plan from which it differs by an edit."""
        run_plan = active(plan)
        in_order, cyclic = run_plan.order()
        specs = [node.spec for node in in_order if node.kind == "input" and node.spec is not None]
        symbols = symbols_in([spec.shape for spec in specs])
        runs = runs_for(symbols)
        steps = [_step(run_plan, node) for node in in_order]
        entries: list[dict[str, _Entry]] = []
        faults: dict[str, Fault] = {name: Fault("it depends on itself", is_own=False) for name in cyclic}
        with _quiet(), torch.no_grad(), self.mode:
            for index, values in enumerate(runs):
                known = before.entries[index] if before is not None and len(before.entries) == len(runs) else {}
                entries.append(self._run(run_plan, steps, values, known, faults, index == 0))
        for name, fault in faults.items():  # torch speaks of the numbers that stand for open sizes
            given = [run[name].result if name in run else None for run in entries]
            messages = [one.message if isinstance(one, Fault) else None for one in given]
            faults[name] = replace(fault, message=told(messages, symbols, runs) or fault.message)
        outputs = {}
        for node in in_order:
            results = [run[node.name].result for run in entries]
            if not any(isinstance(result, Fault) for result in results):
                entry = entries[0][node.name]
                if entry.outputs is None or not are_same(entry.outputs[0], results):
                    entry.outputs = (results, self._outputs_of(results, symbols, runs))
                outputs[node.name] = entry.outputs[1]
        for name in plan.modes:
            if name not in run_plan.nodes:  # it is bypassed, and shows what passes through it
                source = next((ref for ref in plan.nodes[name].refs() if ref.node in outputs), None)
                if source is not None:
                    passed = [o for o in outputs[source.node] if o.path[: len(source.path)] == source.path]
                    outputs[name] = tuple(Output(o.path[len(source.path) :], o.spec) for o in passed)
        states = {}
        for path, layer in run_plan.layers.items():
            key = self._layer_key(layer)
            made = self._modules.get(key)
            if isinstance(made, nn.Module):
                if key not in self._states:
                    self._states[key] = _states(made)
                states[path] = self._states[key]
        return Shapes(outputs, faults, states, tuple(entries))

    def _run(
        self,
        plan: Plan,
        steps: list[_Step],
        values: Mapping[str, int],
        known: Mapping[str, _Entry],
        faults: dict[str, Fault],
        is_first: bool,
    ) -> dict[str, _Entry]:
        found: dict[str, _Entry] = {}
        held = Values()
        running: set[str] | None = None
        for node, layer, names, is_off in steps:
            given = tuple([held.now.get(name, UNKNOWN) for name in names])
            entry = known.get(node.name)
            if entry is None or (entry.result is DISABLED) != is_off or not _same(entry, node, layer, given):
                entry = _Entry(node, layer, given, self._result_again(plan, node, layer, given, held, values))
            found[node.name] = entry
            done = entry.done
            if done.changed:
                if running is None:
                    running = _running(plan)
                if node.name not in running:  # it is not built, so it changes nothing
                    done = Done(done.result, done.passed)
            held.add(node, done)
            if isinstance(entry.result, Fault) and (is_first or node.name not in faults):
                faults[node.name] = entry.result
        return found

    def _outputs_of(self, results: list[Any], symbols: Any, runs: Any) -> tuple[Output, ...]:
        """What a node gives, by its result in each run; the same object for results that were met before."""
        key = (symbols, *map(id, results))
        known = self._outputs.get(key)
        if known is None:
            if len(self._outputs) > _MEMORY:
                self._outputs.clear()
            known = self._outputs[key] = (results, _outputs(results, symbols, runs))
        return known[1]

    def _result_again(
        self, plan: Plan, node: Node, layer: Layer | None, given: tuple[Any, ...], held: Values, values: Any
    ) -> Done:
        """What a node gives, which is the one of before where the same call was given the very same values: results are
        remembered, so what repeats in a graph meets the same ones again."""
        call = self.call_of(node, layer) if node.kind == "call" and node.name not in plan.modes else None
        if call is None:
            return self._done(plan, node, layer, held, values)
        key = (call, *map(id, given))
        known = self._of_same.get(key)
        if known is None:
            if len(self._of_same) > _MEMORY:
                self._of_same.clear()
            known = self._of_same[key] = (given, self._done(plan, node, layer, held, values))  # held, so ids stay
        return known[1]

    def call_of(self, node: Node, layer: Layer | None) -> Any:
        """What a call is, apart from what it is given; None for one that cannot be told by its look."""
        known = self._calls.get(id(node))
        if known is None or known[0] is not node or known[1] is not layer:
            order = {ref.node: index for index, ref in enumerate(node.refs())}
            try:
                called = node.target if layer is None else self._layer_key(layer)
                call = (called, bool(node.writes), key_of(numbered((node.args, node.kwargs), order)))
            except TypeError:
                call = None
            if len(self._calls) > _MEMORY:
                self._calls.clear()
            known = self._calls[id(node)] = (node, layer, call)
        return known[2]

    def _done(self, plan: Plan, node: Node, layer: Layer | None, held: Values, values: Mapping[str, int]) -> Done:
        if plan.modes.get(node.name) == "disabled":
            return Done(DISABLED)
        if node.kind == "input":
            return Done(self._input(node, values))
        if any(arg == OPEN for _, arg in places(node)):
            return Done(Fault("an argument is open", is_own=False))
        for ref in node.refs():
            if ref.node not in held.now or isinstance(held.now[ref.node], Fault):
                return Done(UNKNOWN)
        given: list[torch.Tensor] = []  # as the call gets them
        before: list[Any] = []
        held_ids: set[int] = set()
        is_apart = node.kind == "call" and (may_change_types(node) or self._is_foreign(layer, plan.path(node) or ""))

        def own(tensor: torch.Tensor) -> torch.Tensor:
            # What is remembered keeps its type. Values of one type may be one object: each is told from the others.
            is_another = is_apart or id(tensor) in held_ids
            held_ids.add(id(tensor))
            return _alias(tensor) if is_another else tensor

        def take(ref: Ref) -> Any:
            value = part(held.now[ref.node], ref.path)
            if is_apart:
                before.extend(key_of(tensor) for _, tensor in tensors(value))
            if node.kind == "call":
                value = apart(value, own)
            given.extend(tensor for _, tensor in tensors(value))
            return value

        try:
            if layer is not None and node.kind in ("parameter", "buffer"):
                return Done(self._own_tensor(plan, node, layer))
            if node.is_state:
                return Done(self._tensor(node))
            args, kwargs = thaw((node.args, node.kwargs), take, self.sources.objects)
        except DraftError as error:
            return Done(Fault(str(error)))
        except (KeyError, IndexError, AttributeError, TypeError, StopIteration):
            return Done(Fault("it takes a part of a value that has no such part"))
        if node.kind == "output":
            return Done(args[0])
        called = (self._layer_key(layer),) if layer is not None else (node.target, bool(node.writes))
        try:
            key = (called, key_of(args), key_of(kwargs))
        except TypeError:  # an argument that cannot be a key
            return self._with_holders(self._call(plan, node, layer, args, kwargs), given, before)
        if key not in self._results:
            if len(self._results) > _MEMORY:
                self._results.clear()
            result = self._call(plan, node, layer, args, kwargs)
            self._results[key] = self._with_holders(result, given, before)
        return self._results[key]

    @staticmethod
    def _with_holders(result: Any, given: list[torch.Tensor], before: list[Any]) -> Done:
        """What a call gave; `before` has the types of what it was given, if it may have changed them."""
        if isinstance(result, Fault):
            return Done(result)
        numbers = {id(tensor): number for number, tensor in reversed([*enumerate(given)])}
        passed = {path: numbers[id(tensor)] for path, tensor in tensors(result) if id(tensor) in numbers}
        changed = {number: given[number] for number, key in enumerate(before) if key_of(given[number]) != key}
        return Done(result, passed, changed)

    def _input(self, node: Node, values: Mapping[str, int]) -> Any:
        if node.spec is None:
            return Fault(f"the type of input {node.name!r} is not known", is_own=False)
        try:
            shape = [number(size, values) for size in node.spec.shape]
            return self._fake(tuple(shape), torch_dtype(node.spec.dtype))
        except (DraftError, RuntimeError) as error:
            return Fault(f"the type of input {node.name!r} is none: {error}")

    def _fake(self, shape: tuple[int, ...], dtype: torch.dtype) -> Any:
        key = (shape, dtype)
        if key not in self._inputs:
            self._inputs[key] = torch.empty(shape, dtype=dtype)
        return self._inputs[key]

    def _tensor(self, node: Node) -> Any:
        key = (node.kind, node.target if node.kind != "constant" else node.name)
        if key not in self._tensors:
            tensor = state_tensor(node, self.sources)
            fake = tensor if isinstance(tensor, FakeTensor) else self.mode.from_tensor(tensor, static_shapes=True)
            self._tensors[key] = fake
        return self._tensors[key]

    def _own_tensor(self, plan: Plan, node: Node, layer: Layer) -> Any:
        """The tensor of a layer's module that a node takes, as it is with the settings of now."""
        path = plan.owner(node) or ""
        found: Any = self._module(layer, path)
        for word in node.target[len(path) + 1 :].split("."):
            found = getattr(found, word, None)
        if not isinstance(found, torch.Tensor):
            return Fault(f"the module {path!r} has no {node.target[len(path) + 1 :]}")
        return found if isinstance(found, FakeTensor) else self.mode.from_tensor(found, static_shapes=True)

    def _call(self, plan: Plan, node: Node, layer: Layer | None, args: Any, kwargs: Any) -> Any:
        try:
            function = (
                self._module(layer, plan.path(node) or "") if layer is not None else self.sources.function(node.target)
            )
            check(function, node, args, kwargs)
            result = function(*args, **kwargs)
            if result is None and node.writes and args:
                result = args[0]
        except DraftError as error:
            result = Fault(str(error))
        except Misfit as error:
            result = Fault(str(error), True, error, args, kwargs)
        except Exception as error:  # whatever torch says of arguments that do not fit
            if needs_value(error) or isinstance(error, NotImplementedError):
                result = Fault("its shape depends on values", is_own=False)
            else:
                result = self._really(layer, node, args, kwargs, error)
                if result is None:
                    result = Fault(_first_line(error), True, error, args, kwargs)
        return result

    def _really(self, layer: Layer | None, node: Node, args: Any, kwargs: Any, error: Exception) -> Any:
        """The result of a function on small tensors of zeros, as fake tensors, where a fake kernel refuses a dtype that
        the function itself may take, as that of `_grouped_mm` does float32; None where it does not."""
        given = [tensor for _, tensor in tensors((args, kwargs))]
        n_elements = sum(tensor.numel() for tensor in given)
        is_small = n_elements <= _SMALL and all(tensor.device.type == "cpu" for tensor in given)
        if layer is not None or not given or not is_small or not re.search(_OF_DTYPE, str(error)):
            return None

        def zeros(value: Any) -> Any:
            if not isinstance(value, FakeTensor):
                return value
            return torch.empty_strided(value.shape, value.stride(), dtype=value.dtype).zero_()

        try:
            with unset_fake_temporarily(), torch.random.fork_rng([]):
                real_args, real_kwargs = replace_leaves((args, dict(kwargs)), zeros)
                result = self.sources.function(node.target)(*real_args, **real_kwargs)
            return replace_leaves(result, lambda v: self.mode.from_tensor(v) if isinstance(v, torch.Tensor) else v)
        except Exception:  # then the first error stands
            return None

    def _is_foreign(self, layer: Layer | None, path: str) -> bool:
        """Whether a module that is not torch's own is in a layer's; nobody knows what that does to what it is given."""
        if layer is None:
            return False
        key = self._layer_key(layer)
        if key not in self._foreign:
            try:
                modules = self._module(layer, path).modules()
                self._foreign[key] = any(not type(one).__module__.startswith("torch.") for one in modules)
            except DraftError:
                return False
        return self._foreign[key]

    def _layer_key(self, layer: Layer) -> Any:
        known = self._layer_keys.get(id(layer))
        if known is None or known[0] is not layer:
            if len(self._layer_keys) > _MEMORY:
                self._layer_keys.clear()
            known = self._layer_keys[id(layer)] = (layer, self._made_key(layer))
        return known[1]

    def _made_key(self, layer: Layer) -> Any:
        if layer.settings is None:
            return (layer.target, layer.origin)
        if layer.origin not in self._dtypes:
            self._dtypes[layer.origin] = self.sources.dtype_of(layer)
        dtype = self._dtypes[layer.origin]
        try:
            return (layer.target, dtype, key_of(dict(layer.settings)))
        except TypeError:
            return (layer.target, dtype, id(layer.settings))

    def _module(self, layer: Layer, path: str) -> nn.Module:
        key = self._layer_key(layer)
        made = self._modules.get(key)
        if made is None:
            try:
                if layer.settings is None:
                    known = self.sources.module(layer.origin)
                    if known is None:
                        raise DraftError(
                            f"{path!r} is a {layer.class_name} of which only the model knew how it was made"
                        )
                    made = known
                else:
                    with torch.random.fork_rng([]):
                        made = self._made(layer, path)
                    made.eval()
            except DraftError as error:
                made = DraftError(str(error).replace(f"{path!r}: ", "", 1))
            self._modules[key] = made
        if isinstance(made, DraftError):
            raise DraftError(str(made))
        return made

    def _made(self, layer: Layer, path: str) -> nn.Module:
        try:
            return self.sources.make(layer, path)
        except DraftError as error:
            if error.__cause__ is None or not needs_value(error.__cause__):
                raise
        with unset_fake_temporarily():  # its constructor looks into a tensor that it makes
            return self.sources.make(layer, path)


def _running(plan: Plan) -> set[str]:
    """The names of the nodes that will be built; of all while there is no output."""
    try:
        return {node.name for node in needed_nodes(plan)} if OUTPUT in plan.nodes else set(plan.nodes)
    except DraftError:  # some depend on themselves, so nothing is built yet
        return set(plan.nodes)


def _step(plan: Plan, node: Node) -> _Step:
    owner = plan.owner(node)
    layer = plan.layer(node) if owner is None else plan.layers[owner]
    return node, layer, tuple([ref.node for ref in node.refs()]), plan.modes.get(node.name) == "disabled"


def _same(entry: _Entry, node: Node, layer: Layer | None, given: tuple[Any, ...]) -> bool:
    if entry.node is not node and entry.node != node:
        return False
    if entry.layer is not layer and entry.layer != layer:
        return False
    return are_same(entry.given, given)


def _alias(tensor: torch.Tensor) -> torch.Tensor:
    """The same memory with a type of its own, which may be changed in place."""
    return torch.ops.aten.alias.default(tensor)


def _outputs(results: list[Any], symbols: Any, runs: Any) -> tuple[Output, ...]:
    several = [list(tensors(result)) for result in results]
    found = []
    for index, (path, tensor) in enumerate(several[0]):
        spec = spec_of(tensor)
        if len(several) > 1 and all(len(other) == len(several[0]) for other in several):
            shapes = [other[index][1].shape for other in several]
            if all(len(shape) == len(spec.shape) for shape in shapes):
                sizes = tuple(unify([int(shape[d]) for shape in shapes], symbols, runs) for d in range(len(spec.shape)))
                spec = Spec(spec.dtype, sizes, spec.device)
            else:
                spec = Spec(spec.dtype, ("?",), spec.device)
        found.append(Output(path, spec))
    return tuple(found)


def _states(module: nn.Module) -> tuple[tuple[str, bool, Spec], ...]:
    found = [(name, True, spec_of(parameter)) for name, parameter in module.named_parameters()]
    return (*found, *((name, False, spec_of(buffer)) for name, buffer in module.named_buffers()))


def _first_line(error: BaseException) -> str:
    text = str(error).partition("While executing")[0].strip()
    return " ".join(text.split())[:300] or type(error).__name__


@contextmanager
def _quiet() -> Iterator[None]:
    log = logging.getLogger("torch._subclasses.fake_tensor")
    level = log.level
    log.setLevel(logging.CRITICAL)  # it would print the errors that are reported as problems
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)


def ref_outputs(shapes: Shapes, ref: Ref) -> Spec | None:
    """The type of the tensor that a reference stands for; None if it is none, or not known."""
    return next((output.spec for output in shapes.outputs.get(ref.node, ()) if output.path == ref.path), None)
