"""FLOPs from shapes alone equal what torch.utils.flop_counter counts while the model runs."""

import warnings

import pytest
import torch
import torch.backends.opt_einsum
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

import graphtools as gt
from graphtools.flops import count_flops
from graphtools.graph import Graph, Node, Output, Ref, Spec

r = torch.randn


def counted(function, *args):
    with FlopCounterMode(display=False) as counter:
        function(*args)
    return counter.get_total_flops()


# torch 2.8's counter leaves out the fused attention of the CPU.
TORCH_COUNTS_ATTENTION = counted(F.scaled_dot_product_attention, *[r(1, 1, 2, 2)] * 3) > 0


def skip_unless_torch_counts_attention():
    if not TORCH_COUNTS_ATTENTION:
        pytest.skip(f"the FlopCounterMode of torch {torch.__version__} does not count attention on the CPU")


class Wrapped(nn.Module):
    """Calls one part on the inputs, so that fx keeps the part as one module."""

    def __init__(self, part, **kwargs):
        super().__init__()
        self.part = part
        self.kwargs = kwargs

    def forward(self, *xs):
        result = self.part(*xs, **self.kwargs)
        return result[0] if isinstance(result, tuple) else result


class Wrapped1(Wrapped):
    def forward(self, x):
        return super().forward(x)


class Wrapped2(Wrapped):
    def forward(self, x, y):
        return super().forward(x, y)


class Wrapped3(Wrapped):
    def forward(self, x, y, z):
        return super().forward(x, y, z)


def agree(part, *inputs, expected=None, **kwargs):
    model = (Wrapped1, Wrapped2, Wrapped3)[len(inputs) - 1](part, **kwargs)
    expected = counted(model, *inputs) if expected is None else expected
    for method in ("fx", "record"):
        graph = gt.trace(model, *inputs, method=method)
        unknown = [node.name for node in graph.operations if count_flops(graph, node) is None]
        assert unknown == [], method
        assert graph.flops == expected, method
    return expected


@pytest.mark.parametrize(
    ("part", "shape"),
    [
        (nn.Conv1d(4, 6, 3, stride=2), (2, 4, 11)),
        (nn.Conv2d(4, 8, 3, groups=2, padding=1), (2, 4, 9, 7)),
        (nn.Conv2d(4, 8, 3, padding="same", dilation=2), (4, 9, 7)),
        (nn.Conv3d(2, 4, 2), (1, 2, 3, 4, 5)),
        (nn.ConvTranspose1d(4, 6, 3, stride=2), (2, 4, 11)),
        (nn.ConvTranspose2d(4, 6, 3, stride=2, groups=2, output_padding=1), (2, 4, 5, 6)),
        (nn.Linear(8, 5), (3, 7, 8)),
        (nn.Linear(8, 5), (8,)),
        (nn.Linear(8, 5, bias=False), (2, 8)),
        (nn.GRU(4, 5, 2, bidirectional=True), (7, 2, 4)),
        (nn.GRU(4, 5), (7, 4)),
        (nn.RNN(4, 5, 2, nonlinearity="relu", batch_first=True), (2, 7, 4)),
        (nn.GRUCell(4, 5), (2, 4)),
        (nn.RNNCell(4, 5), (2, 4)),
        (nn.LSTMCell(4, 5), (2, 4)),
        (nn.LSTMCell(4, 5), (4,)),
        (nn.utils.parametrizations.weight_norm(nn.Linear(4, 6)), (3, 4)),
        (nn.BatchNorm2d(4), (2, 4, 3, 3)),
        (nn.Softmax(-1), (2, 4)),
    ],
    ids=str,
)
def test_a_module_counts_as_torch_counts(part, shape):
    agree(part, r(shape))


@pytest.mark.parametrize(
    "part", [nn.LSTM(4, 5, 2, bidirectional=True), nn.LSTM(4, 6, proj_size=3, batch_first=True)], ids=str
)
def test_an_lstm_counts_as_torch_counts_in_double_precision(part):
    agree(part.double(), r(7, 2, 4, dtype=torch.float64))


def test_an_lstm_in_single_precision_counts_alike_although_the_counter_misses_it():
    single, double = nn.LSTM(4, 5), nn.LSTM(4, 5).double()
    graph = gt.trace(Wrapped1(single), r(7, 2, 4), method="record")
    assert graph.flops == counted(double, r(7, 2, 4, dtype=torch.float64)) == 2 * 7 * 2 * (20 * 4 + 20 * 5)


def test_a_packed_sequence_counts_its_real_steps():
    class Packed(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = nn.GRU(4, 5)

        def forward(self, x):
            return self.lstm(nn.utils.rnn.pack_padded_sequence(x, torch.tensor([3, 1])))[1]

    graph = gt.trace(Packed(), r(3, 2, 4), method="record")
    assert graph.flops == 2 * (3 + 1) * (15 * 4 + 15 * 5)


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("need_weights", [False, True])
@pytest.mark.parametrize("options", [{}, {"kdim": 6, "vdim": 10}, {"add_bias_kv": True}], ids=str)
def test_multihead_attention_counts_as_torch_counts(batch_first, need_weights, options):
    if not need_weights:
        skip_unless_torch_counts_attention()
    part = nn.MultiheadAttention(8, 2, batch_first=batch_first, **options)
    q, k, v = r(3, 5, 8), r(3, 4, options.get("kdim", 8)), r(3, 4, options.get("vdim", 8))
    if not batch_first:
        q, k, v = q.transpose(0, 1), k.transpose(0, 1), v.transpose(0, 1)
    agree(part, q, k, v, need_weights=need_weights)


def test_unbatched_attention_counts_as_torch_counts():
    agree(nn.MultiheadAttention(8, 2), r(5, 8), r(4, 8), r(4, 8))


@pytest.mark.filterwarnings("ignore:enable_nested_tensor is True")
def test_transformer_layers_count_as_torch_counts_layer_by_layer():
    encoder = nn.TransformerEncoder(
        nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2, enable_nested_tensor=False
    )
    agree(encoder, r(3, 5, 8))
    agree(nn.TransformerDecoderLayer(8, 2, 16), r(5, 3, 8), r(4, 3, 8))
    agree(nn.Transformer(8, 2, 1, 2, 16), r(5, 3, 8), r(4, 3, 8))


def test_a_fused_transformer_layer_counts_as_the_same_layer_in_steps():
    layer = Wrapped1(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True))
    expected = counted(layer, r(3, 5, 8))
    with torch.no_grad():
        assert gt.trace(layer.eval(), r(3, 5, 8), method="record").flops == expected


FUNCTIONS = [
    (torch.matmul, (r(3, 4), r(4, 5))),
    (torch.matmul, (r(3, 4), r(4))),
    (torch.matmul, (r(4), r(4, 5))),
    (torch.matmul, (r(4), r(2, 4, 5))),
    (torch.matmul, (r(4), r(4))),
    (torch.matmul, (r(7, 1, 3, 4), r(2, 4, 5))),
    (torch.matmul, (r(3, 4), r(2, 4, 5))),
    (lambda a, b: a @ b, (r(2, 3, 4), r(4, 5))),
    (torch.mm, (r(3, 4), r(4, 5))),
    (torch.bmm, (r(2, 3, 4), r(2, 4, 5))),
    (lambda a, b: a.bmm(mat2=b), (r(2, 3, 4), r(2, 4, 5))),
    (torch.addmm, (r(5), r(3, 4), r(4, 5))),
    (torch.baddbmm, (r(1, 3, 5), r(2, 3, 4), r(2, 4, 5))),
    (torch.mv, (r(3, 4), r(4))),
    (torch.inner, (r(3, 4), r(5, 4))),
    (torch.outer, (r(3), r(4))),
    (F.linear, (r(2, 3, 4), r(5, 4))),
    (lambda x, w: F.linear(input=x, weight=w), (r(2, 3, 4), r(5, 4))),
    (lambda x, w: F.conv2d(x, w, stride=2, groups=2), (r(1, 4, 9, 9), r(8, 2, 3, 3))),
    (lambda x, w: F.conv_transpose2d(x, w, stride=2), (r(1, 4, 5, 5), r(4, 3, 3, 3))),
    (lambda a, b: torch.tensordot(a, b, dims=([1, 2], [1, 0])), (r(2, 3, 4), r(4, 3, 5))),
    (lambda a, b: torch.tensordot(a, b, 1), (r(2, 3, 4), r(4, 5))),
    (F.scaled_dot_product_attention, (r(2, 4, 5, 8), r(2, 4, 6, 8), r(2, 4, 6, 8))),
    (lambda q, k: F.scaled_dot_product_attention(q, k, k, is_causal=True), (r(2, 4, 5, 8), r(2, 4, 5, 8))),
    (torch.add, (r(3), r(3))),
]


@pytest.mark.parametrize(("function", "inputs"), FUNCTIONS)
def test_a_function_counts_as_torch_counts(function, inputs):
    if len(inputs[0].shape) == 4 and inputs[0].shape[-1] == 8:  # the two calls of attention in the list
        skip_unless_torch_counts_attention()
    graph = gt.trace(function, *inputs, method="record")
    assert graph.flops == counted(function, *inputs)


@pytest.mark.parametrize(
    ("equation", "shapes"),
    [
        ("bld,bmd->blm", [(2, 3, 4), (2, 5, 4)]),
        ("ij,j->i", [(3, 4), (4,)]),
        ("ij,ij->ij", [(3, 4), (3, 4)]),
        ("ij->ji", [(3, 4)]),
        ("ii", [(3, 3)]),
        ("ij,ij->", [(3, 4), (3, 4)]),
        ("i,j->ij", [(3,), (4,)]),
        ("ij,jk", [(3, 4), (4, 5)]),
        ("...ij,jk->...ik", [(2, 3, 4), (4, 5)]),
        ("...ij,...jk", [(2, 1, 3, 4), (7, 4, 5)]),
        ("ijk,ij->i", [(3, 4, 2), (3, 4)]),
        ("ij,k->jk", [(3, 4), (5,)]),
        ("ij, jk, kl -> il", [(3, 4), (4, 5), (5, 6)]),
        ("bij,bjk,b->ik", [(2, 3, 4), (2, 4, 5), (2,)]),
    ],
)
def test_einsum_counts_as_torch_counts(equation, shapes):
    tensors = [r(shape) for shape in shapes]
    with torch.backends.opt_einsum.flags(enabled=False):
        expected = counted(lambda: torch.einsum(equation, *tensors))
    graph = gt.trace(lambda *xs: torch.einsum(equation, *xs), *tensors, method="record")
    assert graph.flops == expected


def test_bilinear_counts_both_products():
    agree(nn.Bilinear(3, 4, 5), r(6, 3), r(6, 4), expected=2 * 6 * 5 * 3 * 4 + 2 * 6 * 5 * 4)


def test_an_open_shape_gives_none_and_the_rest_of_the_graph_still_counts():
    x = Node("x", "input", "x", outputs=(Output((), Spec("f32", ("n", 4))),))
    w = Node("w", "parameter", "w", outputs=(Output((), Spec("f32", (5, 4))),))
    graph = Graph((x, w, Node("linear", "call", "torch.nn.functional.linear", (Ref("x"), Ref("w")))))
    assert count_flops(graph, graph["linear"]) is None
    assert count_flops(graph, Node("c", "call", "torch.nn.Conv2d", (Ref("x"),))) is None
    assert count_flops(graph, Node("e", "call", "torch.einsum", ())) is None
    assert count_flops(graph, Node("e", "call", "torch.einsum", ("ij,jk", Ref("w")))) is None
    assert count_flops(graph, Node("v", "call", "torch.conv2d", (Ref("w"), Ref("w")), outputs=w.outputs)) is None
    assert count_flops(graph, Node("m", "call", "torch.matmul", (3, 4))) is None
    assert count_flops(graph, Node("s", "call", "torch.Tensor.sum", (Ref("x"),))) == 0
    assert count_flops(graph, Node("f", "call", "mine.linear", (Ref("x"),))) is None
    assert count_flops(graph, Node("d", "call", "torchvision.ops.stochastic_depth", (Ref("x"),))) == 0
    assert count_flops(graph, x) == 0
    assert graph.flops == 0


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small", "vit_b_16", "googlenet", "convnext_tiny"])
def test_torchvision_models_count_as_torch_counts(name):
    if "vit" in name:
        skip_unless_torch_counts_attention()
    torchvision = pytest.importorskip("torchvision")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = torchvision.models.get_model(name, weights=None).eval()
    x = r(1, 3, 224, 224)
    expected = counted(model, x)
    if name == "resnet18":
        assert round(expected / 1e9, 1) == 3.6
    for method in ("fx", "record"):
        graph = gt.trace(model, x, method=method)
        assert graph.flops == expected, method


def test_the_count_survives_json_without_the_model():
    model = Wrapped1(nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(8 * 36, 4)))
    graph = gt.trace(model, r(2, 3, 8, 8))
    assert Graph.from_json(graph.to_json()).flops == graph.flops > 0
