"""A training that runs in the background: its process, how far it is, and what it was asked. Imports no streamlit."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from graphtools.backend import Backend, BackendError, Launcher, ProcessLimits, Task

_WEIGHTS_S = 120.0  # for which the weights are waited for
_MOST_POINTS = 800  # of a curve that are drawn; a screen has not many more pixels
RUNNING, PAUSED, STOPPED, DONE, BROKE, FAILED = "running", "paused", "stopped", "done", "broke", "failed"


@dataclass
class Training:
    """A training by `plan`, and what was heard of it. `may_run_source` is that of the Choice whose model it trains.

    `state` is one of the words above, or "starting"; `why` says more of it.
    `is_failed` is true where it is BROKE because its next step raises.
    """

    launcher: Callable[[], Launcher]
    plan: dict[str, Any]
    memory_bytes: int | None = None
    may_run_source: bool = False
    state: str = "starting"
    why: str = ""
    is_failed: bool = False
    about: dict[str, Any] = field(default_factory=dict)
    status: dict[str, Any] = field(default_factory=dict)
    steps: list[dict[str, Any]] = field(default_factory=list)
    epochs: list[dict[str, Any]] = field(default_factory=list)
    changed: list[tuple[int, str]] = field(default_factory=list)
    starting: Task | None = None
    _backend: Backend | None = None
    _weights: queue.Queue[dict[str, str]] = field(default_factory=queue.Queue)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self) -> None:
        """Starts a process and the training in it. A request there may take as long as it likes."""
        limits = ProcessLimits(None, self.memory_bytes)
        self._backend = Backend(self.launcher(), "the training", limits, self._hear)
        self.starting = self._backend.start("train", plan={**self.plan, "may_run_source": self.may_run_source})

    @property
    def backend(self) -> Backend:
        """The process. Raises BackendError if the training never began."""
        if self._backend is None:
            raise BackendError("The training has not begun.", "died")
        return self._backend

    @property
    def is_over(self) -> bool:
        """True if it has come to an end; one that was stopped, or is done, can be told to go on all the same."""
        return self.state in (STOPPED, DONE, FAILED)

    def look(self) -> None:
        """Takes notice of what ended without a word: a plan that was refused, a process that died."""
        starting = self.starting
        if starting is not None and starting.done:
            self.starting = None
            try:
                self.about = starting.result()
            except BackendError as error:
                self.state, self.why = FAILED, str(error)
                return
        if self._backend is not None and not self._backend.is_alive and not self.is_over:
            self.state, self.why = FAILED, self._backend.death

    def tell(self, word: str) -> None:
        """Says "pause", "resume", "stop" or "more 3", for three epochs more; it is heard between two steps."""
        self.backend.tell({"train": word})

    def weights(self) -> bytes:
        """The model's state dict as it is now, a file that `torch.load` opens with `weights_only`. Raises BackendError.

        The process writes it between two steps; this waits for it.
        """
        file = self.backend.folder / "weights.pt"
        self.tell(f"weights {file}")
        end = time.monotonic() + _WEIGHTS_S
        while self.backend.is_alive and time.monotonic() < end:
            try:
                said = self._weights.get(timeout=0.2)
            except queue.Empty:
                continue
            if said["error"]:
                raise BackendError(said["error"], "refused")
            return file.read_bytes()
        raise BackendError(self.backend.death or "The weights were not written in time.", "stopped")

    def record(self) -> Task:
        """Asks for the recording of the next step, or of the one at which a condition broke in; of a training that is
        over, of a trial with the weights that it left."""
        return self.backend.start("record_step")

    def go_on_from(self, recording: int, name: str) -> Task:
        """Asks that the step recorded last count as this branch of it, by its number, and that the training go on."""
        return self.backend.start("go_on_from", recording=recording, name=name, resume=True)

    def close(self) -> None:
        """Ends the process; the last checkpoint stays."""
        if self._backend is not None:
            self._backend.close()

    def curves(self, names: tuple[str, ...]) -> dict[str, list[float | None]]:
        """The numbers of the steps so far, as columns; of a long training every n-th, with the last."""
        with self._lock:
            steps = self.steps
            every = max(1, len(steps) // _MOST_POINTS)
            picked = steps[::every] + ([steps[-1]] if steps and (len(steps) - 1) % every else [])
        return {name: [step.get(name) for step in picked] for name in ("step", *names)}

    def _hear(self, message: Mapping[str, Any]) -> None:
        said = message.get("training")
        if said is None:
            return
        with self._lock:
            _add(self.steps, said.get("steps", ()))
            _add(self.epochs, said.get("epochs", ()))
            self.changed = [(int(step), str(name)) for step, name in said.get("changed", ())]
            self.status.update(said.get("status", {}))
            self.state = said.get("state", self.state)
            self.is_failed = bool(said.get("failed", self.is_failed))
            self.why = said.get("why", self.why if "state" not in said else "")
        if "weights" in said:
            self._weights.put(said["weights"])


def _add(known: list[dict[str, Any]], new: Iterable[dict[str, Any]]) -> None:
    """Adds what was told; a step that was done again takes the place of what it was."""
    for one in new:
        while known and known[-1]["step"] >= one["step"]:
            known.pop()
        known.append(one)
