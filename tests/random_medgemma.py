"""MedGemma checkpoints of any size (Gemma 3 with SigLIP) with random weights, offline.

What one writes means nothing; the code that loads and asks it is that of the real ones.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

#: Gemma 3's turns: the system turn is put before the first user turn, as in Google's template.
CHAT_TEMPLATE = """{{ bos_token }}{% set ns = namespace(first='') %}
{%- if messages[0]['role'] == 'system' -%}
{%- set ns.first = messages[0]['content'][0]['text'] + '\n\n' -%}{%- set turns = messages[1:] -%}
{%- else -%}{%- set turns = messages -%}{%- endif -%}
{%- for message in turns -%}
{{ '<start_of_turn>' + ('model' if message['role'] == 'assistant' else message['role']) + '\n' }}
{{- ns.first if loop.first else '' }}
{%- for part in message['content'] -%}
{%- if part['type'] == 'image' -%}{{ '<start_of_image>' }}
{%- else -%}{{ part['text'] | trim }}{%- endif -%}
{%- endfor -%}{{ '<end_of_turn>\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<start_of_turn>model\n' }}{%- endif -%}"""

SPECIAL = (
    "<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>", "<start_of_image>",
    "<end_of_image>", "<image_soft_token>",
)  # fmt: skip
THOUGHTS = ("<unused94>", "<unused95>")

_SENTENCE = (
    "the image lungs heart clear normal pneumonia findings impression opacity FINDINGS IMPRESSION"
)
TINY_WORDS = [_SENTENCE] * 3
TINY_TEXT = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "sliding_window": 64,
    "layer_types": ["sliding_attention", "full_attention"],
}
TINY_VISION = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "image_size": 56,
}


def write_medgemma(
    folder: Path,
    *,
    words: Iterable[str] = TINY_WORDS,
    pieces: int = 200,
    text: dict[str, Any] = TINY_TEXT,
    vision: dict[str, Any] = TINY_VISION,
    image_tokens: int = 4,
) -> Path:
    """Write a checkpoint and return its folder; under 2 MB unless told otherwise.

    Args:
        folder: Its name tells which MedGemma it stands for.
        words: What the vocabulary is made of, besides single bytes and letters.
        pieces: Pieces of words at most.
        text: Sizes of the language model.
        vision: Sizes of the image tower, which takes patches of 14 pixels.
        image_tokens: Tokens an image takes: a square that divides its patches.
    """
    import torch
    from transformers import (
        Gemma3Config,
        Gemma3ForConditionalGeneration,
        Gemma3ImageProcessor,
        Gemma3Processor,
    )

    tokenizer = _build_tokenizer(words, pieces)
    ids = tokenizer.get_vocab()
    config = Gemma3Config(
        text_config={
            **text,
            "vocab_size": len(ids),
            "pad_token_id": ids["<pad>"],
            "eos_token_id": ids["<eos>"],
            "bos_token_id": ids["<bos>"],
        },
        vision_config={
            **vision,
            "model_type": "siglip_vision_model",
            "patch_size": 14,
            "vision_use_head": False,
        },
        mm_tokens_per_image=image_tokens,
        boi_token_index=ids["<start_of_image>"],
        eoi_token_index=ids["<end_of_image>"],
        image_token_id=ids["<image_soft_token>"],
        eos_token_id=[ids["<eos>"], ids["<end_of_turn>"]],
    )
    torch.manual_seed(0)
    model = Gemma3ForConditionalGeneration(config)
    # Zero at initialisation: the image would have no effect at all.
    torch.nn.init.normal_(model.model.multi_modal_projector.mm_input_projection_weight, std=0.5)
    model.generation_config.do_sample = True  # as Google ships it
    model.generation_config.top_k = 64
    model.generation_config.top_p = 0.95
    model.save_pretrained(folder)
    side = vision["image_size"]
    Gemma3Processor(
        image_processor=Gemma3ImageProcessor(size={"height": side, "width": side}),
        tokenizer=tokenizer,
        chat_template=CHAT_TEMPLATE,
        image_seq_length=image_tokens,
    ).save_pretrained(folder)
    return folder


def _build_tokenizer(words: Iterable[str], pieces: int):
    from tokenizers import AddedToken, Tokenizer, decoders, normalizers
    from tokenizers.models import BPE
    from tokenizers.trainers import BpeTrainer
    from transformers import PreTrainedTokenizerFast

    bytes_ = [f"<0x{b:02X}>" for b in range(256)]
    trained = Tokenizer(BPE())
    trained.train_from_iterator(words, BpeTrainer(vocab_size=pieces, show_progress=False))
    state = json.loads(trained.to_str())["model"]
    letters = [*map(chr, range(33, 127)), "▁", "\n"]
    names = list(dict.fromkeys([*SPECIAL, *THOUGHTS, *bytes_, *letters, *state["vocab"]]))
    model = BPE(
        vocab={name: i for i, name in enumerate(names)},
        merges=[tuple(m) for m in state["merges"]],
        byte_fallback=True,
        unk_token="<unk>",
    )
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in SPECIAL])
    tokenizer.add_tokens([AddedToken(t, special=False, normalized=False) for t in THOUGHTS])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<bos>",
        eos_token="<eos>",
        pad_token="<pad>",
        unk_token="<unk>",
        padding_side="left",
        extra_special_tokens={
            "image_token": "<image_soft_token>",
            "boi_token": "<start_of_image>",
            "eoi_token": "<end_of_image>",
        },
    )
