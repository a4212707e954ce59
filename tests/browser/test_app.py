"""What a person sees and does in the app, in a real browser, with the server that `streamlit run` starts."""

import re
import sys
from pathlib import Path

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("streamlit", reason="streamlit is not installed")

ROOT = Path(__file__).parent.parent.parent
expect = playwright.expect


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (1024, 768)])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_training_step_of_an_example_shows_at_once_and_fits_the_window(app, width, height, scheme):
    tab = app(width=width, height=height, scheme=scheme)
    tab.at(1, 42)
    expect(tab.panel().get_by_role("row", name=re.compile("^mean"))).to_be_visible()
    tab.page.wait_for_timeout(1000)
    tab.picture(f"app-{scheme}-{width}")
    assert tab.page.get_by_test_id("stMain").evaluate("main => main.scrollHeight - main.clientHeight") <= 0
    graph = tab.page.locator(".graph-host").bounding_box()
    assert graph["height"] > height * 0.9
    dark = tab.page.locator(".graph-host .graphtools").get_attribute("data-theme")
    assert dark == scheme


def test_a_step_needs_no_round_trip_and_ten_quick_ones_are_ten(app):
    tab = app()
    tab.page.wait_for_timeout(1500)
    sent = []
    tab.page.on("websocket", lambda socket: sent.append(socket))
    tab.focus()
    for _ in range(10):
        tab.page.keyboard.press("ArrowRight")
    tab.at(11, 42)  # at once: the attribute is written by the step itself
    assert sent == []


def test_python_answers_with_kilobytes_and_not_with_the_graph(app, browser, url):
    tab = app()
    tab.page.wait_for_timeout(1500)
    session = tab.page.context.new_cdp_session(tab.page)
    session.send("Network.enable")
    sizes = []
    session.on("Network.webSocketFrameReceived", lambda frame: sizes.append(len(frame["response"]["payloadData"])))
    tab.focus()
    tab.page.keyboard.press("ArrowRight")
    tab.page.keyboard.press("ArrowRight")
    expect(tab.panel()).to_contain_text("batch_norm")
    tab.page.wait_for_timeout(2000)
    assert sizes
    assert sum(sizes) < 300_000  # base64 of some answers, the largest a picture of 128 by 128 float32


def test_a_rerun_moves_neither_the_camera_nor_the_folding(app):
    tab = app()
    tab.focus()
    tab.page.keyboard.press("c")
    tab.page.mouse.move(500, 400)
    tab.page.mouse.wheel(0, 300)
    tab.page.wait_for_timeout(300)
    before = tab.rect("features")
    assert before["open"] is False
    tab.choose("torchvision")  # reruns the page, and puts other widgets above
    tab.page.get_by_label("Resolution").first.wait_for()
    tab.page.wait_for_timeout(1000)
    assert tab.rect("features") == before


def test_an_edit_makes_a_branch_that_can_be_compared(app):
    tab = app()
    tab.focus()
    for _ in range(3):
        tab.page.keyboard.press("ArrowRight")
    tab.at(4)
    tab.focus()
    tab.page.keyboard.press("c")
    tab.page.mouse.move(500, 400)
    tab.page.mouse.wheel(0, 200)
    before = tab.rect("features")
    tab.page.get_by_role("tab", name="Edit").click()
    tab.page.get_by_role("textbox", name="New value, in Python").fill("t * 0")
    tab.press("Run with this change")
    expect(tab.page.get_by_label("Branch")).to_have_value("Branch 1: relu = t * 0", timeout=30_000)
    tab.at(4)
    expect(tab.panel()).to_contain_text("The value is zero everywhere.")
    after = tab.rect("features")  # as it was arranged, below the bar of branches that came in above
    assert after["open"] is False
    assert after["width"] == pytest.approx(before["width"])
    assert 0 < after["y"] - before["y"] < 80
    tab.press("Compare with the original")
    expect(tab.page.get_by_text("first difference")).to_be_visible(timeout=30_000)
    tab.page.keyboard.press("Escape")
    tab.picture("app-branch")


def test_an_edit_that_cannot_be_says_why(app):
    tab = app()
    tab.page.get_by_role("tab", name="Edit").click()
    box = tab.page.get_by_role("textbox", name="New value, in Python")
    box.fill("t.no_such_method()")
    box.press("Enter")
    expect(tab.panel()).to_contain_text("raises AttributeError", timeout=30_000)
    assert box.input_value() == "t.no_such_method()"


def test_resnet18_is_found_by_typing_and_stepped_through(app):
    tab = app()
    tab.choose("torchvision")
    tab.page.get_by_label("Model").first.click()
    tab.page.keyboard.type("resnet18")
    tab.page.get_by_role("option", name="resnet18").first.click()
    tab.at(1, 286)
    tab.focus()
    tab.page.keyboard.press("End")
    tab.at(286)
    expect(tab.panel()).to_contain_text("Updated by SGD", timeout=30_000)
    tab.page.get_by_label("Color the boxes by").select_option("grad_norm")
    expect(tab.page.locator(".legend")).to_contain_text("Gradient norm", timeout=60_000)
    tab.picture("app-resnet18")


def test_a_forward_pass_alone_is_a_click_away(app):
    tab = app()
    tab.choose("Forward")
    tab.at(1, 10)
    tab.choose("Training step")
    tab.at(1, 42)


def test_a_good_file_opens_after_the_button_is_pressed(app, tmp_path):
    marker = tmp_path / "ran"
    file = tmp_path / "good.py"
    file.write_text(
        f"import pathlib, torch\npathlib.Path({str(marker)!r}).touch()\n"
        "model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh())\nexample_input = torch.ones(2, 4)\n"
    )
    tab = app()
    tab.choose("File")
    tab.type_path(file)
    tab.page.wait_for_timeout(800)
    assert not marker.exists()
    tab.press("Open and run")
    expect(tab.page.get_by_text("3 operations, 40 parameters")).to_be_visible(timeout=30_000)
    tab.at(1)
    assert marker.exists()


def test_an_uploaded_file_opens(app):
    tab = app()
    tab.choose("File")
    tab.page.locator("input[type=file]").set_input_files(ROOT / "examples" / "two_layer_net.py")
    expect(tab.page.get_by_role("button", name="Open and run")).to_be_enabled()
    tab.press("Open and run")
    expect(tab.page.get_by_text("4 operations, 131 parameters")).to_be_visible(timeout=30_000)


def test_a_model_that_fails_is_shown_where_it_failed(app):
    tab = app()
    tab.open_file(ROOT / "examples" / "shape_mismatch.py")
    tab.at(6, 6)
    expect(tab.page.locator(".banner")).to_contain_text("The layer expects 256 features, but its input has 1024.")
    tab.page.get_by_role("tab", name="Source").click()
    expect(tab.page.locator(".code .here")).to_contain_text("return self.head(x)")
    expect(tab.page.locator("[data-testid=stException]")).to_have_count(0)
    tab.page.wait_for_timeout(800)
    tab.picture("app-failure")


def test_a_file_that_does_not_load_is_explained(app, tmp_path):
    file = tmp_path / "broken.py"
    file.write_text("import torch\n\nwidth = 1 / 0\n")
    tab = app()
    tab.open_file(file)
    expect(tab.page.get_by_text("broken.py could not be opened")).to_be_visible(timeout=20_000)
    expect(tab.page.get_by_text("division by zero")).to_be_visible()
    expect(tab.page.locator(".gt-source .failed")).to_contain_text("width = 1 / 0")
    expect(tab.page.locator("[data-testid=stException]")).to_have_count(0)
    tab.choose("Example")
    tab.page.get_by_role("button", name="Open this example").click()
    tab.at(1, 42)


def test_the_table_and_the_downloads(app):
    tab = app()
    tab.choose("Table")
    expect(tab.page.get_by_text("module or operation")).to_be_visible()
    tab.press("Download")
    for name, start in (
        ("HTML page with all values", b"<!doctype html>"),
        ("Recording", b"PK"),
        ("Graph as JSON", b"{"),
        ("Graph as Mermaid", b""),
    ):
        with tab.page.expect_download() as download:
            tab.page.get_by_role("button", name=name, exact=True).click()
        assert Path(download.value.path()).read_bytes().startswith(start)
    tab.page.keyboard.press("Escape")
    tab.choose("Graph")
    tab.at(1, 42)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import os\nos._exit(7)\n", "ended itself with code 7"),
        ("import ctypes\nctypes.string_at(0)\n", "segmentation fault"),
        ("import sys\nsys.exit(3)\n", "the file ended the process with sys.exit(3)"),
    ],
)
def test_code_that_ends_its_process_leaves_the_app_alive(app, tmp_path, text, words):
    file = tmp_path / "deadly.py"
    file.write_text(text)
    tab = app()
    tab.open_file(file)
    expect(tab.page.get_by_text(words).first).to_be_visible(timeout=30_000)
    tab.picture("app-died")
    file.write_text("import torch\nmodel = torch.nn.Linear(4, 2)\n")
    tab.press("Try again")
    expect(tab.page.get_by_text("2 operations, 10 parameters")).to_be_visible(timeout=30_000)
    tab.at(1)


GREEDY = """import torch

class Greedy(torch.nn.Module):
    def forward(self, x):
        y = torch.relu(x)
        kept = []
        while True:
            kept.append(torch.ones(100, 1000, 1000))

model = Greedy()
example_input = torch.ones(2, 3)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux alone")
def test_memory_that_runs_out_is_told_at_its_line_and_the_app_goes_on(app, tmp_path):
    (tmp_path / "greedy.py").write_text(GREEDY)
    tab = app()
    tab.press("Settings")
    tab.page.get_by_label("Its process may use").click()
    tab.page.get_by_role("option", name="2 GB of memory", exact=True).click()
    tab.page.keyboard.press("Escape")
    tab.open_file(tmp_path / "greedy.py")
    expect(tab.page.locator(".banner")).to_contain_text("Memory ran out", timeout=60_000)
    tab.page.get_by_role("tab", name="Source").click()
    expect(tab.page.locator(".code .here")).to_contain_text("kept.append(torch.ones(100, 1000, 1000))")
    assert tab.rect("relu")  # what ran before is there
    tab.picture("app-memory")
    tab.choose("Example")
    tab.page.get_by_role("button", name="Open this example").click()
    tab.at(1, 42)
    assert tab.complaints == []


def test_an_endless_loop_shows_progress_and_can_be_stopped(app, tmp_path):
    file = tmp_path / "endless.py"
    file.write_text("print('still here', flush=True)\nwhile True:\n    pass\n")
    tab = app()
    tab.open_file(file)
    expect(tab.page.get_by_role("status").filter(has_text="Loading the model")).to_be_visible(timeout=30_000)
    expect(tab.page.get_by_text("still here")).to_be_visible()
    tab.picture("app-progress")
    tab.press("Stop")
    expect(tab.page.get_by_text("was stopped while it was being loaded")).to_be_visible(timeout=30_000)
    expect(tab.page.locator(".gt-source .failed")).to_be_visible()


def test_an_edit_that_ends_the_process_leaves_the_picture(app):
    tab = app()
    tab.page.get_by_role("tab", name="Edit").click()
    box = tab.page.get_by_role("textbox", name="New value, in Python")
    box.fill("__import__('os')._exit(3)")
    box.press("Enter")
    expect(tab.page.get_by_role("alert").filter(has_text="ended itself with code 3").first).to_be_visible(
        timeout=30_000
    )
    tab.focus()
    tab.page.keyboard.press("End")  # what was recorded can be walked through as before
    tab.at(42)
    tab.picture("app-ended")
    tab.press("Restart")
    tab.page.get_by_role("tab", name="Edit").wait_for()
    tab.at(1, 42)
    tab.complaints.clear()  # of the questions that nobody could answer any more


def test_a_slow_edit_shows_its_progress_and_can_be_stopped(app):
    tab = app()
    tab.page.get_by_role("tab", name="Edit").click()
    box = tab.page.get_by_role("textbox", name="New value, in Python")
    box.fill("__import__('time').sleep(60) or t")
    box.press("Enter")
    expect(tab.page.get_by_role("status").filter(has_text="Running again with")).to_be_visible(timeout=30_000)
    tab.picture("app-editing")
    # Streamlit has a Stop of its own while a page takes long.
    tab.page.locator(".st-key-editing").get_by_role("button", name="Stop").click()
    expect(tab.panel()).to_contain_text("Stopped.", timeout=30_000)


def test_a_reload_loses_nothing(app, tmp_path):
    tab = app()
    tab.focus()
    for _ in range(3):
        tab.page.keyboard.press("ArrowRight")
    tab.at(4)
    tab.page.get_by_role("tab", name="Edit").click()
    tab.page.get_by_role("textbox", name="New value, in Python").fill("t * 0")
    tab.press("Run with this change")
    expect(tab.page.get_by_label("Branch")).to_have_value("Branch 1: relu = t * 0", timeout=30_000)
    tab.choose("File")
    tab.type_path("somewhere/model.py")
    expect(tab.page.get_by_role("button", name="Open and run")).to_be_enabled()
    tab.page.wait_for_timeout(1500)
    tab.page.reload()
    tab.wait_for_graph()
    expect(tab.page.get_by_label("Branch")).to_have_value("Branch 1: relu = t * 0", timeout=30_000)
    tab.at(4)
    expect(tab.page.get_by_label("or a path on this machine")).to_have_value("somewhere/model.py")


def test_a_link_shows_the_same_to_somebody_else_and_two_tabs_are_apart(app):
    tab = app()
    tab.choose("torchvision")
    tab.page.get_by_label("Model").first.click()
    tab.page.keyboard.type("squeezenet1_1")
    tab.page.get_by_role("option", name="squeezenet1_1").first.click()
    expect(tab.page.get_by_text("1,235,496 parameters")).to_be_visible(timeout=60_000)
    tab.at(1, 239)
    tab.focus()
    for _ in range(4):
        tab.page.keyboard.press("ArrowRight")
    tab.at(5)
    expect(tab.page).to_have_url(re.compile("at=5"), timeout=10_000)
    other = app(url=tab.page.url)
    expect(other.page.get_by_text("1,235,496 parameters")).to_be_visible(timeout=60_000)
    other.at(5)
    other.focus()
    other.page.keyboard.press("ArrowRight")
    other.at(6)
    tab.at(5)
    assert tab.page.url.split("tab=")[1] != other.page.url.split("tab=")[1]


def test_settings_are_remembered_by_the_browser(app, url):
    tab = app()
    tab.press("Settings")
    tab.choose("한국어")
    tab.page.wait_for_timeout(1500)
    tab.page.goto(url)  # a new tab of the same browser, without the name of the last
    tab.wait_for_graph()
    cookies = {cookie["name"]: cookie["value"] for cookie in tab.page.context.cookies()}
    assert "%22ko%22" in cookies["graphtools"]


def test_the_help_page_and_back(app):
    tab = app()
    tab.focus()
    tab.page.keyboard.press("ArrowRight")
    tab.at(2)
    tab.page.wait_for_timeout(1500)  # Python learns of it a moment after the last step
    tab.page.get_by_role("link", name="Help").click()
    expect(tab.page.get_by_text("Your own model")).to_be_visible()
    tab.page.get_by_role("link", name="Debugger").click()
    tab.at(2, 42)
