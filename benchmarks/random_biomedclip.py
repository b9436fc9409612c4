"""BiomedCLIP checkpoints of any size with random weights, laid out as the hub's repository is.

Speed and memory are those of the real one; what they find means nothing.
"""

from __future__ import annotations

import json
import string
from dataclasses import dataclass
from pathlib import Path

import open_clip
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing
from transformers import BertConfig, BertTokenizerFast

HUB_TEXT_TOWER = "microsoft/BiomedNLP-BiomedBERT-base-uncased-abstract"

#: Real ones hold thirty thousand; these are enough for texts of a few tokens.
WORDS = (
    *("chest", "radiograph", "normal", "pleural", "effusion", "consolidation", "of", "the", "left"),
    *("right", "lower", "upper", "lobe", "pneumonia", "pneumothorax", "cardiomegaly", "nodule"),
    *("with", "and", "no", "acute", "enlarged", "heart", "opacity", "clear", "lungs", "in"),
)


@dataclass(frozen=True)
class Size:
    """Widths and depths of both towers."""

    vision: str
    image_size: int
    dim: int
    bert: dict[str, int]


SIZES = {
    "tiny": Size(
        "test_vit", 64, 32,
        {"vocab_size": 400, "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 1,
         "intermediate_size": 128},
    ),
    "small": Size(
        "vit_small_patch16_224", 224, 256,
        {"vocab_size": 30522, "hidden_size": 256, "num_hidden_layers": 4, "num_attention_heads": 4,
         "intermediate_size": 1024},
    ),
    "true": Size("vit_base_patch16_224", 224, 512, {}),  # BertConfig's defaults are BERT-base
}  # fmt: skip


def write_biomedclip(folder: Path, size: str) -> Path:
    """Write a checkpoint of one of ``SIZES``, tokenizer included, and return its folder."""
    folder.mkdir(parents=True)
    chosen = SIZES[size]
    bert = BertConfig(**chosen.bert)
    _write_tokenizer(folder, bert.vocab_size)
    (folder / "config.json").write_text(json.dumps({**bert.to_dict(), "model_type": "bert"}))
    config = {
        "embed_dim": chosen.dim,
        "vision_cfg": {
            "timm_model_name": chosen.vision, "timm_model_pretrained": False, "timm_pool": "",
            "timm_proj": "linear", "image_size": chosen.image_size,
        },
        "text_cfg": {
            "hf_model_name": str(folder.resolve()), "hf_tokenizer_name": HUB_TEXT_TOWER,
            "hf_model_pretrained": False, "hf_proj_type": "mlp",
            "hf_pooler_type": "cls_last_hidden_state_pooler", "context_length": 256,
        },
    }  # fmt: skip
    torch.manual_seed(0)
    model = open_clip.model.CustomTextCLIP(**config)
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    preprocess = {
        "mean": [0.48145466, 0.4578275, 0.40821073],
        "std": [0.26862954, 0.26130258, 0.27577711],
    }
    about = {"model_cfg": config, "preprocess_cfg": preprocess}
    (folder / "open_clip_config.json").write_text(json.dumps(about))
    return folder


def _write_tokenizer(folder: Path, vocabulary: int) -> None:
    letters = [*string.ascii_lowercase, *string.digits]
    known = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{c}" for c in letters)]
    known += [word for word in WORDS if word not in known]
    known += [f"[unused{i}]" for i in range(vocabulary - len(known))]
    ids = {word: i for i, word in enumerate(known)}
    tokenizer = Tokenizer(WordPiece(ids, unk_token="[UNK]"))
    tokenizer.normalizer = BertNormalizer()
    tokenizer.pre_tokenizer = BertPreTokenizer()
    ends = [(name, ids[name]) for name in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=ends)
    BertTokenizerFast(tokenizer_object=tokenizer).save_pretrained(folder)
