"""Says in words why a node cannot take what it is given, on which edge, and which edits would mend it."""

from __future__ import annotations

from math import prod

from graphtools.drafting.edits import Connect, Edit, InsertOn, New, Replace, Set, Together
from graphtools.drafting.plan import OPEN, Edge, Layer, Plan, places
from graphtools.drafting.shapes import Fault, Shapes, ref_outputs
from graphtools.graph import Node, Ref, Spec, freeze

Explained = tuple[str, Edge | None, list[tuple[str, Edit]]]

_CHANNELS = {  # setting that says how many channels (or features) a layer takes, and which dimension holds them
    "Linear": ("in_features", -1, "input features"),
    "LazyLinear": ("out_features", -1, "features"),
    "Conv1d": ("in_channels", -2, "channels"),
    "Conv2d": ("in_channels", -3, "channels"),
    "Conv3d": ("in_channels", -4, "channels"),
    "ConvTranspose1d": ("in_channels", -2, "channels"),
    "ConvTranspose2d": ("in_channels", -3, "channels"),
    "BatchNorm1d": ("num_features", 1, "features"),
    "BatchNorm2d": ("num_features", 1, "channels"),
    "BatchNorm3d": ("num_features", 1, "channels"),
    "InstanceNorm2d": ("num_features", 1, "channels"),
    "GroupNorm": ("num_channels", 1, "channels"),
    "LayerNorm": ("normalized_shape", -1, "features"),
    "RMSNorm": ("normalized_shape", -1, "features"),
    "LSTM": ("input_size", -1, "input features"),
    "GRU": ("input_size", -1, "input features"),
    "RNN": ("input_size", -1, "input features"),
    "MultiheadAttention": ("embed_dim", -1, "features"),
    "TransformerEncoderLayer": ("d_model", -1, "features"),
}
_PAIRWISE = frozenset("add sub mul truediv div where maximum minimum pow iadd isub imul itruediv".split())


def explain(plan: Plan, node: Node, layer: Layer | None, shapes: Shapes, fault: Fault) -> Explained:
    """The message for a fault of a node, the edge where it arises, and fixes as (label, edit)."""
    edges = [Edge(ref, node.name, place) for place, ref in places(node) if isinstance(ref, Ref)]
    given = [(edge, ref_outputs(shapes, edge.source)) for edge in edges]
    first = next((pair for pair in given if pair[1] is not None), None)
    if layer is not None and first is not None and layer.settings is not None:
        edge, spec = first
        assert spec is not None
        other = _dimensions(node, layer, edge, spec) or _indices(node, edge, spec, fault)
        if other is not None:
            return other
        found = _layer(node, layer, edge, spec)
        if found is not None:
            return found
        said = fault.message if fault.message else "cannot take it"
        return f"{node.name!r} ({layer.class_name}) is given {spec} by {edge.source.node!r}: {said}", edge, []
    several = _several(node, edges, shapes)
    if several is not None:
        return several
    known = [(edge, spec) for edge, spec in given if spec is not None]
    if node.operation.strip("_") in _PAIRWISE and len(known) == 2:
        return _pair(plan, node, known)
    if node.operation in ("matmul", "bmm", "mm") and len(known) == 2:
        return _product(node, known, fault)
    if node.operation == "embedding" and known:
        found = _indices(node, *known[0], fault)
        if found is not None:
            return found
    if node.operation == "cat" and len(known) > 1:
        return _cat(node, known)
    what = ", ".join(f"{spec} from {edge.source.node!r}" for edge, spec in known)
    at = known[-1][0] if known else None
    return f"{node.name!r} ({node.operation}) is given {what or 'no tensor'}: {fault.message}", at, []


_NORMS = {2: "BatchNorm1d", 3: "BatchNorm1d", 4: "BatchNorm2d", 5: "BatchNorm3d"}


def _dimensions(node: Node, layer: Layer, edge: Edge, spec: Spec) -> Explained | None:
    """For a norm or a convolution of another number of dimensions: the norm of that number, or an Unflatten."""
    settings, shape = layer.settings or {}, spec.shape
    says = f"but {edge.source.node!r} gives {spec}."
    right = _NORMS.get(len(shape))
    if layer.class_name in _NORMS.values() and right is not None and right != layer.class_name:
        changed = {**settings, "num_features": shape[1] if isinstance(shape[1], int) else settings.get("num_features")}
        new = New(f"torch.nn.{right}", settings=freeze(changed.items()), origin=layer.origin, is_layer=True)
        wanted = {"BatchNorm1d": "2 or 3", "BatchNorm2d": "4", "BatchNorm3d": "5"}[layer.class_name]
        message = f"{node.name!r} expects {wanted} dimensions {says} Make it a {right}."
        return message, edge, [(f"Make it a {right}", Replace(node.name, new))]
    sides = {"Conv1d": 1, "Conv2d": 2, "Conv3d": 3}.get(layer.class_name)
    channels = settings.get("in_channels")
    if sides is None or len(shape) != 2 or not isinstance(shape[1], int) or not isinstance(channels, int):
        return None
    side = round((shape[1] / channels) ** (1 / sides)) if channels > 0 else 0
    if side < 1 or channels * side**sides != shape[1]:
        return None
    sizes = (channels, *(side,) * sides)
    unflatten = New("torch.nn.Unflatten", settings=freeze({"dim": 1, "unflattened_size": sizes}.items()), is_layer=True)
    message = f"{node.name!r} expects {sides + 2} dimensions {says} Insert Unflatten(1, {sizes}) before it."
    return message, edge, [(f"Insert Unflatten(1, {sizes})", InsertOn(edge.node, edge.place, unflatten))]


def _indices(node: Node, edge: Edge, spec: Spec, fault: Fault) -> Explained | None:
    """For a look-up of rows by what are no integers: a cast."""
    if not fault.message.startswith("looks up rows by integers"):
        return None
    cast = InsertOn(edge.node, edge.place, New("torch.Tensor.long", (OPEN,)))
    message = f"{node.name!r} looks up rows by integers (i64 or i32) but {edge.source.node!r} gives {spec}."
    return f"{message} Insert long().", edge, [("Insert long()", cast)]


def _product(node: Node, known: list[tuple[Edge, Spec]], fault: Fault) -> Explained:
    """For a product of matrices: one of them turned, where that fits."""
    (edge_a, a), (edge_b, b) = known
    fixes: list[tuple[str, Edit]] = []
    if len(a.shape) > 1 and len(b.shape) > 1:
        turned = New("torch.transpose", (OPEN, -2, -1))
        if a.shape[-1] == b.shape[-1]:
            fixes.append((f"Transpose {edge_b.source.node}", InsertOn(edge_b.node, edge_b.place, turned)))
        if a.shape[-2] == b.shape[-2]:
            fixes.append((f"Transpose {edge_a.source.node}", InsertOn(edge_a.node, edge_a.place, turned)))
    message = (
        f"{node.name!r} ({node.operation}) is given {a} by {edge_a.source.node!r} and {b} by {edge_b.source.node!r}"
    )
    if len(a.shape) > 1 and len(b.shape) > 1 and a.shape[-1] != b.shape[-2]:
        message += f", whose rows have {a.shape[-1]} values and columns {b.shape[-2]}"
    else:
        message += f": {fault.message.rstrip('.')}"
    advice = " or t".join(label[1:] for label, _ in fixes)
    return f"{message}.{f' T{advice}.' if advice else ''}", edge_b, fixes


def _several(node: Node, edges: list[Edge], shapes: Shapes) -> Explained | None:
    """For a node that is given all results of one that has several: which it may take."""
    for edge in edges:
        outputs = shapes.outputs.get(edge.source.node, ())
        if ref_outputs(shapes, edge.source) is not None or len(outputs) < 2:
            continue
        parts = [Ref(edge.source.node, output.path) for output in outputs]
        words = [f"{part.node}{''.join(f'[{key!r}]' for key in part.path)}" for part in parts]
        listed = ", ".join(f"{word} {output.spec}" for word, output in zip(words, outputs, strict=True))
        fixes: list[tuple[str, Edit]] = [
            (f"Take {word}", Connect(part, edge.node, edge.place)) for word, part in zip(words, parts, strict=True)
        ]
        message = f"{node.name!r} takes one value but {edge.source.node!r} gives {len(outputs)}: {listed}. Take one."
        return message, edge, fixes
    return None


def _layer(node: Node, layer: Layer, edge: Edge, spec: Spec) -> Explained | None:
    entry = _CHANNELS.get(layer.class_name)
    if entry is None or layer.settings is None:
        return None
    setting, dim, noun = entry
    wanted = layer.settings.get(setting)
    shape = spec.shape
    if isinstance(wanted, tuple) and len(wanted) == 1:
        wanted = wanted[0]
    if not isinstance(wanted, int):
        return None
    rank = {"Conv1d": 3, "Conv2d": 4, "Conv3d": 5, "BatchNorm2d": 4, "BatchNorm3d": 5}.get(layer.class_name)
    start = f"{node.name!r} expects {wanted} {noun} but {edge.source.node!r} gives {spec}"
    if spec.dtype in ("i64", "i32", "bool", "u8") and layer.class_name != "Embedding":
        cast = InsertOn(edge.node, edge.place, New("torch.Tensor.float", (OPEN,)))
        return (
            f"{node.name!r} computes with floats but {edge.source.node!r} gives {spec}. Insert float().",
            edge,
            [("Insert float()", cast)],
        )
    if rank is not None and len(shape) not in (rank, rank - 1):
        return f"{node.name!r} expects {rank} dimensions but {edge.source.node!r} gives {spec}.", edge, []
    index = dim if dim >= 0 else len(shape) + dim
    if not 0 <= index < len(shape):
        return f"{start}, which has too few dimensions.", edge, []
    size = shape[index]
    fixes: list[tuple[str, Edit]] = []
    words = []
    if setting == "in_features" and len(shape) > 2 and all(isinstance(s, int) for s in shape[1:]):
        total = prod(int(s) for s in shape[1:])
        flatten = InsertOn(edge.node, edge.place, New("torch.nn.Flatten", settings=freeze(()), is_layer=True))
        if total == wanted:
            return f"{start}. Insert Flatten before it.", edge, [("Insert Flatten", flatten)]
        if len(shape) == 4:
            both = Together((flatten, Set(node.name, {setting: total})))
            fixes.append((f"Insert Flatten and set in_features={total}", both))
            words.append(f"Insert Flatten before it and set in_features={total}")
    if isinstance(size, int) and size != wanted:
        if setting not in ("embed_dim", "d_model", "num_channels") and layer.settings.get("groups", 1) == 1:
            fixes.append((f"Set {setting}={size}", Set(node.name, {setting: size})))
            words.append(f"{'Set' if not words else 'set'} {setting}={size}")
        projection = _projection(size, wanted, len(shape), index)
        if projection is not None:
            label, new = projection
            fixes.append((f"Add {label} between", InsertOn(edge.node, edge.place, new)))
            words.append(f"{'Add' if not words else 'add'} a {label} between")
    elif isinstance(size, int):
        return None
    if len(words) > 2:
        advice = f" {words[0]}, {words[1]}, or {words[2]}."
    elif len(words) == 2:
        advice = f" {words[0]}, or {words[1]}."
    else:
        advice = f" {words[0]}." if words else ""
    return f"{start}.{advice}", edge, fixes


def _projection(have: int, want: int, rank: int, index: int) -> tuple[str, New] | None:
    """A layer that turns `have` features at dimension `index` into `want`: Linear for the last, a 1×1 convolution."""
    if index == rank - 1:
        settings = {"in_features": have, "out_features": want}
        return f"Linear({have}, {want})", New(
            "torch.nn.Linear", (), freeze(()), freeze(settings.items()), is_layer=True
        )
    if index == 1 and 3 <= rank <= 5:
        settings = {"in_channels": have, "out_channels": want, "kernel_size": 1}
        kind = f"Conv{rank - 2}d"
        return f"{kind}({have}, {want}, 1)", New(
            f"torch.nn.{kind}", (), freeze(()), freeze(settings.items()), is_layer=True
        )
    return None


def _pair(plan: Plan, node: Node, known: list[tuple[Edge, Spec]]) -> Explained:
    (edge_a, a), (edge_b, b) = known
    message = (
        f"{node.name!r} ({node.operation}) is given {a} by {edge_a.source.node!r} and {b} by {edge_b.source.node!r}"
    )
    differing = [i for i in range(min(len(a.shape), len(b.shape))) if a.shape[i] != b.shape[i]]
    fixes: list[tuple[str, Edit]] = []
    words = ""
    if len(a.shape) == len(b.shape) and len(differing) == 1:
        index = differing[0]
        have, want = b.shape[index], a.shape[index]
        at = edge_b
        if isinstance(have, int) and isinstance(want, int):
            projection = _projection(have, want, len(a.shape), index)
            if projection is not None:
                label, new = projection
                fixes.append((f"Add {label} on the edge", InsertOn(at.node, at.place, new)))
                words = f" Add a {label} between {edge_b.source.node!r} and {node.name!r}."
    where = f"; they differ in dimension {', '.join(map(str, differing))}" if differing else "; their ranks differ"
    return f"{message}{where}.{words}", edge_b, fixes


def _cat(node: Node, known: list[tuple[Edge, Spec]]) -> Explained:
    (first, a), *rest = known
    dim = node.kwargs.get("dim", node.args[1] if len(node.args) > 1 else 0)
    for edge, b in rest:
        index = dim + len(a.shape) if isinstance(dim, int) and dim < 0 else dim
        differing = [i for i in range(min(len(a.shape), len(b.shape))) if a.shape[i] != b.shape[i] and i != index]
        if differing or len(a.shape) != len(b.shape):
            return (
                f"{node.name!r} joins along dimension {dim}, so all else must be equal, but "
                f"{first.source.node!r} gives {a} and {edge.source.node!r} gives {b}.",
                edge,
                [],
            )
    return f"{node.name!r} cannot join {', '.join(str(spec) for _, spec in known)} along dimension {dim}.", first, []
