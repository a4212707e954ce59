"""Edit and continue: runs the recorded program again with one thing changed, and gives a new recording.

The user's own code really runs, so control flow follows the change. Random numbers repeat. In a run without a backward
pass, what comes before the change is served from the recording instead of computed.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Any

import torch

from graphtools import compat
from graphtools.capture.assemble import make_recording
from graphtools.capture.eager import Recorder
from graphtools.capture.edits import Edit, Edits, Served, What, marks_of, target_of, with_edit
from graphtools.capture.ends import end_of
from graphtools.capture.program import Program
from graphtools.catalog import named
from graphtools.errors import EditError, LimitError
from graphtools.graph import Node, Path, Ref
from graphtools.recording import Content, Recording, ValueLost
from graphtools.structure import tensors

# Operations whose result never shares memory with an argument; their value may be served though it was overwritten.
_FRESH = frozenset(
    "torch.conv1d torch.conv2d torch.conv3d torch.nn.functional.linear torch.matmul torch.bmm operator.matmul".split()
)


def edit(recording: Recording, of: Node | str, to: Any, what: What = "value") -> Recording:
    """A new recording of the same program with one change; the old one, the model and the optimizer stay as they are.

    `of` is a node, its name, or a scope. `what` says what is changed there:

    - "value": `to` is a tensor, a number, or a function of the original value. A function's own gradient counts; a
      tensor or number is a constant, behind which no gradient flows. What an in-place operation wrote is changed in
      memory, unseen by autograd. Of a parameter, buffer or input it is the value that the run starts with.
    - "gradient": `to` is a tensor, a number, or a function of the gradient that arrives at the value.
    - "operation": `to` is a function, or the name of one (`torch.nn.functional.gelu`), called with the operation's
      arguments; those that it does not take are left out.

    A branch can be edited again, also at the same node: there an operation is replaced first, then its value and then
    its gradient changed, and a second change of a kind acts on what the first one gave. The nodes changed tell how in
    `node.state["edited"]`.

    Costs one run of the program; without a backward pass, what lies before the change is not computed again. Raises
    EditError where the result could differ from what the program would really do: for a recording of a `with` block or
    a loaded one, which cannot be run again, for inputs or parameters overwritten since, and for a program that does not
    repeat itself. What the changed program raises is no error here: the branch's `failure` tells.
    """
    program: Program | None = recording._program
    if program is None:
        raise EditError(
            "this recording cannot be run again: it was loaded, or made by `with graphtools.record(...)`, which holds "
            "no program; make it by graphtools.run(model, x) or graphtools.training_step(...)"
        )
    node = recording.graph.node(of)
    made = _edit_of(node, to, what)
    program.check_inputs()
    start = _start(recording, program)
    inputs = {
        edit.path: recording.value(name)
        for name, edits in recording._edits.items()
        for edit in edits
        if edit.path is not None
    }
    if node.kind == "call":
        if recording.graph.live is not None and node.name in recording.graph.live.modules:
            raise EditError(f"{node.name} ran as one module, {node.target}, which cannot be changed from outside")
    elif what == "operation":
        raise EditError(f"{node.name} is a {node.kind}, no operation; change its value")
    elif node.kind == "input":
        _check_gradient(node, what)
        made = replace(made, path=_input_path(recording, program, node))
        inputs[made.path] = made.to(recording.value(node))
    elif node.kind in ("parameter", "buffer") and node.target in start:
        if what == "value" and node.name != _first(recording, node.target).name:
            raise EditError(f"{node.name} is {node.target} in a later step; change it in the first one, or its update")
        if what == "value":
            start[node.target] = made.to(start[node.target])
        else:
            made = replace(made, parameter=node.target)
    else:
        raise EditError(
            f"{node.name} is a {node.kind} that the program makes itself; change the operation that uses it"
        )
    edits: dict[str, Edits] = dict(recording._edits)
    edits[node.name] = with_edit(edits.get(node.name, ()), made)
    _check_repeatable(recording, program)
    is_served = node.kind == "call" and what != "gradient" and all(e.phase == "forward" for e in recording.events)
    served = None
    if is_served:
        results, overwriting = _servable(recording, node.name)
        served = Served(results, node.name, overwriting)
    with program.rewound(start, inputs, _gradient_edits(edits)) as given:
        recorder = Recorder(program.model, edits=edits, served=served)
        error = _run(program, recorder, given)
        end = end_of(program) if error is None and program.optimizer is not None else None
    if node.kind == "call" and node.name not in recorder.edited:
        _raise_if_stopped(error)
    branch = make_recording(recorder, program.name, program, notes=(f"{what} of {node.name} was edited",))
    branch._build = _completed(branch._build, recording, edits)
    branch._edits, branch._end = edits, end
    if node.kind == "call":
        if node.name not in recorder.edited and branch.failure is None:
            raise EditError(f"the program did not repeat itself: {node.name} did not run again, so it was not changed")
        _check_repeated(recording, branch, node.name, served.served if served is not None else set())
    return branch


def _completed(build: Callable[[], Content], original: Recording, edits: Mapping[str, Edits]) -> Callable[[], Content]:
    """What `build` gives, with the marks of what was edited, and with the original's line for what has none: a line
    that called the program, not of it."""

    def built() -> Content:
        content = build()
        lines = {node.name: node.source for node in original.graph.nodes if node.source is not None}
        marks = {name: MappingProxyType(marks_of(of_node)) for name, of_node in edits.items()}
        nodes = tuple(
            replace(
                node,
                source=node.source or lines.get(node.name),
                state=MappingProxyType({**node.state, "edited": marks[node.name]})
                if node.name in marks
                else node.state,
            )
            for node in content.graph.nodes
        )
        events = tuple(
            replace(event, source=lines[event.node]) if event.source is None and event.node in lines else event
            for event in content.events
        )
        return replace(content, graph=replace(content.graph, nodes=nodes), events=events)

    return built


def _run(program: Program, recorder: Recorder, given: Any) -> BaseException | None:
    recorder.replaced = {id(tensor): name for name, (tensor, _) in program.state_at_start.items()}
    error = program.run(recorder, given)
    if recorder.strays:
        raise EditError(
            f"the program holds {recorder.strays[0]} itself, not through its module (in a closure or a list), so it "
            "cannot be put back to what it was when the run began"
        )
    return error


def _raise_if_stopped(error: BaseException | None) -> None:
    """A run that somebody or a limit stopped early is not one that came out differently."""
    if isinstance(error, KeyboardInterrupt | LimitError):
        raise error


def _check_repeatable(recording: Recording, program: Program) -> None:
    """Raises EditError unless the unchanged program, run again, gives the recording bit for bit. Runs it once."""
    if program.repeats is None:
        with program.rewound(_start(recording, program)) as given:
            recorder = Recorder(program.model)
            error = _run(program, recorder, given)
        _raise_if_stopped(error)
        _check_repeated(recording, make_recording(recorder, program.name), None, set())
        program.repeats = True


def _edit_of(node: Node, to: Any, what: What) -> Edit:
    if what == "operation":
        function = named(to) if isinstance(to, str) else to
        if not callable(function):
            raise EditError(f"an operation is replaced by a function or the name of one, not by {type(to).__name__}")
        target = target_of(function)
        return Edit(node.name, what, function, "<lambda>" if target.endswith("<lambda>") else target, node.target)
    if isinstance(to, torch.Tensor):
        specs = [output.spec for output in node.outputs]
        if len(specs) == 1 and tuple(to.shape) != tuple(specs[0].shape):
            raise EditError(f"{node.name} is {specs[0]}; the new {what} has shape {list(to.shape)}")
        return Edit(node.name, what, lambda original: to.detach().clone(), "another tensor")
    if callable(to):
        return Edit(node.name, what, to, getattr(to, "__name__", type(to).__name__))
    if isinstance(to, bool | int | float | complex):

        def filled(original: Any) -> Any:
            return torch.full_like(original, to) if isinstance(original, torch.Tensor) else to

        return Edit(node.name, what, filled, str(to))
    raise EditError(f"give a tensor, a number or a function, not {type(to).__name__}")


def _gradient_edits(edits: Mapping[str, Edits]) -> dict[str, Callable[..., Any]]:
    """Hooks on parameters by full name."""
    found: dict[str, list[Callable[..., Any]]] = {}
    for edit in itertools.chain(*edits.values()):
        if edit.parameter:
            found.setdefault(edit.parameter, []).append(edit.to)
    return {name: partial(_one_after_the_other, changes) for name, changes in found.items()}


def _one_after_the_other(changes: list[Callable[..., Any]], gradient: torch.Tensor) -> torch.Tensor:
    for change in changes:
        changed = change(gradient)
        gradient = gradient if changed is None else changed  # as a hook that gives nothing back
    return gradient


def _check_gradient(node: Node, what: What) -> None:
    if what == "gradient":
        raise EditError(f"{node.name} is an input: what changes its gradient changes nothing else")


def _first(recording: Recording, target: str) -> Node:
    return next(n for n in recording.graph.nodes if n.target == target and n.kind in ("parameter", "buffer"))


def _start(recording: Recording, program: Program) -> dict[str, torch.Tensor]:
    """The values of parameters and buffers when the run began."""
    first: dict[str, Node] = {}
    for node in recording.graph.nodes:
        if node.kind in ("parameter", "buffer"):
            first.setdefault(node.target, node)
    start = {}
    known = {id(tensor) for name, (tensor, _) in program.state_at_start.items() if name in first}
    for name, (tensor, version) in program.state_at_start.items():
        if name in first:
            try:
                start[name] = recording.value(first[name])
            except ValueLost as error:
                raise EditError(f"the value that {name} had when the run began is lost: {error}") from None
        elif id(tensor) not in known and compat.version(tensor) != version:  # a tied weight has several names
            raise EditError(f"{name}, which the run did not use, was overwritten since; the run cannot be repeated")
    return start


def _input_path(recording: Recording, program: Program, node: Node) -> Path:
    for edited in recording._edits.get(node.name, ()):
        return edited.path  # type: ignore[no-any-return]
    value = recording.value(node)
    found = [
        path
        for path, tensor in tensors(program.inputs)
        if compat.storage_key(tensor) == compat.storage_key(value) and tensor.shape == value.shape
    ]
    if len(found) != 1:
        raise EditError(f"{node.name} cannot be told from the other inputs; run the program with another input instead")
    return found[0]


Results = dict[str, tuple[torch.Tensor, bool]]


def _servable(recording: Recording, until: str) -> tuple[Results, frozenset[str]]:
    """What a second run may take over before the node `until`, and the in-place operations that then need not run.

    Results are served of torch's own operations that nothing shares memory with. Where an operation is overwritten in
    place before anybody else reads it (a batch norm by its ReLU), it is served as what it is overwritten with.
    """
    content = recording.content
    owners: dict[int | None, set[str]] = {}
    for name, kept_values in content.values.items():
        for kept in kept_values.values():
            if isinstance(kept.value, torch.Tensor):
                owners.setdefault(compat.storage_key(kept.value), set()).add(name)
    output = recording.graph.output.name if recording.graph.output is not None else ""
    operations = recording.graph.operations
    before = {node.name for node in itertools.takewhile(lambda node: node.name != until, operations)}
    results: Results = {}
    overwriting: set[str] = set()
    for node in operations:
        if node.name not in before or node.writes or node.random or not node.target.startswith(("torch.", "operator.")):
            continue
        chain = _overwritten_by(recording, node)
        links = {node.name, *(link.name for link in chain)}
        if not links <= before or not links.isdisjoint(recording._edits):  # an edit runs, with all before it
            continue
        last = chain[-1] if chain else node
        result = content.values.get(last.name, {}).get(())
        if result is None:
            continue
        kept = result
        if (
            kept.recipe is None
            and (kept.version is not None or (not chain and node.target in _FRESH))
            and type(kept.value) is torch.Tensor
            and kept.value.layout is torch.strided
            and not kept.value.is_quantized
            and len(content.values[last.name]) == 1
            and owners[compat.storage_key(kept.value)] <= {last.name, output}
        ):
            try:
                results[node.name] = (recording.value(last), kept.requires_grad)
            except ValueLost:
                continue
            overwriting.update(link.name for link in chain)
    return results, frozenset(overwriting)


def _overwritten_by(recording: Recording, node: Node) -> list[Node]:
    """The in-place operations, each the only reader of the one before, that overwrite what can be computed again."""
    chain: list[Node] = []
    while True:
        last = chain[-1] if chain else node
        kept = recording.content.values.get(last.name, {}).get(())
        users = recording.graph.users(last)
        if kept is None or kept.recipe is None or len(users) != 1:
            return chain
        (user,) = users
        if user.kind != "call" or last.name not in user.writes or user.random or user.args[:1] != (Ref(last.name),):
            return chain
        chain.append(user)


def _check_repeated(recording: Recording, branch: Recording, until: str | None, served: set[str]) -> None:
    """Raises EditError unless the branch is the recording again up to the node `until`."""
    for name in served:  # what was served in place of this one must not be taken for its value
        kept, new = (which.content.values.get(name, {}).get(()) for which in (recording, branch))
        if kept is not None and kept.recipe is not None and (new is None or new.recipe is None):
            raise EditError(f"{name} cannot be computed again in the new run, so its value would be wrong")
    outside = "it depends on something outside the model, its inputs and torch's, numpy's and Python's random numbers"
    for before, again in itertools.zip_longest(recording.graph.operations, branch.graph.operations):
        if before is not None and before.name == until:
            return
        if before is None or again is None:
            raise EditError(f"the program did not repeat itself: it ran another number of operations; {outside}")
        is_same = (before.name, before.target, before.outputs) == (again.name, again.target, again.outputs)
        if not is_same or not (before.name in served or _is_equal(recording, branch, before.name)):
            raise EditError(
                f"the program did not repeat itself: {before.name} came out differently before anything was changed; "
                f"{outside}"
            )


def _is_equal(recording: Recording, branch: Recording, name: str) -> bool:
    kept, again = recording.content.values.get(name, {}), branch.content.values.get(name, {})
    if "empty" in recording.graph[name].target:  # memory as it was found; no program depends on it
        return True
    if any(item.recipe is not None for item in (*kept.values(), *again.values())):
        return True  # computed from values that are compared themselves
    try:
        one, other = recording.value(name), branch.value(name)
    except ValueLost:
        return True
    pairs = zip(tensors(one), tensors(other), strict=False)
    return all(_same_bits(a, b) for (_, a), (_, b) in pairs)


def _same_bits(one: torch.Tensor, other: torch.Tensor) -> bool:
    if one.layout is not torch.strided or one.is_quantized or torch.equal(one, other):
        return True
    return bool(((one == other) | ((one != one) & (other != other))).all())
