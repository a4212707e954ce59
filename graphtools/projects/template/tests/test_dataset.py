"""The data are what the model takes, and no test image is among those for training."""

import torch

from dataset import Digits


def test_an_example_is_an_image_and_its_class():
    image, target = Digits()[0]
    assert image.shape == (1, 8, 8) and image.dtype == torch.float32
    assert 0 <= image.min() and image.max() <= 1
    assert 0 <= target < len(Digits.classes)


def test_no_image_is_in_both_parts():
    train, test = Digits(train=True), Digits(train=False)
    assert set(train.indices.tolist()).isdisjoint(test.indices.tolist())
    assert len(train) + len(test) == 1797


def test_both_parts_hold_all_classes():
    for train in (True, False):
        part = Digits(train=train)
        assert set(part.targets[part.indices].tolist()) == set(range(10))
