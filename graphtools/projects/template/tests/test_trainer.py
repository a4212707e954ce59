"""A short training learns, and one that was resumed is one that never stopped."""

import torch

from train import make_trainer, read_config


def test_three_epochs_read_nine_digits_of_ten():
    trainer = make_trainer(read_config())
    losses = [trainer.train_epoch() for _ in range(3)]
    assert losses[-1] < losses[0]
    assert trainer.evaluate()["accuracy"] > 0.9


def test_a_resumed_training_gives_the_same_parameters(tmp_path):
    config = read_config()
    trainer = make_trainer(config)
    trainer.train_epoch()
    trainer.save(tmp_path / "checkpoint.pt")
    trainer.train_epoch()

    resumed = make_trainer(config)
    resumed.load(tmp_path / "checkpoint.pt")
    assert resumed.epoch == 1
    resumed.train_epoch()

    expected = trainer.model.state_dict()
    for name, value in resumed.model.state_dict().items():
        assert torch.equal(value, expected[name]), name
