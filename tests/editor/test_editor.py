"""The Python side of the editor, as the browser asks it: all requests and answers are JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import graphtools as gt
from graphtools.drafting.documents import clip_from_json, clip_to_json
from graphtools.editor import Editor
from graphtools.errors import FormatError, MissingError
from graphtools.loading import load


class Asking:
    """An editor that is asked by way of JSON, and the picture that a browser would have of its draft."""

    def __init__(self, file: Path, **opening: Any) -> None:
        self.editor = Editor(file)
        self.editor.open(**opening)
        self.number, self.nodes, self.rest = -1, {}, {}
        self.take(self.ask("picture"))

    def ask(self, op: str, **args: Any) -> Any:
        return json.loads(json.dumps(self.editor.answer(op, json.loads(json.dumps(args))), allow_nan=False))

    def take(self, picture: dict[str, Any]) -> None:
        known = self.nodes if "since" in picture else {}
        assert picture.get("since", self.number) == self.number
        known = {**known, **{node["name"]: node for node in picture.pop("nodes")}}
        for name, changed, gone in picture.pop("changes", ()):
            assert not changed.keys() & set(gone) and set(gone) <= known[name].keys()
            known[name] = {**{key: v for key, v in known[name].items() if key not in gone}, **changed}
        self.nodes = {name: known[name] for name in picture["order"]}
        self.number, self.rest = picture["number"], picture

    def do(self, **command: Any) -> dict[str, Any]:
        said = self.ask("do", commands=[command], since=self.number)
        self.take(said["picture"])
        assert len(said["results"]) == 1
        return said["results"][0]

    def messages(self) -> list[str]:
        return [problem["message"] for problem in self.rest["problems"]]

    def type_of(self, name: str) -> str:
        return self.nodes[name]["out"][0][1]


@pytest.fixture(autouse=True)
def paths(monkeypatch: pytest.MonkeyPatch) -> None:
    """What opening somebody's file puts on Python's path goes with the test."""
    monkeypatch.setattr(sys, "path", list(sys.path))


@pytest.fixture
def asking(tmp_path: Path) -> Asking:
    return Asking(tmp_path / "draft.json")


def lenet(asking: Asking) -> None:
    asking.do(do="input", name="x", spec="f32[B, 1, 8, 8]", at=[0, 0])
    last = "x"
    for target in ("Conv2d", "ReLU", "MaxPool2d", "Flatten", "Linear"):
        (last,) = asking.do(do="add", target=f"torch.nn.{target}", **{"from": [last, []]})["new"]
    asking.do(do="output", values=[[last, []]])


def test_a_net_is_built_by_commands_and_its_picture_follows(asking: Asking) -> None:
    lenet(asking)
    assert asking.messages() == []
    assert asking.type_of("linear") == "f32[B, 64]"
    assert asking.nodes["linear"]["settings"] == "144, 64"  # in_features were read from what comes in
    assert asking.nodes["linear"]["parameters"] == 144 * 64 + 64
    assert asking.rest["positions"]["x"] == [0, 0]
    whole = Asking.__new__(Asking)
    whole.editor, whole.number, whole.nodes, whole.rest = asking.editor, -1, {}, {}
    whole.take(whole.ask("picture"))
    assert whole.nodes == asking.nodes  # all the changes together are the whole


def test_a_picture_holds_only_what_changed(asking: Asking) -> None:
    lenet(asking)
    said = asking.ask(
        "do", commands=[{"do": "set", "node": "linear", "values": {"out_features": 10}}], since=asking.number
    )
    assert said["picture"]["nodes"] == []
    ((name, changed, gone),) = said["picture"]["changes"]
    assert (name, sorted(changed), gone) == ("linear", ["out", "parameters", "settings"], [])
    assert "since" not in asking.ask("picture", since=10_000)  # of a picture that is not known any more: the whole


def test_a_command_that_is_sent_again_is_not_carried_out_again(asking: Asking) -> None:
    command = {"do": "add", "target": "torch.nn.ReLU"}
    first = asking.ask("do", id=7, commands=[command], since=None)
    again = asking.ask("do", id=7, commands=[command], since=None)
    assert again["results"] == first["results"] == [{"new": ["relu"]}]
    assert asking.ask("do", id=8, commands=[command], since=None)["results"] == [{"new": ["relu_1"]}]


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ({"do": "ad"}, "add"),
        ({"do": "add", "target": "torch.nn.Linaer"}, "Linear"),
        ({"do": "add", "target": "os.system"}, "os.system"),
        ({"do": "connect", "from": ["nobody", []], "node": "linear", "place": [0]}, "nobody"),
        ({"do": "set", "node": "linear", "values": {"out_features": "ten"}}, "out_features: 'ten' is no value"),
        ({"do": "rename", "node": "linear", "name": "1x"}, "cannot be a name"),
        ({"do": "input", "name": "y", "spec": "f32[B,"}, "is no type"),
        ({"do": "splice", "name": "relu", "node": "linear", "place": [9]}, "not there any more"),
        ({"do": "move"}, "cannot be read"),
        ({"do": "paste", "clip": {"nodes": 3}}, "clip"),
        ({"do": "fix", "node": "linear", "label": "Pray"}, "not offered"),
    ],
)
def test_a_command_that_does_not_apply_says_why_and_changes_nothing(
    asking: Asking, command: dict[str, Any], said: str
) -> None:
    lenet(asking)
    before = asking.editor.draft.plan
    assert said in asking.do(**command)["error"]
    assert asking.editor.draft.plan is before


def test_undo_takes_moves_and_parameters_back_too(asking: Asking) -> None:
    lenet(asking)
    plan = asking.editor.draft.plan
    asking.do(do="move", positions={"linear": [30, 40]})
    asking.do(do="set", node="linear", values={"bias": False})
    assert asking.rest["undo"] == "set"
    asking.do(do="undo", count=2)
    assert asking.editor.draft.plan is plan
    assert asking.rest["redo"] == "move"
    asking.do(do="redo", count=2)
    assert asking.rest["positions"]["linear"] == [30, 40]
    assert asking.nodes["linear"]["settings"] == "144, 64, bias=False"


def test_places_that_the_editor_chose_are_no_step_of_undo(asking: Asking) -> None:
    lenet(asking)
    undo = asking.rest["undo"]
    asking.do(do="place", positions={"relu": [1, 2]})
    assert asking.rest["undo"] == undo
    assert asking.rest["positions"]["relu"] == [1, 2]


def test_a_mismatch_stands_on_its_edge_and_a_fix_mends_it(asking: Asking) -> None:
    lenet(asking)
    asking.do(do="set", node="linear", values={"in_features": 100})
    (problem,) = asking.rest["problems"]
    assert (problem["node"], problem["place"], problem["from"]) == ("linear", [0], "flatten")
    assert "expects 100 input features but 'flatten' gives f32[B, 144]" in problem["message"]
    asking.do(do="fix", node="linear", label=problem["fixes"][0])
    assert asking.messages() == []
    assert asking.rest["undo"] == problem["fixes"][0]


def test_a_loose_node_is_put_on_an_edge(asking: Asking) -> None:
    lenet(asking)
    (name,) = asking.do(do="add", target="torch.nn.Dropout")["new"]
    asking.do(do="splice", name=name, node="linear", place=[0])
    assert asking.nodes["linear"]["in"][0]["from"] == ["dropout", []]
    assert asking.nodes["dropout"]["in"][0]["from"] == ["flatten", []]
    asking.do(do="remove", nodes=["dropout"])
    assert asking.nodes["linear"]["in"][0]["from"] == ["flatten", []]


def test_a_group_is_copied_as_a_group(asking: Asking) -> None:
    lenet(asking)
    asking.do(do="group", nodes=["conv2d", "relu"], name="block", at=[5, 6])
    assert asking.rest["groups"] == {"block": "Block"}
    assert asking.rest["positions"]["block/"] == [5, 6]
    asking.do(do="duplicate", nodes=["conv2d", "relu"], scope="")
    assert set(asking.rest["groups"]) == {"block", "block_1"}
    copied = asking.do(do="copy", nodes=["flatten", "linear"])
    assert copied["outside"] == ["max_pool2d"]
    clip = clip_from_json(copied["clip"])
    assert clip_from_json(clip_to_json(clip)) == clip
    pasted = asking.do(do="paste", clip=copied["clip"], positions={"linear": [0, 0]}, shift=[7, 8])["new"]
    assert pasted == ["flatten_1", "linear_1"]
    assert asking.rest["positions"]["linear_1"] == [7, 8]


def test_a_group_is_renamed_with_all_that_is_in_it(asking: Asking) -> None:
    lenet(asking)
    asking.do(do="group", nodes=["conv2d", "relu"], name="block", at=[5, 6])
    asking.do(do="group", nodes=["conv2d"], name="deep")
    before = asking.editor.draft.plan
    assert asking.do(do="rename group", scope="block", name="stem")["scope"] == "stem"
    assert asking.rest["groups"] == {"stem": "Stem", "stem.deep": "Deep"}
    assert asking.nodes["conv2d"]["path"] == "stem.deep.conv2d"
    assert asking.rest["positions"]["stem/"] == [5, 6]
    assert "block/" not in asking.rest["positions"]
    assert "self.stem = Stem()" in asking.ask("code")
    assert asking.do(do="rename group", scope="stem.deep", name="inner")["scope"] == "stem.inner"
    assert asking.nodes["conv2d"]["path"] == "stem.inner.conv2d"
    assert asking.rest["undo"] == "rename group"
    asking.do(do="undo", count=2)
    assert asking.editor.draft.plan is before


@pytest.mark.parametrize(
    ("scope", "name", "said"),
    [
        ("block", "1x", "'1x' cannot be a name in Python"),
        ("block", "linear", "a module is called 'linear' already"),
        ("blok", "stem", "no group named 'blok'; did you mean 'block'?"),
    ],
)
def test_a_name_that_a_group_cannot_have_is_refused(asking: Asking, scope: str, name: str, said: str) -> None:
    lenet(asking)
    asking.do(do="group", nodes=["conv2d", "relu"], name="block")
    before = asking.editor.draft.plan
    assert said in asking.do(do="rename group", scope=scope, name=name)["error"]
    assert asking.editor.draft.plan is before


def test_a_renamed_group_of_an_opened_model_keeps_its_weights(tmp_path: Path) -> None:
    asking = Asking(tmp_path / "resnet.json", source="torchvision:resnet18")
    value = asking.ask("value", node="fc")
    asking.do(do="rename group", scope="layer1", name="stage")
    assert asking.ask("form", node="layer1_0_conv1")["origin"] == "layer1.0.conv1"
    assert asking.ask("value", node="fc")["mean"] == value["mean"]
    assert "which has a number" in asking.do(do="rename group", scope="stage.0", name="first")["error"]


def test_copies_stand_as_their_originals_do_with_the_groups_among_them(asking: Asking) -> None:
    lenet(asking)
    asking.do(do="move", positions={"conv2d": [0, 10], "relu": [0, 20], "linear": [0, 90]})
    asking.do(do="group", nodes=["conv2d", "relu"], name="block", at=[5, 6])
    new = asking.do(do="duplicate", nodes=["conv2d", "relu", "linear"], scope="", shift=[100, 0])["new"]
    assert new == ["conv2d_1", "relu_1", "linear_1"]
    assert asking.rest["positions"]["block_1/"] == [105, 6]
    assert asking.rest["positions"]["relu_1"] == [100, 20]
    assert asking.rest["positions"]["linear_1"] == [100, 90]


def test_operations_on_which_nothing_depends_are_unused(asking: Asking) -> None:
    lenet(asking)
    (first,) = asking.do(do="add", target="torch.nn.Tanh", **{"from": ["relu", []]})["new"]
    (last,) = asking.do(do="add", target="torch.nn.Tanh", **{"from": [first, []]})["new"]
    assert {name for name, node in asking.nodes.items() if node.get("unused")} == {first, last}
    assert "tanh" not in asking.ask("code")
    asking.do(do="output", values=[[last, []]])
    unused = {name for name, node in asking.nodes.items() if node.get("unused")}
    assert unused == {"max_pool2d", "flatten", "linear"}
    assert not any(node.get("unused") for node in Asking(asking.editor.file.with_name("new.json")).nodes.values())


def test_an_emptied_field_takes_its_default_or_is_needed_again(asking: Asking) -> None:
    lenet(asking)
    asking.do(do="set", node="linear", values={"out_features": ""})
    (field,) = [f for f in asking.ask("form", node="linear")["parameters"] if f["name"] == "out_features"]
    assert not field["set"] and field["required"]
    assert asking.messages() == ["'linear' is a Linear: out_features needs a value"]
    asking.do(do="undo")
    assert asking.messages() == []


@pytest.mark.parametrize("spec", ["3, 32, 32", "[3, 32, 32]", "f32[3, 32, 32]", " 3,32, 32 "])
def test_the_type_of_an_input_may_be_its_sizes_alone(asking: Asking, spec: str) -> None:
    asking.do(do="input", name="x", spec=spec)
    assert asking.type_of("x") == "f32[3, 32, 32]"
    asking.do(do="set", node="x", values={"spec": "B, 8"})
    assert asking.type_of("x") == "f32[B, 8]"


def test_the_text_of_a_draft_is_its_file(asking: Asking) -> None:
    lenet(asking)
    before = asking.editor.draft.plan
    assert gt.Draft.from_json(asking.do(do="text")["text"]).plan == before
    assert asking.editor.draft.plan is before


def test_the_search_tells_what_fits(asking: Asking) -> None:
    lenet(asking)
    found = {row["target"]: row for row in asking.ask("find", query="linear", **{"from": ["relu", []]})}
    assert found["torch.nn.Linear"]["gives"] == "f32[B, 16, 6, 64]"
    (lstm,) = [row for row in asking.ask("find", query="LSTM", **{"from": ["relu", []]}) if row["title"] == "LSTM"]
    assert "2D or 3D" in lstm["no"]
    before = asking.editor.draft.plan
    assert asking.ask("find", query="conv2d")[0]["title"].lower() == "conv2d"
    assert asking.editor.draft.plan is before


def test_a_form_has_the_right_control_for_each_parameter(asking: Asking) -> None:
    lenet(asking)
    form = asking.ask("form", node="conv2d")
    controls = {field["name"]: field["control"] for field in form["parameters"]}
    assert controls["in_channels"] == "integer"
    assert controls["kernel_size"] == "sizes"
    assert controls["bias"] == "switch"
    assert controls["padding_mode"] == "choice"
    asking.do(do="set", node="conv2d", values={"kernel_size": "(3, 1)", "padding": "1", "padding_mode": "reflect"})
    assert asking.nodes["conv2d"]["settings"] == "1, 16, (3, 1), padding=1, padding_mode='reflect'"
    with pytest.raises(MissingError, match="conv2d"):
        asking.editor.answer("form", {"node": "conv2"})


def test_values_are_those_of_the_built_module_also_where_the_rest_has_problems(asking: Asking) -> None:
    lenet(asking)
    value = asking.ask("value", node="flatten")
    assert value["spec"] == "f32[4, 144]"
    assert asking.ask("value", node="flatten") == value  # seeded
    asking.do(do="set", node="linear", values={"in_features": 3})
    assert asking.ask("value", node="flatten")["mean"] == value["mean"]
    assert "problems" in asking.ask("value", node="linear")["lost"]
    assert set(asking.ask("values")) == {"x", "conv2d", "relu", "max_pool2d", "flatten"}
    assert asking.ask("plane", node="conv2d", index=[1, 2])["index"] == [1, 2]


def test_it_is_saved_and_opened_again_with_its_places(asking: Asking, tmp_path: Path) -> None:
    lenet(asking)
    assert not asking.editor.is_saved
    asking.editor.save()
    assert asking.editor.is_saved
    again = Asking(tmp_path / "draft.json")
    assert again.editor.draft.plan == asking.editor.draft.plan
    assert not list(tmp_path.glob("*.part"))


def test_a_model_that_was_opened_keeps_its_weights_in_the_file(tmp_path: Path) -> None:
    asking = Asking(tmp_path / "resnet.json", source="torchvision:resnet18")
    assert asking.type_of("fc") == "f32[B, 1000]"  # the batch is open
    asking.do(do="insert", node="flatten", target="torch.nn.Dropout")
    asking.do(do="set", node="fc", values={"out_features": 5})
    assert asking.ask("form", node="layer1_0_conv1")["origin"] == "layer1.0.conv1"
    asking.editor.save()
    torch.manual_seed(0)
    loaded = load(str(tmp_path / "resnet.json"))
    state = loaded.model.state_dict()
    assert state["fc.weight"].shape == (5, 512)
    again = Asking(tmp_path / "resnet.json")
    weights = again.editor.draft.sources.model.state_dict()
    assert torch.equal(
        again.editor.draft.to_module().state_dict()["layer1.0.conv1.weight"], weights["layer1.0.conv1.weight"]
    )
    assert loaded.args[0].shape == (2, 3, 224, 224)
    assert type(loaded.model).__name__ == "ResNet"


MODEL = """
import pathlib
from torch import nn
pathlib.Path(__file__).with_suffix(".ran").touch()
class Own(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(__import__("torch").ones(3))
    def forward(self, x):
        return x * self.weight
model = nn.Sequential(nn.Linear(3, 3), Own())
example_input = __import__("torch").ones(2, 3)
"""


def test_a_draft_of_somebodys_file_does_not_run_that_file(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(MODEL)
    asking = Asking(tmp_path / "own.json", source=f"{tmp_path}/model.py")
    assert (tmp_path / "model.ran").exists()
    asking.editor.save()
    (tmp_path / "model.ran").unlink()
    stranger = Asking(tmp_path / "own.json")
    assert not (tmp_path / "model.ran").exists()
    assert any("was not run" in note for note in stranger.rest["notes"])
    own = Asking(tmp_path / "own.json", may_run=True)
    assert (tmp_path / "model.ran").exists()
    assert own.messages() == []


@pytest.mark.parametrize("name", ["x; import os", "a b", "x\\n", "__import__('os')", "x.y#0'"])
def test_a_name_that_is_no_name_is_refused_in_a_file(tmp_path: Path, name: str) -> None:
    draft = gt.Draft()
    x = draft.input("x", "f32[B, 3]")
    draft.output(draft.add("nn.ReLU", x, name="act"))
    document = json.loads(draft.to_json())
    assert gt.Draft.from_json(json.dumps(document)).plan == draft.plan
    for node in document["nodes"]:
        if node["name"] == "act":
            node["name"] = name
        if "args" in node:
            node["args"] = json.loads(json.dumps(node["args"]).replace('"act"', json.dumps(name)))
    with pytest.raises(FormatError, match="no name"):
        gt.Draft.from_json(json.dumps(document))


def test_a_draft_is_a_model_for_every_command(tmp_path: Path, asking: Asking) -> None:
    lenet(asking)
    asking.editor.save()
    loaded = load(str(asking.editor.file))
    assert isinstance(loaded.model, nn.Module)
    output = loaded.model(*loaded.args)
    assert output.shape == (4, 64)
    with pytest.raises(FormatError):
        (tmp_path / "broken.json").write_text("{")
        load(str(tmp_path / "broken.json"))


def test_exports_are_files_beside_the_draft(asking: Asking) -> None:
    lenet(asking)
    assert "class Net(nn.Module):" in Path(asking.ask("export", kind="py")).read_text()
    program = torch.export.load(asking.ask("export", kind="pt2"))
    assert program.module()(torch.ones(2, 1, 8, 8)).shape == (2, 64)
    assert json.loads(Path(asking.ask("export", kind="json")).read_text())["format"] == "graphtools.draft"
    with pytest.raises(MissingError, match="pt2"):
        asking.editor.answer("export", {"kind": "pt3"})
