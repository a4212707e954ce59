"""The process that has torch imported and does nothing but fork: each fork holds one person's model.

It reads a line of JSON for each process to start, and writes a line when that has started and when it has ended. It
runs nobody's code itself, and ends when its stdin does.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
from contextlib import suppress
from typing import Any


def main() -> None:
    """Serves until stdin ends."""
    # What is imported here may print; stdout is for the lines alone.
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    woken, waker = socket.socketpair()
    woken.setblocking(False)
    waker.setblocking(False)
    signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    from graphtools.backend import child  # with torch and all that a model's process will use

    running: dict[int, str] = {}
    read, is_complete, rest = 0, False, b""
    while True:
        # After the first start, what only some processes need is imported while nobody waits.
        idle = 1.0 if running and not is_complete else None
        ready, _, _ = select.select([read, woken.fileno()], [], [], idle)
        if not ready:
            child.import_rest()
            is_complete = True
        if woken.fileno() in ready:
            with suppress(BlockingIOError):
                woken.recv(4096)
        _tell_ended(running, out)
        if read not in ready:
            continue
        data = os.read(read, 65536)
        if not data:
            os._exit(0)  # not by Python's way out: a child that ends meanwhile would find half of it gone
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            settings = json.loads(line)
            pid = os.fork()
            if pid == 0:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                _become(child, settings, (out.fileno(), woken.fileno(), waker.fileno()))
            running[pid] = settings["token"]
            out.write(json.dumps({"token": settings["token"], "pid": pid}) + "\n")


def _become(child: Any, settings: dict[str, Any], inherited: tuple[int, ...]) -> None:
    """Turns the fork into the process of a model. Never returns."""
    try:
        for descriptor in inherited:
            os.close(descriptor)
        with open(os.devnull, "rb") as nothing:
            os.dup2(nothing.fileno(), 0)
        os.setsid()
        child.main(settings)
    finally:
        os._exit(1)  # main ends the process itself, unless it raised


def _tell_ended(running: dict[int, str], out: Any) -> None:
    while running:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        token = running.pop(pid, None)
        if token is not None:
            out.write(json.dumps({"token": token, "code": os.waitstatus_to_exitcode(status)}) + "\n")


if __name__ == "__main__":
    main()
