"""A training in a model's process: told of, paused, looked into, stopped; and what cannot be trained."""

import time

import pytest
import torch

from graphtools.backend import Backend, BackendError, Launcher, ProcessLimits
from graphtools.learning import Trainer, read_plan
from graphtools.learning.checkpoints import checkpoints_in, load_checkpoint

NET = "from torch import nn\nmodel = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 10))\n"


@pytest.fixture(scope="module")
def launcher():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")  # as in this process: the bits of a sum hang on the number of threads
        launcher = Launcher()
        yield launcher
        launcher.close()


class Heard:
    """What a training said."""

    def __init__(self):
        self.steps, self.epochs, self.state, self.why, self.changed, self.last = [], [], "", "", [], {}

    def __call__(self, message):
        said = message["training"]
        self.last = {**self.last, **said}
        self.steps += said["steps"]
        self.epochs += said["epochs"]
        self.state, self.why, self.changed = said["state"], said["why"], said["changed"]

    def wait(self, *states):
        end = time.monotonic() + 60
        while self.state not in states and time.monotonic() < end:
            time.sleep(0.01)
        assert self.state in states, (self.state, self.why)


@pytest.fixture
def train(launcher, tmp_path):
    started = []

    def start(text=NET, **plan):
        (tmp_path / "net.py").write_text(text)
        heard = Heard()
        backend = Backend(launcher, "the training", ProcessLimits(None), heard)
        started.append(backend)
        document = {"model": str(tmp_path / "net.py"), "epochs": 2, **plan}
        backend.ask("train", plan=document)
        return backend, heard, document

    yield start
    for backend in started:
        backend.close()


def test_it_trains_to_the_end_with_the_bits_of_a_trainer_here(train, tmp_path):
    folder = tmp_path / "run"
    _, heard, document = train(checkpoints={"folder": str(folder)})
    heard.wait("done")
    assert [step["step"] for step in heard.steps] == list(range(1, 91))
    assert [epoch["epoch"] for epoch in heard.epochs] == [1, 2]
    here = Trainer(read_plan({**document, "checkpoints": {}}))
    while not here.is_done:
        here.step()
    saved = load_checkpoint(checkpoints_in(folder)[-1])["model"]
    assert all(torch.equal(value, saved[name]) for name, value in here.model.state_dict().items())


def test_it_is_paused_looked_into_and_goes_on(train):
    backend, heard, _ = train(epochs=2000)
    heard.wait("running")
    backend.tell({"train": "pause"})
    heard.wait("paused")
    count = len(heard.steps)
    looked = backend.start("record_step")
    step = looked.result()["step"]
    assert step == count + 1
    assert looked.blobs[0].startswith(b'{"payload":')
    answer = backend.ask("answer", recording=looked.result()["recording"], question="metrics", args={})
    assert answer["nonfinite"] == []
    edit = backend.start("edit", recording=0, change={"row": 3, "name": "relu", "what": "value", "text": "t * 0"})
    assert edit.result()["recording"] == 1
    backend.tell({"train": "resume"})
    heard.wait("running")
    backend.tell({"train": "stop"})
    heard.wait("stopped")
    steps = [one["step"] for one in heard.steps]
    assert steps == list(range(1, len(steps) + 1))


def test_it_goes_on_from_a_branch(train, tmp_path):
    plan = {"epochs": 1, "breaks": {"step": 7}, "checkpoints": {"folder": str(tmp_path / "run")}}
    backend, heard, document = train(**plan)
    heard.wait("broke")
    number = backend.ask("record_step")["recording"]
    change = {"parameter": "1.weight", "name": "1.weight", "what": "value", "text": "t * 0.5"}
    branch = backend.ask("edit", recording=number, change=change)["recording"]
    backend.ask("go_on_from", recording=branch, name="1.weight = t * 0.5", resume=False)
    assert heard.state == "paused"
    assert heard.changed == [[7, "1.weight = t * 0.5"]]
    assert [one["step"] for one in heard.steps] == [1, 2, 3, 4, 5, 6, 7, 7]  # the second is what counts
    assert heard.steps[-1]["loss"] != heard.steps[-2]["loss"]
    backend.ask("go_on_from", recording=number, name="", resume=False)
    assert (heard.changed, heard.steps[-1]) == ([], heard.steps[-3])
    backend.ask("go_on_from", recording=branch, name="1.weight = t * 0.5", resume=True)
    heard.wait("done")
    here = Trainer(read_plan({**document, "checkpoints": {}, "breaks": {}}))
    while not here.is_done:
        if here.n_steps == 6:
            with torch.no_grad():
                here.model[1].weight.mul_(0.5)
        here.step()
    saved = load_checkpoint(checkpoints_in(tmp_path / "run")[-1])["model"]
    assert all(torch.equal(value, saved[name]) for name, value in here.model.state_dict().items())


def test_it_cannot_go_on_from_a_branch_of_an_earlier_step(train):
    backend, heard, _ = train(breaks={"step": 7})
    heard.wait("broke")
    number = backend.ask("record_step")["recording"]
    backend.tell({"train": "resume"})
    heard.wait("done")
    with pytest.raises(BackendError, match="only go on from a branch of the step that it has recorded last"):
        backend.ask("go_on_from", recording=number, name="", resume=True)


def test_a_mistake_at_the_loss_is_told(train):
    _, heard, _ = train(NET.replace("nn.Linear(16, 10)", "nn.Linear(16, 10), nn.Softmax(-1)"))
    heard.wait("done")
    assert "give it the scores before the softmax" in heard.last["status"]["mistake"]
    _, heard, _ = train()
    heard.wait("done")
    assert heard.last["status"]["mistake"] == ""


def test_a_condition_stops_it_before_the_step(train):
    backend, heard, _ = train(breaks={"step": 7})
    heard.wait("broke")
    assert heard.why == "Step 7: the plan says to stop before it."
    assert backend.ask("record_step")["step"] == 7
    backend.tell({"train": "resume"})
    heard.wait("done")
    assert len(heard.steps) == 90


def test_data_that_do_not_fit_the_model_can_be_looked_into(train):
    backend, heard, _ = train("from torch import nn\nmodel = nn.Linear(5, 10)\n")
    heard.wait("broke")
    assert "mat1 and mat2 shapes cannot be multiplied" in heard.why
    looked = backend.start("record_step")
    assert looked.result()["recording"] == 0
    assert b"cannot be multiplied" in looked.blobs[0]

    assert heard.last["failed"]


def test_a_training_that_is_done_gives_its_weights_a_step_and_more_epochs(train, tmp_path):
    backend, heard, document = train()
    heard.wait("done")
    looked = backend.start("record_step")
    assert looked.result()["step"] is None
    assert looked.blobs[0].startswith(b'{"payload":')
    assert heard.state == "done"
    backend.tell({"train": "more 1"})
    end = time.monotonic() + 60
    while len(heard.steps) < 135 and time.monotonic() < end:
        time.sleep(0.01)
    heard.wait("done")
    backend.tell({"train": f"weights {tmp_path / 'with a space.pt'}"})
    while "weights" not in heard.last and time.monotonic() < end:
        time.sleep(0.01)
    assert heard.last["weights"] == {"file": str(tmp_path / "with a space.pt"), "error": ""}
    here = Trainer(read_plan({**document, "epochs": 3}))
    while not here.is_done:
        here.step()
    saved = torch.load(tmp_path / "with a space.pt", weights_only=True)
    assert all(torch.equal(value, saved[name]) for name, value in here.model.state_dict().items())
    backend.tell({"train": f"weights {tmp_path / 'nowhere' / 'a.pt'}"})
    while not heard.last["weights"]["error"] and time.monotonic() < end:
        time.sleep(0.01)
    assert "nowhere" in heard.last["weights"]["error"]


def test_a_training_that_was_stopped_goes_on(train):
    backend, heard, _ = train(epochs=20)
    heard.wait("running")
    backend.tell({"train": "stop"})
    heard.wait("stopped")
    backend.tell({"train": "resume"})
    heard.wait("done")
    assert [step["step"] for step in heard.steps] == list(range(1, 901))
    assert 0 < heard.last["status"]["seconds"] < 60


def test_a_plan_is_looked_at_and_not_run(launcher):
    with Backend(launcher) as backend:
        model = "examples/small_cnn.py"
        first = backend.ask("train", plan={"model": model, "only": "first settings"})
        assert first["settings"]["data"]["transforms"] == ["Resize([32, 32])", "Grayscale(3)"]
        found = backend.ask("train", plan={"model": model, "only": "fit"})["fit"]
        assert (found["takes"], found["transforms"]) == ("3 × 32 × 32", ["Resize([32, 32])", "Grayscale(3)"])


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        ({"epochs": 0}, "epochs must be at least 1"),
        ({"data": {"source": "digit"}}, "no data 'digit'"),
        ({"model": "nowhere.py"}, "no file nowhere.py"),
    ],
)
def test_a_plan_that_cannot_be_says_why(train, plan, words):
    with pytest.raises(BackendError, match=words):
        train(**plan)


def test_checkpoints_that_cannot_be_written_stop_nothing_but_say_so(train, tmp_path):
    (tmp_path / "file").write_text("in the way of the folder")
    backend, heard, _ = train(checkpoints={"folder": str(tmp_path / "file" / "run"), "every": 5})
    heard.wait("broke")
    assert heard.why.startswith("Step 5: the checkpoint could not be written: ")
    backend.tell({"train": "stop"})
    heard.wait("stopped")
    assert heard.why.startswith("The checkpoint could not be written: ")
    (tmp_path / "file").unlink()
    backend.tell({"train": "resume"})
    heard.wait("done")
    assert [step["step"] for step in heard.steps] == list(range(1, 91)) and backend.is_alive


def test_a_look_at_the_last_step_counts_and_one_after_it_does_not(train):
    backend, heard, _ = train(epochs=1, breaks={"step": 45})
    heard.wait("broke")
    assert backend.ask("record_step")["step"] == 45
    heard.wait("done")
    assert backend.ask("record_step")["step"] is None
