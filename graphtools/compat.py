"""The private torch API that graphtools relies on, in one place. Tested on the oldest and the newest torch."""

from __future__ import annotations

import ctypes
import gc
import os
import random
import re
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from functools import wraps as wraps_of
from keyword import iskeyword
from types import CodeType, FrameType
from typing import Any

import torch
import torch.fx
from torch.autograd import Function

# Inside this guard no TorchFunctionMode and no subclass sees our own tensor work.
without_torch_function = torch._C.DisableTorchFunction


_REAL = (torch.Tensor, torch.nn.Parameter)


def in_backward() -> bool:
    """True while autograd runs a backward pass in this thread."""
    return torch._C._current_graph_task_id() != -1


def in_functorch() -> bool:
    """True inside `torch.func.vmap`, `grad` and their like, whose tensors are wrappers that die with the transform."""
    return torch._C._functorch.maybe_current_level() is not None


def storage_key(tensor: torch.Tensor) -> int | None:
    """A number that tensors sharing memory share, unique while the memory lives; None if there is no plain storage."""
    try:
        return int(tensor.untyped_storage()._cdata)
    except (NotImplementedError, RuntimeError):  # sparse and other tensors without a storage
        return None


def version(tensor: torch.Tensor) -> int | None:
    """How often the tensor's memory was written in place; None for inference tensors, which do not count it."""
    return None if tensor.is_inference() else tensor._version


def is_fake(tensor: torch.Tensor) -> bool:
    """True for a fake tensor, which has a type and no values, and is worthless outside its mode."""
    if type(tensor) in _REAL:
        return False
    from torch._subclasses.fake_tensor import FakeTensor

    return isinstance(tensor, FakeTensor)


def is_fast_path_enabled() -> bool:
    """True if `nn.MultiheadAttention` and the Transformer layers may run their fused kernels."""
    return bool(torch.backends.mha.get_fastpath_enabled())


def top_function_mode() -> Any:
    """The innermost active TorchFunctionMode of this thread, or None."""
    count = torch._C._len_torch_function_stack()
    return torch._C._get_function_stack_at(count - 1) if count else None


def pop_function_mode() -> Any:
    """Takes the innermost TorchFunctionMode off this thread's stack and returns it."""
    return torch._C._pop_torch_function_stack()


def push_function_mode(mode: Any) -> None:
    """Puts `mode` on top of this thread's stack of TorchFunctionModes."""
    torch._C._push_on_torch_function_stack(mode)


def autocast_state(device: str) -> str | None:
    """The autocast dtype in force for `device` ("cpu", "cuda"), as `torch.bfloat16`; None if autocast is off."""
    return str(torch.get_autocast_dtype(device)) if torch.is_autocast_enabled(device) else None


def is_any_autocast_enabled() -> bool:
    """True if autocast is on for any device."""
    return bool(torch._C._is_any_autocast_enabled())


@dataclass(frozen=True, slots=True)
class RandomState:
    """The state of torch's random generators: CPU, each GPU once CUDA is in use, and one the user made, if any."""

    cpu: torch.Tensor
    cuda: list[torch.Tensor]
    own: torch.Tensor | None = None


def rng_state(own: torch.Generator | None = None) -> RandomState:
    """The present state. Copies 5 KB a generator."""
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    return RandomState(torch.get_rng_state(), cuda, None if own is None else own.get_state())


def set_rng_state(state: RandomState) -> None:
    """Puts torch's generators back to `state`; the user's own generator is left alone."""
    torch.set_rng_state(state.cpu)
    if state.cuda:
        torch.cuda.set_rng_state_all(state.cuda)


def host_random_state() -> tuple[Any, Any]:
    """The states of Python's `random` and, where it is loaded, of numpy's global generator; compares with ==."""
    numpy = sys.modules.get("numpy")
    if numpy is None:
        return random.getstate(), None
    kind, keys, *rest = numpy.random.get_state()
    return random.getstate(), (kind, tuple(keys.tolist()), *rest)


def set_host_random_state(state: tuple[Any, Any]) -> None:
    """Puts both back to what `host_random_state` gave."""
    random.setstate(state[0])
    if state[1] is not None:
        sys.modules["numpy"].random.set_state(state[1])


_collector_lock = threading.Lock()
_collector_pauses = 0
_collector_was_on = False


def pause_collector() -> None:
    """Stops Python's cyclic garbage collector until as many calls of `resume_collector` have been made.

    A recording makes many objects and frees none, so every full collection would look at all of them in vain: it
    doubles the cost of an operation in a run of 10,000. Counts over all threads.
    """
    global _collector_pauses, _collector_was_on
    with _collector_lock:
        if _collector_pauses == 0:
            _collector_was_on = gc.isenabled()
            gc.disable()
        _collector_pauses += 1


def resume_collector() -> None:
    """Undoes one `pause_collector`; the last one leaves the collector as the first one found it."""
    global _collector_pauses
    with _collector_lock:
        _collector_pauses -= 1
        if _collector_pauses == 0 and _collector_was_on:
            gc.enable()


def keep_freed_memory(n_bytes: int = 1 << 30) -> bool:
    """Makes glibc keep up to `n_bytes` of freed memory for the next allocation; True if it does.

    The values of a recording are freed together. By default glibc gives that memory back to the system, and the next
    recording pays for every page again: about a sixth of a recorded forward pass of resnet50. A user's own setting
    (`MALLOC_TRIM_THRESHOLD_`, `MALLOC_MMAP_THRESHOLD_` or `GLIBC_TUNABLES` in the environment) is left alone.
    """
    # 32 MiB is the largest mmap threshold that glibc takes.
    return _set_malloc(min(n_bytes, 2**31 - 1), 32 << 20)


def return_freed_memory() -> bool:
    """Makes glibc give freed memory back to the system, as it does from the start; True if it does."""
    return _set_malloc(128 << 10, 128 << 10)


_malloc_setting: tuple[int, int] | None = None


def _set_malloc(trim_threshold: int, mmap_threshold: int) -> bool:
    global _malloc_setting
    if any(name in os.environ for name in ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES")):
        return False
    if _malloc_setting != (trim_threshold, mmap_threshold):
        try:
            mallopt = ctypes.CDLL("libc.so.6").mallopt
        except (OSError, AttributeError):
            return False
        if not (mallopt(-1, trim_threshold) and mallopt(-3, mmap_threshold)):  # M_TRIM_, M_MMAP_THRESHOLD in malloc.h
            return False
        _malloc_setting = (trim_threshold, mmap_threshold)
    return True


class Interception:
    """Replaces a function of torch's for as long as any thread watches it; each thread's calls reach its own watchers.

    `watch(wrap)` begins, `unwatch(wrap)` ends. `wrap(original, *args, **kwargs)` is called in place of the function,
    the innermost first, and `original` goes on to the next. The attribute is the very object it was before once nobody
    watches any more.
    """

    def __init__(self, owner: Any, name: str, is_classmethod: bool = False) -> None:
        self._owner = owner
        self._name = name
        self._is_classmethod = is_classmethod
        self._before: Any = None
        self._wraps: dict[int, list[Callable[..., Any]]] = {}
        self._lock = threading.Lock()

    def watch(self, wrap: Callable[..., Any]) -> None:
        """Begins to send this thread's calls to `wrap`."""
        with self._lock:
            if not self._wraps:
                self._before = vars(self._owner)[self._name]
                setattr(self._owner, self._name, self._replacement())
            self._wraps.setdefault(threading.get_ident(), []).append(wrap)

    def unwatch(self, wrap: Callable[..., Any]) -> None:
        """Ends it, in whichever thread."""
        with self._lock:
            for thread, wraps in list(self._wraps.items()):
                if wrap in wraps:
                    wraps.remove(wrap)
                    if not wraps:
                        del self._wraps[thread]
            if not self._wraps:
                setattr(self._owner, self._name, self._before)

    def _replacement(self) -> Any:
        before = self._before

        if self._is_classmethod:

            def apply(cls: type, *args: Any, **kwargs: Any) -> Any:
                bound = before.__get__(None, cls)
                wraps = self._wraps.get(threading.get_ident(), ())
                for wrap in wraps:
                    bound = partial(wrap, bound, cls)
                return bound(*args, **kwargs)

            return classmethod(apply)

        @wraps_of(before)
        def call(*args: Any, **kwargs: Any) -> Any:
            bound = before
            for wrap in self._wraps.get(threading.get_ident(), ()):
                bound = partial(wrap, bound)
            return bound(*args, **kwargs)

        return call


# Custom functions do not go through __torch_function__; this is the one way to see each as one operation.
function_apply = Interception(Function, "apply", is_classmethod=True)
# All of Tensor.backward, torch.autograd.backward and torch.autograd.grad come through here.
engine_backward = Interception(torch.autograd, "_engine_run_backward")
zero_grad_of_optimizer = Interception(torch.optim.Optimizer, "zero_grad")
zero_grad_of_module = Interception(torch.nn.Module, "zero_grad")


def function_forwards(kind: type = Function) -> frozenset[CodeType]:
    """The code of `forward` of every custom autograd.Function that there is."""
    found: set[CodeType] = set()
    one: type
    for one in type.__subclasses__(kind):
        forward = vars(one).get("forward")
        code = getattr(getattr(forward, "__func__", forward), "__code__", None)
        if isinstance(code, CodeType):
            found.add(code)
        found |= function_forwards(one)
    return frozenset(found)


def function_around(frame: FrameType | None, forwards: frozenset[CodeType]) -> str:
    """The name of the custom Function in whose `forward` a frame is; "" if it is in none. Some microseconds."""
    while frame is not None:
        if frame.f_code in forwards:
            return frame.f_code.co_qualname.removesuffix(".forward").rpartition("<locals>.")[2]
        frame = frame.f_back
    return ""


def lazy_clone(tensor: torch.Tensor) -> torch.Tensor:
    """A clone that shares memory with `tensor` until either is written, where torch can do so. Differentiable."""
    try:
        return torch._lazy_clone(tensor)  # type: ignore[attr-defined,no-any-return]
    except (RuntimeError, NotImplementedError):  # sparse, quantized, ...
        return tensor.clone()


def has_grad_hooks(leaf: torch.Tensor) -> bool:
    """True if the user's hooks see, and may change, the gradient of a leaf before or after it is accumulated."""
    return bool(leaf._backward_hooks) or bool(getattr(leaf, "_post_accumulate_grad_hooks", None))


def accumulator(leaf: torch.Tensor) -> Any:
    """The autograd node that accumulates into a leaf's `.grad`."""
    return torch.autograd.graph.get_gradient_edge(leaf).node


# -- CUDA's own clock -------------------------------------------------------------------------------------------------


def is_cuda_used() -> bool:
    """True once something has run on a GPU in this process. Does not start CUDA."""
    return bool(torch.cuda.is_initialized())


def cuda_event() -> Any:
    """A mark in the queue of the current stream, that knows when it was reached."""
    event = torch.cuda.Event(enable_timing=True)
    event.record()
    return event


def cuda_seconds(start: Any, end: Any) -> float:
    """The GPU's time between two marks; waits for the second."""
    end.synchronize()
    return float(start.elapsed_time(end)) / 1000


def is_on_current_gpu(result: Any) -> bool:
    """True if the first tensor of a nest is on the GPU whose stream is the current one."""
    found = result
    while isinstance(found, tuple | list) and found:
        found = next((item for item in found if item is not None), None)
    return isinstance(found, torch.Tensor) and found.is_cuda and found.device.index == torch.cuda.current_device()


def write_keywords_by_getattr(graph: torch.fx.Graph) -> None:
    """Has torch.fx write modules and parameters under a keyword of Python, as `{"in": nn.Linear(4, 4)}` in a ModuleDict
    makes them, as `getattr(self.d, "in")`. By itself it writes `self.d.in`, which is no Python."""
    targets = {str(node.target) for node in graph.nodes if node.op in ("call_module", "get_attr")}
    odd = [target for target in targets if any(map(iskeyword, target.split(".")))]
    written = {torch.fx.graph._format_target("self", target): _by_getattr(target) for target in odd}
    if not written:
        return
    pattern = re.compile("|".join(rf"\b{re.escape(text)}(?![\w.])" for text in sorted(written, key=len, reverse=True)))

    def rewritten(body: list[str]) -> list[str]:
        return [pattern.sub(lambda found: written[found[0]], line) for line in body]

    graph.on_generate_code(lambda before: lambda body: rewritten(before(body) if before is not None else body))


def _by_getattr(target: str) -> str:
    text = "self"
    for word in target.split("."):
        text = f"{text}.{word}" if word.isidentifier() and not iskeyword(word) else f"getattr({text}, {word!r})"
    return text
