"""Training projects as folders: writes a new one, recognizes one that is there."""

from __future__ import annotations

from graphtools.projects.writing import write_project

__all__ = ["write_project"]
