"""The commands of an editor as JSON: `{"do": "connect", ...}`. Each is one step of undo, or changes nothing.

A value is named `[node, path]`, a place in the drawing `[x, y]`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from graphtools.drafting import edits as e
from graphtools.drafting.documents import clip_from_json, clip_to_json, parse_spec
from graphtools.drafting.draft import Draft
from graphtools.drafting.grouping import Clip, Group, Paste, RenameGroup, Ungroup, clipped
from graphtools.drafting.making import New
from graphtools.drafting.plan import OPEN, OUTPUT, Layer, Place, Plan, places
from graphtools.drafting.targets import required_ports
from graphtools.editor.drawing import groups, home
from graphtools.editor.first_settings import first_argument, first_settings
from graphtools.editor.forms import form, read_values
from graphtools.editor.ports import own_entries
from graphtools.errors import DraftError, missing
from graphtools.graph import Node, Ref, Spec, freeze, module_path
from graphtools.palette import find_entry

Args = Mapping[str, Any]


def execute(draft: Draft, command: Args) -> dict[str, Any]:
    """Carries a command out; says which nodes are new, and what else it has to say.

    Raises DraftError, MissingError or FormatError, and then nothing has changed.
    """
    act = _COMMANDS.get(command.get("do", ""))
    if act is None:
        raise missing("command", str(command.get("do", "")), _COMMANDS)
    before = draft.plan
    said = act(draft, command) or {}
    new = [name for name in draft.plan.nodes if name not in before.nodes]
    at = command.get("at")
    if at and new and isinstance(at, list):
        x, y = _point(at)
        draft.amend(e.Move(dict.fromkeys(new[-1:], (x, y))).apply(draft.plan))
    return {"new": new, **said}


def new_node(draft: Draft, target: str, given: Spec | None) -> New:
    """A new node of an entry of the palette, with first settings; what it has to be given is open."""
    found = draft.sources.find(target)
    entry = own_entries(draft.sources).get(target) or find_entry(target)
    if entry.is_module:
        settings = freeze(first_settings(entry, given).items())
        ports = (OPEN,) if target.startswith("torchvision.models.") else (OPEN,) * len(required_ports(found))
        return New(target, ports or (OPEN,), settings=settings, is_layer=True)
    args: list[Any] = []
    takes_list = {port.name for port in entry.inputs if port.is_list}
    for name in required_ports(found):
        usual = first_argument(entry, name)
        args.append((OPEN, OPEN) if name in takes_list else OPEN if usual is None else usual)
    return New(target, tuple(args), freeze(first_settings(entry, given).items()))


# -- each command ------------------------------------------------------------------------------------------------------


def _add(draft: Draft, args: Args) -> None:
    source = _ref(args.get("from"))
    new = new_node(draft, args["target"], draft.spec(source) if source else None)
    if source is not None:
        draft.plan[source.node]
        new = fed(new, source)
    draft.apply(e.Add(new, args.get("scope") or ""))


def fed(new: New, source: Ref) -> New:
    """A new node whose first open argument is a value; an attention asks with it three times."""
    if new.target.endswith(".MultiheadAttention"):
        return replace(new, args=(source, source, source))
    args = list(new.args)
    for index, arg in enumerate(args):
        if arg == OPEN:
            args[index] = source
            break
        if isinstance(arg, tuple) and OPEN in arg:
            args[index] = (source, *arg[1:])
            break
    return replace(new, args=tuple(args))


def _insert(draft: Draft, args: Args) -> None:
    """On one edge, or where no `place` is given behind a node."""
    place = _place(args["place"]) if "place" in args else None
    edge = next((edge for edge in draft.plan.edges() if (edge.node, edge.place) == (args["node"], place)), None)
    source = edge.source if edge is not None else Ref(args["node"])
    new = new_node(draft, args["target"], draft.spec(source))
    if new.target.endswith(".MultiheadAttention"):
        new = replace(new, args=(OPEN, source, source))
    draft.apply(e.InsertAfter(source, new) if place is None else e.InsertOn(args["node"], place, new))


def _splice(draft: Draft, args: Args) -> None:
    """Puts a node that is there on an edge: it takes the edge's value, and what took that takes its own."""
    place = _place(args["place"])
    edge = next((edge for edge in draft.plan.edges() if (edge.node, edge.place) == (args["node"], place)), None)
    if edge is None:
        raise DraftError("that edge is not there any more")
    name = args["name"]
    first = next((at for at, arg in places(draft.plan[name]) if arg == OPEN), (0,))
    draft.apply(e.Together((e.Connect(edge.source, name, first), e.Connect(Ref(name), edge.node, place)), "insert"))


def _add_input(draft: Draft, args: Args) -> None:
    draft.apply(e.AddInput(args["name"], _spec(args["spec"]) if args.get("spec") else None))


def _spec(written: str) -> Spec:
    """A type as people write it: `3, 32, 32` is `[3, 32, 32]`."""
    return parse_spec(f"[{written}]" if re.fullmatch(r"\s*\w+\s*(,\s*\w+\s*)+,?\s*", written) else written)


def _connect(draft: Draft, args: Args) -> None:
    source = _ref(args["from"])
    assert source is not None
    if args["node"] == OUTPUT and OUTPUT not in draft.plan.nodes:
        draft.apply(e.SetOutput(source))
    else:
        draft.apply(e.Connect(source, args["node"], _place(args["place"])))


def _set_output(draft: Draft, args: Args) -> None:
    values = [_ref(value) for value in args["values"]]
    draft.apply(e.SetOutput(values[0] if len(values) == 1 else tuple(values)))


def _replace(draft: Draft, args: Args) -> None:
    node = draft.plan[args["node"]]
    first = next(iter(node.refs()), None)
    new = new_node(draft, args["target"], draft.spec(first) if first is not None else None)
    draft.apply(e.Replace(args["node"], new))


def _set(draft: Draft, args: Args) -> None:
    """Sets what a form sends; a field that was emptied, "", and has no default is to be filled again."""
    name, values = args["node"], dict(args["values"])
    if draft.plan[name].kind == "input":
        draft.set_input(name, _spec(values["spec"]))
        return
    (key, value), *more = values.items()
    if value == "" and not more and any(f["name"] == key and f["required"] for f in form(draft, name)["parameters"]):
        draft.apply(Unset(name, key))
    else:
        draft.set(name, read_values(draft, name, values))


@dataclass(frozen=True, slots=True)
class Unset:
    """Takes a setting of a module, or an argument of a call, away, so that it is needed again."""

    name: str
    setting: str

    def apply(self, plan: Plan) -> Plan:
        path = plan.path(plan[self.name])
        if path is None:
            return e.Set(self.name, {self.setting: OPEN}).apply(plan)
        layer = plan.layers[path]
        kept = freeze((key, value) for key, value in (layer.settings or {}).items() if key != self.setting)
        changed = Layer(layer.target, kept, layer.origin)
        return replace(plan, layers=freeze((key, changed if key == path else old) for key, old in plan.layers.items()))


def _copy(draft: Draft, args: Args) -> dict[str, Any]:
    clip = clipped(draft.plan, tuple(args["nodes"]), args.get("scope") or "")
    outside = {ref.node for node in clip.nodes for ref in node.refs()} - {node.name for node in clip.nodes}
    positions = {name: list(at) for name, at in _clip_positions(draft.plan, clip).items()}
    return {"clip": clip_to_json(clip), "outside": sorted(outside), "positions": positions}


def _clip_positions(plan: Plan, clip: Clip) -> dict[str, tuple[float, float]]:
    """Where what was copied stands: nodes by their names, modules by their paths in the clip and "/"."""
    found = {node.name: plan.positions[node.name] for node in clip.nodes if node.name in plan.positions}
    for node in clip.nodes:
        for path, there in zip(_above(_clip_home(clip, node)), _above(home(plan, plan[node.name])), strict=False):
            if f"{there}/" in plan.positions:
                found[f"{path}/"] = plan.positions[f"{there}/"]
    return found


def _clip_home(clip: Clip, node: Node) -> str:
    """The path in the clip of the module that holds a node; "" where none does."""
    path = module_path(node.scope)
    is_layer = path in clip.layers and clip.layers[path].target == node.target
    return path.rpartition(".")[0] if is_layer else path


def _above(path: str) -> list[str]:
    """A path and those of the modules around it, the innermost first."""
    words = path.split(".") if path else []
    return [".".join(words[:n]) for n in range(len(words), 0, -1)]


def _paste(draft: Draft, args: Args) -> None:
    _pasted(draft, clip_from_json(args["clip"]), args)


def _duplicate(draft: Draft, args: Args) -> None:
    """A copy that takes what the original takes."""
    clip = clipped(draft.plan, tuple(args["nodes"]), args.get("scope") or "")
    inside = {node.name for node in clip.nodes}
    outside = {ref.node for node in clip.nodes for ref in node.refs()} - inside
    positions = _clip_positions(draft.plan, clip)
    _pasted(draft, clip, {**args, "connect": {name: [name, []] for name in outside}, "positions": positions})


def _pasted(draft: Draft, clip: Clip, args: Args) -> None:
    given = {name: ref for name, value in (args.get("connect") or {}).items() if (ref := _ref(value)) is not None}
    before = draft.plan
    draft.apply(Paste(clip, args.get("scope") or "", given))
    new = [name for name in draft.plan.nodes if name not in before.nodes]
    dx, dy = _point(args.get("shift") or [40, 40])
    copies: dict[str, str] = {}  # of each node, and of each module by its path and "/"
    for name, node in zip(new, clip.nodes, strict=True):
        copies[node.name] = name
        copied = _above(home(draft.plan, draft.plan[name]))
        copies.update(
            (f"{path}/", f"{copy}/") for path, copy in zip(_above(_clip_home(clip, node)), copied, strict=False)
        )
    known = args.get("positions") or {}
    moved = {copies[key]: (x + dx, y + dy) for key, (x, y) in known.items() if key in copies}
    draft.amend(e.Move(moved).apply(draft.plan))


def _fix(draft: Draft, args: Args) -> None:
    """Applies the fix of that label of a problem of that node, as it stands now."""
    for problem in draft.problems():
        for fix in problem.fixes:
            if problem.node == args["node"] and fix.label == args["label"]:
                draft.apply(e.Together((fix.edit,), fix.label))
                return
    raise DraftError(f"{args['label']!r} is not offered for {args['node']!r} any more")


def _group(draft: Draft, args: Args) -> None:
    before = groups(draft.plan)
    draft.apply(Group(tuple(args["nodes"]), args["name"]))
    made = [path for path in groups(draft.plan) if path not in before and path.rpartition(".")[2] == args["name"]]
    if made and args.get("at"):
        draft.amend(e.Move({f"{made[0]}/": _point(args["at"])}).apply(draft.plan))


def _rename_group(draft: Draft, args: Args) -> dict[str, Any]:
    draft.apply(RenameGroup(args["scope"], args["name"]))
    head = args["scope"].rpartition(".")[0]
    return {"scope": f"{head}.{args['name']}" if head else args["name"]}


def _simplify(draft: Draft, args: Args) -> dict[str, Any]:
    return {"said": str(draft.simplify())}


def _decompose(draft: Draft, args: Args) -> dict[str, Any]:
    return {"new": list(draft.decompose(args["node"], int(args.get("depth", 1))))}


def _place_boxes(draft: Draft, args: Args) -> None:
    """Places that the editor has chosen for boxes without one: nothing to undo."""
    draft.amend(e.Move({name: _point(at) for name, at in args["positions"].items()}).apply(draft.plan))


_COMMANDS: dict[str, Callable[[Draft, Args], dict[str, Any] | None]] = {
    "add": _add,
    "insert": _insert,
    "splice": _splice,
    "input": _add_input,
    "connect": _connect,
    "output": _set_output,
    "replace": _replace,
    "set": _set,
    "copy": _copy,
    "paste": _paste,
    "duplicate": _duplicate,
    "fix": _fix,
    "group": _group,
    "rename group": _rename_group,
    "text": lambda draft, args: {"text": draft.to_json()},
    "simplify": _simplify,
    "decompose": _decompose,
    "place": _place_boxes,
    "disconnect": lambda draft, args: _done(draft.disconnect(args["node"], _place(args["place"]))),
    "remove": lambda draft, args: _done(draft.remove(*args["nodes"])),
    "rename": lambda draft, args: _done(draft.rename(args["node"], args["name"])),
    "bypass": lambda draft, args: _done(draft.bypass(*args["nodes"], on=args["on"])),
    "disable": lambda draft, args: _done(draft.disable(*args["nodes"], on=args["on"])),
    "ungroup": lambda draft, args: _done(draft.apply(Ungroup(args["scope"]))),
    "move": lambda draft, args: _done(draft.move({name: _point(at) for name, at in args["positions"].items()})),
    "undo": lambda draft, args: _done(draft.undo(int(args.get("count", 1)))),
    "redo": lambda draft, args: _done(draft.redo(int(args.get("count", 1)))),
}


def _done(draft: Draft) -> None:
    """Nothing to say."""


def _ref(value: Any) -> Ref | None:
    if value is None:
        return None
    name, path = value
    return Ref(name, tuple(path))


def _place(value: Any) -> Place:
    return tuple(value)


def _point(value: Any) -> tuple[float, float]:
    x, y = value
    return round(float(x), 1), round(float(y), 1)
