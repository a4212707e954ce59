"""What a person chose to open."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Mode = Literal["step", "forward"]
Kind = Literal["example", "torchvision", "file", "recording", "draft"]


@dataclass(frozen=True, slots=True)
class Choice:
    """What to open. `target` and `inputs` are as for graphtools.loading.load; `run` tells runs apart.

    `may_run_source` allows to run the file of the model that a draft was made of, for its weights.
    `mode` is "step" for a training step (forward, loss, backward, update), or "forward" for a forward pass alone.
    """

    kind: Kind
    target: str
    title: str
    inputs: tuple[str, ...] = ()
    run: int = 0
    mode: Mode = "step"
    may_run_source: bool = False

    @property
    def revision(self) -> str:
        """A text that differs from that of any other choice."""
        return "\n".join([self.kind, self.target, *self.inputs, str(self.run), self.mode])

    @property
    def runs_user_code(self) -> bool:
        """True if opening it executes a file that is not part of graphtools."""
        return self.kind == "file"

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {**asdict(self), "inputs": list(self.inputs)}

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Choice:
        """The choice that `to_json` gave."""
        return cls(**{**document, "inputs": tuple(document["inputs"])})
