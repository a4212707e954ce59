"""What the best known messages of torch mean, in plain words that say what to do."""

from __future__ import annotations

import re

from graphtools.words import bytes_text

# What torch says, and what it means; the groups of the pattern fill the sentence.
_MEANINGS = (
    (
        r"mat1 and mat2 shapes cannot be multiplied \((\d+)x(\d+) and (\d+)x(\d+)\)",
        "The layer expects {2} features, but its input has {1}. Set in_features={1}, or change what comes before.",
    ),
    (
        r"expected input\[(.+?)\] to have (\d+) channels, but got (\d+) channels",
        "The convolution expects {1} channels, but its input has {2} (its shape is [{0}]).",
    ),
    (
        r"The size of tensor a \((\d+)\) must match the size of tensor b \((\d+)\) at non-singleton dimension (\d+)",
        "The two tensors have {0} and {1} elements in dimension {2}; these must be equal, or one of them 1.",
    ),
    (
        r"Expected all tensors to be on the same device.*?(cpu|cuda:\d+).*?(cuda:\d+|cpu)",
        "One tensor is on {0} and another on {1}. Move the input or the model, so that both are on one device.",
    ),
    (
        r"shape '\[(.+?)\]' is invalid for input of size (\d+)",
        "{1} elements cannot be arranged as [{0}].",
    ),
    (
        r"Sizes of tensors must match except in dimension (\d+). Expected size (\d+) but got size (\d+)",
        "Tensors that are joined along dimension {0} must agree in all others; here one has {1} and another {2}.",
    ),
    (
        r"Expected more than 1 value per channel when training, got input size",
        "Batch normalization in training needs more than one value per channel. Use a larger batch, or model.eval().",
    ),
    (
        r"index out of range in self",
        "A number in the input is not below the embedding's num_embeddings.",
    ),
    (
        r"can't allocate memory: you tried to allocate (\d+) bytes",
        "Memory ran out: this operation asked for {0} more. Use a smaller input or batch, or raise the "
        "limit if this computer has as much.",
    ),
)  # fmt: skip


def meaning(message: str) -> str:
    """A sentence in plain words for a message that is known, else ""."""
    for pattern, sentence in _MEANINGS:
        found = re.search(pattern, message, re.DOTALL)
        if found:
            words = [bytes_text(int(word)) if "bytes" in pattern else word for word in found.groups()]
            return sentence.format(*words) if words else sentence
    return ""
