"""Generated code computes the model's bits with the model's weights, is formatted, and reads as a person writes."""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

import graphtools as gt
from tests.code_oracle import is_clean, round_trip, written

IMAGES = [
    "resnet18", "googlenet", "mobilenet_v3_small", "densenet121", "squeezenet1_1", "shufflenet_v2_x0_5", "vgg11_bn",
    "efficientnet_b0", "regnet_y_400mf", "swin_v2_t", "convnext_tiny", "vit_b_32", "maxvit_t", "inception_v3",
    "alexnet",
]  # fmt: skip


@pytest.mark.parametrize("name", IMAGES)
def test_torchvision_models_come_back_bit_for_bit(name: str) -> None:
    from tests.zoo.torchvision_models import _classification

    if name in ("googlenet", "inception_v3"):
        from torchvision.models import get_model

        model, args = get_model(name, weights=None, init_weights=False), (torch.randn(1, 3, 96, 96),)
    else:
        model, args, _ = _classification(name, False)
    code = round_trip(model, *args)
    assert is_clean(code) == ""


def transformers() -> dict[str, Any]:
    hf = pytest.importorskip("transformers")
    small = {
        "vocab_size": 100, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 3, "num_attention_heads": 4
    }  # fmt: skip
    gpt = hf.GPT2Config(n_layer=3, n_embd=64, n_head=4, vocab_size=100, bos_token_id=0, eos_token_id=0)
    return {
        "gpt2": lambda: hf.GPT2LMHeadModel(gpt),
        "bert": lambda: hf.BertModel(hf.BertConfig(**small)),
        "llama": lambda: hf.LlamaForCausalLM(hf.LlamaConfig(**small, num_key_value_heads=2)),
        "roberta": lambda: hf.RobertaModel(hf.RobertaConfig(**small)),
        "opt": lambda: hf.OPTForCausalLM(
            hf.OPTConfig(
                vocab_size=100,
                hidden_size=64,
                ffn_dim=96,
                num_hidden_layers=3,
                num_attention_heads=4,
                word_embed_proj_dim=64,
            )
        ),
        "t5": lambda: hf.T5EncoderModel(
            hf.T5Config(vocab_size=100, d_model=64, d_kv=16, d_ff=96, num_layers=3, num_heads=4)
        ),
    }


@pytest.mark.parametrize("name", ["gpt2", "bert", "llama", "roberta", "opt", "t5"])
def test_transformers_come_back_from_a_recording_bit_for_bit(name: str) -> None:
    model = transformers()[name]()
    options = {"use_cache": False} if name in ("gpt2", "llama", "opt") else {}
    code = round_trip(model, input_ids=torch.randint(0, 100, (2, 9)), **options)
    assert is_clean(code) == ""
    assert "Recorded from one run" in code


def test_a_resnet_comes_out_as_blocks() -> None:
    from torchvision.models import resnet50

    code = gt.Draft(gt.trace(resnet50(weights=None).eval(), torch.randn(1, 3, 64, 64))).to_code()
    classes = [line for line in code.splitlines() if line.startswith("class ")]
    assert classes == [
        "class BottleneckWithDownsample(nn.Module):",
        "class Bottleneck(nn.Module):",
        "class ResNet(nn.Module):",
    ] or classes == [
        "class Bottleneck(nn.Module):",
        "class BottleneckWithDownsample(nn.Module):",
        "class ResNet(nn.Module):",
    ]
    assert "*(Bottleneck(1024) for _ in range(5))" in code
    assert len(code.splitlines()) < 120


def test_repeated_layers_are_a_loop() -> None:
    code = round_trip(transformers()["llama"](), input_ids=torch.randint(0, 100, (2, 9)), use_cache=False)
    assert "self.layers = nn.ModuleList(LlamaDecoderLayer() for _ in range(3))" in code
    assert "        for layer in self.layers:\n" in code


class Looped(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(4, 8, batch_first=True)
        self.fc = nn.Linear(8, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.sum() > 1e9:
            x = x * 0
        out, (h, _) = self.lstm(x)
        for _ in range(3):
            h = torch.tanh(h)
        return self.fc(out[:, -1]) + self.fc(h[0])


def test_code_of_a_recording_says_what_that_run_fixed() -> None:
    code = round_trip(Looped(), torch.randn(2, 5, 4))
    text = " ".join(code.split())
    assert "(`if x.sum() > 1e9:`)" in text
    assert "(`for _ in range(3):`) ran 3 times." in text
    assert "self.lstm = nn.LSTM(4, 8, batch_first=True)" in code
    assert is_clean(code) == ""


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(7, 4)
        self.head = nn.Linear(4, 7, bias=False)
        self.head.weight = self.embed.weight
        self.register_buffer("steps", torch.arange(5.0).reshape(1, 5, 1), persistent=False)
        self.scale = nn.Parameter(torch.ones(4))

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        h = self.embed(x) * self.scale + self.steps
        a, b = h.chunk(2, dim=-1)
        with torch.no_grad():
            mask = a > torch.tensor(0.25)
        return {"logits": self.head(torch.cat([a * mask, b], -1)), "first": h[:, 0]}


@pytest.mark.parametrize("method", ["fx", "record"])
def test_tied_weights_buffers_constants_and_mappings_come_back(method: str) -> None:
    assert is_clean(round_trip(Tied(), torch.randint(0, 7, (2, 5)), method=method)) == ""


class InPlace(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x.clone()
        y += 1
        y[:, 0] = -(y[:, 1] ** 2)
        z = y.view(-1)
        y.mul_(2)
        return (z, -(x - 1), 2 / (x - (3 - x)), x[..., None, ::2], (x > 0) & (x < 1))


def test_writes_in_place_and_operators_come_back() -> None:
    assert is_clean(round_trip(InPlace(), torch.rand(3, 4))) == ""


def test_names_that_are_no_attributes_still_make_code() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))
    draft = gt.Draft(gt.trace(model.eval(), torch.randn(2, 4)))
    draft.insert_after("_1", "nn.Dropout", 0.5, name="drop")
    made = written(draft.to_code()).Net()
    made.load_state_dict(draft.weights())
    x = torch.randn(3, 4)
    assert torch.equal(made.eval()(x), model(x))
    assert list(made.state_dict()) == list(model.state_dict())


def test_a_text_of_the_users_is_a_literal_never_code() -> None:
    draft = gt.Draft()
    x = draft.input("x", "f32[B, 4]")
    y = draft.add("nn.Conv1d", x, 4, 4, 1, padding_mode='zeros"); import os; ("')
    draft.output(y)
    with pytest.raises(gt.DraftError):
        draft.to_code()
    noted = gt.Draft()
    noted.output(noted.add("nn.ReLU", noted.input("x", "f32[B]")))
    noted.plan = replace(noted.plan, model='Net"""; import os', notes=('"""; import os; """',))
    code = noted.to_code()
    assert "\nimport os" not in code and "; import os" not in code.replace("'''; import os; '''", "")
    written(code)


def test_what_cannot_be_written_says_what_to_do() -> None:
    layer = nn.TransformerDecoderLayer(8, 2)
    layer.activation = torch.sin
    draft = gt.Draft()
    x = draft.input("x", "f32[T, B, 8]")
    draft.output(draft.add(layer, x, x))
    with pytest.raises(gt.DraftError, match=r'trace the model with method="record"'):
        draft.to_code()


def test_functions_of_tensors_are_operators() -> None:
    draft = gt.Draft()
    x = draft.input("x", "f32[B, 3, 3]")
    y = draft.add("torch.add", draft.add("nn.Conv1d", x, 3, 3, 1), x)
    y = draft.add("torch.sub", draft.add("torch.mul", y, x), draft.add("torch.div", x, y))
    y = draft.add("torch.pow", draft.add("torch.matmul", y, draft.add("torch.neg", x)), 2)
    draft.output(draft.add("torch.add", y, x, alpha=3))
    code = draft.to_code()
    assert "add = conv1d + x\n" in code and "sub = mul - x / add\n" in code and "(sub @ -x) ** 2" in code
    assert "torch.add(" in code and "alpha=3" in code  # which is no sum alone
    made = written(code).Net()
    module = draft.to_module()
    made.load_state_dict(module.state_dict())
    value = torch.randn(2, 3, 3)
    assert torch.equal(made(value), module(value)) and is_clean(code) == ""


def test_a_name_that_tells_what_a_value_is_does_not_pass_on_to_another() -> None:
    draft = gt.Draft()
    x = draft.input("tokens", "i64[B, 4]")
    x = draft.add("nn.Embedding", x, 9, 8)
    x = draft.add("nn.MaxPool1d", x, 2)
    x = draft.add("nn.Upsample", x, None, 2)
    draft.output(draft.add("torch.sum", draft.add("nn.Flatten", x), dim=1))
    lines = [line.strip() for line in draft.to_code().split("def forward")[1].splitlines()[1:] if line.strip()]
    assert lines == [
        "embedding = self.embedding(tokens)",
        "max_pool1d = self.max_pool1d(embedding)",
        "upsample = self.upsample(max_pool1d)",
        "flatten = self.flatten(upsample)",
        "return torch.sum(flatten, dim=1)",
    ]


class Sized(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(8, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        B, T, C = x.shape  # noqa: N806
        y = self.linear(x).view(B, T, 2, C // 2).transpose(1, 2)
        y = y.reshape(B, T, C) + x[:, : x.shape[1]] * x[:, -1:]
        return y.reshape(B, T * C)


def test_a_shape_is_taken_apart_in_one_line_and_slices_have_their_spaces() -> None:
    code = round_trip(Sized(), torch.randn(2, 4, 8), method="fx")
    assert "        B, T, C = x.shape\n" in code and "x[:, : x.shape[1]]" in code and "x[:, -1:]" in code
    assert is_clean(code) == ""


class Builtin(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.input = nn.Linear(4, 4)
        self.body = nn.Sequential(OrderedDict((f"block_{i}", Block()) for i in range(4)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        input = self.input(x)
        sum = torch.add(input, x).sum(1, keepdim=True)
        return self.body(input * sum) + input - sum


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.linear(x)) + x


def test_no_name_is_one_of_pythons_own_and_named_blocks_are_counted() -> None:
    code = round_trip(Builtin(), torch.randn(2, 4))
    assert not re.search(r"\b(input|sum) = ", code.replace("self.input", ""))
    assert 'nn.Sequential(OrderedDict((f"block_{i}", Block()) for i in range(4)))' in " ".join(code.split()).replace(
        "( ", "(").replace(" )", ")")  # fmt: skip
    assert is_clean(code) == ""


class WithCache(nn.Module):
    """A result with an object in it, as decoders give their cache."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> dict[str, Any]:
        return {"logits": self.linear(x), "cache": Cache(x), "both": (x + 1, Cache(x))}


class Layer(nn.Module):
    """Takes all that the layers before it gave; `as_tuple` and `named` are two ways to write it."""

    def __init__(self, n_in: int, as_tuple: bool = False) -> None:
        super().__init__()
        self.conv = nn.Conv2d(n_in, 4, 1)
        self.as_tuple = as_tuple

    def forward(self, *values: torch.Tensor) -> torch.Tensor:
        return self.conv(torch.cat(values if self.as_tuple else [*values], 1)).relu()


class Dense(nn.Module):
    def __init__(self, count: int, as_tuple: bool = False, needs_first: bool = False) -> None:
        super().__init__()
        for index in range(count):
            self.add_module(f"layer{index}", Layer(3 + 4 * index, as_tuple))
        self.needs_first = needs_first

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        values = [x]
        for layer in self.children():
            values.append(layer(*values))
        return torch.cat(values, 1) + (values[1].sum() if self.needs_first else 0)


@pytest.mark.parametrize("as_tuple", [False, True])
@pytest.mark.parametrize("needs_first", [False, True])
def test_layers_that_take_all_before_them_are_one_class_in_a_loop(as_tuple: bool, needs_first: bool) -> None:
    code = round_trip(Dense(5, as_tuple, needs_first).eval(), torch.randn(2, 3, 4, 4))
    assert is_clean(code) == ""
    assert code.count("class Layer") == 1 and "def forward(self, *inputs):" in code
    assert "        features = [x]\n        for layer in self.children():\n" in code
    assert "torch.cat(features, 1)" in code
    assert ("features[1]" in code) == needs_first


def test_a_few_modules_with_names_for_their_inputs_keep_them() -> None:
    code = round_trip(Dense(2).eval(), torch.randn(2, 3, 4, 4))
    assert "*inputs" not in code and "def forward(self, x, " in code


def test_densenet_comes_out_as_short_as_a_person_writes_it() -> None:
    from torchvision.models import densenet121

    code = round_trip(densenet121(weights=None).eval(), torch.randn(1, 3, 64, 64))
    assert code.count("class DenseLayer") == 1 and len(code.splitlines()) < 200


class Cache:
    def __init__(self, keys: torch.Tensor) -> None:
        self.keys = keys


def test_an_object_in_the_result_is_left_out_and_said() -> None:
    draft = gt.Draft(gt.trace(WithCache(), torch.ones(2, 4), method="record"))
    assert [note for note in draft.plan.notes if "Left out" in note] == [
        "Left out of the result: cache, a Cache, which is no tensor and no plain value.",
        "Left out of the result: both[1], a Cache, which is no tensor and no plain value.",
    ]
    assert '"both": (' in draft.to_code() and "cache" not in draft.to_code().split("return")[-1]


@pytest.mark.parametrize(
    ("code", "lines"),
    [
        ("y = x.a(1).b().c(2)", ["y = x.a(1).b().c(2)"]),
        (
            "hidden_states = hidden_states.transpose(first, second).contiguous().view(batch, -1, channels)",
            [
                "hidden_states = (",
                "    hidden_states.transpose(first, second).contiguous().view(batch, -1, channels)",
                ")",
            ],
        ),
        (
            "self.cls.predictions.decoder.weight = self.embeddings.word_embeddings.of_the_words.weight",
            [
                "self.cls.predictions.decoder.weight = (",
                "    self.embeddings.word_embeddings.of_the_words.weight",
                ")",
            ],
        ),
        (
            "return " + '{"' + "loss" * 8 + '": loss, "' + "logits" * 5 + '": logits, "more": more}',
            ["return {", f'    "{"loss" * 8}": loss,', f'    "{"logits" * 5}": logits,', '    "more": more,', "}"],
        ),
        (
            "return (" + ", ".join(f"some_value_{index}" for index in range(6)) + ",)",
            ["return (", *(f"    some_value_{index}," for index in range(6)), ")"],
        ),
        (
            'return (hidden_states_of_the_last_layer(states)["' + "name" * 9 + '"],)',
            ["return (", '    hidden_states_of_the_last_layer(states)["' + "name" * 9 + '"],', ")"],
        ),
        (
            'y = self.words_that_end_so(first["a\\\\"], second["(b"], third["c, d"], fourth, fifth, sixth, seventh)',
            [
                "y = self.words_that_end_so(",
                '    first["a\\\\"], second["(b"], third["c, d"], fourth, fifth, sixth, seventh',
                ")",
            ],
        ),
        (
            "self.layers = nn.ModuleList("
            "[First(channels, 3, 1), Second(channels, 3, 1), *(Block(channels) for _ in range(2))])",
            [
                "self.layers = nn.ModuleList(",
                "    [",
                "        First(channels, 3, 1),",
                "        Second(channels, 3, 1),",
                "        *(Block(channels) for _ in range(2)),",
                "    ]",
                ")",
            ],
        ),
        (
            "self.layers = nn.Sequential("
            "*(Block(channels, 3, 1, groups=channels, expansion=4, bias=False) for _ in range(count)))",
            [
                "self.layers = nn.Sequential(",
                "    *(",
                "        Block(channels, 3, 1, groups=channels, expansion=4, bias=False)",
                "        for _ in range(count)",
                "    )",
                ")",
            ],
        ),
    ],
)  # fmt: skip
def test_long_lines_are_broken_as_formatters_do(code: str, lines: list[str]) -> None:
    from graphtools.codegen.lines import statement

    assert statement(code, 0) == lines
    assert is_clean("\n".join(["def f():", *statement(code, 4), ""])).count("@@") == 0
