"""A file whose document says what cannot be is refused, with a word on where."""

from __future__ import annotations

import copy
import json
import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import graphtools as gt
from graphtools.recording import ValueLost
from graphtools.saving import load, save
from tests.saving.files import entries, put, refusal, tensor, tensor_at, with_document, zipped
from tests.saving.made import of_values


def composite(**fields: Any) -> Callable[[dict[str, Any]], None]:
    """A change of the first tensor into one of parts; each part is the tensor that it was."""

    def change(document: dict[str, Any]) -> None:
        layout = tensor_at(document)
        part = {**copy.deepcopy(layout), **fields.pop("part", {})}
        layout.clear()
        layout.update({"parts": [part] * fields.pop("n_parts", 1), **fields})

    return change


BIG = 2**62
DOCUMENTS: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "another format": (put("format", "zip"), 'not a recording: the document lacks "format": "graphtools.recording"'),
    "a newer version": (
        put("version", 7),
        "the document has version 7, and this graphtools reads up to 1; install a newer graphtools",
    ),
    "no version": (lambda d: d.pop("version"), "version: expected a whole number from 1, not null"),
    "no events": (lambda d: d.pop("events"), "recording.json: 'events' is missing"),
    "a field more": (put("code", "import os"), 'recording.json: unknown field "code"'),
    "the other end first": (put("byte_order", "big"), "it was written on a big-endian machine, and this one is not"),
    "a negative time": (put("duration_s", -1), "duration_s: expected a number of seconds, not -1"),
    "an event of no time": (
        put("events", 0, "duration_s", True),
        "events[0].duration_s: expected a number of seconds, not true",
    ),
    "an event of no phase": (
        put("events", 0, "phase", "sideways"),
        'events[0].phase: expected one of forward, backward, update, not "sideways"',
    ),
    "an event of no node": (put("events", 1, "node", "mull"), 'events[1].node: the graph has no node "mull"'),
    "an event of a number": (put("events", 1, "node", 0), "events[1].node: expected a text, not 0"),
    "an event of a step before the first": (
        put("events", 0, "step", -1),
        "events[0].step: expected a whole number from 0 to 2**63 - 1, not -1",
    ),
    "a random state of floats": (
        put("events", 0, "rng_state", "cpu", "dtype", "i8"),
        "events[0].rng_state.cpu: the state of a random generator is a row of bytes",
    ),
    "a value of no node": (put("values", 0, 0, "y"), 'values[0]: the graph has no node "y"'),
    "a value that is not there": (put("values", 0, 2, 99), "values[0]: there is no value 99; there are 15"),
    "a value twice": (lambda d: d["values"].append(d["values"][0]), 'values[8]: a second value of "x"'),
    "a value of two kinds": (
        lambda d: d["kept"][0].update(lost="why"),
        "kept[0]: expected one of tensor, value, lost, not 2 of them",
    ),
    "a value of no kind": (put("kept", 0, {}), "kept[0]: expected one of tensor, value, lost, not 0 of them"),
    "a Python value of a class": (
        put("kept", 0, {"value": {"class": "os.system"}}),
        'kept[0].value: expected a value, not "class": "os.system"',
    ),
    "a flow of a forward event": (put("flows", 0, "event", 0), "flows[0].event: event 0 is no backward event"),
    "flows out of order": (lambda d: d["flows"].reverse(), "flows[1].event: event 5 comes after event 6"),
    "a flow to nowhere": (put("flows", 0, "to", 0, 0, 0, "z"), 'flows[0].to[0][0]: the graph has no node "z"'),
    "more gradients than places": (
        lambda d: d["flows"][0]["incoming"].append(None),
        "flows[0]: as many gradients are needed as places that they belong to",
    ),
    "a gradient that is not there": (
        put("flows", 0, "incoming", 0, -1),
        "flows[0].incoming[0]: expected a whole number from 0 to 2**63 - 1, not -1",
    ),
    "an update of a backward event": (put("updates", 0, "event", 6), "updates[0].event: event 6 is no update event"),
    "an update of nothing": (
        put("updates", 0, "parameter", "weight"),
        'updates[0].parameter: the graph has no parameter "weight"',
    ),
    "an update by a text": (
        lambda d: put("kept", d["updates"][0]["after"], {"value": "big"})(d),
        "updates[0].after: expected a tensor, not a Python value",
    ),
    "a stage without end": (put("stages", 1, "stop", 9), "stages[1]: it goes from event 0 to 9, and there are 8"),
    "a stage that ends before it starts": (
        put("stages", 2, "stop", 3),
        "stages[2]: it goes from event 4 to 3, and there are 8",
    ),
    "a negative size": (
        tensor(size=[-1, 2]),
        "kept[0].tensor.size[0]: expected a whole number from 0 to 2**63 - 1, not -1",
    ),
    "a size beyond its bytes": (
        tensor(size=[1000, 1000]),
        "kept[0].tensor: it reaches to byte 4000000 of a storage of 8 bytes",
    ),
    "a size beyond all": (tensor(size=[BIG, 4]), "kept[0].tensor.size: too many elements for any tensor"),
    "a size of nothing times all": (
        tensor(size=[0, BIG, BIG]),
        "kept[0].tensor.size: too many elements for any tensor",
    ),
    "too many dimensions": (tensor(size=[1] * 65), "kept[0].tensor.size: 65 dimensions; torch knows up to 64"),
    "a stride beyond its bytes": (
        tensor(stride=[1, 1000]),
        "kept[0].tensor: it reaches to byte 4004 of a storage of 8 bytes",
    ),
    "a negative stride": (
        tensor(stride=[1, -1]),
        "kept[0].tensor.stride[1]: expected a whole number from 0 to 2**63 - 1, not -1",
    ),
    "strides for another tensor": (tensor(stride=[1]), "kept[0].tensor.stride: expected an array of 2, not of 1"),
    "strides beyond all": (tensor(stride=[BIG, BIG]), "kept[0].tensor: it reaches beyond any storage"),
    "an offset beyond its bytes": (
        tensor(offset=1),
        "kept[0].tensor: it reaches to byte 12 of a storage of 8 bytes",
    ),
    "a dtype of more bytes": (tensor(dtype="f64"), "kept[0].tensor: it reaches to byte 16 of a storage of 8 bytes"),
    "a storage that is not there": (
        tensor(storage=99),
        "kept[0].tensor.storage: there is no storage 99; there are 11",
    ),
    "elements without a storage": (tensor(storage=None), "kept[0].tensor: 2 elements without a storage"),
    "a device": (tensor(device="cuda"), 'kept[0].tensor.device: expected one of cpu, meta, not "cuda"'),
    "a storage beyond the file": (
        put("storages", 0, 1, 10**15),
        "storages[0]: bytes 0 to 1000000000000000 do not lie one after the other in tensors.bin",
    ),
    "two storages at one place": (
        lambda d: put("storages", 1, 0, 0)(d),
        "storages[1]: bytes 0 to 8 do not lie one after the other in tensors.bin",
    ),
    "another checksum": (put("storages", 0, 2, 0), "storages[0]: its bytes are damaged: the checksum differs"),
    "a kind that is not there": (
        composite(kind="pickle"),
        "kept[0].tensor.kind: expected one of coo, csr, csc, bsr, bsc, nested, jagged, per_tensor, per_channel, "
        'not "pickle"',
    ),
    "too few parts": (
        composite(kind="coo", size=[2], coalesced=False),
        "kept[0].tensor.parts: 1 parts for a coo tensor",
    ),
    "a part that is spread": (
        composite(kind="nested", part={"size": [10**9, 2], "stride": [0, 1]}),
        "kept[0].tensor.parts[0]: a part with fewer bytes than elements",
    ),
    "a scale that is no number": (
        composite(kind="per_tensor", scale=1, zero_point=0),
        "kept[0].tensor.scale: expected a finite number",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_that_says_what_cannot_be_is_refused(name: str, tmp_path: Path) -> None:
    change, expected = DOCUMENTS[name]
    assert refusal(with_document(change), tmp_path) == expected


def test_a_dtype_that_torch_would_crash_on_is_refused(tmp_path: Path) -> None:
    assert refusal(with_document(tensor(dtype="qi8")), tmp_path) == (
        f'kept[0].tensor.dtype: torch {torch.__version__} has no dense tensors of dtype "qi8"'
    )


def test_a_document_that_is_no_strict_json_is_refused(tmp_path: Path) -> None:
    text = entries()["recording.json"].decode()
    for old, new, expected in (
        ('"duration_s":1.5', '"duration_s":NaN', "not a JSON document: NaN is no JSON number"),
        ('"duration_s":1.5', '"duration_s":1e999', "duration_s: expected a number of seconds, not Infinity"),
        ('"version":1', '"version":1,"version":1', 'not a recording: an object has the key "version" twice'),
        ('"version":1', '"version":' + "[" * 50_000, "the document is nested too deeply to be a recording"),
    ):
        assert old in text
        changed = {**entries(), "recording.json": text.replace(old, new, 1).encode()}
        assert refusal(zipped(changed), tmp_path) == expected


def test_a_graph_that_is_refused_is_named(tmp_path: Path) -> None:
    assert refusal(zipped({**entries(), "graph.json": b"{}"}), tmp_path) == (
        'graph.json: not a graph: the document lacks "format": "graphtools.graph"'
    )


def test_what_a_refusal_quotes_is_short_and_cannot_move_the_cursor(tmp_path: Path) -> None:
    graph = json.loads(entries()["graph.json"])
    graph["nodes"][0]["name"] = graph["nodes"][1]["name"] = "\x1b[2J" * 10_000
    reason = refusal(zipped({**entries(), "graph.json": json.dumps(graph).encode()}), tmp_path)
    assert len(reason) == 600 and reason.isprintable()


COO = {"kind": "coo", "size": [2, 2], "coalesced": False}
ROW = {"dtype": "i64", "size": [1], "storage": 0}


@pytest.mark.parametrize(
    ("value", "layout"),
    [
        (torch.tensor([[9], [9]]), {**COO, "parts": [{**ROW, "size": [2, 1]}, ROW]}),
        (torch.tensor([0, 9]), {"kind": "csr", "size": [1, 2], "parts": [{**ROW, "size": [2]}, ROW, ROW]}),
        (torch.tensor([0, 9]), {"kind": "jagged", "dim": 1, "parts": [ROW, {**ROW, "size": [2]}]}),
        (torch.tensor([5]), {"kind": "per_channel", "dim": 3, "parts": [ROW, ROW, ROW]}),
        (torch.tensor([5]), {"kind": "per_tensor", "scale": 1.0, "zero_point": 0, "parts": [ROW]}),
        (torch.tensor([5, 6]), {"kind": "nested", "parts": [ROW, {**ROW, "dtype": "f32"}]}),
        (torch.tensor([5]), {"dtype": "bool", "size": [8], "storage": 0}),
    ],
    ids=["coo", "csr", "jagged", "per channel", "per tensor", "nested", "bool"],
)
def test_values_that_would_lead_torch_out_of_bounds_are_lost(value: Any, layout: Any, tmp_path: Path) -> None:
    save(of_values(value=value), tmp_path / "one.gt")
    with zipfile.ZipFile(tmp_path / "one.gt") as file:
        parts = {name: file.read(name) for name in file.namelist()}
    document = json.loads(parts["recording.json"])
    document["kept"] = [{"tensor": layout}]
    (tmp_path / "one.gt").write_bytes(zipped({**parts, "recording.json": json.dumps(document).encode()}))
    recording = load(tmp_path / "one.gt")
    with pytest.raises(ValueLost, match=r"^its (parts in the file are no tensor: .+|bytes are no booleans)$"):
        recording.value("value")


def test_a_document_with_any_value_changed_loads_or_is_refused(tmp_path: Path) -> None:
    chance = random.Random(0)
    document = json.loads(entries()["recording.json"])
    others = [None, True, -1, 0, 3, 2**62, 2**80, 0.5, "", "x", [], [0], {}, {"kind": "coo"}]
    for _ in range(400):
        changed = copy.deepcopy(document)
        places: list[tuple[Any, Any]] = []

        def visit(part: Any, places: list[tuple[Any, Any]] = places) -> None:
            for key, inner in part.items() if isinstance(part, dict) else enumerate(part):
                places.append((part, key))
                if isinstance(inner, dict | list):
                    visit(inner)

        visit(changed)
        holder, key = chance.choice(places)
        holder[key] = chance.choice(others)
        (tmp_path / "step.gt").write_bytes(zipped({**entries(), "recording.json": json.dumps(changed).encode()}))
        try:
            recording = load(tmp_path / "step.gt")
        except gt.FormatError:
            continue
        for node in recording.graph.nodes:
            recording.has_value(node)
            try:
                recording.grad(node)
            except ValueLost:
                pass
