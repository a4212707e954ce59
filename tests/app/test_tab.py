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


@pytest.fixture
def view(tab):
    return tab.view


def ask(op, **args):
    return {"id": 7, "op": op, "args": args}


def row(view, name):
    return json.loads(view.document)["payload"]["nodes"]["name"].index(name)


def wait(view):
    """Until an edit has run."""
    if view.editing is not None:
        view.editing.task.wait(60)
        view.edited()


def test_each_question_gets_its_reply(tab, view):
    assert view.answer([ask("tensor", key=f"v.{row(view, 'relu')}.0"), {**ask("metrics"), "id": 8}]) is False
    first, second = view.replies
    assert first["id"] == 7
    assert first["result"]["spec"] == "f32[8, 16]"
    assert len(first["result"]["pictures"]) == 1
    assert second["id"] == 8
    assert second["result"]["nonfinite"] == []


def test_a_question_that_cannot_be_answered_gets_the_reason(tab, view):
    view.answer([ask("tensor", key="v.999.0"), ask("nonsense")])
    assert "no tensor named 'v.999.0'" in view.replies[0]["error"]
    assert "no question named 'nonsense'" in view.replies[1]["error"]


def test_an_edit_makes_a_branch_and_shows_it(tab, view):
    original, before = view.document, view.revision
    view.answer([ask("edit", row=row(view, "relu"), name="relu", what="value", text="t * 0")])
    wait(view)
    assert view.replies == [{"id": 7, "result": {"events": tab.about["events"] + 1}}]  # and the change itself
    assert [branch.name for branch in view.branches] == ["relu = t * 0"]
    assert view.revision != before
    view.answer([ask("tensor", key=f"v.{row(view, 'relu')}.0")])
    assert view.replies[0]["result"]["max"] == 0
    view.show_branch(0)
    assert json.loads(view.document)["payload"] == json.loads(original)["payload"]


def test_a_slow_edit_is_shown_while_it_runs_and_another_must_wait(tab, view, monkeypatch):
    monkeypatch.setattr("view.EDIT_WAIT_S", 0.0)
    edit = ask("edit", row=row(view, "relu"), name="relu", what="value", text="__import__('time').sleep(1) or t * 0")
    assert view.answer([edit]) is False
    assert view.editing is not None
    assert view.answer([{**edit, "id": 9}, edit]) is False
    assert [(reply["id"], "Another change" in reply["error"]) for reply in view.replies] == [(9, True)]
    wait(view)
    assert view.shown == 1


def test_a_stopped_edit_that_is_asked_for_again_is_not_run_again(tab, view, monkeypatch):
    monkeypatch.setattr("view.EDIT_WAIT_S", 0.0)
    edit = ask("edit", row=row(view, "relu"), name="relu", what="value", text="__import__('time').sleep(60) or t")
    view.answer([edit])
    view.editing.task.cancel()
    wait(view)
    view.answer([edit])  # the viewer's question was on its way when the reply was
    assert view.replies == [{"id": 7, "error": "Stopped."}]
    assert view.editing is None
    assert view.answer([{**edit, "id": 8}]) is False  # the person's next one is run
    assert view.editing is not None
    view.editing.task.cancel()


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
def test_an_edit_that_is_none_changes_nothing_and_says_why(tab, view, text, what, words):
    view.answer([ask("edit", row=row(view, "relu"), name="relu", what=what, text=text)])
    wait(view)
    assert words in view.replies[0]["error"]
    assert view.branches == []


def test_what_stands_beside_a_recording_is_asked_about_on_its_own_side(tab, view):
    view.answer([ask("edit", row=row(view, "relu"), name="relu", what="value", text="t * 0")])
    wait(view)
    key = f"v.{row(view, 'relu')}.0"
    view.set_beside("original", ("original", "branch"))
    view.set_beside("original", ("original", "branch"))  # as every rerun of the page does
    assert view.paired(60)
    document = json.loads(view.document)
    assert document["pairing"]["first"] == view.position
    view.answer([{**ask("tensor", key=key), "side": "a"}, {**ask("tensor", key=key), "side": "b", "id": 8}])
    left, right = (reply["result"]["max"] for reply in view.replies)
    assert left > 0
    assert right == 0
    view.show_branch(0)
    view.set_beside("before")
    assert view.paired(60)
    assert json.loads(view.document)["a"]["title"] == "Define and run: before any data"
    view.answer([{**ask("tensor", key=key), "side": "b"}])
    assert view.replies[0]["result"]["max"] == left
    view.set_beside("")
    assert "pairing" not in json.loads(view.document)


def test_another_choice_leaves_the_branches_behind(tab, view):
    view.answer([ask("edit", row=row(view, "relu"), name="relu", what="operation", text="F.gelu")])
    wait(view)
    assert view.shown == 1
    tab.choose(example_choice("small_cnn"))
    assert tab.view is None
    assert tab.ready(60)
    assert tab.about["operations"] == 13


def test_a_process_that_dies_later_is_told_and_can_be_restarted(tab, view):
    text = "__import__('os')._exit(3)"
    view.answer([ask("edit", row=row(view, "relu"), name="relu", what="value", text=text)])
    wait(view)
    assert "ended itself with code 3" in view.replies[0]["error"]
    assert "ended itself with code 3" in view.death
    assert view.document  # what was drawn stays
    tab.restart()
    assert tab.ready(60)
    assert (tab.view.death, tab.about["operations"]) == ("", 4)


def test_a_closed_tab_opens_again_where_it_was(tab, view):
    view.position = 3
    tab.close()
    with pytest.raises(BackendError):
        view.backend.ask("models")
    assert tab.ready(60)
    assert (tab.about["operations"], tab.view.position) == (4, 3)


def test_an_upload_lives_as_long_as_the_tab(tab, view):
    import os

    path = tab.keep_upload("../../etc/model.py", b"x = 1")
    assert os.path.basename(path) == "model.py"
    assert os.path.exists(path)
    tab.forget()
    assert not os.path.exists(path)
