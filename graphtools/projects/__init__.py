"""Training projects as folders: writes a new one, recognizes one that is there."""

from __future__ import annotations

from graphtools.projects.project import Project
from graphtools.projects.recognizing import open_project
from graphtools.projects.writing import write_project

__all__ = ["Project", "open_project", "write_project"]
