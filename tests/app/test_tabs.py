"""Tabs of a server: found again by a reloaded page, by nobody else, and closed when their page is gone."""

import pytest
from tabs import Tabs


class Closed:
    """Stands for a tab; notes that it was closed."""

    forgotten = False

    def forget(self):
        self.forgotten = True


@pytest.fixture
def active():
    return {"page 1", "page 2"}


def test_a_reloaded_page_finds_its_tab(active):
    tabs, tab = Tabs(active.__contains__), Closed()
    name = tabs.add(tab, "page 1", "kim")
    active.discard("page 1")
    active.add("page 3")
    assert tabs.adopt(name, "page 3", "kim") is tab
    assert tabs.adopt(name, "page 2", "kim") is None  # it has an owner again


@pytest.mark.parametrize(("page", "person"), [("page 2", "kim"), ("page 2", "lee")])
def test_a_tab_that_is_looked_at_goes_to_nobody_else(active, page, person):
    tabs = Tabs(active.__contains__)
    name = tabs.add(Closed(), "page 1", "kim")
    assert tabs.adopt(name, page, person) is None
    assert tabs.adopt("no such name", page, person) is None


def test_a_tab_without_a_page_goes_to_the_same_person_only(active):
    tabs, tab = Tabs(active.__contains__), Closed()
    name = tabs.add(tab, "gone", "kim")
    assert tabs.adopt(name, "page 2", "lee") is None
    assert tabs.adopt(name, "page 2", "kim") is tab


def test_a_tab_that_nobody_looks_at_is_closed_after_the_grace(active):
    tabs, tab, kept = Tabs(active.__contains__, grace_s=0.0), Closed(), Closed()
    tabs.add(tab, "gone", "kim")
    tabs.add(kept, "page 1", "kim")
    tabs.close_left()
    assert (tab.forgotten, kept.forgotten, len(tabs)) == (True, False, 1)
    patient, waiting = Tabs(active.__contains__, grace_s=60.0), Closed()
    patient.add(waiting, "gone", "kim")
    patient.close_left()
    assert not waiting.forgotten


def test_a_tab_that_was_taken_for_gone_is_known_again_when_its_page_comes_back(active):
    tabs, tab = Tabs(active.__contains__, grace_s=0.0), Closed()
    name = tabs.add(tab, "gone", "kim")
    tabs.close_left()
    assert len(tabs) == 0
    active.add("gone")
    tabs.keep(name, tab, "gone", "kim")
    tabs.keep(name, tab, "gone", "kim")
    assert len(tabs) == 1 and tabs.adopt(name, "gone", "kim") is tab
