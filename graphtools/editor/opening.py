"""Opens a model as a draft to edit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from graphtools.capture.api import trace
from graphtools.drafting.draft import Draft
from graphtools.drafting.edits import SetSpec
from graphtools.drafting.shapes import Propagation
from graphtools.graph import Spec
from graphtools.loading import load

Tell = Callable[[str], None]


def open_model(target: str, inputs: Sequence[str] = (), tell: Tell = lambda doing: None) -> Draft:
    """The draft of the model that `target` names, with its weights; what a run has fixed stands in its notes.

    Runs the model, and the user's file if the target is one. Raises LoadError, DraftError and what the model raises.
    """
    tell("Loading the model")
    loaded = load(target, inputs)
    tell("Tracing the model")
    draft = Draft(trace(loaded.model, *loaded.args, **loaded.kwargs))
    draft.plan = replace(draft.plan, source=target)
    _leave_batch_open(draft)
    return draft


def _leave_batch_open(draft: Draft) -> None:
    """Gives the first size of the inputs the name B where the graph does not depend on it."""
    wide = draft.plan
    sizes = set()
    for node in draft.plan.nodes.values():
        if node.kind == "input":
            if node.spec is None or not node.spec.shape:
                return
            sizes.add(node.spec.shape[0])
            wide = SetSpec(node.name, Spec(node.spec.dtype, ("B", *node.spec.shape[1:]), node.spec.device)).apply(wide)
    if len(sizes) == 1 and not Propagation(draft.sources).run(wide).faults:
        draft.plan = wide
