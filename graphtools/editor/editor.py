"""The Python side of an editor: a draft that is asked for its picture, changed by commands, and saved as it changes."""

from __future__ import annotations

import os
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from graphtools.drafting.draft import Draft
from graphtools.drafting.edits import Add
from graphtools.drafting.files import reopen
from graphtools.drafting.plan import Plan
from graphtools.editor.commands import execute, fed, new_node
from graphtools.editor.drawing import DrawnNodes, Json, change_of, drawn_rest
from graphtools.editor.forms import form
from graphtools.editor.opening import open_model
from graphtools.editor.ports import own_entries
from graphtools.editor.values import values_of
from graphtools.errors import GraphtoolsError, missing
from graphtools.graph import Ref
from graphtools.palette import entries, search
from graphtools.summaries import picture_of, summary_of

Args = Mapping[str, Any]
_REMEMBERED = 400  # commands, so that one that is sent again is not carried out again
_FOUND = 40  # entries that a search gives, and tries on a value
_TRIAL_S = 0.12  # for the trials of one search; what is left goes without
_SIDE = 96  # pixels of a picture of a value


class Editor:
    """A draft in a file. Every request is JSON and so is its answer; errors are those of graphtools.

    A picture is numbered; `since` in a request is the number of the one that the browser has, and the answer holds what
    differs from it, or all. Not safe for use by several threads at once.
    """

    def __init__(self, file: str | os.PathLike[str]) -> None:
        self.file = Path(file)
        self.draft = Draft()
        self._number = 0
        self._nodes = DrawnNodes()
        self._drawn: dict[str, Json] = {}
        self._history: OrderedDict[int, dict[str, Json]] = OrderedDict()
        self._answers: OrderedDict[int, list[Json]] = OrderedDict()
        self._saved: Plan | None = None
        self._refused: Plan | None = None  # what could not be saved
        self.trouble = ""
        self._values: tuple[Plan, dict[str, Any]] | None = None
        self._ops: dict[str, Callable[[Args], Any]] = {
            "picture": lambda args: self.picture(args.get("since")),
            "do": self._do,
            "form": lambda args: form(self.draft, args["node"]),
            "find": self._find,
            "value": self._value,
            "plane": self._plane,
            "values": self._all_values,
            "code": lambda args: self.draft.to_code(),
            "patch": lambda args: self.draft.to_patch(),
            "export": self._export,
        }

    # -- opening and saving ------------------------------------------------------------------------------------------

    def open(self, source: str = "", inputs: tuple[str, ...] = (), may_run: bool = False, tell: Any = None) -> None:
        """Opens the draft of its file if there is one; else a new one, of the model `source` if that is named."""
        say = tell if tell is not None else (lambda doing: None)
        if self.file.exists():
            self.draft = reopen(self.file, lambda target: open_model(target, (), say), may_run)
            self._saved = self.draft.plan
        elif source:
            self.draft = open_model(source, inputs, say)
        else:
            self.draft = Draft()
        entries()  # read while the person still looks

    @property
    def is_saved(self) -> bool:
        """True where the file holds what the draft is now."""
        return self._saved is self.draft.plan

    @property
    def is_to_be_saved(self) -> bool:
        """True after a change; not again where that could not be saved."""
        return not self.is_saved and self._refused is not self.draft.plan

    def save(self) -> None:
        """Writes the file if anything has changed, whole or not at all. Where that fails `trouble` says why."""
        if self.is_saved:
            return
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            self.draft.save(self.file)
            self._saved, self.trouble = self.draft.plan, ""
        except OSError as error:
            self._refused = self.draft.plan
            self.trouble = f"Not saved: {error.strerror or error} ({self.file})"

    # -- requests ----------------------------------------------------------------------------------------------------

    def answer(self, op: str, args: Args) -> Any:
        """The answer to a request. Raises GraphtoolsError, whose message is for the user, and what a module raises."""
        if op not in self._ops:
            raise missing("request", op, self._ops)
        return self._ops[op](args)

    def picture(self, since: int | None = None) -> Json:
        """The draft to draw; since the picture `since` only what differs: `nodes` that are new to it, and `changes` of
        the others, the name with what is set and what there is no longer."""
        before = self._history.get(since) if isinstance(since, int) else None
        nodes = self._nodes.of(self.draft)
        if nodes != self._drawn or not self._history:
            self._number += 1
        self._drawn = nodes
        self._history[self._number] = nodes
        while len(self._history) > 20:
            self._history.popitem(last=False)
        found: Json = {"number": self._number, **drawn_rest(self.draft)}
        if self.trouble:
            found["notes"] = [self.trouble, *found["notes"]]
        if before is None:
            return {**found, "nodes": list(nodes.values())}
        changes = [change_of(before[name], node) for name, node in nodes.items() if before.get(name, node) != node]
        new = [node for name, node in nodes.items() if name not in before]
        return {**found, "since": since, "nodes": new, "changes": changes}

    def _do(self, args: Args) -> Json:
        """Carries out `commands`, each whether or not one before it failed; a request that is sent again, which has the
        same `id`, is not carried out again."""
        number = args.get("id")
        results = self._answers.get(number) if number is not None else None
        if results is None:
            results = [self._result(command) for command in args["commands"]]
            if number is not None:
                self._answers[number] = results
                while len(self._answers) > _REMEMBERED:
                    self._answers.popitem(last=False)
        return {"results": results, "picture": self.picture(args.get("since"))}

    def _result(self, command: Args) -> Json:
        try:
            return execute(self.draft, command)
        except GraphtoolsError as error:
            return {"error": str(error)}
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            return {"error": f"this command cannot be read: {type(error).__name__}: {error}"}

    def _find(self, args: Args) -> list[Json]:
        """The entries of the palette for a `query`, best first. Behind a value `from`: what the first of them would
        give, `gives`, or why they cannot take it, `no`; these come last."""
        found = []
        end = time.perf_counter() + _TRIAL_S
        own = own_entries(self.draft.sources).values()
        for entry in search(args.get("query", ""), (*own, *entries()), _FOUND):
            row = {"target": entry.target, "title": entry.title, "group": entry.group, "category": entry.category}
            row["summary"] = entry.summary
            is_small = entry.group != "torchvision models"  # one of which takes a second to make
            if args.get("from") and is_small and time.perf_counter() < end:
                row |= self._trial(entry.target, Ref(args["from"][0], tuple(args["from"][1])))
            found.append(row)
        return sorted(found, key=lambda row: "no" in row)

    def _trial(self, target: str, source: Ref) -> Json:
        trial = self.draft.fork()
        try:
            trial.apply(Add(fed(new_node(trial, target, self.draft.spec(source)), source)))
        except GraphtoolsError as error:
            return {"no": str(error)}
        name = next(name for name in trial.plan.nodes if name not in self.draft.plan.nodes)
        if not any(True for _ in trial.plan.nodes[name].refs()):
            return {"no": "it takes no value"}
        outputs, fault = trial.shapes.outputs.get(name, ()), trial.shapes.faults.get(name)
        if outputs:
            return {"gives": str(outputs[0].spec)}
        return {"no": fault.message} if fault is not None and fault.is_own else {}

    def _computed(self) -> dict[str, Any]:
        plan = self.draft.plan
        known = self._values
        if (
            known is None
            or known[0].nodes is not plan.nodes
            or known[0].layers is not plan.layers
            or (known[0].modes is not plan.modes)
        ):
            self._values = known = (plan, values_of(self.draft))
        return known[1]

    def _value(self, args: Args) -> Json:
        """What there is to see of the value of a node on a sample; see `Summaries.tensor`."""
        values = self._computed()
        if args["node"] not in values:
            return {"lost": "It cannot be computed yet: see the problems."}
        return summary_of(_first_tensor(values[args["node"]]), args["node"])

    def _plane(self, args: Args) -> Json | None:
        """The picture of another plane of that value, at `index` of its leading sizes."""
        value = _first_tensor(self._computed().get(args["node"]))
        return picture_of(value, args["index"]) if isinstance(value, torch.Tensor) else None

    def _all_values(self, args: Args) -> Json:
        """A small picture of the value of each node."""
        found = {}
        for name, value in self._computed().items():
            seen = summary_of(_first_tensor(value), name, _SIDE, 1, False)
            found[name] = (seen.get("pictures") or [None])[0]
        return found

    def _export(self, args: Args) -> str:
        """Writes the draft beside its file in another form; answers the path."""
        kind = args["kind"]
        path = self.file.with_suffix(f".{kind}")
        if kind == "py":
            path.write_text(self.draft.to_code(), encoding="utf-8")
        elif kind == "diff":
            path.write_text(self.draft.to_patch(), encoding="utf-8")
        elif kind == "onnx":
            self.draft.to_onnx(path)
        elif kind == "pt2":
            torch.export.save(self.draft.to_program(), path)
        elif kind == "json":
            self.save()
        else:
            raise missing("kind of file", kind, ("py", "diff", "onnx", "pt2", "json"))
        return str(path)


def _first_tensor(value: Any) -> Any:
    """The first item of nested tuples."""
    while isinstance(value, tuple | list) and value:
        value = value[0]
    return value
