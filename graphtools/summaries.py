"""What the tensors of a recording look like, as JSON: numbers, histogram and pictures, by the keys of `payload.run`.

A summary is computed when it is asked for; nothing here keeps or changes a tensor.
"""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from graphtools.errors import GraphtoolsError, missing
from graphtools.flops import count_flops
from graphtools.graph import Node
from graphtools.payload import drawn_nodes
from graphtools.picture import Picture, leading_sizes, picture
from graphtools.recording import Recording, ValueLost
from graphtools.statistics import Statistics, histogram, is_finite, one_line, statistics
from graphtools.visible import Visible

SIDE = 128  # pixels of a picture in an open inspector
SMALL_SIDE = 64  # of one in a page, which holds hundreds
THUMBNAIL_SIDE = 20
_LONGEST_TEXT = 2000
_SMALL_PLANE = 48  # rows and columns up to which several exact pictures of a tensor are sent at once

_SIDES = (64, 48, 32, 24, 16)  # pixels of a picture in a page, the largest that there is room for
_WHOLE = 128  # rows and columns up to which a plane that there is room for is not averaged
_MOST_PICTURES = 64  # of one tensor in a page

Json = dict[str, Any]


class _Lost(Json):
    """The summary of what was not kept."""


class Summaries:
    """The summaries of one recording. `tensor` costs some 5 ns an element and a millisecond; see `statistics`."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self._visible = Visible(recording)
        self._drawn = drawn_nodes(recording.graph)
        states = (node for node in recording.graph.nodes if node.kind in ("parameter", "buffer"))
        self._parameters = list(dict.fromkeys(node.target for node in states))

    # -- one tensor ---------------------------------------------------------------------------------------------------

    def tensor(self, key: str, max_side: int = SIDE, most_pictures: int = 1, exact: bool = True) -> Json:
        """Numbers, histogram and up to `most_pictures` pictures of the tensor of that key.

        With `exact` pictures hold float32, and of a large plane it is one; else they hold a byte a pixel. What was not
        kept is a summary with the reason under `lost`, a Python value one with its text. Raises MissingError for a key
        of nothing.
        """
        value = self._look_up(key)
        return value if isinstance(value, _Lost) else summary_of(value, key, max_side, most_pictures, exact)

    def tensor_within(self, key: str, pixels: int) -> Json:
        """The same with as many pictures as have so many pixels together, a byte each: all planes of a small tensor,
        whole; else the first of them, averaged where one alone is too large."""
        value = self._look_up(key)
        return value if isinstance(value, _Lost) else summary_of(value, key, *_room(value, pixels), exact=False)

    def _look_up(self, key: str) -> Any:
        """The tensor or Python value of a key, or why it was not kept."""
        try:
            return self._find(key)
        except GraphtoolsError as error:
            if isinstance(error, KeyError):
                raise
            return _Lost(key=key, lost=str(error))

    def picture(self, key: str, index: Sequence[int], color: bool = True, max_side: int = SIDE) -> Json | None:
        """The picture at `index` of the leading sizes; None where there is no tensor. Raises MissingError."""
        try:
            value = self._find(key)
        except ValueLost:
            return None
        return _picture(picture(value, index, max_side, color), True) if isinstance(value, torch.Tensor) else None

    # -- all of them --------------------------------------------------------------------------------------------------

    def metrics(self) -> Json:
        """Numbers of each row for the overlays, None where there is none, and the events that gave NaN or infinity.

        Reads every value and gradient once: seconds for a large model.
        """
        rows = range(len(self._drawn))
        values = [self._statistics(f"v.{row}.0") for row in rows]
        last: dict[int, tuple[int, int]] = {}
        bad: list[int] = []
        event_of = self._visible.event_of
        for row, node in enumerate(self._drawn):
            found = values[row]
            if found is not None and not found.is_finite and node.name in event_of:
                bad.append(event_of[node.name])
        row_of = {node.name: row for row, node in enumerate(self._drawn)}
        for index, flow in sorted(self.recording.content.flows.items()):
            for place, refs in enumerate(flow.of):
                for ref in refs:
                    if ref.node in row_of and flow.incoming[place] is not None:
                        last[row_of[ref.node]] = (index, place)
        grads: list[Statistics | None] = [None] * len(self._drawn)
        for row, (index, place) in last.items():
            grads[row] = self._statistics(f"i.{index}.{place}")
        for index in self.recording.content.flows:
            incoming = self.recording.incoming(index)
            flowing = (*incoming, *self.recording.outgoing(index))
            if any(isinstance(t, torch.Tensor) and not is_finite(t) for t in flowing):
                bad.append(index)
        readers: dict[str, set[int]] = {}
        for node in self.recording.graph.nodes:
            if node.kind == "parameter":
                users = (row_of[user.name] for user in self.recording.graph.users(node) if user.name in row_of)
                readers.setdefault(node.target, set()).update(users)
        ratios: dict[int, float] = {}
        for index, update in self.recording.content.updates.items():
            ratio = self._ratio(index)
            if not self._is_finite(f"u.{index}.after"):
                bad.append(index)
            for row in readers.get(update.parameter, ()):
                ratios[row] = max(ratios.get(row, 0.0), ratio)
        return {
            "flops": [count_flops(self.recording.graph, node) for node in self._drawn],
            "value_norm": [_json_number(found.norm) if found else None for found in values],
            "zeros": [round(found.zeros, 6) if found and found.n_elements else None for found in values],
            "grad_norm": [_json_number(found.norm) if found else None for found in grads],
            "update_ratio": [_json_number(ratios.get(row)) for row in rows],
            "nonfinite": sorted(set(bad)),
        }

    def thumbnails(self) -> list[Json | None]:
        """A picture of at most 20 by 20 bytes of each row's first tensor; None where there is nothing to see."""
        found: list[Json | None] = []
        for row in range(len(self._drawn)):
            try:
                value = self._find(f"v.{row}.0")
            except GraphtoolsError:
                value = None
            small = None
            is_plane = isinstance(value, torch.Tensor) and not value.is_nested and value.dim() >= 2
            if is_plane and min(value.shape[-2:]) >= 3:
                shown = _picture(picture(value, (), THUMBNAIL_SIDE), False)
                small = shown if shown["kind"] != "none" else None
            found.append(small)
        return found

    def keys(self) -> Iterator[str]:
        """The key of every tensor that the viewer asks for, values first."""
        for row, node in enumerate(self._drawn):
            for output in range(max(1, len(node.outputs)) if node.kind != "output" else 0):
                yield f"v.{row}.{output}"
        content = self.recording.content
        row_of = {node.name: row for row, node in enumerate(self._drawn)}
        number = {target: index for index, target in enumerate(self._parameters)}
        target_of = {n.name: n.target for n in self.recording.graph.nodes if n.target in number}
        for index, flow in sorted(content.flows.items()):
            for place, refs in enumerate(flow.of):
                for ref in refs:
                    if flow.incoming[place] is None:
                        continue
                    if ref.node in row_of:
                        yield f"g.{row_of[ref.node]}.{self._output(ref.node, ref.path)}.{index}"
                    elif ref.node in target_of and flow.accumulated is not None:
                        yield f"a.{number[target_of[ref.node]]}.{index}"
        for place in range(len(self._parameters)):
            yield f"p.{place}"
        for index, update in sorted(content.updates.items()):
            yield from (f"u.{index}.{name}" for name in ("after", "before", "change"))
            yield from (f"u.{index}.state.{name}" for name in update.state)

    # -- finding ------------------------------------------------------------------------------------------------------

    def _find(self, key: str) -> Any:
        kind, _, rest = key.partition(".")
        try:
            if kind == "v":
                row, output = map(int, rest.split("."))
                return self._value(self._drawn[row], output)
            if kind == "g":
                row, output, event = map(int, rest.split("."))
                node = self._drawn[row]
                return self.recording.grad(node, self._path(node, output), before=event + 1)
            if kind == "p":
                return self._at_start(self._parameters[int(rest)])
            if kind == "a":
                place, event = map(int, rest.split("."))
                return self._visible.grad(self._parameters[place], event)
            if kind == "u":
                event_text, _, name = rest.partition(".")
                update = self.recording.update(int(event_text))
                if name.startswith("state."):
                    return update.state[name.removeprefix("state.")]
                if name == "change":
                    return update.after.double() - update.before.double()
                return {"before": update.before, "after": update.after, "grad": update.grad}[name]
            if kind in ("i", "o"):
                event, place = map(int, rest.split("."))
                flows = self.recording.incoming(event) if kind == "i" else self.recording.outgoing(event)
                return flows[place]
        except (ValueError, IndexError, KeyError) as error:
            if isinstance(error, GraphtoolsError):
                raise
        raise missing("tensor", key, [])

    def _value(self, node: Node, output: int) -> Any:
        if node.kind == "output":
            raise ValueLost("the output stands for the values that it returns; select one of them")
        if len(node.outputs) < 2:
            value = self.recording.value(node)
            return value
        return self.recording.value(node, self._path(node, output))

    @staticmethod
    def _path(node: Node, output: int) -> Any:
        return node.outputs[output].path if node.outputs else None

    def _output(self, name: str, path: Any) -> int:
        outputs = self.recording.graph[name].outputs
        return next((index for index, output in enumerate(outputs) if output.path == path), 0)

    def _at_start(self, target: str) -> Any:
        first = self._visible.nodes_of[target][0]
        return self.recording.value(first)

    def _statistics(self, key: str) -> Statistics | None:
        try:
            value = self._find(key)
        except GraphtoolsError:
            return None
        return statistics(value) if isinstance(value, torch.Tensor) else None

    def _is_finite(self, key: str) -> bool:
        try:
            value = self._find(key)
        except GraphtoolsError:
            return True
        return not isinstance(value, torch.Tensor) or is_finite(value)

    def _ratio(self, index: int) -> float:
        try:
            return self.recording.update(index).ratio
        except GraphtoolsError:
            return 0.0


# -- as JSON -----------------------------------------------------------------------------------------------------------


def summary_of(value: Any, key: str, max_side: int = SIDE, most_pictures: int = 1, exact: bool = True) -> Json:
    """Numbers, histogram and pictures of a tensor; see `Summaries.tensor`."""
    if value is None:
        return {"key": key, "lost": "there is none"}
    if not isinstance(value, torch.Tensor):
        return {"key": key, "text": repr(value)[:_LONGEST_TEXT]}
    found = statistics(value)
    bars = histogram(value)
    is_small = value.is_nested or value.dim() < 2 or max(value.shape[-2:]) <= _SMALL_PLANE or not exact
    indexes = _first_indexes(value, most_pictures if is_small else min(most_pictures, 1))
    return {
        "key": key,
        **_numbers(found),
        "line": one_line(value) if found.n_elements <= 1_000_000 else "",
        "histogram": {
            "edges": [_json_number(edge) for edge in bars.edges],
            "counts": list(bars.counts),
            "note": bars.note or (f"one element in {bars.step}" if bars.step > 1 else ""),
        }
        if bars.counts
        else None,
        "pictures": [_picture(picture(value, index, max_side), exact) for index in indexes],
    }


def picture_of(value: torch.Tensor, index: Sequence[int], color: bool = True, max_side: int = SIDE) -> Json:
    """The picture of a tensor at `index` of its leading sizes; see `Summaries.picture`."""
    return _picture(picture(value, index, max_side, color), True)


def _room(value: Any, pixels: int) -> tuple[int, int]:
    """The side of the pictures of a tensor, and how many there are, so that they have so many pixels together."""
    if pixels < 1:
        return SMALL_SIDE, 0
    if not isinstance(value, torch.Tensor) or value.is_nested or value.dim() < 1:
        return SMALL_SIDE, 1
    plane = value.shape[len(leading_sizes(value.shape)) :]
    colors = 3 if len(plane) == 3 else 1  # before rows and columns, or after
    rows, columns = (1, *plane) if len(plane) == 1 else plane[1:] if plane[0] == colors == 3 else plane[:2]
    longest = max(rows, columns)
    for side in (longest, *_SIDES) if longest <= _WHOLE else _SIDES:
        each = max(1, min(rows, side) * min(columns, side) * colors)
        if each <= pixels:
            return side, min(_MOST_PICTURES, pixels // each)
    return _SIDES[-1], 1


def _numbers(found: Statistics) -> Json:
    return {
        "spec": found.spec,
        "elements": found.n_elements,
        "mean": _json_number(found.mean),
        "std": _json_number(found.std),
        "min": _json_number(found.min),
        "max": _json_number(found.max),
        "norm": _json_number(found.norm),
        "zeros": found.zeros,
        "nan": found.n_nan,
        "inf": found.n_inf,
        "note": found.note,
    }


def _json_number(value: float | int | bool | None) -> float | int | str | None:
    """A number as JSON knows it; what it does not know as text."""
    if value is None or isinstance(value, bool | int):
        return value
    if math.isnan(value):
        return "nan"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return float(f"{value:.7g}")


def _first_indexes(value: torch.Tensor, most: int) -> list[tuple[int, ...]]:
    """Where the first pictures stand in the leading sizes: all channels of the first sample, then the next sample."""
    sizes = leading_sizes(value.shape) if value.dim() > 2 and not value.is_nested else ()
    indexes: list[tuple[int, ...]] = [()]
    if most < 1:
        return []
    if not sizes or most < 2:
        return [tuple(0 for _ in sizes)]
    for size in sizes:
        indexes = [(*index, i) for index in indexes for i in range(min(size, most))][:most]
    return indexes


def _picture(shown: Picture, exact: bool) -> Json:
    """A picture as JSON: pixels in base64, a byte or a float32 each."""
    found: Json = {
        "kind": shown.kind,
        "index": list(shown.index),
        "choices": list(shown.choices),
        "caption": shown.caption,
        "exact": "averaged" not in shown.caption and "one in" not in shown.caption,
    }
    if shown.kind == "none":
        return found | {"width": 0, "height": 0, "data": "", "coding": "u8", "low": None, "high": None}
    values = shown.values
    found |= {"width": values.shape[1] if values.dim() > 1 else values.shape[0]}
    found |= {"height": values.shape[0] if values.dim() > 1 else 1}
    if shown.kind == "image":
        return found | {"coding": "rgb8", "data": _base64(values), "low": None, "high": None}
    finite = values[values.isfinite()]
    low, high = (finite.min().item(), finite.max().item()) if finite.numel() else (0.0, 0.0)
    found |= {"low": _json_number(low), "high": _json_number(high)}
    if exact:
        return found | {"coding": "f32", "data": _base64(values.float())}
    wide = values.double()
    scaled = ((wide - low) / ((high - low) or 1.0) * 255).nan_to_num(0, 0, 0).round().clamp(0, 255)
    coded = found | {"coding": "u8", "data": _base64(scaled.to(torch.uint8))}
    special = {"nonfinite": ~values.isfinite(), "plus": values == torch.inf, "minus": values == -torch.inf}
    places = {name: mask.reshape(-1).nonzero().reshape(-1).tolist() for name, mask in special.items()}
    return coded | {name: found for name, found in places.items() if found}


def _base64(values: torch.Tensor) -> str:
    return b64encode(values.detach().cpu().contiguous().numpy().tobytes()).decode("ascii")
