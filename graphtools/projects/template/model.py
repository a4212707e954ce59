"""The model: a small convolutional network for gray images of 8 x 8."""

from torch import nn


class Net(nn.Module):
    """Two convolutions, then one linear layer. `width` is the channels of the first."""

    def __init__(self, width=16, n_classes=10):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, width, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(width, 2 * width, 3, padding=1),
            nn.ReLU(),
        )
        self.head = nn.Sequential(
            nn.Flatten(),
            nn.Dropout(0.2),
            nn.Linear(2 * width * 4 * 4, n_classes),
        )

    def forward(self, x):
        """Images [n, 1, 8, 8] to logits [n, n_classes]."""
        return self.head(self.features(x))
