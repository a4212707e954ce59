"""Drafts built in the app as people do it, with the mouse and with the keyboard, run, trained and found again."""

from __future__ import annotations

import re

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("streamlit", reason="streamlit is not installed")

expect = playwright.expect


def test_the_two_layer_net_with_the_mouse(builder):
    b = builder()
    b.input("f32[B, 1, 8, 8]")
    b.add_behind("x", "Flatten", "flatten")
    b.add_behind("flatten", "Linear", "linear")
    expect(b.type_of("linear")).to_have_text("f32[B, 64]")
    b.add_behind("linear", "ReLU", "relu")
    b.add_behind("relu", "Linear", "linear_1")
    b.set("out_features", "10")
    expect(b.type_of("linear_1")).to_have_text("f32[B, 10]")
    b.box("linear_1").click(button="right")
    b.page.get_by_role("menuitem", name="Make it the output").click()
    b.is_sound()
    b.tab.picture("build-two-layer")
    b.tab.press("Run")
    b.tab.wait_for_graph()
    expect(b.page.get_by_text(re.compile(r"4,810 parameters"))).to_be_visible(timeout=60_000)


def test_the_two_layer_net_with_the_keyboard_alone(builder):
    b = builder()
    b.input("f32[B, 1, 8, 8]")
    for word, key in (("flatten", "flatten"), ("linear", "linear"), ("relu", "relu"), ("linear", "linear_1")):
        b.key(" ")
        b.search(word)
        b.box(key).wait_for()
    b.key("Enter")  # into the form
    expect(b.page.locator('.form [data-field="in_features"]')).to_be_focused()
    b.page.keyboard.press("Tab")
    b.page.keyboard.type("10")
    b.page.keyboard.press("Enter")
    expect(b.type_of("linear_1")).to_have_text("f32[B, 10]")
    b.page.keyboard.press("Escape")
    b.key("o")
    b.box("output").wait_for()
    b.is_sound()
    b.key("ArrowRight", "ArrowRight")  # nudges what is selected
    b.key("Control+ArrowUp")
    expect(b.box("relu")).to_have_attribute("aria-selected", "true")
    b.key("F2")
    b.word("act")
    b.box("act").wait_for()
    b.key("Control+Enter")
    b.tab.wait_for_graph()


def test_what_is_typed_without_any_pause_is_done_in_its_order(builder):
    b = builder()
    b.focus()
    b.types("i", "f32[B, 3, 32, 32]", "Enter")
    for word in ("conv2d", "batchnorm2d", "relu", "flatten"):
        b.types(" ", word, "Enter")
    b.types("r", "gelu", "Enter", "o", "F2", "last", "Enter", " ", "tanh", "Enter")
    assert b.takes() == {
        "x": [], "conv2d": ["x"], "batch_norm2d": ["conv2d"], "relu": ["batch_norm2d"], "last": ["relu"],
        "tanh": ["last"], "output": ["last"],
    }  # fmt: skip
    expect(b.box("last")).to_contain_text("GELU")
    expect(b.box("tanh")).to_have_attribute("aria-selected", "true")
    b.types("Control+c", "Control+v")
    assert "tanh_1" in b.takes()
    b.is_clear()
    b.types(" ", "linear", "Enter", "Enter", "Tab", "10", "Enter", "Escape", " ", "relu", "Enter")  # into its form
    assert b.takes()["relu_1"] == ["linear"]
    expect(b.box("linear")).to_contain_text("10")
    b.types(" ", "nothing is called so", "Enter")
    expect(b.page.locator(".notice").first).to_have_text("Nothing is called nothing is called so.")


def test_a_residual_block_with_the_mouse(builder):
    b = builder()
    b.input("f32[B, 16, 8, 8]")
    b.add_behind("x", "Conv2d", "conv2d")
    b.set("padding", "1")
    b.add_behind("conv2d", "ReLU", "relu")
    b.add_behind("relu", "Conv2d", "conv2d_1")
    b.set("padding", "1")
    b.add_behind("conv2d_1", "add", "add")
    expect(b.problems()).to_have_class(re.compile("bad"))  # the second value of the sum is open
    b.connect("x", "add", 1)
    expect(b.type_of("add")).to_have_text("f32[B, 16, 8, 8]")
    b.key("o")
    b.is_sound()
    b.box("add").click()
    b.page.get_by_label("channel, of 16").fill("3")  # Python is asked for another plane of the value
    expect(b.page.locator(".form .picture")).to_contain_text("[0, 3]", timeout=20_000)
    b.key("l")
    b.page.wait_for_timeout(500)
    b.tab.picture("build-residual")


def test_a_residual_block_with_the_keyboard_alone(builder):
    b = builder()
    b.input("f32[B, 16, 8, 8]")
    b.add_by_key("conv2d", "conv2d")
    b.set_by_key("padding", "1")
    b.add_by_key("relu", "relu")
    b.add_by_key("conv2d", "conv2d_1")
    b.set_by_key("padding", "1")
    b.add_by_key("add", "add")
    b.key("o")
    b.walk_to("x", "ArrowUp")
    b.key("c")
    b.search("add: other")
    expect(b.type_of("add")).to_have_text("f32[B, 16, 8, 8]")
    b.is_sound()


def test_a_transformer_block_with_the_mouse(builder):
    b = builder()
    b.input("f32[B, T, 64]")
    b.add_behind("x", "LayerNorm", "layer_norm")
    b.add_behind("layer_norm", "MultiheadAttention", "multihead_attention")
    b.add_behind("multihead_attention", "add", "add")
    b.connect("x", "add", 1)
    expect(b.type_of("add")).to_have_text("f32[B, T, 64]")
    b.page.get_by_role("button", name="Fit").click()
    b.add_behind("add", "LayerNorm", "layer_norm_1")
    b.add_behind("layer_norm_1", "Linear", "linear")
    b.page.get_by_role("button", name="Fit").click()
    b.add_behind("linear", "GELU", "gelu")
    b.add_behind("gelu", "Linear", "linear_1")
    b.page.get_by_role("button", name="Fit").click()
    b.add_behind("linear_1", "add", "add_1")
    b.page.get_by_role("button", name="Fit").click()
    b.connect("add", "add_1", 1)
    expect(b.type_of("add_1")).to_have_text("f32[B, T, 64]")
    b.box("add_1").click(button="right")
    b.page.get_by_role("menuitem", name="Make it the output").click()
    b.is_sound()
    b.page.get_by_role("button", name="Arrange").click()
    b.page.wait_for_timeout(700)
    b.tab.picture("build-transformer")


def test_a_transformer_block_with_the_keyboard_alone(builder):
    b = builder()
    b.input("f32[B, T, 64]")
    add = b.add_by_key
    select = b.walk_to
    add("LayerNorm", "layer_norm")
    add("MultiheadAttention", "multihead_attention")
    expect(b.type_of("multihead_attention")).to_contain_text("f32[B, T, 64]")
    add("add", "add")
    select("x", "ArrowUp")
    b.key("c")  # x to the second value of the sum
    b.search("add: other")
    expect(b.type_of("add")).to_have_text("f32[B, T, 64]")
    select("add", "ArrowDown")
    add("LayerNorm", "layer_norm_1")
    add("Linear", "linear")
    add("GELU", "gelu")
    add("Linear", "linear_1")
    add("add", "add_1")
    b.key("o")
    select("add", "ArrowUp")
    b.key("c")
    b.search("add_1: other")
    expect(b.type_of("add_1")).to_have_text("f32[B, T, 64]")
    b.is_sound()


def test_lenet_with_the_keyboard_alone(builder):
    b = builder()
    b.input("f32[B, 1, 8, 8]")
    for n, channels in (("", "16"), ("_1", "32")):
        b.add_by_key("conv2d", f"conv2d{n}")
        b.set_by_key("out_channels", channels)
        b.set_by_key("padding", "1")
        b.add_by_key("relu", f"relu{n}")
        b.add_by_key("MaxPool2d", f"max_pool2d{n}")
    b.add_by_key("flatten", "flatten")
    b.add_by_key("linear", "linear")
    b.add_by_key("relu", "relu_2")
    b.add_by_key("linear", "linear_1")
    b.set_by_key("out_features", "10")
    b.key("o", "l")
    b.is_sound()
    b.key("Control+Enter")
    b.tab.wait_for_graph()


def test_lenet_is_built_by_hand_and_learns_the_digits(builder):
    b = builder()
    b.input("f32[B, 1, 8, 8]")
    b.add_behind("x", "Conv2d", "conv2d")
    b.set("out_channels", "16")
    b.set("padding", "1")
    b.add_behind("conv2d", "ReLU", "relu")
    b.add_behind("relu", "MaxPool2d", "max_pool2d")
    b.key("f")
    b.add_behind("max_pool2d", "Conv2d", "conv2d_1")
    b.set("out_channels", "32")
    b.set("padding", "1")
    b.add_behind("conv2d_1", "ReLU", "relu_1")
    b.key("f")
    b.add_behind("relu_1", "MaxPool2d", "max_pool2d_1")
    b.add_behind("max_pool2d_1", "Flatten", "flatten")
    b.key("f")
    b.add_behind("flatten", "Linear", "linear")
    b.add_behind("linear", "ReLU", "relu_2")
    b.key("f")
    b.add_behind("relu_2", "Linear", "linear_1")
    b.set("out_features", "10")
    b.key("o")
    b.box("output").wait_for()
    b.is_sound()
    b.key("l")
    b.page.wait_for_timeout(500)
    b.tab.picture("build-lenet")
    b.page.locator(".editor").get_by_role("button", name="Train").click()
    page = b.page
    expect(page.get_by_role("heading", name=re.compile("^Train draft"))).to_be_visible(timeout=60_000)
    epochs = page.get_by_label("Epochs", exact=True)
    epochs.fill("40")
    epochs.press("Tab")
    page.wait_for_timeout(500)
    page.get_by_role("button", name="Train", exact=True).click()
    expect(page.get_by_role("heading", name=re.compile("^Done "))).to_be_visible(timeout=180_000)
    said = page.get_by_text(re.compile(r"test accuracy [\d.]+ %")).first.inner_text()
    assert float(re.search(r"test accuracy ([\d.]+)", said)[1]) > 95
