"""The child process of the command line: loads the user's model, traces it, and writes the answer to a file."""

from __future__ import annotations

import faulthandler
import json
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from graphtools.cli.child import RUNNING
from graphtools.watchdog import time_limit
from graphtools.words import plain

if TYPE_CHECKING:
    from graphtools.graph import Graph
    from graphtools.loading import Loaded


class Refusal(Exception):
    """Why there is nothing to show, in the user's words, and the exit code that says so."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def main(folder: str, request: dict[str, Any]) -> None:
    """Answers a request for a graph."""
    serve(folder, request, lambda request, fault: _answer(folder, request, fault))


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


def prepare(folder: str, request: dict[str, Any], fault: Any) -> tuple[Loaded, float | None]:
    """The model that the request names, with inputs, in training mode if it says `train`; and the seconds left to run.

    A guess of the inputs may take half the seconds. Raises Refusal.
    """
    from graphtools.errors import LimitError, LoadError

    target, limit_s = request["target"], request["limits"][2]
    given = request["inputs"], request["device"], request["seed"]
    try:
        from graphtools.capture.fakes import import_fake_tensors
        from graphtools.loading import give_inputs, load_model

        loaded = load_model(target, *given)
        if loaded.project is not None:
            print("\n".join(map(plain, str(loaded.project).splitlines())), file=sys.stderr)
        if hasattr(loaded.model, "train"):
            loaded.model.train(request["train"])
        if request.get("method", "record") != "record":
            import_fake_tensors()  # 2 s that are not the model's
        with open(os.path.join(folder, RUNNING), "w", encoding="utf-8"):
            pass
        started, share = time.monotonic(), 60.0 if limit_s is None else limit_s / 2
        with announced(f"trying inputs for {target}", 3) as attempt:
            with time_limit(None if limit_s is None else share, fault, limit_s):
                give_inputs(loaded, *given, limit_s=share, attempt=attempt)
    except LoadError as error:
        raise Refusal(str(error), 2) from None
    except LimitError as error:
        message = f"{target}: {error}, while an input was guessed; give one by --input"
        raise Refusal(message, 1) from None
    except SystemExit as error:
        raise Refusal(_left(target, error), 2) from None
    except Exception as error:
        raise Refusal(_raised_while_loading(target, error), 2) from None
    took = time.monotonic() - started
    return loaded, limit_s if limit_s is None or took < 0.1 * limit_s else round(limit_s - took, 2)


@contextmanager
def announced(doing: str, after_s: float) -> Iterator[Callable[[str], None]]:
    """Says on stderr what the block does once it has taken so many seconds, and then each detail that it is told."""
    details, is_late = [""], threading.Event()

    def say() -> None:
        is_late.set()
        detail = f": {details[0]}" if details[0] else ""
        with suppress(OSError):
            os.write(2, f"graphtools: {doing}{detail} (Ctrl-C stops)\n".encode())

    def tell(detail: str) -> None:
        details[0] = detail
        if is_late.is_set():
            say()

    timer = threading.Timer(after_s, say)
    timer.daemon = True
    timer.start()
    try:
        yield tell
    finally:
        timer.cancel()


def refusal_for(target: str, error: BaseException) -> Refusal:
    """What to say of an exception that left nothing to show. Raises it if it is none that has words."""
    from graphtools.errors import CaptureError, GraphtoolsError

    if isinstance(error, SystemExit):
        return Refusal(_left(target, error), 1)
    if isinstance(error, CaptureError) and error.reason != str(error):
        return Refusal(f"{error.reason}. Use --method record, which runs the model and sees what happens", 2)
    if isinstance(error, GraphtoolsError):
        return Refusal(str(error), 2)
    raise error


def _answer(folder: str, request: dict[str, Any], fault: Any) -> dict[str, Any]:
    from graphtools.capture.fakes import fake_weights

    with fake_weights() if request["fake"] else nullcontext():
        loaded, limit_s = prepare(folder, request, fault)
        exit_code = 0
        try:
            with time_limit(limit_s, fault, request["limits"][2]), announced(f"running {request['target']}", 10):
                graph = _trace(loaded, request, limit_s)
        except BaseException as error:
            so_far, exit_code = getattr(error, "graph", None), 1
            if so_far is None:
                raise refusal_for(request["target"], error) from None
            graph = _in_options(so_far, error, limit_s, request["limits"][2])
        return {"exit_code": exit_code, "graph": graph.to_json(), "inputs_note": loaded.inputs_note}


def _in_options(graph: Graph, error: BaseException, left_s: float | None, limit_s: float | None) -> Graph:
    """The graph, whose failure speaks of options as they were given, not of arguments in Python."""
    from graphtools.errors import CaptureError, LimitError

    if graph.failure is None:
        return graph
    message = graph.failure.message
    if isinstance(error, CaptureError):
        message = f"{error.reason}. Run without --fake, so that it is computed"
    if isinstance(error, LimitError) and left_s is not None:
        message = message.replace(f"its limit of {left_s:g} s", f"its limit of {limit_s:g} s")
    return type(graph)(graph.nodes, graph.modules, graph.capture, replace(graph.failure, message=message))


def _trace(loaded: Loaded, request: dict[str, Any], limit_s: float | None) -> Graph:
    from graphtools.capture.api import trace
    from graphtools.recording import Limits

    return trace(
        loaded.model,
        *loaded.args,
        method=request["method"],
        fake=request["fake"],
        limits=Limits(request["limits"][0], request["limits"][1], limit_s),
        **loaded.kwargs,
    )


def _left(target: str, error: SystemExit) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    own = _own_frame(target, frames)
    at = f" at {os.path.basename(own.filename)}:{own.lineno} (`{own.line}`)" if own is not None else ""
    is_parser = any(os.path.basename(frame.filename) == "argparse.py" for frame in frames)
    what = "command line arguments, which it does not get here, and " if is_parser else ""
    return (
        f"{target} {'reads ' + what if what else ''}ended the process with sys.exit({error.code!r}){at}. "
        'Put what only a script should do under `if __name__ == "__main__":`'
    )


def _own_frame(target: str, frames: Sequence[traceback.FrameSummary]) -> traceback.FrameSummary | None:
    """The innermost frame in the file that the user named, else the innermost."""
    path = os.path.abspath(target.partition(":")[0])
    files = [os.path.abspath(frame.filename) for frame in frames]
    # Of a project all files are the user's own.
    own = [f for f, file in zip(frames, files, strict=True) if file == path or file.startswith(path + os.sep)]
    own = own or list(frames[-1:])
    return own[-1] if own else None


def _raised_while_loading(target: str, error: Exception) -> str:
    from graphtools.capture.fakes import needs_value

    path = os.path.abspath(target.partition(":")[0])
    if isinstance(error, SyntaxError):
        where = f"{os.path.basename(error.filename or path)}:{error.lineno}"
        return f"{target} is not valid Python: {where}: {error.msg}\n    {(error.text or '').strip()}"
    own = _own_frame(target, traceback.extract_tb(error.__traceback__))
    where = f"{os.path.basename(own.filename)}:{own.lineno}" if own is not None else target
    line = f"\n    {own.line}" if own is not None and own.line else ""
    if needs_value(error):
        said = "needs a value while the model is built, and with --fake tensors have none; run without --fake"
        return f"{target}: {where} {said}{line}"
    return f"{target} raised while it was being loaded, at {where}: {type(error).__name__}: {error}{line}"


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
