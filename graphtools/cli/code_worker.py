"""The child process of `graphtools code`: loads the user's model, traces it, and answers with its source."""

from __future__ import annotations

import json
import sys
from typing import Any

from graphtools.cli.worker import Refusal, announced, prepare, refusal_for, serve
from graphtools.watchdog import time_limit


def main(folder: str, request: dict[str, Any]) -> None:
    """Answers one request."""
    serve(folder, request, lambda request, fault: _answer(folder, request, fault))


def _answer(folder: str, request: dict[str, Any], fault: Any) -> dict[str, Any]:
    from graphtools.capture.api import trace
    from graphtools.drafting.draft import Draft
    from graphtools.errors import DraftError

    loaded, limit_s = prepare(folder, request, fault)
    try:
        with time_limit(limit_s, fault, request["limits"][2]), announced(f"running {request['target']}", 10):
            graph = trace(loaded.model, *loaded.args, method=request["method"], **loaded.kwargs)
        code = Draft(graph).to_code(request["name"])
    except DraftError as error:
        raise Refusal(f"{request['target']}: {error}", 2) from None
    except BaseException as error:
        failure = getattr(getattr(error, "graph", None), "failure", None)
        if failure is not None:
            raise Refusal(f"{request['target']}: the run stopped, so there is no code of it: {failure}", 1) from None
        raise refusal_for(request["target"], error) from None
    return {"exit_code": 0, "code": code, "inputs_note": loaded.inputs_note}


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
