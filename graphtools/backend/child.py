"""The process that holds one person's model: receives requests, answers them one after the other, and can be stopped.

What the model's code prints goes to `output.txt` in its folder, the stack of a crash to `fault.txt`.
"""

from __future__ import annotations

import faulthandler
import gc
import json
import os
import queue
import signal
import sys
import threading
from contextlib import suppress
from multiprocessing.connection import Client
from types import FrameType
from typing import Any

import torch

from graphtools.backend.channel import Channel
from graphtools.backend.desk import Desk, Stopped
from graphtools.compat import keep_freed_memory
from graphtools.errors import GraphtoolsError, LimitError
from graphtools.watchdog import time_limit


def import_rest() -> None:
    """Imports what only some requests use, and has torch list its functions, as it does once one is named."""
    import torchvision  # noqa: F401

    from graphtools.capture.fakes import import_fake_tensors
    from graphtools.catalog import public_name

    import_fake_tensors()
    public_name(torch.relu)


def main(settings: dict[str, Any]) -> None:
    """Serves one connection, and ends the process with it."""
    folder = settings["folder"]
    output = os.open(os.path.join(folder, "output.txt"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(output, 1)
    os.dup2(output, 2)
    sys.stdout = os.fdopen(1, "w", buffering=1, errors="replace", closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, errors="replace", closefd=False)
    fault = open(os.path.join(folder, "fault.txt"), "w", encoding="utf-8")  # noqa: SIM115  as long as the process
    faulthandler.enable(fault)
    _limit_memory(settings["limits"]["memory_bytes"])
    gc.freeze()  # torch never becomes garbage, and to look for it there takes 0.3 s each time
    torch.seed()  # a fork begins with the state of the process that it comes from
    keep_freed_memory()
    connection = Client(settings["address"], authkey=bytes.fromhex(settings["key"]))
    connection.send_bytes(settings["token"].encode())
    _Server(Channel(connection), Desk(folder), settings["limits"]["seconds"], fault).serve()


class _Server:
    """The loop over requests."""

    def __init__(self, channel: Channel, desk: Desk, limit_s: float | None, fault: Any) -> None:
        self._channel, self._desk, self._limit_s, self._fault = channel, desk, limit_s, fault
        self._inbox: queue.Queue[dict[str, Any] | None] = queue.Queue()  # None: something was heard
        self._is_busy = False
        self._lock = threading.Lock()
        self._current = 0  # the request that runs
        self._asked: set[int] = set()  # those that wait
        self._dropped: set[int] = set()  # those among them that nobody wants any more

    def serve(self) -> None:
        signal.signal(signal.SIGINT, self._interrupted)
        self._desk.say = self._say
        threading.Thread(target=self._receive, name="graphtools-receive", daemon=True).start()
        while True:
            # Work in the background goes on between requests, a step at a time.
            is_working = self._desk.is_working
            try:
                request = self._inbox.get(timeout=0 if is_working else None)
            except queue.Empty:
                self._desk.work()
                continue
            if request is not None:
                self._answer(request)

    def _answer(self, request: dict[str, Any]) -> None:
        number = request["id"]

        def tell(progress: dict[str, Any]) -> None:
            self._say({"id": number, "progress": progress})

        blobs: list[bytes] = []
        reply: dict[str, Any] = {"id": number}
        try:
            try:
                with self._lock:  # from here on it can be interrupted
                    self._asked.discard(number)
                    if number in self._dropped:
                        self._dropped.discard(number)
                        return
                    self._current, self._is_busy = number, True
                with time_limit(self._limit_s, self._fault):
                    reply["result"], blobs = self._desk.answer(request["op"], request["args"], tell)
            finally:
                self._is_busy = False
                self._current = 0
        except (KeyboardInterrupt, Stopped):
            reply["error"] = {"message": "Stopped.", "kind": "stopped"}
        except LimitError as error:
            reply["error"] = {"message": str(error), "kind": "stopped"}
        except (GraphtoolsError, OSError) as error:
            reply["error"] = {"message": str(error), "kind": "refused"}
        except MemoryError:
            reply["error"] = {"message": "Memory ran out; use a smaller input or raise the limit", "kind": "raised"}
        except BaseException as error:  # also what the user's code raises when a value of it is looked at
            reply["error"] = {"message": f"{type(error).__name__}: {error}", "kind": "raised"}
        try:
            self._channel.send(reply, blobs)
        except ValueError as error:  # not JSON: a fault of ours, which must not keep the other side waiting
            self._channel.send({"id": number, "error": {"message": f"no answer: {error}", "kind": "raised"}})

    def _say(self, message: dict[str, Any]) -> None:
        with suppress(OSError):
            self._channel.send(message)

    def _receive(self) -> None:
        try:
            while True:
                message, _ = self._channel.receive()
                if "cancel" in message.get("tell", {}):
                    self._cancel(message["tell"]["cancel"])
                elif "tell" in message:
                    self._desk.hear(message["tell"])
                    self._inbox.put(None)
                else:
                    with self._lock:
                        self._asked.add(message["id"])
                    self._inbox.put(message)
        except (EOFError, OSError):
            pass
        finally:
            _end_group()  # nobody asks any more; the main thread may be anywhere

    def _cancel(self, number: int) -> None:
        """Interrupts the request of that number if it runs, as Ctrl-C does; if it waits, it is not begun."""
        with self._lock:
            if number == self._current:
                main = threading.main_thread().ident
                assert main is not None
                signal.pthread_kill(main, signal.SIGINT)
                return
            if number not in self._asked:
                return
            self._dropped.add(number)
        self._say({"id": number, "error": {"message": "Stopped.", "kind": "stopped"}})

    def _interrupted(self, signum: int, frame: FrameType | None) -> None:
        if self._is_busy:
            raise KeyboardInterrupt


def _end_group() -> None:
    """Ends this process and those that the user's code started, such as a DataLoader's workers."""
    with suppress(Exception):
        if os.getpgid(0) == os.getpid():
            os.killpg(0, signal.SIGKILL)
    os._exit(0)


def _limit_memory(n_bytes: int | None) -> None:
    """Limits what can be allocated, and has the system end this process first where memory runs out for all."""
    with suppress(OSError):
        with open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
            file.write("1000")
    if n_bytes is None:
        return
    with suppress(ImportError, ValueError, OSError):  # Windows has no such limit
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (n_bytes, n_bytes))


if __name__ == "__main__":
    main(json.loads(sys.stdin.readline()))
