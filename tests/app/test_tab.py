"""What a tab keeps, and how it answers the viewer: with a real process behind it."""

import json

import pytest
from lessons import example_choice
from tab import Tab

from graphtools.backend import BackendError, Launcher


@pytest.fixture(scope="module")
def launcher():
    launcher = Launcher()
    yield launcher
    launcher.close()


@pytest.fixture
def tab(launcher):
    found = Tab(lambda: launcher, choice=example_choice("two_layer_net"))
    assert found.ready(60)
    yield found
    found.forget()


def ask(op, **args):
    return {"id": 7, "op": op, "args": args}


def row(tab, name):
    return json.loads(tab.document)["payload"]["nodes"]["name"].index(name)


def wait(tab):
    """Until an edit has run."""
    if tab.editing is not None:
        tab.editing.task.wait(60)
        tab.edited()


def test_each_question_gets_its_reply(tab):
    assert tab.answer([ask("tensor", key=f"v.{row(tab, 'relu')}.0"), {**ask("metrics"), "id": 8}]) is False
    first, second = tab.replies
    assert first["id"] == 7
    assert first["result"]["spec"] == "f32[8, 16]"
    assert len(first["result"]["pictures"]) == 1
    assert second["id"] == 8
    assert second["result"]["nonfinite"] == []


def test_a_question_that_cannot_be_answered_gets_the_reason(tab):
    tab.answer([ask("tensor", key="v.999.0"), ask("nonsense")])
    assert "no tensor named 'v.999.0'" in tab.replies[0]["error"]
    assert "no question named 'nonsense'" in tab.replies[1]["error"]


def test_an_edit_makes_a_branch_and_shows_it(tab):
    original, before = tab.document, tab.revision
    tab.answer([ask("edit", row=row(tab, "relu"), name="relu", what="value", text="t * 0")])
    wait(tab)
    assert tab.replies == [{"id": 7, "result": {"events": tab.about["events"] + 1}}]  # and the change itself
    assert [branch.name for branch in tab.branches] == ["relu = t * 0"]
    assert tab.revision != before
    tab.answer([ask("tensor", key=f"v.{row(tab, 'relu')}.0")])
    assert tab.replies[0]["result"]["max"] == 0
    tab.show_branch(0)
    assert json.loads(tab.document)["payload"] == json.loads(original)["payload"]


def test_a_slow_edit_is_shown_while_it_runs_and_another_must_wait(tab, monkeypatch):
    monkeypatch.setattr("tab.EDIT_WAIT_S", 0.0)
    edit = ask("edit", row=row(tab, "relu"), name="relu", what="value", text="__import__('time').sleep(1) or t * 0")
    assert tab.answer([edit]) is False
    assert tab.editing is not None
    assert tab.answer([{**edit, "id": 9}, edit]) is False
    assert [(reply["id"], "Another change" in reply["error"]) for reply in tab.replies] == [(9, True)]
    wait(tab)
    assert tab.shown == 1


@pytest.mark.parametrize(
    ("text", "what", "words"),
    [
        ("t *", "value", "is no Python expression"),
        ("x + 1", "value", "uses x; `t` is what is there now"),
        ("1 / 0", "value", "raises ZeroDivisionError"),
        ("'a'", "value", "is no number, no tensor and no function of `t`"),
        ("torch.nothing", "operation", "names no function"),
        ("3", "operation", "is no function"),
        ("t.nothing()", "value", "raises AttributeError"),
    ],
)
def test_an_edit_that_is_none_changes_nothing_and_says_why(tab, text, what, words):
    tab.answer([ask("edit", row=row(tab, "relu"), name="relu", what=what, text=text)])
    wait(tab)
    assert words in tab.replies[0]["error"]
    assert tab.branches == []


def test_another_choice_leaves_the_branches_behind(tab):
    tab.answer([ask("edit", row=row(tab, "relu"), name="relu", what="operation", text="F.gelu")])
    wait(tab)
    assert tab.shown == 1
    tab.choose(example_choice("small_cnn"))
    assert (tab.branches, tab.shown, tab.replies, tab.document) == ([], 0, [], "")
    assert tab.ready(60)
    assert tab.about["operations"] == 13


def test_a_process_that_dies_later_is_told_and_can_be_restarted(tab):
    text = "__import__('os')._exit(3)"
    tab.answer([ask("edit", row=row(tab, "relu"), name="relu", what="value", text=text)])
    wait(tab)
    assert "ended itself with code 3" in tab.replies[0]["error"]
    assert "ended itself with code 3" in tab.death
    assert tab.document  # what was drawn stays
    tab.restart()
    assert tab.ready(60)
    assert (tab.death, tab.about["operations"]) == ("", 4)


def test_a_closed_tab_opens_again_where_it_was(tab):
    tab.position = 3
    tab.close()
    with pytest.raises(BackendError):
        tab.backend.ask("models")
    assert tab.ready(60)
    assert (tab.about["operations"], tab.position) == (4, 3)


def test_an_upload_lives_as_long_as_the_tab(tab):
    import os

    path = tab.keep_upload("../../etc/model.py", b"x = 1")
    assert os.path.basename(path) == "model.py"
    assert os.path.exists(path)
    tab.forget()
    assert not os.path.exists(path)
