"""The translation is whole: no text of the interface and no example is without one, and the blanks agree."""

import ast
import re
from pathlib import Path

import beside
import curves
import lessons
import plan_form
import pytest
import settings
import sidebar
import sources
import texts
from translations import korean

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
    for english, words in korean()["texts"].items():
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
