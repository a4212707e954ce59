"""A model's process: whatever the model's code does to it, the other side hears of it and goes on."""

import json
import os
import sys
import time

import pytest

from graphtools.backend import Backend, BackendError, Choice, Launcher, ProcessLimits

HEAD = "import os, sys, time, torch\nfrom torch import nn\n"
LINEAR = HEAD + "model = nn.Linear(3, 2)\nexample_input = torch.ones(4, 3)\n"
linux = pytest.mark.skipif(sys.platform != "linux", reason="what it limits is Linux's")


@pytest.fixture(scope="module")
def launcher():
    launcher = Launcher()
    yield launcher
    launcher.close()


@pytest.fixture
def start(launcher, tmp_path):
    """Starts opening a file with this text in a process of its own."""
    started = []

    def start(text, limits=ProcessLimits(60), by=launcher):
        path = tmp_path / str(len(started)) / "model.py"  # one each: a process reads its file when it gets to it
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        backend = Backend(by, "model.py", limits)
        started.append(backend)
        return backend, backend.start("open", choice=Choice("file", str(path), "model.py").to_json())

    yield start
    for backend in started:
        backend.close()


def forward(lines):
    body = "".join(f"        {line}\n" for line in lines)
    return (
        HEAD + f"class Net(nn.Module):\n    def forward(self, x):\n{body}model = Net()\nexample_input = torch.ones(2)\n"
    )


def is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat") as stat:
        return stat.read().split(")")[1].split()[0] != "Z"


def wait_until_gone(pid):
    end = time.monotonic() + 20
    while is_running(pid) and time.monotonic() < end:
        time.sleep(0.02)
    assert not is_running(pid)


def test_a_model_opens_and_answers(start):
    backend, task = start("print('hello')\n" + LINEAR)
    about = task.result()
    assert (about["operations"], about["parameters"], about["failure"]) == (2, 8, None)
    assert task.blobs[0].startswith(b'{"payload":')
    answer = backend.ask("answer", recording=0, question="tensor", args={"key": "v.1.0"})
    assert answer["spec"] == "i64[4]"  # the target
    assert backend.output() == "hello\n"
    backend.close()
    if sys.platform == "linux":
        wait_until_gone(backend.pid)


def test_a_process_is_started_where_forks_are_not_to_be_had(start):
    launcher = Launcher(fork=False)
    try:
        _, task = start(LINEAR, by=launcher)
        assert task.result()["operations"] == 2
        _, task = start(HEAD + "os._exit(4)\n", by=launcher)
        with pytest.raises(BackendError, match="ended itself with code 4"):
            task.result()
    finally:
        launcher.close()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("os._exit(4)", r"The process that ran model.py ended itself with code 4"),
        ("os.kill(os.getpid(), 9)", r"killed \(signal 9\), most often because memory ran out"),
        ("import ctypes; ctypes.string_at(0)", r"crashed with signal 11 \(segmentation fault\) at .*model.py:3"),
        ("os.abort()", r"crashed with signal 6 \(abort\) at .*model.py:3"),
    ],
)
def test_a_death_is_told_with_its_cause(start, text, words):
    backend, task = start(HEAD + text + "\n")
    with pytest.raises(BackendError, match=words) as error:
        task.result()
    assert error.value.kind == "died"
    assert not backend.is_alive
    assert backend.death == str(error.value)
    with pytest.raises(BackendError, match=words):  # whatever is asked afterwards
        backend.ask("models")


def test_exit_is_told_with_its_line(start):
    _, task = start(HEAD + "sys.exit(3)\n")
    failure = task.result()["failure"]
    assert (failure["type"], failure["line"]) == ("sys.exit", 3)


def test_a_loop_without_an_operation_stops_at_the_limit_and_the_process_lives(start):
    backend, task = start(HEAD + "while True: pass\n", ProcessLimits(1.0))
    failure = task.result()["failure"]
    assert (failure["type"], failure["line"]) == ("LimitError", 3)
    assert "limit of 1 s" in failure["message"]
    assert backend.is_alive


def test_an_endless_model_gives_the_run_so_far(start):
    _, task = start(forward(["while True: x = x + 1"]), ProcessLimits(1.0))
    about = task.result()
    assert about["failure"]["type"] == "LimitError"
    assert about["operations"] > 10


def test_stopping_gives_the_run_so_far(start):
    backend, task = start(forward(["x = x + 1", "time.sleep(60)", "return x"]))
    end = time.monotonic() + 30
    while task.progress.get("doing") != "Running the model" and time.monotonic() < end:
        time.sleep(0.01)
    time.sleep(0.3)
    task.cancel()
    about = task.result()
    assert (about["failure"]["type"], about["operations"]) == ("KeyboardInterrupt", 1)
    assert backend.is_alive


def test_what_does_not_react_is_ended(start, monkeypatch):
    monkeypatch.setattr("graphtools.backend.process._GRACE_S", 0.5)
    text = HEAD + "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nopen(__file__ + '.on', 'w').close()\n"
    _, task = start(text + "while True: pass\n", ProcessLimits(None))
    time.sleep(1.5)
    task.cancel()
    with pytest.raises(BackendError, match="did not react to being stopped"):
        task.result()


@linux
def test_memory_is_limited_and_the_run_so_far_is_kept(start):
    lines = ["kept = [x + 1]", "while True: kept.append(torch.ones(100, 1000, 1000))"]
    backend, task = start(forward(lines), ProcessLimits(60, 2 << 30))
    about = task.result()
    assert "can't allocate memory" in about["failure"]["message"]
    assert about["failure"]["line"] == 6
    assert about["operations"] > 1
    assert backend.is_alive


@linux
def test_python_objects_without_end_are_limited_too(start):
    lines = ["kept = [x + 1]", "while True: kept.append([0] * 10_000_000)"]
    _, task = start(forward(lines), ProcessLimits(60, 2 << 30))
    assert task.result()["failure"]["type"] == "MemoryError"


@linux
def test_what_the_code_started_ends_with_it(start):
    text = (
        LINEAR
        + "import subprocess\nprint(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']).pid)\n"
    )
    backend, task = start(text)
    task.result()
    pid = int(backend.output())
    assert is_running(pid)
    backend.close()
    wait_until_gone(pid)


@linux
def test_processes_end_with_the_application(tmp_path):
    import subprocess

    script = (
        "import os\nfrom graphtools.backend import Backend, Launcher\n"
        "backend = Backend(Launcher(), 'x')\nbackend.ask('models')\nprint(backend.pid, flush=True)\nos._exit(0)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=True)
    wait_until_gone(int(done.stdout))


def test_each_process_is_a_fresh_one(start, tmp_path):
    """A neighbor of the same name is each one's own, and may be called as a module of the app is."""
    for number, size in enumerate((3, 12345)):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "session.py").write_text(f"N = {size}\n")
        _, task = start(HEAD + "import session\nmodel = nn.Linear(session.N, 2)\n")
        assert task.result()["parameters"] == 2 * size + 2


def test_two_processes_do_not_wait_for_each_other(start):
    _, slow = start(forward(["time.sleep(60)", "return x"]))
    _, quick = start(LINEAR)
    assert quick.wait(30)
    assert not slow.done


def test_edits_comparisons_files_and_tables(start):
    backend, task = start(LINEAR)
    task.result()
    change = {"row": 3, "parameter": "weight", "what": "value", "text": "t * 0"}
    edit = backend.start("edit", recording=0, change=change)
    assert edit.result()["recording"] == 1
    assert edit.blobs[0].startswith(b'{"payload":')
    assert "first difference" in backend.ask("compare", a=0, b=1)
    for kind, start_of in (("html", b"<!doctype"), ("gt", b"PK"), ("json", b"{"), ("dot", b"digraph")):
        path = backend.ask("export", recording=1, kind=kind)
        with open(path, "rb") as file:
            assert file.read(20).startswith(start_of)
    assert "linear" in backend.ask("table", recording=1)
    with pytest.raises(BackendError, match="no kind of file named 'pickle'"):
        backend.ask("export", recording=0, kind="pickle")
    with pytest.raises(BackendError, match="no request named 'opne'; did you mean 'open'"):
        backend.ask("opne")
    with pytest.raises(BackendError, match="there is no recording 7"):
        backend.ask("table", recording=7)


@linux
def test_two_hundred_models_leave_nothing_behind(launcher, tmp_path):
    """Memory and open files of this side, and processes, after many models are as after a few."""
    path = tmp_path / "model.py"
    path.write_text(LINEAR)
    choice = Choice("file", str(path), "model.py").to_json()

    def open_some(count):
        for _ in range(count):
            with Backend(launcher, "model.py") as backend:
                backend.ask("open", choice=choice)
        time.sleep(0.5)
        with open("/proc/self/statm") as memory:
            return int(memory.read().split()[1]) * 4096, len(os.listdir("/proc/self/fd"))

    before, files_before = open_some(20)
    after, files_after = open_some(200)
    assert after - before < 20 << 20
    assert files_after <= files_before + 2


def test_what_is_known_before_any_data_stands_beside_what_a_run_knows(start):
    backend, task = start(LINEAR)
    task.result()
    beside = backend.start("before", recording=0)
    beside.result()
    document = json.loads(beside.blobs[0])
    sentence = ["Known before any data: {n} operations, from the code alone. Nothing ran.", {"n": 1}]
    assert document["a"]["notes"][0] == sentence
    assert document["b"]["notes"][0][1] == {"n": 2}
    assert (len(document["pairing"]["rows"]), "run" in document["a"], "run" in document["b"]) == (2, False, True)


def test_where_only_a_run_can_tell_the_reason_is_said_and_calls_are_counted(start):
    text = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = nn.Linear(2, 2)

    def forward(self, x):
        while x.abs().sum() < 9:
            x = self.cell(x).abs() + 2
        return x

model = Net()
example_input = torch.zeros(1, 2)
"""
    backend, task = start(HEAD + text)
    task.result()
    beside = backend.start("before", recording=0)
    beside.result()
    document = json.loads(beside.blobs[0])
    assert document["a"]["payload"] is None
    assert document["a"]["notes"][0][0] == "There is no such graph: {reason}."
    assert "while x.abs().sum() < 9" in document["a"]["notes"][0][1]["reason"]
    called = [blanks["names"] for text, blanks in document["b"]["notes"] if text.startswith("Called more than once")]
    assert called[0].startswith("cell ×")


def test_what_waits_is_stopped_at_once_and_what_runs_goes_on(start):
    backend, running = start(forward(["time.sleep(3)", "return x + 1"]))
    end = time.monotonic() + 30
    while running.progress.get("doing") != "Running the model" and time.monotonic() < end:
        time.sleep(0.01)
    waiting = backend.start("before", recording=0)
    time.sleep(0.2)
    waiting.cancel()
    assert waiting.wait(2) and not running.done
    with pytest.raises(BackendError) as stopped:
        waiting.result()
    assert stopped.value.kind == "stopped"
    assert running.result()["failure"] is None and backend.is_alive


def test_what_is_stopped_before_its_request_has_come_is_stopped(start, tmp_path, monkeypatch):
    backend, opening = start(forward(["return x + 1"]))
    opening.result()
    slow = tmp_path / "slow.py"
    slow.write_text(forward(["time.sleep(30)", "return x + 1"]))
    send = backend._channel.send

    def late(message, blobs=()):
        time.sleep(0.5 if "op" in message else 0)
        send(message, blobs)

    monkeypatch.setattr(backend._channel, "send", late)
    task = backend.start("open", choice=Choice("file", str(slow), "slow.py").to_json())
    task.cancel()
    assert task.wait(4)  # and not only when the process is ended for it
    assert backend.is_alive
