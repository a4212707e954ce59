"""The model gives logits of the right shape, and all of it can learn."""

import torch

from model import Net


def test_images_become_logits():
    assert Net()(torch.rand(5, 1, 8, 8)).shape == (5, 10)


def test_every_parameter_gets_a_gradient():
    model = Net()
    model(torch.rand(5, 1, 8, 8)).sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name


def test_an_example_does_not_depend_on_its_neighbors():
    model, images = Net().eval(), torch.rand(5, 1, 8, 8)
    torch.testing.assert_close(model(images)[:2], model(images[:2]))
