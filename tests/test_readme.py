"""What the README says, runs."""

from __future__ import annotations

import re
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"


def blocks(language: str) -> list[str]:
    """The code blocks of a language."""
    return re.findall(rf"```{language}\n(.*?)```", README.read_text(), flags=re.DOTALL)


@pytest.mark.parametrize("block", blocks("python"))
def test_every_python_block_runs(block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torchvision's own
        exec(compile(block, "README.md", "exec"), {"__name__": "readme"})
    for name in re.findall(r'to_html\("(.+?)"', block):
        assert (tmp_path / name).stat().st_size > 10_000


def test_every_option_in_the_readme_exists() -> None:
    told = subprocess.run(
        [sys.executable, "-m", "graphtools", "trace", "--help"], capture_output=True, text=True, check=True
    ).stdout
    commands = [line for block in blocks("sh") for line in block.splitlines() if line.startswith("graphtools trace")]
    options = {word for line in commands for word in re.findall(r"--[a-z]+", line)}
    assert options and all(option in told for option in options)
