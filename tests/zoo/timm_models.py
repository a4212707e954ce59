"""Models of timm from more than a hundred families, without weights, small variants at the smallest image they take."""

import functools
from typing import Any

import torch

from tests.zoo.case import Built, Case, seeded

_NAMES = """
resnet10t resnet18 resnet26d seresnet18 resnetv2_18 resnest14d res2net50_14w_8s skresnet18 ecaresnet26t resnetblur18
regnetx_002 regnety_002 regnetz_005 efficientnet_b0 efficientnet_lite0 efficientnetv2_rw_t tf_efficientnetv2_b0
mobilenetv1_100 mobilenetv2_050 mobilenetv3_small_050 tf_mobilenetv3_small_minimal_100 mobilenetv4_conv_small
mobilenetv4_hybrid_medium mixnet_s mnasnet_050 tinynet_e lcnet_035 ghostnet_050 ghostnetv2_100 ghostnetv3_050 fbnetc_100
hardcorenas_a semnasnet_050 repvgg_a0 mobileone_s0 repvit_m0_9 repghostnet_050 starnet_s1 shvit_s1 fasternet_t0
convnext_atto convnextv2_atto inception_next_atto mambaout_femto edgenext_xx_small poolformer_s12 poolformerv2_s12
caformer_s18 convformer_s18 vit_tiny_patch16_224 vit_small_patch16_dinov3 vit_relpos_small_patch16_224
vit_srelpos_small_patch16_224 deit_tiny_patch16_224 deit_tiny_distilled_patch16_224 deit3_small_patch16_224
beit_base_patch16_224 eva02_tiny_patch14_224 flexivit_small cait_xxs24_224 swin_tiny_patch4_window7_224
swinv2_tiny_window8_256 swinv2_cr_tiny_224 swin_s3_tiny_224 mixer_s32_224 gmlp_ti16_224 gmixer_12_224 resmlp_12_224
pit_ti_224 levit_128s levit_conv_128s coat_tiny coat_lite_tiny xcit_nano_12_p16_224 maxvit_nano_rw_256
maxvit_rmlp_pico_rw_256 maxxvit_rmlp_nano_rw_256 coatnet_pico_rw_224 coatnet_nano_rw_224 coatnext_nano_rw_224
mobilevit_xxs mobilevitv2_050 efficientformer_l1 efficientformerv2_s0 efficientvit_b0 efficientvit_m0 fastvit_t8
hrnet_w18_small hgnetv2_b0 dla46_c dpn48b cspresnet50 cs3darknet_focus_s ese_vovnet19b_slim_dw densenet121 xception41
inception_resnet_v2 nf_resnet26 eca_nfnet_l0 crossvit_tiny_240 convit_tiny convmixer_768_32 davit_tiny focalnet_tiny_srf
gcvit_xxtiny hiera_tiny_224 mvitv2_tiny nest_tiny nextvit_small pvt_v2_b0 rdnet_tiny rexnet_100 sequencer2d_s
swiftformer_xs tiny_vit_5m_224 tnt_s_patch16_224 twins_pcpvt_small twins_svt_small visformer_tiny vitamin_small_224
volo_d1_224 halonet26t botnet26t_256 lambda_resnet26t bat_resnext26ts selecsls42 tresnet_m gernet_s efficientvim_m1
csatv2 sam2_hiera_tiny naflexvit_base_patch16_gap nasnetalarge
""".split()

# Side of the image where 32 pixels are too few. The models listed with the side they were made for take no other.
_SIDE = {
    "bat_resnext26ts": 256,
    "crossvit_tiny_240": 240,
    "csatv2": 64,
    "efficientformer_l1": 224,
    "ghostnetv2_100": 64,
    "ghostnetv3_050": 64,
    "halonet26t": 256,
    "inception_resnet_v2": 96,
}


def cases() -> list[Case]:
    """One case per name; models whose input size is part of the model are built for the smaller image."""
    return [Case(name, seeded(functools.partial(_make, name)), needs=("timm",)) for name in _NAMES]


def _make(name: str, train: bool) -> Built:
    import timm
    from timm.models import get_pretrained_cfg

    side = _SIDE.get(name, 32)
    options: dict[str, Any] = {}
    if get_pretrained_cfg(name).fixed_input_size and name not in _SIDE:
        options["img_size"] = side
    return timm.create_model(name, pretrained=False, **options), (torch.randn(2, 3, side, side),), {}
