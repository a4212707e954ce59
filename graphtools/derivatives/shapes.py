"""Rules of what moves elements and changes none: views, joins, indexing; and of what gives no gradient."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

from graphtools.derivatives.rule import Call, Factor, Input, Rule, percent_text
from graphtools.statistics import number

_MOVED = (Input("input", "∂L/∂x = ∂L/∂y, moved to where the elements came from"),)


def _used_factors(call: Call) -> Iterable[Factor]:
    n_in, n_out = call.x.numel(), sum(part.numel() for part in _parts(call.result))
    yield Factor(f"{n_in:,} elements in, {n_out:,} out", n_out / n_in if n_in else None)


def _parts(found: Any) -> list[torch.Tensor]:
    if isinstance(found, torch.Tensor):
        return [found]
    return [part for item in found for part in _parts(item)] if isinstance(found, tuple | list) else []


def _left_out(call: Call) -> str:
    return "what arrived belongs to other elements than those that came from here"


def _repeats(call: Call) -> Iterable[Factor]:
    n_in, n_out = call.x.numel(), call.y.numel()
    if n_in:
        yield Factor(f"each element stands in the result {number(n_out / n_in)} times", n_out / n_in)


def _rows(call: Call) -> Iterable[Factor]:
    index, weight = call.given(0, "input"), call.given(1, "weight")
    if isinstance(index, torch.Tensor) and isinstance(weight, torch.Tensor):
        touched = int(index.unique().numel())
        n_rows = weight.shape[0]
        text = f"{touched:,} of {n_rows:,} rows are used ({percent_text(touched / n_rows)}); the others get 0"
        yield Factor(text, touched / n_rows)
        yield Factor(f"{index.numel():,} look-ups", float(index.numel()))


def _kept(call: Call) -> Iterable[Factor]:
    size = call.x.shape
    if len(size) >= 2:
        ones = torch.ones(size[-2:], dtype=torch.bool)
        diagonal = call.given(1, "diagonal") or 0
        kept = (
            (ones.tril(diagonal) if call.node.operation.strip("_") == "tril" else ones.triu(diagonal)).double().mean()
        )
        yield Factor(f"{percent_text(float(kept))} of each matrix is kept", float(kept))


def _to_zero(call: Call) -> str:
    return "all elements were overwritten"


def _stops(words: str, sentence: str, targets: tuple[str, ...] = ()) -> Rule:
    return Rule(words, sentence, (Input("input", "∂L/∂x: none"),), "stops", targets=targets)


RULES = (
    Rule(
        "view reshape view_as reshape_as flatten unflatten ravel squeeze unsqueeze permute transpose t "
        "swapaxes swapdims "
        "movedim moveaxis T mT H mH adjoint flip fliplr flipud roll rot90 contiguous clone alias "
        "atleast_1d atleast_2d "
        "atleast_3d resolve_conj resolve_neg channel_shuffle pixel_shuffle pixel_unshuffle "
        "view_as_real view_as_complex "
        "detach_copy native_channel_shuffle",
        "The gradient is moved, not changed: every element goes back to where it came from.",
        _MOVED,
        "moves",
    ),
    Rule(
        "to float double half bfloat16 type type_as cpu cuda",
        "The gradient is converted back to the input's dtype and device, else not changed.",
        (Input("input", "∂L/∂x = ∂L/∂y in the dtype of x"),),
        "moves",
    ),
    Rule(
        "chunk split tensor_split unbind split_with_sizes hsplit vsplit dsplit",
        "The gradients of the parts are put together again; a part that got none counts as 0.",
        (Input("input", "∂L/∂x = the ∂L/∂parts, joined"),),
        "moves",
        factors=_used_factors,
    ),
    Rule(
        "cat concat concatenate stack hstack vstack dstack column_stack",
        "The gradient is cut up: each input gets the part of its own elements.",
        (Input("tensors", "∂L/∂xᵢ = the part of ∂L/∂y that xᵢ fills"),),
        "moves",
    ),
    Rule(
        "getitem select narrow index_select take take_along_dim gather masked_select diagonal diag as_strided slice "
        "nested_to_padded_tensor nested_view_from_jagged",
        "The elements that were picked get their gradient back; all others get 0.",
        (Input("input", "∂L/∂x = ∂L/∂y at the picked elements, 0 elsewhere"), Input("index", "the index gets none")),
        "moves",
        factors=_used_factors,
        zero=_left_out,
    ),
    Rule(
        "expand expand_as repeat broadcast_to broadcast_tensors repeat_interleave tile meshgrid",
        "Each element was repeated, and gets the sum of the gradients of its copies.",
        (Input("input", "∂L/∂x = Σ ∂L/∂y over the copies"),),
        factors=_repeats,
    ),
    Rule(
        "pad constant_pad_nd",
        "The gradient of the border is cut off; where the border repeats or mirrors elements, it is added to these.",
        (Input("input", "∂L/∂x = ∂L/∂y without the border"),),
        "moves",
        factors=_used_factors,
    ),
    Rule(
        "tril triu",
        "The gradient passes in the triangle that was kept and stops in the one set to 0.",
        (Input("input", "∂L/∂x = ∂L/∂y in the triangle, 0 elsewhere"),),
        "moves",
        factors=_kept,
        zero=lambda call: "what arrived is all in the triangle that was set to 0",
    ),
    Rule(
        "sort topk msort kthvalue",
        "Each value's gradient goes back to the element that it was; elements that were left out get 0.",
        (Input("input", "∂L/∂x = ∂L/∂y at the place of each value"),),
        "moves",
        factors=_used_factors,
        zero=_left_out,
    ),
    Rule(
        "embedding",
        "Each row of the table gets the sum of the gradients of its look-ups; rows that were not used get 0.",
        (Input("input", "the indices get none"), Input("weight", "∂L/∂W[i] = Σ ∂L/∂y over the look-ups of row i")),
        "moves",
        factors=_rows,
    ),
    Rule(
        "embedding_bag",
        "Each row of the table gets the gradients of the bags that hold it.",
        (Input("input", "the indices get none"), Input("weight", "∂L/∂W[i] = Σ ∂L/∂y over the bags with row i")),
        factors=_rows,
    ),
    Rule(
        "setitem index_put index_copy masked_scatter scatter select_scatter slice_scatter diagonal_scatter "
        "put index_fill "
        "fill_diagonal",
        "What was overwritten gets 0 and the rest its own gradient; what was written gets the gradient of its place.",
        (
            Input("input", "∂L/∂x = ∂L/∂y, 0 where it was overwritten"),
            Input("index", "the index gets none"),
            Input("value", "∂L/∂value = ∂L/∂y where it was written"),
        ),
        "moves",
        zero=_to_zero,
    ),
    Rule(
        "copy data.__set__",
        "What was overwritten gets 0; what was written gets the gradient.",
        (Input("input", "∂L/∂x = 0"), Input("src", "∂L/∂src = ∂L/∂y")),
        "moves",
        zero=_to_zero,
        targets=("torch.Tensor.copy_", "torch.Tensor.data.__set__"),
    ),
    Rule(
        "index_add scatter_add",
        "The target gets the gradient as it is, what was added the gradient of its place.",
        (
            Input("input", "∂L/∂x = ∂L/∂y"),
            Input("dim", "the dimension has none"),
            Input("index", "the index gets none"),
            Input("source", "∂L/∂source = ∂L/∂y at the index"),
        ),
        "moves",
    ),
    Rule(
        "scatter_reduce index_reduce",
        "What went into each place shares its gradient as the reduction (sum, mean, largest) does.",
        (
            Input("input", "∂L/∂x = ∂L/∂y · its share"),
            Input("dim", "the dimension has none"),
            Input("index", "the index gets none"),
            Input("src", "∂L/∂src = ∂L/∂y at the index · its share"),
        ),
    ),
    Rule(
        "real",
        "The real part gets the gradient; the imaginary part gets 0.",
        (Input("input", "∂L/∂x = ∂L/∂y + 0i"),),
        "moves",
    ),
    Rule("imag", "The imaginary part gets the gradient.", (Input("input", "∂L/∂x = i·∂L/∂y"),), "moves"),
    Rule("conj conj_physical", "The gradient is conjugated.", (Input("input", "∂L/∂x = conj(∂L/∂y)"),), "moves"),
    Rule(
        "complex",
        "The real and imaginary parts of the gradient go to their inputs.",
        (Input("real", "∂L/∂re = Re ∂L/∂y"), Input("imag", "∂L/∂im = Im ∂L/∂y")),
        "moves",
    ),
    Rule(
        "pack_padded_sequence pad_packed_sequence to_dense to_sparse coalesce to_padded_tensor",
        "The gradient is moved, not changed; what was padding gets none.",
        _MOVED,
        "moves",
    ),
    _stops("detach detach_ data", "The gradient stops here: detach gives the value without its history."),
    _stops(
        "item tolist numpy array dlpack bool int float complex index contains is_all_true is_nonzero equal allclose",
        "The value leaves torch for Python here, and no gradient comes back.",
        targets=(
            "builtins.bool",
            "builtins.int",
            "builtins.float",
            "builtins.complex",
            "operator.index",
            "operator.contains",
            "torch.Tensor.item",
            "torch.Tensor.tolist",
            "torch.Tensor.numpy",
            "torch.Tensor.__array__",
            "torch.Tensor.__dlpack__",
            "torch._is_all_true",
            "torch.equal",
            "torch.allclose",
            "torch.is_nonzero",
        ),
    ),
    _stops(
        "eq ne lt le gt ge equal not_equal less less_equal greater greater_equal isclose isnan isinf "
        "isfinite isposinf "
        "isneginf logical_and logical_or logical_xor logical_not any all and or xor not invert "
        "bitwise_and bitwise_or "
        "bitwise_xor bitwise_not iand ior ixor lshift rshift ilshift irshift bitwise_left_shift "
        "bitwise_right_shift isin "
        "signbit",
        "It answers True or False (or gives bits), which do not change with small changes: no gradient.",
    ),
    _stops(
        "argmax argmin argsort nonzero argwhere unique unique_consecutive bincount histc searchsorted "
        "bucketize one_hot "
        "count_nonzero nms multinomial tril_indices triu_indices randperm int_repr",
        "It gives positions or counts, which do not change with small changes: no gradient.",
    ),
    _stops(
        "long int short byte char bool",
        "It gives whole numbers, which do not change with small changes: no gradient.",
    ),
    Rule(
        "floor ceil round trunc fix sign sgn heaviside floordiv floor_divide ifloordiv",
        "The result is flat between its jumps: the derivative is 0 wherever it exists, so the gradient is 0.",
        (Input("input", "∂L/∂x = 0", lambda call: torch.zeros((), dtype=torch.float64)),),
        zero=lambda call: "a rounded result does not change with small changes of the input: its derivative is 0",
    ),
    _stops(
        "zeros ones full empty empty_strided arange linspace logspace eye tensor as_tensor from_numpy "
        "zeros_like ones_like "
        "full_like empty_like new_empty new_full new_ones new_tensor new_zeros scalar_tensor range asarray",
        "It makes a tensor from no differentiable input: there is nothing that a gradient could go to.",
    ),
    Rule(
        "fill zero",
        "All elements were overwritten, so what was there before gets 0.",
        (Input("input", "∂L/∂x = 0"), Input("value", "∂L/∂value = Σ ∂L/∂y")),
        zero=_to_zero,
    ),
    _stops(
        "quantize_per_tensor quantize_per_channel dequantize",
        "Quantized numbers carry no gradient.",
    ),
    Rule(
        "fake_quantize_per_tensor_affine fake_quantize_per_channel_affine",
        "The gradient passes as it is inside the range of the quantized numbers and stops outside it.",
        (Input("input", "∂L/∂x = ∂L/∂y · 1[inside the range]"),),
        "moves",
        unchecked="it rounds, and its gradient passes through the rounding by design",
    ),
)
