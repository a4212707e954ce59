"""Files of drafts: opened again with the weights of the model that they were made of, and run as a model."""

from __future__ import annotations

import linecache
import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from torch import nn

from graphtools.drafting.documents import from_json
from graphtools.drafting.draft import Draft
from graphtools.drafting.made import load_made
from graphtools.drafting.plan import Plan
from graphtools.drafting.tying import with_present_ties
from graphtools.errors import DraftError

NEW_WEIGHTS = "New weights"  # so a note begins where the model that a draft was made of is not at hand


def reopen(file: str | os.PathLike[str], open_source: Callable[[str], Draft], may_run: bool = False) -> Draft:
    """The draft that was saved in `file`. It is data; `open_source` opens the model that it was made of, for weights.

    That is done where the model is one of torchvision's, with random or downloaded weights, or where `may_run` allows
    to run the user's file that it is in; else weights are new ones, as a note says. Raises FormatError, OSError, and
    DraftError where the draft cannot do without that model.
    """
    with open(file, "rb") as opened:
        plan = from_json(opened.read())
    draft = Draft()
    draft.plan = plan
    if plan.source:  # what was so when it was last opened may have changed
        notes = tuple(note for note in plan.notes if not note.startswith(NEW_WEIGHTS))
        plan = draft.plan = replace(plan, notes=notes)
        _give_source(draft, plan, open_source, may_run)
    load_made(draft, file)
    return draft


def _give_source(draft: Draft, plan: Plan, open_source: Callable[[str], Draft], may_run: bool) -> None:
    """Gives a draft the weights of the model that it was made of, or the note that they are new ones."""
    why = f"{plan.source} is a file of code, which was not run"
    if may_run or plan.source.startswith("torchvision:"):
        try:
            found = open_source(plan.source)
            draft.sources, draft.opened = found.sources, found.opened
            if not plan.ties:  # a file of before there were ties
                draft.plan = with_present_ties(replace(plan, ties=found.plan.ties))
            return
        except Exception as error:
            why = f"{plan.source} does not open: {error}"
    if any(layer.settings is None for layer in plan.layers.values()):
        raise DraftError(f"the draft needs modules of the model that it was made of, but {why}")
    draft.plan = replace(plan, notes=tuple(dict.fromkeys((*plan.notes, f"{NEW_WEIGHTS}: {why}"))))


def model_of(draft: Draft, file: str) -> nn.Module:
    """The draft as a model that runs, of the class in its generated code, which is what a debugger shows as source.

    What cannot be written as code is a GraphModule. Raises DraftError, which lists the problems.
    """
    try:
        code = draft.to_code()
    except DraftError:
        return draft.to_module()
    name = f"{file.removesuffix('.json')}.py"
    linecache.cache[name] = (len(code), None, code.splitlines(keepends=True), name)
    space: dict[str, Any] = {"__name__": "graphtools_draft"}
    try:
        compiled = compile(code, name, "exec")
    except SyntaxError:  # names of its own that no code can have
        return draft.to_module()
    exec(compiled, space)  # written by us, of names that were checked
    kind = [value for value in space.values() if isinstance(value, type) and value.__module__ == "graphtools_draft"][-1]
    model = kind()
    assert isinstance(model, nn.Module)
    model.load_state_dict(draft.weights())
    return model
