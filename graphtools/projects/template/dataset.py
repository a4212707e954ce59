"""The data: scikit-learn's handwritten digits, which come with that library."""

import torch
from sklearn.datasets import load_digits
from torch.utils.data import Dataset


class Digits(Dataset):
    """1,797 images [1, 8, 8] of numbers from 0 to 1, and their classes 0 to 9.

    A part of the images, always the same, is kept for testing; `train` chooses.
    """

    classes = tuple("0123456789")

    def __init__(self, train=True, test_share=0.2):
        images, classes = load_digits(return_X_y=True)
        # The order of the file goes by writer, so the parts are drawn.
        order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
        n_test = int(test_share * len(images))
        self.indices = order[n_test:] if train else order[:n_test]
        self.images = (
            torch.tensor(images, dtype=torch.float32).reshape(-1, 1, 8, 8) / 16
        )
        self.targets = torch.tensor(classes)

    def __len__(self):
        return len(self.indices)

    def __getitem__(self, index):
        which = self.indices[index]
        return self.images[which], self.targets[which]
