"""Training in the app, through its real buttons: curves, pause, a step in the debugger, and on."""

import re

import pytest
import torch

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("streamlit", reason="streamlit is not installed")

expect = playwright.expect

NET = """
from torch import nn

model = nn.Sequential(
    nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Linear(16 * 16, 64), nn.ReLU(), nn.Linear(64, 10),
)
"""


@pytest.fixture
def trained(app, tmp_path):
    """A tab with a network for the digits open, on the page where it is trained."""

    def start(text=NET, **settings):
        file = tmp_path / "lenet.py"
        file.write_text(text + "import torch\nexample_input = torch.rand(4, 1, 8, 8)\n")
        tab = app(**settings)
        tab.open_file(file)
        expect(tab.page.get_by_text("example_input of lenet.py")).to_be_visible(timeout=60_000)
        tab.page.get_by_role("link", name="Train").click()
        expect(tab.page.get_by_role("heading", name="Train lenet.py")).to_be_visible(timeout=120_000)
        return tab

    return start


def fill(tab, label, text):
    box = tab.page.get_by_label(label, exact=True)
    box.fill(text)
    box.press("Tab")
    tab.page.wait_for_timeout(500)


def heading(tab, word):
    expect(tab.page.get_by_role("heading", name=re.compile(f"^{word} "))).to_be_visible(timeout=120_000)


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (1024, 768)])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_trains_to_the_end_with_curves(trained, width, height, scheme):
    tab = trained(width=width, height=height, scheme=scheme)
    tab.picture(f"train-form-{scheme}-{width}")
    fill(tab, "Epochs", "2")
    tab.page.get_by_role("button", name="Train", exact=True).click()
    heading(tab, "Done")
    for name in ("Loss", "Accuracy", "Gradient norm", "Update:weight ratio"):
        expect(tab.page.get_by_text(name, exact=True).last).to_be_visible()
    tab.page.wait_for_timeout(1500)
    tab.picture(f"train-done-{scheme}-{width}")
    tab.press("New training")
    expect(tab.page.get_by_label("Epochs")).to_have_value("2")  # what was typed stays


def test_a_step_is_looked_into_and_the_training_goes_on(trained):
    tab = trained()
    fill(tab, "Epochs", "10000")  # it is still training at the end, on the fastest machine
    tab.page.get_by_role("button", name="Train", exact=True).click()
    heading(tab, "Training")
    tab.press("Pause")
    heading(tab, "Paused")
    tab.press("Look into the next step")
    expect(tab.page.get_by_text(re.compile(r"^Step [\d,]+ of the training$"))).to_be_visible(timeout=60_000)
    tab.wait_for_graph()
    tab.focus()
    tab.page.keyboard.press("End")
    expect(tab.panel()).to_contain_text("Updated by SGD", timeout=120_000)
    tab.picture("train-step")
    tab.page.get_by_role("link", name="Back to the training").click()
    heading(tab, "Paused")
    tab.press("Go on")
    heading(tab, "Training")
    # Streamlit itself shows a "Stop" in the page's head while it draws.
    tab.page.get_by_test_id("stMain").get_by_role("button", name="Stop", exact=True).click()
    heading(tab, "Stopped")


def test_every_click_on_stop_and_go_on_counts(trained):
    tab = trained()
    fill(tab, "Epochs", "10000")
    tab.page.get_by_role("button", name="Train", exact=True).click()
    for _ in range(8):
        heading(tab, "Training")
        # At once: while the page is still being drawn for the new state.
        tab.page.get_by_test_id("stMain").get_by_role("button", name="Stop", exact=True).click()
        heading(tab, "Stopped")
        tab.press("Go on")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_training_goes_on_from_a_changed_step(trained, scheme):
    tab = trained(scheme=scheme, width=1440 if scheme == "light" else 1024, height=900 if scheme == "light" else 768)
    fill(tab, "Epochs", "1")
    fill(tab, "at step (0: never)", "9")
    tab.page.get_by_role("button", name="Train", exact=True).click()
    heading(tab, "Stopped to look")
    tab.press("Look into this step")
    expect(tab.page.get_by_text("Step 9 of the training")).to_be_visible(timeout=60_000)
    tab.wait_for_graph()
    tab.focus()
    for _ in range(3):
        tab.page.keyboard.press("ArrowRight")
    tab.page.get_by_role("tab", name="Edit").click()
    tab.page.get_by_role("textbox", name="New value, in Python").fill("t * 0")
    tab.press("Run with this change")
    expect(tab.page.get_by_label("Branch")).to_have_value(re.compile(r"^Branch 1: .* = t \* 0$"), timeout=120_000)
    tab.page.wait_for_timeout(1000)
    tab.picture(f"train-branch-{scheme}")
    tab.press("Go on from this branch")
    heading(tab, "Done")
    expect(tab.page.get_by_text(re.compile(r"^Step 9 went on as changed: .* = t \* 0$"))).to_be_visible()
    expect(tab.page.get_by_text("epoch 1 of 1, step 45 of 45")).to_be_visible()
    tab.picture(f"train-changed-{scheme}")


def test_a_condition_stops_it_to_look(trained):
    tab = trained()
    fill(tab, "at step (0: never)", "9")
    tab.page.get_by_role("button", name="Train", exact=True).click()
    heading(tab, "Stopped to look")
    expect(tab.page.get_by_text("Step 9: the plan says to stop before it.")).to_be_visible()
    tab.press("Look into this step")
    expect(tab.page.get_by_text("Step 9 of the training")).to_be_visible(timeout=60_000)
    tab.wait_for_graph()


def test_data_that_do_not_fit_are_shown_where_they_fail(trained):
    tab = trained(NET.replace("16 * 16", "100"))
    expect(tab.page.get_by_text("The data do not fit the model.")).to_be_visible(timeout=120_000)
    tab.page.get_by_role("button", name="Train", exact=True).click()
    heading(tab, "A step failed")
    expect(tab.page.get_by_role("alert")).to_contain_text("mat1 and mat2 shapes cannot be multiplied")
    expect(tab.page.get_by_role("button", name="New training")).to_be_visible()
    expect(tab.page.get_by_role("button", name="Go on")).to_have_count(0)
    tab.picture("train-failed")
    tab.press("Look into this step")
    tab.wait_for_graph()
    expect(tab.page.locator(".banner")).to_contain_text("The layer expects 100 features, but its input has 256.")


def test_a_plan_that_cannot_be_says_why(trained):
    tab = trained()
    fill(tab, "Transforms, one a line", "Resise(32)")
    tab.page.get_by_role("button", name="Train", exact=True).click()
    heading(tab, "Failed")
    expect(tab.page.get_by_text("no transform named 'Resise'; did you mean 'Resize'")).to_be_visible()
    tab.press("New training")
    expect(tab.page.get_by_label("Transforms, one a line")).to_have_value("Resise(32)")


def open_train(tab, example):
    tab.page.get_by_role("link", name="Train").click()
    expect(tab.page.get_by_role("heading", name=f"Train {example}")).to_be_visible(timeout=120_000)


@pytest.mark.parametrize(("width", "height", "scheme"), [(1440, 900, "light"), (1024, 768, "dark")])
def test_an_example_trains_with_all_defaults(app, width, height, scheme):
    tab = app(width=width, height=height, scheme=scheme)
    open_train(tab, "small_cnn")
    lines = tab.page.get_by_label("Transforms, one a line")
    expect(lines).to_have_value("Resize([32, 32])\nGrayscale(3)", timeout=120_000)
    expect(tab.page.get_by_text("The data fit the model: a step of two examples ran.")).to_be_visible(timeout=120_000)
    tab.picture(f"train-defaults-{scheme}")
    tab.page.get_by_role("button", name="Train", exact=True).click()
    heading(tab, "Done")
    tab.page.wait_for_timeout(1500)
    tab.picture(f"train-example-{scheme}")


@pytest.mark.parametrize(("width", "height", "scheme"), [(1440, 900, "light"), (1024, 768, "dark")])
def test_what_does_not_fit_is_said_before_the_start_and_mended_by_a_click(app, width, height, scheme):
    tab = app(width=width, height=height, scheme=scheme)
    open_train(tab, "small_cnn")
    lines = tab.page.get_by_label("Transforms, one a line")
    expect(lines).to_have_value("Resize([32, 32])\nGrayscale(3)", timeout=120_000)
    fill(tab, "Transforms, one a line", "")
    said = "The model takes 3 × 32 × 32, and an example of the data is 1 × 8 × 8."
    expect(tab.page.get_by_role("alert")).to_contain_text(said, timeout=120_000)
    tab.page.wait_for_timeout(500)
    tab.picture(f"train-misfit-{scheme}")
    tab.press("Add Resize([32, 32]), Grayscale(3)")
    expect(lines).to_have_value("Resize([32, 32])\nGrayscale(3)")
    expect(tab.page.get_by_role("alert")).to_have_count(0, timeout=120_000)


def test_a_reload_loses_nothing_of_a_training(trained, tmp_path):
    tab = trained()
    fill(tab, "Epochs", "10000")
    tab.page.get_by_role("button", name="Train", exact=True).click()
    heading(tab, "Training")
    assert re.search(r"/train\?tab=", tab.page.url)
    tab.page.reload()
    heading(tab, "Training")
    expect(tab.page.get_by_role("heading", name="Training lenet.py")).to_be_visible()
    tab.press("Pause")
    heading(tab, "Paused")
    tab.page.reload()
    heading(tab, "Paused")
    tab.page.get_by_test_id("stMain").get_by_role("button", name="Stop", exact=True).click()
    heading(tab, "Stopped")
    tab.page.reload()
    heading(tab, "Stopped")
    tab.press("New training")
    expect(tab.page.get_by_label("Epochs")).to_have_value("10000", timeout=120_000)
    expect(tab.page.get_by_role("heading", name="Train lenet.py")).to_be_visible()
    fill(tab, "Epochs", "1")
    tab.page.get_by_role("button", name="Train", exact=True).click()
    heading(tab, "Done")
    tab.page.reload()
    heading(tab, "Done")


def test_what_was_trained_is_downloaded_looked_into_and_trained_on(trained, tmp_path):
    tab = trained()
    warnings = []
    tab.page.on("console", lambda said: warnings.append(said.text) if said.type == "warning" else None)
    fill(tab, "Epochs", "1")
    tab.page.get_by_role("button", name="Train", exact=True).click()
    heading(tab, "Done")
    for _ in range(8):  # at any moment, though the page draws itself each second
        tab.page.wait_for_timeout(137)
        with tab.page.expect_download() as download:
            tab.press("Download the weights")
    assert download.value.suggested_filename == "lenet.pt"
    download.value.save_as(tmp_path / "lenet.pt")
    weights = torch.load(tmp_path / "lenet.pt", weights_only=True)
    assert tuple(weights["6.weight"].shape) == (10, 64)
    tab.press("Train on")
    tab.page.get_by_label("More epochs").fill("2")
    tab.page.get_by_label("More epochs").press("Tab")
    tab.page.wait_for_timeout(700)
    tab.picture("train-on")
    tab.page.get_by_role("button", name="Train on").last.click()
    expect(tab.page.get_by_text("epoch 3 of 3, step 135 of 135")).to_be_visible(timeout=60_000)
    heading(tab, "Done")
    tab.page.keyboard.press("Escape")
    tab.press("Look into a step")
    expect(tab.page.get_by_text("A step with the trained weights")).to_be_visible(timeout=60_000)
    tab.wait_for_graph()
    tab.page.get_by_role("link", name="Back to the training").click()
    heading(tab, "Done")
    assert [text for text in warnings if "Infinite extent" in text] == []


def test_the_four_charts_have_the_same_steps(trained):
    tab = trained()
    fill(tab, "Epochs", "1")
    tab.page.get_by_role("button", name="Train", exact=True).click()
    heading(tab, "Done")
    charts = tab.page.get_by_test_id("stVegaLiteChart")
    expect(charts).to_have_count(4)
    tab.page.wait_for_timeout(1000)
    ends = [charts.nth(n).locator("canvas, svg").first.bounding_box()["width"] for n in range(4)]
    assert len(set(ends)) == 1
