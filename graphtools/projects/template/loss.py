"""What the training makes small, and what a person reads."""

from torch.nn import functional as F


def compute_loss(output, target):
    """Cross-entropy of logits [n, classes] and class numbers [n], averaged."""
    return F.cross_entropy(output, target)


def compute_metrics(output, target):
    """Measures by name, each averaged over the batch."""
    return {"accuracy": (output.argmax(dim=1) == target).float().mean().item()}
