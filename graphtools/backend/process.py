"""The interface's side of a model's process: asks it, hears how far it is, stops it, and says why it ended."""

from __future__ import annotations

import itertools
import os
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from graphtools.backend.channel import Channel
from graphtools.backend.launching import Launcher
from graphtools.endings import obituary

_GRACE_S = 5.0  # for an interrupted process to give what it has, before it is killed
_OUTPUT_BYTES = 20_000  # of what the code printed, the last


class BackendError(Exception):
    """A request was not answered. `kind` is "refused" (a message of graphtools), "raised" (an error of the user's code
    or of torch), "stopped" (by the person, or at its limit of time), or "died": the process is gone."""

    def __init__(self, message: str, kind: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class ProcessLimits:
    """What a model's process may take: seconds for each request, and bytes of memory. None: as much as there is."""

    seconds: float | None = 120.0
    memory_bytes: int | None = None


class Task:
    """A request under way. `progress` is the last thing it told of itself."""

    def __init__(self, backend: Backend, number: int, op: str) -> None:
        self._backend = backend
        self.number = number
        self.op = op
        self.started = time.monotonic()
        self.progress: dict[str, Any] = {}
        self.blobs: list[bytes] = []
        self._result: Any = None
        self._error: BackendError | None = None
        self._done = threading.Event()
        self._sent = threading.Event()
        self._cancelled_at: float | None = None

    @property
    def done(self) -> bool:
        """True once it was answered, or cannot be any more."""
        return self._done.is_set()

    @property
    def seconds(self) -> float:
        """Since it was asked."""
        return time.monotonic() - self.started

    def wait(self, seconds: float | None = None) -> bool:
        """Waits at most so long; True if it is done."""
        return self._done.wait(seconds)

    def result(self) -> Any:
        """The answer; waits for it. Raises BackendError."""
        self._done.wait()
        if self._error is not None:
            raise self._error
        return self._result

    def cancel(self) -> None:
        """Interrupts it, as Ctrl-C does. The process is ended if it does not react within 5 s, or the second time."""
        self._backend.interrupt(self)

    def finish(self, result: Any = None, blobs: list[bytes] | None = None, error: BackendError | None = None) -> None:
        """Notes the answer."""
        self._result, self.blobs, self._error = result, blobs or [], error
        self._done.set()


class Backend:
    """A process with one person's model in it. Starts at once and imports torch meanwhile.

    `target` is how messages call what runs there. `listener` is told what the process says unasked, in a thread of its
    own. Close it when it is not needed any more: that ends the process.
    """

    def __init__(
        self,
        launcher: Launcher,
        target: str = "the model",
        limits: ProcessLimits = ProcessLimits(),
        listener: Callable[[dict[str, Any]], None] | None = None,
    ) -> None:
        self.target, self.limits, self._listener = target, limits, listener
        self._folder = tempfile.TemporaryDirectory(prefix="graphtools-", ignore_cleanup_errors=True)
        self.folder = Path(self._folder.name)
        self._tasks: dict[int, Task] = {}
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._channel: Channel | None = None
        self._connected = threading.Event()
        self._is_closed = False
        self.death = ""
        self._running = launcher.launch({"folder": str(self.folder), "limits": asdict(limits)})
        threading.Thread(target=self._listen, name="graphtools-backend", daemon=True).start()

    @property
    def is_alive(self) -> bool:
        """False once the process has ended, for whatever reason; `death` says for which, if it was not closed."""
        return not self._running.ended.is_set() and not self._is_closed

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._running.pid

    def start(self, op: str, **args: Any) -> Task:
        """Asks, and does not wait. Requests are answered one after the other."""
        task = Task(self, next(self._numbers), op)
        with self._lock:
            self._tasks[task.number] = task
        threading.Thread(target=self._send, args=(task, args), name="graphtools-ask", daemon=True).start()
        return task

    def ask(self, op: str, **args: Any) -> Any:
        """Asks and waits for the answer. Raises BackendError."""
        return self.start(op, **args).result()

    def tell(self, message: dict[str, Any]) -> None:
        """Says something that needs no answer, and that is heard while a request runs."""
        if self._connected.wait(60) and self._channel is not None:
            try:
                self._channel.send({"tell": message})
            except OSError:
                pass  # it has ended, which tasks and `is_alive` say

    def output(self) -> str:
        """The end of what the code has printed so far, on stdout and stderr."""
        try:
            with open(self.folder / "output.txt", "rb") as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - _OUTPUT_BYTES))
                return file.read().decode(errors="replace")
        except OSError:
            return ""

    def interrupt(self, task: Task) -> None:
        """Interrupts a request; see `Task.cancel`."""
        if task.done:
            return
        if task._cancelled_at is not None:
            self._running.kill()
            return
        task._cancelled_at = time.monotonic()

        def end() -> None:
            task._sent.wait(_GRACE_S)  # a word about a request that has not come yet would not be understood
            self.tell({"cancel": task.number})
            if not task.wait(_GRACE_S):
                self._running.kill()

        threading.Thread(target=end, name="graphtools-stop", daemon=True).start()

    def close(self) -> None:
        """Ends the process and removes its files."""
        self._is_closed = True
        self._running.kill()
        if self._channel is not None:
            self._channel.close()
        self._folder.cleanup()

    def __enter__(self) -> Backend:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _send(self, task: Task, args: dict[str, Any]) -> None:
        self._connected.wait()
        if self._channel is not None and not self._running.ended.is_set():
            try:
                self._channel.send({"id": task.number, "op": task.op, "args": args})
                task._sent.set()
                return
            except OSError:
                pass
        self._running.ended.wait(5)
        self._fail([task])

    def _listen(self) -> None:
        connection = self._running.connection.get()
        if connection is not None:
            self._channel = Channel(connection)
            if self._is_closed:  # closed before it had begun: now its number is known
                self._running.kill()
        self._connected.set()
        if self._channel is not None:
            try:
                while True:
                    self._hear(*self._channel.receive())
            except (EOFError, OSError):
                pass
        self._running.ended.wait(5)
        with self._lock:
            tasks, self._tasks = list(self._tasks.values()), {}
        self._fail(tasks)

    def _hear(self, message: dict[str, Any], blobs: list[bytes]) -> None:
        number = message.get("id")
        if number is None:
            if self._listener is not None:
                self._listener(message)
            return
        if "progress" in message:
            task = self._tasks.get(number)
            if task is not None:
                task.progress = message["progress"]
            return
        with self._lock:
            task = self._tasks.pop(number, None)
        if task is None:
            return
        error = message.get("error")
        if error is None:
            task.finish(message.get("result"), blobs)
        else:
            task.finish(error=BackendError(error["message"], error["kind"]))

    def _fail(self, tasks: list[Task]) -> None:
        if not self.death and not self._is_closed:
            self.death = self._why()
        for task in tasks:
            if self._is_closed:
                error = BackendError("closed", "stopped")
            elif task._cancelled_at is not None:
                error = BackendError("It did not react to being stopped, so its process was ended.", "died")
            else:
                error = BackendError(self.death, "died")
            task.finish(error=error)

    def _why(self) -> str:
        try:
            fault = (self.folder / "fault.txt").read_text(encoding="utf-8", errors="replace")
        except OSError:
            fault = ""
        code = self._running.code
        said = obituary(self.target, 1 if code is None else code, fault, self.limits.seconds)
        return said[:1].upper() + said[1:]
