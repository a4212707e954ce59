"""The training loop, the test after an epoch, and checkpoints."""

from pathlib import Path

import torch
from torch.utils.data import DataLoader

from loss import compute_loss, compute_metrics


class Trainer:
    """Trains a model epoch by epoch.

    A checkpoint holds the model, the optimizer and the random states, so a training
    that is resumed gives, on a CPU, exactly the parameters of one that never stopped.
    """

    def __init__(
        self, model, train_set, test_set, *, batch_size, lr, seed=0, device="cpu"
    ):
        self.device = torch.device(device)
        self.model = model.to(self.device)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=lr)
        # The order of the examples has random numbers of its own.
        self.order = torch.Generator().manual_seed(seed)
        self.train_loader = DataLoader(
            train_set, batch_size=batch_size, shuffle=True, generator=self.order
        )
        # It has a generator too, so that testing does not change the training.
        self.test_loader = DataLoader(
            test_set, batch_size=batch_size, generator=torch.Generator()
        )
        self.epoch = 0

    def train_epoch(self):
        """Goes through the training set once; returns the mean loss."""
        self.model.train()
        total = 0.0
        for x, target in self.train_loader:
            x, target = x.to(self.device), target.to(self.device)
            loss = compute_loss(self.model(x), target)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            total += loss.item() * len(target)
        self.epoch += 1
        return total / len(self.train_loader.dataset)

    @torch.no_grad()
    def evaluate(self):
        """Mean loss and metrics over the test set, by name."""
        self.model.eval()
        totals = {}
        for x, target in self.test_loader:
            x, target = x.to(self.device), target.to(self.device)
            output = self.model(x)
            measured = {"loss": compute_loss(output, target).item()}
            measured.update(compute_metrics(output, target))
            for name, value in measured.items():
                totals[name] = totals.get(name, 0.0) + value * len(target)
        count = len(self.test_loader.dataset)
        return {name: total / count for name, total in totals.items()}

    def save(self, file):
        """Writes a checkpoint. An interruption leaves the old file whole."""
        state = {
            "epoch": self.epoch,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "order": self.order.get_state(),
            "random": torch.get_rng_state(),
        }
        part = Path(f"{file}.part")
        torch.save(state, part)
        part.replace(file)

    def load(self, file):
        """Goes on from a checkpoint that `save` wrote."""
        state = torch.load(file, map_location="cpu", weights_only=True)
        self.epoch = state["epoch"]
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.order.set_state(state["order"])
        torch.set_rng_state(state["random"])
