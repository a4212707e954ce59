"""Drafts as files: two tabs, other names, downloads; and the browser's own Back."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("streamlit", reason="streamlit is not installed")
from builder import Builder  # noqa: E402

expect = playwright.expect


def test_a_draft_is_open_in_one_tab_alone(builder, app):
    first = builder()
    first.input("f32[B, 8]")
    name = first.page.get_by_role("combobox", name="Draft").input_value()
    second = Builder(app()).open()
    assert second.page.get_by_role("combobox", name="Draft").input_value() != name
    second.page.wait_for_timeout(1500)  # until the page is at rest: one that is drawn anew closes its lists
    second.page.get_by_role("combobox", name="Draft").click()
    second.page.get_by_role("option", name=name, exact=True).click()
    second.box("x").wait_for(timeout=30_000)  # what the first did is saved
    first.key("i")
    first.word("f32[B, 9]")
    expect(first.page.get_by_text(f"{name} is open in another tab")).to_be_visible(timeout=30_000)
    first.tab.picture("build-taken")
    first.tab.press("Open it here")
    first.box("x").wait_for(timeout=30_000)


def test_a_draft_is_renamed_and_deleted(builder):
    b = builder()
    b.input("f32[B, 8]")
    b.tab.press("Rename or delete")
    field = b.page.get_by_label("Name", exact=True)
    field.fill("my net")
    field.press("Tab")
    b.page.wait_for_timeout(800)
    b.page.get_by_role("button", name="Rename", exact=True).click()
    expect(b.page.get_by_role("combobox", name="Draft")).to_have_value("my_net", timeout=30_000)
    b.box("x").wait_for(timeout=30_000)
    b.page.get_by_role("button", name="Delete my_net").click()  # where the name was, which is still open
    expect(b.page.get_by_role("combobox", name="Draft")).not_to_have_value("my_net", timeout=30_000)
    b.ready()


def test_downloads_say_what_is_in_their_way(builder):
    b = builder()
    b.input("f32[B, 8]")
    b.add_behind("x", "Linear", "linear")
    b.tab.press("Download")
    expect(b.page.get_by_text(re.compile("the graph has no output"))).to_be_visible(timeout=20_000)
    expect(b.page.get_by_role("button", name="Python code")).to_be_disabled()
    b.page.keyboard.press("Escape")
    b.key("o")
    b.is_sound()
    b.tab.press("Download")
    expect(b.page.get_by_role("button", name="Python code")).to_be_enabled(timeout=20_000)
    with b.page.expect_download() as download:
        b.page.get_by_role("button", name="Python code").click()
    assert "nn.Linear" in Path(download.value.path()).read_text()


def test_back_leads_to_the_page_before_and_no_further_in_steps(app):
    tab = app()
    tab.focus()
    for _ in range(5):
        tab.page.keyboard.press("ArrowRight")
    tab.at(6)
    expect(tab.page).to_have_url(re.compile("at=6"), timeout=10_000)
    length = tab.page.evaluate("history.length")
    tab.choose("Forward")
    tab.at(1, 10)
    assert tab.page.evaluate("history.length") == length
    tab.page.get_by_role("link", name="Help").click()
    expect(tab.page.get_by_text("Your own model")).to_be_visible()
    tab.page.go_back()
    tab.at(1, 10)


def test_a_page_that_stays_empty_is_loaded_again(app):
    tab = app()
    tab.focus()
    tab.page.keyboard.press("ArrowRight")
    tab.at(2)
    expect(tab.page).to_have_url(re.compile("at=2"), timeout=10_000)
    with tab.page.expect_navigation(timeout=30_000):
        # What Streamlit leaves where it draws neither of two pages.
        tab.page.evaluate(
            "() => { for (const id of ['stMainBlockContainer', 'stSidebarUserContent'])"
            " document.querySelector(`[data-testid=${id}]`).replaceChildren() }"
        )
    tab.wait_for_graph()
    tab.at(2)
    tab.complaints.clear()  # of what draws, about what was taken away
