"""The content of a recording as the JSON of `recording.json`; its tensors go to a TensorWriter."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

from graphtools import compat
from graphtools.encoding import present, write_source
from graphtools.errors import FormatError
from graphtools.graph import Ref
from graphtools.recording import Event, Flow, Kept, Recording, Stage, Update, ValueLost
from graphtools.saving.layouts import Stored
from graphtools.saving.plain import n_parts, to_plain
from graphtools.saving.storing import TensorWriter

_LONGEST_LIST = 1_000_000  # numbers in one Python value; JSON is no place for more


class ContentWriter:
    """Makes the fields of the document. Kept values are listed once each, in `kept`, wherever they occur."""

    def __init__(self, recording: Recording, tensors: TensorWriter) -> None:
        self.kept: list[dict[str, Any]] = []
        self._recording = recording
        self._tensors = tensors
        self._index_of: dict[int, int] = {}  # by the id of a Kept, all of which the recording holds meanwhile
        self._shared: list[tuple[Kept, str, torch.Tensor]] = []  # tensors that the user's code may still write

    def fields(self) -> dict[str, Any]:
        """Values, events, flows, updates and stages as JSON; all tensors are written. Computes recipes."""
        content = self._recording.content
        # The output of a model whose caller then raised is in no graph, so nothing can ask for its value.
        names = {node.name for node in content.graph.nodes}
        fields = {
            "values": [
                [name, list(path), self._index(kept, name)]
                for name, by_path in content.values.items()
                if name in names
                for path, kept in by_path.items()
            ],
            "events": [self._event(event, position) for position, event in enumerate(content.events)],
            "flows": [self._flow(index, flow) for index, flow in sorted(content.flows.items())],
            "updates": [self._update(index, update) for index, update in sorted(content.updates.items())],
            "stages": [_stage(stage) for stage in content.stages],
            "kept": self.kept,
        }
        self._tensors.finish()
        self._describe_again()
        return fields

    def _describe_again(self) -> None:
        """Corrects what another thread, which trains on, overwrote before it was written."""
        for kept, name, before in self._shared:
            replacement = self._described(kept, name, before)
            if replacement is not None:
                described = self.kept[self._index_of[id(kept)]]
                described.pop("tensor", None)
                described.update(replacement)
        self._tensors.finish()

    def _index(self, kept: Kept, name: str) -> int:
        index = self._index_of.get(id(kept))
        if index is None:
            index = self._index_of[id(kept)] = len(self.kept)
            flag = {"requires_grad": True} if kept.requires_grad else {}
            self.kept.append({**(self._described(kept, name) or {}), **flag})
        return index

    def _described(self, kept: Kept, name: str, before: torch.Tensor | None = None) -> dict[str, Any] | None:
        """The value as JSON; None if it still is the tensor `before`."""
        try:
            if isinstance(kept.recipe, Stored):
                return {"tensor": self._tensors.describe_stored(kept.recipe.layout)}
            value = self._recording._read(name, kept)
            if isinstance(value, torch.Tensor):
                if value is before:
                    return None
                if kept.version is not None:
                    self._shared.append((kept, name, value))
                return {"tensor": self._tensors.describe(value, fresh=kept.recipe is not None)}
        except ValueLost as error:
            return {"lost": str(error)}
        if (count := n_parts(value)) > _LONGEST_LIST:
            return {"lost": f"the value of {name!r} is a list of {count} numbers, too long for a file; keep its tensor"}
        return {"value": to_plain(value)}

    def _indexes(self, kepts: Iterable[Kept | None], name: str) -> list[int | None]:
        return [None if kept is None else self._index(kept, name) for kept in kepts]

    def _event(self, event: Event, position: int) -> dict[str, Any]:
        if event.index != position:
            raise FormatError(f"events[{position}] says that its index is {event.index}; it must be its position")
        fields = {
            "node": event.node,
            "name": event.name,
            "scope": event.scope,
            "source": write_source(event.source),
            "rng_state": None if event.rng_state is None else self._random_state(event.rng_state),
            "step": event.step,
        }
        return {"phase": event.phase, "duration_s": event.duration_s, **present(fields)}

    def _random_state(self, state: compat.RandomState) -> dict[str, Any]:
        own = {} if state.own is None else {"own": self._tensors.describe(state.own)}
        cuda = [self._tensors.describe(one) for one in state.cuda]
        return {"cpu": self._tensors.describe(state.cpu), **({"cuda": cuda} if cuda else {}), **own}

    def _flow(self, index: int, flow: Flow) -> dict[str, Any]:
        name = f"the gradients of event {index}"
        fields = {
            "event": index,
            "incoming": self._indexes(flow.incoming, name),
            "outgoing": self._indexes(flow.outgoing, name),
            "of": [list(map(_ref, refs)) for refs in flow.of],
            "to": [list(map(_ref, refs)) for refs in flow.to],
        }
        accumulated = None if flow.accumulated is None else self._index(flow.accumulated, name)
        return fields if accumulated is None else {**fields, "accumulated": accumulated}

    def _update(self, index: int, update: Update) -> dict[str, Any]:
        name = f"the update of {update.parameter}"
        return {
            "event": index,
            "parameter": update.parameter,
            "optimizer": update.optimizer,
            "group": update.group,
            "before": self._index(update.before, name),
            "after": self._index(update.after, name),
            "grad": None if update.grad is None else self._index(update.grad, name),
            "settings": {key: to_plain(item) for key, item in update.settings.items()},
            "state": {
                key: {"kept": self._index(item, name)} if isinstance(item, Kept) else {"value": to_plain(item)}
                for key, item in update.state.items()
            },
        }


def _ref(ref: Ref) -> list[int | str]:
    return [ref.node, *ref.path]


def _stage(stage: Stage) -> dict[str, Any]:
    fields = {
        "name": stage.name,
        "source": write_source(stage.source),
        "before": list(stage.before),
        "changed": list(stage.changed),
    }
    return {"kind": stage.kind, "start": stage.start, "stop": stage.stop, **present(fields)}
