"""The widget's Python side: how it answers a viewer, which asks again what waits for long."""

import pytest
import torch

import graphtools as gt

anywidget = pytest.importorskip("anywidget")


@pytest.fixture
def widget(monkeypatch):
    from graphtools.viewer.widget import Widget

    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.ReLU())
    widget = Widget(gt.run(model, torch.ones(1, 2)))
    assert widget.payload["nodes"]["name"][2] == "relu"
    widget.said = []
    monkeypatch.setattr(widget, "send", widget.said.append)
    return widget


def edit(text, number=1):
    return {"id": number, "op": "edit", "args": {"row": 2, "name": "relu", "what": "value", "text": text}}


def test_an_edit_that_is_asked_for_again_makes_one_branch(widget):
    for _ in range(2):  # as where the kernel was busy for longer than the viewer waits
        widget._asked(None, edit("t * 0"), [])
    assert widget.branch_names == ["relu = t * 0"]
    assert widget.said[0] == widget.said[1]
    assert "result" in widget.said[0]
    widget._asked(None, edit("t + 1", 2), [])
    assert widget.branch_names == ["relu = t * 0", "relu = t + 1"]


def test_an_edit_that_is_interrupted_is_not_run_again(widget, monkeypatch):
    asked = []

    def interrupted(*_):
        asked.append(1)
        raise KeyboardInterrupt

    monkeypatch.setattr(widget._answering(), "branch", interrupted)
    for _ in range(2):
        widget._asked(None, edit("t * 0"), [])
    assert widget.said == [{"id": 1, "error": "Stopped."}] * 2
    assert asked == [1]


def test_an_edit_that_is_none_is_answered_with_the_reason(widget):
    widget._asked(None, edit("t *"), [])
    assert "no Python expression" in widget.said[0]["error"]
    assert widget.branch_names == []
