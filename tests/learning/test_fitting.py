"""Whether data fit a model: examples train with the settings chosen for them, and what does not fit is told."""

from pathlib import Path

import pytest
import torch

from graphtools.errors import LoadError
from graphtools.learning import Trainer, read_plan
from graphtools.learning.fitting import check_fit, first_settings

EXAMPLES = Path(__file__).parents[2] / "examples"
FAILS = {"shape_mismatch": "mat1 and mat2 shapes cannot be multiplied", "exploding": "the loss is nan"}
UNTRAINABLE = {"scalar_expression"}


@pytest.fixture
def table(tmp_path):
    """A table of four columns and seven classes."""
    file = tmp_path / "table.csv"
    file.write_text("a,b,c,d,label\n" + "".join(f"{i},{i},{i},{i},{i % 7}\n" for i in range(40)))
    return f"csv:{file}"


def fit(name, **plan):
    return check_fit(Trainer(read_plan({"model": str(EXAMPLES / f"{name}.py"), **plan})))


@pytest.mark.parametrize("name", sorted(path.stem for path in EXAMPLES.glob("*.py")))
def test_every_example_trains_with_the_settings_that_are_chosen_for_it(name):
    target = str(EXAMPLES / f"{name}.py")
    if name in UNTRAINABLE:
        with pytest.raises(LoadError, match="is a function and has no parameters to train"):
            first_settings(target)
        return
    plan = {"model": target, "epochs": 1, "breaks": {"nonfinite": True}, **first_settings(target)}
    trainer = Trainer(read_plan(plan))
    if name in FAILS:
        try:
            assert trainer.step() is None
            said = trainer.why
        except RuntimeError as error:
            said = str(error)
        assert FAILS[name] in said
        return
    metrics = []
    while not trainer.is_done:
        metrics.append(trainer.step())
    assert all(step is not None for step in metrics)
    assert metrics[-1]["test_loss"] is not None


def test_an_image_network_gets_the_digits_in_its_shape():
    assert first_settings(str(EXAMPLES / "small_cnn.py")) == {
        "data": {"source": "digits", "transforms": ["Resize([32, 32])", "Grayscale(3)"]}
    }


def test_a_network_for_the_digits_gets_them_as_they_are(tmp_path):
    (tmp_path / "net.py").write_text(
        "import torch\nfrom torch import nn\nexample_input = torch.rand(2, 1, 8, 8)\n"
        "model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))\n"
    )
    assert first_settings(str(tmp_path / "net.py")) == {"data": {"source": "digits"}}


def test_shapes_that_transforms_can_bridge():
    found = fit("small_cnn")
    assert (found.takes, found.given) == ("3 × 32 × 32", "1 × 8 × 8")
    assert found.transforms == ("Resize([32, 32])", "Grayscale(3)")
    assert "to have 3 channels" in found.why
    assert not fit("small_cnn", data={"source": "digits", "transforms": list(found.transforms)}).why


def test_shapes_that_they_cannot_bridge():
    found = fit("two_layer_net")
    assert (found.takes, found.given, found.transforms, found.head) == ("4", "1 × 8 × 8", (), 0)


def test_classes_that_the_model_has_no_scores_for(table):
    found = fit("two_layer_net", data={"source": table})
    assert (found.classes, found.scores, found.head) == (7, 3, 7)
    assert not fit("two_layer_net", data={"source": table}, transfer={"head": 7}).why


def test_looking_whether_they_fit_changes_nothing():
    trainer = Trainer(read_plan({"model": str(EXAMPLES / "small_cnn.py")}))
    weights = {name: value.clone() for name, value in trainer.model.state_dict().items()}
    state = torch.get_rng_state()
    check_fit(trainer)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, weights[name]) for name, value in trainer.model.state_dict().items())


def test_random_data_are_the_same_each_time_and_leave_random_numbers_alone():
    plan = read_plan({"model": str(EXAMPLES / "small_transformer.py"), "data": {"source": "random"}})
    first, second = Trainer(plan), Trainer(plan)
    state = torch.get_rng_state()
    x, y = first.data.train[5]
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(x, second.data.train[5][0])
    assert (tuple(x.shape), x.dtype, tuple(y.shape)) == ((12,), torch.int64, (12,))
    assert 1 <= int(x.min()) <= int(x.max()) < 50
    plain = Trainer(read_plan({"model": str(EXAMPLES / "small_cnn.py")}))
    drawn = torch.rand(3)
    made = Trainer(read_plan({"model": str(EXAMPLES / "small_cnn.py"), "data": {"source": "random"}}))
    assert torch.equal(torch.rand(3), drawn)
    assert all(torch.equal(a, b) for a, b in zip(plain.model.parameters(), made.model.parameters(), strict=True))
