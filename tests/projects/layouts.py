"""Small projects laid out as public repositories are, each as its files. None downloads anything."""

from __future__ import annotations

from pathlib import Path

# One script with its network, argparse, F.nll_loss: as pytorch/examples has them.
ONE_SCRIPT = {
    "main.py": """
import argparse
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.utils.data import DataLoader, TensorDataset


class Net(nn.Module):
    def __init__(self, hidden, dropout=0.1):
        super(Net, self).__init__()
        self.fc1 = nn.Linear(6, hidden)
        self.dropout = nn.Dropout(dropout)
        self.fc2 = nn.Linear(hidden, 3)

    def forward(self, x):
        return F.log_softmax(self.fc2(self.dropout(F.relu(self.fc1(x)))), dim=1)


def train(args, model, loader, optimizer):
    for data, target in loader:
        optimizer.zero_grad()
        loss = F.nll_loss(model(data), target)
        loss.backward()
        optimizer.step()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch-size", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--lr", type=float, default=0.5)
    parser.add_argument("--hidden", type=int, default=7)
    args = parser.parse_args()
    data = TensorDataset(torch.randn(20, 6), torch.randint(3, (20,)))
    loader = DataLoader(data, batch_size=args.batch_size)
    model = Net(args.hidden).to("cpu")
    optimizer = optim.Adadelta(model.parameters(), lr=args.lr)
    for _ in range(args.epochs):
        train(args, model, loader, optimizer)


if __name__ == "__main__":
    main()
""",
}

# A package with relative imports, run by `python -m shapes.train`, with loaders from a function and YAML settings.
PACKAGE = {
    "README.md": "python -m shapes.train",
    "shapes/__init__.py": "",
    "shapes/models/__init__.py": "from .net import *\n",
    "shapes/models/layers.py": """
from torch import nn

class Block(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.fc = nn.Linear(n, n)
    def forward(self, x):
        return x + self.fc(x).relu()
""",
    "shapes/models/net.py": """
from torch import nn
from .layers import Block

class ShapeNet(nn.Module):
    def __init__(self, width, depth=1):
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(4, width), *[Block(width) for _ in range(depth)])
        self.head = nn.Linear(width, 2)
    def forward(self, x):
        return self.head(self.inner(x))
""",
    "shapes/data.py": """
import torch
from torch.utils import data

class Shapes(data.Dataset):
    def __init__(self, n):
        generator = torch.Generator().manual_seed(n)
        self.x = torch.randn(n, 4, generator=generator)
    def __len__(self):
        return len(self.x)
    def __getitem__(self, i):
        return self.x[i], int(self.x[i].sum() > 0)

def get_loaders(batch_size, n=24):
    return data.DataLoader(Shapes(n), batch_size, shuffle=True), data.DataLoader(Shapes(8), batch_size)
""",
    "shapes/train.py": """
import torch
import yaml
from torch import nn
from .data import get_loaders
from .models import ShapeNet

def main():
    with open("configs/default.yaml") as file:
        cfg = yaml.safe_load(file)
    train_loader, test_loader = get_loaders(cfg["data"]["batch_size"])
    model = ShapeNet(cfg["model"]["width"], depth=cfg["model"].get("depth", 2))
    criterion = nn.CrossEntropyLoss(label_smoothing=0.1)
    optimizer = torch.optim.SGD(model.parameters(), lr=cfg["optim"]["lr"], momentum=0.9)
    for x, y in train_loader:
        optimizer.zero_grad()
        criterion(model(x), y).backward()
        optimizer.step()

if __name__ == "__main__":
    main()
""",
    "configs/default.yaml": "data: {batch_size: 6}\nmodel:\n  width: 5\n  depth: 3\noptim: {lr: 0.05}\nepochs: 3\n",
    "configs/large.yaml": "model: {width: 500}\n",
}

# Scripts in src/, run as `python src/train.py`, with a loss class of its own, and settings in JSON beside them.
SRC = {
    "src/train.py": """
import json
from pathlib import Path
from torch.optim import AdamW
from torch.utils.data import DataLoader
from datasets.pairs import PairsDataset
from losses import DiceLoss
from models.unet import UNet

WIDTH = 2 * 3

def run(config):
    train_set = PairsDataset("train", size=config["size"])
    val_set = PairsDataset("val", size=config["size"])
    loader = DataLoader(train_set, batch_size=config["batch_size"])
    model = UNet(1, WIDTH)
    loss_fn = DiceLoss(smooth=config["smooth"])
    optimizer = AdamW(model.parameters(), weight_decay=1e-4)
    for image, mask in loader:
        optimizer.zero_grad()
        loss_fn(model(image), mask).backward()
        optimizer.step()

if __name__ == "__main__":
    run(json.loads((Path(__file__).parents[1] / "config.json").read_text()))
""",
    "src/models/__init__.py": "",
    "src/models/unet.py": """
from torch import nn
from models.parts import Double

class UNet(nn.Module):
    def __init__(self, channels, width):
        super().__init__()
        self.down, self.up = Double(channels, width), nn.Conv2d(width, 1, 1)
    def forward(self, x):
        return self.up(self.down(x)).sigmoid()
""",
    "src/models/parts.py": """
import torch.nn as nn

class Double(nn.Sequential):
    def __init__(self, a, b):
        super().__init__(nn.Conv2d(a, b, 3, padding=1), nn.ReLU())
""",
    "src/datasets/pairs.py": """
from pathlib import Path
import torch

class PairsDataset:
    def __init__(self, split, size):
        self.scale, self.size, self.split = float(Path("scale.txt").read_text()), size, split
    def __len__(self):
        return 10 if self.split == "train" else 4
    def __getitem__(self, index):
        if index >= len(self):
            raise IndexError(index)
        image = float(Path("scale.txt").read_text()) * torch.full((1, self.size, self.size), index / 10)
        return image, (image > 0.5).float()
""",
    "src/losses.py": """
from torch import nn

class DiceLoss(nn.Module):
    def __init__(self, smooth=1.0):
        super().__init__()
        self.smooth = smooth
    def forward(self, output, target):
        both = (output * target).sum()
        return 1 - (2 * both + self.smooth) / (output.sum() + target.sum() + self.smooth)
""",
    "config.json": '{"size": 8, "batch_size": 4, "smooth": 0.5, "epochs": 1}',
    "scale.txt": "1.0",
}

# The model, loss and data by their names in a JSON file, with base classes: as victoresque/pytorch-template.
TEMPLATE = {
    "train.py": """
import json
import data_loader.data_loaders as module_data
import model.loss as module_loss
import model.model as module_arch
from trainer import Trainer

def main(config):
    data_loader = getattr(module_data, config["data_loader"]["type"])(**config["data_loader"]["args"])
    model = getattr(module_arch, config["arch"]["type"])(**config["arch"]["args"])
    Trainer(model, getattr(module_loss, config["loss"]), data_loader).train()

if __name__ == "__main__":
    main(json.load(open("config.json")))
""",
    "config.json": """{
  "arch": {"type": "TinyModel", "args": {"num_classes": 4}},
  "data_loader": {"type": "TinyDataLoader", "args": {"batch_size": 3, "shuffle": false}},
  "loss": "nll_loss"
}""",
    "base/__init__.py": "from .base_model import BaseModel\n",
    "base/base_model.py": """
from torch import nn

class BaseModel(nn.Module):
    def describe(self):
        return "a model"
""",
    "model/model.py": """
from torch import nn
from base import BaseModel

class OldModel(BaseModel):
    def forward(self, x):
        return x

class TinyModel(BaseModel):
    def __init__(self, num_classes=10):
        super().__init__()
        self.fc = nn.Linear(5, num_classes)
    def forward(self, x):
        return self.fc(x).log_softmax(1)
""",
    "model/loss.py": """
import torch.nn.functional as F

def mse_loss(output, target):
    return F.mse_loss(output, target)

def nll_loss(output, target):
    return F.nll_loss(output, target)
""",
    "data_loader/data_loaders.py": """
import torch
from torch.utils.data import DataLoader, TensorDataset

class TinyDataLoader(DataLoader):
    def __init__(self, batch_size, shuffle=True):
        super().__init__(TensorDataset(torch.ones(9, 5), torch.arange(9) % 4), batch_size, shuffle)
""",
    "trainer/__init__.py": "from .trainer import *\n",
    "trainer/trainer.py": """
import torch

class Trainer:
    def __init__(self, model, criterion, data_loader):
        self.model, self.criterion, self.data_loader = model, criterion, data_loader
        self.optimizer = torch.optim.RMSprop(model.parameters(), lr=0.002)
    def train(self):
        for x, y in self.data_loader:
            self.optimizer.zero_grad()
            self.criterion(self.model(x), y).backward()
            self.optimizer.step()
""",
}

# Two networks, a builder, settings as a dataclass, a Trainer class that makes everything, tensors in a mapping.
DATACLASS = {
    "config.py": """
from dataclasses import dataclass

@dataclass
class TrainConfig:
    vocab_size: int = 11
    dim: int = 6
    lr: float = 0.003
    batch_size: int = 2
    seed: int = 3
""",
    "networks/__init__.py": """
from .decoder import Decoder

def build_model(cfg):
    return Decoder(cfg.vocab_size, cfg.dim)
""",
    "networks/decoder.py": """
from torch import nn

class Decoder(nn.Module):
    def __init__(self, vocab_size, dim):
        super().__init__()
        self.embedding, self.head = nn.Embedding(vocab_size, dim), nn.Linear(dim, vocab_size)
    def forward(self, input_ids):
        return self.head(self.embedding(input_ids))
""",
    "data.py": """
import torch
from torch.utils.data import Dataset

class Text(Dataset):
    def __init__(self, vocab_size, length=5):
        self.tokens = torch.arange(40) % vocab_size
        self.length = length
    def __len__(self):
        return 8
    def __getitem__(self, i):
        part = self.tokens[i : i + self.length + 1]
        return {"input_ids": part[:-1], "labels": part[1:]}
""",
    "loss.py": """
import torch.nn.functional as F

def sequence_loss(logits, labels, ignore=-100):
    return F.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=ignore)
""",
    "trainer.py": """
import torch
from torch.utils.data import DataLoader
from config import TrainConfig
from data import Text
from loss import sequence_loss
from networks.decoder import Decoder

class Trainer:
    def __init__(self, cfg: TrainConfig):
        self.cfg = cfg
        self.model = Decoder(cfg.vocab_size, dim=self.cfg.dim)
        self.loader = DataLoader(Text(cfg.vocab_size), batch_size=cfg.batch_size)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=cfg.lr)

    def fit(self):
        for batch in self.loader:
            self.optimizer.zero_grad()
            sequence_loss(self.model(batch["input_ids"]), batch["labels"]).backward()
            self.optimizer.step()

if __name__ == "__main__":
    Trainer(TrainConfig()).fit()
""",
}

# A library of networks alone, without data or training, whose classes need an argument that only a user knows.
NETWORKS = {
    "nets/__init__.py": "from .small import Small\nfrom .wide import Wide\n",
    "nets/small.py": """
from torch import nn

class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(3, 2)
    def forward(self, x):
        return self.fc(x)
""",
    "nets/wide.py": """
from torch import nn

class Wide(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.fc = nn.Linear(3, width)
    def forward(self, x):
        return self.fc(x)
""",
    "setup.py": "raise SystemExit('must not run')\n",
}


def write(folder: Path, files: dict[str, str]) -> Path:
    """Writes a layout into a new folder; returns it."""
    for name, content in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content.lstrip("\n"))
    return folder
