"""The translation is whole: no text of the interface and no example is without one, and the blanks agree; what the
model's process says is translated by patterns."""

import ast
import re
from pathlib import Path

import beside
import curves
import editor_component
import lessons
import numpy as np
import plan_form
import pytest
import settings
import sidebar
import sources
import texts
from translations import korean

import graphtools as gt
from graphtools.backend.opening import open_choice
from graphtools.editor import Editor
from graphtools.learning.data import open_data

ROOT = Path(__file__).parents[2]


def literals(node):
    return [part.value for part in ast.walk(node) if isinstance(part, ast.Constant) and isinstance(part.value, str)]


def interface_texts():
    """What is given to `t(...)` in the app, what the model's process says that it does, and lists of words."""
    found = {*sources.KINDS, *sources.MODES, *(title for _, title in sidebar.PAGES)}
    found |= {*plan_form._SOURCE_TITLES.values(), *(label for label, _ in plan_form._WHERE.values())}
    found |= {*beside._LEFT, beside.SIDE_BY_SIDE}
    found |= {*(chart[0] for chart in curves._CHARTS), *plan_form.SCHEDULERS}
    for file in (ROOT / "app").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "t" and node.args:
                found.update(literals(node.args[0]))
    for name in ("opening.py", "desk.py"):
        for node in ast.walk(ast.parse((ROOT / "graphtools" / "backend" / name).read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "tell":
                found.update(literals(node.args[0]))
    return found - {"doing", "Trying inputs: "}


def test_every_text_is_translated():
    missing = sorted(text for text in interface_texts() if text not in korean()["texts"])
    assert missing == []


def test_blanks_agree():
    blanks = re.compile(r"\{\w+\}")
    for english, words in (*korean()["texts"].items(), *korean()["messages"].items()):
        assert sorted(blanks.findall(english)) == sorted(blanks.findall(words)), english


def test_every_example_is_explained():
    assert set(korean()["examples"]) == set(lessons.names())
    for name in lessons.names():
        assert all(lessons.text(name))
        assert lessons.text(name, "ko") == tuple(korean()["examples"][name].values())


@pytest.mark.parametrize(("language", "words"), [("en", "3 minutes"), ("ko", "3분")])
def test_a_text_comes_in_the_language_of_the_settings(monkeypatch, language, words):
    monkeypatch.setattr(texts, "settings", lambda: settings.Settings(language))
    assert texts.t("{n} minutes", n=3) == words


PROBLEMS = {
    "'head' has nothing at 'input'; connect a value": "'head'의 'input' 자리가 비어 있습니다. 값을 연결하세요",
    "'head' expects 8 input features but 'x' gives f32[B, 4]. Set in_features=4, or add a Linear(4, 8) between.": (
        "'head'은(는) 입력 특징 8개를 받는데 'x'이(가) 주는 것은 f32[B, 4]입니다. "
        "in_features=4로 정하거나 사이에 Linear(4, 8)을(를) 더하세요."
    ),
    "Input: example_input of small_cnn.py": "입력: small_cnn.py의 example_input",
    "Loss: a guess: cross-entropy against random classes of 10": "손실(추측): 무작위 클래스 10개에 대한 교차 엔트로피",
    "Optimizer: SGD, lr 0.01": "최적화기: SGD, 학습률 0.01",
    "Input: a guess from the first layer: float32[1, 3]": "입력(추측): 첫 층에서 짐작한 float32[1, 3]",
    "Input: The data of the project, Rows() in data.py, cannot be used: FileNotFoundError: 'rows.csv'": (
        "입력: 프로젝트의 데이터, data.py의 Rows()을(를) 쓸 수 없습니다: FileNotFoundError: 'rows.csv'"
    ),
    "Input: some words of nobody": "Input: some words of nobody",
    "'h': Linear has no 'bogus'; it has bias, device": (
        "'h': Linear에는 'bogus'이(가) 없습니다. 있는 것은 bias, device입니다"
    ),
    "'add' (add) is given f32[2] by 'x' and f32[3] by 'y'": (
        "'add'(add)이(가) 받는 것은 'x'의 f32[2]와(과) 'y'의 f32[3]입니다"
    ),
    "'cat' (cat) is given f32[B, 4] from 'x': sizes differ": (
        "'cat'(cat)이(가) 받는 것은 f32[B, 4] from 'x': sizes differ"
    ),
    "data: digits: 1,797 images of 1 × 8 × 8; 360 of them kept for testing": (
        "데이터: 손글씨 숫자 1 × 8 × 8 이미지 1,797장; 그중 360개는 테스트용"
    ),
    "data: rows.csv: 150 rows, 3 classes of kind; 30 of them kept for testing": (
        "데이터: rows.csv, 150행, kind의 클래스 3개; 그중 30개는 테스트용"
    ),
    "data: Rows() of the project: 64 examples and 16 to test": "데이터: 프로젝트의 Rows(), 예 64개와 테스트용 16개",
    "weights: 3 of 5 tensors from a.pt; as they were: head.weight": (
        "가중치: 텐서 5개 가운데 3개를 a.pt에서. 그대로 둔 것: head.weight"
    ),
    "something that nobody has translated": "something that nobody has translated",
}


@pytest.mark.parametrize("message", PROBLEMS)
def test_what_the_models_process_says_is_translated_by_its_pattern(monkeypatch, message):
    monkeypatch.setattr(texts, "settings", lambda: settings.Settings("ko"))
    assert texts.said(message) == PROBLEMS[message]
    monkeypatch.setattr(texts, "settings", lambda: settings.Settings("en"))
    assert texts.said(message) == message


@pytest.mark.parametrize("name", lessons.names())
def test_what_is_said_of_every_example_is_translated(monkeypatch, name):
    opened = open_choice(lessons.example_choice(name), lambda progress: None)
    monkeypatch.setattr(texts, "settings", lambda: settings.Settings("ko"))
    notes = [note for note in opened.notes if note.startswith(("Input:", "Loss:", "Optimizer:"))]
    assert len(notes) > 1
    assert [note for note in notes if texts.said(note) == note] == []


def test_what_is_said_of_data_is_translated(monkeypatch, tmp_path):
    monkeypatch.setattr(texts, "settings", lambda: settings.Settings("ko"))
    (tmp_path / "kinds.csv").write_text("a,kind\n" + "".join(f"{i},{'xy'[i % 2]}\n" for i in range(20)))
    (tmp_path / "numbers.csv").write_text("a,b\n" + "".join(f"{i},{i / 3}\n" for i in range(20)))
    np.savez(tmp_path / "rows.npz", x=np.zeros((20, 3), np.float32), y=np.arange(20) % 2)
    sources = ["digits", *(f"csv:{tmp_path / name}.csv" for name in ("kinds", "numbers")), f"numpy:{tmp_path}/rows.npz"]
    for source in sources:
        for share in (0.0, 0.2):
            note = open_data(source, test_share=share).note
            translated = texts.said(f"data: {note}")
            assert translated.startswith("데이터: ")
            assert ("테스트용" in translated) == (share > 0)
            assert "kept" not in translated


def test_a_problem_of_a_draft_is_translated_on_its_way_to_the_editor(monkeypatch):
    monkeypatch.setattr(texts, "settings", lambda: settings.Settings("ko"))
    draft = gt.Draft()
    draft.output(draft.add("nn.Linear", draft.input("x", "f32[B, 4]"), 8, 2, name="head"))
    editor = Editor(Path("unused.json"))
    editor.draft = draft
    (problem,) = editor.picture()["problems"]
    replies = ({"id": 1, "result": editor.picture()}, {"id": 2, "result": {"results": [], "picture": editor.picture()}})
    for reply in map(editor_component._in_words, replies):
        picture = reply["result"].get("picture", reply["result"])
        words = ["in_features=4로 정하세요", "사이에 Linear(4, 8) 더하기"]
        assert picture["problems"] == [{**problem, "message": PROBLEMS[problem["message"]], "labels": words}]
