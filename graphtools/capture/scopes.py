"""Names the module call that is running: its module's path, numbered when one caller calls it again."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import nn

from graphtools.capture.specs import spec_of
from graphtools.graph import Module, Spec, State, module_path


class NamedTensor(NamedTuple):
    """A parameter or buffer by its full name. Holding the tensor keeps its id from being given to another."""

    kind: str
    name: str
    tensor: torch.Tensor


class ModuleNames:
    """Paths of all modules, parameters and buffers of a model, and names for modules met on the way."""

    def __init__(self, model: nn.Module | None) -> None:
        self.modules: dict[str, nn.Module] = {}
        self._paths: dict[int, list[str]] = {}
        self.tensors: dict[int, NamedTensor] = {}  # by id
        self._tied: dict[str, str] = {}
        if model is not None:
            self.add(model, "")

    def add(self, module: nn.Module, root: str) -> None:
        """Names `module` and everything below it, `module` itself being `root`."""
        for path, child in module.named_modules(prefix=root, remove_duplicate=False):
            known = self._paths.setdefault(id(child), [])
            known.append(path)
            if len(known) == 1:
                self.modules[path] = child
                self._add_tensors(path, child)

    def _add_tensors(self, path: str, module: nn.Module) -> None:
        for kind, table in (("parameter", module._parameters), ("buffer", module._buffers)):
            for name, tensor in table.items():
                if tensor is None:
                    continue
                full = f"{path}.{name}" if path else name
                first = self.tensors.setdefault(id(tensor), NamedTensor(kind, full, tensor))
                if first.name != full:
                    self._tied[full] = first.name

    def path(self, module: nn.Module, caller: str) -> str:
        """The path of `module` called from module path `caller`: below the caller where it has such a path.

        A module that no path leads to (kept in a list, or a loss function) is named by its class below its caller.
        """
        known = self._paths.get(id(module))
        if known is None:
            stem = f"{caller}.{type(module).__name__}" if caller else type(module).__name__
            path, count = stem, 1
            while path in self.modules:
                path, count = f"{stem}_{count}", count + 1
            self.add(module, path)
            return path
        if len(known) == 1 or not caller:
            return known[0]
        return next((path for path in known if path.startswith(caller + ".")), known[0])

    def table(self) -> dict[str, Module]:
        """The Module of every path, for a Graph."""
        return {path: self._module(path, module) for path, module in self.modules.items()}

    def _module(self, path: str, module: nn.Module) -> Module:
        states = []
        for kind, tensors in (("parameter", module._parameters), ("buffer", module._buffers)):
            for name, tensor in tensors.items():
                if tensor is None:
                    continue
                full = f"{path}.{name}" if path else name
                spec = Spec("?", ()) if nn.parameter.is_lazy(tensor) else spec_of(tensor)
                states.append(State(name, kind, spec, bool(tensor.requires_grad), self._tied.get(full)))  # type: ignore[arg-type]
        try:
            settings = module.extra_repr()
        except Exception:  # the user's extra_repr may read what does not exist yet
            settings = ""
        if not settings and isinstance(module, nn.MultiheadAttention):  # its repr tells nothing
            settings = f"{module.embed_dim}, num_heads={module.num_heads}, batch_first={module.batch_first}"
        return Module(path, type_name(type(module)), " ".join(settings.split()), tuple(states))


class ScopeStack:
    """The module calls that are running, innermost last."""

    def __init__(self, names: ModuleNames) -> None:
        self._names = names
        self._stack: list[tuple[str, dict[str, int]]] = [("", {})]

    @property
    def scope(self) -> str:
        """The scope that is running: `layer1.0.conv1`, or `body#1` for the second call of `body`. "" at the root."""
        return self._stack[-1][0]

    @property
    def depth(self) -> int:
        """How many module calls are running."""
        return len(self._stack) - 1

    def enter(self, module: nn.Module) -> str:
        """Notes that `module` was called and returns the scope of this call."""
        outer, calls = self._stack[-1]
        caller = module_path(outer) if "#" in outer else outer
        path = self._names.path(module, caller)
        if self.depth and path == caller:  # a module that calls itself
            scope = f"{outer}.self" if outer else "self"
        elif caller and path.startswith(caller + "."):
            scope = outer + path[len(caller) :]
        else:  # called by reference from elsewhere: numbered over the whole run
            scope = path
            calls = self._stack[0][1]
        count = calls.get(scope, 0)
        calls[scope] = count + 1
        if count and scope:
            scope = f"{scope}#{count}"
        self._stack.append((scope, {}))
        return scope

    def leave(self) -> None:
        """Notes that the innermost call has ended."""
        if len(self._stack) > 1:
            self._stack.pop()


def type_name(kind: type) -> str:
    """The class by the name a user imports it under: `torch.nn.Conv2d`, not `torch.nn.modules.conv.Conv2d`."""
    module = kind.__module__
    if module.startswith("torch.nn.") and getattr(torch.nn, kind.__name__, None) is kind:
        return f"torch.nn.{kind.__name__}"
    return f"{module}.{kind.__qualname__}"


def attribute_name(module: Any, tensor: torch.Tensor) -> str | None:
    """The attribute of `module` that holds `tensor` without being a parameter or buffer; None if there is none."""
    return next((name for name, value in vars(module).items() if value is tensor), None)
