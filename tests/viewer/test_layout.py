"""Places of boxes: no overlap, children inside their group, chains straight, edges clear of boxes, always the same."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import graphtools as gt
from graphtools.fold import fold
from graphtools.graph import Graph, Node, Output, Ref, Spec
from graphtools.viewer.layers import _inversions
from graphtools.viewer.layout import layout

F32 = (Output((), Spec("f32", (1, 8))),)


def call(name, *args, scope=""):
    return Node(name, "call", "torch.add", tuple(map(Ref, args)), outputs=F32, scope=scope)


@st.composite
def views(draw):
    """Views of random graphs; scopes are drawn freely, so that groups may feed each other in both directions."""
    nodes = [Node("x", "input", "x", outputs=F32)]
    scopes = st.lists(st.sampled_from("abc"), max_size=3).map(".".join)
    for index in range(draw(st.integers(1, 25))):
        recent = [node.name for node in nodes[-6:]] + ["x"]
        nodes.append(call(f"n{index}", *draw(st.lists(st.sampled_from(recent), max_size=3)), scope=draw(scopes)))
    return fold(Graph(tuple(nodes)), draw(st.sampled_from([1, 2, 9])))


def parents(view):
    return {child.id: box.id for box in view.walk() for child in box.children}


def overlap(a, b):
    return a.x < b.x + b.width and b.x < a.x + a.width and a.y < b.y + b.height and b.y < a.y + a.height


@settings(max_examples=100, deadline=None)
@given(views())
def test_siblings_do_not_overlap_and_children_are_inside_their_group(view):
    places = layout(view)
    parent = parents(view)
    assert set(places.rects) == {box.id for box in view.walk()}
    for a, b in itertools.combinations(places.rects, 2):
        if parent.get(a) == parent.get(b):
            assert not overlap(places.rects[a], places.rects[b]), (a, b)
    for child, group in parent.items():
        inner, outer = places.rects[child], places.rects[group]
        assert outer.x <= inner.x and inner.x + inner.width <= outer.x + outer.width
        assert outer.y + 20 <= inner.y and inner.y + inner.height <= outer.y + outer.height
    for rect in places.rects.values():
        assert rect.x >= -0.01 and rect.x + rect.width <= places.width + 0.01
        assert rect.y >= -0.01 and rect.y + rect.height <= places.height + 0.01


@settings(max_examples=100, deadline=None)
@given(views())
def test_every_edge_goes_from_its_source_to_its_target_and_vertical_parts_pass_no_box(view):
    places = layout(view)
    leaves = {box.id for box in view.leaves()}
    assert [edge for edge, _ in places.routes] == list(view.edges)
    for edge, points in places.routes:
        ends = places.rects[edge.source], places.rects[edge.target]
        for (x, y), rect in zip((points[0], points[-1]), ends, strict=True):
            assert rect.x - 0.01 <= x <= rect.x + rect.width + 0.01
            assert min(abs(y - rect.y), abs(y - rect.y - rect.height)) < 0.01
        for (x1, y1), (x2, y2) in itertools.pairwise(points):
            if abs(x1 - x2) > 0.01:
                continue
            for name in leaves - {edge.source, edge.target}:
                rect = places.rects[name]
                low, high = sorted((y1, y2))
                assert not (rect.x < x1 < rect.x + rect.width and low < rect.y + rect.height and rect.y < high), name


@settings(max_examples=50, deadline=None)
@given(views())
def test_the_same_view_gives_the_same_places(view):
    assert layout(view) == layout(view)


@settings(max_examples=100, deadline=None)
@given(views())
def test_edges_point_down_unless_groups_feed_each_other(view):
    leaf = {name: box.id for box in view.leaves() for name in box.members}
    if len(leaf) != len(list(view.leaves())) or any(box.children for box in view.walk()):
        return
    for _, points in layout(view).routes:
        assert points[0][1] < points[-1][1]


def axis(places, view, title, index=0):
    box = [box for box in view.walk() if box.title == title][index]
    rect = places.rects[box.id]
    return rect.x + rect.width / 2


def test_a_chain_is_straight_also_through_open_groups():
    nodes = [Node("x", "input", "x", outputs=F32)]
    for index in range(8):
        nodes.append(call(f"n{index}", nodes[-1].name, scope=["", "a.b", "a.b", "a", "c", "c", "", ""][index]))
    view = fold(Graph(tuple(nodes)))
    assert len([box for box in view.walk() if box.children]) == 3
    places = layout(view)
    assert len({round(places.rects[box.id].x + places.rects[box.id].width / 2, 3) for box in view.leaves()}) == 1
    assert all(len(points) == 2 for _, points in places.routes)


def test_a_skip_edge_leaves_the_trunk_straight_and_runs_beside_it():
    chain = [
        call("n0", "x"),
        call("n1", "n0"),
        call("n2", "n1"),
        call("n3", "n2"),
        call("add", "n3", "x"),
        call("y", "add"),
    ]
    view = fold(Graph((Node("x", "input", "x", outputs=F32), *chain)))
    places = layout(view)
    axes = {round(rect.x + rect.width / 2, 3) for rect in places.rects.values()}
    assert len(axes) == 1
    skip = next(points for edge, points in places.routes if (edge.source, edge.target) == ("%x", "%add"))
    right = max(rect.x + rect.width for rect in places.rects.values())
    assert len(skip) == 4
    assert skip[1][0] == skip[2][0] > right


@pytest.mark.parametrize("depth", [None, 2, 9])
def test_the_trunk_of_resnet18_is_one_line(depth):
    torchvision = pytest.importorskip("torchvision")
    view = fold(gt.trace(torchvision.models.resnet18().eval(), torch.ones(1, 3, 64, 64), method="fx"), depth)
    places = layout(view)
    axes = {box.id: round(places.rects[box.id].x + places.rects[box.id].width / 2, 2) for box in view.leaves()}
    aside = {name for name, x in axes.items() if x != axes["%x"]}
    assert all("downsample" in name for name in aside)
    assert places.width < 450


def test_links_between_groups_in_both_directions_are_drawn():
    nodes = (
        call("a1", scope="a"),
        call("b1", "a1", scope="b"),
        call("a2", "b1", scope="a"),
        call("b2", "a2", scope="b"),
    )
    for depth in (1, 2):
        assert len(layout(fold(Graph(nodes), depth)).routes) == (2 if depth == 1 else 3)


def test_crossings_are_counted():
    for values in itertools.permutations(range(5)):
        slow = sum(a > b for a, b in itertools.combinations(values, 2))
        assert _inversions(list(values)) == slow


def test_an_empty_view_has_no_size():
    places = layout(fold(Graph(())))
    assert (places.width, places.height, places.rects) == (0, 0, {})
