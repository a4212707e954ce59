"""What the pages do, run by AppTest without a browser, which sees all but the viewer itself."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

import graphtools as gt

MAIN = str(Path(__file__).parent.parent.parent / "app" / "main.py")


def settled(changed):
    """The page, after a change to it or a widget, once what it opens is open."""
    app = changed.run()
    if app.session_state["tab"].asked_first is None:
        assert app.session_state["tab"].ready(60)
        app.run()
    return app


@pytest.fixture
def app():
    return settled(AppTest.from_file(MAIN, default_timeout=120))


def box(app, label):
    return next(one for one in app.selectbox if one.label == label)


def text(app):
    return " ".join(html.proto.body for html in app.get("html"))


def fine(app):
    return not app.exception and not app.error


def open_file(app, path):
    settled(app.segmented_control(key="kind").set_value("File"))
    settled(app.text_input(key="path").set_value(str(path)))
    return settled(next(button for button in app.button if button.label == "Open and run").click())


def test_it_starts_with_a_training_step_of_an_example_and_no_click(app):
    assert fine(app)
    assert "13 operations, 1,586 parameters" in text(app)
    assert "Loss: a guess: cross-entropy" in text(app)
    assert app.session_state["tab"].view.position == 0


def test_a_forward_pass_alone_is_a_click_away(app):
    settled(app.segmented_control(key="mode").set_value("Forward"))
    assert fine(app)
    assert "10 operations" in text(app)
    assert "Loss:" not in text(app)
    settled(box(app, "Example").set_value("two_layer_net"))
    assert "3 operations" in text(app)  # the choice stays
    settled(app.segmented_control(key="mode").set_value("Training step"))
    assert "4 operations" in text(app)


def test_a_torchvision_model_is_chosen_by_name(app):
    settled(app.segmented_control(key="kind").set_value("torchvision"))
    settled(app.selectbox(key="side").set_value("64"))
    settled(box(app, "Model").set_value("squeezenet1_1"))
    assert fine(app)
    assert "1,235,496 parameters" in text(app)
    assert "Optimizer: SGD" in text(app)


def test_a_file_runs_only_when_told(app, tmp_path):
    marker = tmp_path / "ran"
    path = tmp_path / "mine.py"
    path.write_text(
        f"import torch, pathlib\npathlib.Path({str(marker)!r}).touch()\n"
        "def model(x):\n    return torch.topk(x, 2)\nexample_input = torch.arange(6.)\n"
    )
    settled(app.segmented_control(key="kind").set_value("File"))
    settled(app.text_input(key="path").set_value(str(path)))
    assert not marker.exists()
    settled(next(button for button in app.button if button.label == "Open and run").click())
    assert marker.exists()
    assert fine(app)
    assert "2 operations, 0 parameters" in text(app)  # with the loss


@pytest.mark.parametrize("content", ["def (\n", "raise ValueError('<b>no</b>')\n", "x = 1\n"])
def test_a_file_that_does_not_load_is_explained(app, tmp_path, content):
    path = tmp_path / "broken.py"
    path.write_text(content)
    open_file(app, path)
    assert fine(app)
    assert "broken.py could not be opened" in text(app)
    assert "<b>no</b>" not in text(app)


def test_a_failing_model_stands_at_its_failure(app):
    settled(box(app, "Example").set_value("shape_mismatch"))
    assert fine(app)
    assert app.session_state["tab"].view.position == 5


def test_a_saved_recording_opens(app, tmp_path):
    gt.run(lambda x: x.relu(), __import__("torch").ones(3)).save(tmp_path / "run.gt")
    open_file(app, tmp_path / "run.gt")
    assert fine(app)
    assert "1 operation," in text(app)


def test_the_table_and_the_downloads_show(app):
    settled(box(app, "Example").set_value("scalar_expression"))
    settled(app.segmented_control(key="view").set_value("Table"))
    assert fine(app)
    assert "mul" in app.code[0].value
    labels = [button.label for button in app.get("download_button")]
    assert labels == ["HTML page with all values", "Recording", "Graph as JSON", "Graph as DOT", "Graph as Mermaid"]


def test_a_branch_can_be_chosen_and_compared(app):
    settled(box(app, "Example").set_value("two_layer_net"))
    tab = app.session_state["tab"].view
    # What the viewer asks; AppTest cannot.
    change = {"row": 3, "name": "relu", "what": "value", "text": "t * 0"}
    tab.answer([{"id": 1, "op": "edit", "args": change}])
    if tab.editing is not None:
        tab.editing.task.wait(60)
        tab.edited()
    app.run()
    assert fine(app)
    assert box(app, "Branch").options == ["Original", "Branch 1: relu = t * 0"]
    assert any("first difference" in code.value for code in app.code)
    box(app, "Branch").set_value(0).run()
    assert fine(app)
    assert app.session_state["tab"].view.shown == 0


def test_the_limits_of_a_process_are_set_and_a_restart_takes_them(app, tmp_path):
    path = tmp_path / "endless.py"
    path.write_text("while True: pass\n")
    settled(app.selectbox(key="press_seconds").set_value(10))
    assert fine(app)
    settled(app.segmented_control(key="kind").set_value("File"))
    settled(app.text_input(key="path").set_value(str(path)))
    next(button for button in app.button if button.label == "Open and run").click().run()
    assert fine(app)
    tab = app.session_state["tab"]
    assert tab.limits.seconds == 10
    assert not tab.ready(0)
    next(button for button in app.button if button.label == "Stop").click().run()
    assert tab.ready(20)
    app.run()
    assert "was stopped while it was being loaded" in text(app)
    assert any(button.label == "Try again" for button in app.button)


def test_what_was_typed_comes_back_with_its_widget(app):
    settled(app.segmented_control(key="kind").set_value("File"))
    settled(app.text_input(key="path").set_value("somewhere/model.py"))
    settled(app.segmented_control(key="kind").set_value("Example"))
    settled(app)  # the page may be drawn any number of times without it
    settled(app)
    app.segmented_control(key="kind").set_value("File").run()
    assert app.text_input(key="path").value == "somewhere/model.py"
    assert app.text_input(key="path").proto.set_value  # so that the browser shows it


def test_a_link_to_a_file_asks_before_it_runs_it(tmp_path):
    marker = tmp_path / "ran"
    path = tmp_path / "linked.py"
    path.write_text(f"import pathlib\npathlib.Path({str(marker)!r}).touch()\ndef model(x):\n    return x + 1\n")
    app = AppTest.from_file(MAIN, default_timeout=120)
    app.query_params["open"] = f"file:{path}"
    app.run()
    assert fine(app)
    assert not marker.exists()
    assert app.code[0].value == str(path)
    next(button for button in app.button if button.label == "Open and run").click().run()
    assert app.session_state["tab"].ready(60)
    assert marker.exists()


def test_a_link_opens_an_example_at_its_event():
    app = AppTest.from_file(MAIN, default_timeout=120)
    for name, value in (("open", "example:rnn_loop"), ("mode", "forward"), ("at", "4")):
        app.query_params[name] = value
    app.run()
    assert fine(app)
    tab = app.session_state["tab"]
    assert (tab.choice.title, tab.choice.mode, tab.view.position) == ("rnn_loop", "forward", 3)
    assert box(app, "Example").value == "rnn_loop"


def test_the_help_page_opens(app):
    app.switch_page("views/about.py").run()
    assert fine(app)
    assert "Your own model" in app.markdown[0].value
