"""A BiomedCLIP of the same architecture with 0.6 M random parameters, built without the network."""

import json

import open_clip
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing
from tokenizers.trainers import WordPieceTrainer
from transformers import BertConfig, BertTokenizerFast

TEXTS = ["normal chest radiograph", "consolidation of the left lower lobe", "pleural effusion"]
HUB_NAME = "microsoft/BiomedNLP-BiomedBERT-base-uncased-abstract"


def write_tiny_biomedclip(folder, *, heads=1):
    """Write config, weights, tokenizer and BERT config as the hub repository lays them out."""
    folder.mkdir(parents=True)
    vocabulary = _write_tokenizer(folder)
    bert = BertConfig(
        vocab_size=vocabulary, hidden_size=64, num_hidden_layers=2, num_attention_heads=heads,
        intermediate_size=128,
    )  # fmt: skip
    (folder / "config.json").write_text(json.dumps({**bert.to_dict(), "model_type": "bert"}))
    config = {
        "embed_dim": 32,
        "vision_cfg": {
            "timm_model_name": "test_vit", "timm_model_pretrained": False, "timm_pool": "",
            "timm_proj": "linear", "image_size": 64,
        },
        "text_cfg": {
            "hf_model_name": str(folder.resolve()), "hf_model_pretrained": False,
            "hf_tokenizer_name": HUB_NAME, "hf_proj_type": "mlp",
            "hf_pooler_type": "cls_last_hidden_state_pooler", "context_length": 256,
        },
    }  # fmt: skip
    torch.manual_seed(0)
    model = open_clip.model.CustomTextCLIP(**config)
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    # As on the hub, the config names the other repository.
    config["text_cfg"] = {**config["text_cfg"], "hf_model_name": HUB_NAME}
    del config["text_cfg"]["hf_model_pretrained"]
    preprocess = {"mean": [0.48, 0.46, 0.41], "std": [0.27, 0.26, 0.28]}
    about = {"model_cfg": config, "preprocess_cfg": preprocess}
    (folder / "open_clip_config.json").write_text(json.dumps(about))
    return folder


def _write_tokenizer(folder):
    tokenizer = Tokenizer(WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = BertNormalizer()
    tokenizer.pre_tokenizer = BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer.train_from_iterator(TEXTS, WordPieceTrainer(special_tokens=special, vocab_size=200))
    ids = [(name, tokenizer.token_to_id(name)) for name in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=ids)
    BertTokenizerFast(tokenizer_object=tokenizer).save_pretrained(folder)
    return tokenizer.get_vocab_size()
