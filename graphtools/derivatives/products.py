"""Rules of matrix products, convolutions, attention and recurrent layers."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch

from graphtools.derivatives.rule import Call, Factor, Input, Rule, size_factor
from graphtools.statistics import number


def _sizes(*names: str, start: int = 0) -> Callable[[Call], Iterable[Factor]]:
    """Norm and shape of the tensor arguments from position `start`, under these names."""

    def factors(call: Call) -> Iterable[Factor]:
        for position, name in enumerate(names, start):
            found = call.given(position, *_KEYWORDS.get(name, (name,)))
            if isinstance(found, torch.Tensor):
                yield size_factor(name, found)

    return factors


_KEYWORDS = {
    "x": ("input", "self"), "W": ("weight",), "A": ("input", "self"), "B": ("mat2", "other", "vec", "tensor"),
    "Q": ("query",), "K": ("key",), "V": ("value",),
}  # fmt: skip


def _weight_zero(call: Call) -> str:
    for position, name in ((0, "x"), (1, "W")):
        found = call.given(position, *_KEYWORDS[name])
        is_asked = call.of is not None and call.raw(position, *_KEYWORDS[name]) == call.of
        if isinstance(found, torch.Tensor) and not found.any() and not is_asked:
            return f"{name} is 0 everywhere, and what it multiplies gets 0"
    return "the gradient and the factor that it is multiplied by share no nonzero element"


def _product_value(call: Call) -> str:
    parts = []
    limit = _limit(call)
    for position in (0, 1):
        found = call.given(position, *(("input", "self"), ("weight", "mat2", "other"))[position])
        if isinstance(found, torch.Tensor) and found.numel():
            if found.isinf().any():
                return "0 · inf or inf − inf gives NaN"
            parts.append(number(float(found.abs().max())))
    return f"the sums of products go past {limit}, the largest of the dtype: factors up to {' and '.join(parts)}"


def _limit(call: Call) -> str:
    found = call.result
    while isinstance(found, tuple):
        found = found[0]
    return number(torch.finfo(found.dtype).max) if found.is_floating_point() else "the end of the range"


def _product_grad(call: Call) -> str:
    return "the sums of products go past the largest number of the dtype"


def _heads(call: Call) -> Iterable[Factor]:
    yield from _sizes("Q", "K", "V")(call)
    query = call.given(0, "query")
    if isinstance(query, torch.Tensor):
        scale = call.given(6, "scale")
        scale = query.shape[-1] ** -0.5 if scale is None else float(scale)
        yield Factor(f"scale = {number(scale)}", scale)


_BIAS = "∂L/∂b = Σ ∂L/∂y over all but the features"
_MATRIX = (Input("input", "∂L/∂A = ∂L/∂y · Bᵀ"), Input("other", "∂L/∂B = Aᵀ · ∂L/∂y"))
_MATRIX_WORDS = "Each factor gets the gradient multiplied by the other factor, transposed."


def _product(
    words: str,
    sentence: str,
    inputs: tuple[Input, ...],
    factors: Callable[[Call], Iterable[Factor]] | None = None,
    zero: Callable[[Call], str] | None = _weight_zero,
    targets: tuple[str, ...] = (),
) -> Rule:
    return Rule(
        words, sentence, inputs, "changes", factors, zero, value=_product_value, grad=_product_grad, targets=targets
    )


_CONVOLUTION = (
    Input("input", "∂L/∂x = ∂L/∂y ⋆ W turned by 180° (a transposed convolution)"),
    Input("weight", "∂L/∂W = x ⋆ ∂L/∂y (summed over batch and places)"),
    Input("bias", "∂L/∂b = Σ ∂L/∂y over batch and places"),
)
_RECURRENT = "the gradient goes back through time: at each step through the gates and the recurrent weights"

RULES = (
    _product(
        "linear",
        "The input gets the gradient times the weight; the weight gets, summed over all rows, the gradient times the "
        "input; the bias its sum.",
        (
            Input("input", "∂L/∂x = ∂L/∂y · W"),
            Input("weight", "∂L/∂W = (∂L/∂y)ᵀ · x"),
            Input("bias", _BIAS),
        ),
        _sizes("x", "W"),
    ),
    _product(
        "matmul mm bmm mv imatmul spmm sparse_mm grouped_mm dot vdot inner", _MATRIX_WORDS, _MATRIX, _sizes("A", "B")
    ),
    _product(
        "addmm addmv baddbmm addbmm",
        "The sum gets the gradient as it is (times β), each matrix the gradient times the other (times α).",
        (
            Input("input", "∂L/∂x = β · ∂L/∂y"),
            Input("mat1", "∂L/∂A = α · ∂L/∂y · Bᵀ"),
            Input("mat2", "∂L/∂B = α · Aᵀ · ∂L/∂y"),
        ),
        _sizes("x", "mat1", "mat2"),
        zero=None,
    ),
    _product("outer ger", "Each vector gets the gradient matrix times the other.", _MATRIX, _sizes("A", "B")),
    _product(
        "einsum",
        "Each operand gets the sum of the gradient times all other operands, over the indices that it does not have.",
        (
            Input("equation", "the equation has none"),
            Input("operands", "∂L/∂Aᵢ = einsum(∂L/∂y, all Aⱼ with j ≠ i)"),
        ),
        zero=None,
    ),
    _product("tensordot multi_dot chain_matmul", _MATRIX_WORDS, _MATRIX, zero=None),
    _product(
        "bilinear",
        "Each input gets the gradient times the weight and the other input.",
        (
            Input("input1", "∂L/∂a = Σ ∂L/∂y · W · b"),
            Input("input2", "∂L/∂b = Σ ∂L/∂y · W · a"),
            Input("weight", "∂L/∂W = Σ ∂L/∂y · a · bᵀ"),
            Input("bias", _BIAS),
        ),
        zero=None,
    ),
    _product(
        "conv1d conv2d conv3d convolution",
        "The input gets the gradient spread back through the kernel; the weight gets the correlation of input and "
        "gradient; the bias the sum over batch and places.",
        _CONVOLUTION,
        _sizes("x", "W"),
    ),
    _product(
        "conv_transpose1d conv_transpose2d conv_transpose3d",
        "The input gets the gradient convolved with the kernel; the weight the correlation of gradient and input.",
        (Input("input", "∂L/∂x = ∂L/∂y ⋆ W (a convolution)"), *_CONVOLUTION[1:]),
        _sizes("x", "W"),
    ),
    _product(
        "scaled_dot_product_attention",
        "The values get the gradient through the attention weights A; queries and keys get it through the softmax, "
        "which passes little where one weight is near 1.",
        (
            Input("query", "∂L/∂Q = s · dS · K,  dS = A · (dA − Σ dA·A),  dA = ∂L/∂y · Vᵀ"),
            Input("key", "∂L/∂K = s · dSᵀ · Q"),
            Input("value", "∂L/∂V = Aᵀ · ∂L/∂y,  A = softmax(s · Q · Kᵀ)"),
            Input("attn_mask", "∂L/∂mask = dS"),
        ),
        _heads,
    ),
    _product(
        "multi_head_attention_forward multiheadattention",
        "The gradient goes through the output projection, the attention weights and the projections of query, key and "
        "value.",
        (
            Input("query", "∂L/∂query = ∂L/∂Q · W_q"),
            Input("key", "∂L/∂key = ∂L/∂K · W_k"),
            Input("value", "∂L/∂value = ∂L/∂V · W_v"),
            Input("weights", "∂L/∂W = (∂L/∂projected)ᵀ · what was projected"),
        ),
        zero=None,
    ),
    _product(
        "lstm lstm_cell",
        f"Of an LSTM {_RECURRENT}; the cell state passes it on through the forget gate alone.",
        (
            Input("input", "∂L/∂xₜ = Σ gates ∂L/∂gateₜ · W_ih"),
            Input("hx", "∂L/∂hₜ₋₁ = Σ gates ∂L/∂gateₜ · W_hh;  ∂L/∂cₜ₋₁ = ∂L/∂cₜ · fₜ"),
            Input("params", "∂L/∂W = Σₜ (∂L/∂gateₜ)ᵀ · (xₜ or hₜ₋₁)"),
        ),
        zero=None,
    ),
    _product(
        "gru gru_cell",
        f"Of a GRU {_RECURRENT}; the update gate passes the old state on.",
        (
            Input("input", "∂L/∂xₜ = Σ gates ∂L/∂gateₜ · W_ih"),
            Input("hx", "∂L/∂hₜ₋₁ = ∂L/∂hₜ · zₜ + Σ gates ∂L/∂gateₜ · W_hh"),
            Input("params", "∂L/∂W = Σₜ (∂L/∂gateₜ)ᵀ · (xₜ or hₜ₋₁)"),
        ),
        zero=None,
    ),
    _product(
        "rnn_tanh rnn_relu rnn_tanh_cell rnn_relu_cell",
        f"Of a simple recurrent layer {_RECURRENT}.",
        (
            Input("input", "∂L/∂xₜ = (∂L/∂hₜ · f′) · W_ih"),
            Input("hx", "∂L/∂hₜ₋₁ = (∂L/∂hₜ · f′) · W_hh"),
            Input("params", "∂L/∂W = Σₜ (∂L/∂hₜ · f′)ᵀ · (xₜ or hₜ₋₁)"),
        ),
        zero=None,
    ),
    _product(
        "cdist pairwise_distance",
        "Each point gets the gradient along the direction to the other points.",
        (
            Input("x1", "∂L/∂a = Σ ∂L/∂d · (a − b)/d"),
            Input("x2", "∂L/∂b = −Σ ∂L/∂d · (a − b)/d"),
        ),
        zero=None,
    ),
    _product(
        "cosine_similarity",
        "Each vector gets the part of the other that is at a right angle to it.",
        (
            Input("x1", "∂L/∂a = ∂L/∂y · (b/‖b‖ − y·a/‖a‖) / ‖a‖"),
            Input("x2", "∂L/∂b = ∂L/∂y · (a/‖a‖ − y·b/‖b‖) / ‖b‖"),
        ),
        zero=None,
    ),
    Rule("det", "Times the determinant and the inverse, transposed.", (Input("A", "∂L/∂A = ∂L/∂y · det(A) · A⁻ᵀ"),)),
    Rule("logdet slogdet", "Times the inverse, transposed.", (Input("A", "∂L/∂A = ∂L/∂y · A⁻ᵀ"),)),
    Rule("inverse inv", "Between two inverses, transposed.", (Input("A", "∂L/∂A = −A⁻ᵀ · ∂L/∂y · A⁻ᵀ"),)),
    Rule(
        "solve",
        "The right side gets the solution of the transposed system.",
        (Input("A", "∂L/∂A = −∂L/∂B · yᵀ"), Input("B", "∂L/∂B = A⁻ᵀ · ∂L/∂y")),
    ),
    Rule(
        "cholesky cholesky_ex",
        "The gradient is carried through the triangular factor.",
        (Input("A", "∂L/∂A = L⁻ᵀ · Φ(Lᵀ · ∂L/∂L) · L⁻¹, made symmetric"),),
        unchecked="torch gives the gradient for changes that keep the matrix symmetric",
    ),
    Rule(
        "eigvalsh",
        "Each eigenvalue's gradient goes along its eigenvector.",
        (Input("A", "∂L/∂A = V · diag(∂L/∂λ) · Vᴴ"),),
        unchecked="torch gives the gradient for changes that keep the matrix symmetric",
    ),
    Rule(
        "svdvals",
        "Each singular value's gradient goes along its vectors.",
        (Input("A", "∂L/∂A = U · diag(∂L/∂σ) · Vᴴ"),),
    ),
    Rule(
        "matrix_exp",
        "The gradient goes through the derivative of the matrix exponential at Aᵀ.",
        (Input("A", "∂L/∂A = d exp(Aᵀ)[∂L/∂y]"),),
    ),
    Rule(
        "fftn ifftn fft ifft fft2 ifft2 rfft irfft rfft2 irfft2 rfftn irfftn hfft ihfft stft istft",
        "A Fourier transform is linear: the gradient goes through the transform backward.",
        (Input("input", "∂L/∂x = Fᴴ · ∂L/∂y"),),
    ),
)
