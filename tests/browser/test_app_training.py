"""Training in the app, through its real buttons: curves, pause, a step in the debugger, and on."""

import re

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("streamlit", reason="streamlit is not installed")
from test_app import app, url  # noqa: E402, F401  the same server and tabs

expect = playwright.expect

NET = """
from torch import nn

model = nn.Sequential(
    nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Linear(16 * 16, 64), nn.ReLU(), nn.Linear(64, 10),
)
"""


@pytest.fixture
def trained(app, tmp_path):  # noqa: F811
    """A tab with a network for the digits open, on the page where it is trained."""

    def start(text=NET, **settings):
        file = tmp_path / "lenet.py"
        file.write_text(text + "import torch\nexample_input = torch.rand(4, 1, 8, 8)\n")
        tab = app(**settings)
        tab.open_file(file)
        expect(tab.page.get_by_text(re.compile(r"\d operations, "))).to_be_visible(timeout=60_000)
        tab.page.get_by_role("link", name="Train").click()
        expect(tab.page.get_by_role("heading", name="Train lenet.py")).to_be_visible(timeout=30_000)
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
    for name in ("Loss", "Accuracy", "Gradient norm", "Update : weight"):
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
    expect(tab.panel()).to_contain_text("Updated by SGD", timeout=30_000)
    tab.picture("train-step")
    tab.page.get_by_role("link", name="Back to the training").click()
    heading(tab, "Paused")
    tab.press("Go on")
    heading(tab, "Training")
    tab.press("Stop")
    heading(tab, "Stopped")


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
    expect(tab.page.get_by_label("Branch")).to_have_value(re.compile(r"^Branch 1: .* = t \* 0$"), timeout=30_000)
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
    expect(tab.page.get_by_text("Step 9: step 9 is the next.")).to_be_visible()
    tab.press("Look into this step")
    expect(tab.page.get_by_text("Step 9 of the training")).to_be_visible(timeout=60_000)
    tab.wait_for_graph()


def test_data_that_do_not_fit_are_shown_where_they_fail(trained):
    tab = trained(NET.replace("16 * 16", "100"))
    tab.page.get_by_role("button", name="Train", exact=True).click()
    heading(tab, "Stopped to look")
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
