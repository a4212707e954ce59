"""The child process of the command line: loads the user's model, traces it, and writes the answer to a file."""

from __future__ import annotations

import faulthandler
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from graphtools.loading import Loaded


class Refusal(Exception):
    """Why there is nothing to show, in the user's words, and the exit code that says so."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def main(folder: str, request: dict[str, Any]) -> None:
    """Answers a request for a graph."""
    serve(folder, request, _answer)


def serve(folder: str, request: dict[str, Any], answer: Callable[[dict[str, Any], Any], dict[str, Any]]) -> None:
    """Writes what `answer(request, fault)` gives to `answer.json` in `folder` and ends the process."""
    sys.argv = [request["target"].split(":")[0]]  # what a file that reads its arguments is to see: its name alone
    # A crash leaves the Python stack here, from which the parent says where it was.
    with open(os.path.join(folder, "fault.txt"), "w", encoding="utf-8") as fault:
        faulthandler.enable(fault)
        try:
            answered = answer(request, fault)
        except Refusal as refusal:
            answered = {"exit_code": refusal.exit_code, "message": str(refusal)}
        except KeyboardInterrupt:
            answered = {"exit_code": 1, "message": f"interrupted while {request['target']} was being loaded"}
        except MemoryError:
            less = "--fake" if "fake" in request else "--limit-bytes"
            message = f"memory ran out in {request['target']}; use a smaller input or {less}"
            answered = {"exit_code": 1, "message": message}
        path = os.path.join(folder, "answer.json")
        with open(path + ".part", "w", encoding="utf-8") as file:
            json.dump(answered, file)
        os.replace(path + ".part", path)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)  # threads or exit handlers of the user's file must not keep the answer waiting


def load_model(request: dict[str, Any]) -> Loaded:
    """The model that the request names, in training mode if it says `train`. Raises Refusal."""
    from graphtools.errors import LoadError

    try:
        from graphtools.loading import load

        loaded = load(request["target"], request["inputs"], request["device"], request["seed"])
    except LoadError as error:
        raise Refusal(str(error), 2) from None
    except SystemExit as error:
        raise Refusal(_left(request["target"], error), 2) from None
    except Exception as error:
        raise Refusal(_raised_while_loading(request["target"], error), 2) from None
    if hasattr(loaded.model, "train"):
        loaded.model.train(request["train"])
    return loaded


@contextmanager
def time_limit(seconds: float | None, fault: Any) -> Iterator[None]:
    """Raises LimitError in the block after so many seconds; ends the process where no exception gets through."""
    if seconds is None or not hasattr(signal, "SIGALRM"):
        yield
        return

    def stop(*_: Any) -> None:
        from graphtools.errors import LimitError

        raise LimitError(f"the run was stopped at its limit of {seconds:g} s")

    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    faulthandler.dump_traceback_later(seconds + 10, exit=True, file=fault)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        faulthandler.cancel_dump_traceback_later()


def refusal_for(target: str, error: BaseException) -> Refusal:
    """What to say of an exception that left nothing to show. Raises it if it is none that has words."""
    from graphtools.errors import GraphtoolsError

    if isinstance(error, SystemExit):
        return Refusal(_left(target, error), 1)
    if isinstance(error, GraphtoolsError):
        return Refusal(str(error), 2)
    raise error


def _answer(request: dict[str, Any], fault: Any) -> dict[str, Any]:
    from graphtools.capture.fakes import fake_weights

    with fake_weights() if request["fake"] else nullcontext():
        loaded = load_model(request)
        exit_code = 0
        try:
            with time_limit(request["limits"][2], fault):
                graph = _trace(loaded, request)
        except BaseException as error:
            graph, exit_code = getattr(error, "graph", None), 1
            if graph is None:
                raise refusal_for(request["target"], error) from None
        return {"exit_code": exit_code, "graph": graph.to_json(), "inputs_note": loaded.inputs_note}


def _trace(loaded: Loaded, request: dict[str, Any]) -> Any:
    from graphtools.capture.api import trace
    from graphtools.recording import Limits

    return trace(
        loaded.model,
        *loaded.args,
        method=request["method"],
        fake=request["fake"],
        limits=Limits(*request["limits"]),
        **loaded.kwargs,
    )


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
    main(sys.argv[1], json.loads(sys.argv[2]))
