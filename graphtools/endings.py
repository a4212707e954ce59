"""What to say of a process that ran somebody's code and ended before it could answer."""

from __future__ import annotations

import os
import re
import signal


def obituary(target: str, code: int, fault: str, limit_s: float | None = None, less_memory: str = "") -> str:
    """Why the process that ran `target` ended, and what to do: a sentence or two.

    `code` is its return code, negative for a signal; `fault` what faulthandler wrote of its last stack; `limit_s` the
    seconds it had; `less_memory` what asks for less.
    """
    where = _place(fault)
    at = f" at {where}" if where else ""
    if fault.startswith("Timeout"):
        limit = f" of {limit_s:g} s" if limit_s is not None else ""
        return f"{target} did not stop at its limit{limit}{at}: it was in code that cannot be interrupted"
    if code == -signal.SIGKILL:
        instead = f", or {less_memory}" if less_memory else ""
        return (
            f"the process that ran {target} was killed (signal 9), most often because memory ran out. "
            f"Use a smaller input{instead}"
        )
    if code < 0:
        name = signal.Signals(-code).name
        meaning = {"SIGSEGV": "segmentation fault", "SIGABRT": "abort", "SIGBUS": "bus error"}.get(name, name)
        return (
            f"the process that ran {target} crashed with signal {-code} ({meaning}){at}. The crash is in compiled code "
            "that this line calls; run the line alone to see it"
        )
    return f"the process that ran {target} ended itself with code {code} before it could answer (os._exit?){at}"


def _place(fault: str) -> str:
    """The innermost line of the stack that is neither Python's, nor a package's, nor ours; empty if there is none."""
    # One stack for each thread. A crash names its own thread; at a limit the main thread, which is the last, counts.
    stacks = re.split(r"^(?=Thread 0x|Current thread )", fault, flags=re.MULTILINE)
    stack = next((stack for stack in stacks if stack.startswith("Current")), stacks[-1])
    frames = re.findall(r'File "(.+?)", line (\d+) in (\S+)', stack)
    package, library = os.path.dirname(os.path.abspath(__file__)), os.path.dirname(os.path.abspath(os.__file__))
    own = [frame for frame in frames if "site-packages" not in frame[0]]
    own = [frame for frame in own if not frame[0].startswith((package, library, "<"))]
    return "{}:{} in {}".format(*own[0]) if own else ""
