"""A draft from a stranger is data: nothing in it reaches the generated code as code."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import graphtools as gt
from graphtools.drafting.documents import clip_from_json, from_json
from graphtools.errors import FormatError
from graphtools.loading import load_model

EVIL = "__import__('pathlib').Path('ran').touch()"


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(3))
        self.fc = nn.Linear(3, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(x * self.scale).nonzero().flatten(0)


def document() -> dict[str, Any]:
    return json.loads(gt.Draft(gt.trace(Net(), torch.rand(2, 3), method="record")).to_json())


def node(found: dict[str, Any], kind: str, word: str = "") -> dict[str, Any]:
    return next(node for node in found["nodes"] if node["kind"] == kind and word in node["name"])


@pytest.mark.parametrize("text", [EVIL, f"torch.float32) or {EVIL} or (1", "torch.float32\n"])
def test_a_mode_is_no_code(text: str) -> None:
    found = document()
    node(found, "call", "linear")["state"] = {"autocast": text}
    with pytest.raises(FormatError, match="autocast"):
        from_json(json.dumps(found))


@pytest.mark.parametrize("kind", ["code", "dtype", "device", "layout", "memory_format", "type", "open", "other"])
def test_a_symbol_is_no_code(kind: str) -> None:
    found = document()
    node(found, "call", "flatten")["args"][1] = {"symbol": [kind, EVIL]}
    with pytest.raises(FormatError, match=f"is no {kind}"):
        from_json(json.dumps(found))
    clip = {"nodes": [node(found, "call", "flatten")], "layers": {}, "types": {}}
    with pytest.raises(FormatError, match=f"is no {kind}"):
        clip_from_json(clip)


@pytest.mark.parametrize("word", ['a"]', "a'b", "a{b}", "a\\b", "a\nb"])
def test_a_path_holds_nothing_that_ends_a_text(word: str) -> None:
    found = document()
    node(found, "parameter", "scale")["target"] = word
    with pytest.raises(FormatError, match="is no name"):
        from_json(json.dumps(found))
    found = document()
    found["layers"][word] = found["layers"].pop("fc")
    with pytest.raises(FormatError, match="is no name"):
        from_json(json.dumps(found))


def test_a_size_of_a_parameter_is_a_number() -> None:
    found = document()
    node(found, "parameter", "scale")["outputs"][0]["shape"] = [EVIL]
    with pytest.raises(FormatError, match="no open size"):
        from_json(json.dumps(found))


def test_what_is_accepted_runs_nothing_in_notes_and_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = document()
    found["notes"] = [f'a" + {EVIL} + "', f'""" + {EVIL} + """', f'"\n{EVIL}\n"']
    found["model"] = f"Net(): {EVIL}\nclass X"
    found["types"] = dict.fromkeys(found["types"], f"x.{EVIL}")
    node(found, "parameter", "scale")["target"] = f"scale; {EVIL.replace(chr(39), '')}"
    (tmp_path / "draft.json").write_text(json.dumps(found))
    model: Any = load_model("draft.json").model
    model(torch.rand(2, 3))
    assert not (tmp_path / "ran").exists()


def test_keys_that_are_no_names_are_kept_and_written(tmp_path: Path) -> None:
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.parts = nn.ModuleDict({"first-one": nn.Linear(3, 3), "in": nn.Linear(3, 3), "a b": nn.ReLU()})
            self.register_parameter("my-scale", nn.Parameter(torch.rand(3)))

        def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
            for part in self.parts.values():
                x = part(x)
            return {"it's": x * getattr(self, "my-scale")}

    model, x = Odd().eval(), torch.rand(2, 3)
    draft = gt.Draft(gt.trace(model, x))
    assert from_json(draft.to_json()) == draft.plan
    space: dict[str, Any] = {"__name__": "made"}
    exec(draft.to_code(), space)
    made = space["Odd"]().eval()
    made.load_state_dict(draft.weights())
    assert torch.equal(made(x)["it's"], model(x)["it's"])
    built = draft.to_module()
    for module in (built, copy.deepcopy(built), gt.run(model, x).graph.to_fx(model)):
        assert torch.equal(module(x)["it's"], model(x)["it's"])
