"""The shape of a BERT text tower, from its folder or from its weights: no second repository."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors import safe_open

from medx.core import settings
from medx.core.files import write_json

#: Attention heads of BERT are this wide, whatever its size.
HEAD_WIDTH = 64


def text_tower_dir(folder: Path, weights: Path) -> Path:
    """Return a folder whose ``config.json`` describes the text tower; written when absent.

    Args:
        folder: Of the whole model.
        weights: Its weight file.
    """
    own = folder / "config.json"
    if own.is_file() and json.loads(own.read_text(encoding="utf-8")).get("model_type"):
        return folder
    config = _bert_config(weights)
    name = "-".join(str(config.get(key, "base")) for key in ("hidden_size", "num_hidden_layers"))
    written = settings.cache_dir() / "biomedclip" / f"bert-{name}"
    write_json(written / "config.json", config)
    return written.resolve()


def _bert_config(weights: Path) -> dict[str, Any]:
    """Return the BERT config that fits a weight file; BERT-base for one that is not safetensors."""
    config: dict[str, Any] = {"model_type": "bert", "architectures": ["BertModel"]}
    if weights.suffix != ".safetensors":
        return config
    with safe_open(weights, "pt") as tensors:
        shapes = {
            key.removeprefix("text.transformer."): tensors.get_slice(key).get_shape()
            for key in tensors.keys()  # noqa: SIM118 - not a dict
            if key.startswith("text.transformer.")
        }
    vocabulary, width = shapes["embeddings.word_embeddings.weight"]
    layers = {key.split(".")[2] for key in shapes if key.startswith("encoder.layer.")}
    return {
        **config,
        "vocab_size": vocabulary,
        "hidden_size": width,
        "num_hidden_layers": len(layers),
        "num_attention_heads": max(1, width // HEAD_WIDTH),
        "intermediate_size": shapes["encoder.layer.0.intermediate.dense.weight"][0],
        "max_position_embeddings": shapes["embeddings.position_embeddings.weight"][0],
    }
