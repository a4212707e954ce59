"""What the pages do, run by AppTest without a browser, which sees all but the viewer itself."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

import graphtools as gt

MAIN = str(Path(__file__).parent.parent.parent / "app" / "main.py")


@pytest.fixture
def app():
    return AppTest.from_file(MAIN, default_timeout=120).run()


def text(app):
    return " ".join(html.proto.body for html in app.get("html"))


def fine(app):
    return not app.exception and not app.error


def open_file(app, path):
    app.segmented_control(key="kind").set_value("File").run()
    app.text_input(key="path").set_value(str(path)).run()
    return next(button for button in app.button if button.label == "Open and run").click().run()


def test_it_starts_with_a_training_step_of_an_example_and_no_click(app):
    assert fine(app)
    assert "13 operations, 1,586 parameters" in text(app)
    assert "Loss: a guess: cross-entropy" in text(app)
    assert app.session_state["session"].position == 0


def test_a_forward_pass_alone_is_a_click_away(app):
    app.segmented_control(key="mode").set_value("Forward").run()
    assert fine(app)
    assert "10 operations" in text(app)
    assert "Loss:" not in text(app)
    app.selectbox(key="example").set_value("two_layer_net").run()
    assert "3 operations" in text(app)  # the choice stays
    app.segmented_control(key="mode").set_value("Training step").run()
    assert "4 operations" in text(app)


def test_a_torchvision_model_is_chosen_by_name(app):
    app.segmented_control(key="kind").set_value("torchvision").run()
    app.selectbox(key="side").set_value("64").run()
    app.selectbox(key="torchvision").set_value("squeezenet1_1").run()
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
    app.segmented_control(key="kind").set_value("File").run()
    app.text_input(key="path").set_value(str(path)).run()
    assert not marker.exists()
    next(button for button in app.button if button.label == "Open and run").click().run()
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
    app.selectbox(key="example").set_value("shape_mismatch").run()
    assert fine(app)
    assert app.session_state["session"].position == 5


def test_a_saved_recording_opens(app, tmp_path):
    gt.run(lambda x: x.relu(), __import__("torch").ones(3)).save(tmp_path / "run.gt")
    open_file(app, tmp_path / "run.gt")
    assert fine(app)
    assert "1 operation," in text(app)


def test_the_table_and_the_downloads_show(app):
    app.selectbox(key="example").set_value("scalar_expression").run()
    app.segmented_control(key="view").set_value("Table").run()
    assert fine(app)
    assert "mul" in app.code[0].value
    labels = [button.label for button in app.get("download_button")]
    assert labels == ["HTML page with all values", "Recording", "Graph as JSON", "Graph as DOT", "Graph as Mermaid"]


def test_a_branch_can_be_chosen_and_compared(app):
    app.selectbox(key="example").set_value("two_layer_net").run()
    from graphtools.answering import change_of

    state = app.session_state["session"]
    assert state.branches == []
    # What the viewer's question does; AppTest cannot ask it.
    import session as tab

    original = gt.run(lambda x: x.relu() * 2, __import__("torch").ones(3))
    state.branches.append(tab.Branch("relu = 0", gt.edit(original, "relu", change_of("0", "value"))))
    state.shown = 1
    app.run()
    assert fine(app)
    box = next(box for box in app.selectbox if box.label == "Branch")
    assert box.options == ["Original", "Branch 1: relu = 0"]
    box.set_value(0).run()
    assert fine(app)
    assert app.session_state["session"].shown == 0


def test_the_help_page_opens(app):
    app.switch_page("pages/about.py").run()
    assert fine(app)
    assert "Your own model" in app.markdown[0].value
