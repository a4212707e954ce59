"""What sort of operation a target is: the category that a picture colours by. Without torch."""

from __future__ import annotations

_WORDS = {
    "convolution": ("conv",),
    "normalization": ("norm",),
    "pooling": ("pool",),
    "attention": ("attention",),
    "recurrent": ("lstm", "gru", "rnn"),
    "embedding": ("embedding",),
    "dropout": ("dropout", "dropblock", "stochasticdepth", "stochastic_depth"),
    "linear": ("linear", "matmul", "bmm", "mm", "einsum"),
    "loss": ("loss", "cross_entropy"),
    "activation": ("relu", "gelu", "silu", "sigmoid", "tanh", "softmax", "elu", "hardswish", "mish", "glu"),
    "arithmetic": ("add", "sub", "mul", "div", "pow", "sqrt", "neg", "exp", "log"),
    "reduction": ("sum", "mean", "max", "min", "argmax", "var", "std"),
    "shape": ("view", "reshape", "flatten", "permute", "transpose", "cat", "stack", "chunk", "split", "unsqueeze", "squeeze", "expand"),
    "indexing": ("getitem", "select", "gather", "index"),
    "creation": ("zeros", "ones", "arange", "full", "rand"),
    "conversion": ("to", "float", "type"),
}


def category(target: str) -> str:
    """The category of an operation, by the public name of its target; "other" if none is known."""
    word = target.rsplit(".", 1)[-1].lower()
    for name, stems in _WORDS.items():
        if any(stem in word for stem in stems if len(stem) > 2) or word in stems:
            return name
    return "other"
