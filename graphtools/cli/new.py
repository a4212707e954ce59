"""`graphtools new`: writes a small training project, around a model if one is given."""

from __future__ import annotations

import argparse
from pathlib import Path

from graphtools.cli import fail
from graphtools.cli.child import Answer, ask_for_project
from graphtools.projects.examples import Examples
from graphtools.projects.writing import ProjectError, check_place, write_project
from graphtools.words import plain


def new(arguments: argparse.Namespace) -> int:
    """Runs the command; returns its exit code."""
    try:
        check_place(arguments.name)
        if arguments.source is None:
            return _said(write_project(arguments.name), None)
        answer = _ask(arguments)
        if answer.examples is None:
            fail(answer.message or "no answer")
            return answer.exit_code
        examples = Examples.from_json(answer.examples)
        folder = write_project(
            arguments.name,
            model_code=answer.code,
            class_name=answer.class_name,
            examples=examples,
            source=_words(arguments.source),
        )
        return _said(folder, examples)
    except ProjectError as error:
        return fail(str(error))
    except OSError as error:
        return fail(f"cannot write {arguments.name}: {error.strerror or error}")


def _ask(arguments: argparse.Namespace) -> Answer:
    return ask_for_project(
        {
            "target": arguments.source,
            "inputs": arguments.input,
            "method": arguments.method,
            "fake": False,
            "train": False,
            "device": "cpu",
            "seed": 0,
            "limits": [None, None, arguments.limit_seconds],
        }
    )


def _words(source: str) -> str:
    """What a model was made of, without the folders of this machine."""
    path, separator, name = source.partition(":")
    return f"`{plain(Path(path).name)}{separator}{plain(name)}`"


def _said(folder: Path, examples: Examples | None) -> int:
    print(f"wrote {folder}/: {', '.join(sorted(file.name for file in folder.iterdir() if file.name[0] != '.'))}")
    if examples is not None:
        print(
            f"dataset.py holds random numbers ({', '.join(a.words() for a in examples.arguments)}): put your data there"
        )
    print(f"cd {folder} && python train.py")
    return 0
