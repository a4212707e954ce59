"""Runs the user's file in a process of its own and turns whatever becomes of it into an answer.

What the file prints goes to stderr, so that stdout holds nothing but the result. A crash, `sys.exit` or exhausted
memory there ends that process only.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from typing import Any

from graphtools.endings import obituary
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
    code: str = ""
    class_name: str = ""
    examples: dict[str, Any] | None = None


def ask(request: dict[str, Any]) -> Answer:
    """Sends the request to a fresh worker process and waits for its answer. Ctrl-C is passed on to the worker."""
    return _run("graphtools.cli.worker", request, stdout=sys.stderr, stdin=subprocess.DEVNULL)


def talk(request: dict[str, Any]) -> Answer:
    """Lets a fresh process debug in this one's terminal, and waits for its end. At its prompt Ctrl-C is its own."""
    return _run("graphtools.cli.debug_worker", request)


def ask_for_recording(request: dict[str, Any]) -> Answer:
    """Lets a fresh process record a run and write its files; the answer is the run's graph. Ctrl-C as for `ask`."""
    return _run("graphtools.cli.record_worker", request, stdout=sys.stderr, stdin=subprocess.DEVNULL)


def ask_for_code(request: dict[str, Any]) -> Answer:
    """Lets a fresh process trace the model and write its source. Ctrl-C as for `ask`."""
    return _run("graphtools.cli.code_worker", request, stdout=sys.stderr, stdin=subprocess.DEVNULL)


def ask_for_project(request: dict[str, Any]) -> Answer:
    """Lets a fresh process find the code, the class and the examples for a project. Ctrl-C as for `ask`."""
    return _run("graphtools.cli.project_worker", request, stdout=sys.stderr, stdin=subprocess.DEVNULL)


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
            said = obituary(request["target"], code, file.read(), request["limits"][2], _less_memory(request))
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
        document.get("code", ""),
        document.get("class_name", ""),
        document.get("examples"),
    )


def _less_memory(request: dict[str, Any]) -> str:
    return "--fake, which allocates nothing" if "fake" in request else "--limit-bytes, which keeps values on disk"
