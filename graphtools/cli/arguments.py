"""The commands and options of `graphtools`, with their help."""

from __future__ import annotations

import argparse
from typing import Any

import shtab

import graphtools

_TARGET = (
    "model.py, model.py:Net, a project's folder, torchvision:resnet18 (@DEFAULT for trained weights) or "
    "package.module:Net"
)
_INPUTS = """inputs:
  --input takes [NAME=][DTYPE:]SIZES[:LOW..HIGH] and may be repeated, one for each argument of forward:
    --input 1,3,224,224                      a float32 tensor of normal random numbers
    --input int64:1,128:0..30000             integers from 0 to 29999
    --input int64:1,128:0..9 --input mask=bool:1,128
  Without it the file's `example_input` or `example_inputs` (a value or a function) is used, else a guess from the
  layers and argument names, which the output calls a guess. What is no tensor (a number, a flag) is given in the file:
    example_input = {'x': torch.ones(1, 3), 'scale': 0.5}
"""
_TRACED = """
exit codes:
  0  the graph is complete
  1  the model's run raised, was interrupted or reached a limit: the graph so far is shown, with the failing operation
     (after a crash: only where it was)
  2  the run never began: no such file, no model in it, an input that is no input, the file ended the process, ...
"""

_WRITTEN = """
exit codes:
  0  the code is complete
  1  the model's run raised, was interrupted or reached a limit
  2  the run never began, or the model cannot be written as code; one line says why
"""

_DEBUGGED = f"""{_INPUTS}
exit codes:
  0  the session ended
  1  the model's run raised, was interrupted or reached a limit; the prompt opens at the last event
  2  the run never began: no such file, no model in it, an input that is no input, ...
"""

_RECORDED = f"""{_INPUTS}
exit codes:
  0  the run is complete
  1  the model's run raised, was interrupted or reached a limit: what was recorded so far is written
  2  the run never began, or a file cannot be written
"""

_TRAINED = """a plan file, with all that the options say and more:
  model = "model.py"
  epochs = 5
  [data]
  source = "digits"
  [optimizer]
  name = "adam"
  lr = 0.001
  [transfer]
  freeze = ["features"]
  lr = { "head.*" = 0.01 }
  [checkpoints]
  folder = "runs/first"

exit codes:
  0  the training is done
  1  it stopped: a condition, an error in a step, Ctrl-C (which writes a checkpoint if there is a folder for them)
  2  it never began: no such model, data or option
"""

_NEW = f"""{_INPUTS}
exit codes:
  0  the project is written
  1  the model's run raised, was interrupted or reached a limit; nothing is written
  2  the name is none, the folder is not empty, or there is no such model; nothing is written
"""

_COMPARED = """exit codes, as those of diff:
  0  no difference
  1  there are differences
  2  a file is not there, is refused or cannot be written
"""

_SHOWN = """exit codes:
  0  the recording is shown, also one of a run that stopped early
  2  there is no such file, or it is refused: damaged, no recording, of a newer version, ...; one line says why
"""


def make_parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    parser = argparse.ArgumentParser(
        prog="graphtools", description="See PyTorch's computational graphs.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"graphtools {graphtools.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    _add_trace(commands)
    _add_code(commands)
    _add_record(commands)
    _add_debug(commands)
    _add_show(commands)
    _add_compare(commands)
    _add_train(commands)
    _add_new(commands)
    _add_app(commands)
    _add_completion(commands, parser)
    return parser


def _add_trace(commands: Any) -> None:
    from graphtools.cli.trace import trace

    command = commands.add_parser(
        "trace",
        help="print the graph of a model, or write it as HTML, JSON, DOT or Mermaid",
        description="Prints the graph of a model as a table grouped by module. The file runs in a process of its own.",
        epilog=_INPUTS + _TRACED,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    target = command.add_argument("target", metavar="MODEL", help=_TARGET)
    target.complete = shtab.FILE  # type: ignore[attr-defined]
    capture = command.add_argument_group("capturing")
    capture.add_argument(
        "-i", "--input", action="append", default=[], metavar="SPEC", help="an example input, see below"
    )
    capture.add_argument(
        "--method",
        choices=["auto", "fx", "record"],
        default="auto",
        help="fx: torch.fx, before any data; record: watch a run; auto: fx, record where fx cannot (default)",
    )
    capture.add_argument(
        "--fake", action="store_true", help="shapes only: no weights are allocated, nothing is computed"
    )
    capture.add_argument("--train", action="store_true", help="trace in training mode (default: eval mode)")
    capture.add_argument("--device", default="cpu", metavar="DEVICE", help="cpu (default), cuda, cuda:1, ...")
    capture.add_argument("--seed", type=int, default=0, metavar="N", help="of weights and inputs (default: 0)")
    capture.add_argument("--limit-operations", type=_count, metavar="N", help="stop the run after N operations")
    capture.add_argument("--limit-bytes", type=_byte_count, metavar="N", help="stop past N bytes of results (2G, 500M)")
    capture.add_argument("--limit-seconds", type=_seconds, metavar="S", help="stop the run after S seconds")
    _add_output(command)
    command.set_defaults(run=trace)


def _add_code(commands: Any) -> None:
    from graphtools.cli.code import code

    command = commands.add_parser(
        "code",
        help="print a model as the source of a torch.nn.Module class",
        description="Traces a model and prints a file of plain PyTorch that computes the same: one class for each kind "
        "of block, loops over repeated ones, and the same names of parameters, so that the model's weights can be "
        "loaded. Where torch.fx cannot trace the model, a run is recorded, and the file says what that run fixed.",
        epilog=_INPUTS + _WRITTEN,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    target = command.add_argument("target", metavar="MODEL", help=_TARGET)
    target.complete = shtab.FILE  # type: ignore[attr-defined]
    command.add_argument(
        "-i", "--input", action="append", default=[], metavar="SPEC", help="an example input, see below"
    )
    command.add_argument(
        "--method",
        choices=["auto", "fx", "record"],
        default="auto",
        help="fx: torch.fx, before any data; record: watch a run; auto: fx, record where fx cannot (default)",
    )
    command.add_argument("--name", metavar="CLASS", help="name of the class (default: the model's own)")
    command.add_argument("--seed", type=int, default=0, metavar="N", help="of weights and inputs (default: 0)")
    command.add_argument("--limit-seconds", type=_seconds, metavar="S", help="stop the run after S seconds")
    out = command.add_argument("-o", "--out", metavar="FILE", help="write the file instead of printing it")
    out.complete = shtab.FILE  # type: ignore[attr-defined]
    command.set_defaults(run=code)


def _add_debug(commands: Any) -> None:
    from graphtools.cli.debug import debug

    command = commands.add_parser(
        "debug",
        help="walk through a recorded run, forward and back, at a prompt",
        description="Records one forward pass, or with --train one training step, and opens a prompt with pdb's "
        "commands and their reverse: n, s, u, c, b, p, l, w and rn, rs, ru, rc. The file runs in a process of its own. "
        "Commands may also come from a pipe.",
        epilog=_DEBUGGED,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    target = command.add_argument("target", metavar="MODEL", help=f"{_TARGET}; or a saved recording: step.gt")
    target.complete = shtab.FILE  # type: ignore[attr-defined]
    _add_recording(command)
    command.set_defaults(run=debug)


def _add_recording(command: argparse.ArgumentParser) -> None:
    capture = command.add_argument_group("recording")
    capture.add_argument(
        "-i", "--input", action="append", default=[], metavar="SPEC", help="an example input, see below"
    )
    capture.add_argument("--device", default="cpu", metavar="DEVICE", help="cpu (default), cuda, cuda:1, ...")
    capture.add_argument("--seed", type=int, default=0, metavar="N", help="of weights, inputs and target (default: 0)")
    capture.add_argument("--limit-operations", type=_count, metavar="N", help="stop the run after N operations")
    capture.add_argument(
        "--limit-bytes", type=_byte_count, metavar="N", help="keep N bytes of values in memory, the rest on disk (2G)"
    )
    capture.add_argument("--limit-seconds", type=_seconds, metavar="S", help="stop the run after S seconds")
    training = command.add_argument_group("training step")
    training.add_argument(
        "--train", action="store_true", help="record loss, backward and update too, against a random target"
    )
    training.add_argument("--loss", choices=["cross_entropy", "mse"], help="default: the project's, else a guess")
    training.add_argument("--optimizer", choices=["sgd", "adam", "adamw"], help="default: the project's, else sgd")
    training.add_argument("--lr", type=float, metavar="RATE", help="default: 0.01 for sgd, else 0.001")


def _add_record(commands: Any) -> None:
    from graphtools.cli.record import record

    command = commands.add_parser(
        "record",
        help="record a run, or a whole training step, as a page or a file",
        description="Records one forward pass, or with --train one training step, prints its graph and writes every "
        "value and gradient: as an interactive page (--html) that needs neither Python nor a network, or as a "
        "recording (--save) for `graphtools show`, `debug`, `compare` and the app. The model's file runs in a process "
        "of its own.",
        epilog=_RECORDED,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    target = command.add_argument("target", metavar="MODEL", help=_TARGET)
    target.complete = shtab.FILE  # type: ignore[attr-defined]
    _add_recording(command)
    output = command.add_argument_group("output")
    output.add_argument(
        "--depth", type=_count, metavar="N", help="show N levels of modules; below that one row a module"
    )
    html = output.add_argument(
        "--html", metavar="FILE", help="write a page in which the whole run can be stepped through"
    )
    html.complete = shtab.FILE  # type: ignore[attr-defined]
    save = output.add_argument("--save", metavar="FILE", help="write the recording (step.gt)")
    save.complete = shtab.FILE  # type: ignore[attr-defined]
    command.set_defaults(run=record)


def _add_compare(commands: Any) -> None:
    from graphtools.cli.compare import compare

    command = commands.add_parser(
        "compare",
        help="say how two saved recordings differ, first difference first",
        description="Aligns two saved recordings by module, call and operation and says where they first differ, and "
        "by how much. Nothing in the files is run.",
        epilog=_COMPARED,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    for name in ("a", "b"):
        file = command.add_argument(name, metavar=name.upper(), help="a recording (step.gt)")
        file.complete = shtab.FILE  # type: ignore[attr-defined]
    command.add_argument("--rtol", type=float, default=0.0, metavar="X", help="relative tolerance (default: 0)")
    command.add_argument("--atol", type=float, default=0.0, metavar="X", help="absolute tolerance (default: 0)")
    html = command.add_argument("--html", metavar="FILE", help="write a page with both side by side, walked together")
    html.complete = shtab.FILE  # type: ignore[attr-defined]
    command.set_defaults(run=compare)


def _add_train(commands: Any) -> None:
    from graphtools.cli.train import train

    command = commands.add_parser(
        "train",
        help="train a model, with checkpoints and stops to look",
        description="Trains a model by the plain PyTorch loop, in a process of its own. What is given neither here nor "
        "in the plan file has a usual value: digits, cross-entropy, SGD.",
        epilog=_TRAINED,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    target = command.add_argument("plan_model", nargs="?", metavar="MODEL", help=_TARGET)
    target.complete = shtab.FILE  # type: ignore[attr-defined]

    def option(group: Any, flag: str, field: str, metavar: str, text: str, **more: Any) -> None:
        group.add_argument(flag, dest=f"plan_{field}", metavar=metavar, help=text, **more)

    config = command.add_argument("--config", metavar="FILE", help="a plan in TOML or JSON; options count before it")
    config.complete = shtab.FILE  # type: ignore[attr-defined]
    data = command.add_argument_group("data")
    option(data, "--data", "data__source", "SOURCE", "digits (default), random (of the shapes that the model takes), "
           "torchvision:NAME, folder:PATH, csv:FILE, numpy:FILE, or FILE.py:NAME for a Dataset "
           "of your own")  # fmt: skip
    option(data, "--transform", "data__transforms", "NAME(...)", "of torchvision.transforms.v2; may be repeated",
           action="append", default=[])  # fmt: skip
    option(data, "--test-share", "data__test_share", "X", "kept for testing (default: 0.2)", type=float)
    data.add_argument("--download", dest="plan_data__download", action="store_true", help="fetch torchvision's data")
    how = command.add_argument_group("learning")
    option(how, "--loss", "loss__name", "NAME", "cross_entropy (default), nll, mse, l1, smooth_l1, bce_with_logits, "
           "or model, which gives its own")  # fmt: skip
    option(how, "--optimizer", "optimizer__name", "NAME", "sgd (default), adam, adamw, rmsprop, adagrad")
    option(how, "--lr", "optimizer__lr", "RATE", "default: 0.1", type=float)
    option(how, "--momentum", "optimizer__momentum", "X", "of sgd and rmsprop", type=float)
    option(how, "--weight-decay", "optimizer__weight_decay", "X", "default: the optimizer's own", type=float)
    option(how, "--scheduler", "scheduler__name", "NAME", "cosine, step, exponential, linear, one_cycle")
    option(how, "--epochs", "epochs", "N", "default: 3", type=int)
    option(how, "--batch-size", "batch_size", "N", "default: 32; 0: each example by itself", type=int)
    option(how, "--seed", "seed", "N", "of weights, order and dropout (default: 0)", type=int)
    option(how, "--device", "device", "DEVICE", "cpu (default), cuda, cuda:1, ...")
    transfer = command.add_argument_group("transfer learning")
    option(transfer, "--weights", "transfer__weights", "FILE", "a state dict or a checkpoint; nothing in it is run")
    option(transfer, "--freeze", "transfer__freeze", "PATTERN", "what stays as it is; may be repeated",
           action="append", default=[])  # fmt: skip
    option(transfer, "--head", "transfer__head", "N", "a new last layer with N results", type=int)
    stops = command.add_argument_group("checkpoints and stops")
    option(stops, "--checkpoints", "checkpoints__folder", "FOLDER", "where to write them")
    stops.add_argument(
        "--resume", dest="plan_checkpoints__resume", action="store_true", help="go on from the last there"
    )
    option(stops, "--break-norm", "breaks__gradient_norm", "X", "stop before a step with a larger gradient", type=float)
    option(stops, "--break-rise", "breaks__loss_rise", "X", "stop before a step whose loss rose by X", type=float)
    option(stops, "--break-step", "breaks__step", "N", "stop before step N", type=int)
    stops.add_argument("--break-nonfinite", dest="plan_breaks__nonfinite", action="store_true",
                       help="stop before a step with NaN or infinity in loss or gradients")  # fmt: skip
    record = stops.add_argument("--record", metavar="FILE", help="write the step that it stopped at (step.gt)")
    record.complete = shtab.FILE  # type: ignore[attr-defined]
    command.set_defaults(run=train)


def _add_new(commands: Any) -> None:
    from graphtools.cli.new import new

    command = commands.add_parser(
        "new",
        help="write a small training project of plain PyTorch",
        description="Writes a folder with model, data, loss, training loop, settings and tests, which trains at once "
        "on scikit-learn's digits and does not need graphtools. With --from it stands around the code of a model, on "
        "random data of the shapes that the model takes, to be replaced by yours.",
        epilog=_NEW,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    command.add_argument("name", metavar="NAME", help="the new folder; it must not be there, or be empty")
    source = command.add_argument(
        "--from", dest="source", metavar="MODEL", help=f"{_TARGET}; or a draft (draft.json) or a recording (step.gt)"
    )
    source.complete = shtab.FILE  # type: ignore[attr-defined]
    command.add_argument(
        "-i", "--input", action="append", default=[], metavar="SPEC", help="an example input, see below"
    )
    command.add_argument(
        "--method",
        choices=["auto", "fx", "record"],
        default="auto",
        help="fx: torch.fx, before any data; record: watch a run; auto: fx, record where fx cannot (default)",
    )
    command.add_argument("--limit-seconds", type=_seconds, metavar="S", help="stop the model's run after S seconds")
    command.set_defaults(run=new)


def _add_app(commands: Any) -> None:
    from graphtools.cli.app import app

    command = commands.add_parser(
        "app",
        help="open the app in a browser, on a model right away if one is given",
        description="Starts the app on this machine and opens it in a browser; Ctrl-C stops it. A model that is given "
        "is run at once, in a process of its own.",
        epilog="With --address 0.0.0.0 others can reach the app. They then open bundled examples, models of "
        "torchvision and recordings; files of Python and edits, which run code with your rights, only with "
        "--allow-code.",
        allow_abbrev=False,
    )
    target = command.add_argument(
        "target", nargs="?", metavar="MODEL", help=f"{_TARGET}; or a saved recording: step.gt"
    )
    target.complete = shtab.FILE  # type: ignore[attr-defined]
    command.add_argument(
        "-i", "--input", action="append", default=[], metavar="SPEC", help="an example input, as for trace"
    )
    command.add_argument("--port", type=_count, metavar="N", help="default: 8501, or the next that is free")
    command.add_argument("--address", default="localhost", help="default: localhost, for this machine alone")
    command.add_argument("--allow-code", action="store_true", help="let everybody who reaches the app run code here")
    command.add_argument("--no-browser", action="store_true", help="start the server alone")
    command.set_defaults(run=app)


def _add_show(commands: Any) -> None:
    from graphtools.cli.show import show

    command = commands.add_parser(
        "show",
        help="print what is in a saved recording: its graph, stages, loss and updates",
        description="Prints what is in a recording that `recording.save` wrote. Neither the model's code nor anything "
        "in the file is run.",
        epilog=_SHOWN,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    file = command.add_argument("file", metavar="FILE", help="a recording (step.gt)")
    file.complete = shtab.FILE  # type: ignore[attr-defined]
    _add_output(command)
    command.set_defaults(run=show)


def _add_output(command: argparse.ArgumentParser) -> None:
    output = command.add_argument_group("output")
    output.add_argument(
        "--depth", type=_count, metavar="N", help="show N levels of modules; below that one row a module"
    )
    html = output.add_argument("--html", metavar="FILE", help="write an interactive page that needs no network")
    html.complete = shtab.FILE  # type: ignore[attr-defined]
    form = output.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print one JSON document instead of the table")
    form.add_argument("--dot", action="store_true", help="print Graphviz DOT text instead of the table")
    form.add_argument("--mermaid", action="store_true", help="print a Mermaid flowchart instead of the table")


def _add_completion(commands: Any, parser: argparse.ArgumentParser) -> None:
    def print_completion(arguments: argparse.Namespace) -> int:
        print(shtab.complete(parser, shell=arguments.shell))
        return 0

    command = commands.add_parser(
        "completion",
        help="print a completion script for your shell",
        description='Prints a completion script. For bash: eval "$(graphtools completion bash)" in ~/.bashrc.',
        allow_abbrev=False,
    )
    command.add_argument("shell", choices=shtab.SUPPORTED_SHELLS)
    command.set_defaults(run=print_completion)


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 0 on")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 1e9:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds; write 10 or 0.5")
    return seconds


def _byte_count(text: str) -> int:
    unit = {"K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}.get(text[-1:].upper(), 1)
    try:
        return int(float(text[:-1] if unit > 1 else text) * unit)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of bytes; write 500M or 2G") from None
