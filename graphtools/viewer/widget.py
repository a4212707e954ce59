"""The viewer as an anywidget: the same module as everywhere, and Python behind it that answers and edits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import anywidget
import traitlets

from graphtools.graph import Graph
from graphtools.payload import graph_payload, run_payload
from graphtools.recording import Recording
from graphtools.viewer.page import LANGUAGES, bundle


class Widget(anywidget.AnyWidget):  # type: ignore[misc]
    """A graph or a recording. `position` is the index of the current event, and follows the viewer both ways.

    After an edit in the viewer `recording` is the branch, `branches` all recordings so far, the first one first, and
    `branch_names` says what was changed in each but the first. `branch` is the place of the shown one in `branches`:
    it follows the viewer both ways too.
    """

    payload = traitlets.Dict().tag(sync=True)
    run = traitlets.Dict(allow_none=True).tag(sync=True)
    position = traitlets.Int(0).tag(sync=True)
    branch = traitlets.Int(0).tag(sync=True)
    branch_names = traitlets.List(traitlets.Unicode()).tag(sync=True)
    height = traitlets.Int(600).tag(sync=True)
    language = traitlets.Enum(LANGUAGES, "en").tag(sync=True)

    def __init__(self, shown: Graph | Recording, height: int = 600, language: str = "en") -> None:
        self.recording = shown if isinstance(shown, Recording) else None
        self.branches: list[Recording] = [self.recording] if self.recording is not None else []
        self._answers: dict[int, Any] = {}  # by the place of the recording in `branches`
        self._edits: dict[int, dict[str, Any]] = {}  # the replies to edits, which a viewer that waits long asks again
        graph = shown if isinstance(shown, Graph) else shown.graph
        super().__init__(
            _esm=bundle(),
            payload=graph_payload(graph),
            run=run_payload(self.recording) if self.recording is not None else None,
            height=height,
            language=language,
        )
        self.on_msg(self._asked)

    def show(self, recording: Recording, name: str = "") -> None:
        """Shows another recording in the same place, as one more branch; `name` says in words what it is."""
        self.branches.append(recording)
        with self.hold_sync():  # the viewer is built anew once
            if len(self.branches) > 1:
                self.branch_names = [*self.branch_names, name or recording.graph.capture.model or "recording"]
            if self.branch == len(self.branches) - 1:  # the first of a widget that showed a graph
                self._show_branch()
            self.branch = len(self.branches) - 1

    @traitlets.validate("branch")  # type: ignore[untyped-decorator]
    def _branch_that_is(self, proposal: Any) -> int:
        return max(0, min(int(proposal["value"]), len(self.branches) - 1))

    @traitlets.observe("branch")  # type: ignore[untyped-decorator]
    def _show_branch(self, _: Any = None) -> None:
        self.recording = self.branches[self.branch]
        with self.hold_sync():
            self.payload = graph_payload(self.recording.graph)
            self.run = run_payload(self.recording)

    def _asked(self, _: Any, question: Any, buffers: Any) -> None:
        if not isinstance(question, dict) or "id" not in question:
            return
        if question["id"] in self._edits:
            self.send(self._edits[question["id"]])
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
        except KeyboardInterrupt:
            reply["error"] = "Stopped."
        if question.get("op") == "edit":
            self._edits[question["id"]] = reply
        self.send(reply)
        if branch is not None:
            self.show(branch, _in_words(question["args"]))

    def _answering(self) -> Any:
        from graphtools.answering import Answers

        if self.branch not in self._answers:
            assert self.recording is not None, "a graph has no tensors to ask for"
            self._answers[self.branch] = Answers(self.recording)
        return self._answers[self.branch]


def _in_words(args: Mapping[str, Any]) -> str:
    what = {"value": "", "gradient": "gradient of ", "operation": "operation "}[args["what"]]
    return f"{what}{args.get('parameter') or args.get('name')} = {args['text']}"
