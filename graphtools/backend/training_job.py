"""A training between the requests of a model's process: some steps at a time, told of, paused, looked into, stopped."""

from __future__ import annotations

import math
import time
import traceback
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import torch

from graphtools.errors import GraphtoolsError
from graphtools.learning.fitting import check_fit, first_settings
from graphtools.learning.plan import read_plan
from graphtools.learning.trainer import Step, Trainer
from graphtools.loading import load_model
from graphtools.recording import Recording

_SLICE_S = 0.05  # of steps without a look at the requests
_REPORT_S = 0.4  # between two reports
_OF_EPOCHS = ("epoch", "train_loss", "test_loss", "test_accuracy")


class TrainingJob:
    """Runs a Trainer while `is_running`. `say` gets reports: `state`, `why`, the steps that a person has `changed`, and
    what has happened since the last one; a step that is told again replaces the one of that number.

    The state is "running", "paused", "broke" (a condition of the plan, or with `failed` an error in a step),
    "stopped", "done" or "only": a plan that says `only` is not run. With "first settings" it is asked what the model
    can be trained with at once, with "fit" whether the plan's data fit it; `about` answers. A plan that says
    `may_run_source` allows what graphtools.loading.load_model calls `run_source`.
    """

    def __init__(self, plan: Mapping[str, Any], say: Callable[[dict[str, Any]], None]) -> None:
        document = dict(plan)
        only, may_run_source = document.pop("only", ""), document.pop("may_run_source", False)
        self._about: dict[str, Any] = {}
        if only == "first settings":
            self._about["settings"] = first_settings(document["model"], may_run_source)
            document |= self._about["settings"]
        found = read_plan(document)
        self.trainer = Trainer(found, loaded=load_model(found.model, seed=found.seed, run_source=may_run_source))
        if only:
            self._about["fit"] = check_fit(self.trainer).to_json()
        self._say = say
        self.state, self.why, self.is_failed = "only" if only else "running", "", False
        self._asked: deque[str] = deque()
        self._weights: dict[str, str] | None = None
        self._steps: list[Step] = []
        self._epochs: list[dict[str, Any]] = []
        self._changed: dict[int, str] = {}
        self._nonfinite: int | None = None  # the first step whose loss was NaN or infinite
        self._told_at = 0.0
        if self.trainer.is_done and not only:
            self.state, self.why = "done", "The checkpoint that it goes on from is that of a training that was done."

    @property
    def is_running(self) -> bool:
        """True while there are steps to run, or a word to hear."""
        return self.state == "running" or bool(self._asked)

    def about(self) -> dict[str, Any]:
        """What is trained, on what; and the `settings` or the `fit` that was asked for."""
        return {"notes": self.trainer.notes, "steps": self.trainer.n_all_steps, **self._about}

    def hear(self, word: str) -> None:
        """Takes a word from another thread, which counts at the next step: "pause", "resume", "stop", "more 3" for
        three epochs more, or "weights FILE" to write them there."""
        self._asked.append(word)

    def work(self) -> None:
        """Runs steps for a twentieth of a second."""
        while self._asked:
            self._obey(*self._asked.popleft().split(" ", 1))
        end = time.monotonic() + _SLICE_S
        while self.state == "running" and not self._asked and time.monotonic() < end:
            self._step()
        if time.monotonic() - self._told_at > _REPORT_S:
            self.report()

    def record(self) -> tuple[Recording, int | None]:
        """The next step, recorded, and its number; the training waits afterwards. If it fails it is the run so far.
        Of a training that is over it is a trial with the weights that it left, which counts for nothing and has none.

        Raises what the step raises where nothing was recorded.
        """
        if self.state in ("stopped", "done"):
            return self.trainer.record_trial(), None
        number = self.trainer.n_steps + 1
        try:
            recording, metrics = self.trainer.record_step()
        except Exception as error:
            so_far = getattr(error, "recording", None)
            if not isinstance(so_far, Recording) or not so_far.events:
                raise
            self._change("broke", _in_words(error), is_failed=True)
            return so_far, number
        self._note(metrics)
        self._change("done" if self.trainer.is_done else "paused")
        return recording, number

    def go_on_from(self, branch: Recording, name: str, resume: bool) -> None:
        """Has the step that was recorded last count as this branch of it; the training goes on if it should `resume`.

        `name` says what was changed, "" for the original. Raises EditError where that cannot be.
        """
        metrics = self.trainer.go_on_from(branch)
        number = int(metrics["step"] or 0)
        self._changed.pop(number, None)
        if name:
            self._changed[number] = name
        self._note(metrics)
        self._change("done" if self.trainer.is_done else "running" if resume else "paused")

    def report(self) -> None:
        """Tells what is new."""
        trainer, self._told_at = self.trainer, time.monotonic()
        steps, self._steps = self._steps, []
        epochs, self._epochs = self._epochs, []
        status = {
            "step": trainer.n_steps,
            "steps": trainer.n_all_steps,
            "epoch": min(trainer.epoch + 1, trainer.plan.epochs),
            "epochs": trainer.plan.epochs,
            "seconds": trainer.seconds,
            "seconds_left": trainer.seconds_left,
            "nonfinite": self._nonfinite,
            "mistake": trainer.mistake,
        }
        changed = [[step, name] for step, name in self._changed.items()]
        said = {"state": self.state, "why": self.why, "failed": self.is_failed, "status": status, "changed": changed}
        if self._weights is not None:
            said["weights"], self._weights = self._weights, None
        self._say({"training": {**said, "steps": [_finite(s) for s in steps], "epochs": [_finite(e) for e in epochs]}})

    def _obey(self, word: str, what: str = "") -> None:
        if word == "weights":
            self._weights = _written(self.trainer.model.state_dict(), what)
            self.report()
        elif word == "more":
            self.trainer.train_on(int(what))
            self._change("running")
        elif word == "pause" and self.state == "running":
            self._change("paused")
        elif word == "resume" and self.state != "done":
            self._change("running")
        elif word == "stop" and self.state not in ("stopped", "done"):
            saved = ""
            if self.trainer.plan.checkpoints.folder:
                try:
                    saved = f"It can go on from {self.trainer.save()}."
                except OSError as error:
                    saved = f"The checkpoint could not be written: {error}. Here it can still go on."
            self._change("stopped", saved)

    def _step(self) -> None:
        try:
            metrics = self.trainer.step()
        except Exception as error:  # the model's own, or of data that do not fit it
            self._change("broke", _in_words(error), is_failed=True)
            return
        if metrics is None:
            self._change("broke", f"Step {self.trainer.n_steps + 1:,}: {self.trainer.why}.")
            return
        self._note(metrics)
        trouble = self.trainer.trouble
        if self.trainer.is_done:
            self._change("done", trouble and f"{trouble[0].upper()}{trouble[1:]}.")
        elif trouble:
            self._change("broke", f"Step {self.trainer.n_steps:,}: {trouble}.")

    def _note(self, metrics: Step) -> None:
        step, loss = int(metrics["step"] or 0), metrics["loss"]
        if loss is not None and not math.isfinite(loss):
            self._nonfinite = min(step, self._nonfinite or step)
        elif step == self._nonfinite:  # it was changed by hand
            self._nonfinite = None
        self._steps.append({name: metrics[name] for name in metrics if name not in _OF_EPOCHS})
        if "epoch" in metrics:
            self._epochs.append({name: metrics.get(name) for name in ("step", *_OF_EPOCHS)})

    def _change(self, state: str, why: str = "", is_failed: bool = False) -> None:
        self.state, self.why, self.is_failed = state, why, is_failed
        self.report()


def _written(weights: Mapping[str, torch.Tensor], file: str) -> dict[str, str]:
    """Writes a state dict as torch.load opens it with `weights_only`; says which file it is, or what went wrong."""
    try:
        torch.save({name: tensor.detach().cpu() for name, tensor in weights.items()}, file)
    except (OSError, RuntimeError) as error:  # torch's writer raises RuntimeError for a disk that is full
        return {"file": "", "error": str(error)}
    return {"file": file, "error": ""}


def _in_words(error: BaseException) -> str:
    """The error, with the innermost line that is neither torch's nor ours."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "site-packages" not in f.filename]
    own = [f for f in frames if f"{'graphtools'}/" not in f.filename.replace("\\", "/")]
    at = f" ({own[-1].filename}:{own[-1].lineno})" if own else ""
    kind = "" if isinstance(error, GraphtoolsError) else f"{type(error).__name__}: "
    return f"{kind}{error}{at}"


def _finite(numbers: Mapping[str, Any]) -> dict[str, Any]:
    """As JSON, which has no NaN: None."""
    return {
        name: None if isinstance(value, float) and (value != value or value in (float("inf"), -float("inf"))) else value
        for name, value in numbers.items()
    }
