"""The child process of `graphtools record`: records a run of the user's model and writes what was asked for."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from graphtools.cli.debug_worker import record_run
from graphtools.cli.worker import serve


def main(folder: str, request: dict[str, Any]) -> None:
    """Holds one recording."""

    def answer(request: dict[str, Any], fault: Any) -> dict[str, Any]:
        recording, notes = record_run(folder, request, fault)
        message = ""
        for name, path in request["files"].items():
            try:
                recording.to_html(path) if name == "html" else recording.save(path)
            except OSError as error:
                message = f"cannot write {path}: {os.strerror(error.errno) if error.errno else error}"
        return {
            "graph": recording.graph.to_json(),
            "inputs_note": "\n".join(notes),
            "message": message,
            "exit_code": 0 if recording.failure is None else 1,
        }

    serve(folder, request, answer)


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
