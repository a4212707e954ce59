"""Records a run while it happens: every operation as the user wrote it, with its value, place and scope.

A TorchFunctionMode sees the operations, global module hooks see which module is running. Both belong to one thread and
are gone when the block ends. Values are kept by reference (`graphtools.capture.values` knows what happens when their
memory is overwritten), so a recorded forward pass costs little more than a plain one.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Mapping
from types import CodeType, MappingProxyType
from typing import Any

import torch
from torch import nn
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from torch.overrides import TorchFunctionMode

from graphtools import catalog, compat
from graphtools.capture import optimizers
from graphtools.capture.backward import BackwardEntry, BackwardWatch, StageEntry
from graphtools.capture.calls import Call
from graphtools.capture.clock import Lapse, Moment, since
from graphtools.capture.edits import Edits, Served, replacement, run
from graphtools.capture.naming import NodeNames, by_parameter
from graphtools.capture.opaque import is_opaque, may_run_fused
from graphtools.capture.scopes import ModuleNames, ScopeStack, attribute_name, type_name
from graphtools.capture.source import Place, user_place, user_place_of_traceback
from graphtools.capture.spill import Budget
from graphtools.capture.tally import Tally
from graphtools.capture.updates import UpdateEntry, UpdateWatch
from graphtools.capture.values import Memory, Value, detached
from graphtools.graph import Path, Ref, enclosing_scopes, module_path
from graphtools.recording import Kept, Limits
from graphtools.structure import replace_leaves, tensors

_SHARING = (".numpy", ".__array__", ".__dlpack__")
_PLAIN = frozenset({int, float, bool, str, type(None), torch.dtype, torch.device, torch.Size, type(Ellipsis)})


class Recorder(TorchFunctionMode):
    """Watches one thread between `__enter__` and `__exit__`; `calls` and `result` are then complete."""

    def __init__(
        self,
        model: Any = None,
        limits: Limits = Limits(),
        keep_values: bool = True,
        edits: Mapping[str, Edits] = MappingProxyType({}),
        served: Served | None = None,
        limit_bytes: int | None = None,
    ) -> None:
        super().__init__()
        self.edits = edits  # by the name of the operation
        self.served = served
        self.edited: set[str] = set()  # the edits that came to pass
        self.replaced: Mapping[int, str] = {}  # names by id of tensors for which others stand in during this run
        self.strays: list[str] = []  # those of them that the program used all the same
        self._repeats = bool(edits) or served is not None
        self.model = model if isinstance(model, nn.Module) else None
        self.names = ModuleNames(self.model)
        self.tally = Tally(limits)
        self.keep_values = keep_values
        self.calls: list[Call] = []
        self.inputs: list[Call] = []
        self.output_name: str | None = None
        self.output_after: tuple[str, ...] = ()
        self.output_values: dict[Path, tuple[torch.Tensor, int | None]] = {}
        self.output: Any = None  # the model's result with a Ref for each tensor
        self.unknown: list[Place | None] = []  # where a tensor of unknown origin was first used
        self.overwritten: list[str] = []  # functions that wrote their arguments without a name that says so
        self.unseen_functions: dict[str, None] = {}  # custom ones, of which only the operations inside were seen
        self._forwards: frozenset[CodeType] | None = None
        self._began_with_grad = False
        self.failed: tuple[Call, BaseException] | None = None
        self.error: BaseException | None = None
        self.error_place: Place | None = None
        self.duration_s = 0.0
        self.are_inputs_named = False
        self._scopes = ScopeStack(self.names)
        self._thread = threading.get_ident()
        self._values: dict[int, Value] = {}
        self._leaves: dict[int, Value] = {}  # those of `_values` that were there before the run
        self.budget = None if limit_bytes is None else Budget(limit_bytes)
        self._memory = Memory(self.budget)
        self.log: list[Any] = []  # calls, backward and update entries in the order they happened
        self.stages: list[StageEntry] = []
        self._backward = BackwardWatch(self._memory, self.log, self._leaf)
        self._updates = UpdateWatch(self._memory, self.log, self._backward, self._leaf, self._forget)
        self._node_names = NodeNames()
        self._paused = 0
        self._opaque: list[tuple[nn.Module, Place | None, Moment]] = []
        self._removers: list[Any] = []
        self._watched: list[tuple[compat.Interception, Callable[..., Any]]] = []

    # -- beginning and end ------------------------------------------------------------------------------------------

    def __enter__(self) -> Recorder:
        self._thread = threading.get_ident()
        self._began_with_grad = torch.is_grad_enabled()
        if self.budget is not None:
            compat.return_freed_memory()
        elif self.keep_values:
            compat.keep_freed_memory()
        self._removers = [
            register_module_forward_pre_hook(self._enter_module),
            register_module_forward_hook(self._leave_module, with_kwargs=True, always_call=True),
        ]
        if self.keep_values:
            optimizers.watch(self)
        if self.model is not None and not may_run_fused(self.model):
            # A global pre-hook does not see keyword arguments; this one of the model itself does.
            hook = self.model.register_forward_pre_hook(self._enter_root, prepend=True, with_kwargs=True)
            self._removers.append(hook)
        self._watched = [(compat.function_apply, self._custom_function)]
        if self.keep_values:
            self._watched += [
                (compat.engine_backward, self._run_backward),
                (compat.zero_grad_of_optimizer, self._zero_grad),
                (compat.zero_grad_of_module, self._zero_grad),
            ]
        for interception, wrap in self._watched:
            interception.watch(wrap)
        compat.pause_collector()
        super().__enter__()
        self.tally.start()
        return self

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        self.duration_s = self.tally.seconds
        if self._opaque:  # an interrupt left a module that ran without us
            compat.push_function_mode(self)
        super().__exit__(kind, error, traceback)
        for interception, wrap in self._watched:
            interception.unwatch(wrap)
        optimizers.unwatch(self)
        for remover in self._removers:
            remover.remove()
        if error is not None:
            self.error = error
            self.error_place = user_place_of_traceback(traceback)
        self._memory.let_go()
        known: dict[int, Kept] = {}
        with compat.without_torch_function(), torch.no_grad():
            for entry in self.log:
                if isinstance(entry, BackwardEntry):
                    entry.let_go(known)
                elif isinstance(entry, UpdateEntry):
                    entry.let_go()
        self._values.clear()
        compat.resume_collector()

    @property
    def shared(self) -> dict[int, list[Kept]]:
        """After the end: the kept values that live in the user's own memory, by that memory."""
        return self._memory.shared

    # -- operations -------------------------------------------------------------------------------------------------

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        callee = catalog.describe(func)
        if callee.treatment == "pass" or self._paused or compat.in_backward() or compat.in_functorch():
            return func(*args, **kwargs)
        self.tally.check()
        call = self._begin(callee.target, user_place(sys._getframe(1)))
        if call.edits:
            callee, func, args, kwargs = replacement(call.edits, callee, func, args, kwargs)
            call.target = callee.target
        with compat.without_torch_function():
            self._take_arguments(call, callee, args, kwargs)
            call.func = func
        try:
            started = Moment()
            result = self._repeat(call, func, args, kwargs) if self._repeats else func(*args, **kwargs)
            call.duration = since(started, result)
        except BaseException as error:
            self._fail(call, error)
            raise
        with compat.without_torch_function():
            self._take_result(call, callee, args, result)
        return result

    def _repeat(self, call: Call, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Runs the operation in a run that repeats another: changed where it was edited, served where it is known."""
        if self.served is not None:
            result = self.served.result(call.name, args)
            if result is not None:
                return result
        if not call.edits:
            return func(*args, **kwargs)
        self.edited.add(call.name)
        self._paused += 1  # a module that replaces an operation is none of the program's
        try:
            return run(call.edits, call, func, args, kwargs)
        finally:
            self._paused -= 1

    def _begin(self, target: str, place: Place | None) -> Call:
        name = self._node_names.new(target.rsplit(".", 1)[-1])
        call = Call(len(self.calls), "call", name, target, self._scopes.scope, place)
        call.edits = self.edits.get(name, ())
        return call

    def _take_arguments(
        self, call: Call, callee: catalog.Callee, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        after: list[str] = []
        call.args = tuple([self._argument(arg, after) for arg in args])
        if callee.reflected:
            call.args = call.args[::-1]
        if kwargs:
            call.kwargs = {key: self._argument(arg, after) for key, arg in kwargs.items()}
        if callee.writes or (kwargs and "out" in kwargs):
            call.writes = self._memory.protect(catalog.written(callee, args, kwargs), call)
        if after:
            call.after = tuple(dict.fromkeys(after))
        if callee.draws and catalog.draws(callee, args, kwargs):
            call.random = True
            call.rng_state = compat.rng_state(_generator(kwargs))
        call.grad = torch.is_grad_enabled()
        if not call.grad and self._began_with_grad:
            self._note_function()
        if compat.is_any_autocast_enabled():
            call.autocast = compat.autocast_state("cpu") or compat.autocast_state("cuda")
        if callee.writes == "unknown":
            call.result = [(tensor, compat.version(tensor)) for _, tensor in tensors((args, kwargs))]

    def _note_function(self) -> None:
        """Notes a custom Function that was called by a name bound before the recording began, as `relu = ReLU.apply`:
        that call cannot be seen, and its operations run without gradient."""
        if self._forwards is None:
            self._forwards = compat.function_forwards()
        function = compat.function_around(sys._getframe(2), self._forwards)
        if function:
            self.unseen_functions.setdefault(function)

    def _argument(self, arg: Any, after: list[str]) -> Any:
        if type(arg) in _PLAIN:
            return arg
        if isinstance(arg, torch.Tensor):
            value = self._values.get(id(arg))
            if value is None or value.held() is not arg:
                value = self._meet(arg)
            elif self._memory.is_overwritten_unseen(value, arg):
                value = self._meet_again(value, arg)
            if self._memory.writers:
                writer = self._memory.writer_after(value)
                if writer is not None:
                    after.append(writer.name)
            return value.ref
        kind = type(arg)
        if kind is tuple or kind is list:
            return kind([self._argument(item, after) for item in arg])
        if kind is slice:
            return slice(*[self._argument(item, after) for item in (arg.start, arg.stop, arg.step)])
        if isinstance(arg, dict):
            return {key: self._argument(item, after) for key, item in arg.items()}
        if isinstance(arg, tuple):  # named tuples
            return tuple([self._argument(item, after) for item in arg])
        return arg

    def _meet(self, tensor: torch.Tensor) -> Value:
        """The Value of a tensor that no recorded operation gave: a parameter, a buffer, or a constant."""
        if id(tensor) in self.replaced:
            self.strays.append(self.replaced[id(tensor)])
        named = self.names.tensors.get(id(tensor))
        if named is not None and named.tensor is tensor:
            return self._state(named.kind, named.name, tensor)
        kind = "parameter" if isinstance(tensor, nn.Parameter) else "constant"
        owner = self._backward.owner_of(tensor)
        if owner is not None:
            return self._state("constant", f"{owner.call.target}.grad", tensor)
        attribute = self._attribute(tensor)
        if attribute is not None:
            return self._state(kind, attribute, tensor)
        place = user_place(sys._getframe(1))
        self.unknown.append(place)
        return self._state(kind, kind, tensor, place)

    def _meet_again(self, value: Value, tensor: torch.Tensor) -> Value:
        """A new Value for a tensor that was changed unseen; what it held before is lost unless it was copied."""
        if not value.is_safe:
            value.kept = False
        met = self._meet(tensor)
        with torch.no_grad():
            met.copy = detached(tensor).clone()
        return met

    def _state(self, kind: str, target: str, tensor: torch.Tensor, place: Place | None = None) -> Value:
        call = Call(len(self.calls), kind, self._node_names.new(target.replace(".", "_")), target, "", place)
        (self.inputs if kind == "input" else self.calls).append(call)
        value = self._leaves[id(tensor)] = self._bind(call, tensor, Ref(call.name), -1)
        if kind == "constant" and not self.keep_values and not compat.is_fake(tensor):
            with torch.no_grad():  # it is part of the program, which is of no use without it
                value.copy = detached(tensor).clone()
        return value

    def _attribute(self, tensor: torch.Tensor) -> str | None:
        for scope in enclosing_scopes(module_path(self._scopes.scope)):
            module = self.names.modules.get(scope)
            name = attribute_name(module, tensor) if module is not None else None
            if name is not None:
                return f"{scope}.{name}" if scope else name
        return None

    def _bind(self, call: Call, tensor: torch.Tensor, ref: Ref, index: int) -> Value:
        value = Value(tensor, ref, call, index, self.keep_values and not compat.is_fake(tensor))
        call.values.append(value)
        self._values[id(tensor)] = value
        self._memory.add(value, tensor)
        return value

    def _take_result(self, call: Call, callee: catalog.Callee, args: tuple[Any, ...], result: Any) -> None:
        if callee.writes == "unknown":
            changed = [tensor for tensor, before in call.result if compat.version(tensor) != before]
            if changed:  # too late to keep what was there before
                self.overwritten.append(call.target)
                call.writes = self._memory.protect(iter(changed), call, lost=True)
        call.result = None
        self._append(call)
        if isinstance(result, torch.Tensor):
            self._bind(call, result, Ref(call.name), call.index)
            self.tally.count_bytes(result)
        elif callee.treatment == "exit":
            if args and isinstance(args[0], torch.Tensor) and callee.target.endswith(_SHARING):
                self._memory.expose(args[0])
            call.result = result if isinstance(result, int | float | complex | bool | list | str) else None
        else:
            found = False
            for path, tensor in tensors(result):
                found = True
                self._bind(call, tensor, Ref(call.name, path), call.index)
                self.tally.count_bytes(tensor)
            if not found:
                if not call.writes:  # a question about a tensor, no step of the computation
                    self.calls.pop()
                    self.log.pop()
                    return
                written = args[0] if args else None
                if isinstance(written, torch.Tensor):  # x[0] = y gives nothing; what follows uses the new x
                    self._bind(call, written, Ref(call.name), call.index)
        self.tally.n_events += 1

    def _append(self, call: Call) -> None:
        # Only now, because states that were met among its arguments come before it.
        call.index = len(self.calls)
        self.calls.append(call)
        self.log.append(call)

    # -- modules ----------------------------------------------------------------------------------------------------

    def _enter_module(self, module: nn.Module, args: tuple[Any, ...]) -> None:
        # A hook's return value would replace the arguments, so this returns None.
        if threading.get_ident() != self._thread or self._paused or compat.in_backward():
            return
        self._scopes.enter(module)
        if module is self.model and self._scopes.depth == 1 and not self.are_inputs_named:
            self._name_inputs(args, {})
        if is_opaque(module) and compat.top_function_mode() is self:
            compat.pop_function_mode()
            self._paused += 1
            self._opaque.append((module, user_place(sys._getframe(1)), Moment()))

    def _enter_root(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if threading.get_ident() == self._thread and self._scopes.depth == 1 and not self.are_inputs_named:
            self._name_inputs((), kwargs)

    def _leave_module(self, module: nn.Module, args: tuple[Any, ...], *kwargs_and_result: Any) -> None:
        # A hook's return value would replace the result, so this returns None. Where the module raised, torch leaves
        # out the kwargs.
        if threading.get_ident() != self._thread or compat.in_backward():
            return
        raised = len(kwargs_and_result) == 1
        kwargs = {} if raised else kwargs_and_result[0]
        result = kwargs_and_result[-1]
        if self._opaque and self._opaque[-1][0] is module:
            _, place, started = self._opaque.pop()
            duration = since(started, result)
            self._paused -= 1
            compat.push_function_mode(self)
            with compat.without_torch_function():
                self._record_module(module, args, kwargs, result, raised, place, duration)
        elif self._paused:
            return
        if module is self.model and self._scopes.depth == 1 and not raised:
            self.set_output(result)
        self._scopes.leave()

    def _record_module(
        self,
        module: nn.Module,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        result: Any,
        raised: bool,
        place: Place | None,
        duration: float | Lapse,
    ) -> None:
        callee = catalog.Callee(type_name(type(module)), "record")
        call = self._begin(callee.target, place)
        call.module = module
        call.duration = duration
        self._take_arguments(call, callee, args, kwargs)
        if raised:
            self._fail(call, None)
        else:
            self._take_result(call, callee, args, result)

    def _custom_function(self, original: Callable[..., Any], cls: type, *args: Any, **kwargs: Any) -> Any:
        """Records `MyFunction.apply(...)` as one operation; torch's own Functions (checkpoint) stay open."""
        if (
            self._paused
            or compat.in_backward()
            or compat.in_functorch()
            or cls.__module__.startswith("torch.")
            or compat.top_function_mode() is not self
        ):
            return original(*args, **kwargs)
        self.tally.check()
        callee = catalog.Callee(f"{cls.__module__}.{cls.__qualname__}", "record", "unknown")
        call = self._begin(callee.target, user_place(sys._getframe(2)))
        called: Callable[..., Any] = original
        if call.edits:
            callee, called, args, kwargs = replacement(call.edits, callee, original, args, kwargs)
            call.target = callee.target
        with compat.without_torch_function():
            self._take_arguments(call, callee, args, kwargs)
            call.func = cls.apply if called is original else called  # type: ignore[attr-defined]
            call.random, call.rng_state = True, compat.rng_state()  # it may draw; nothing tells
        compat.pop_function_mode()
        self._paused += 1
        try:
            started = Moment()
            result = self._repeat(call, called, args, kwargs) if self._repeats else original(*args, **kwargs)
            call.duration = since(started, result)
        except BaseException as error:
            self._fail(call, error)
            raise
        finally:
            self._paused -= 1
            compat.push_function_mode(self)
        with compat.without_torch_function():
            self._take_result(call, callee, args, result)
        return result

    # -- backward passes and optimizers -----------------------------------------------------------------------------

    def _run_backward(self, original: Callable[..., Any], roots: Any, *args: Any, **kwargs: Any) -> Any:
        if self._paused or compat.in_functorch():
            return original(roots, *args, **kwargs)
        # Inside another backward pass it is reentrant: checkpointing runs a part of the model again.
        stage = StageEntry("backward", len(self.log), place=user_place(sys._getframe(1)))
        first = roots[0] if isinstance(roots, tuple | list) and roots else roots
        value = self._values.get(id(first))
        if value is not None and value.held() is first:
            stage.name = value.ref.node
        self.stages.append(stage)
        try:
            return self._backward.run(original, roots, args, kwargs, stage)
        finally:
            stage.stop = len(self.log)

    def _zero_grad(self, original: Callable[..., Any], owner: Any, *args: Any, **kwargs: Any) -> Any:
        if self._paused or compat.in_backward():
            return original(owner, *args, **kwargs)
        stage = StageEntry("zero_grad", len(self.log), name=type(owner).__name__, place=user_place(sys._getframe(1)))
        groups = [group["params"] for group in owner.param_groups] if hasattr(owner, "param_groups") else None
        leaves = [p for group in groups for p in group] if groups is not None else list(owner.parameters())
        with compat.without_torch_function():
            present = [leaf for leaf in leaves if leaf.grad is not None]
            stage.before = stage.changed = [self._leaf(leaf).call.target for leaf in present]
            self._memory.protect(iter([leaf.grad for leaf in present]), None)
        self._paused += 1  # that gradients are set to zero is no operation of the model
        try:
            return original(owner, *args, **kwargs)
        finally:
            self._paused -= 1
            stage.stop = len(self.log)
            self.stages.append(stage)

    def before_step(self, optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> Any:
        """Watches an optimizer's step begin; gives it a closure that is recorded in place of its own."""
        # The optimizer's arithmetic is not the model's; what it overwrites must keep its recorded value all the same.
        if threading.get_ident() != self._thread:
            return None
        with compat.without_torch_function():
            self._updates.begin(optimizer, user_place(sys._getframe(1)))
        self._paused += 1
        if len(args) > 1 and callable(args[1]):  # a closure is the user's code again
            return (args[0], self._closure(optimizer, args[1]), *args[2:]), kwargs
        if callable(kwargs.get("closure")):
            return args, {**kwargs, "closure": self._closure(optimizer, kwargs["closure"])}
        return None

    def _closure(self, optimizer: torch.optim.Optimizer, closure: Callable[[], Any]) -> Callable[[], Any]:
        def recorded() -> Any:
            self._paused -= 1
            try:
                return closure()
            finally:
                self._paused += 1
                with compat.without_torch_function():
                    self._updates.protect(optimizer)

        return recorded

    def after_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Watches an optimizer's step end."""
        if threading.get_ident() == self._thread:
            self._paused -= 1
            with compat.without_torch_function():
                stage = self._updates.end(optimizer)
            if stage is not None:
                self.stages.append(stage)

    def _leaf(self, tensor: torch.Tensor) -> Value:
        """The Value of a leaf of the autograd graph as it is now."""
        value = self._leaves.get(id(tensor))  # an operation may have given back the very parameter
        if value is None or value.held() is not tensor:
            return self._meet(tensor)
        return value

    def _forget(self, tensor: torch.Tensor) -> None:
        self._values.pop(id(tensor), None)
        self._leaves.pop(id(tensor), None)

    # -- inputs, output, failure ------------------------------------------------------------------------------------

    def name_inputs(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Makes an input node for each tensor among the arguments, named by the function's signature."""
        with compat.without_torch_function():
            for path, tensor in tensors(by_parameter(function, args, kwargs)):
                known = self._values.get(id(tensor))
                if known is None or known.held() is not tensor:  # else an operation gave it, or it is an input already
                    self._state("input", ".".join(map(str, path)), tensor)

    def _name_inputs(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if self.model is not None:
            self.name_inputs(self.model.forward, args, kwargs)

    def set_output(self, result: Any) -> None:
        """Notes what the model returned; tensors that no recorded operation gave become constants."""
        after: list[str] = []

        def ref(leaf: Any) -> Any:
            return self._argument(leaf, after) if isinstance(leaf, torch.Tensor) else leaf

        with compat.without_torch_function():
            if self.output_name is None:
                self.output_name = self._node_names.new("output")
            self.output = replace_leaves(result, ref)
            self.output_after = tuple(dict.fromkeys(after))
            # A tensor may have been written since the operation that gave it, so the output holds values of its own.
            self.output_values = {}
            if self.keep_values:
                for path, tensor in tensors(result):
                    if not compat.is_fake(tensor):
                        value = detached(tensor)
                        self.output_values[path] = (value, compat.version(value))

    def _fail(self, call: Call, error: BaseException | None) -> None:
        call.raised = True
        self._append(call)
        if error is not None:
            self.failed = (call, error)


def _generator(kwargs: dict[str, Any]) -> torch.Generator | None:
    found = kwargs.get("generator")
    return found if isinstance(found, torch.Generator) else None
