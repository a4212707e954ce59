"""What the pages do, run by AppTest without a browser."""

import time
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

MAIN = str(Path(__file__).parent.parent.parent / "app" / "main.py")


@pytest.fixture
def app():
    return AppTest.from_file(MAIN, default_timeout=60).run()


def text(app):
    return " ".join(html.proto.body for html in app.get("html"))


def press(app, key):
    return app.button(key=key).click().run()


def slider(app):
    return next(slider for slider in app.slider if slider.label == "Position")


def picker(app):
    return next(box for box in app.selectbox if box.label == "Operation")


def fine(app):
    return not app.exception and not app.error


def test_it_starts_with_an_example_and_no_click(app):
    assert fine(app)
    assert "operation 1 of 10" in text(app)
    assert "torch.nn.functional.conv2d" in text(app)
    assert picker(app).value == 0


def test_stepping_goes_forward_and_back_and_stops_at_the_ends(app):
    assert app.button(key="back").disabled
    assert "operation 2 of 10" in text(press(app, "step"))
    assert "operation 1 of 10" in text(press(app, "back"))
    assert "operation 10 of 10" in text(press(app, "last"))
    assert app.button(key="step").disabled
    assert "operation 1 of 10" in text(press(app, "first"))


def test_the_slider_and_the_list_follow_and_lead(app):
    press(app, "step")
    assert slider(app).value == 2
    slider(app).set_value(7).run()
    assert "operation 7 of 10" in text(app)
    picker(app).set_value(3).run()
    assert "operation 4 of 10" in text(app)
    assert slider(app).value == 4


def test_a_slider_of_the_past_moves_nothing(app):
    """A click that comes before the browser has the new slider is sent along with the old one."""
    key = slider(app).key
    press(app, "step")
    app.session_state[key] = 9
    assert slider(app).key != key
    assert "operation 3 of 10" in text(press(app, "step"))


def test_stepping_does_not_run_the_model_again(app, monkeypatch):
    def run(*_, **__):
        raise AssertionError("the model ran again")

    monkeypatch.setattr("graphtools.run", run)
    press(app, "step")
    press(app, "last")
    assert fine(app)


def test_a_torchvision_model_is_chosen_by_name(app):
    app.segmented_control(key="kind").set_value("torchvision").run()
    assert "operation 1 of 10" in text(app)
    app.selectbox(key="torchvision").set_value("resnet18").run()
    assert fine(app)
    assert "operation 1 of 69" in text(app)
    app.selectbox(key="side").set_value("64").run()
    assert "f32[1, 64, 32, 32]" in text(app)


def test_a_file_runs_only_when_told(app, tmp_path):
    marker = tmp_path / "ran"
    path = tmp_path / "mine.py"
    path.write_text(
        f"import torch, pathlib\npathlib.Path({str(marker)!r}).touch()\n"
        "def model(x):\n    return torch.topk(x, 2)\nexample_input = torch.arange(6.)\n"
    )
    app.segmented_control(key="kind").set_value("File").run()
    app.text_input(key="path").set_value(str(path)).run()
    assert not marker.exists()
    next(button for button in app.button if button.label == "Open and run").click().run()
    assert marker.exists()
    assert fine(app)
    assert "operation 1 of 1" in text(app)
    assert len(app.selectbox(key="output topk").options) == 2
    app.selectbox(key="output topk").set_value(app.selectbox(key="output topk").options[1]).run()
    assert "i64[2]" in text(app)


@pytest.mark.parametrize("content", ["def (\n", "raise ValueError('<b>no</b>')\n", "x = 1\n"])
def test_a_file_that_does_not_load_is_explained(app, tmp_path, content):
    path = tmp_path / "broken.py"
    path.write_text(content)
    app.segmented_control(key="kind").set_value("File").run()
    app.text_input(key="path").set_value(str(path)).run()
    next(button for button in app.button if button.label == "Open and run").click().run()
    assert fine(app)
    assert "broken.py could not be opened" in text(app)
    assert "<b>no</b>" not in text(app)


def test_a_failing_model_is_shown_at_its_failure(app):
    app.selectbox(key="example").set_value("shape_mismatch").run()
    assert fine(app)
    assert "operation 6 of 6" in text(app)
    assert "The layer expects 256 features, but its input has 1024." in text(app)
    press(app, "first")
    assert "The layer expects 256 features" not in text(app)
    assert "operation 6 of 6" in text(press(app, "to_failure"))


def test_nan_stands_out(app):
    app.selectbox(key="example").set_value("exploding").run()
    assert "all finite" in text(app)
    assert "128 NaN, 0 infinite" in text(press(app, "last"))


def test_a_scalar_and_the_table_and_the_downloads_show(app):
    app.selectbox(key="example").set_value("scalar_expression").run()
    assert fine(app)
    app.segmented_control(key="view").set_value("Table").run()
    assert "mul" in app.code[0].value
    app.segmented_control(key="view").set_value("Download").run()
    assert fine(app)
    assert [button.label for button in app.get("download_button")] == ["HTML page", "JSON", "DOT", "Mermaid"]


def test_operations_of_many_kinds_have_a_panel(app):
    for name in ("small_transformer", "rnn_loop", "residual_net"):
        app.selectbox(key="example").set_value(name).run()
        count = len(picker(app).options)
        for position in range(0, count, 3):
            picker(app).set_value(position).run()
            assert fine(app), (name, position)


def test_a_step_in_a_thousand_operations_is_fast(app, tmp_path):
    path = tmp_path / "long.py"
    path.write_text(
        "import torch\nfrom torch import nn\n"
        "model = nn.Sequential(*[nn.Sequential(nn.Linear(64, 64), nn.ReLU()) for _ in range(500)])\n"
        "example_input = torch.randn(128, 64)\n"
    )
    app.segmented_control(key="kind").set_value("File").run()
    app.text_input(key="path").set_value(str(path)).run()
    next(button for button in app.button if button.label == "Open and run").click().run()
    assert "operation 1 of 1000" in text(app)
    press(app, "step")
    durations = []
    for _ in range(5):
        started = time.perf_counter()
        press(app, "step")
        durations.append(time.perf_counter() - started)
    assert min(durations) < 0.3


def test_the_help_page_shows():
    app = AppTest.from_file(MAIN, default_timeout=60).run()
    app.switch_page("pages/about.py").run()
    assert not app.exception
    assert any("Your own model" in markdown.value for markdown in app.markdown)
