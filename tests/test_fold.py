"""The folded view holds every node once and every value that crosses a box's border."""

from hypothesis import given, settings
from hypothesis import strategies as st

from graphtools.fold import fold
from graphtools.graph import Capture, Failure, Graph, Module, Node, Output, Ref, Source, Spec, State, freeze

F32 = Spec("f32", (1, 8))


def call(name, target, *args, scope="", spec=F32):
    return Node(name, "call", target, tuple(map(Ref, args)), outputs=(Output((), spec),), scope=scope)


def residual(failure=None):
    """A block with a skip edge, at operation level: x -> conv -> relu -> (+ x) -> fc."""
    weight = State("weight", "parameter", Spec("f32", (8, 8)), True)
    modules = [
        Module("", "mine.Net"),
        Module("block", "mine.Block"),
        Module("block.conv", "torch.nn.Conv2d", "8, 8", (weight,)),
        Module("block.act", "torch.nn.ReLU"),
        Module("fc", "torch.nn.Linear", "", (weight,)),
    ]
    return Graph(
        (
            Node("x", "input", "x", outputs=(Output((), F32),)),
            Node("w", "parameter", "block.conv.weight", outputs=(Output((), Spec("f32", (8, 8))),)),
            call("conv2d", "torch.nn.functional.conv2d", "x", "w", scope="block.conv"),
            call("relu", "torch.relu", "conv2d", scope="block.act"),
            call("add", "operator.add", "relu", "x", scope="block"),
            call("linear", "torch.nn.functional.linear", "add", scope="fc"),
            Node("output", "output", "output", (Ref("linear"),), outputs=(Output((), F32),)),
        ),
        freeze((m.path, m) for m in modules),
        Capture(model="Net"),
        failure,
    )


def titles(view):
    return [box.title for box in view.walk()]


def test_depth_0_is_one_box_depth_1_the_parts_and_depth_2_what_is_in_them():
    graph = residual()
    assert titles(fold(graph, 0)) == ["Net"]
    assert titles(fold(graph, 1)) == ["x", "block", "Linear", "output"]
    assert titles(fold(graph, 2)) == ["x", "block", "Conv2d", "ReLU", "add", "Linear", "output"]
    assert titles(fold(graph)) == titles(fold(graph, 9)) == titles(fold(graph, open=["", "block"]))
    assert titles(fold(graph, open=["block"])) == ["Net"]


def test_a_box_says_what_it_is_and_what_it_gives():
    block = fold(residual(), 1).boxes[1]
    assert (block.id, block.title, block.subtitle, block.class_name) == (
        "@block",
        "block",
        "Block · 3 operations",
        "Block",
    )
    assert (block.members, block.children, block.shape, block.n_parameters) == (
        ("conv2d", "relu", "add"),
        (),
        "1×8",
        64,
    )
    conv = next(box for box in fold(residual()).leaves() if box.title == "Conv2d")
    assert (conv.id, conv.subtitle, conv.category, conv.n_parameters) == ("%conv2d", "conv", "convolution", 64)
    assert next(box for box in fold(residual()).leaves() if box.title == "add").subtitle == "block"


def test_edges_run_between_visible_boxes_and_merge():
    graph = residual()
    assert [(e.source, e.target, e.shape) for e in fold(graph, 1).edges] == [
        ("%x", "@block", "1×8"),
        ("@block", "%linear", "1×8"),
        ("%linear", "%output", "1×8"),
    ]
    assert ("%x", "%add", "1×8") in [(e.source, e.target, e.shape) for e in fold(graph).edges]


def test_several_values_on_one_edge_are_counted():
    graph = Graph((Node("x", "input", "x"), call("a", "f", "x", scope="m"), call("b", "f", "x", scope="m"),
                   call("c", "g", "a", "b")))  # fmt: skip
    assert [e.shape for e in fold(graph, 1).edges] == ["", "2 tensors"]


def test_the_source_is_the_subtitle_of_an_operation_without_a_module_of_its_own():
    node = Node("add", "call", "operator.add", source=Source("/home/me/net.py", 31))
    assert fold(Graph((node,))).boxes[0].subtitle == "net.py:31"


def test_a_scope_that_holds_only_a_scope_is_that_scope():
    graph = Graph((call("a", "f", scope="m.body"), call("b", "f", "a", scope="m.body")))
    box = fold(graph, 1).boxes[0]
    assert (box.title, box.n_operations) == ("m.body", 2)
    assert titles(fold(graph, open=["", "m"])) == ["m.body", "f", "f"]


def test_levels_open_as_long_as_forty_boxes_show_and_a_lone_box_always():
    def wide(n_blocks, prefix=""):
        nodes, last = [], ()
        for i in range(n_blocks):
            for j in range(3):
                nodes.append(call(f"n{i}_{j}", "f", *last, scope=f"{prefix}b{i}"))
                last = (nodes[-1].name,)
        return Graph(tuple(nodes))

    assert len(list(fold(wide(13)).leaves())) == 39
    assert len(list(fold(wide(14)).leaves())) == 14
    assert len(list(fold(wide(50, "model.")).leaves())) == 50


def test_the_operation_that_failed_is_always_shown():
    nodes = [call(f"n{i}_{j}", "f", scope=f"b{i}.c") for i in range(50) for j in range(2)]
    graph = Graph(tuple(nodes), failure=Failure("E", "no", "n7_1"))
    view = fold(graph)
    assert [box.id for box in view.leaves() if box.failed] == ["%n7_1"]
    assert [box.id for box in view.walk() if box.failed] == ["@b7.c", "%n7_1"]


@st.composite
def random_graphs(draw):
    scopes = st.lists(st.sampled_from(["a", "b", "c#1"]), max_size=4).map(".".join)
    nodes = [Node("x", "input", "x")]
    for index in range(draw(st.integers(0, 60))):
        names = [node.name for node in nodes]
        args = draw(st.lists(st.sampled_from(names), max_size=3))
        nodes.append(call(f"n{index}", "torch.add", *args, scope=draw(scopes)))
    return Graph(tuple(nodes))


@settings(max_examples=100, deadline=None)
@given(random_graphs(), st.none() | st.integers(0, 6))
def test_every_node_is_in_one_leaf_and_every_crossing_reference_is_an_edge(graph, depth):
    view = fold(graph, depth)
    leaf = {}
    for box in view.leaves():
        for name in box.members:
            assert name not in leaf
            leaf[name] = box.id
    assert set(leaf) == {node.name for node in graph}
    assert len({box.id for box in view.walk()}) == len(list(view.walk()))
    expected = {(leaf[ref.node], leaf[node.name]) for node in graph for ref in node.refs()}
    assert {(e.source, e.target) for e in view.edges} == {(a, b) for a, b in expected if a != b}
    for box in view.walk():
        if box.children:
            assert sorted(box.members) == sorted(name for child in box.children for name in child.members)
