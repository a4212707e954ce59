"""Reads what a user gives to a draft, classes, functions, modules, names and literals, as the values of edits."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from torch import nn

from graphtools.capture.assemble import Live, freeze_arg
from graphtools.drafting.making import New
from graphtools.drafting.plan import OPEN, Plan
from graphtools.drafting.settings import parameters_of, read_settings, recurrent_names
from graphtools.drafting.shapes import Propagation
from graphtools.drafting.sources import Sources
from graphtools.drafting.targets import name_of, required_ports, signature
from graphtools.errors import DraftError, missing
from graphtools.graph import ListArg, Ref, Symbol, freeze, references

Where = str | Ref
Target = Any  # the name of a module class or function, the class or function itself, or a module


class Arguments:
    """The part of a draft that reads arguments by its plan, and remembers the objects among them in its sources."""

    plan: Plan
    sources: Sources
    _propagation: Propagation | None

    def _new(self, target: Target, args: Any, kwargs: Any, name: str, is_open: bool = True) -> New:
        if isinstance(target, nn.Module):
            return self._new_of_module(target, args, kwargs, name)
        if not isinstance(target, str):
            target_name = name_of(target)
            if not target_name.startswith(("torch.", "operator.", "builtins.", "torchvision.")):
                self._remember(target_name, target)
        else:
            target_name = target if target in {*self.sources.functions, *self.sources.classes} else name_of(target)
        found = self.sources.find(target_name)
        is_class = isinstance(found, type) and issubclass(found, nn.Module)
        is_builder = not is_class and target_name.startswith("torchvision.models.") and self._is_builder(found)
        if not is_class and not is_builder:
            self._check_names(found, args)
            given = tuple(self._arg(arg, True) for arg in args)
            named = freeze((key, self._arg(value, False)) for key, value in kwargs.items())
            return New(target_name, self._filled(found, given, named), named, name=name)
        parameters = parameters_of(found)
        call, settings = [], {}
        names = [n for n, p in parameters.items() if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
        if is_class and issubclass(found, nn.RNNBase):
            names = list(recurrent_names(found))
        for arg in args:
            value = self._arg(arg, True)
            if any(True for _ in references((value,))) or value == OPEN:
                call.append(value)
            elif names:
                if (
                    isinstance(arg, str)
                    and len(call) < len(required_ports(found))
                    and not _is_text(parameters, names[0])
                ):
                    raise missing("node", arg, self.plan.nodes)
                settings[names.pop(0)] = value
            else:
                raise DraftError(f"{target_name} takes fewer than {len(args)} arguments")
        takes = signature(found)
        named_call: dict[str, Any] = {}
        for key, value in kwargs.items():
            into_call = key not in parameters and takes is not None and key in takes.parameters
            (named_call if into_call else settings)[key] = self._arg(value, False)
        named = freeze(named_call.items())
        filled = self._filled(found, tuple(call), named) if is_class else tuple(call) or (OPEN,)
        return New(target_name, filled, named, freeze(settings.items()), name, is_layer=True)

    @staticmethod
    def _is_builder(found: Any) -> bool:
        try:
            result = inspect.signature(found).return_annotation
        except (TypeError, ValueError):
            return False
        return isinstance(result, type) and issubclass(result, nn.Module)

    def _new_of_module(self, module: nn.Module, args: Any, kwargs: Any, name: str) -> New:
        settings = read_settings(module)
        target = name_of(type(module))
        self._remember(target, type(module))
        origin = f"given.{len(self.sources.modules)}"
        self.sources = replace(self.sources, modules={**self.sources.modules, origin: module})
        if self._propagation is not None:
            self._propagation.sources = self.sources
        given = tuple(self._arg(arg, True) for arg in args)
        named = freeze((key, self._arg(value, False)) for key, value in kwargs.items())
        return New(target, self._filled(type(module), given, named), named, settings, name, origin, is_layer=True)

    def _remember(self, target: str, found: Any) -> None:
        if isinstance(found, type):
            self.sources = replace(self.sources, classes={**self.sources.classes, target: found})
        else:
            self.sources = replace(self.sources, functions={**self.sources.functions, target: found})
        if self._propagation is not None:
            self._propagation.sources = self.sources

    def _filled(self, found: Any, given: tuple[Any, ...], named: Mapping[str, Any]) -> tuple[Any, ...]:
        """The arguments with an open one for each that the call needs and does not get."""
        ports = required_ports(found)
        rest = [OPEN for name in ports[len(given) :] if name not in named]
        return (*given, *rest)

    def _check_names(self, function: Any, args: tuple[Any, ...]) -> None:
        """Raises MissingError for a text, given by place where a function needs a tensor, that is no node's name."""
        found = signature(function)
        wanted = set(required_ports(function))
        for parameter, arg in zip(found.parameters.values() if found is not None else (), args, strict=False):
            is_wanted = parameter.name in wanted and not _takes_text(function, parameter)
            if is_wanted or parameter.kind is parameter.VAR_POSITIONAL:
                for text in arg if isinstance(arg, list | tuple) else (arg,):
                    if isinstance(text, str) and text not in self.plan.nodes:
                        raise missing("node", text, self.plan.nodes)

    def _positions(self, name: str) -> dict[str | int, int]:
        """For a call of a function, the position of each argument that was given by place, by its name."""
        node = self.plan[name]
        if node.kind != "call" or self.plan.path(node) is not None:
            return {}
        try:
            found = signature(self.sources.find(node.target))
        except DraftError:
            return {}
        names = list(found.parameters) if found is not None else []
        return {key: index for index, key in enumerate(names[: len(node.args)])}

    def _arg(self, value: Any, by_place: bool) -> Any:
        if isinstance(value, str) and by_place and value in self.plan.nodes:
            return Ref(value)
        if isinstance(value, Ref | Symbol | ListArg):
            return value
        if isinstance(value, list):
            return ListArg(self._arg(item, by_place) for item in value)
        if isinstance(value, tuple):
            return tuple(self._arg(item, by_place) for item in value)
        if isinstance(value, Mapping):
            return freeze((str(key), self._arg(item, by_place)) for key, item in value.items())
        live = Live(objects=dict(self.sources.objects))
        frozen = freeze_arg(value, live)
        if isinstance(frozen, Symbol) and frozen.kind == "opaque":
            raise DraftError(
                f"a {type(value).__name__} has no place in a draft; "
                "give numbers, texts, dtypes, nodes, or tuples of them"
            )
        return frozen

    def _ref(self, where: Where) -> Ref:
        if isinstance(where, Ref):
            self.plan[where.node]
            return where
        return Ref(self.plan[where].name)


def _is_text(parameters: Mapping[str, inspect.Parameter], name: str) -> bool:
    """Whether a parameter of a constructor takes a text, as far as its annotation and default tell."""
    found = parameters.get(name)
    if found is None or isinstance(found.default, str) or "str" in str(found.annotation):
        return True
    is_first = next(iter(parameters)) == name
    return found.annotation is found.empty and not is_first


def _takes_text(function: Any, parameter: inspect.Parameter) -> bool:
    if parameter.name == "equation" or "str" in str(parameter.annotation):
        return True
    documentation = getattr(function, "__doc__", None) or ""
    return re.search(rf"^\s*{parameter.name}\s*\(str", documentation, re.MULTILINE) is not None
