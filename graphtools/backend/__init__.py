"""A process of its own for somebody's model: it opens, records, edits and compares there, and an interface asks it.

What the model's code does to that process (a crash, an endless loop, all memory, `sys.exit`) ends that process alone.
The side of the interface, this module, imports no torch.
"""

from __future__ import annotations

from graphtools.backend.choice import Choice, Mode
from graphtools.backend.launching import Launcher
from graphtools.backend.process import Backend, BackendError, ProcessLimits, Task

__all__ = ["Backend", "BackendError", "Choice", "Launcher", "Mode", "ProcessLimits", "Task"]
