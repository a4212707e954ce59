"""Statistics, histograms, one-line texts and pictures of tensors, against numpy in float64."""

import math
import warnings

import numpy
import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

import graphtools as gt
from graphtools.picture import picture
from graphtools.statistics import histogram, one_line, statistics


def check(tensor, values=None):
    """Compares every number with numpy's, computed in float64 from `values`."""
    found = statistics(tensor)
    values = tensor.detach().to(torch.float64).numpy() if values is None else values
    finite = values[numpy.isfinite(values)]
    assert found.n_elements == values.size
    assert found.n_finite == finite.size
    assert found.n_nan == numpy.isnan(values).sum()
    assert found.n_pos_inf == numpy.isposinf(values).sum()
    assert found.n_neg_inf == numpy.isneginf(values).sum()
    assert found.n_zeros == (values == 0).sum()
    if finite.size:
        assert (found.min, found.max) == (finite.min(), finite.max())
        assert found.mean == pytest.approx(finite.mean(), rel=1e-9, abs=1e-12)
        assert found.norm == pytest.approx(numpy.linalg.norm(finite.ravel()), rel=1e-9)
    if finite.size > 1:
        assert found.std == pytest.approx(finite.std(ddof=1), rel=1e-6, abs=1e-12)
    return found


def normal(*shape, seed=0, **kwargs):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).to(**kwargs)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.float8_e4m3fn])
def test_every_float_type_agrees_with_float64(dtype):
    check((normal(7, 11) * 3).to(dtype))


@pytest.mark.parametrize(
    "dtype", [torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.uint16, torch.uint32]
)
def test_integers_have_integer_ends(dtype):
    found = check(torch.arange(100).to(dtype))
    assert (type(found.min), found.max) == (int, 99)


def test_large_integers_are_exact():
    assert statistics(torch.tensor([2**62 + 1, -(2**62) - 1])).max == 2**62 + 1
    top = torch.tensor([-1, 5]).view(torch.uint64)
    assert (statistics(top).min, statistics(top).max) == (5, 2**64 - 1)


def test_a_small_deviation_around_a_large_mean_comes_right():
    tensor = (100 + 0.01 * normal(1_000_000, dtype=torch.float64)).float()
    found = check(tensor)
    assert found.std == pytest.approx(0.01, rel=0.01)


def test_a_large_first_element_does_not_spoil_the_rest():
    tensor = normal(10_000, dtype=torch.float64)
    tensor[0] = 1e6
    check(tensor)


def test_values_at_the_ends_of_float64_do_not_overflow():
    found = statistics(torch.tensor([1e300, -1e300, 1e300], dtype=torch.float64))
    assert found.norm == pytest.approx(math.sqrt(3) * 1e300)
    assert found.std == pytest.approx(1.1547005383792515e300)
    assert statistics(torch.tensor([3e-200, 4e-200], dtype=torch.float64)).norm == pytest.approx(5e-200)
    assert statistics(torch.tensor([1.7e308, -1.7e308], dtype=torch.float64)).mean == pytest.approx(0, abs=1e292)


def test_what_is_not_finite_is_counted_and_left_out():
    tensor = normal(600_000)
    tensor[:3], tensor[5], tensor[-2:] = math.nan, math.inf, -math.inf
    found = check(tensor)
    assert (found.n_nan, found.n_pos_inf, found.n_neg_inf, found.n_inf, found.is_finite) == (3, 1, 2, 3, False)


def test_nothing_finite_gives_no_numbers():
    found = statistics(torch.tensor([math.nan, math.inf]))
    assert (found.n_finite, found.min, found.max, found.mean, found.std, found.norm) == (
        0,
        None,
        None,
        None,
        None,
        None,
    )


def test_empty_and_scalar():
    empty = statistics(torch.empty(0, 3))
    assert (empty.n_elements, empty.mean, empty.zeros) == (0, None, 0.0)
    scalar = check(torch.tensor(2.5))
    assert (scalar.spec, scalar.mean, scalar.std) == ("f32[]", 2.5, None)


def test_bool_has_the_share_that_is_true():
    found = statistics(torch.tensor([True, False, True, True]))
    assert (found.min, found.max, found.mean, found.zeros) == (False, True, 0.75, 0.25)


def test_complex_is_measured_by_magnitude():
    tensor = torch.tensor([3 + 4j, 0j, complex(math.nan, 0)])
    found = statistics(tensor)
    assert (found.max, found.n_zeros, found.n_nan, found.note) == (5.0, 1, 1, "of the magnitudes")


@pytest.mark.parametrize(
    "change",
    [lambda t: t.mT, lambda t: t[::2, :, 1:], lambda t: t.permute(2, 0, 1), lambda t: t[:1].expand(40, -1, -1)],
)
def test_views_agree_with_their_copies(change):
    check(change(normal(40, 90, 110)))


def test_a_large_view_is_read_in_pieces():
    check(normal(3, 700, 900).permute(2, 1, 0))
    check(torch.tensor(2.0).expand(1000, 1000))


def test_sparse_counts_the_zeros_that_are_not_stored():
    dense = torch.zeros(30, 20)
    dense[3, 4], dense[7, 1], dense[8, 8] = -2.0, 5.0, math.inf
    with warnings.catch_warnings(action="ignore"):
        rows = dense.to_sparse_csr()
    for sparse in (dense.to_sparse(), rows):
        check(sparse, dense.double().numpy())
    positive = torch.tensor([[0.0, 3.0]]).to_sparse()
    assert (statistics(positive).min, statistics(positive).mean) == (0.0, 1.5)


@pytest.mark.filterwarnings("ignore")
def test_quantized_is_measured_dequantized():
    found = statistics(torch.quantize_per_tensor(torch.tensor([0.0, 0.5, 1.0]), 0.5, 0, torch.quint8))
    assert (found.max, found.mean, found.note) == (1.0, 0.5, "of the dequantized values")


def test_fake_and_meta_tensors_have_no_values():
    with FakeTensorMode():
        fake = torch.zeros(2, 3)
    for tensor in (fake, torch.zeros(2, 3, device="meta")):
        found = statistics(tensor)
        assert (found.spec, found.n_elements, found.mean) == ("f32[2, 3]", 6, None)
        assert found.note == "no values: a fake tensor has only a type"
        assert one_line(tensor) == "tensor[2, 3] f32 n=6 (no values: a fake tensor has only a type)"
        assert histogram(tensor).counts == ()
        assert picture(tensor).kind == "none"


def test_nested_counts_all_parts():
    with warnings.catch_warnings(action="ignore"):
        nested = torch.nested.nested_tensor([torch.ones(2), torch.zeros(3)])
    assert statistics(nested).mean == pytest.approx(0.4)


def test_gradients_and_recordings_do_not_notice():
    weight = normal(4, 4).requires_grad_()
    with gt.record() as recording:
        y = weight * 2
        statistics(y), histogram(y), one_line(y), picture(y)
    assert [event.node for event in recording.events] == ["mul"]


# -- histogram -------------------------------------------------------------------------------------------------------


def test_a_histogram_agrees_with_numpy():
    tensor = normal(50_000)
    found = histogram(tensor, bins=25)
    counts, edges = numpy.histogram(tensor.double().numpy(), bins=25)
    assert found.edges == pytest.approx(tuple(edges))
    assert sum(found.counts) == 50_000
    assert max(abs(a - b) for a, b in zip(found.counts, counts, strict=True)) <= 1  # an element on an edge
    assert (found.n_sampled, found.step, found.n_left_out) == (50_000, 1, 0)


def test_a_sample_sees_every_channel_and_repeats():
    tensor = torch.arange(64.0).repeat(1000)  # a step that is a multiple of 64 would see one value
    found = histogram(tensor, bins=64, sample=1000)
    assert found == histogram(tensor, bins=64, sample=1000)
    assert 500 < found.n_sampled <= 1000
    assert min(found.counts) > 0
    view = normal(100, 100).T
    assert histogram(view, sample=1000).n_sampled <= 1000


def test_integers_get_a_bin_each():
    found = histogram(torch.tensor([1, 2, 2, 5]))
    assert found.counts == (1, 2, 0, 0, 1)
    assert found.edges == (0.5, 1.5, 2.5, 3.5, 4.5, 5.5)
    assert histogram(torch.tensor([True, False, True])).counts == (1, 2)


def test_constant_empty_and_not_finite_histograms():
    assert sum(histogram(torch.full((5,), 7.0)).counts) == 5
    assert sum(histogram(torch.full((5,), 1e30)).counts) == 5
    assert histogram(torch.empty(0)).note == "no finite elements"
    found = histogram(torch.tensor([1.0, math.nan, 2.0, math.inf]), bins=2)
    assert (found.counts, found.n_left_out) == ((1, 1), 2)
    with pytest.raises(ValueError, match="at least one bin"):
        histogram(torch.ones(3), bins=0)


# -- one line --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tensor", "text"),
    [
        (torch.tensor([[1.0, 2.0, 3.0]]), "tensor[1, 3] f32 n=3 x∈[1, 3] μ=2 σ=1 [[1, 2, 3]]"),
        (torch.tensor(2.5), "tensor[] f32 2.5"),
        (torch.zeros(20), "tensor[20] f32 n=20 all zeros"),
        (
            torch.tensor([1.0, math.nan, 3, math.inf]),
            "tensor[4] f32 n=4 x∈[1, 3] μ=2 σ=1.414 NaN! +Inf! [1, nan, 3, inf]",
        ),
        (torch.empty(0, 4), "tensor[0, 4] f32 n=0"),
        (torch.arange(20000), "tensor[20000] i64 n=20,000 x∈[0, 19999] μ=1e+4 σ=5774"),
        (torch.tensor([True, False]), "tensor[2] bool n=2 x∈[False, True] μ=0.5 σ=0.7071 [True, False]"),
    ],
)
def test_one_line(tensor, text):
    assert one_line(tensor) == text


# -- picture ---------------------------------------------------------------------------------------------------------


def test_a_scalar_and_a_vector_are_curves():
    assert picture(torch.tensor(3.0)).values.tolist() == [3.0]
    found = picture(torch.arange(5000.0), max_side=256)
    assert (found.kind, found.caption) == ("curve", "5000 values, one in 5")
    assert found.values[:3].tolist() == [0, 5, 10]


def test_a_matrix_is_a_heat_map_of_itself():
    tensor = normal(10, 20)
    found = picture(tensor)
    assert (found.kind, found.caption, found.choices) == ("heat map", "10 × 20", ())
    assert torch.equal(found.values, tensor)


def test_channels_are_chosen_by_index():
    tensor = normal(2, 16, 9, 8)
    found = picture(tensor, (1, 5))
    assert torch.equal(found.values, tensor[1, 5])
    assert (found.choices, found.caption) == ((2, 16), "[1, 5] of 2 × 16, 9 × 8")
    assert torch.equal(picture(tensor).values, tensor[0, 0])
    assert picture(tensor, (7, 99)).index == (1, 15)


@pytest.mark.parametrize("shape", [(4, 3, 16, 12), (4, 16, 12, 3), (3, 16, 12), (16, 12, 3)])
def test_three_channels_are_an_image(shape):
    found = picture(normal(*shape))
    assert (found.kind, tuple(found.values.shape), found.values.dtype) == ("image", (16, 12, 3), torch.uint8)
    assert (int(found.values.min()), int(found.values.max())) == (0, 255)
    assert picture(normal(*shape), color=False).kind == "heat map"


def test_a_large_plane_is_thinned_and_averaged():
    found = picture(torch.ones(5000, 300), max_side=100)
    assert tuple(found.values.shape) == (100, 100)
    assert found.caption == "5000 × 300 (one row in 13, averaged to 100 × 100)"
    assert found.values.unique().tolist() == [1.0]


def test_what_is_not_finite_stays_visible():
    tensor = torch.zeros(4, 4)
    tensor[1, 2] = math.nan
    assert picture(tensor).values[1, 2].isnan()


@pytest.mark.parametrize(
    "tensor",
    [
        torch.ones(3, 4, dtype=torch.bool),
        torch.ones(3, 4).to_sparse(),
        torch.ones(2, 3) * 1j,
        torch.ones(1, 2, 3, 4, 5),
    ],
)
def test_any_tensor_has_a_picture(tensor):
    assert picture(tensor).values.dtype == torch.float32


def test_nothing_to_show():
    assert picture(torch.empty(3, 0)).caption == "no elements"


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_found_in_every_layout(bad):
    from graphtools.statistics import is_finite

    dense = torch.tensor([[0.0, 1.0], [2.0, 0.0]])
    wrong = torch.tensor([[0.0, bad], [2.0, 0.0]])
    nested = torch.nested.nested_tensor([dense, wrong], layout=torch.jagged)
    for make in (torch.Tensor.to_sparse, torch.Tensor.to_sparse_csr, torch.Tensor.to_mkldnn, torch.Tensor.half):
        assert is_finite(make(dense))
        assert not is_finite(make(wrong))
    assert not is_finite(nested)
    assert not is_finite(torch.complex(dense, wrong))
    assert is_finite(torch.empty(0))
    assert is_finite(torch.empty(3, device="meta"))
