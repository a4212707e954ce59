"""Transfer learning on models that nobody here wrote: heads, frozen parts, groups, weights."""

import pytest
import torch
from torch import nn
from torchvision import models

from graphtools.errors import FormatError, LoadError
from graphtools.learning import Data, Trainer, read_plan
from graphtools.learning.checkpoints import load_checkpoint, save_checkpoint
from graphtools.learning.transfer import freeze, groups, load_weights, replace_head

CLASSIFIERS = [
    "alexnet", "convnext_tiny", "densenet121", "efficientnet_b0", "efficientnet_v2_s", "googlenet", "inception_v3",
    "maxvit_t", "mnasnet0_5", "mobilenet_v2", "mobilenet_v3_small", "regnet_x_400mf", "resnet18", "resnext50_32x4d",
    "shufflenet_v2_x0_5", "squeezenet1_1", "swin_t", "swin_v2_t", "vgg11", "vit_b_16", "wide_resnet50_2",
]  # fmt: skip


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_the_head_of_every_family_is_found(name):
    with torch.device("cpu" if name.startswith("regnet") else "meta"):  # regnet's making reads a number of a tensor
        options = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
        model = models.get_model(name, weights=None, **options).eval()
        replace_head(model, 7)
        side = 299 if name == "inception_v3" else 224
        assert model(torch.empty(2, 3, side, side)).shape == (2, 7)


def test_what_is_frozen_stays_and_so_do_its_statistics():
    torch.manual_seed(0)
    model = models.resnet18(num_classes=4)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    data = torch.utils.data.TensorDataset(torch.randn(8, 3, 32, 32), torch.arange(8) % 4)
    plan = read_plan({"epochs": 1, "batch_size": 4, "transfer": {"freeze": ["conv1", "bn1", "layer*"]}})
    trainer = Trainer(plan, model, Data(data, None, None, "made"))
    while not trainer.is_done:
        trainer.step()
    changed = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == {"fc.weight", "fc.bias"}


def test_groups_have_their_learning_rates():
    model = models.resnet18(num_classes=4)
    freeze(model, ["conv1"])
    found = groups(model, {"fc": 0.5, "layer4.*.weight": 0.1})
    assert [group.get("lr") for group in found] == [0.5, 0.1, None]
    assert sum(len(group["params"]) for group in found) == sum(p.requires_grad for p in model.parameters())


def test_weights_that_fit_are_taken(tmp_path):
    torch.manual_seed(0)
    source, target = models.squeezenet1_1(num_classes=5), models.squeezenet1_1(num_classes=9)
    torch.save({"state_dict": source.state_dict()}, tmp_path / "w.pt")
    save_checkpoint(tmp_path / "w.ckpt", {"model": source.state_dict()})
    for name in ("w.pt", "w.ckpt"):
        said = load_weights(target, str(tmp_path / name))
        assert said.startswith("weights: 50 of 52 tensors")
        assert "classifier.1.weight" in said
        assert torch.equal(target.features[0].weight, source.features[0].weight)


def test_a_file_that_would_run_code_is_refused(tmp_path):
    torch.save({"weight": print}, tmp_path / "bad.pt")
    with pytest.raises(LoadError, match="is no file of weights alone"):
        load_weights(nn.Linear(2, 2), str(tmp_path / "bad.pt"))


@pytest.mark.parametrize("content", [b"", b"PK nonsense", b"{}"])
def test_a_damaged_checkpoint_is_refused(tmp_path, content):
    (tmp_path / "bad.ckpt").write_bytes(content)
    with pytest.raises(FormatError):
        load_checkpoint(tmp_path / "bad.ckpt")


def test_a_checkpoint_that_was_cut_or_changed_is_refused(tmp_path):
    path = tmp_path / "a.ckpt"
    save_checkpoint(
        path, {"x": torch.arange(1000), "y": [1, (2.5, None)], 3: {"z": torch.ones(2, dtype=torch.bfloat16)}}
    )
    whole = path.read_bytes()
    found = load_checkpoint(path)
    assert torch.equal(found["x"], torch.arange(1000))
    assert found["y"] == [1, (2.5, None)]
    assert found[3]["z"].dtype == torch.bfloat16
    for damaged in (whole[:-200], whole[: len(whole) // 2], whole.replace(b"\x05\x00\x00\x00", b"\x06\x00\x00\x00", 1)):
        path.write_bytes(damaged)
        with pytest.raises(FormatError):
            load_checkpoint(path)
