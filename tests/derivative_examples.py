"""One call for each derivative rule, small enough for finite differences and away from corners and poles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torchvision
from torch.nn import functional as F

Example = tuple[Callable[..., Any], tuple[torch.Tensor, ...]]


def _drawn(*shape: int, low: float = -2.0, high: float = 2.0, seed: int = 0) -> torch.Tensor:
    """Numbers between the ends, evenly apart and shuffled: none is on a corner, none equals another."""
    count = int(torch.tensor(shape).prod()) if shape else 1
    generator = torch.Generator().manual_seed(seed)
    steps = (torch.randperm(count, generator=generator).double() + 0.37) / count
    return (low + (high - low) * steps).float().reshape(shape)


X, OTHER = _drawn(3, 4), _drawn(3, 4, seed=1)
ABOVE = _drawn(3, 4, low=0.3, high=2.0)
IMAGE, VOLUME, LINE = _drawn(2, 4, 6, 6), _drawn(1, 2, 4, 4, 4), _drawn(2, 4, 8)
SQUARE = _drawn(3, 3) + 3 * torch.eye(3)
CLASSES = torch.tensor([1, 0, 3])
MASK = X > 0.3
INDEX = torch.tensor([2, 0])
BOXES = torch.tensor([[0.0, 1.0, 1.0, 4.0, 5.0], [1.0, 0.0, 0.0, 5.0, 3.0]])


def _recurrent(kind: str) -> Example:
    gates = {"lstm": 4, "gru": 3, "rnn_tanh": 1}[kind]
    weights = [_drawn(gates * 3, 2, seed=3), _drawn(gates * 3, 3, seed=4), _drawn(gates * 3), _drawn(gates * 3, seed=5)]
    state = _drawn(1, 2, 3, low=-1, high=1)

    def call(x: torch.Tensor, *weights: torch.Tensor) -> Any:
        first = [state, state] if kind == "lstm" else state
        return getattr(torch, kind)(x, first, list(weights), True, 1, 0.0, False, False, False)

    return call, (_drawn(4, 2, 2), *weights)


def _attended(x: torch.Tensor, w_in: torch.Tensor, w_out: torch.Tensor) -> torch.Tensor:
    b_in, b_out = torch.zeros(12), torch.zeros(4)
    return F.multi_head_attention_forward(
        x, x, x, 4, 2, w_in, b_in, None, None, False, 0.0, w_out, b_out, need_weights=False
    )[0]


# By the first word of a rule, or its target where the word alone does not tell.
EXAMPLES: dict[str, Example] = {
    "relu": (F.relu, (X,)),
    "relu6": (F.relu6, (_drawn(4, 4, low=-3, high=9),)),
    "leaky_relu": (lambda x: F.leaky_relu(x, 0.2), (X,)),
    "elu": (lambda x: F.elu(x, 1.3), (X,)),
    "selu": (F.selu, (X,)),
    "celu": (lambda x: F.celu(x, 1.5), (X,)),
    "gelu": (lambda x: F.gelu(x, approximate="tanh"), (X,)),
    "silu": (F.silu, (X,)),
    "mish": (F.mish, (X,)),
    "hardtanh": (lambda x: F.hardtanh(x, -0.5, 1.1), (X,)),
    "hardswish": (F.hardswish, (_drawn(4, 4, low=-5, high=5),)),
    "hardsigmoid": (F.hardsigmoid, (_drawn(4, 4, low=-5, high=5),)),
    "sigmoid": (torch.sigmoid, (X,)),
    "tanh": (torch.tanh, (X,)),
    "logsigmoid": (F.logsigmoid, (X,)),
    "softplus": (lambda x: F.softplus(x, 2.0), (X,)),
    "softsign": (F.softsign, (X,)),
    "threshold": (lambda x: F.threshold(x, 0.4, 7.0), (X,)),
    "hardshrink": (lambda x: F.hardshrink(x, 0.6), (X,)),
    "tanhshrink": (F.tanhshrink, (X,)),
    "exp": (torch.exp, (X,)),
    "exp2": (torch.exp2, (X,)),
    "expm1": (torch.expm1, (X,)),
    "log": (torch.log, (ABOVE,)),
    "log2": (torch.log2, (ABOVE,)),
    "log10": (torch.log10, (ABOVE,)),
    "log1p": (torch.log1p, (ABOVE,)),
    "sqrt": (torch.sqrt, (ABOVE,)),
    "rsqrt": (torch.rsqrt, (ABOVE,)),
    "reciprocal": (torch.reciprocal, (ABOVE,)),
    "square": (torch.square, (X,)),
    "abs": (torch.abs, (X,)),
    "neg": (torch.neg, (X,)),
    "sin": (torch.sin, (X,)),
    "cos": (torch.cos, (X,)),
    "tan": (torch.tan, (_drawn(3, 4, low=-1, high=1),)),
    "asin": (torch.asin, (X / 3,)),
    "acos": (torch.acos, (X / 3,)),
    "atan": (torch.atan, (X,)),
    "sinh": (torch.sinh, (X,)),
    "cosh": (torch.cosh, (X,)),
    "asinh": (torch.asinh, (X,)),
    "acosh": (torch.acosh, (ABOVE + 1,)),
    "atanh": (torch.atanh, (X / 3,)),
    "erf": (torch.erf, (X,)),
    "erfc": (torch.erfc, (X,)),
    "erfinv": (torch.erfinv, (X / 3,)),
    "logit": (torch.logit, (ABOVE / 3,)),
    "sinc": (torch.sinc, (X,)),
    "lgamma": (torch.lgamma, (ABOVE,)),
    "digamma": (torch.digamma, (ABOVE,)),
    "deg2rad": (torch.deg2rad, (X,)),
    "rad2deg": (torch.rad2deg, (X,)),
    "frac": (torch.frac, (X,)),
    "nan_to_num": (torch.nan_to_num, (X,)),
    "add": (lambda a, b: torch.add(a, b, alpha=3), (X, OTHER[:1])),
    "sub": (lambda a, b: torch.sub(a, b, alpha=3), (X, OTHER[:1])),
    "rsub": (torch.rsub, (X, OTHER)),
    "mul": (torch.mul, (X, OTHER[:, :1])),
    "div": (torch.div, (X, ABOVE[:1])),
    "pow": (torch.pow, (ABOVE, OTHER)),
    "remainder": (torch.remainder, (X, ABOVE)),
    "fmod": (torch.fmod, (X, ABOVE)),
    "addcmul": (lambda a, b, c: torch.addcmul(a, b, c, value=0.5), (X, OTHER, ABOVE)),
    "addcdiv": (lambda a, b, c: torch.addcdiv(a, b, c, value=0.5), (X, OTHER, ABOVE)),
    "lerp": (torch.lerp, (X, OTHER, ABOVE / 3)),
    "atan2": (torch.atan2, (X, OTHER)),
    "hypot": (torch.hypot, (X, OTHER)),
    "logaddexp": (torch.logaddexp, (X, OTHER)),
    "xlogy": (torch.xlogy, (X, ABOVE)),
    "prelu": (F.prelu, (X, torch.tensor([0.3]))),
    "foreach_add": (lambda a, b: torch._foreach_add([a, b], 2.0), (X, OTHER)),
    "maximum": (torch.maximum, (X, OTHER)),
    "minimum": (torch.minimum, (X, OTHER)),
    "clamp": (lambda x: torch.clamp(x, -0.6, 1.1), (X,)),
    "torch.where": (lambda a, b: torch.where(MASK, a, b), (X, OTHER)),
    "torch.Tensor.where": (lambda a, b: a.where(MASK, b), (X, OTHER)),
    "masked_fill": (lambda x: x.masked_fill(MASK, 3.0), (X,)),
    "linear": (F.linear, (_drawn(5, 4), _drawn(3, 4, seed=1), _drawn(3))),
    "matmul": (torch.matmul, (_drawn(2, 3, 4), _drawn(4, 2, seed=1))),
    "addmm": (
        lambda a, b, c: torch.addmm(a, b, c, beta=2, alpha=3),
        (_drawn(3, 2), _drawn(3, 4), _drawn(4, 2, seed=1)),
    ),
    "outer": (torch.outer, (_drawn(3), _drawn(4))),
    "einsum": (lambda a, b: torch.einsum("ij,jk->ik", a, b), (_drawn(3, 4), _drawn(4, 2, seed=1))),
    "tensordot": (lambda a, b: torch.tensordot(a, b, 1), (_drawn(2, 3, 4), _drawn(4, 2, seed=1))),
    "bilinear": (F.bilinear, (_drawn(2, 3), _drawn(2, 4, seed=1), _drawn(2, 3, 4, seed=2), _drawn(2))),
    "conv1d": (lambda x, w, b: F.conv2d(x, w, b, 2, 1), (IMAGE, _drawn(3, 4, 3, 3, seed=1), _drawn(3))),
    "conv_transpose1d": (lambda x, w: F.conv_transpose2d(x, w, stride=2), (IMAGE, _drawn(4, 2, 2, 2, seed=1))),
    "scaled_dot_product_attention": (
        F.scaled_dot_product_attention,
        (_drawn(1, 2, 3, 4), _drawn(1, 2, 5, 4, seed=1), _drawn(1, 2, 5, 4, seed=2)),
    ),
    "lstm": _recurrent("lstm"),
    "gru": _recurrent("gru"),
    "rnn_tanh": _recurrent("rnn_tanh"),
    "cdist": (torch.cdist, (_drawn(3, 4), _drawn(2, 4, seed=1))),
    "cosine_similarity": (F.cosine_similarity, (X, OTHER)),
    "det": (torch.det, (SQUARE,)),
    "logdet": (torch.logdet, (SQUARE,)),
    "inverse": (torch.inverse, (SQUARE,)),
    "solve": (torch.linalg.solve, (SQUARE, _drawn(3, 2))),
    "svdvals": (torch.linalg.svdvals, (SQUARE,)),
    "matrix_exp": (torch.matrix_exp, (SQUARE / 4,)),
    "fftn": (lambda x: torch.fft.irfft(torch.fft.rfft(x)), (X,)),
    "max_pool1d": (lambda x: F.max_pool2d(x, 2), (IMAGE,)),
    "avg_pool1d": (lambda x: F.avg_pool2d(x, 2), (IMAGE,)),
    "lp_pool1d": (lambda x: F.lp_pool2d(x, 2.0, 2), (IMAGE,)),
    "max_unpool1d": (lambda x: F.max_unpool2d(x, torch.tensor([[[[0, 5], [8, 15]]]]), 2), (_drawn(1, 1, 2, 2),)),
    "interpolate": (lambda x: F.interpolate(x, scale_factor=2, mode="bilinear"), (IMAGE,)),
    "grid_sample": (
        lambda x, g: F.grid_sample(x, g, align_corners=False),
        (IMAGE, _drawn(2, 3, 3, 2, low=-0.8, high=0.8)),
    ),
    "affine_grid": (lambda t: F.affine_grid(t, [2, 1, 3, 3], align_corners=False), (_drawn(2, 2, 3),)),
    "unfold": (lambda x: F.unfold(x, 2), (IMAGE,)),
    "fold": (lambda x: F.fold(x, (4, 4), 2), (_drawn(1, 8, 9),)),
    "batch_norm": (
        lambda x, w, b: F.batch_norm(x, torch.zeros(4), torch.ones(4), w, b, training=True),
        (IMAGE, _drawn(4), _drawn(4, seed=1)),
    ),
    "instance_norm": (F.instance_norm, (IMAGE,)),
    "layer_norm": (lambda x, w, b: F.layer_norm(x, (4,), w, b), (X, _drawn(4), _drawn(4, seed=1))),
    "rms_norm": (lambda x, w: F.rms_norm(x, (4,), w), (X, _drawn(4))),
    "local_response_norm": (lambda x: F.local_response_norm(x, 2), (IMAGE,)),
    "normalize": (F.normalize, (X,)),
    "weight_norm": (torch._weight_norm, (X, _drawn(3, 1))),
    "softmax": (lambda x: F.softmax(x, -1), (X,)),
    "log_softmax": (lambda x: F.log_softmax(x, -1), (X,)),
    "view": (lambda x: x.view(4, 3), (X,)),
    "to": (lambda x: x.to(torch.float64), (X,)),
    "chunk": (lambda x: x.chunk(2, 1), (X,)),
    "cat": (lambda a, b: torch.cat([a, b, a]), (X, OTHER)),
    "getitem": (lambda x: x[1:, ::2], (X,)),
    "expand": (lambda x: x.expand(2, 3, 4), (X,)),
    "pad": (lambda x: F.pad(x, (1, 1), mode="reflect"), (LINE,)),
    "tril": (torch.tril, (X,)),
    "sort": (torch.sort, (X,)),
    "embedding": (lambda w: F.embedding(torch.tensor([0, 2, 0]), w), (X,)),
    "embedding_bag": (lambda w: F.embedding_bag(torch.tensor([[0, 2], [0, 1]]), w), (X,)),
    "setitem": (lambda x, v: x.index_put((INDEX,), v), (X, OTHER[:2])),
    "torch.Tensor.copy_": (lambda x, v: x.clone().copy_(v), (X, OTHER)),
    "index_add": (lambda x, v: x.index_add(0, INDEX, v), (X, OTHER[:2])),
    "scatter_reduce": (lambda x, v: x.scatter_reduce(0, INDEX[:, None].expand(2, 4), v, "mean"), (X, OTHER[:2])),
    "floor": (torch.floor, (X,)),
    "fill": (lambda x, v: x.clone().fill_(v), (X, torch.tensor(0.7))),
    "sum": (lambda x: x.sum(1), (X,)),
    "mean": (lambda x: x.mean((0, 1)), (X,)),
    "max": (lambda x: x.max(1).values, (X,)),
    "min": (torch.min, (X,)),
    "aminmax": (lambda x: torch.aminmax(x, dim=1), (X,)),
    "median": (torch.median, (X,)),
    "prod": (lambda x: x.prod(1), (X,)),
    "norm": (lambda x: torch.linalg.vector_norm(x, dim=1), (X,)),
    "var": (lambda x: x.var(1), (X,)),
    "std": (lambda x: x.std(1), (X,)),
    "var_mean": (lambda x: torch.var_mean(x, 1), (X,)),
    "logsumexp": (lambda x: x.logsumexp(1), (X,)),
    "cumsum": (lambda x: x.cumsum(1), (X,)),
    "cumprod": (lambda x: x.cumprod(1), (X,)),
    "logcumsumexp": (lambda x: x.logcumsumexp(1), (X,)),
    "cummax": (lambda x: x.cummax(1), (X,)),
    "diff": (lambda x: x.diff(), (X,)),
    "trace": (torch.trace, (SQUARE,)),
    "cross_entropy": (lambda x: F.cross_entropy(x, CLASSES), (X,)),
    "nll_loss": (lambda x: F.nll_loss(x, CLASSES), (X,)),
    "mse_loss": (F.mse_loss, (X, OTHER)),
    "l1_loss": (F.l1_loss, (X, OTHER)),
    "smooth_l1_loss": (F.smooth_l1_loss, (X, OTHER)),
    "binary_cross_entropy_with_logits": (F.binary_cross_entropy_with_logits, (X, ABOVE / 3)),
    "binary_cross_entropy": (lambda x: F.binary_cross_entropy(x, ABOVE / 3), (ABOVE.flip(0) / 3,)),
    "kl_div": (lambda x: F.kl_div(x, ABOVE, reduction="batchmean"), (X,)),
    "gaussian_nll_loss": (F.gaussian_nll_loss, (X, OTHER, ABOVE)),
    "poisson_nll_loss": (F.poisson_nll_loss, (X, ABOVE)),
    "hinge_embedding_loss": (lambda a, b: F.margin_ranking_loss(a, b, OTHER.sign(), 0.3), (X, ABOVE)),
    "dropout": (lambda x: F.dropout(x, 0.3), (X,)),
    "alpha_dropout": (lambda x: F.alpha_dropout(x, 0.3, training=True), (X,)),
    "rrelu": (lambda x: F.rrelu(x, 0.1, 0.3, training=True), (X,)),
    "real": (lambda x: torch.view_as_complex(x.view(3, 2, 2)).real, (X,)),
    "pack_padded_sequence": (
        lambda x: torch.nn.utils.rnn.pack_padded_sequence(x, torch.tensor([4, 2, 1]), batch_first=True).data,
        (_drawn(3, 4, 2),),
    ),
    "imag": (lambda x: torch.view_as_complex(x.view(3, 2, 2)).imag, (X,)),
    "conj": (lambda x: torch.view_as_complex(x.view(3, 2, 2)).conj() * 2, (X,)),
    "complex": (lambda a, b: torch.complex(a, b), (X, OTHER)),
    "polar": (lambda r, angle: torch.polar(r, angle), (ABOVE, X)),
    "roi_align": (lambda x: torchvision.ops.roi_align(x, BOXES, (2, 2)), (IMAGE,)),
    "deform_conv2d": (
        lambda x, offset, w: torchvision.ops.deform_conv2d(x, offset, w),
        (IMAGE, _drawn(2, 8, 5, 5, low=0.1, high=0.8), _drawn(3, 4, 2, 2)),
    ),
    "multi_head_attention_forward": (_attended, (_drawn(3, 2, 4), _drawn(12, 4), _drawn(4, 4, seed=1))),
}

# What torch's gradient is not, by design: the derivative for a change of one element. And what gives its input back.
WITHOUT = {
    "positive", "cholesky", "eigvalsh", "ctc_loss", "fake_quantize_per_tensor_affine",
    "transformers.models.bloom.modeling_bloom.GeLUFunction",
}  # fmt: skip
