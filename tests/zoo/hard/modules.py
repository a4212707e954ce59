"""Hard cases of modules: shared, hidden, foreign, wrapped, scripted, hooked or replaced, so scope is not obvious."""

import functools
from collections.abc import Callable
from types import MethodType
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize

from tests.zoo.case import Case
from tests.zoo.hard import call, collect

CASES: list[Case] = []
hard = functools.partial(collect, CASES)


@hard(lambda: call(torch.tensor([[1, 2, 3]])))
class TiedWeights(nn.Module):
    """Embedding and output layer own one parameter under two names."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.head = nn.Embedding(10, 8), nn.Linear(8, 10, bias=False)
        self.head.weight = self.embedding.weight

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(self.embedding(tokens).relu())


@hard(lambda: call(torch.randn(2, 8)))
class CalledThrice(nn.Module):
    """One module is called three times and registered under two names: three calls, one scope or two."""

    def __init__(self) -> None:
        super().__init__()
        self.block = nn.Sequential(nn.Linear(8, 8), nn.Tanh())
        self.alias = self.block

    def forward(self, x: Tensor) -> Tensor:
        return self.alias(self.block(self.block(x)))


@hard(lambda: call(torch.randn(2, 8)))
class ModulesInList(nn.Module):
    """Modules in a Python list and a dict are not registered: they run, but no name leads to them."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = [nn.Linear(8, 8), nn.ReLU()]
        self.named = {"last": nn.Linear(8, 8)}
        self.head = nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.hidden:
            x = layer(x)
        return self.head(self.named["last"](x))


class _Borrower(nn.Module):
    """Calls a module of another part of the tree, by a reference that it does not register."""

    def __init__(self, lender: nn.Module) -> None:
        super().__init__()
        self.own = nn.Linear(8, 8)
        self.lent: Callable[[], nn.Module] = lambda: lender

    def forward(self, x: Tensor) -> Tensor:
        return self.own(self.lent()(x))


@hard(lambda: call(torch.randn(2, 8)))
class ForeignScope(nn.Module):
    """A module is called from inside another one that does not own it: the call's path is not the module's name."""

    def __init__(self) -> None:
        super().__init__()
        self.lender = nn.Linear(8, 8)
        self.borrower = _Borrower(self.lender)

    def forward(self, x: Tensor) -> Tensor:
        return self.borrower(x) + F.linear(x, self.lender.weight)


@hard(lambda: call(torch.randn(2, 8)))
class ForwardCalledDirectly(nn.Module):
    """Calls `layer.forward(x)` and replaces one submodule's forward by a bound function: no hook runs for these."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.patched = nn.Linear(8, 8), nn.Linear(8, 8)
        original = self.patched.forward
        self.patched.forward = MethodType(lambda module, x: original(x) * module.in_features, self.patched)

    def forward(self, x: Tensor) -> Tensor:
        return self.patched(self.layer.forward(x))


class _Apply(nn.Module):
    """A module around any function."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


@hard(lambda: call(torch.randn(2, 8)))
class Closures(nn.Module):
    """Lambdas, closures over a parameter and `functools.partial`: one line of source for several operations."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.randn(8))
        scaled = functools.partial(torch.mul, self.scale)
        self.steps = nn.Sequential(_Apply(lambda x: x * 2 - 1), _Apply(scaled), _Apply(torch.sigmoid))
        self.add = lambda x: (lambda y: x + y)(self.scale)

    def forward(self, x: Tensor) -> Tensor:
        return self.add(self.steps(x))


@hard(lambda: call(torch.randn(2, 8)))
class UserHooks(nn.Module):
    """The user's own hooks replace an output, alter an input, add a keyword, and scale gradients."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.third = nn.Linear(8, 8), nn.Linear(8, 8), _Scaled()
        self.first.register_forward_hook(lambda module, args, output: output * 2)
        self.second.register_forward_pre_hook(lambda module, args: (args[0] + 1,))
        self.third.register_forward_pre_hook(lambda module, args, kwargs: (args, {"scale": 3}), with_kwargs=True)
        self.second.register_full_backward_hook(lambda module, grad_in, grad_out: tuple(g * 0.5 for g in grad_in))

    def forward(self, x: Tensor) -> Tensor:
        y = self.first(x)
        if y.requires_grad:
            y.register_hook(lambda grad: grad.clamp(-1, 1))
        return self.third(self.second(y), scale=1)


class _Scaled(nn.Module):
    """Multiplies by a keyword."""

    def forward(self, x: Tensor, scale: float = 1) -> Tensor:
        return x * scale


@hard(lambda: call(torch.randn(2, 8)))
class WeightNorm(nn.Module):
    """A weight that is computed from two parameters whenever it is read."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = parametrizations.weight_norm(nn.Linear(8, 8))

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x).tanh() @ self.layer.weight


@hard(lambda: call(torch.randn(2, 8)))
class SpectralNorm(nn.Module):
    """A weight divided by its norm; in train mode each reading writes two buffers (one power iteration)."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = parametrizations.spectral_norm(nn.Linear(8, 8))

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x)


class _Symmetric(nn.Module):
    """The symmetric matrix that has the upper triangle of `x`."""

    def forward(self, x: Tensor) -> Tensor:
        return x.triu() + x.triu(1).transpose(-1, -2)


@hard(lambda: call(torch.randn(2, 8)))
class CachedParametrization(nn.Module):
    """A parametrized weight inside `parametrize.cached()`: computed at the first reading only."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 8)
        parametrize.register_parametrization(self.layer, "weight", _Symmetric())

    def forward(self, x: Tensor) -> Tensor:
        with parametrize.cached():
            return self.layer(self.layer(x)) + self.layer.weight.diag()


class _Gate(nn.Module):
    """A branch on a value, which scripting keeps and tracing would not."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        if bool(x.sum() > 0):
            return self.layer(x)
        return torch.relu(x)


def _double_or_negate(x: Tensor, negate: bool) -> Tensor:
    return -x if negate else x * 2


@hard(lambda: call(torch.randn(2, 8)), "data-dependent", quiet=("`torch.jit.",))
class Scripted(nn.Module):
    """A scripted submodule, a ScriptFunction and a traced function: code whose operations Python never sees."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = torch.jit.script(_Gate())
        self.function = torch.jit.script(_double_or_negate)
        self.traced = torch.jit.trace(lambda x: x.sin() + x.cos(), torch.zeros(2, 8))
        self.head = nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.traced(self.function(self.gate(x), negate=True)))


@hard(lambda: call(torch.randn(2, 8)))
class ParameterContainers(nn.Module):
    """Parameters in a ParameterList and a ParameterDict, one frozen, one 0-dim, one that is never used."""

    def __init__(self) -> None:
        super().__init__()
        self.rows = nn.ParameterList([torch.randn(8), nn.Parameter(torch.randn(8), requires_grad=False)])
        self.named = nn.ParameterDict({"gain": torch.tensor(2.0), "unused": torch.randn(3)})

    def forward(self, x: Tensor) -> Tensor:
        return (x * self.rows[0] + self.rows[1]) * self.named["gain"]


@hard(lambda: call(torch.randn(2, 8)), "random", "stateful", quiet=("Lazy modules",))
class Materialized(nn.Module):
    """Lazy modules become what they are, and change their class, at the first call."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.LazyLinear(6), nn.ReLU(), nn.LazyBatchNorm1d())

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


class _Wrapper(nn.Module):
    """Stands for another module: hands every unknown attribute on to it and overrides `__call__`."""

    def __init__(self, wrapped: nn.Module) -> None:
        super().__init__()
        self.wrapped = wrapped

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__("wrapped"), name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return super().__call__(*args, **kwargs) + 1

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.wrapped(*args, **kwargs)


@hard(lambda: call(torch.randn(2, 8)))
class AttributeProxy(nn.Module):
    """A wrapper that forwards attributes and adds an operation after its forward has returned."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = _Wrapper(nn.Linear(8, 8))

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x) * self.layer.out_features + self.layer.bias


@hard(lambda: call(torch.randn(2, 8)))
class ModuleMadeInForward(nn.Module):
    """Makes modules and a parameter inside its forward: they have no name and are gone afterwards."""

    def __init__(self) -> None:
        super().__init__()
        self.width = nn.Parameter(torch.randn(8))

    def forward(self, x: Tensor) -> Tensor:
        norm = nn.LayerNorm(8, elementwise_affine=False)
        fixed = nn.Parameter(torch.full((8,), 0.5))
        return nn.Sequential(norm, nn.GELU())(x * self.width) + fixed


@hard(lambda: call(torch.randn(2, 8)))
class StrangeNames(nn.Module):
    """Submodules named like Python words, numbers, graph kinds and methods of Module's users."""

    def __init__(self) -> None:
        super().__init__()
        for name in ("class", "0", "input", "output", "x y", "naïve", "_", "relu_1"):
            self.add_module(name, nn.Linear(8, 8))

    def forward(self, x: Tensor) -> Tensor:
        for module in self.children():
            x = module(x).relu()
        return x
