"""Floating-point operations of a call, from shapes alone.

The convention is that of `torch.utils.flop_counter`: a multiplication and an addition count as two, and only the work
of matrix products counts: matmul, linear, convolution, attention, einsum, recurrent layers. Bias, activation,
normalization and everything else count 0, and so, as there, does a matrix times a vector. Causal masks do not lower the
count. Counted here although the counter of torch misses them: `bilinear`, an LSTM that runs in oneDNN, and fused
attention layers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from typing import Any

from graphtools.graph import Graph, Node, Ref, module_path
from graphtools.kinds import category

Shape = tuple[int, ...]


class _UnknownShapeError(Exception):
    """A shape that the count needs is not known."""


def count_flops(graph: Graph, node: Node) -> int | None:
    """Floating-point operations of one call: 0 for what is no matrix product or failed, None if it cannot be known.

    That is where a shape is open, and where the user's own function was kept whole (`torch.fx.wrap`, an
    `autograd.Function`). Reads shapes and the text of arguments. Only attention kept as one node without weights among
    its outputs may need `graph.live` too, to tell the batch from the sequence.
    """
    if node.kind != "call":
        return 0
    if graph.failure is not None and graph.failure.node == node.name:
        return 0  # it raised before it gave anything
    if not node.target.startswith(("torch.", "operator.", "builtins.", "math.", "_operator.")):
        # The user's own function, kept whole: what it computes is not known, unless its name says enough.
        return 0 if category(node.target) == "dropout" else None
    call = _Call(graph, node)
    is_module = call.word[:1].isupper() and node.target.startswith("torch.nn.")
    count = (_MODULES if is_module else _FUNCTIONS).get(call.word)
    if count is None:
        return 0
    try:
        return count(call)
    except (_UnknownShapeError, IndexError, KeyError, TypeError, ValueError):
        return None  # the others: arguments that do not fit, as those of the operation that a run failed in


class _Call:
    """One call: its arguments' shapes and, where it is a whole module, its weights' shapes."""

    def __init__(self, graph: Graph, node: Node) -> None:
        self.graph = graph
        self.node = node
        self.path = module_path(node.scope)
        self.word = node.operation.strip("_").removeprefix("Parametrized")

    def argument(self, position: int, name: str) -> Any:
        """The argument at `position` or of that name; None if neither was given."""
        args = self.node.args
        return args[position] if position < len(args) else self.node.kwargs.get(name)

    def shape(self, position: int, name: str) -> Shape:
        """The shape of a tensor argument; _UnknownShapeError if it is open, or no tensor."""
        return self.shape_of(self.argument(position, name))

    def shape_of(self, ref: Any) -> Shape:
        if not isinstance(ref, Ref):
            raise _UnknownShapeError
        outputs = self.graph.node(ref.node).outputs
        return _known(next((o.spec.shape for o in outputs if o.path == ref.path), None))

    def output(self, index: int = 0) -> Shape:
        """The shape of the tensor at `index` among the outputs."""
        outputs = self.node.outputs
        return _known(outputs[index].spec.shape if index < len(outputs) else None)

    def states(self, below: str = "") -> dict[str, Shape]:
        """Shapes of the parameters of the module called, or of the one `below` it, by name."""
        path = ".".join(part for part in (self.path, below) if part)
        module = self.graph.modules.get(path)
        if module is None:
            raise _UnknownShapeError
        return {s.name: _known(s.spec.shape) for s in module.states if s.kind == "parameter"}

    def weight(self) -> Shape:
        """The shape of the module's weight, also where weight norm or another parametrization computes it."""
        states = self.states()
        for name in ("weight", "weight_v", "weight_orig"):
            if name in states:
                return states[name]
        return max(self.states("parametrizations.weight").values(), key=prod, default=()) or _unknown()


def _unknown() -> Shape:
    raise _UnknownShapeError


def _known(shape: tuple[int | str, ...] | None) -> Shape:
    sizes = tuple(size for size in shape or () if isinstance(size, int))
    if shape is None or len(sizes) != len(shape):
        raise _UnknownShapeError
    return sizes


# -- matrix products ---------------------------------------------------------------------------------------------------


def _matmul(a: Shape, b: Shape) -> int:
    """(..., n, k) @ (..., k, m), batches broadcast: 2·batch·n·k·m; 0 if `b` is a vector."""
    if len(b) < 2 or not a:
        return 0
    n = a[-2] if len(a) > 1 else 1
    return 2 * prod(_broadcast(a[:-2], b[:-2])) * n * a[-1] * b[-1]


def _broadcast(a: Shape, b: Shape) -> Shape:
    length = max(len(a), len(b))
    pairs = zip((1,) * (length - len(a)) + a, (1,) * (length - len(b)) + b, strict=True)
    return tuple(max(x, y) if x and y else 0 for x, y in pairs)


def _first_two(call: _Call) -> int:
    return _matmul(call.shape(0, "input"), call.shape(1, "other" if call.word == "matmul" else "mat2"))


def _after_first(call: _Call) -> int:
    names = ("batch1", "batch2") if call.word == "baddbmm" else ("mat1", "mat2")
    return _matmul(call.shape(1, names[0]), call.shape(2, names[1]))


def _linear(call: _Call) -> int:
    weight = call.shape(1, "weight")
    return 2 * prod(call.shape(0, "input")) * weight[0] if len(weight) == 2 else 0


def _linear_module(call: _Call) -> int:
    return 2 * prod(call.shape(0, "input")) * call.weight()[0]


def _bilinear_of(x1: Shape, weight: Shape) -> int:
    """x1·W, (n, in1) by (out, in1, in2), then its products with x2."""
    n, (n_out, n_in1, n_in2) = prod(x1[:-1]), weight
    return 2 * n * n_out * n_in1 * n_in2 + 2 * n * n_out * n_in2


def _tensordot(call: _Call) -> int:
    a, b, dims = call.shape(0, "a"), call.shape(1, "b"), call.argument(2, "dims")
    if dims is None:
        dims = 2
    if isinstance(dims, int):
        summed: Any = range(len(a) - dims, len(a))
    elif isinstance(dims, tuple) and len(dims) == 2:
        summed = dims[0] if isinstance(dims[0], tuple) else (dims[0],)
    else:
        raise _UnknownShapeError
    sizes: list[int] = [a[axis] for axis in summed]
    return 2 * prod(a) * prod(b) // max(1, prod(sizes))


def _inner(call: _Call) -> int:
    a, b = call.shape(0, "input"), call.shape(1, "other")
    return 2 * prod(a) * prod(b[:-1]) if len(a) > 1 and len(b) > 1 else 0


def _einsum(call: _Call) -> int:
    """Contracts the operands left to right, as torch does without opt_einsum; a pair costs 2·(its index space)."""
    equation, *operands = call.node.args
    if len(operands) == 1 and isinstance(operands[0], tuple):
        operands = list(operands[0])
    if not isinstance(equation, str):
        raise _UnknownShapeError
    shapes = [call.shape_of(operand) for operand in operands]
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = [_letters(term, len(shape)) for term, shape in zip(left.split(","), shapes, strict=True)]
    sizes: dict[str, int] = {}
    for term, shape in zip(terms, shapes, strict=True):
        for letter, size in zip(term, shape, strict=True):
            sizes[letter] = max(size, sizes.get(letter, 0))
    if arrow:
        dots = sorted({letter for letter in sizes if letter.startswith(".")})
        result = set(right.replace("...", "")) | (set(dots) if "..." in right else set())
    else:
        result = {letter for letter in sizes if letter.startswith(".") or left.count(letter) == 1}
    return _contract(terms, result, sizes)


def _contract(terms: list[list[str]], result: set[str], sizes: Mapping[str, int]) -> int:
    total = 0
    held = set(terms[0])
    for position, term in enumerate(terms[1:], 1):
        later = result.union(*terms[position + 1 :])
        other = set(term)
        # What only one of the two has, and nothing later wants, is summed before they are multiplied.
        held = {letter for letter in held if letter in later or letter in other}
        other = {letter for letter in other if letter in later or letter in held}
        if (held & other) - later:
            total += 2 * prod(sizes[letter] for letter in held | other)
        held = (held | other) & later
    return total


def _letters(term: str, n_dims: int) -> list[str]:
    """The indexes of a term; those that an ellipsis stands for are `.0` (the last one), `.1`, ..."""
    before, dots, after = term.partition("...")
    n_dots = n_dims - len(before) - len(after)
    return [*before, *(f".{n}" for n in reversed(range(n_dots))), *after] if dots else list(term)


# -- convolution -------------------------------------------------------------------------------------------------------


def _convolution(x: Shape, weight: Shape, out: Shape, transposed: bool) -> int:
    """2·batch·positions·(weight elements); the positions are those of the output, or of the input if `transposed`."""
    n_dims = len(weight) - 2
    shape = x if transposed else out
    if n_dims < 1 or len(shape) <= n_dims:
        raise _UnknownShapeError
    return 2 * prod(shape[: -n_dims - 1]) * prod(shape[-n_dims:]) * prod(weight)


def _conv(call: _Call) -> int:
    transposed = "transpose" in call.word or (call.word == "convolution" and call.argument(6, "transposed") is True)
    return _convolution(call.shape(0, "input"), call.shape(1, "weight"), call.output(), transposed)


def _conv_module(call: _Call) -> int:
    return _convolution(call.shape(0, "input"), call.weight(), call.output(), "Transpose" in call.word)


# -- attention ---------------------------------------------------------------------------------------------------------


def _scaled_dot_product_attention(call: _Call) -> int:
    q, k, v = call.shape(0, "query"), call.shape(1, "key"), call.shape(2, "value")
    return 2 * prod(q[:-1]) * k[-2] * (q[-1] + v[-1])


def _attention(query: int, key: int, batch: int, states: Mapping[str, Shape]) -> int:
    """Multi-head attention over `query` and `key` positions: the projections in, two products, the projection out."""
    if "in_proj_weight" in states:
        width = states["in_proj_weight"][1]
        inward = [(query, width), (key, width), (key, width)]
    elif "q_proj_weight" in states:
        width = states["q_proj_weight"][0]
        inward = [(query, width)] + [(key, states[f"{name}_proj_weight"][1]) for name in "kv"]
    else:
        raise _UnknownShapeError
    attended = key + (1 if "bias_k" in states else 0)
    projections = sum(2 * batch * positions * n_in * width for positions, n_in in inward)
    return projections + 4 * batch * query * attended * width + 2 * batch * query * width * width


def _attention_function(call: _Call) -> int:
    weights = {5: "in_proj_weight", 7: "bias_k", 18: "q_proj_weight", 19: "k_proj_weight", 20: "v_proj_weight"}
    given = {name: call.argument(position, name) for position, name in weights.items()}
    states = {name: call.shape_of(ref) for name, ref in given.items() if isinstance(ref, Ref)}
    query, key = call.shape(0, "query"), call.shape(1, "key")
    batch = query[1] if len(query) == 3 else 1
    return _attention(query[0], key[0], batch, states)


def _attention_module(call: _Call) -> int:
    query, key = call.shape(0, "query"), call.shape(1, "key")
    if len(query) == 2:
        return _attention(query[0], key[0], 1, call.states())
    axis = _batch_axis(call, query)
    return _attention(query[1 - axis], key[1 - axis], query[axis], call.states())


def _batch_axis(call: _Call, query: Shape) -> int:
    """The axis of `query`, of three, that counts the batch: from the weights given back, the settings, or `live`."""
    if query[0] == query[1]:
        return 0
    if len(call.node.outputs) > 1 and len(weights := call.output(1)) > 2:  # the fused path gives f32[0] for no weights
        return 0 if weights[0] == query[0] else 1
    module = call.graph.modules.get(call.path)
    if module is not None and "batch_first=" in module.settings:
        return 0 if "batch_first=True" in module.settings else 1
    called = getattr(call.graph.live, "modules", {}).get(call.node.name)
    batch_first = getattr(called, "batch_first", getattr(getattr(called, "self_attn", None), "batch_first", None))
    if batch_first is None:
        raise _UnknownShapeError
    return 0 if batch_first else 1


def _layers(call: _Call, kind: str, positions: Shape, memory: Shape | None) -> int:
    """All Transformer layers at or below the module called, for sequences and a `memory` of the shapes given."""
    total = 0
    prefix = call.path + "." if call.path else ""
    for path, module in call.graph.modules.items():
        if module.class_name != f"Transformer{kind}Layer" or not (path == call.path or path.startswith(prefix)):
            continue
        below = path[len(prefix) :] + "." if path != call.path else ""
        axis = _batch_axis_of_layer(call, positions)
        n, batch = positions[1 - axis], positions[axis]
        total += _attention(n, n, batch, call.states(below + "self_attn"))
        if kind == "Decoder":
            total += _attention(n, (memory or positions)[1 - axis], batch, call.states(below + "multihead_attn"))
        total += 2 * n * batch * sum(prod(call.states(f"{below}linear{i}")["weight"]) for i in (1, 2))
    return total


def _batch_axis_of_layer(call: _Call, positions: Shape) -> int:
    if len(positions) != 3:
        raise _UnknownShapeError
    if positions[0] == positions[1]:
        return 0
    # A container of layers has no batch_first of its own: ask the first attention in it.
    module: Any = getattr(call.graph.live, "modules", {}).get(call.node.name)
    parts = module.modules() if module is not None else ()
    batch_first = next((part.batch_first for part in parts if hasattr(part, "batch_first")), None)
    if batch_first is None:
        raise _UnknownShapeError
    return 0 if batch_first else 1


def _encoder(call: _Call) -> int:
    return _layers(call, "Encoder", call.shape(0, "src"), None)


def _decoder(call: _Call) -> int:
    return _layers(call, "Decoder", call.shape(0, "tgt"), call.shape(1, "memory"))


def _transformer(call: _Call) -> int:
    source, target = call.shape(0, "src"), call.shape(1, "tgt")
    return _layers(call, "Encoder", source, None) + _layers(call, "Decoder", target, source)


# -- recurrent ---------------------------------------------------------------------------------------------------------


def _recurrent_module(call: _Call) -> int:
    """Every weight matrix once for each step of each sequence."""
    weights = [shape for name, shape in call.states().items() if name.startswith("weight")]
    return 2 * prod(call.shape(0, "input")[:-1]) * sum(map(prod, weights))


def _recurrent(call: _Call) -> int:
    # lstm(input, hx, params, ...) or, packed, lstm(data, batch_sizes, hx, params, ...): the weights are the last list.
    lists = [arg for arg in call.node.args if isinstance(arg, tuple)]
    if not lists:
        raise _UnknownShapeError
    weights = [shape for shape in map(call.shape_of, lists[-1]) if len(shape) == 2]
    return 2 * prod(call.shape(0, "input")[:-1]) * sum(map(prod, weights))


def _recurrent_cell(call: _Call) -> int:
    weights = call.shape(2, "w_ih"), call.shape(3, "w_hh")
    return 2 * prod(call.shape(0, "input")[:-1]) * sum(map(prod, weights))


def _underivable(call: _Call) -> int:
    raise _UnknownShapeError


_FUNCTIONS: dict[str, Callable[[_Call], int]] = {
    **dict.fromkeys(("matmul", "mm", "bmm", "spmm"), _first_two),
    **dict.fromkeys(("addmm", "baddbmm"), _after_first),
    **dict.fromkeys(("conv1d", "conv2d", "conv3d", "convolution"), _conv),
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), _conv),
    **dict.fromkeys(("lstm", "gru", "rnn_tanh", "rnn_relu"), _recurrent),
    **dict.fromkeys(("lstm_cell", "gru_cell", "rnn_tanh_cell", "rnn_relu_cell"), _recurrent_cell),
    **dict.fromkeys(("multi_dot", "chain_matmul", "matrix_power", "conv_tbc", "linear_cross_entropy"), _underivable),
    **dict.fromkeys(("grouped_mm", "scaled_mm", "scaled_grouped_mm", "flex_attention"), _underivable),
    "linear": _linear,
    "bilinear": lambda call: _bilinear_of(call.shape(0, "input1"), call.shape(2, "weight")),
    "tensordot": _tensordot,
    "inner": _inner,
    "einsum": _einsum,
    "scaled_dot_product_attention": _scaled_dot_product_attention,
    "multi_head_attention_forward": _attention_function,
}
_MODULES: dict[str, Callable[[_Call], int]] = {
    **dict.fromkeys(("Linear", "LazyLinear", "NonDynamicallyQuantizableLinear"), _linear_module),
    **{f"{lazy}Conv{kind}{n}d": _conv_module for lazy in ("", "Lazy") for kind in ("", "Transpose") for n in (1, 2, 3)},
    **dict.fromkeys(("LSTM", "GRU", "RNN", "LSTMCell", "GRUCell", "RNNCell"), _recurrent_module),
    **dict.fromkeys(("AdaptiveLogSoftmaxWithLoss", "LinearCrossEntropyLoss"), _underivable),
    **dict.fromkeys(("TransformerEncoder", "TransformerEncoderLayer"), _encoder),
    **dict.fromkeys(("TransformerDecoder", "TransformerDecoderLayer"), _decoder),
    "Bilinear": lambda call: _bilinear_of(call.shape(0, "input1"), call.weight()),
    "MultiheadAttention": _attention_module,
    "Transformer": _transformer,
}
