"""Evidence, scripted engines and a tiny checkpoint with MedGemma's architecture."""

from __future__ import annotations

import json
from collections import deque
from pathlib import Path

import numpy as np
import pytest

from medx.core.values import Hit, Prediction
from reportgen.config import ReportConfig
from reportgen.engines.base import Engine, Generation, GenerationRequest
from reportgen.engines.choose import ChosenEngine
from reportgen.evidence import Evidence
from reportgen.item import ReportItem
from reportgen.prompt import render_prompt
from reportgen.strategies import STRATEGIES

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
WORDS = (
    "the image lungs heart clear normal pneumonia findings impression opacity FINDINGS IMPRESSION"
)


def build_prediction(label="pneumonia", probability=0.87, **changes) -> Prediction:
    values = {
        "id": "case-1",
        "probabilities": {"normal": 1 - probability, "pneumonia": probability},
        "label": label,
        "operating_point": 0.43,
        "classifier": "toy",
    }
    return Prediction(**{**values, **changes})


def build_hits(*labels: str | None) -> list[Hit]:
    return [
        Hit(rank=i, id=f"train-{i}", similarity=1 - i / 20, label=label, split="train")
        for i, label in enumerate(labels, start=1)
    ]


def build_evidence(**changes) -> Evidence:
    values = {
        "image_id": "case-1",
        "dataset": "toy",
        "modality": "chest radiograph",
        "image_size": (28, 28),
        "prediction": build_prediction(),
        "neighbours": build_hits("pneumonia", "pneumonia", "normal", "pneumonia"),
    }
    return Evidence(**{**values, **changes})


def build_items(count: int, **changes) -> list[ReportItem]:
    rng = np.random.default_rng(0)
    return [
        ReportItem(
            evidence=build_evidence(image_id=f"case-{i}", **changes),
            pixels=rng.integers(0, 256, (28, 28), dtype=np.uint8),
            reference_label="normal",
        )
        for i in range(count)
    ]


class ScriptedEngine(Engine):
    """Gives the replies of a queue; an exception in the queue is raised."""

    name = "scripted"

    def __init__(self, *replies, config: ReportConfig | None = None) -> None:
        super().__init__(config or ReportConfig())
        self.replies = deque(replies)
        self.requests = []

    def generate(self, request):
        self.requests.append(request)
        reply = self.replies.popleft() if self.replies else "FINDINGS: x [P1]\nIMPRESSION: y"
        if isinstance(reply, BaseException):
            raise reply
        return Generation(text=reply, tokens=3)


@pytest.fixture
def make_prediction():
    return build_prediction


@pytest.fixture
def make_hits():
    return build_hits


@pytest.fixture
def make_evidence():
    return build_evidence


@pytest.fixture
def make_items():
    return build_items


@pytest.fixture
def scripted():
    """Make a chosen engine that gives the replies it is handed, then a fixed one."""

    def build(*replies: str | BaseException, **config) -> ChosenEngine:
        engine = ScriptedEngine(*replies, config=ReportConfig(**config))
        return ChosenEngine(engine=engine, reason="a test")

    return build


def _build_tokenizer():
    from tokenizers import AddedToken, Tokenizer, decoders, normalizers
    from tokenizers.models import BPE
    from tokenizers.trainers import BpeTrainer
    from transformers import PreTrainedTokenizerFast

    bytes_ = [f"<0x{b:02X}>" for b in range(256)]
    trained = Tokenizer(BPE())
    trained.train_from_iterator([WORDS] * 3, BpeTrainer(vocab_size=200, show_progress=False))
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


def build_tiny_medgemma(folder: Path) -> Path:
    """Write a random checkpoint of MedGemma's architecture (Gemma 3 + SigLIP), under 2 MB."""
    import torch
    from transformers import (
        Gemma3Config,
        Gemma3ForConditionalGeneration,
        Gemma3ImageProcessor,
        Gemma3Processor,
    )

    tokenizer = _build_tokenizer()
    ids = tokenizer.get_vocab()
    config = Gemma3Config(
        text_config={
            "vocab_size": len(ids),
            "hidden_size": 64,
            "intermediate_size": 128,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "head_dim": 16,
            "sliding_window": 64,
            "layer_types": ["sliding_attention", "full_attention"],
            "pad_token_id": ids["<pad>"],
            "eos_token_id": ids["<eos>"],
            "bos_token_id": ids["<bos>"],
        },
        vision_config={
            "model_type": "siglip_vision_model",
            "hidden_size": 64,
            "intermediate_size": 128,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "image_size": 56,
            "patch_size": 14,
            "vision_use_head": False,
        },
        mm_tokens_per_image=4,
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
    Gemma3Processor(
        image_processor=Gemma3ImageProcessor(size={"height": 56, "width": 56}),
        tokenizer=tokenizer,
        chat_template=CHAT_TEMPLATE,
        image_seq_length=4,
    ).save_pretrained(folder)
    return folder


@pytest.fixture(autouse=True)
def hub_cache(tmp_path, monkeypatch) -> Path:
    """An empty hub cache: what this machine has must not decide a test."""
    folder = tmp_path / "hub"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(folder))
    monkeypatch.setenv("HF_HUB_CACHE", str(folder))
    return folder


@pytest.fixture(scope="session")
def tiny_medgemma(tmp_path_factory) -> Path:
    """A folder named like the first MedGemma."""
    return build_tiny_medgemma(tmp_path_factory.mktemp("weights") / "medgemma-4b-it")


@pytest.fixture
def strategies():
    """The built-in strategies by name."""
    return {name: STRATEGIES.load(name) for name in STRATEGIES}


@pytest.fixture
def make_request(strategies):
    """Make a request from evidence and pixels."""

    def build(evidence=None, pixels=None, *, strategy="concise", max_new_tokens=20, schema=None):
        evidence = evidence or build_evidence()
        return GenerationRequest(
            prompt=render_prompt(strategies[strategy], evidence, schema=schema),
            pixels=np.zeros((28, 28), np.uint8) if pixels is None else pixels,
            evidence=evidence,
            strategy=strategies[strategy],
            max_new_tokens=max_new_tokens,
            schema=schema,
        )

    return build
