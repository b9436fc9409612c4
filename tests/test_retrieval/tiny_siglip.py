"""A SigLIP of MedSigLIP's architecture with 40 000 random parameters, built without the network."""

import json

import torch
from tokenizers import Tokenizer
from tokenizers.models import Unigram
from tokenizers.pre_tokenizers import Metaspace
from tokenizers.processors import TemplateProcessing
from transformers import SiglipConfig, SiglipModel

TEXTS = ["normal chest radiograph", "Pleural effusion, left!", "consolidation"]
LENGTH = 16


def write_tiny_siglip(folder):
    """Write config, weights, processor and tokenizer as the hub repository lays them out."""
    folder.mkdir(parents=True)
    text = {
        "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
        "num_attention_heads": 4, "max_position_embeddings": LENGTH, "projection_size": 48,
        "vocab_size": write_tokenizer(folder), "pad_token_id": 1, "bos_token_id": 0,
        "eos_token_id": 1,
    }  # fmt: skip
    vision = {
        "hidden_size": 48, "intermediate_size": 64, "num_hidden_layers": 2,
        "num_attention_heads": 4, "image_size": 56, "patch_size": 14,
    }  # fmt: skip
    torch.manual_seed(0)
    SiglipModel(SiglipConfig(text_config=text, vision_config=vision)).save_pretrained(folder)
    processor = {
        "image_processor_type": "SiglipImageProcessor", "size": {"height": 56, "width": 56},
        "resample": 3, "image_mean": [0.5] * 3, "image_std": [0.5] * 3,
        "do_resize": True, "do_rescale": True, "do_normalize": True, "rescale_factor": 1 / 255,
    }  # fmt: skip
    (folder / "preprocessor_config.json").write_text(json.dumps(processor))
    return folder


def write_tokenizer(folder):
    """Write a unigram tokenizer of single characters and return the size of its vocabulary."""
    pieces = ["<unk>", "</s>", "▁", *"abcdefghijklmnopqrstuvwxyz"]
    tokenizer = Tokenizer(Unigram([(piece, -1.0) for piece in pieces], unk_id=0))
    tokenizer.pre_tokenizer = Metaspace()
    tokenizer.post_processor = TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    tokenizer.save(str(folder / "tokenizer.json"))
    about = {"tokenizer_class": "SiglipTokenizer", "model_max_length": LENGTH}
    (folder / "tokenizer_config.json").write_text(json.dumps(about))
    return len(pieces)
