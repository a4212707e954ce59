"""Watched tensors and expressions, and the events at which a condition holds."""

from collections import OrderedDict

import pytest
import torch
from torch import nn

import graphtools as gt
from graphtools.answering import Answers
from graphtools.conditions import ConditionError
from graphtools.watching import events_where, watch


@pytest.fixture
def recording():
    torch.manual_seed(0)
    model = nn.Sequential(OrderedDict(first=nn.Linear(3, 4), act=nn.ReLU(), last=nn.Linear(4, 2)))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    return gt.training_step(model, (torch.ones(5, 3), torch.zeros(5, 2)), nn.functional.mse_loss, optimizer)


def test_what_is_watched_is_as_of_the_position(recording):
    relu = next(event.index for event in recording.events if event.node == "relu")
    before, after = (watch(recording, index, ["relu", "relu.max()"]) for index in (relu - 1, relu))
    assert [one["state"] for one in before] == ["later", "later"]
    assert [one["state"] for one in after] == ["there", "there"]
    assert after[0]["shown"].startswith("tensor[5, 4]")
    assert float(after[1]["shown"]) == float(recording.value("relu").max())


def test_a_gradient_is_there_from_the_event_at_which_it_arrives(recording):
    last = len(recording) - 1
    shown = [watch(recording, index, ["relu.grad", "last.weight.grad.norm()"]) for index in range(last + 1)]
    assert [one["state"] for one in shown[0]] == ["later", "later"]
    assert "no gradient has arrived at 'relu' up to event 1" in shown[0][0]["shown"]
    assert shown[last][0]["shown"].startswith("tensor[5, 4]")
    assert float(shown[last][1]["shown"]) == float(recording.grad("last.weight").norm())


def test_a_parameter_changes_with_its_update(recording):
    shown = {watch(recording, index, ["first.weight.sum()"])[0]["shown"] for index in range(len(recording))}
    assert len(shown) == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("relu +", "is no Python expression"),
        ("relo", "did you mean 'relu'"),
        ("relu.nothing", "no node or scope"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
    ],
)
def test_what_cannot_be_shown_says_why(recording, text, words):
    (found,) = watch(recording, len(recording) - 1, [text])
    assert found["state"] == "wrong"
    assert words in found["shown"]


def test_other_things_than_tensors_are_shown(recording):
    last = len(recording) - 1
    (number, words, several) = watch(recording, last, ["1 + 1", "'x' * 500", "(relu, relu)"])
    assert number["shown"] == "2"
    assert words["shown"].endswith(" …")
    assert several["shown"].count("tensor[5, 4]") == 2


def test_a_condition_gives_its_events(recording):
    found = events_where(recording, "phase == 'update'")
    assert found["events"] == [event.index for event in recording.events if event.phase == "update"]
    assert found["looked_at"] == len(recording)
    assert events_where(recording, "value.min() < 0")["events"]
    with pytest.raises(ConditionError, match="did you mean value"):
        events_where(recording, "valeu > 3")


def test_looking_stops_at_its_limit(recording):
    assert events_where(recording, "index >= 0", limit_s=0.0) == {"events": [], "looked_at": 0}


def test_the_viewer_can_ask_for_both(recording):
    answers = Answers(recording)
    assert answers.answer("watch", {"position": 0, "texts": ["1"]}) == [{"text": "1", "state": "there", "shown": "1"}]
    assert answers.answer("where", {"condition": "index == 3"})["events"] == [3]


def test_an_unknown_name_is_answered_without_the_terminals_words(recording):
    (found,) = watch(recording, 0, ["relo"])
    assert found["shown"] == "nothing named 'relo'; did you mean 'relu'?"


def test_a_gradient_that_never_arrives_is_not_awaited(recording):
    branch = gt.edit(recording, "relu", lambda t: t[:, :2])
    assert branch.failure is not None
    (found,) = watch(branch, len(branch) - 1, ["relu.grad.norm()"])
    assert found == {"text": "relu.grad.norm()", "state": "wrong", "shown": "no gradient arrives at 'relu' in this run"}
    (found,) = watch(recording, 0, ["relu.grad.norm()"])
    assert found["state"] == "later"
