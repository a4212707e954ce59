"""Code of a draft: a module class in plain PyTorch, as a person would write it.

The tree of modules comes from the model that was traced, or from the groups of the draft. Modules that are alike but
for some numbers become instances of one class, with parameters for those numbers; a chain of modules is a Sequential,
equal ones in a row a loop. Names of parameters are those of the draft, so its weights can be loaded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch

from graphtools.codegen.bodies import Tangled, make_bodies
from graphtools.codegen.classes import Class, Classifier
from graphtools.codegen.constructor import Constructor, tensor_text
from graphtools.codegen.expressions import Imports
from graphtools.codegen.forward import _LAST, Forward
from graphtools.codegen.parts import Part, containers, make_tree, state_text
from graphtools.drafting.building import active, make_root, needed_nodes, state_tensor
from graphtools.drafting.plan import Plan
from graphtools.drafting.sources import Sources
from graphtools.drafting.tying import tied_in_code
from graphtools.errors import DraftError
from graphtools.graph import Node, Output, module_path

_SMALL = 16  # elements of a constant that is written into the expression


def to_code(
    plan: Plan, sources: Sources, name: str | None = None, outputs: Mapping[str, tuple[Output, ...]] | None = None
) -> str:
    """The source of a file with a module class called `name` (by default the model's) and the classes that it needs.

    `outputs` are the types of results where they are known; they only make the code read better. Raises DraftError for
    what cannot be written: an argument known only as an object, a module whose constructor arguments are not known.
    """
    plan = active(plan)
    ordered = needed_nodes(plan)
    class_name = _class_name(name or plan.model)
    nodes = {node.name: node for node in plan.nodes.values()}
    tensors = _constants(ordered, sources)
    inline = {key: tensor_text(value) for key, value in tensors.items() if value.numel() <= _SMALL}
    flat = containers(plan)
    dissolved = _foreign(plan, ordered)
    while True:
        try:
            root_body = make_bodies(plan, ordered, flat, dissolved)
            tree = make_tree(plan, ordered, root_body, sources)
            classifier = Classifier(plan, sources, nodes, inline)
            classes = classifier.run(tree, class_name)
            break
        except Tangled as tangled:
            if not tangled.paths - dissolved:
                raise DraftError("the modules of this draft call each other in a circle; ungroup one of them") from None
            dissolved |= tangled.paths
    called = {node.target for node in plan.nodes.values() if node.kind == "call"}
    imports = Imports(frozenset(filter(sources.is_applied, called)))
    buffers = {key: _buffer_name(key) for key in tensors if key not in inline}
    ties = _ties(plan, ordered, sources, classifier.parts)
    constructor = Constructor(sources, imports, {buffers[key]: tensors[key] for key in buffers}, ties)
    forward = Forward(classifier, imports, buffers, dict(outputs or {}))
    result = plan.nodes["output"].args[0] if "output" in plan.nodes else None
    blocks = [_class(made, constructor, forward, result if not made.pattern.path else None, plan) for made in classes]
    return imports.text() + "\n\n\n" + "\n\n\n".join(blocks) + "\n"


def _class(made: Class, constructor: Constructor, forward: Forward, result: Any, plan: Plan) -> str:
    part = made.pattern
    base = "nn.Sequential" if part.kind == "sequential" else "nn.Module"
    lines = [f"class {made.name}({base}):"]
    if not part.path and plan.notes:
        lines += _docstring(plan)
    has_constructor = bool(part.children or part.states or made.parameters or (not part.path and constructor.constants))
    if has_constructor:
        lines += constructor.lines(made)
    if part.kind != "sequential" and part.bodies:
        written = forward.lines(made, result)
        if _LAST[0] in written:
            at = written.index(_LAST[0])
            written = [*written[: at - 1], *written[at + 1 :]]
        lines += [*([""] if has_constructor else []), *written]
    return "\n".join(lines)


def _ties(plan: Plan, ordered: list[Node], sources: Sources, parts: Mapping[str, Part]) -> dict[str, list[str]]:
    """The statements that make tensors one, by the path of the innermost class around them all."""
    found: dict[str, list[str]] = {}
    for first, *others in tied_in_code(plan, ordered, sources):
        home = ""
        for words in zip(*(name.split(".")[:-1] for name in (first, *others)), strict=False):
            at = f"{home}.{words[0]}" if home else words[0]
            if len(set(words)) > 1:
                break
            home = at
        while home and not _is_single(parts.get(home)):
            home = home.rpartition(".")[0]
        for name in others:
            found.setdefault(home, []).append(f"{state_text(parts, home, name)} = {state_text(parts, home, first)}")
    return found


def _is_single(part: Part | None) -> bool:
    """Whether a module is the only one of a class that the code defines."""
    return part is not None and part.made_by is not None and len(part.made_by.members) == 1


def _docstring(plan: Plan) -> list[str]:
    lines = _wrapped('"""' + _clean(plan.notes[0]))
    if len(plan.notes) > 1:
        lines.append("")
        for note in plan.notes[1:]:
            lines += _wrapped(_clean(note))
    if len(lines) == 1:
        return [lines[0] + '"""', ""]
    return [*lines, '    """', ""]


def _clean(text: str) -> str:
    return text.replace("\\", "/").replace('"', "'")


def _wrapped(text: str) -> list[str]:
    import textwrap

    return textwrap.wrap(text, 84, initial_indent="    ", subsequent_indent="    ", break_long_words=False)


def _constants(ordered: list[Node], sources: Sources) -> dict[str, torch.Tensor]:
    return {node.name: state_tensor(node, sources).detach() for node in ordered if node.kind == "constant"}


def _buffer_name(name: str) -> str:
    word = re.sub(r"\W", "_", name).strip("_") or "constant"
    return word if not word[0].isdigit() else f"constant_{word}"


def _foreign(plan: Plan, ordered: list[Node]) -> set[str]:
    """Modules of torch.nn that compute with tensors of another module, as a head tied to an embedding does."""
    found = set()
    for node in ordered:
        path = module_path(node.scope)
        if node.kind != "call" or plan.path(node) is not None or not plan.types.get(path, "").startswith("torch.nn."):
            continue
        for ref in node.refs():
            state = plan.nodes[ref.node]
            if state.kind in ("parameter", "buffer") and not state.target.startswith(path + "."):
                found.add(path)
    return found


def _class_name(text: str) -> str:
    word = re.sub(r"\W", "_", text).strip("_") or "Net"
    word = word if not word[0].isdigit() else f"Net{word}"
    return word[0].upper() + word[1:] if word not in ("Sequential", "Module") else "Net"


def weights(plan: Plan, sources: Sources) -> dict[str, torch.Tensor]:
    """The tensors of a plan by the names that they have in its code: those kept, new ones where there were none."""
    run = active(plan)
    ordered = needed_nodes(run)
    root = make_root(run, sources)
    found = {key: value for key, value in root.state_dict().items() if not key.startswith("_constants.")}
    for key, tensor in _constants(ordered, sources).items():
        if tensor.numel() > _SMALL:
            found[_buffer_name(key)] = tensor
    for node in ordered:  # a buffer that the model does not save is saved by the code
        if node.kind == "buffer":
            found.setdefault(node.target, state_tensor(node, sources).detach())
    return found


__all__ = ["to_code", "weights"]
