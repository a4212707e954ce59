"""What a person sees and does in the app, in a real browser, with the server that `streamlit run` starts."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("streamlit", reason="streamlit is not installed")

CHROMIUM = os.environ.get("GRAPHTOOLS_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
if not CHROMIUM:
    pytest.skip("no Chromium: set GRAPHTOOLS_CHROMIUM to its path", allow_module_level=True)

ARGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run",
]  # fmt: skip
ROOT = Path(__file__).parent.parent.parent
expect = playwright.expect


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    """The address of a running app."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("app") / "server.log"
    command = [sys.executable, "-m", "streamlit", "run", "app/main.py", "--server.port", str(port)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with log.open("w") as stream:
        server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=stream, stderr=subprocess.STDOUT)
    try:
        for _ in range(300):
            try:
                urllib.request.urlopen(f"http://localhost:{port}/_stcore/health", timeout=5).read()
                break
            except OSError:
                assert server.poll() is None, log.read_text()
                time.sleep(0.2)
        yield f"http://localhost:{port}"
    finally:
        server.terminate()
        server.wait(20)
    assert "Traceback" not in log.read_text()


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as running:
        started = running.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        yield started
        started.close()


class App:
    """The app in a tab of its own, and what it complained of."""

    def __init__(self, browser, url, width=1440, height=900, scheme="light"):
        settings = {"viewport": {"width": width, "height": height}, "color_scheme": scheme, "reduced_motion": "reduce"}
        self.page = browser.new_context(**settings).new_page()
        self.complaints, self.outside = [], []
        self.page.on("console", lambda message: message.type == "error" and self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.note(request.url, url))
        self.page.goto(url)
        self.wait_for_graph()

    def note(self, requested, url):
        if not requested.startswith((url, url.replace("http", "ws"), "data:", "blob:")):
            self.outside.append(requested)

    def wait_for_graph(self):
        self.page.locator(".graph-host[data-ready]").wait_for(timeout=60_000)

    def press(self, name):
        self.page.get_by_role("button", name=name).first.click()

    def choose(self, name):
        """One word of a segmented control."""
        either = self.page.get_by_role("radio", name=name, exact=True)
        either.or_(self.page.get_by_role("button", name=name, exact=True)).first.click()

    def at(self, position, count):
        text = f"operation {position} of {count}"
        expect(self.page.get_by_text(text, exact=True)).to_be_visible(timeout=60_000)

    def selected(self, name):
        expect(self.page.locator(".graph-host")).to_have_attribute("data-ready", name, timeout=20_000)

    def rect(self, name):
        return self.page.locator(".graph-host").evaluate("(el, name) => el.graphtools.rectOf(name)", name)

    def type_path(self, path):
        box = self.page.get_by_label("or a path on this machine")
        box.fill(str(path))
        box.press("Tab")

    def open_file(self, path):
        self.choose("File")
        self.type_path(path)
        expect(self.page.get_by_role("button", name="Open and run")).to_be_enabled()
        self.press("Open and run")

    def picture(self, name):
        """A screenshot, kept where GRAPHTOOLS_SCREENSHOTS says."""
        folder = os.environ.get("GRAPHTOOLS_SCREENSHOTS")
        image = self.page.screenshot(path=Path(folder) / f"{name}.png" if folder else None)
        assert len(image) > 20_000


@pytest.fixture
def app(browser, url):
    tabs = []

    def start(**settings):
        tabs.append(App(browser, url, **settings))
        return tabs[-1]

    yield start
    for tab in tabs:
        tab.page.context.close()
        assert tab.complaints == []
        assert tab.outside == []


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (1024, 768)])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_example_shows_at_once_and_fits_the_window(app, width, height, scheme):
    tab = app(width=width, height=height, scheme=scheme)
    tab.at(1, 10)
    tab.selected("conv2d")
    expect(tab.page.get_by_text("mean ± std")).to_be_visible()
    tab.page.wait_for_timeout(1000)
    tab.picture(f"app-{scheme}-{width}")
    assert tab.page.get_by_test_id("stMain").evaluate("main => main.scrollHeight - main.clientHeight") <= 0
    graph = tab.page.locator(".graph-host").bounding_box()
    assert graph["height"] > height / 2
    dark = tab.page.locator(".graph-host .graphtools").get_attribute("data-theme")
    assert dark == scheme


def test_buttons_keys_and_slider_step_both_ways(app):
    tab = app()
    tab.press("Step")
    tab.at(2, 10)
    tab.selected("batch_norm")
    tab.press("Step")
    tab.at(3, 10)
    tab.press("Back")
    tab.at(2, 10)
    tab.page.keyboard.press("F10")
    tab.at(3, 10)
    tab.page.keyboard.press("Shift+F10")
    tab.at(2, 10)
    tab.page.keyboard.press("End")
    tab.at(10, 10)
    tab.selected("linear")
    slider = tab.page.locator(".st-key-position").get_by_role("slider")
    expect(slider).to_have_attribute("aria-valuetext", "10")  # a new slider replaces the one that stood at 2
    tab.page.wait_for_timeout(500)
    slider.press("ArrowLeft")
    tab.at(9, 10)
    tab.press("First")
    tab.at(1, 10)


def test_quick_steps_leave_everything_at_one_operation(app):
    tab = app()
    for _ in range(9):  # Streamlit joins clicks that come while it runs, so fewer than nine steps may be taken
        tab.page.keyboard.press("F10")
        tab.page.wait_for_timeout(40)
    tab.page.wait_for_timeout(2000)
    position = int(re.search(r"operation (\d+) of", tab.page.locator(".position").inner_text())[1])
    assert position > 1
    slider = tab.page.locator(".st-key-position").get_by_role("slider")
    assert slider.get_attribute("aria-valuetext") == str(position)
    assert tab.page.get_by_label("Operation", exact=True).last.input_value().startswith(f"{position} ")
    tab.press("First")
    tab.at(1, 10)
    tab.press("Last")
    tab.at(10, 10)


def test_a_click_in_the_graph_goes_there(app):
    tab = app()
    rect = tab.rect("relu")
    tab.page.mouse.click(rect["x"] + 20, rect["y"] + rect["height"] / 2)
    tab.at(3, 10)
    expect(tab.page.locator(".gt code").first).to_have_text("torch.Tensor.relu")


def test_modules_open_and_close_by_depth_and_stay_so(app):
    tab = app()
    assert tab.rect("relu") is not None
    tab.choose("1")
    tab.page.wait_for_timeout(800)
    assert tab.rect("relu") is None
    tab.page.get_by_text("Follow", exact=True).click()
    tab.page.wait_for_timeout(500)
    tab.press("Step")
    tab.at(2, 10)
    tab.page.wait_for_timeout(500)
    assert tab.rect("relu") is None
    tab.choose("All")
    tab.page.wait_for_timeout(800)
    assert tab.rect("relu") is not None


def test_resnet18_is_found_by_typing_and_stepped_through(app):
    tab = app()
    tab.choose("torchvision")
    tab.page.get_by_label("Model").first.click()
    tab.page.keyboard.type("resnet18")
    tab.page.get_by_role("option", name="resnet18").first.click()
    tab.at(1, 69)
    tab.selected("conv2d")
    for position in (2, 3, 4, 5):
        tab.press("Step")
        tab.at(position, 69)
    tab.selected("conv2d_1")
    tab.page.wait_for_timeout(800)
    assert tab.rect("conv2d_1") is not None
    tab.picture("app-resnet18")


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
    tab.at(1, 2)
    tab.selected("linear")
    assert marker.exists()


def test_an_uploaded_file_opens(app):
    tab = app()
    tab.choose("File")
    tab.page.locator("input[type=file]").set_input_files(ROOT / "examples" / "two_layer_net.py")
    expect(tab.page.get_by_role("button", name="Open and run")).to_be_enabled()
    tab.press("Open and run")
    tab.at(1, 3)


def test_a_model_that_fails_is_shown_where_it_failed(app):
    tab = app()
    tab.open_file(ROOT / "examples" / "shape_mismatch.py")
    tab.at(6, 6)
    tab.selected("linear")
    expect(tab.page.get_by_text("The layer expects 256 features, but its input has 1024.")).to_be_visible()
    expect(tab.page.get_by_text("shape_mismatch.py:26:16")).to_be_visible()
    expect(tab.page.locator(".gt-source .failed")).to_contain_text("return self.head(x)")
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
    tab.at(1, 10)
    tab.selected("conv2d")


def test_the_table_and_the_downloads(app):
    tab = app()
    tab.choose("Table")
    expect(tab.page.get_by_text("module or operation")).to_be_visible()
    tab.choose("Download")
    for name, start in (("HTML page", "<!doctype html>"), ("JSON", "{"), ("Mermaid", "")):
        with tab.page.expect_download() as download:
            tab.press(name)
        assert Path(download.value.path()).read_text(encoding="utf-8").startswith(start)
    tab.choose("Graph")
    tab.selected("conv2d")


def test_the_help_page_and_back(app):
    tab = app()
    tab.press("Step")
    tab.at(2, 10)
    tab.page.get_by_role("link", name="Help").click()
    expect(tab.page.get_by_text("Your own model")).to_be_visible()
    tab.page.get_by_role("link", name="Back to the debugger").click()
    tab.at(2, 10)
    tab.selected("batch_norm")
