"""Hard cases of random numbers: drawn inside the forward, from the global generator, another one, or numpy's."""

import functools

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.zoo.case import Case
from tests.zoo.hard import call, collect

CASES: list[Case] = []
hard = functools.partial(collect, CASES)


@hard(lambda: call(torch.randn(4, 8)))
class DropoutTraining(nn.Module):
    """Dropout of every kind, random in train mode; in eval mode it returns its own input, which a residual uses too."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.drop, self.alpha = nn.Linear(8, 8), nn.Dropout(0.5), nn.AlphaDropout(0.3)

    def forward(self, x: Tensor) -> Tensor:
        y = self.layer(x)
        y = y + self.drop(y)
        return self.alpha(F.dropout(y, 0.2, self.training)) + F.dropout1d(y[None], training=self.training)[0]


@hard(lambda: call(torch.randn(4, 8)), "random")
class DropoutAlways(nn.Module):
    """Dropout that stays on in eval mode (Monte Carlo dropout), twice with the same arguments."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        y = self.layer(x)
        return torch.stack([F.dropout(y, 0.5, training=True) for _ in range(2)]).mean(0)


@hard(lambda: call(torch.randn(4, 8)), "random")
class NoiseAdded(nn.Module):
    """`rand`, `randn_like`, `randint`, `randperm` and `normal`: factory functions without a tensor input."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        y = self.layer(x)[:, torch.randperm(8)] + torch.rand(8) + torch.randn_like(x)
        return y + torch.randint(0, 3, (4, 1)) + torch.normal(0.0, x.abs())


@hard(lambda: call(torch.randn(4, 8)), "random", "in-place")
class Sampled(nn.Module):
    """`bernoulli`, `multinomial`, `poisson`, `gumbel_softmax` and in-place `bernoulli_`, `uniform_`, `exponential_`."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        p = self.layer(x).softmax(-1)
        mask = torch.bernoulli(p) + torch.empty(4, 8).bernoulli_(0.3)
        noise = torch.empty_like(p).uniform_() + torch.empty(8).exponential_() + torch.poisson(x.abs())
        return p * mask, torch.multinomial(p, 2), F.gumbel_softmax(p, hard=True) + noise


@hard(lambda: call(torch.randn(4, 8)), "random", "data-dependent")
class Distributions(nn.Module):
    """`torch.distributions`: a reparametrized sample, its log probability and a KL divergence (variational encoder)."""

    def __init__(self) -> None:
        super().__init__()
        self.mean, self.scale = nn.Linear(8, 2), nn.Linear(8, 2)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        posterior = torch.distributions.Normal(self.mean(x), F.softplus(self.scale(x)) + 1e-3)
        sample = posterior.rsample()
        prior = torch.distributions.Normal(torch.zeros(2), torch.ones(2))
        return sample, posterior.log_prob(sample), torch.distributions.kl_divergence(posterior, prior)


@hard(lambda: call(torch.randn(4, 8)))
class OwnGenerator(nn.Module):
    """Draws from a generator of its own, seeded in the forward: the global state plays no part."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        generator = torch.Generator().manual_seed(7)
        return self.layer(x) * torch.rand(4, 8, generator=generator) + torch.randn(8, generator=generator)


@hard(lambda: call(torch.randn(4, 8)), "random")
class ForkedState(nn.Module):
    """Seeds inside `fork_rng`, then draws on from the outer state: the state is saved and put back around it."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        before = torch.rand(8)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(3)
            inside = torch.rand(8)
        return self.layer(x) * before + inside - torch.rand(8)


@hard(lambda: call(torch.randn(4, 8)), "random", "data-dependent")
class RandomDepth(nn.Module):
    """A random number decides which layers run (stochastic depth): the graph differs from run to run."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(8, 8) for _ in range(6))
        self.head = nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            if torch.rand(()) < 0.5:
                x = x + layer(x)
        return self.head(x)


@hard(lambda: call(torch.randn(4, 8)), "random")
class NumpyRandom(nn.Module):
    """Random numbers from numpy enter as a tensor of unknown origin."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        noise = torch.from_numpy(np.random.standard_normal((4, 8)).astype(np.float32))
        return self.layer(x + noise) * float(np.random.rand())


@hard(lambda: call(torch.randn(2, 5, 8)))
class RandomInsideKernels(nn.Module):
    """Attention and LSTM dropout draw inside one operation, not as a dropout of their own, in train mode only."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(8, 8, num_layers=2, dropout=0.3, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        y, _ = self.lstm(x)
        y = F.scaled_dot_product_attention(y, y, y, dropout_p=0.2 if self.training else 0.0)
        return F.rrelu(y, training=self.training)
