"""What is known of torch's functions: the name of each, the function of each name, what it writes, what it draws."""

from __future__ import annotations

import builtins
import importlib
import inspect
import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import torch
from torch.overrides import resolve_name

from graphtools.errors import CaptureError

Treatment = Literal["record", "pass", "exit"]

# Reads of a tensor's type and switches of torch's state: most of the traffic, and no step of the computation.
_PASSED = frozenset(
    "dim ndim size shape device dtype layout stride numel nelement element_size itemsize nbytes names "
    "storage_offset requires_grad requires_grad_ retain_grad retains_grad is_leaf grad_fn output_nr _version _base "
    "is_contiguous is_floating_point is_complex is_signed is_cuda is_cpu is_quantized is_sparse is_sparse_csr "
    "is_meta is_mkldnn is_mps is_xpu is_xla is_ipu is_maia is_vulkan is_mtia is_nested is_inference is_conj is_neg "
    "is_shared is_pinned is_same_size is_set_to is_distributed is_coalesced get_device data_ptr storage "
    "untyped_storage _typed_storage storage_type type_ has_names __len__ __repr__ __str__ __format__ __hash__ "
    "__dir__ __reduce_ex__ __deepcopy__ __setstate__ backward register_hook register_post_accumulate_grad_hook "
    "_backward_hooks _post_accumulate_grad_hooks grad _grad qscheme q_scale q_zero_point result_type promote_types "
    "can_cast get_default_dtype set_default_dtype is_tensor is_storage is_grad_enabled _set_grad_enabled "
    "set_grad_enabled _cdata __cuda_array_interface__ _is_view _has_symbolic_sizes_strides dim_order "
    "__torch_dispatch__ name volatile _indices_dim sparse_dim dense_dim has_torch_function broadcast_shapes iinfo "
    "finfo _assert __iter__ __subclasscheck__ imag_ share_memory_ pin_memory_ _is_zerotensor is_conj_ "
    "is_autocast_enabled _C _nnz _dimI _dimV module_load _use_count manual_seed".split()
)
# Values leave the graph for Python here; control flow may depend on them.
_EXITS = frozenset(
    "item __bool__ __int__ __float__ __index__ __complex__ __contains__ tolist numpy __array__ equal allclose "
    "is_nonzero __array_wrap__ __dlpack__".split()
)
_RANDOM = frozenset(
    "rand randn randint rand_like randn_like randint_like randperm bernoulli bernoulli_ multinomial normal normal_ "
    "uniform_ poisson exponential_ geometric_ log_normal_ cauchy_ random_ dropout dropout_ dropout1d dropout2d "
    "dropout3d alpha_dropout alpha_dropout_ feature_dropout feature_dropout_ feature_alpha_dropout "
    "feature_alpha_dropout_ native_dropout rrelu rrelu_ gumbel_softmax fractional_max_pool2d fractional_max_pool3d "
    "fractional_max_pool2d_with_indices fractional_max_pool3d_with_indices binomial _standard_gamma "
    "_sample_dirichlet kaiming_uniform_ kaiming_normal_ xavier_uniform_ xavier_normal_ trunc_normal_ orthogonal_ "
    "sparse_ scaled_dot_product_attention multi_head_attention_forward lstm gru rnn_tanh rnn_relu svd_lowrank "
    "pca_lowrank".split()
)
_WRITERS = frozenset(
    "__setitem__ __iadd__ __isub__ __imul__ __itruediv__ __idiv__ __ifloordiv__ __imod__ __ipow__ __iand__ __ior__ "
    "__ixor__ __ilshift__ __irshift__ __imatmul__ fused_moving_avg_obs_fake_quant".split()
)
# What gives a tuple of the parts of a tensor, and nothing else.
PARTS = frozenset(
    ("split", "split_with_sizes", "chunk", "unbind", "tensor_split", "unsafe_split", "unsafe_chunk", "hsplit", "vsplit")
)
_STATISTICS_AT_3 = frozenset({"torch.batch_norm", "torch.instance_norm"})
_REFLECTED = {
    "__radd__": "add", "__rsub__": "sub", "__rmul__": "mul", "__rtruediv__": "truediv", "__rdiv__": "truediv",
    "__rfloordiv__": "floordiv", "__rmod__": "mod", "__rpow__": "pow", "__rmatmul__": "matmul", "__rand__": "and_",
    "__ror__": "or_", "__rxor__": "xor", "__rlshift__": "lshift", "__rrshift__": "rshift",
}  # fmt: skip
_OPERATORS = {
    "__getitem__": "getitem", "__setitem__": "setitem", "__pow__": "pow", "__eq__": "eq", "__ne__": "ne",
    "__lt__": "lt", "__le__": "le", "__gt__": "gt", "__ge__": "ge", "__and__": "and_", "__or__": "or_",
    "__xor__": "xor", "__invert__": "invert", "__floordiv__": "floordiv",
    "__mod__": "mod", "__add__": "add", "__sub__": "sub",
    "__mul__": "mul", "__truediv__": "truediv", "__matmul__": "matmul", "__neg__": "neg", "__abs__": "abs",
    "__lshift__": "lshift", "__rshift__": "rshift",
}  # fmt: skip


_BUILTINS = {f"__{word}__": f"builtins.{word}" for word in ("bool", "int", "float", "complex")}
_BUILTINS["__index__"] = "operator.index"
_BUILTINS["__contains__"] = "operator.contains"


@dataclass(frozen=True, slots=True)
class Callee:
    """A function as a recorder meets it.

    `writes` says which of its arguments it may overwrite: "first"; "inplace" (the first, if its `inplace` argument at
    `position` is true); "statistics" of a batch norm; the "weight" of an embedding with `max_norm`; those that its
    "schema" marks; or "unknown", where only a comparison of version counters can tell. `draws` says that it may use the
    random generator, `reflected` that the user wrote its two arguments the other way round.
    """

    target: str
    treatment: Treatment
    writes: Literal["", "first", "inplace", "statistics", "weight", "schema", "unknown"] = ""
    position: int = 0
    positions: tuple[int, ...] = ()
    draws: bool = False
    reflected: bool = False


@lru_cache(maxsize=4096)
def describe(func: Callable[..., Any]) -> Callee:
    """The Callee of a function that went through `__torch_function__`."""
    name = public_name(func)
    words = name.split(".")
    word = words[-1]
    if word == "__get__":
        return Callee(name.removesuffix(".__get__"), "pass" if words[-2] in _PASSED else "record")
    if word in ("__set__", "__delete__"):
        return Callee(name, "record", "first") if words[-2] == "data" else Callee(name, "pass")
    if name.startswith("torch.Tensor.") and word in _REFLECTED:
        return Callee("operator." + _REFLECTED[word], "record", reflected=True)
    schema = _schema(func)
    if schema is not None:
        marked = tuple(
            position
            for position, argument in enumerate(schema.arguments)
            if argument.alias_info is not None and argument.alias_info.is_write
        )
        return Callee(name, "record", "schema" if marked else "", positions=marked, draws=bool(_RANDOM & {*words[2:]}))
    if word in _PASSED:
        return Callee(name, "pass")
    if word in _EXITS:
        return Callee(_BUILTINS.get(word, name), "exit")
    target = "operator." + _OPERATORS[word] if name.startswith("torch.Tensor.") and word in _OPERATORS else name
    draws = word in _RANDOM
    if word in ("batch_norm", "instance_norm"):
        return Callee(target, "record", "statistics", 3 if name in _STATISTICS_AT_3 else 1, draws=draws)
    if word in ("embedding", "embedding_bag"):
        return Callee(target, "record", "weight", draws=draws)
    position = _inplace_position(func)
    if position is not None:
        return Callee(target, "record", "inplace", position, draws=draws)
    if word in _WRITERS or (word.endswith("_") and not word.endswith("__")):
        return Callee(target, "record", "first", draws=draws)
    return Callee(target, "record", "" if name.startswith("torch.") else "unknown", draws=draws)


def public_name(func: Any) -> str:
    """The name under which a user finds `func`: `torch.nn.functional.linear`, not `torch._C._nn.linear`.

    `named(public_name(f))` is `f` or equivalent to it wherever a public name exists; else the name holds where the
    function is defined.
    """
    packet = getattr(func, "_qualified_op_name", None) or getattr(func, "_name", None)
    if isinstance(packet, str) and "::" in packet:
        return "torch.ops." + packet.replace("::", ".")
    try:
        name = resolve_name(func)
    except Exception:  # resolve_name compares with everything it knows; an odd __eq__ may raise
        name = None
    if name is None:
        module = getattr(func, "__module__", None) or type(func).__module__
        name = f"{module}.{getattr(func, '__qualname__', type(func).__qualname__)}"
        return name.replace(".<locals>", "").replace("torch._VariableFunctionsClass.", "torch.")
    own = getattr(func, "__name__", "")
    if name.count(".") == 1 and own and not name.endswith("." + own) and getattr(torch, own, None) == func:
        name = f"torch.{own}"  # torch.mm and torch.spmm are equal, and either may be found first
    if name.startswith("torch.functional."):
        name = "torch." + name.removeprefix("torch.functional.")
    return name


@lru_cache(maxsize=4096)
def named(target: str) -> Callable[..., Any]:
    """The function that `public_name` named. Looks only into torch, torchvision and operator; raises CaptureError."""
    if target.startswith("operator."):
        return getattr(operator, target.removeprefix("operator."))  # type: ignore[no-any-return]
    words = target.split(".")
    if target in _BUILTINS.values():
        return getattr(builtins, words[1])  # type: ignore[no-any-return]
    if words[0] not in ("torch", "torchvision"):
        raise CaptureError(f"{target} is not a function of torch; the recording that holds it can still run it")
    if target.startswith("torch.Tensor.") and isinstance(getattr(torch.Tensor, words[2], None), property):
        return lambda tensor: getattr(tensor, words[2])
    found: Any = importlib.import_module(words[0])
    for word in words[1:]:
        if not hasattr(found, word):
            raise CaptureError(f"torch {torch.__version__} has no {target}")
        found = getattr(found, word)
    if inspect.isgetsetdescriptor(found):  # a property such as Tensor.mT
        return lambda tensor: getattr(tensor, words[-1])
    return found  # type: ignore[no-any-return]


def written(callee: Callee, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[torch.Tensor]:
    """The tensors that this call overwrites, by torch's naming rules: `add_`, `out=`, `inplace=True`, `x[...] = y`,
    `x += y`, running statistics of a batch norm in training, an embedding renormalized to `max_norm`."""
    if kwargs.get("out") is not None:
        yield from _tensors(kwargs["out"])
    if callee.writes == "first":
        yield from _tensors(args[0] if args else next(iter(kwargs.values()), None))
    elif callee.writes == "inplace":
        if args[callee.position] if len(args) > callee.position else kwargs.get("inplace", False):
            yield from _tensors(args[0] if args else kwargs.get("input"))
    elif callee.writes == "statistics":
        # Position 5 is `training` (or `use_input_stats`) in torch.batch_norm and F.batch_norm alike.
        # instance_norm copies its statistics back even where it did not change them.
        training = kwargs.get("training", args[5] if len(args) > 5 else False)
        if training or callee.target.endswith("instance_norm"):
            yield from _tensors([*args[callee.position : callee.position + 2]])
            yield from _tensors([kwargs.get("running_mean"), kwargs.get("running_var")])
    elif callee.writes == "weight":
        # F.embedding(input, weight, padding_idx, max_norm), F.embedding_bag(input, weight, offsets, max_norm)
        if (args[3] if len(args) > 3 else kwargs.get("max_norm")) is not None and callee.target.startswith(
            "torch.nn.functional."
        ):
            yield from _tensors(args[1] if len(args) > 1 else kwargs.get("weight"))
    elif callee.writes == "schema":
        yield from _tensors([args[position] for position in callee.positions if position < len(args)])


def draws(callee: Callee, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """True if this call of a function that may draw random numbers does: `dropout(x, training=False)` does not."""
    word = callee.target.rsplit(".", 1)[-1]
    if word == "scaled_dot_product_attention":
        return bool(kwargs.get("dropout_p", args[4] if len(args) > 4 else 0.0))
    if word == "multi_head_attention_forward":
        return bool(kwargs.get("training", True))
    if word in ("lstm", "gru", "rnn_tanh", "rnn_relu"):  # (..., dropout: float, train: bool, ...)
        rate = next((position for position, arg in enumerate(args) if isinstance(arg, float)), None)
        return rate is not None and args[rate] > 0 and bool(args[rate + 1])
    if "dropout" in word or word.startswith("rrelu"):
        if "training" in kwargs or "train" in kwargs:
            return bool(kwargs.get("training", kwargs.get("train")))
        return len(args) < 3 or any(arg is True for arg in args[2:])
    return True


def _tensors(value: Any) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _tensors(item)


def _schema(func: Any) -> Any:
    if hasattr(func, "_schema"):
        return func._schema
    if hasattr(func, "overloads") and hasattr(func, "_qualified_op_name"):
        overloads = func.overloads()
        return getattr(func, overloads[0])._schema if overloads else None
    return None


def _inplace_position(func: Any) -> int | None:
    code = getattr(func, "__code__", None)
    names = code.co_varnames[: code.co_argcount] if code is not None else ()
    return names.index("inplace") if "inplace" in names else None
