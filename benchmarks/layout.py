"""Our layout beside dagre and ELK: crossings, area, length of lines and time, on the graphs of `benchmarks.graphs`.

    npm --prefix benchmarks ci
    python -m benchmarks.layout [NAME ...]

Writes the graphs as payloads and prints what layout.mjs finds.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.graphs import GRAPHS, write_payloads

SCRIPT = Path(__file__).with_name("layout.mjs")


def main() -> int:
    """Prints the table; returns what node returned."""
    names = sys.argv[1:] or list(GRAPHS)
    unknown = set(names) - set(GRAPHS)
    if unknown:
        print(f"no graph {', '.join(sorted(unknown))}; there are {', '.join(GRAPHS)}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        write_payloads({name: GRAPHS[name] for name in names}, Path(folder))
        return subprocess.run(["node", str(SCRIPT), folder], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
