"""A tiny checkpoint of another architecture: LLaVA (CLIP + Llama), byte-level vocabulary."""

from __future__ import annotations

from pathlib import Path

#: Turns of LLaVA 1.5's kind, after a system turn.
CHAT_TEMPLATE = """{% for message in messages -%}
{{ '<|' + message['role'] + '|>' }}
{%- for part in message['content'] -%}
{%- if part['type'] == 'image' -%}{{ '<image>\n' }}{%- else -%}{{ part['text'] }}{%- endif -%}
{%- endfor -%}{{ '<|end|>\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<|assistant|>' }}{%- endif -%}"""

SPECIAL = ("<pad>", "<|end|>", "<image>", "<|system|>", "<|user|>", "<|assistant|>", "[IMG_BREAK]")
WORDS = "the image shows lungs heart clear normal pneumonia findings impression opacity é ° µ 肺"


def _build_tokenizer():
    from tokenizers import AddedToken, Tokenizer, decoders, pre_tokenizers
    from tokenizers.models import BPE
    from tokenizers.trainers import BpeTrainer
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = BpeTrainer(
        vocab_size=400,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([WORDS] * 3, trainer)
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in SPECIAL])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|end|>",
        pad_token="<pad>",
        padding_side="right",  # as training leaves it: generation needs the left
        extra_special_tokens={"image_token": "<image>"},
    )


def build_tiny_llava(folder: Path, chat_template: str | None = CHAT_TEMPLATE) -> Path:
    """Write a random checkpoint whose logits are wider than its vocabulary."""
    import torch
    from transformers import (
        CLIPImageProcessor,
        LlavaConfig,
        LlavaForConditionalGeneration,
        LlavaProcessor,
    )

    tokenizer = _build_tokenizer()
    ids = tokenizer.get_vocab()
    config = LlavaConfig(
        text_config={
            "model_type": "llama",
            "vocab_size": len(ids) + 37,
            "hidden_size": 64,
            "intermediate_size": 128,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "pad_token_id": ids["<pad>"],
            "eos_token_id": ids["<|end|>"],
            "bos_token_id": None,
        },
        vision_config={
            "model_type": "clip_vision_model",
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "image_size": 28,
            "patch_size": 14,
        },
        image_token_index=ids["<image>"],
    )
    torch.manual_seed(1)
    model = LlavaForConditionalGeneration(config)
    model.generation_config.eos_token_id = ids["<|end|>"]
    model.save_pretrained(folder)
    LlavaProcessor(
        image_processor=CLIPImageProcessor(
            size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28}
        ),
        tokenizer=tokenizer,
        patch_size=14,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=chat_template,
    ).save_pretrained(folder)
    return folder
