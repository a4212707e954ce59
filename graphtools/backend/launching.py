"""Starts the processes that hold models. On Linux they are forks of one that has torch imported: 10 ms, not 4 s."""

from __future__ import annotations

import atexit
import json
import os
import queue
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable
from contextlib import suppress
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection, Listener
from typing import Any

CAN_FORK = sys.platform == "linux"  # elsewhere system libraries do not stand a fork


class Running:
    """A process that was started. `connection` gets its end of the wire, or None if it ended before it had one."""

    def __init__(self) -> None:
        self.pid = 0
        self.code: int | None = None
        self.ended = threading.Event()
        self.connection: queue.Queue[Connection | None] = queue.Queue()

    def end(self, code: int) -> None:
        """Notes that it has ended, with this return code (negative: the signal)."""
        self.code = code
        self.ended.set()
        self.connection.put(None)

    def interrupt(self) -> None:
        """Presses its Ctrl-C."""
        with suppress(ProcessLookupError, PermissionError):
            os.kill(self.pid, signal.SIGINT)

    def kill(self) -> None:
        """Ends it at once, with the processes that it started."""
        if self.ended.is_set() or not self.pid:
            return
        with suppress(ProcessLookupError, PermissionError):
            os.kill(self.pid, signal.SIGKILL)
        if hasattr(os, "killpg"):
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)


class Launcher:
    """Starts processes, and hands each its connection. One for an application; it may be used from several threads."""

    def __init__(self, fork: bool = CAN_FORK) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="graphtools-")
        self._key = secrets.token_bytes(32)
        address = None if sys.platform == "win32" else os.path.join(self._folder.name, "wire")
        self._listener = Listener(address, authkey=self._key)
        self._expected: dict[str, Running] = {}
        self._lock = threading.Lock()
        self._is_open = True
        self._forker = _Forker() if fork else None
        atexit.register(self.close)
        threading.Thread(target=self._accept, name="graphtools-accept", daemon=True).start()

    def launch(self, settings: dict[str, Any]) -> Running:
        """A new process that serves a `Desk`; it gets the `settings`. Returns at once."""
        running, token = Running(), secrets.token_hex(16)
        settings = {**settings, "address": self._listener.address, "key": self._key.hex(), "token": token}
        with self._lock:
            self._expected[token] = running
        if self._forker is not None:
            self._forker.start(running, settings)
        else:
            _spawn(running, settings)
        return running

    def close(self) -> None:
        """Ends the process that forks, and takes no more connections. Processes that run end with their connection."""
        if not self._is_open:
            return
        self._is_open = False
        atexit.unregister(self.close)
        if self._forker is not None:
            self._forker.close()
        with suppress(OSError, AuthenticationError, EOFError):
            Client(self._listener.address, authkey=self._key).close()
        self._listener.close()
        self._folder.cleanup()

    def _accept(self) -> None:
        while self._is_open:
            try:
                connection = self._listener.accept()
                token = connection.recv_bytes(64).decode()
            except (OSError, EOFError, AuthenticationError, UnicodeDecodeError):
                continue  # somebody else, or a process that ended at once
            with self._lock:
                running = self._expected.pop(token, None)
            if running is None:
                connection.close()
            else:
                running.connection.put(connection)


class _Forker:
    """The process that forks: this side of it."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "graphtools.backend.forker"]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        self._started: dict[str, Running] = {}
        self._lock = threading.Lock()
        threading.Thread(target=self._listen, name="graphtools-forker", daemon=True).start()

    def start(self, running: Running, settings: dict[str, Any]) -> None:
        with self._lock:
            self._started[settings["token"]] = running
            try:
                assert self._process.stdin is not None
                self._process.stdin.write(json.dumps(settings) + "\n")
                self._process.stdin.flush()
            except OSError:  # the forker is gone, killed by somebody
                del self._started[settings["token"]]
                _spawn(running, settings)

    def close(self) -> None:
        with suppress(OSError):
            assert self._process.stdin is not None
            self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            self._hear(lines)
        with self._lock:
            for running in self._started.values():
                running.kill()
                running.end(-int(signal.SIGKILL))
            self._started.clear()

    def _hear(self, lines: Iterable[str]) -> None:
        for line in lines:
            said = json.loads(line)
            with self._lock:
                running = self._started.get(said["token"])
                if running is None:
                    continue
                if "pid" in said:
                    running.pid = said["pid"]
                else:
                    del self._started[said["token"]]
                    running.end(said["code"])


def _spawn(running: Running, settings: dict[str, Any]) -> None:
    command = [sys.executable, "-m", "graphtools.backend.child"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, text=True, start_new_session=True)
    running.pid = process.pid

    def watch() -> None:
        process.communicate(json.dumps(settings))
        running.end(process.returncode)

    threading.Thread(target=watch, name="graphtools-watch", daemon=True).start()
