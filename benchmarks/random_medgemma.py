"""MedGemma checkpoints of any size with random weights and the words of a few prompts.

Speed is that of such a network; what it writes means nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import torch
from tokenizers import AddedToken, Tokenizer, decoders, normalizers
from tokenizers.models import BPE
from tokenizers.trainers import BpeTrainer
from transformers import (
    Gemma3Config,
    Gemma3ForConditionalGeneration,
    Gemma3ImageProcessor,
    Gemma3Processor,
    PreTrainedTokenizerFast,
)

SPECIAL = (
    "<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>", "<start_of_image>",
    "<end_of_image>", "<image_soft_token>",
)  # fmt: skip

#: Turns as Gemma 3 has them, without a system turn of its own.
TEMPLATE = """{{ bos_token }}{% for message in messages -%}
{% for part in message['content'] -%}
{{ '<start_of_image>' if part['type'] == 'image' else part['text'] }}
{%- endfor %}{{ '<end_of_turn>\n' }}
{%- endfor %}{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"""


def write_medgemma(
    folder: Path, texts: Iterable[str], *, hidden: int = 512, layers: int = 8
) -> Path:
    """Write Gemma 3 with SigLIP, images of 112 pixels as 16 tokens, the words of ``texts``."""
    tokenizer = _tokenizer(texts)
    ids = tokenizer.get_vocab()
    config = Gemma3Config(
        text_config={
            "vocab_size": len(ids),
            "hidden_size": hidden,
            "intermediate_size": 4 * hidden,
            "num_hidden_layers": layers,
            "num_attention_heads": max(1, hidden // 64),
            "num_key_value_heads": max(1, hidden // 128),
            "head_dim": 64,
            "layer_types": ["sliding_attention"] * (layers - 1) + ["full_attention"],
            "pad_token_id": ids["<pad>"],
            "eos_token_id": ids["<eos>"],
            "bos_token_id": ids["<bos>"],
        },
        vision_config={
            "model_type": "siglip_vision_model",
            "hidden_size": hidden // 2,
            "intermediate_size": 2 * hidden,
            "num_hidden_layers": max(1, layers // 2),
            "num_attention_heads": max(1, hidden // 128),
            "image_size": 112,
            "patch_size": 14,
            "vision_use_head": False,
        },
        mm_tokens_per_image=16,
        boi_token_index=ids["<start_of_image>"],
        eoi_token_index=ids["<end_of_image>"],
        image_token_id=ids["<image_soft_token>"],
        eos_token_id=[ids["<eos>"], ids["<end_of_turn>"]],
    )
    torch.manual_seed(0)
    network = Gemma3ForConditionalGeneration(config)
    # Zero at initialisation: every image would give the same report.
    torch.nn.init.normal_(network.model.multi_modal_projector.mm_input_projection_weight, std=0.5)
    network.save_pretrained(folder)
    Gemma3Processor(
        image_processor=Gemma3ImageProcessor(size={"height": 112, "width": 112}),
        tokenizer=tokenizer,
        chat_template=TEMPLATE,
        image_seq_length=16,
    ).save_pretrained(folder)
    return folder


def _tokenizer(texts: Iterable[str]) -> PreTrainedTokenizerFast:
    """Return up to 4000 pieces of the texts' words, after single bytes as Gemma has them."""
    words = [word for text in texts for word in text.replace(" ", " ▁").split()]
    trained = Tokenizer(BPE())
    trained.train_from_iterator(words, BpeTrainer(vocab_size=4000, show_progress=False))
    state = json.loads(trained.to_str())["model"]
    names = [*SPECIAL, *(f"<0x{byte:02X}>" for byte in range(256)), *map(chr, range(33, 127))]
    names = list(dict.fromkeys([*names, "▁", "\n", *state["vocab"]]))
    tokenizer = Tokenizer(
        BPE(
            vocab={name: i for i, name in enumerate(names)},
            merges=[tuple(pair) for pair in state["merges"]],
            byte_fallback=True,
            unk_token="<unk>",
        )
    )
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in SPECIAL])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<bos>",
        eos_token="<eos>",
        pad_token="<pad>",
        unk_token="<unk>",
        extra_special_tokens={
            "image_token": "<image_soft_token>",
            "boi_token": "<start_of_image>",
            "eoi_token": "<end_of_image>",
        },
    )
