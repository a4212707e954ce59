"""Models of transformers built from small configurations, without any download: text, audio, images, and both."""

import functools
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from tests.zoo.case import Built, Case, seeded

# The sizes under the names that most configurations use.
_SIZES = {
    "vocab_size": 99,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": 64,
}
_TOKEN_IDS = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
_LLAMA_LIKE = _SIZES | {"num_key_value_heads": 2} | _TOKEN_IDS
_IMAGE = {
    "image_size": 32,
    "patch_size": 8,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
}
_GPT = {"vocab_size": 99, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64} | _TOKEN_IDS
_BART_LIKE = {
    "vocab_size": 99,
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 64,
    "decoder_ffn_dim": 64,
    "max_position_embeddings": 64,
} | _TOKEN_IDS
_T5_LIKE = {"vocab_size": 99, "d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 4}
_AUDIO = {
    "vocab_size": 32,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "conv_dim": (16, 16),
    "conv_kernel": (10, 3),
    "conv_stride": (5, 2),
    "num_feat_extract_layers": 2,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 2,
}


@dataclass(frozen=True)
class _Architecture:
    """One model class of transformers: its name, its configuration class, the options of that and the kind of input."""

    model: str
    config: str
    options: dict[str, Any] = field(default_factory=dict)
    inputs: str = "text"


def _causal(name: str, options: dict[str, Any], **more: Any) -> _Architecture:
    """A decoder called `<name>ForCausalLM`, given labels too."""
    return _Architecture(f"{name}ForCausalLM", f"{name}Config", options | more, "labeled text")


_MIXTURE = {"num_local_experts": 4, "num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32}

_ARCHITECTURES: dict[str, _Architecture] = {
    # Encoders of text.
    "bert": _Architecture("BertForMaskedLM", "BertConfig", _SIZES, "labeled text"),
    "bert_eager": _Architecture(
        "BertModel", "BertConfig", _SIZES | {"attn_implementation": "eager", "output_attentions": True}, "padded text"
    ),
    "roberta": _Architecture("RobertaForSequenceClassification", "RobertaConfig", _SIZES | _TOKEN_IDS, "padded text"),
    "distilbert": _Architecture(
        "DistilBertForMaskedLM",
        "DistilBertConfig",
        {"vocab_size": 99, "dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 64, "max_position_embeddings": 64},
    ),
    "albert": _Architecture("AlbertModel", "AlbertConfig", _SIZES | {"embedding_size": 16}, "padded text"),
    "electra": _Architecture("ElectraForPreTraining", "ElectraConfig", _SIZES | {"embedding_size": 16}),
    "deberta_v2": _Architecture(
        "DebertaV2ForTokenClassification",
        "DebertaV2Config",
        _SIZES | {"relative_attention": True, "pos_att_type": ["c2p", "p2c"], "position_buckets": 8},
        "padded text",
    ),
    "mpnet": _Architecture("MPNetForQuestionAnswering", "MPNetConfig", _SIZES | _TOKEN_IDS),
    "modernbert": _Architecture(
        "ModernBertForMaskedLM", "ModernBertConfig", _SIZES | _TOKEN_IDS | {"cls_token_id": 1, "sep_token_id": 2}
    ),
    "xlnet": _Architecture(
        "XLNetLMHeadModel", "XLNetConfig", {"vocab_size": 99, "d_model": 32, "n_layer": 2, "n_head": 4, "d_inner": 64}
    ),
    "fnet": _Architecture("FNetForMaskedLM", "FNetConfig", _SIZES | {"type_vocab_size": 2}),
    "longformer": _Architecture(
        "LongformerForMaskedLM", "LongformerConfig", _SIZES | _TOKEN_IDS | {"attention_window": 4}, "padded text"
    ),
    "funnel": _Architecture(
        "FunnelForMaskedLM",
        "FunnelConfig",
        {"vocab_size": 99, "block_sizes": [1, 1], "d_model": 32, "n_head": 4, "d_head": 8, "d_inner": 64},
    ),
    # Decoders of text, most with a key-value cache in the output.
    "gpt2": _Architecture("GPT2LMHeadModel", "GPT2Config", _GPT),
    "gpt2_eager": _Architecture(
        "GPT2LMHeadModel", "GPT2Config", _GPT | {"attn_implementation": "eager"}, "padded text"
    ),
    "gpt_neo": _causal(
        "GPTNeo",
        {"vocab_size": 99, "hidden_size": 32, "num_layers": 2, "num_heads": 4, "intermediate_size": 64},
        attention_types=[[["global", "local"], 1]],
        max_position_embeddings=64,
        window_size=8,
        **_TOKEN_IDS,
    ),
    "gptj": _causal("GPTJ", _GPT, rotary_dim=4),
    "gpt_neox": _causal("GPTNeoX", _SIZES | _TOKEN_IDS),
    "gpt_bigcode": _causal("GPTBigCode", _GPT),
    "codegen": _causal("CodeGen", _GPT, rotary_dim=4),
    "opt": _causal("OPT", _SIZES | _TOKEN_IDS, ffn_dim=64, word_embed_proj_dim=16),
    "bloom": _causal("Bloom", {"vocab_size": 99, "hidden_size": 32, "n_layer": 2, "n_head": 4}),
    "falcon": _causal("Falcon", _SIZES | _TOKEN_IDS, new_decoder_architecture=True, num_kv_heads=2),
    "mpt": _causal("Mpt", {"vocab_size": 99, "d_model": 32, "n_layers": 2, "n_heads": 4, "max_seq_len": 64}),
    "llama": _causal("Llama", _LLAMA_LIKE),
    "mistral": _causal("Mistral", _LLAMA_LIKE, sliding_window=4),
    "mixtral": _causal("Mixtral", _LLAMA_LIKE | _MIXTURE, experts_implementation="eager", output_router_logits=True),
    "qwen2": _causal("Qwen2", _LLAMA_LIKE),
    "qwen2_moe": _causal("Qwen2Moe", _LLAMA_LIKE | _MIXTURE, shared_expert_intermediate_size=32),
    "qwen3": _causal("Qwen3", _LLAMA_LIKE, head_dim=16),
    "gemma": _causal("Gemma", _LLAMA_LIKE, head_dim=8),
    "gemma2": _causal("Gemma2", _LLAMA_LIKE, head_dim=8, sliding_window=4),
    "gemma3": _Architecture(
        "Gemma3ForCausalLM", "Gemma3TextConfig", _LLAMA_LIKE | {"head_dim": 8, "sliding_window": 4}, "labeled text"
    ),
    "phi": _causal("Phi", _SIZES | _TOKEN_IDS),
    "phi3": _causal("Phi3", _LLAMA_LIKE),
    "olmo2": _causal("Olmo2", _LLAMA_LIKE),
    "stablelm": _causal("StableLm", _LLAMA_LIKE),
    "starcoder2": _causal("Starcoder2", _LLAMA_LIKE),
    "gpt_oss": _causal(
        "GptOss",
        _LLAMA_LIKE | _MIXTURE,
        head_dim=8,
        sliding_window=4,
        rope_parameters={"rope_type": "default", "rope_theta": 1e4},
    ),
    "deepseek_v3": _causal(
        "DeepseekV3",
        _SIZES | _TOKEN_IDS | {"num_key_value_heads": 4, "moe_intermediate_size": 32, "n_routed_experts": 4},
        n_group=2,
        topk_group=1,
        num_experts_per_tok=2,
        first_k_dense_replace=1,
        n_shared_experts=1,
        kv_lora_rank=8,
        q_lora_rank=8,
        qk_rope_head_dim=8,
        qk_nope_head_dim=8,
        v_head_dim=8,
    ),
    "mamba": _causal("Mamba", {"vocab_size": 99, "hidden_size": 32, "num_hidden_layers": 2, "state_size": 8}),
    "mamba2": _causal(
        "Mamba2",
        {"vocab_size": 99, "hidden_size": 32, "num_hidden_layers": 2, "state_size": 8, "num_heads": 8},
        head_dim=8,
        n_groups=2,
        chunk_size=4,
    ),
    "rwkv": _causal("Rwkv", {"vocab_size": 99, "hidden_size": 32, "num_hidden_layers": 2, "attention_hidden_size": 32}),
    # Encoder-decoders.
    "t5": _Architecture("T5ForConditionalGeneration", "T5Config", _T5_LIKE, "text pair"),
    "umt5": _Architecture("UMT5ForConditionalGeneration", "UMT5Config", _T5_LIKE, "text pair"),
    "bart": _Architecture("BartForConditionalGeneration", "BartConfig", _BART_LIKE, "text pair"),
    "mbart": _Architecture("MBartForConditionalGeneration", "MBartConfig", _BART_LIKE, "text pair"),
    "pegasus": _Architecture("PegasusForConditionalGeneration", "PegasusConfig", _BART_LIKE, "text pair"),
    "marian": _Architecture("MarianMTModel", "MarianConfig", _BART_LIKE | {"decoder_start_token_id": 1}, "text pair"),
    # Audio.
    "whisper": _Architecture(
        "WhisperForConditionalGeneration",
        "WhisperConfig",
        {key: value for key, value in _BART_LIKE.items() if key != "max_position_embeddings"}
        | {"num_mel_bins": 16, "max_source_positions": 20, "max_target_positions": 32, "decoder_start_token_id": 3},
        "spectrum",
    ),
    "wav2vec2": _Architecture("Wav2Vec2ForCTC", "Wav2Vec2Config", _AUDIO, "sound"),
    "hubert": _Architecture("HubertModel", "HubertConfig", _AUDIO, "sound"),
    # Images, and images with text.
    "vit": _Architecture("ViTForImageClassification", "ViTConfig", _IMAGE, "image"),
    "deit": _Architecture("DeiTForImageClassificationWithTeacher", "DeiTConfig", _IMAGE, "image"),
    "dinov2": _Architecture("Dinov2ForImageClassification", "Dinov2Config", _IMAGE, "image"),
    "vit_mae": _Architecture(
        "ViTMAEForPreTraining",
        "ViTMAEConfig",
        _IMAGE | {"decoder_hidden_size": 16, "decoder_num_hidden_layers": 1, "decoder_num_attention_heads": 2},
        "image",
    ),
    "swin": _Architecture(
        "SwinForImageClassification",
        "SwinConfig",
        {"image_size": 32, "patch_size": 2, "embed_dim": 16, "depths": [1, 1], "num_heads": [2, 2], "window_size": 4},
        "image",
    ),
    "convnext": _Architecture(
        "ConvNextForImageClassification",
        "ConvNextConfig",
        {"hidden_sizes": [8, 16, 16, 32], "depths": [1, 1, 2, 1]},
        "image",
    ),
    "resnet": _Architecture(
        "ResNetForImageClassification",
        "ResNetConfig",
        {"embedding_size": 8, "hidden_sizes": [16, 16, 32, 32], "depths": [1, 1, 2, 1]},
        "image",
    ),
    "segformer": _Architecture(
        "SegformerForSemanticSegmentation",
        "SegformerConfig",
        {"hidden_sizes": [16, 16, 32, 32], "depths": [1, 1, 1, 1], "decoder_hidden_size": 16},
        "image",
    ),
    "detr": _Architecture(
        "DetrForObjectDetection",
        "DetrConfig",
        {key: value for key, value in _BART_LIKE.items() if key.startswith(("d_", "encoder", "decoder"))}
        | {"num_queries": 5, "use_timm_backbone": False, "use_pretrained_backbone": False, "backbone": None},
        "image",
    ),
    "yolos": _Architecture("YolosForObjectDetection", "YolosConfig", _IMAGE | {"image_size": [32, 32]}, "image"),
    "clip": _Architecture("CLIPModel", "CLIPConfig", {}, "image and text"),
    "siglip": _Architecture("SiglipModel", "SiglipConfig", {}, "image and text"),
    "perceiver": _Architecture(
        "PerceiverForMaskedLM",
        "PerceiverConfig",
        {"vocab_size": 99, "d_model": 16, "d_latents": 16, "num_latents": 4, "num_self_attends_per_block": 1}
        | {"num_self_attention_heads": 2, "num_cross_attention_heads": 2, "max_position_embeddings": 12},
    ),
    "patchtst": _Architecture(
        "PatchTSTForPrediction",
        "PatchTSTConfig",
        {"num_input_channels": 2, "context_length": 16, "prediction_length": 4, "patch_length": 4, "patch_stride": 4}
        | {"d_model": 16, "num_attention_heads": 2, "num_hidden_layers": 1, "ffn_dim": 32},
        "series",
    ),
}

# Most of these only ask whether a mask masks anything; mixtral's loop over experts is the real thing.
_DATA_DEPENDENT = {
    "albert",
    "bart",
    "bert_eager",
    "detr",
    "gpt2",
    "longformer",
    "marian",
    "mbart",
    "mixtral",
    "pegasus",
}
_DATA_DEPENDENT |= {"perceiver", "roberta"}


def cases() -> list[Case]:
    """One case per architecture, in the order above; inputs are keywords, outputs come as transformers returns them."""
    traits = dict.fromkeys(_DATA_DEPENDENT, frozenset({"data-dependent"})) | {"vit_mae": frozenset({"random"})}
    return [
        Case(name, seeded(functools.partial(_make, name)), traits.get(name, frozenset()), needs=("transformers",))
        for name in _ARCHITECTURES
    ]


def _make(name: str, train: bool) -> Built:
    import transformers
    from transformers.utils import logging

    architecture = _ARCHITECTURES[name]
    options = dict(architecture.options)
    if name == "detr":
        options["backbone_config"] = transformers.ResNetConfig(
            embedding_size=8, hidden_sizes=[16, 16], depths=[1, 1], out_features=["stage2"]
        )
    if architecture.inputs == "image and text":
        options["text_config"] = _SIZES | _TOKEN_IDS | {"projection_size": 32}
        options["vision_config"] = _IMAGE
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()  # Kernels that are not installed, and the like.
    try:
        model = getattr(transformers, architecture.model)(getattr(transformers, architecture.config)(**options))
    finally:
        logging.set_verbosity(verbosity)
    return model, (), _inputs(architecture.inputs)


def _inputs(kind: str) -> dict[str, Tensor]:
    """Keyword arguments: two sequences of twelve tokens, or two images of 32 by 32 pixels, or what the kind says."""
    tokens = torch.randint(3, 99, (2, 12))
    match kind:
        case "text":
            return {"input_ids": tokens}
        case "padded text":
            mask = torch.ones(2, 12, dtype=torch.long)
            mask[1, 8:] = 0
            return {"input_ids": tokens * mask, "attention_mask": mask}
        case "labeled text":
            return {"input_ids": tokens, "labels": tokens}
        case "text pair":
            return {"input_ids": tokens, "decoder_input_ids": tokens[:, :5], "labels": tokens[:, 1:6].contiguous()}
        case "spectrum":
            return {"input_features": torch.randn(2, 16, 40), "decoder_input_ids": torch.randint(3, 99, (2, 5))}
        case "sound":
            return {"input_values": torch.randn(2, 400)}
        case "image":
            return {"pixel_values": torch.randn(2, 3, 32, 32)}
        case "image and text":
            return {"input_ids": tokens, "pixel_values": torch.randn(2, 3, 32, 32)}
        case "series":
            return {"past_values": torch.randn(2, 16, 2), "future_values": torch.randn(2, 4, 2)}
    raise ValueError(f"no inputs of the kind {kind!r}")
