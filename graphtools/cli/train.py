"""`graphtools train`: trains a model by options or a plan file, in a process of its own, with checkpoints."""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import sys
import threading
from collections.abc import Iterator, Mapping
from typing import Any

from graphtools.backend import Backend, BackendError, Launcher, ProcessLimits
from graphtools.cli import fail
from graphtools.errors import LoadError
from graphtools.words import plain

_WIDTH = 24  # of the bar


def train(arguments: argparse.Namespace) -> int:
    """Runs the command; returns its exit code: 0 for a training that is done, 1 if it stopped, 2 if it never began."""
    try:
        plan = _plan(arguments)
    except (OSError, ValueError, LoadError) as error:
        return fail(str(error))
    if not plan.get("model"):
        return fail("name a model: graphtools train model.py, or `model = ...` in the plan file")
    launcher, heard = Launcher(fork=False), _Heard(sys.stderr.isatty())
    try:
        with Backend(launcher, "the training", ProcessLimits(None), heard) as backend:
            return _train(backend, heard, plan, arguments.record)
    finally:
        launcher.close()


def _plan(arguments: argparse.Namespace) -> dict[str, Any]:
    """The plan file's settings, and over them those of the options that were given."""
    plan: dict[str, Any] = {}
    if arguments.config:
        from graphtools.learning.plan import read_plan_file

        plan = read_plan_file(arguments.config)
    for name, value in vars(arguments).items():
        if not name.startswith("plan_") or value is None or value is False or value == []:
            continue
        table, _, field = name.removeprefix("plan_").rpartition("__")
        place = plan.setdefault(table, {}) if table else plan
        if not isinstance(place, dict):
            raise ValueError(f"{table} must be a table of settings, not {place!r}")
        place[field] = value
    checkpoints = plan.get("checkpoints", {})
    if isinstance(checkpoints, dict) and checkpoints.get("resume") and not checkpoints.get("folder"):
        raise ValueError("--resume goes on from the last checkpoint of a folder: say which by --checkpoints FOLDER")
    return _with_project(plan)


def _with_project(plan: dict[str, Any]) -> dict[str, Any]:
    """The plan with what a project's folder says where the plan says nothing."""
    folder = str(plan.get("model") or "").partition(":")[0]
    if not os.path.isdir(folder):
        return plan
    from graphtools.projects import open_project
    from graphtools.projects.planning import plan_of

    project = open_project(folder)
    print("\n".join(map(plain, str(project).splitlines())), file=sys.stderr)
    for name, value in plan_of(project).items():
        if not isinstance(value, dict):
            plan.setdefault(name, value)
        elif name == "optimizer" and plan.get(name, {}).get("name", value["name"]) != value["name"]:
            continue  # another optimizer, to which the project's settings do not belong
        else:
            plan[name] = {**value, **plan.get(name, {})}
    return plan


def _train(backend: Backend, heard: _Heard, plan: Mapping[str, Any], record: str | None) -> int:
    try:
        about = backend.ask("train", plan=plan)
    except BackendError as error:
        _pass_on(backend)
        return fail(plain(str(error)))
    for note in about["notes"]:
        print(plain(note), file=sys.stderr)
    is_interrupted = False
    while True:
        try:
            while not heard.over.wait(0.2) and backend.is_alive:
                pass
            break
        except KeyboardInterrupt:
            if is_interrupted:
                return 1
            is_interrupted = True
            backend.tell({"train": "stop"})
    heard.end_line()
    _pass_on(backend)
    if not backend.is_alive:
        print(f"graphtools: {plain(backend.death)}", file=sys.stderr)
        return 1
    print(heard.summary())
    if heard.status.get("mistake"):
        print(f"graphtools: at the loss: {plain(heard.status['mistake'])}", file=sys.stderr)
    nonfinite = heard.status.get("nonfinite")
    if nonfinite:
        print(
            f"graphtools: the loss is NaN or infinite since step {nonfinite:,}: --break-nonfinite stops before that "
            "step, and --record step.gt writes it to look into",
            file=sys.stderr,
        )
    if heard.state == "done":
        return 0
    step = heard.status.get("step", 0) + 1
    how = "stopped" if is_interrupted else f"step {step:,} failed" if heard.is_failed else "stopped early"
    print(f"graphtools: {how}: {plain(heard.why or '')}", file=sys.stderr)
    if heard.state == "broke" and record:
        return _record(backend, record)
    if heard.is_failed and not heard.status.get("step") and "cannot be read as an image: repair" not in heard.why:
        for line in _advice(backend, plan):
            print(f"graphtools: {plain(line)}", file=sys.stderr)
    return 1


def _advice(backend: Backend, plan: Mapping[str, Any]) -> Iterator[str]:
    """What does not fit after a first step that failed, and the options by which the model could be trained, each tried
    before it is said."""
    asked = {name: value for name, value in plan.items() if name != "checkpoints"}
    try:
        fit = backend.ask("train", plan={**asked, "only": "fit"})["fit"]
        if not fit["why"]:
            return
        if fit["classes"] > fit["scores"] > 0:
            yield f"the data have {fit['classes']} classes, and the model gives {fit['scores']} scores"
        elif fit["takes"] and fit["given"] and fit["takes"] != fit["given"]:
            yield f"the model takes {fit['takes']}, and an example of the data is {fit['given']}"
    except BackendError:  # then the step's own error is all that there is to say
        return
    options = _bridge(backend, asked, fit) or _other_loss(backend, asked, fit["classes"]) or _instead(backend, asked)
    if options:
        yield f"it can be trained with {' '.join(options)}"


def _bridge(backend: Backend, plan: dict[str, Any], fit: Mapping[str, Any]) -> list[str]:
    """The options, of transforms and a new head, that make the plan's data fit; [] if none do."""
    data, transfer = dict(plan.get("data", {})), dict(plan.get("transfer", {}))
    for _ in range(2):  # one thing after the other
        if not fit["why"]:
            break
        if fit["transforms"]:
            data["transforms"] = [*data.get("transforms", ()), *fit["transforms"]]
        elif fit["head"]:
            transfer["head"] = fit["head"]
        else:
            return []
        try:
            fit = backend.ask("train", plan={**plan, "data": data, "transfer": transfer, "only": "fit"})["fit"]
        except BackendError:
            return []
    if fit["why"]:
        return []
    # All of them, also those of a plan file: the option counts in the place of what the file says.
    options = [f"--transform {shlex.quote(one)}" for one in data.get("transforms", ())]
    return options + ([f"--head {transfer['head']}"] if transfer.get("head") else [])


def _other_loss(backend: Backend, plan: Mapping[str, Any], classes: int) -> list[str]:
    """The options for another head or loss, with which the model can be trained on the same data; [] if there are
    none."""
    transfer = dict(plan.get("transfer", {}))
    asked = str(plan.get("loss", {}).get("name", "cross_entropy"))
    heads = [transfer.get("head")]
    heads += [None] if heads[0] else []
    for loss in dict.fromkeys((asked, "cross_entropy", "mse")):
        if bool(classes) != (loss in ("cross_entropy", "nll")):
            continue  # of classes, or of numbers: the data say which they have
        for head in heads if classes else dict.fromkeys((*heads, 1)):
            tried = {**plan, "loss": {"name": loss}, "transfer": {**transfer, "head": head or 0}, "only": "fit"}
            try:
                if backend.ask("train", plan=tried)["fit"]["why"]:
                    continue
            except BackendError:
                continue
            options = [f"--loss {loss}"] if loss != asked else []
            if head != transfer.get("head"):
                options.append(f"--head {head}" if head else "the head that it has, without --head")
            return options
    return []


def _instead(backend: Backend, plan: Mapping[str, Any]) -> list[str]:
    """The options for other data, with which the model can be trained: a project's own, or some that are made up; []
    if there are none."""
    try:
        if os.path.isdir(str(plan["model"]).partition(":")[0]):
            own = backend.ask("train", plan={**plan, "data": {"source": "project"}, "only": "fit"})
            if not own["fit"]["why"]:
                return ["--data project"]
        first = backend.ask("train", plan={"model": plan["model"], "only": "first settings"})
    except BackendError:
        return []
    return [] if first["fit"]["why"] else _options(first["settings"])


def _options(settings: Mapping[str, Any]) -> list[str]:
    """The options of the command that stand for settings which a model can be trained with."""
    data = settings["data"]
    options = [f"--data {data['source']}"]
    options += [f"--transform {shlex.quote(one)}" for one in data.get("transforms", ())]
    if "loss" in settings:
        options.append(f"--loss {settings['loss']['name']}")
    if "batch_size" in settings:
        options.append(f"--batch-size {settings['batch_size']}")
    return options


def _record(backend: Backend, file: str) -> int:
    try:
        number = backend.ask("record_step")["recording"]
        shutil.copyfile(backend.ask("export", recording=number, kind="gt"), file)
    except (BackendError, OSError) as error:
        print(f"graphtools: the step could not be recorded: {plain(str(error))}", file=sys.stderr)
        return 1
    print(f"wrote {file}: look into it by graphtools debug {file}, or graphtools app {file}", file=sys.stderr)
    return 1


def _pass_on(backend: Backend) -> None:
    """Shows what the model's code printed."""
    printed = backend.output()
    if printed.strip():
        sys.stderr.write(printed if printed.endswith("\n") else printed + "\n")


class _Heard:
    """What the training says: a line for each epoch, and on a terminal a bar between them."""

    def __init__(self, is_terminal: bool) -> None:
        self._is_terminal = is_terminal
        self._line = ""
        self.state, self.why, self.is_failed = "", "", False
        self.status: dict[str, Any] = {}
        self.last: dict[str, Any] = {}
        self.tested: dict[str, Any] = {}
        self.over = threading.Event()

    def __call__(self, message: Mapping[str, Any]) -> None:
        said = message.get("training")
        if said is None:
            return
        self.state, self.why, self.status = said["state"], said["why"], said["status"]
        self.is_failed = said["failed"]
        self.last = said["steps"][-1] if said["steps"] else self.last
        for epoch in said["epochs"]:
            self.tested = epoch
            self._write(f"epoch {epoch['epoch']} of {self.status['epochs']}: {self._numbers()}", keep=True)
        if self._is_terminal and self.state == "running" and self.status.get("steps"):
            self._write(self._bar())
        if self.state in ("done", "broke", "stopped"):
            self.over.set()

    def summary(self) -> str:
        """The training in one line."""
        seconds = self.status.get("seconds", 0.0)  # of its steps; the start takes longer than a small training
        done, total = self.status.get("step", 0), self.status.get("steps", 0)
        return f"{done:,} of {total:,} steps in {seconds:.1f} s; {self._numbers()}"

    def end_line(self) -> None:
        """Takes the bar away."""
        if self._line:
            self._write("")

    def _numbers(self) -> str:
        """Those of the last epoch, in which the loss is the mean of its steps; before the first, the last step's."""
        found = self.tested or {"train_loss": self.last.get("loss")}
        shown = [] if found["train_loss"] is None else [f"loss {found['train_loss']:.4g}"]
        if self.tested and not shown:
            shown = ["loss nan"]
        if found.get("test_loss") is not None:
            shown.append(f"test loss {found['test_loss']:.4g}")
        if found.get("test_accuracy") is not None:
            shown.append(f"test accuracy {found['test_accuracy']:.1%}")
        return ", ".join(shown) or "no step has ended"

    def _bar(self) -> str:
        done, total = self.status["step"], self.status["steps"]
        filled = int(_WIDTH * done / total)
        left = self.status.get("seconds_left")
        rest = f", {left:.0f} s left" if left is not None else ""
        loss = self.last.get("loss")
        shown = f", loss {loss:.4g}" if loss is not None else ""
        width = shutil.get_terminal_size().columns - 1
        return f"[{'#' * filled}{'.' * (_WIDTH - filled)}] step {done:,} of {total:,}{shown}{rest}"[:width]

    def _write(self, text: str, keep: bool = False) -> None:
        erase = "\r" + " " * len(self._line) + "\r" if self._line else ""
        self._line = "" if keep else text
        sys.stderr.write(erase + text + ("\n" if keep else ""))
        sys.stderr.flush()
