"""What a drawn editor of drafts asks of Python: the picture of a draft, commands, forms, values, files. All is JSON."""

from __future__ import annotations

from graphtools.editor.editor import Editor

__all__ = ["Editor"]
