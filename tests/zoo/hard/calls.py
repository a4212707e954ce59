"""Hard cases of calls: functions that torch runs for us, out of order, more than once, or under another rule."""

import functools

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call, grad, jvp, vmap
from torch.utils.checkpoint import checkpoint

from tests.zoo.case import Case
from tests.zoo.hard import call, collect

CASES: list[Case] = []
hard = functools.partial(collect, CASES)


class _Layer(nn.Module):
    """One Linear of 8 to 8 features, for the cases below to build on."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 8)


class _Block(_Layer):
    """A residual block with dropout, so that running it twice needs the same random state."""

    def forward(self, x: Tensor) -> Tensor:
        return x + F.dropout(self.layer(x).relu(), 0.3, self.training)


class StraightThrough(torch.autograd.Function):
    """The sign forward, the identity backward."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, x: Tensor) -> Tensor:
        return x.sign()

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, gradient: Tensor) -> Tensor:
        return gradient


class ScaledPair(torch.autograd.Function):
    """Two outputs, a saved tensor, an argument that is no tensor, and an output marked as not differentiable."""

    @staticmethod
    def forward(x: Tensor, scale: float) -> tuple[Tensor, Tensor]:
        return x.exp() * scale, x > 0

    @staticmethod
    def setup_context(ctx: torch.autograd.function.FunctionCtx, inputs: tuple, output: tuple) -> None:
        ctx.save_for_backward(output[0])
        ctx.mark_non_differentiable(output[1])

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, gradient: Tensor, _: Tensor) -> tuple[Tensor, None]:
        (result,) = ctx.saved_tensors
        return gradient * result, None


class DoubledInPlace(torch.autograd.Function):
    """Writes into its input and marks it dirty."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, x: Tensor) -> Tensor:
        ctx.mark_dirty(x)
        return x.mul_(2)

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, gradient: Tensor) -> Tensor:
        return gradient * 2


# Bound when the file is imported, before any tool can replace `Function.apply`.
straight_through = StraightThrough.apply


@hard(lambda: call(torch.randn(4, 8)), "in-place")
class CustomFunction(_Layer):
    """Custom `autograd.Function`s: several outputs, no gradient for one of them, and a write in place."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        y, positive = ScaledPair.apply(self.layer(x), 0.5)
        return DoubledInPlace.apply(StraightThrough.apply(y) + y), positive


@hard(lambda: call(torch.randn(4, 8)))
class CustomFunctionBoundEarly(_Layer):
    """Calls `Function.apply` by a name bound at import: the call reaches no torch function of this forward."""

    def forward(self, x: Tensor) -> Tensor:
        return straight_through(self.layer(x)) * x


@hard(lambda: call(torch.randn(4, 8)))
class Checkpointed(nn.Module):
    """Checkpointing without re-entry: in train mode the backward pass runs the block's forward again."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.block, self.head = nn.Linear(8, 8), _Block(), nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(checkpoint(self.block, self.stem(x), use_reentrant=False))


@hard(lambda: call(torch.randn(4, 8)))
class CheckpointedReentrant(nn.Module):
    """Re-entrant checkpointing: the block runs without gradients first, and a backward pass runs inside another."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.block, self.head = nn.Linear(8, 8), _Block(), nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        if not x.requires_grad:
            return self.head(self.block(x))  # Re-entrant checkpointing warns where no input requires a gradient.
        return self.head(checkpoint(self.block, x, use_reentrant=True))


@hard(lambda: call(torch.randn(4, 8)))
class Vmapped(_Layer):
    """`vmap` over rows: inside, every tensor is a batched wrapper with one dimension less."""

    def forward(self, x: Tensor) -> Tensor:
        return vmap(lambda row, scale: self.layer(row).softmax(0) * scale, in_dims=(0, None))(x, torch.tensor(2.0))


@hard(lambda: call(torch.randn(4, 8)))
class FunctionalCall(_Layer):
    """`functional_call` runs a submodule with other tensors in place of its parameters, twice."""

    def forward(self, x: Tensor) -> Tensor:
        halved = {name: parameter * 0.5 for name, parameter in self.layer.named_parameters()}
        return functional_call(self.layer, halved, (x,)) + functional_call(self.layer, {"bias": x[0]}, (x,))


@hard(lambda: call(torch.randn(4, 8)), quiet=("`torch.jit.script",))  # The first jvp scripts its formulas.
class DerivativesInForward(_Layer):
    """`torch.func.grad` and `jvp` in the forward: derivatives of a submodule are part of the graph."""

    def forward(self, x: Tensor) -> Tensor:
        slope = grad(lambda point: self.layer(point).tanh().sum())(x)
        value, tangent = jvp(lambda point: self.layer(point).sin(), (x,), (torch.ones_like(x),))
        return slope + value * tangent


@hard(lambda: call(torch.randn(4, 8)))
class GradientInForward(_Layer):
    """`torch.autograd.grad` with `create_graph` inside the forward (energy and forces), even under no_grad."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            energy = self.layer(x).tanh().sum(-1)
            (slope,) = torch.autograd.grad(energy.sum(), x, create_graph=self.training)
        return energy, -slope


@hard(lambda: call(torch.randn(4, 8)), "in-place")
class BackwardInForward(_Layer):
    """A whole inner training step: `backward()` and an optimizer's step on a copy of the weight (test-time tuning)."""

    def forward(self, x: Tensor) -> Tensor:
        with torch.enable_grad():
            fast = self.layer.weight.detach().clone().requires_grad_()
            optimizer = torch.optim.SGD([fast], lr=0.1)
            F.linear(x, fast).pow(2).mean().backward()
            optimizer.step()
        return self.layer(x) + F.linear(x, fast.detach())


@hard(lambda: call(torch.randn(4, 8)))
class NoGradRegion(_Layer):
    """Gradients off for a region, by context manager, decorator and `inference_mode`; one result is cloned out."""

    @torch.no_grad()
    def teacher(self, x: Tensor) -> Tensor:
        """The layer's output, without gradient."""
        return self.layer(x)

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            center = self.layer(x).mean(0)
        with torch.inference_mode():
            scale = self.layer(x).std()
        return (self.layer(x) - center) / scale.clone() - self.teacher(x)


@hard(lambda: call(torch.randn(4, 8)))
class AutocastRegion(_Layer):
    """Autocast to bfloat16 for a region and off again inside it: casts happen inside operations, unseen."""

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            y = self.layer(x)
            with torch.autocast("cpu", enabled=False):
                z = y.float().exp()
            w = y @ x.T
        return z.sum() + w.float() + self.layer(y.float())[:, :4]


@hard(lambda: call(torch.randn(4, 8)))
class AtenCalled(_Layer):
    """Calls `torch.ops.aten`, an overload of it and `torch._C._nn` themselves instead of the public names."""

    def forward(self, x: Tensor) -> Tensor:
        y = torch.ops.aten.addmm.default(self.layer.bias, x, self.layer.weight.t())
        return torch._C._nn.gelu(torch.ops.aten.relu(y)) + torch._C._VariableFunctions.tanh(y)


@torch.library.custom_op("zoo::cube", mutates_args=())
def cube(x: Tensor) -> Tensor:
    """The third power, as a custom operator in Python."""
    return x * x * x


cube.register_autograd(
    lambda ctx, gradient: gradient * 3 * ctx.saved_tensors[0] ** 2,
    setup_context=lambda ctx, inputs, output: ctx.save_for_backward(inputs[0]),
)


@hard(lambda: call(torch.randn(4, 8)))
class CustomOperator(_Layer):
    """A custom operator registered by `torch.library`, with its own backward formula."""

    def forward(self, x: Tensor) -> Tensor:
        return cube(self.layer(x)) + torch.ops.zoo.cube(x)


@hard(lambda: call(torch.randn(4, 8)))
class UnboundMethods(_Layer):
    """`torch.Tensor.add(x, y)`, a method kept in a variable, and tensors as bases of Python's own `sum` and `map`."""

    def forward(self, x: Tensor) -> Tensor:
        y = torch.Tensor.add(self.layer(x), x)
        times = y.mul
        return sum(map(torch.Tensor.relu, times(2).unbind(0))) + functools.reduce(torch.maximum, x)


@hard(lambda: call(torch.randn(4, 8)))
class DeviceContext(_Layer):
    """`with torch.device(...)` is itself a function mode: another mode is on the stack inside the forward."""

    def forward(self, x: Tensor) -> Tensor:
        with torch.device("cpu"):
            bias = torch.arange(8) / torch.tensor(4.0)
        with torch.device("meta"):
            shape = torch.empty(4, 8).shape
        return self.layer(x).reshape(shape) + bias


@hard(lambda: call(torch.randn(4, 8)))
class SavedTensorHooks(_Layer):
    """Packs what autograd saves into another dtype by `saved_tensors_hooks`; the gradient, not the output, feels it."""

    def forward(self, x: Tensor) -> Tensor:
        with torch.autograd.graph.saved_tensors_hooks(lambda t: t.to(torch.float64), lambda t: t.to(torch.float32)):
            return (self.layer(x) ** 3).tanh()


@hard(lambda: call(torch.randn(4, 8), torch.randn(4, 8)))
class ReversedGradient(_Layer):
    """Detaches, re-attaches and turns gradients around by arithmetic: same value forward, another edge backward."""

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        z = self.layer(x)
        reversed_z = z.detach() * 2 - z
        hard_z = (z > 0).float() - z.sigmoid().detach() + z.sigmoid()
        return reversed_z + hard_z * self.layer(y).detach()
