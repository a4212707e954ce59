"""Every operation of torch that can stand in a graph has a category, and those without one are listed here."""

import inspect
from collections import Counter

import pytest
import torch

from graphtools.graph import Node
from graphtools.kinds import _LISTED, CATEGORIES, category, node_category


def test_every_listed_category_is_a_public_one_and_no_word_is_listed_twice():
    assert set(_LISTED) <= set(CATEGORIES)
    counts = Counter(word for words in _LISTED.values() for word in words.split())
    assert [word for word, count in counts.items() if count > 1] == []


def test_every_module_of_torch_nn_has_a_category_but_containers():
    modules = [n for n, c in vars(torch.nn).items() if inspect.isclass(c) and issubclass(c, torch.nn.Module)]
    other = {name for name in modules if category(f"torch.nn.{name}") == "other"}
    assert len(modules) > 150
    assert other == {"Container", "Module", "ModuleDict", "ModuleList", "Sequential", "DataParallel"}


def test_every_function_of_torch_nn_functional_has_a_category():
    functions = [
        name
        for name, function in vars(torch.nn.functional).items()
        if callable(function) and not name.startswith("_") and not inspect.isclass(function)
    ]
    tools = {"Optional", "boolean_dispatch", "assert_int_or_pair"}  # imported there, no operations
    other = {n for n in functions if category(f"torch.nn.functional.{n}") == "other" and "torch_function" not in n}
    assert len(functions) > 100
    assert other <= tools


def test_tensor_methods_without_a_category_are_those_that_compute_nothing():
    methods = [n for n in dir(torch.Tensor) if not n.startswith("_") and callable(getattr(torch.Tensor, n))]
    other = {name for name in methods if category(f"torch.Tensor.{name}") == "other"}
    questions = {name for name in other if name.startswith(("is_", "q_", "qscheme"))}
    left = """apply_ as_subclass backward const_data_ptr data_ptr dense_dim dim dim_order element_size get_device
        hash_tensor map2_ map_ module_load ndimension nelement numel record_stream register_hook reinforce
        register_post_accumulate_grad_hook requires_grad_ retain_grad share_memory_ sparse_dim storage storage_offset
        storage_type stride symeig untyped_storage"""
    assert other - questions - set(left.split()) == set()


@pytest.mark.parametrize("package", [torch.special, torch.linalg, torch.fft])
def test_functions_of_the_packages_of_torch_have_a_category(package):
    functions = [n for n in dir(package) if inspect.isbuiltin(getattr(package, n)) and not n.startswith("_")]
    assert len(functions) > 20
    assert [name for name in functions if category(name) == "other"] == []


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("torch.nn.Conv2d", "convolution"),
        ("torch.conv2d", "convolution"),
        ("torchvision.ops.misc.Conv2dNormActivation", "convolution"),
        ("torch.nn.functional.relu_", "activation"),
        ("torch.Tensor.add_", "arithmetic"),
        ("torch.Tensor.__radd__", "arithmetic"),
        ("torch.Tensor.__iadd__", "arithmetic"),
        ("torch.Tensor.__rsub__", "arithmetic"),
        ("torch.Tensor.__matmul__", "linear"),
        ("operator.matmul", "linear"),
        ("operator.truediv", "arithmetic"),
        ("operator.and_", "arithmetic"),
        ("torch.Tensor.__getitem__", "indexing"),
        ("torch.Tensor.__setitem__", "indexing"),
        ("torch.nn.functional.scaled_dot_product_attention", "attention"),
        ("torch.nn.BCEWithLogitsLoss", "loss"),
        ("torch.Tensor.T", "shape"),
        ("torch.permute_copy", "shape"),
        ("torch.Tensor.float", "conversion"),
        ("torch.zeros_like", "creation"),
        ("torch.Tensor.mean", "reduction"),
        ("transformers.models.llama.modeling_llama.LlamaRMSNorm", "normalization"),
        ("timm.layers.drop.DropPath", "dropout"),
        ("mine.ReversibleThing", "other"),
        ("mine.Converter", "other"),
        ("", "other"),
        ("...", "other"),
    ],
)
def test_category_of(target, expected):
    assert category(target) == expected


def test_a_node_that_is_no_call_has_the_category_of_its_kind():
    kinds = ["input", "parameter", "buffer", "constant", "output"]
    assert [node_category(Node("n", kind, "torch.relu")) for kind in kinds] == ["input", *["state"] * 3, "output"]
    assert node_category(Node("n", "call", "torch.relu")) == "activation"
