"""Whether data fit a model, asked in a process of its own before a training begins. Imports no streamlit."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from typing import Any

from graphtools.backend import Backend, BackendError, Choice, Launcher, ProcessLimits

_MOST = 64  # answers that are kept
_ASKED = ("data", "loss", "transfer")  # the parts of a plan that it depends on


class Question:
    """A plan that is looked at and not run: `answer` says how it fits, or `problem` why that cannot be said.

    Its process ends with the answer, whether or not anybody still waits for it.
    """

    def __init__(self, launcher: Launcher, plan: Mapping[str, Any], limits: ProcessLimits) -> None:
        self.answer: dict[str, Any] = {}
        self.problem = ""
        self._done = threading.Event()
        backend = Backend(launcher, "the model", limits)
        threading.Thread(target=self._ask, args=(backend, plan), name="graphtools-fit", daemon=True).start()

    @property
    def done(self) -> bool:
        """True once it is known."""
        return self._done.is_set()

    def wait(self, seconds: float) -> bool:
        """Waits at most so long; True if it is known."""
        return self._done.wait(seconds)

    def _ask(self, backend: Backend, plan: Mapping[str, Any]) -> None:
        try:
            self.answer = backend.ask("train", plan=plan)
        except BackendError as error:
            self.problem = str(error)
        finally:
            backend.close()
            self._done.set()


class Questions:
    """Those of a tab, each asked once."""

    def __init__(self, launcher: Callable[[], Launcher]) -> None:
        self._launcher = launcher
        self._asked: dict[str, Question] = {}

    def first(self, choice: Choice, limits: ProcessLimits) -> Question:
        """The settings that a model can be trained with at once."""
        return self._ask({**_model(choice), "only": "first settings"}, choice.revision, limits)

    def fit(self, choice: Choice, plan: Mapping[str, Any], limits: ProcessLimits) -> Question:
        """How the data of a plan fit its model. It is the first question where the plan has those settings."""
        first = self.first(choice, limits)
        asked = {name: plan[name] for name in _ASKED if name in plan} | {"batch_size": plan.get("batch_size", 32)}
        if first.done and not first.problem and _are(first.answer["settings"], asked):
            return first
        return self._ask({**_model(choice), **asked, "only": "fit"}, choice.revision, limits)

    def _ask(self, plan: dict[str, Any], revision: str, limits: ProcessLimits) -> Question:
        key = json.dumps([revision, plan], sort_keys=True)
        if key not in self._asked:
            if len(self._asked) >= _MOST:
                self._asked.pop(next(iter(self._asked)))
            self._asked[key] = Question(self._launcher(), plan, limits)
        return self._asked[key]


def _are(settings: Mapping[str, Any], plan: Mapping[str, Any]) -> bool:
    """True if a plan has these settings, as far as they matter."""
    if plan.get("transfer"):
        return False
    data = {name: value for name, value in plan["data"].items() if name != "test_share"}
    loss = settings.get("loss", {"name": "cross_entropy"})
    is_whole = settings.get("batch_size", 32) == 0
    return bool(data == settings["data"] and plan["loss"] == loss and is_whole == (plan["batch_size"] == 0))


def _model(choice: Choice) -> dict[str, Any]:
    return {"model": choice.target, "may_run_source": choice.may_run_source}
