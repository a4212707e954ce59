"""Compares text with a file in `tests/golden`; GRAPHTOOLS_REWRITE_GOLDEN=1 writes the file instead."""

import difflib
import os
from pathlib import Path

FOLDER = Path(__file__).parent / "golden"


def check(name: str, text: str) -> None:
    """Asserts that `text` is what the golden file of that name holds, and says line by line where it is not."""
    path = FOLDER / name
    if os.environ.get("GRAPHTOOLS_REWRITE_GOLDEN") == "1":
        path.write_text(text + "\n", encoding="utf-8")
    assert path.exists(), f"{path} is missing; run once with GRAPHTOOLS_REWRITE_GOLDEN=1 and look at what it writes"
    expected = path.read_text(encoding="utf-8")
    changes = difflib.unified_diff(expected.splitlines(), text.splitlines(), name, "now", lineterm="")
    assert text + "\n" == expected, "\n".join(changes)
