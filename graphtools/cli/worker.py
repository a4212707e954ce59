"""The child process of the command line: loads the user's model, traces it, and writes the answer to a file."""

from __future__ import annotations

import faulthandler
import json
import os
import signal
import sys
import traceback
from typing import Any


def main(folder: str, request: dict[str, Any]) -> int:
    """Answers one request by writing `answer.json` into `folder`."""
    # A crash leaves the Python stack here, from which the parent says where it was.
    with open(os.path.join(folder, "fault.txt"), "w", encoding="utf-8") as fault:
        faulthandler.enable(fault)
        try:
            answer = _answer(request, fault)
        except KeyboardInterrupt:
            answer = {"exit_code": 1, "message": f"interrupted while {request['target']} was being loaded"}
        except MemoryError:
            message = f"memory ran out in {request['target']}; use a smaller input or --fake"
            answer = {"exit_code": 1, "message": message}
        path = os.path.join(folder, "answer.json")
        with open(path + ".part", "w", encoding="utf-8") as file:
            json.dump(answer, file)
        os.replace(path + ".part", path)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)  # threads or exit handlers of the user's file must not keep the answer waiting


def _answer(request: dict[str, Any], fault: Any) -> dict[str, Any]:
    from contextlib import nullcontext

    from graphtools.capture.fakes import fake_weights
    from graphtools.errors import GraphtoolsError, LoadError

    with fake_weights() if request["fake"] else nullcontext():
        try:
            from graphtools.loading import load

            loaded = load(request["target"], request["inputs"], request["device"], request["seed"])
        except LoadError as error:
            return {"exit_code": 2, "message": str(error)}
        except SystemExit as error:
            return {"exit_code": 2, "message": _left(request["target"], error)}
        except Exception as error:
            return {"exit_code": 2, "message": _raised_while_loading(request["target"], error)}
        note = loaded.inputs_note
        try:
            return {"exit_code": 0, "graph": _trace(loaded, request, fault).to_json(), "inputs_note": note}
        except BaseException as error:
            faulthandler.cancel_dump_traceback_later()
            graph = getattr(error, "graph", None)
            if graph is not None:
                return {"exit_code": 1, "graph": graph.to_json(), "inputs_note": note}
            if isinstance(error, SystemExit):
                return {"exit_code": 1, "message": _left(request["target"], error)}
            if isinstance(error, GraphtoolsError):
                return {"exit_code": 2, "message": str(error)}
            raise


def _trace(loaded: Any, request: dict[str, Any], fault: Any) -> Any:
    from graphtools.capture.api import trace
    from graphtools.errors import LimitError
    from graphtools.recording import Limits

    operations, size, seconds = request["limits"]
    if hasattr(loaded.model, "train"):
        loaded.model.train(request["train"])
    if seconds is not None and hasattr(signal, "SIGALRM"):

        def stop(*_: Any) -> None:
            raise LimitError(f"the run was stopped at its limit of {seconds:g} s")

        signal.signal(signal.SIGALRM, stop)
        signal.setitimer(signal.ITIMER_REAL, seconds)
        faulthandler.dump_traceback_later(seconds + 10, exit=True, file=fault)  # where no exception gets through
    graph = trace(
        loaded.model,
        *loaded.args,
        method=request["method"],
        fake=request["fake"],
        limits=Limits(operations, size, seconds),
        **loaded.kwargs,
    )
    if seconds is not None and hasattr(signal, "SIGALRM"):
        signal.setitimer(signal.ITIMER_REAL, 0)
        faulthandler.cancel_dump_traceback_later()
    return graph


def _left(target: str, error: SystemExit) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    at = f" at {os.path.basename(frames[-1].filename)}:{frames[-1].lineno}" if frames else ""
    return (
        f"{target} ended the process with sys.exit({error.code!r}){at}. "
        'Put what only a script should do under `if __name__ == "__main__":`'
    )


def _raised_while_loading(target: str, error: Exception) -> str:
    path = os.path.abspath(target.partition(":")[0])
    if isinstance(error, SyntaxError):
        where = f"{os.path.basename(error.filename or path)}:{error.lineno}"
        return f"{target} is not valid Python: {where}: {error.msg}\n    {(error.text or '').strip()}"
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if os.path.abspath(frame.filename) == path] or frames[-1:]
    where = f"{os.path.basename(own[-1].filename)}:{own[-1].lineno}" if own else target
    line = f"\n    {own[-1].line}" if own and own[-1].line else ""
    return f"{target} raised while it was being loaded, at {where}: {type(error).__name__}: {error}{line}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], json.loads(sys.argv[2])))
