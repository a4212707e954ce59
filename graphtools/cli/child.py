"""Runs the user's file in a process of its own and turns whatever becomes of it into an answer.

What the file prints goes to stderr, so that stdout holds nothing but the result. A crash, `sys.exit` or exhausted
memory there ends that process only.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from typing import Any

from graphtools.graph import Graph

RUNNING = "running"  # the file that a worker makes when the model's code is loaded and its first run is to begin
TALKING = "talking"  # the file that a debugging process makes when its prompt opens


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: a graph (of the run so far if `exit_code` is 1), or a message that says why there is none."""

    graph: Graph | None
    exit_code: int
    message: str = ""
    inputs_note: str = ""


def ask(request: dict[str, Any]) -> Answer:
    """Sends the request to a fresh worker process and waits for its answer. Ctrl-C is passed on to the worker."""
    return _run("graphtools.cli.worker", request, stdout=sys.stderr, stdin=subprocess.DEVNULL)


def talk(request: dict[str, Any]) -> Answer:
    """Lets a fresh process debug in this one's terminal, and waits for its end. At its prompt Ctrl-C is its own."""
    return _run("graphtools.cli.debug_worker", request)


def ask_for_recording(request: dict[str, Any]) -> Answer:
    """Lets a fresh process record a run and write its files; the answer is the run's graph. Ctrl-C as for `ask`."""
    return _run("graphtools.cli.record_worker", request, stdout=sys.stderr, stdin=subprocess.DEVNULL)


def _run(module: str, request: dict[str, Any], **streams: Any) -> Answer:
    with tempfile.TemporaryDirectory(prefix="graphtools-") as folder:
        command = [sys.executable, "-m", module, folder, json.dumps(request)]
        with subprocess.Popen(command, **streams) as process:
            code = _wait(process, os.path.join(folder, TALKING))
        answer = os.path.join(folder, "answer.json")
        if os.path.exists(answer):
            with open(answer, encoding="utf-8") as file:
                return _read(json.load(file))
        with open(os.path.join(folder, "fault.txt"), encoding="utf-8", errors="replace") as file:
            said = _obituary(code, file.read(), request)
        return Answer(None, 1 if os.path.exists(os.path.join(folder, RUNNING)) else 2, said)


def _wait(process: subprocess.Popen[bytes], talking: str) -> int:
    interrupts = 0
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:  # the terminal sent it to the worker too, which answers with the graph so far
            interrupts += 0 if os.path.exists(talking) else 1
            if interrupts > 1:
                process.kill()


def _read(document: dict[str, Any]) -> Answer:
    graph = document.get("graph")
    return Answer(
        Graph.from_json(graph) if graph is not None else None,
        document["exit_code"],
        document.get("message", ""),
        document.get("inputs_note", ""),
    )


def _obituary(code: int, fault: str, request: dict[str, Any]) -> str:
    where = _place(fault)
    at = f" at {where}" if where else ""
    target = request["target"]
    if fault.startswith("Timeout"):
        limit = request["limits"][2]
        return f"{target} did not stop at its limit of {limit:g} s{at}: it was in code that cannot be interrupted"
    if code == -signal.SIGKILL:
        less = "--fake, which allocates nothing" if "fake" in request else "--limit-bytes, which keeps values on disk"
        return (
            f"the process that ran {target} was killed (signal 9), most often because memory ran out. "
            f"Use a smaller input, or {less}"
        )
    if code < 0:
        name = signal.Signals(-code).name
        meaning = {"SIGSEGV": "segmentation fault", "SIGABRT": "abort", "SIGBUS": "bus error"}.get(name, name)
        return (
            f"the process that ran {target} crashed with signal {-code} ({meaning}){at}. The crash is in compiled code "
            "that this line calls; run the line alone to see it"
        )
    return f"the process that ran {target} ended itself with code {code} before it could answer (os._exit?){at}"


def _place(fault: str) -> str:
    frames = re.findall(r'File "(.+?)", line (\d+) in (\S+)', fault)
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    own = [frame for frame in frames if "site-packages" not in frame[0] and not frame[0].startswith((package, "<"))]
    own = [frame for frame in own if "importlib" not in frame[0] and f"{os.sep}runpy.py" not in frame[0]]
    return "{}:{} in {}".format(*own[0]) if own else ""
