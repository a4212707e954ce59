"""Settings, permissions and links: texts from outside, which must not do more than they may."""

import permission
import pytest
import session
import settings

from graphtools.backend import ProcessLimits


@pytest.mark.parametrize(
    "cookie",
    [
        "",
        "nonsense",
        "%7B%7D",
        "[1]",
        "null",
        settings.Settings("xx").to_cookie(),
        settings.Settings("en", 7).to_cookie(),
    ],
)
def test_a_cookie_that_is_not_ours_is_no_setting(cookie):
    assert settings.read(cookie) == settings.Settings()
    assert settings.read(cookie, "ko-KR").language == "ko"


def test_settings_survive_their_cookie():
    mine = settings.Settings("ko", 30, 2)
    assert settings.read(mine.to_cookie()) == mine
    assert mine.process_limits() == ProcessLimits(30.0, 2 << 30)


@pytest.mark.parametrize(
    ("address", "said", "allowed"),
    [
        ("localhost", "", True),
        ("127.0.0.1", "", True),
        ("::1", "", True),
        ("0.0.0.0", "", False),
        ("", "", False),
        ("192.168.1.5", "", False),
        ("example.org", "", False),
        ("0.0.0.0", "1", True),
        ("0.0.0.0", "0", False),
    ],
)
def test_code_of_others_is_off_unless_the_operator_says_so(monkeypatch, address, said, allowed):
    monkeypatch.setattr(permission.st, "get_option", lambda name: address)
    monkeypatch.setenv(permission.OPERATOR_SAYS, said)
    assert permission.may_run_code() is allowed


@pytest.mark.parametrize(
    ("text", "kind", "target"),
    [
        ("torchvision:resnet18", "torchvision", "torchvision:resnet18"),
        ("file:/a/model.py:Net", "file", "/a/model.py:Net"),
        ("file:/a/step.gt", "recording", "/a/step.gt"),
    ],
)
def test_a_link_names_what_it_opens(text, kind, target):
    choice = session.link_choice(text)
    assert (choice.kind, choice.target) == (kind, target)


@pytest.mark.parametrize(
    "text", ["", "example:", "example:no_such", "example:../../etc/passwd", "torchvision:a/b", "nonsense:x", "file:"]
)
def test_a_link_that_names_nothing_opens_nothing(text):
    assert session.link_choice(text) is None


def test_a_link_names_an_example_and_the_mode():
    choice = session.link_choice("example:rnn_loop", "forward")
    assert (choice.title, choice.mode) == ("rnn_loop", "forward")
