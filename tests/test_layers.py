"""The house rules that a machine can check: imports point down, torch stays out where it is not needed."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import graphtools

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "graphtools"

# Lowest first; a module imports only from its own layer or below, at any depth of its code unless marked late.
LAYERS = [
    {
        "errors",
        "watchdog",
        "endings",
        "importing",
        "graph",
        "kinds",
        "words",
        "columns",
        "meaning",
        "flops",
        "fold",
        "encoding",
    },
    {"recording", "table", "diagram", "convert"},
    {"frames", "payload", "viewer"},
    {
        "compat",
        "structure",
        "catalog",
        "capture",
        "replaying",
        "statistics",
        "picture",
        "example_inputs",
        "guessing",
        "layer_inputs",
        "saving",
    },
    {"derivatives", "mistakes"},
    {"drafting"},
    {"codegen", "palette", "rewriting"},
    {"pretrained", "importing"},
    {"projects"},
    {"loading", "example_loss", "example_step", "editing", "training", "comparing"},
    {"visible", "conditions", "changes", "breakpoints", "debugger", "typed", "watching", "explaining"},
    {"summaries", "answering"},
    {"editor"},
    {"screen", "branching", "terminal"},
    {"learning"},
    {"backend"},
    {"cli"},
]
TORCH_FREE = [
    "errors",
    "graph",
    "kinds",
    "words",
    "meaning",
    "flops",
    "fold",
    "encoding",
    "recording",
    "table",
    "diagram",
    "payload",
    "frames",
    "comparing",
]


def modules() -> dict[str, str]:
    """Each file of the package with the top-level name it belongs to."""
    found = {}
    for file in PACKAGE.rglob("*.py"):
        if "node_modules" not in file.parts:
            parts = file.relative_to(PACKAGE).with_suffix("").parts
            found[str(file)] = parts[0]
    return found


def imports(file: str) -> set[str]:
    """Top-level names inside graphtools that a file imports when it is itself imported."""
    found = set()
    for statement in ast.parse(Path(file).read_text()).body:
        if isinstance(statement, ast.ImportFrom) and (statement.module or "").startswith("graphtools"):
            parts = (statement.module or "").split(".")
            found |= {parts[1]} if len(parts) > 1 else {alias.name for alias in statement.names}
    return found


def test_every_module_stands_in_a_layer() -> None:
    names = set(modules().values()) - {"__init__", "__main__"}
    assert names == set().union(*LAYERS)


def test_imports_point_down() -> None:
    rank = {name: layer for layer, names in enumerate(LAYERS) for name in names}
    upward = [
        f"{file} imports {name}"
        for file, own in modules().items()
        if own in rank
        for name in imports(file)
        if rank.get(name, -1) > rank[own]
    ]
    assert upward == []


def run(code: str) -> str:
    """What a fresh Python prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return done.stdout.strip()


def test_the_lower_layers_import_without_torch() -> None:
    names = ", ".join(f"graphtools.{name}" for name in TORCH_FREE)
    assert run(f"import sys, {names}; print('torch' in sys.modules)") == "False"


def test_import_graphtools_does_not_import_torch() -> None:
    assert run("import sys, graphtools; print('torch' in sys.modules)") == "False"


def test_help_and_completion_do_not_import_torch() -> None:
    code = (
        "import sys\nfrom graphtools.cli import main\n"
        "for words in (['trace', '--help'], ['completion', 'bash']):\n"
        "    try: main(words)\n    except SystemExit: pass\n"
        "print('torch' in sys.modules)"
    )
    assert run(code).endswith("False")


def test_only_the_app_imports_streamlit() -> None:
    importing = [
        file
        for file in modules()
        for node in ast.walk(ast.parse(Path(file).read_text()))
        if (isinstance(node, ast.Import) and any(alias.name.startswith("streamlit") for alias in node.names))
        or (isinstance(node, ast.ImportFrom) and (node.module or "").startswith("streamlit"))
    ]
    assert importing == []


def test_the_public_names_are_these() -> None:
    assert graphtools.__all__ == [
        "CaptureError",
        "Comparison",
        "ConditionError",
        "Debugger",
        "Draft",
        "DraftError",
        "EditError",
        "Event",
        "Explanation",
        "Flow",
        "FormatError",
        "Graph",
        "GraphError",
        "GraphtoolsError",
        "LimitError",
        "Limits",
        "LoadError",
        "MissingError",
        "Node",
        "PositionError",
        "Recording",
        "Ref",
        "Source",
        "Spec",
        "Stage",
        "Update",
        "ValueLost",
        "compare",
        "edit",
        "load",
        "record",
        "replay",
        "run",
        "trace",
        "training_step",
    ]
    for name in graphtools.__all__:
        assert getattr(graphtools, name).__doc__, f"{name} has no docstring"
