"""The child process of `graphtools new --from`: loads a model, a draft or a recording, and answers with its code."""

from __future__ import annotations

import ast
import json
import sys
from typing import TYPE_CHECKING, Any

from graphtools.cli.worker import Refusal, announced, prepare, refusal_for, serve
from graphtools.watchdog import time_limit

if TYPE_CHECKING:
    from graphtools.drafting.draft import Draft


def main(folder: str, request: dict[str, Any]) -> None:
    """Answers one request."""
    serve(folder, request, lambda request, fault: _answer(folder, request, fault))


def _answer(folder: str, request: dict[str, Any], fault: Any) -> dict[str, Any]:
    from graphtools.projects.probing import probe, without_unused_inputs

    target, limit_s = request["target"], request["limits"][2]
    given: dict[str, Any] = {}
    try:
        if target.endswith((".json", ".gt")):
            draft = _read(target)
        else:
            draft, given, limit_s = _traced(folder, request, fault)
        with time_limit(limit_s, fault, request["limits"][2]), announced(f"running {target}", 10):
            code = without_unused_inputs(draft).to_code()
            examples = probe(draft, given)
    except BaseException as error:
        failure = getattr(getattr(error, "graph", None), "failure", None)
        if failure is not None:
            raise Refusal(f"{target}: the run stopped, so there is no code of it: {failure}", 1) from None
        if isinstance(error, Refusal):
            raise
        raise refusal_for(target, error) from None
    class_name = [one.name for one in ast.parse(code).body if isinstance(one, ast.ClassDef)][-1]
    return {"exit_code": 0, "code": code, "class_name": class_name, "examples": examples.to_json()}


def _traced(folder: str, request: dict[str, Any], fault: Any) -> tuple[Draft, dict[str, Any], float | None]:
    """The draft of a model that is loaded, its example inputs by name, and the seconds that are left."""
    from torch import nn

    from graphtools.capture.api import trace
    from graphtools.drafting.draft import Draft

    loaded, limit_s = prepare(folder, request, fault)
    if not isinstance(loaded.model, nn.Module):
        raise Refusal(f"{request['target']} is a function and has no parameters to train", 2)
    graph = trace(loaded.model, *loaded.args, method=request["method"], **loaded.kwargs)
    names = [node.name for node in graph.inputs]
    by_place = dict(zip(names, loaded.args, strict=False))
    return Draft(graph), {**by_place, **{k: v for k, v in loaded.kwargs.items() if k in names}}, limit_s


def _read(target: str) -> Draft:
    """The draft in a file of a draft, a graph or a recording; nothing in the file is run."""
    from graphtools.drafting.draft import Draft
    from graphtools.errors import FormatError
    from graphtools.saving import load

    try:
        return Draft.load(target) if target.endswith(".json") else Draft(load(target).graph)
    except FormatError as error:
        said = str(error)
        raise Refusal(said if target in said else f"{target}: {said}", 2) from None
    except OSError as error:
        raise Refusal(f"cannot read {target}: {error.strerror or error}", 2) from None


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
