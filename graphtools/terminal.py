"""The debugger in a terminal, with pdb's commands and their reverse: what `graphtools debug` runs."""

from __future__ import annotations

import cmd
import os
import re
import shutil
import sys
import textwrap
from collections.abc import Callable
from typing import IO, Any

from graphtools.branching import Branches
from graphtools.breakpoints import Location
from graphtools.changes import value_text
from graphtools.conditions import PHASES, ConditionError
from graphtools.debugger import Debugger
from graphtools.errors import GraphtoolsError, missing
from graphtools.graph import Node
from graphtools.recording import Event
from graphtools.screen import ASCII_BARS, BARS, Screen
from graphtools.table import format_graph
from graphtools.typed import current_source, evaluate, is_place, known_names, read_number, read_place
from graphtools.words import plain

_ALIASES = {
    "next": "n", "over": "n", "step": "s", "into": "s", "up": "u", "out": "u", "r": "u", "return": "u", "continue": "c",
    "cont": "c", "back": "rs", "break": "b", "clear": "cl", "print": "p", "list": "l", "where": "w", "inspect": "i",
    "jump": "goto", "j": "goto", "help": "h", "exit": "q", "quit": "q",
}  # fmt: skip
_GROUPS = {
    "moving": "n s u c until goto first last",
    "moving back": "rn rs ru rc runtil",
    "looking": "p i grad w l changes graph explain",
    "breakpoints": "b cl enable disable",
    "what if": "edit branch diff",
    "other": "save h q",
}
_LISTED = 11  # lines that `l` shows, as pdb does
_SHOWN = 12  # changes that are printed before the rest is counted


class Terminal(cmd.Cmd):
    """A prompt over a Debugger. Where it reads from a terminal it has history and completion; else it repeats each
    line that it reads in its output."""

    prompt = "(debug) "

    def __init__(self, debugger: Debugger, stdin: IO[str] | None = None, stdout: IO[str] | None = None) -> None:
        super().__init__(stdin=stdin, stdout=stdout)
        self.branches = Branches(debugger)
        self.use_rawinput = stdin is None and sys.stdin.isatty()
        self._listed: tuple[str, int] | None = None  # the file and the last line that `l` showed

    @property
    def debugger(self) -> Debugger:
        """The debugger of the current branch."""
        return self.branches.debugger

    @property
    def screen(self) -> Screen:
        """What makes the text, for the width that the terminal has now."""
        is_terminal = self.stdout.isatty()
        width = shutil.get_terminal_size((80, 24)).columns if is_terminal else 80
        has_color = is_terminal and not os.environ.get("NO_COLOR")
        try:
            BARS.encode(getattr(self.stdout, "encoding", None) or "utf-8")
            bars = BARS
        except UnicodeEncodeError:
            bars = ASCII_BARS
        return Screen(self.debugger, max(60, width), has_color, bars)

    def say(self, *lines: str) -> None:
        """Prints lines."""
        for line in lines:
            self.stdout.write(line + "\n")

    def tell(self, *texts: str) -> None:
        """Prints texts without control characters, each broken into lines where it is longer than one."""
        for text in texts:
            wrapped = textwrap.wrap(plain(text), self.screen.width, subsequent_indent="    ", break_on_hyphens=False)
            self.say(*wrapped or [""])

    def run(self, *intro: str) -> None:
        """Prints `intro` and the first stop, and reads commands until `q` or the end of the input."""
        self.tell(*intro)
        self._show()
        while True:
            try:
                self.cmdloop()
                return
            except KeyboardInterrupt:
                self.say("", "(q quits)")

    # -- what cmd.Cmd calls -----------------------------------------------------------------------------------------

    def preloop(self) -> None:
        """Lets names with dots and numbers be completed as one word."""
        if self.use_rawinput:
            try:
                import readline
            except ImportError:  # a Python built without it
                return
            readline.set_completer_delims(" \t\n,()")

    def precmd(self, line: str) -> str:
        """Repeats a line that did not come from a keyboard, so that the output reads as a session."""
        if not self.use_rawinput and line != "EOF":
            self.say(line.rstrip("\n"))
        return line

    def parseline(self, line: str) -> tuple[str | None, str | None, str]:
        """The command and its argument; a line whose first word is no command is an expression: `relu.mean()`."""
        line = line.strip()
        word, _, arg = line.partition(" ")
        if word.startswith(("!", "?")) and len(word) > 1:
            word, arg = word[0], line[1:]
        word = {"!": "p", "?": "h"}.get(word, _ALIASES.get(word, word))
        if word and hasattr(self, f"do_{word}"):
            return word, arg.strip(), line
        return None, None, line

    def onecmd(self, line: str) -> bool:
        """Runs one command; what goes wrong is one line."""
        try:
            return bool(super().onecmd(line))
        except KeyboardInterrupt:
            self.say("*** interrupted")
        except BrokenPipeError:
            raise
        except GraphtoolsError as error:
            self.tell(f"*** {_in_commands(str(error))}")
        except Exception as error:  # an expression of the user
            self.tell(f"*** {type(error).__name__}: {error}")
        return False

    def default(self, line: str) -> None:
        """Prints the value of a line that is no command, as pdb does."""
        self.do_p(line)

    def completenames(self, text: str, *ignored: Any) -> list[str]:
        """Commands and names that begin with `text`."""
        words = {*_ALIASES, *" ".join(_GROUPS.values()).split()}
        return sorted(word for word in words if word.startswith(text)) + self.completedefault(text)

    def completedefault(self, text: str, *ignored: Any) -> list[str]:
        """Names of nodes, scopes, parameters and buffers that begin with `text`; these last by their paths alone."""
        states = {node.name for node in self.debugger.graph.nodes if node.kind in ("parameter", "buffer")}
        targets = {node.target for node in self.debugger.graph.nodes if node.name in states}
        return sorted(n for n in known_names(self.debugger) - (states - targets) if n.startswith(text))

    # -- moving -----------------------------------------------------------------------------------------------------

    def do_n(self, arg: str) -> None:
        """n [COUNT]: next, past the operation or module call that comes"""
        self._move(self.debugger.step_over, arg)

    def do_s(self, arg: str) -> None:
        """s [COUNT]: step to the next event, into module calls"""
        self._move(self.debugger.step_into, arg)

    def do_u(self, arg: str) -> None:
        """u, r [COUNT]: up, to the end of this module call; outside of all, to the end of the pass"""
        self._move(self.debugger.step_out, arg)

    def do_rn(self, arg: str) -> None:
        """rn [COUNT]: back over the operation or module call that ended here"""
        self._move(self.debugger.step_back_over, arg)

    def do_rs(self, arg: str) -> None:
        """rs, back [COUNT]: back to the event before"""
        self._move(self.debugger.step_back, arg)

    def do_ru(self, arg: str) -> None:
        """ru [COUNT]: back to before this module call; outside of all, to before the pass"""
        self._move(self.debugger.step_back_out, arg)

    def do_c(self, arg: str) -> None:
        """c: continue to the next breakpoint"""
        self._run(self.debugger.run)

    def do_rc(self, arg: str) -> None:
        """rc: back to the last breakpoint"""
        self._run(self.debugger.run_back)

    def do_until(self, arg: str) -> None:
        """until WHERE | CONDITION: run to a node, scope, line or file.py:31, or until a condition holds"""
        self._until(arg, self.debugger.run_to, self.debugger.run_until)

    def do_runtil(self, arg: str) -> None:
        """runtil WHERE | CONDITION: run back to a place, or to where a condition held"""
        self._until(arg, self.debugger.run_back_to, self.debugger.run_back_until)

    def do_goto(self, arg: str) -> None:
        """goto N: go to event N"""
        self.debugger.goto(read_number(arg, "goto N, N being the number of an event"))
        self._show()

    def do_first(self, arg: str) -> None:
        """first: go to the first event"""
        self.debugger.goto(0)
        self._show()

    def do_last(self, arg: str) -> None:
        """last: go to the last event"""
        self.debugger.goto(-1)
        self._show()

    def _move(self, step: Callable[[], Event | None], arg: str) -> None:
        for done in range(read_number(arg, "a count is a number") if arg else 1):
            if step() is None:
                self.say(self._end())
                if not done:
                    return
                break
        self._show()

    def _run(self, run: Callable[[], Event | None]) -> None:
        start = self.debugger.position
        try:
            if run() is None:
                self.tell(f"no breakpoint stops between {start} and here. {self._end()}")
        finally:  # where a condition raises, that is where the debugger stands
            self._show()

    def _until(self, arg: str, to: Callable[..., Event], until: Callable[..., Event | None]) -> None:
        if not arg:
            raise ConditionError("until what? a node, a scope, a line, or a condition: until not finite")
        if arg in PHASES:
            arg = f"phase == {arg!r}"
        if is_place(arg, self.debugger):
            where, phase = read_place(arg, self.debugger)
            self._note(self.debugger.locate(where, phase))
            to(where, phase)
        else:
            start = self.debugger.position
            if until(arg) is None:
                self.tell(f"nothing from {start} to here. {self._end()} `goto {start}` goes back.")
        self._show()

    def _end(self) -> str:
        return "This is the first event." if self.debugger.position == 0 else "This is the last event."

    def _show(self) -> None:
        self._listed = None
        self.say(*self.screen.stop())

    # -- breakpoints ------------------------------------------------------------------------------------------------

    def do_b(self, arg: str) -> None:
        """b [WHERE] [PHASE][, CONDITION]: break at a node, scope, line, file.py:31 or * (all); alone, list them"""
        if not arg:
            self.tell(*map(str, self.debugger.breakpoints or ["no breakpoints; `b WHERE` makes one"]))
            return
        place, _, condition = arg.partition(",")
        where, phase = read_place(place.strip(), self.debugger)
        made = self.debugger.break_at(where, condition.strip() or None, phase)
        self._note(made.location)
        self.tell(f"breakpoint {made}")

    def do_cl(self, arg: str) -> None:
        """cl [NUMBER]: clear a breakpoint, or all"""
        self.debugger.clear(read_number(arg, "cl NUMBER; `b` lists the breakpoints") if arg else None)
        self.do_b("")

    def do_enable(self, arg: str) -> None:
        """enable NUMBER: turn a breakpoint on again"""
        self.tell(str(self.debugger.enable(read_number(arg, "enable NUMBER; `b` lists the breakpoints"))))

    def do_disable(self, arg: str) -> None:
        """disable NUMBER: turn a breakpoint off"""
        self.tell(str(self.debugger.disable(read_number(arg, "disable NUMBER; `b` lists the breakpoints"))))

    def _note(self, location: Location) -> None:
        if location.note:
            self.tell(location.note)

    # -- looking ----------------------------------------------------------------------------------------------------

    def do_p(self, arg: str) -> None:
        """p EXPRESSION: print a node, scope, parameter, or Python with their names, value, grad, event, node, torch"""
        self.tell(value_text(evaluate(arg or "value", self.debugger)) or "None")

    def do_i(self, arg: str) -> None:
        """i [NODE]: inspect a value and its gradient: statistics and histogram"""
        self.say(*self.screen.inspection(self._node(arg)))

    def do_grad(self, arg: str) -> None:
        """grad [NODE]: print the gradient that has arrived at a node or parameter"""
        of = self._node(arg)
        grad = self.debugger.grad(of)
        if grad is not None:
            self.tell(value_text(grad))
            return
        arrives = self.debugger.recording.grad_event(of)
        ahead = arrives is not None and arrives > self.debugger.position
        self.say(f"none yet; it arrives at event {arrives}" if ahead else "none")

    def do_w(self, arg: str) -> None:
        """w: where this is, the line of source and the module calls around it"""
        self.say(*str(self.debugger.where()).splitlines())

    def do_l(self, arg: str) -> None:
        """l [LINE]: list the source around the current line or LINE, then what follows; `l .` begins again"""
        source = current_source(self.debugger)
        if arg and arg != ".":
            first = read_number(arg, "l LINE, or `l .` for the current line") - _LISTED // 2
        elif self._listed is not None and not arg and self._listed[0] == source.file:
            first = self._listed[1] + 1
        else:
            first = source.line - _LISTED // 2
        lines = self.screen.listing(source, first, max(1, first) + _LISTED - 1)
        self._listed = (source.file, max(1, first) + len(lines) - 1)
        self.say(*lines or ["[end of file]"])

    def do_changes(self, arg: str) -> None:
        """changes [COUNT]: what differs since the last stop, at most COUNT lines"""
        debugger = self.debugger
        most = read_number(arg, "changes COUNT") if arg else _SHOWN
        since = debugger.previous if debugger.previous < debugger.position else None
        changes = debugger.changes(since)
        self.tell(*map(str, changes[:most]) if changes else ["nothing that was recorded"])
        if len(changes) > most:
            self.say(f"{len(changes) - most} more: `changes {len(changes)}`")

    def do_graph(self, arg: str) -> None:
        """graph [SCOPE | all]: the parts of this module call, of another, or the table of the whole graph"""
        debugger = self.debugger
        if arg == "all":
            screen = self.screen
            self.say(format_graph(debugger.graph, width=screen.width, color=screen.color))
            return
        calls = debugger.frames.calls()
        if arg and arg not in calls:
            raise missing("scope", arg, calls)
        around = debugger.frames.at(debugger.position).around()
        if arg:
            here = [frame for frame in calls[arg] if frame in around]
            frame = here[0] if here else calls[arg][0]
        else:
            frame = next(f for f in debugger.frame.around() if f.parent is None or (f.is_call and f.stop - f.start > 1))
        self.say(*self.screen.call(frame))

    def do_explain(self, arg: str) -> None:
        """explain [NODE]: the derivative rule of an operation, and why its gradient is what it is"""
        from graphtools.explaining import explain

        self.say(*map(plain, str(explain(self.debugger.recording, self._node(arg))).splitlines()))

    def _node(self, arg: str) -> Node | str:
        if arg:
            return arg
        node = self.debugger.node
        if node is None:
            raise ConditionError(f"{self.debugger.event.name} belongs to no recorded operation; name a node")
        return node

    # -- what if ----------------------------------------------------------------------------------------------------

    def do_edit(self, arg: str) -> None:
        """edit NODE [gradient | operation] = PYTHON: run the program again with this change, `t` being what is there"""
        self.branches.edit(arg)
        self.say(*self.branches.lines())
        self.do_w("")

    def do_branch(self, arg: str) -> None:
        """branch [NUMBER]: the original and the branches, or go to one of them"""
        if arg:
            self.branches.choose(read_number(arg, "branch [NUMBER], as `branch 0`"))
        self.say(*self.branches.lines())

    def do_diff(self, arg: str) -> None:
        """diff: how this branch differs from the original, first difference first"""
        self.say(*self.branches.difference().splitlines())

    # -- other ------------------------------------------------------------------------------------------------------

    def do_h(self, arg: str) -> None:
        """h [COMMAND]: help"""
        if arg:
            word = _ALIASES.get(arg, arg)
            if not hasattr(self, f"do_{word}"):
                raise missing("command", arg, [*_ALIASES, *" ".join(_GROUPS.values()).split()])
            self.say(*self._help(word))
            return
        for title, words in _GROUPS.items():
            self.say(f"{title}:", *(line for word in words.split() for line in self._help(word)))
        self.tell("Enter repeats the last command, Tab completes names, and any other line is printed as by `p`.")

    def _help(self, word: str) -> list[str]:
        usage, _, text = str(getattr(self, f"do_{word}").__doc__).partition(": ")
        lines = textwrap.wrap(text, self.screen.width - 26)
        if len(usage) > 22:
            return [f"  {usage}", *(" " * 26 + line for line in lines)]
        return [f"  {usage if not place else '':<24}{line}" for place, line in enumerate(lines)]

    def do_save(self, arg: str) -> None:
        """save FILE: write the recording to a file (step.gt) that `graphtools debug` and `show` open"""
        if not arg:
            raise ConditionError("save FILE, as `save step.gt`")
        self.debugger.recording.save(arg)
        self.say(f"wrote {plain(arg)}")

    def do_q(self, arg: str) -> bool:
        """q: quit"""
        return True

    def do_EOF(self, arg: str) -> bool:  # noqa: N802, the name that cmd calls
        """Ends the session at the end of the input, or at Ctrl-D."""
        self.say("")
        return True


def _in_commands(message: str) -> str:
    """A message of the library with the calls that it advises as commands: `goto 7` for `debugger.goto(7)`."""
    for method, command in (("goto", "goto"), ("run_to", "until"), ("value", "p")):
        message = re.sub(rf"debugger\.{method}\('?([^')]*)'?\)", rf"`{command} \1`", message)
    return message
