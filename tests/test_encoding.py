"""A graph survives the trip through JSON, and a document that is no graph is refused with a word on where."""

import json
import math
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphtools.encoding import FORMAT, VERSION, from_json, to_json
from graphtools.errors import FormatError
from graphtools.graph import (
    Capture,
    Failure,
    Graph,
    ListArg,
    Module,
    Node,
    Output,
    Ref,
    Source,
    Spec,
    State,
    Symbol,
    freeze,
)

texts = st.text(max_size=8)
numbers = st.integers(-(2**80), 2**80)
counts = st.integers(0, 2**40)
specs = st.builds(Spec, st.sampled_from(["f32", "i64", "?"]), st.lists(counts | texts, max_size=3).map(tuple), texts)
paths = st.lists(numbers | texts, max_size=3).map(tuple)
sources = st.builds(Source, texts, counts, counts, texts)
floats = st.floats(allow_nan=True, allow_infinity=True)
literals = st.none() | st.booleans() | numbers | floats | texts | st.just(...) | st.complex_numbers(allow_nan=True)


def arguments(names):
    leaves = literals | st.builds(Symbol, texts, texts)
    if names:
        leaves |= st.builds(Ref, st.sampled_from(names), paths)
    keys = texts | st.integers(-9, 9) | st.none()
    return st.recursive(
        leaves,
        lambda inner: (
            st.lists(inner, max_size=3).map(tuple)
            | st.lists(inner, max_size=3).map(ListArg)
            | st.builds(slice, inner, inner, inner)
            | st.dictionaries(keys, inner, max_size=3).map(lambda d: freeze(d.items()))
        ),
        max_leaves=6,
    )


def named(values):
    return st.dictionaries(texts, values, max_size=2).map(lambda d: freeze(d.items()))


@st.composite
def graphs(draw):
    names = draw(st.lists(texts, max_size=5, unique=True))
    n_inputs = draw(st.integers(0, len(names)))
    has_output = draw(st.booleans())
    nodes = []
    for position, name in enumerate(names):
        kind = "input" if position < n_inputs else draw(st.sampled_from(["parameter", "buffer", "constant", "call"]))
        if has_output and position == len(names) - 1 and position >= n_inputs:
            kind = "output"
        before = names[:position]
        some = st.lists(st.sampled_from(before), max_size=2).map(tuple) if before else st.just(())
        outputs = st.lists(st.builds(Output, paths, specs), max_size=2).map(tuple)
        args = st.lists(arguments(before), max_size=3).map(tuple)
        nodes.append(
            Node(
                name,
                kind,
                draw(texts),
                draw(args),
                draw(named(arguments(before))),
                draw(outputs),
                draw(texts),
                draw(st.none() | sources),
                draw(some),
                draw(some),
                draw(st.booleans()),
                draw(named(literals)),
            )
        )
    states = st.builds(State, texts, st.sampled_from(["parameter", "buffer"]), specs, st.booleans(), st.none() | texts)
    modules = [
        Module(path, draw(texts), draw(texts), tuple(draw(st.lists(states, max_size=2))))
        for path in draw(st.lists(texts, max_size=2, unique=True))
    ]
    failure = st.builds(
        Failure, texts, texts, st.none() | texts, st.none() | sources, st.lists(specs, max_size=2).map(tuple)
    )
    capture = st.builds(
        Capture,
        texts,
        texts,
        st.none() | texts,
        floats,
        st.booleans(),
        st.lists(texts, max_size=2).map(tuple),
        named(texts),
    )
    return Graph(
        tuple(nodes), freeze((m.path, m) for m in modules), draw(capture), draw(st.none() | failure), live=object()
    )


def typed(value):
    """`value` with the type of everything in it, so that 1, True, 1.0 and [1], (1,) all differ, and nan equals nan."""
    if isinstance(value, Mapping):
        return "mapping", [(typed(key), typed(item)) for key, item in value.items()]
    if isinstance(value, tuple):
        return type(value), [typed(item) for item in value]
    if isinstance(value, slice):
        return slice, typed((value.start, value.stop, value.step))
    if isinstance(value, float | complex):
        return type(value), repr(value)
    if hasattr(value, "__dataclass_fields__"):
        return type(value), [
            (name, typed(getattr(value, name))) for name in value.__dataclass_fields__ if name != "live"
        ]
    return type(value), value


def has_nan(value):
    return "nan" in repr(typed(value))


@settings(max_examples=100, deadline=None)
@given(graphs(), st.sampled_from([None, 0, 2]))
def test_a_graph_read_back_is_equal_in_values_and_types(graph, indent):
    text = to_json(graph, indent)
    back = from_json(text)
    assert typed(back) == typed(graph)
    assert has_nan(graph) or back == graph
    assert back.live is None
    assert to_json(back, indent) == text
    assert from_json(text.encode()) is not None


@settings(max_examples=60, deadline=None)
@given(graphs())
def test_the_text_is_strict_json(graph):
    def refuse(word):
        raise AssertionError(word)

    assert json.loads(to_json(graph), parse_constant=refuse)["format"] == FORMAT


def tiny(**changes):
    """The document of a graph of one operation, with the operation's fields changed."""
    x = Node("x", "input", "x", outputs=(Output((), Spec("f32", (2,))),))
    relu = Node("relu", "call", "torch.relu", (Ref("x"),))
    document = json.loads(to_json(Graph((x, relu), freeze([("", Module("", "Net"))]))))
    document["nodes"][1].update(changes)
    return document


def message(document):
    text = document if isinstance(document, str | bytes) else json.dumps(document)
    with pytest.raises(FormatError) as caught:
        from_json(text)
    return str(caught.value)


def test_a_list_and_a_tuple_argument_stay_apart():
    graph = from_json(json.dumps(tiny(args=[[1], {"list": [1]}, {"map": [["a", {"slice": [None, 2, None]}]]}])))
    first, second, third = graph["relu"].args
    assert (type(first), type(second)) == (tuple, ListArg)
    assert dict(third) == {"a": slice(None, 2, None)}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"args": [{"ref": 1}]}, "nodes[1].args[0].ref: expected a text, not 1"),
        ({"args": [0, {"ref": "z"}]}, "nodes: 'relu' refers to 'z', which is not a node before it"),
        (
            {"args": [{"ref": "x", "to": 1}]},
            "nodes[1].args[0]: expected an argument, not an object with the keys an array of 2",
        ),
        ({"args": [{"eval": "1"}]}, 'nodes[1].args[0]: unknown kind of argument "eval"'),
        ({"args": [{"float": "1"}]}, 'nodes[1].args[0].float: expected one of nan, inf, -inf, not "1"'),
        ({"args": [{"ellipsis": 1}]}, "nodes[1].args[0].ellipsis: expected true, not 1"),
        ({"args": [{"slice": [1]}]}, "nodes[1].args[0].slice: expected an array of 3, not of 1"),
        ({"args": [{"map": [["a", 1], ["a", 2]]}]}, 'nodes[1].args[0].map: the key "a" comes twice'),
        ({"args": [{"map": [[[], 1]]}]}, "nodes[1].args[0].map: expected a literal as key, not an array of 0"),
        ({"args": [{"complex": [1, 2]}]}, "nodes[1].args[0].complex: expected two floats"),
        ({"args": 3}, "nodes[1].args: expected an array, not 3"),
        ({"kwargs": []}, "nodes[1].kwargs: expected an object, not an array of 0"),
        (
            {"kind": "layer"},
            'nodes[1].kind: expected one of input, parameter, buffer, constant, call, output, not "layer"',
        ),
        (
            {"kind": ["call"]},
            "nodes[1].kind: expected one of input, parameter, buffer, constant, call, output, not an array of 1",
        ),
        ({"name": None}, "nodes[1].name: expected a text, not null"),
        ({"name": "x"}, "nodes: two nodes are named 'x'; give each node a name of its own"),
        ({"random": 1}, "nodes[1].random: expected true or false, not 1"),
        ({"color": "red"}, 'nodes[1]: unknown field "color"'),
        ({"source": ["a.py", -1, 0, ""]}, "nodes[1].source[1]: expected a whole number from 0 to 2**63 - 1, not -1"),
        ({"source": ["a.py"]}, "nodes[1].source: expected an array of 4, not of 1"),
        ({"outputs": [{"dtype": "f32"}]}, "nodes[1].outputs[0]: 'shape' is missing"),
        (
            {"outputs": [{"dtype": "f32", "shape": [True]}]},
            "nodes[1].outputs[0].shape[0]: expected a whole number from 0 to 2**63 - 1, not true",
        ),
        (
            {"outputs": [{"dtype": "f32", "shape": [10**30]}]},
            "nodes[1].outputs[0].shape[0]: expected a whole number from 0 to 2**63 - 1, not a number of many digits",
        ),
        (
            {"outputs": [{"dtype": "f32", "shape": [2], "path": [1.5]}]},
            "nodes[1].outputs[0].path[0]: expected a whole number, not 1.5",
        ),
    ],
)
def test_a_damaged_node_is_refused_and_named(changes, expected):
    assert message(tiny(**changes)) == expected


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({}, 'not a graph: the document lacks "format": "graphtools.graph"'),
        ([], 'not a graph: the document lacks "format": "graphtools.graph"'),
        (
            {**tiny(), "version": 2},
            "the document has version 2, and this graphtools reads up to 1; install a newer graphtools",
        ),
        ({**tiny(), "version": True}, "version: expected a whole number from 1, not true"),
        ({**tiny(), "nodes": None}, "nodes: expected an array, not null"),
        ({**tiny(), "modules": {"": {"type": 1}}}, "modules[''].type: expected a text, not 1"),
        ({**tiny(), "failure": {"type": "E"}}, "failure: 'message' is missing"),
        ({**tiny(), "capture": {}}, "capture: 'method' is missing"),
        ('{"a": 1, "a": 2}', 'not a graph: an object has the key "a" twice'),
        ('{"a": NaN}', "not a JSON document: NaN is no JSON number"),
        ("", "not a JSON document: Expecting value: line 1 column 1 (char 0)"),
        ('{"format": ' + "[" * 100_000, "the document is nested too deeply to be a graph"),
    ],
)
def test_a_document_that_is_no_graph_is_refused(document, expected):
    assert message(document) == expected


def test_bytes_that_are_no_text_are_refused():
    assert message(b"\xff\xfe\x00\x01\x80").startswith("not a JSON document: ")


def test_a_number_of_too_many_digits_is_refused():
    assert message(json.dumps(tiny(args=["N"])).replace('"N"', "9" * 5000)).startswith("not a JSON document: ")
    assert message(json.dumps(tiny(args=["N"])).replace('"N"', "1e999")) == (
        "nodes[1].args[0]: the number is too large for a float"
    )


def test_an_argument_nested_without_end_is_refused_when_read_and_when_written():
    arg = 0
    for _ in range(150):
        arg = (arg,)
    assert message(tiny(args=[json.loads("[" * 150 + "]" * 150)])) == "nodes[1].args[0]: nested more than 100 deep"
    with pytest.raises(FormatError, match=r"^nodes\[0\].args: an argument is nested more than 100 deep$"):
        to_json(Graph((Node("f", "call", "f", (arg,)),)))


def test_an_object_that_has_no_place_in_a_graph_is_refused_when_written():
    with pytest.raises(FormatError, match=r"^nodes\[0\].args: a object has no place in a graph; use a Symbol"):
        to_json(Graph((Node("f", "call", "f", (object(),)),)))
    with pytest.raises(FormatError, match=r"cannot be the key of a mapping"):
        to_json(Graph((Node("f", "call", "f", ({math.nan: 1},)),)))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_single_change_of_a_document_is_read_or_refused_but_never_crashes(data):
    document = json.loads(to_json(data.draw(graphs())))
    places = []

    def visit(value):
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            places.append((value, key))
            if isinstance(part, dict | list):
                visit(part)

    visit(document)
    holder, key = data.draw(st.sampled_from(places))
    holder[key] = data.draw(st.recursive(st.none() | st.booleans() | st.integers() | texts, st.lists, max_leaves=4))
    try:
        assert isinstance(from_json(json.dumps(document)), Graph)
    except FormatError as error:
        assert str(error)


def test_the_version_is_the_first_and_the_header_comes_first():
    assert to_json(Graph(())).startswith(f'{{"format":"{FORMAT}","version":{VERSION},')
