"""The viewer as an anywidget: the same module as everywhere, and Python behind it that answers and edits."""

from __future__ import annotations

from typing import Any

import anywidget
import traitlets

from graphtools.graph import Graph
from graphtools.payload import graph_payload, run_payload
from graphtools.recording import Recording
from graphtools.viewer.page import LANGUAGES, bundle


class Widget(anywidget.AnyWidget):  # type: ignore[misc]
    """A graph or a recording. `position` is the index of the current event, and follows the viewer both ways.

    After an edit in the viewer `recording` is the branch, and `branches` all recordings so far, the first one first.
    """

    payload = traitlets.Dict().tag(sync=True)
    run = traitlets.Dict(allow_none=True).tag(sync=True)
    position = traitlets.Int(0).tag(sync=True)
    height = traitlets.Int(600).tag(sync=True)
    language = traitlets.Enum(LANGUAGES, "en").tag(sync=True)

    def __init__(self, shown: Graph | Recording, height: int = 600, language: str = "en") -> None:
        self.recording = shown if isinstance(shown, Recording) else None
        self.branches: list[Recording] = [self.recording] if self.recording is not None else []
        self._answers: Any = None
        graph = shown if isinstance(shown, Graph) else shown.graph
        super().__init__(
            _esm=bundle(),
            payload=graph_payload(graph),
            run=run_payload(self.recording) if self.recording is not None else None,
            height=height,
            language=language,
        )
        self.on_msg(self._asked)

    def show(self, recording: Recording) -> None:
        """Shows another recording in the same place."""
        self.recording, self._answers = recording, None
        self.branches.append(recording)
        with self.hold_sync():  # the viewer is built anew once
            self.payload = graph_payload(recording.graph)
            self.run = run_payload(recording)

    def _asked(self, _: Any, question: Any, buffers: Any) -> None:
        if not isinstance(question, dict) or "id" not in question:
            return
        reply: dict[str, Any] = {"id": question["id"]}
        branch = None
        try:
            if question.get("op") == "edit":
                branch = self._answering().branch(question.get("args") or {})
                reply["result"] = {"events": len(branch)}
            else:
                reply["result"] = self._answering().answer(str(question.get("op")), question.get("args") or {})
        except Exception as error:  # whatever goes wrong is for the person who asked, not for the kernel's log
            reply["error"] = str(error) or type(error).__name__
        self.send(reply)
        if branch is not None:
            self.show(branch)

    def _answering(self) -> Any:
        from graphtools.answering import Answers

        if self._answers is None:
            assert self.recording is not None, "a graph has no tensors to ask for"
            self._answers = Answers(self.recording)
        return self._answers
