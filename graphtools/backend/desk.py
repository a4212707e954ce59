"""What a model's process can be asked: to open something, for its documents, answers, branches, comparisons, files."""

from __future__ import annotations

import gc
import json
import os
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from graphtools.answering import Answers
from graphtools.backend.choice import Choice
from graphtools.backend.opening import Opened, open_choice
from graphtools.backend.training_job import TrainingJob
from graphtools.capture.api import trace
from graphtools.comparing import compare
from graphtools.editor import Editor
from graphtools.errors import CaptureError, LoadError, missing
from graphtools.payload import graph_payload, run_payload
from graphtools.recording import Recording
from graphtools.table import format_graph
from graphtools.viewer.pair_page import lone_document, pair_document

Args = Mapping[str, Any]
Tell = Callable[[dict[str, Any]], None]
Reply = tuple[Any, list[bytes]]
_EDITS = ("do", "picture")  # what a person waits for with a hand on the mouse


class Stopped(Exception):
    """A request was given up because the person wanted so."""


class Desk:
    """What lies on the desk: a recording that was opened, and its branches. They are numbered from 0, the original."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.say: Callable[[dict[str, Any]], None] = lambda message: None
        self.recordings: list[Recording] = []
        self._answers: dict[int, Answers] = {}
        self._model: Callable[..., Any] | None = None
        self._job: TrainingJob | None = None
        self._editor: Editor | None = None
        self._is_to_collect = False
        self._ops: dict[str, Callable[[Args, Tell], Reply]] = {
            "open": self._open,
            "before": self._before,
            "beside": self._beside,
            "document": lambda args, tell: (None, [self.document(args["recording"])]),
            "answer": self._answer,
            "edit": self._edit,
            "compare": self._compare,
            "export": self._export,
            "train": self._train,
            "record_step": self._record_step,
            "draft": self._draft,
            "go_on_from": self._go_on_from,
            "models": lambda args, tell: (_torchvision_models(), []),
            "table": lambda args, tell: (format_graph(self._recording(args).graph, width=140), []),
        }

    def answer(self, op: str, args: Args, tell: Tell) -> Reply:
        """The answer to a request: something that JSON can hold, and bytes. Raises MissingError for an unknown one."""
        if op not in self._ops:
            raise missing("request", op, self._ops)
        if op == "draft" and args["ask"] in _EDITS:
            # To look for garbage takes as long as an edit of 500 nodes, so it is done once nobody waits.
            gc.disable()
            self._is_to_collect = True
        else:
            gc.enable()
        return self._ops[op](args, tell)

    def hear(self, message: dict[str, Any]) -> None:
        """Takes what needs no answer. Called from another thread, also while a request runs."""
        if self._job is not None and "train" in message:
            self._job.hear(str(message["train"]))

    @property
    def is_working(self) -> bool:
        """True while there is something to do between requests."""
        is_training = self._job is not None and self._job.is_running
        return is_training or self._is_to_collect or (self._editor is not None and self._editor.is_to_be_saved)

    def work(self) -> None:
        """Does a part of it: some steps of a training, and after an edit saves the draft, then collects garbage."""
        if self._editor is not None and self._editor.is_to_be_saved:
            self._editor.save()
        elif self._is_to_collect:
            self._is_to_collect = False
            gc.enable()
            gc.collect()
        if self._job is not None:
            self._job.work()

    def document(self, number: int) -> bytes:
        """What the viewer draws of a recording, `payload` and `run`, as JSON."""
        recording = self.recordings[number]
        return _json({"payload": graph_payload(recording.graph), "run": run_payload(recording)})

    def add(self, recording: Recording) -> int:
        """Puts a recording on the desk; returns its number."""
        self.recordings.append(recording)
        return len(self.recordings) - 1

    def _before(self, args: Args, tell: Tell) -> Reply:
        """The graph that torch.fx has before any data, beside the recording, for the viewer; runs nothing."""
        tell({"doing": "Tracing the model before any data"})
        recording = self._recording(args)
        try:
            if self._model is None:
                raise CaptureError("a saved recording has no code to trace; open the model's file")
            document = pair_document(compare(trace(self._model, method="fx"), recording))
        except CaptureError as error:
            document = lone_document(recording, error.reason)
        return None, [_json(document)]

    def _beside(self, args: Args, tell: Tell) -> Reply:
        """Two recordings for the viewer; answers the event of the first at which they differ first, -1 for none."""
        tell({"doing": "Comparing"})
        document = pair_document(compare(self.recordings[args["a"]], self.recordings[args["b"]]), tuple(args["titles"]))
        return document["pairing"]["first"], [_json(document)]

    def _open(self, args: Args, tell: Tell) -> Reply:
        opened = open_choice(Choice.from_json(args["choice"]), lambda doing: tell({"doing": doing}))
        self.recordings, self._answers, self._model = [], {}, opened.model
        if opened.recording is None or not opened.recording.events:
            return _described(opened), []
        tell({"doing": "Drawing the graph"})
        return _described(opened), [self.document(self.add(opened.recording))]

    def _recording(self, args: Args) -> Recording:
        number = args["recording"]
        if not 0 <= number < len(self.recordings):
            raise LoadError(f"there is no recording {number} any more; open the model again")
        return self.recordings[number]

    def _answers_of(self, args: Args) -> Answers:
        number = args["recording"]
        if number not in self._answers:
            self._answers[number] = Answers(self._recording(args))
        return self._answers[number]

    def _answer(self, args: Args, tell: Tell) -> Reply:
        return self._answers_of(args).answer(args["question"], args["args"]), []

    def _edit(self, args: Args, tell: Tell) -> Reply:
        tell({"doing": "Running again with the change"})
        branch = self._answers_of(args).branch(args["change"])
        if isinstance(branch.error, KeyboardInterrupt):
            raise Stopped
        number = self.add(branch)
        return {"recording": number, "events": len(branch)}, [self.document(number)]

    def _train(self, args: Args, tell: Tell) -> Reply:
        tell({"doing": "Loading the model and the data"})
        self._job = TrainingJob(args["plan"], self.say)
        self._model = self._job.trainer.model
        self._job.report()
        return self._job.about(), []

    def _record_step(self, args: Args, tell: Tell) -> Reply:
        if self._job is None:
            raise LoadError("no training runs here")
        tell({"doing": "Recording the step"})
        recording, step = self._job.record()
        number = self.add(recording)
        return {"recording": number, "step": step}, [self.document(number)]

    def _draft(self, args: Args, tell: Tell) -> Reply:
        """A request to the editor; `open` opens the draft of a file, a new one there, or the one of a model."""
        if args["ask"] == "open":
            self._editor = Editor(args["file"])
            source, inputs, may_run = args["source"], tuple(args["inputs"]), args["may_run"]
            self._editor.open(source, inputs, may_run, lambda doing: tell({"doing": doing}))
            self._editor.save()
            picture = self._editor.picture()
            gc.collect()
            gc.freeze()  # what opening has imported and remembered stays as long as the process
            return picture, []
        if self._editor is None:
            raise LoadError("no draft is open here")
        return self._editor.answer(args["ask"], args["args"]), []

    def _go_on_from(self, args: Args, tell: Tell) -> Reply:
        if self._job is None:
            raise LoadError("no training runs here")
        tell({"doing": "Going on from the changed step"})
        self._job.go_on_from(self._recording(args), str(args["name"]), bool(args["resume"]))
        return None, []

    def _compare(self, args: Args, tell: Tell) -> Reply:
        return str(compare(self.recordings[args["a"]], self.recordings[args["b"]])), []

    def _export(self, args: Args, tell: Tell) -> Reply:
        """Writes a file into the folder; answers its path."""
        tell({"doing": "Writing the file"})
        path = os.path.join(self.folder, f"export.{args['kind']}")
        if args["kind"] == "compared.html":
            pair = compare(self.recordings[args["a"]], self.recordings[args["b"]])
            pair.to_html(path, tuple(args["titles"]), args.get("language", "en"))
            return path, []
        recording = self._recording(args)
        graph = recording.graph
        text = {"json": graph.to_json, "dot": graph.to_dot, "mmd": graph.to_mermaid}
        write: dict[str, Callable[[], Any]] = {
            "html": partial(recording.to_html, path, language=args.get("language", "en")),
            "gt": partial(recording.save, path),
            **{kind: partial(_write, path, make) for kind, make in text.items()},
        }
        if args["kind"] not in write:
            raise missing("kind of file", args["kind"], write)
        write[args["kind"]]()
        return path, []


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":"), allow_nan=False).encode()


def _torchvision_models() -> list[str]:
    from torchvision.models import list_models  # 1.7 s, which most models do without

    return list(list_models())


def _write(path: str, make: Callable[[], str]) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(make())


def _described(opened: Opened) -> dict[str, Any]:
    """What the interface says of what was opened, besides the document."""
    recording, failure = opened.recording, opened.failure
    graph = recording.graph if recording is not None else None
    return {
        "title": opened.choice.title,
        "notes": [*opened.notes, *(graph.capture.notes if graph else ())],
        "mistakes": opened.mistakes,
        "project": None
        if opened.project is None
        else {
            "files": [[file.path, file.role, file.why] for file in opened.project.files],
            "used": opened.project.used(),
            "problems": list(opened.project.problems),
        },
        "operations": len(graph.operations) if graph else 0,
        "parameters": graph.n_parameters if graph else 0,
        "events": len(recording) if recording is not None else 0,
        "first": opened.first_event,
        "failure": None
        if failure is None
        else {
            "type": failure.type,
            "message": failure.message,
            "inputs": [str(spec) for spec in failure.inputs],
            "file": failure.source.file if failure.source else "",
            "line": failure.source.line if failure.source else 0,
            "column": failure.source.column if failure.source else 0,
            "lines": opened.lines,
        },
        "seconds": opened.seconds,
    }
