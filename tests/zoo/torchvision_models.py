"""All 121 models of torchvision, without weights, each at the smallest input on which it runs and trains."""

import functools
from typing import Any

import torch

from tests.zoo.case import Built, Case, seeded

_CLASSIFICATION = """
alexnet convnext_base convnext_large convnext_small convnext_tiny densenet121 densenet161 densenet169 densenet201
efficientnet_b0 efficientnet_b1 efficientnet_b2 efficientnet_b3 efficientnet_b4 efficientnet_b5 efficientnet_b6
efficientnet_b7 efficientnet_v2_l efficientnet_v2_m efficientnet_v2_s googlenet inception_v3 maxvit_t mnasnet0_5
mnasnet0_75 mnasnet1_0 mnasnet1_3 mobilenet_v2 mobilenet_v3_large mobilenet_v3_small regnet_x_16gf regnet_x_1_6gf
regnet_x_32gf regnet_x_3_2gf regnet_x_400mf regnet_x_800mf regnet_x_8gf regnet_y_128gf regnet_y_16gf regnet_y_1_6gf
regnet_y_32gf regnet_y_3_2gf regnet_y_400mf regnet_y_800mf regnet_y_8gf resnet101 resnet152 resnet18 resnet34 resnet50
resnext101_32x8d resnext101_64x4d resnext50_32x4d shufflenet_v2_x0_5 shufflenet_v2_x1_0 shufflenet_v2_x1_5
shufflenet_v2_x2_0 squeezenet1_0 squeezenet1_1 swin_b swin_s swin_t swin_v2_b swin_v2_s swin_v2_t vgg11 vgg11_bn vgg13
vgg13_bn vgg16 vgg16_bn vgg19 vgg19_bn vit_b_16 vit_b_32 vit_h_14 vit_l_16 vit_l_32 wide_resnet101_2 wide_resnet50_2
quantized_googlenet quantized_inception_v3 quantized_mobilenet_v2 quantized_mobilenet_v3_large quantized_resnet18
quantized_resnet50 quantized_resnext101_32x8d quantized_resnext101_64x4d quantized_shufflenet_v2_x0_5
quantized_shufflenet_v2_x1_0 quantized_shufflenet_v2_x1_5 quantized_shufflenet_v2_x2_0
""".split()

_SEGMENTATION = """
deeplabv3_mobilenet_v3_large deeplabv3_resnet101 deeplabv3_resnet50 fcn_resnet101 fcn_resnet50 lraspp_mobilenet_v3_large
""".split()

# Random weights score every class about alike, so the default thresholds would keep no box at all; with the default
# number of proposals, training takes seconds.
_RCNN = {
    "box_score_thresh": 0.001,
    "box_detections_per_img": 5,
    "box_batch_size_per_image": 16,
    "rpn_post_nms_top_n_train": 50,
    "rpn_post_nms_top_n_test": 50,
}
_ONE_STAGE = {"score_thresh": 0.001, "detections_per_img": 20, "topk_candidates": 50}
_DETECTION: dict[str, dict[str, Any]] = {
    "fasterrcnn_mobilenet_v3_large_320_fpn": _RCNN,
    "fasterrcnn_mobilenet_v3_large_fpn": _RCNN,
    "fasterrcnn_resnet50_fpn": _RCNN,
    "fasterrcnn_resnet50_fpn_v2": _RCNN,
    "fcos_resnet50_fpn": _ONE_STAGE,
    "keypointrcnn_resnet50_fpn": _RCNN,
    "maskrcnn_resnet50_fpn": _RCNN,
    "maskrcnn_resnet50_fpn_v2": _RCNN,
    "retinanet_resnet50_fpn": _ONE_STAGE,
    "retinanet_resnet50_fpn_v2": _ONE_STAGE,
    "ssd300_vgg16": _ONE_STAGE,
    "ssdlite320_mobilenet_v3_large": _ONE_STAGE,
}

# Channels, frames, height and width of one clip.
_VIDEO: dict[str, tuple[int, ...]] = {
    "mc3_18": (3, 4, 32, 32),
    "mvit_v1_b": (3, 16, 224, 224),
    "mvit_v2_s": (3, 16, 224, 224),
    "r2plus1d_18": (3, 4, 32, 32),
    "r3d_18": (3, 4, 32, 32),
    "s3d": (3, 16, 224, 224),
    "swin3d_b": (3, 4, 32, 32),
    "swin3d_s": (3, 4, 32, 32),
    "swin3d_t": (3, 4, 32, 32),
}

_OPTICAL_FLOW = ["raft_large", "raft_small"]

# Side of the image where 32 pixels are too few, or the model takes no other.
_SIDE = {"alexnet": 63, "inception_v3": 75, "quantized_inception_v3": 75, "maxvit_t": 224}
# The auxiliary head, which only training runs, needs the full size.
_TRAIN_SIDE = {"inception_v3": 299, "quantized_inception_v3": 299}

# Arguments to the builder. A vision transformer's positional embedding has one row per patch; `init_weights` is True by
# default, with a warning where nobody asked for it.
_OPTIONS: dict[str, dict[str, Any]] = {
    "googlenet": {"init_weights": True},
    "inception_v3": {"init_weights": True},
    "quantized_googlenet": {"init_weights": True},
    "quantized_inception_v3": {"init_weights": True},
    "vit_b_16": {"image_size": 32},
    "vit_b_32": {"image_size": 64},
    "vit_h_14": {"image_size": 28},
    "vit_l_16": {"image_size": 32},
    "vit_l_32": {"image_size": 64},
}

_SLOW = {
    "convnext_large",
    "mvit_v1_b",
    "mvit_v2_s",
    "regnet_y_128gf",
    "ssd300_vgg16",
    "vit_h_14",
    "vit_l_16",
    "vit_l_32",
}


def cases() -> list[Case]:
    """One case per name in `torchvision.models.list_models()` of torchvision 0.29."""
    makers = {
        **dict.fromkeys(_CLASSIFICATION, _classification),
        **dict.fromkeys(_SEGMENTATION, _segmentation),
        **dict.fromkeys(_DETECTION, _detection),
        **dict.fromkeys(_VIDEO, _video),
        **dict.fromkeys(_OPTICAL_FLOW, _optical_flow),
    }
    return [
        Case(
            name=name,
            build=seeded(functools.partial(make, name)),
            traits=frozenset({"data-dependent"} if name in _DETECTION else ()) | ({"slow"} if name in _SLOW else set()),
            needs=("torchvision",),
        )
        for name, make in sorted(makers.items())
    ]


def _model(name: str, **options: Any) -> torch.nn.Module:
    from torchvision.models import get_model

    return get_model(name, weights=None, **options)


def _classification(name: str, train: bool) -> Built:
    options = _OPTIONS.get(name, {})
    side = options.get("image_size") or _SIDE.get(name, 32)
    side = _TRAIN_SIDE.get(name, side) if train else side
    return _model(name, **options), (torch.randn(2, 3, side, side),), {}


def _segmentation(name: str, train: bool) -> Built:
    return _model(name, weights_backbone=None), (torch.randn(2, 3, 32, 32),), {}


def _detection(name: str, train: bool) -> Built:
    sizes = {} if name.startswith("ssd") else {"min_size": 64, "max_size": 64}
    model = _model(name, weights_backbone=None, **sizes, **_DETECTION[name])
    images = [torch.rand(3, 64, 64), torch.rand(3, 48, 64)]
    return model, ((images, [_target(name, image) for image in images]) if train else (images,)), {}


def _target(name: str, image: torch.Tensor) -> dict[str, torch.Tensor]:
    """Two boxes on `image`, with the masks or key points that the model called `name` learns from."""
    boxes = torch.tensor([[4.0, 6.0, 30.0, 36.0], [20.0, 10.0, 60.0, 44.0]])
    target = {"boxes": boxes, "labels": torch.tensor([1, 1])}
    if name.startswith("maskrcnn"):
        target["masks"] = (torch.rand(2, *image.shape[1:]) > 0.5).to(torch.uint8)
    if name.startswith("keypointrcnn"):
        corners = boxes[:, None, :2] + torch.rand(2, 17, 2) * (boxes[:, None, 2:] - boxes[:, None, :2])
        target["keypoints"] = torch.cat([corners, torch.ones(2, 17, 1)], dim=2)
    return target


def _video(name: str, train: bool) -> Built:
    return _model(name), (torch.randn(1, *_VIDEO[name]),), {}


def _optical_flow(name: str, train: bool) -> Built:
    return (
        _model(name),
        (torch.rand(1, 3, 128, 128) * 2 - 1, torch.rand(1, 3, 128, 128) * 2 - 1),
        {"num_flow_updates": 2},
    )
