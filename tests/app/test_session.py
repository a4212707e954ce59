"""What a tab keeps, and how it answers the viewer."""

import pytest
import session
from opening import example_choice, open_choice

import graphtools as gt
from graphtools.payload import drawn_nodes


@pytest.fixture
def state(monkeypatch):
    found = session.Session(choice=example_choice("two_layer_net"))
    monkeypatch.setattr(session, "session", lambda: found)
    opened = open_choice(found.choice)
    monkeypatch.setattr(session, "opened", lambda: opened)  # its cache needs a running page
    return found


def ask(op, **args):
    return {"id": 7, "op": op, "args": args}


def row(name):
    return next(i for i, node in enumerate(drawn_nodes(session.recording().graph)) if node.name == name)


def test_each_question_gets_its_reply(state):
    assert session.answer([ask("tensor", key=f"v.{row('relu')}.0"), {**ask("metrics"), "id": 8}]) is False
    first, second = state.replies
    assert first["id"] == 7
    assert first["result"]["spec"] == "f32[8, 16]"
    assert len(first["result"]["pictures"]) == 1
    assert second["id"] == 8
    assert second["result"]["nonfinite"] == []


def test_a_question_that_cannot_be_answered_gets_the_reason(state):
    session.answer([ask("tensor", key="v.999.0"), ask("nonsense")])
    assert "no tensor named 'v.999.0'" in state.replies[0]["error"]
    assert "no question named 'nonsense'" in state.replies[1]["error"]


def test_an_edit_makes_a_branch_and_shows_it(state):
    original = session.recording()
    before = session.revision()
    edit = ask("edit", row=row("relu"), name="relu", what="value", text="t * 0")
    assert session.answer([edit]) is True
    assert state.replies == [{"id": 7, "result": {"events": len(session.recording())}}]
    assert [branch.name for branch in state.branches] == ["relu = t * 0"]
    assert session.revision() != before
    assert float(session.recording().value("relu").abs().sum()) == 0
    session.show_branch(0)
    assert session.recording() is original
    assert gt.compare(original, state.branches[0].recording).first is not None


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
def test_an_edit_that_is_none_changes_nothing_and_says_why(state, text, what, words):
    session.answer([ask("edit", row=row("relu"), name="relu", what=what, text=text)])
    assert words in state.replies[0]["error"]
    assert state.branches == []


def test_another_choice_leaves_the_branches_behind(state):
    session.answer([ask("edit", row=row("relu"), name="relu", what="operation", text="F.gelu")])
    assert state.shown == 1
    session.choose(example_choice("small_cnn"))
    assert (state.branches, state.shown, state.replies) == ([], 0, [])
