"""Trains the model as config.toml says.

python train.py             from the beginning
python train.py --resume    from the last checkpoint
"""

import argparse
import tomllib
from pathlib import Path

import torch

from dataset import Digits
from model import Net
from trainer import Trainer

FOLDER = Path(__file__).parent


def read_config(file=FOLDER / "config.toml"):
    """The settings as nested dicts."""
    return tomllib.loads(Path(file).read_text(encoding="utf-8"))


def make_trainer(config):
    """Model, data and trainer of a configuration. The seed decides all that is random."""
    training = config["training"]
    torch.manual_seed(training["seed"])
    return Trainer(
        Net(**config["model"]),
        Digits(train=True, **config["data"]),
        Digits(train=False, **config["data"]),
        batch_size=training["batch_size"],
        lr=training["lr"],
        seed=training["seed"],
        device=training["device"],
    )


def main():
    parser = argparse.ArgumentParser(
        description="Trains the model as config.toml says."
    )
    parser.add_argument("--config", default=FOLDER / "config.toml")
    parser.add_argument(
        "--resume", action="store_true", help="go on from the checkpoint"
    )
    arguments = parser.parse_args()

    config = read_config(arguments.config)
    trainer = make_trainer(config)
    checkpoint = FOLDER / config["training"]["checkpoint"]
    if arguments.resume and checkpoint.exists():
        trainer.load(checkpoint)
        print(f"resumed after epoch {trainer.epoch}")

    while trainer.epoch < config["training"]["epochs"]:
        loss = trainer.train_epoch()
        tested = trainer.evaluate()
        trainer.save(checkpoint)
        measures = ", ".join(f"{name} {value:.4f}" for name, value in tested.items())
        print(f"epoch {trainer.epoch}: training loss {loss:.4f}; test {measures}")


if __name__ == "__main__":
    main()
