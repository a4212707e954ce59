"""The branches of a session at the prompt: the original recording and what became of it by edits."""

from __future__ import annotations

import re

from graphtools.answering import change_of
from graphtools.comparing import compare
from graphtools.debugger import Debugger
from graphtools.editing import edit
from graphtools.errors import EditError, missing

USAGE = "edit NODE = PYTHON, as `edit relu = t * 0`, `edit fc gradient = t * 10`, `edit relu operation = torch.tanh`"
_EDIT = re.compile(r"(?P<of>\S+)(?:\s+(?P<what>value|gradient|operation))?\s*=\s*(?P<text>[^=].*)")


class Branches:
    """The debuggers of all branches, the original first; each keeps its position and its breakpoints."""

    def __init__(self, debugger: Debugger) -> None:
        self.debuggers = [debugger]
        self.names = ["the original"]
        self.current = 0

    @property
    def debugger(self) -> Debugger:
        """That of the current branch."""
        return self.debuggers[self.current]

    def edit(self, line: str) -> Debugger:
        """A new branch by a line as USAGE says, at the same position; it becomes the current one.

        `t` in the Python is what stands there now. Runs the program again. Raises EditError, and MissingError for an
        unknown name.
        """
        found = _EDIT.fullmatch(line.strip())
        if found is None:
            raise EditError(USAGE)
        what = found["what"] or "value"
        branch = edit(self.debugger.recording, found["of"], change_of(found["text"], what), what)  # type: ignore[arg-type]
        if isinstance(branch.error, EditError):  # raised by the text itself, and not by what follows from it
            raise branch.error
        position = min(self.debugger.position, len(branch) - 1)
        self.debuggers.append(Debugger(branch, max(0, position)))
        self.names.append(line.strip())
        self.current = len(self.debuggers) - 1
        return self.debugger

    def choose(self, number: int) -> Debugger:
        """Makes the branch of that number the current one; 0 is the original. Raises MissingError."""
        if not 0 <= number < len(self.debuggers):
            raise missing("branch", str(number), map(str, range(len(self.debuggers))))
        self.current = number
        return self.debugger

    def lines(self) -> list[str]:
        """A line for each branch, the current one marked."""
        return [
            f"{'*' if number == self.current else ' '} {number}  {name}  ({len(debugger)} events)"
            for number, (name, debugger) in enumerate(zip(self.names, self.debuggers, strict=True))
        ]

    def difference(self) -> str:
        """How the current branch differs from the original, first difference first. In the original: EditError."""
        if self.current == 0:
            raise EditError(f"this is the original; make a branch first: {USAGE}")
        return str(compare(self.debuggers[0].recording, self.debugger.recording))
