"""Answers as the OpenAPI document shows them."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from medx.core.settings import DISCLAIMER

HEALTH: dict[str, Any] = {"status": "ok"}
READY: dict[str, Any] = {"ready": True, "reason": ""}
LOADING: dict[str, Any] = {"ready": False, "reason": "the models are still loading"}

PREDICTION: dict[str, Any] = {
    "schema_version": 1,
    "id": "upload",
    "probabilities": {"normal": 0.031, "pneumonia": 0.969},
    "label": "pneumonia",
    "operating_point": 0.61,
    "classifier": "pneumoniamnist-small-scratch-seed0",
    "conformal_set": ["pneumonia"],
    "conformal_level": 0.9,
    "ood_score": 0.42,
    "out_of_distribution": False,
    "abstain": False,
    "abstain_reasons": [],
}
PREDICTED: dict[str, Any] = {
    "schema_version": 1,
    "top": [
        {"label": "pneumonia", "probability": 0.969},
        {"label": "normal", "probability": 0.031},
    ],
    "prediction": PREDICTION,
    "native_size": [28, 28],
    "frame": 0,
    "frames": 1,
    "disclaimer": DISCLAIMER,
}
FRAMES: dict[str, Any] = {
    "schema_version": 1,
    "frames": 40,
    "frame": 12,
    "native_size": [512, 512],
    "preview_png": "iVBORw0KGgo…",
    "disclaimer": DISCLAIMER,
}
EXPLAINED: dict[str, Any] = {
    "schema_version": 1,
    "prediction": PREDICTION,
    "heatmap": {
        "label": "pneumonia",
        "method": "grad-cam",
        "peak": [0.7, 0.6],
        "zone": "centre left",
    },
    "note": None,
    "layer_png": "iVBORw0KGgo…",
    "frame": 0,
    "frames": 1,
    "disclaimer": DISCLAIMER,
}
SEARCHED: dict[str, Any] = {
    "schema_version": 2,
    "kind": "text",
    "query": "consolidation",
    "terms": [
        {"kind": "text", "value": "consolidation", "weight": 1.0, "prompts": ["consolidation"]}
    ],
    "index": "pneumoniamnist-compact",
    "count": 5856,
    "searched": 4708,
    "encoder": "compact",
    "encoder_fingerprint": "0f3a5c7e9b1d2468",
    "dataset": "pneumoniamnist",
    "synthetic": False,
    "split": "train",
    "top_k": 1,
    "hits": [
        {"rank": 1, "id": "train-0042", "similarity": 0.734, "label": "pneumonia", "split": "train"}
    ],
    "disclaimer": DISCLAIMER,
}
METADATA: dict[str, Any] = {
    "schema_version": 1,
    "version": "0.1.0",
    "dataset": "pneumoniamnist",
    "modality": "chest X-ray",
    "synthetic": False,
    "classes": ["normal", "pneumonia"],
    "classifier": "pneumoniamnist-small-scratch-seed0",
    "operating_point": 0.61,
    "evaluations": [
        {
            "dataset": "pneumoniamnist",
            "synthetic": False,
            "split": "val",
            "n": 524,
            "metrics": {"auroc": {"estimate": 0.99, "low": 0.98, "high": 0.995}},
            "chance": {"auroc": 0.5},
        }
    ],
    "index": "pneumoniamnist-compact",
    "images": 5856,
    "encoder": "compact 0f3a5c7e9b1d2468",
    "columns": ["id", "path", "label", "split", "group", "source", "text"],
    "splits": ["test", "train", "val"],
    "engine": "mock",
    "engine_reason": "asked for",
    "is_mock": True,
    "strategies": ["concise", "grounded", "structured"],
    "disclaimer": DISCLAIMER,
}
STEP: dict[str, Any] = {"step": "prediction"}


def problem_example(error: str, hint: str | None) -> dict[str, Any]:
    """Return a problem as clients get it."""
    return {"error": error, "hint": hint, "request_id": "4f0c1d2e3b5a69788796a5b4c3d2e1f0"}


def shown(
    example: dict[str, Any],
    words: str = "Successful Response",
    *,
    model: type[BaseModel] | None = None,
    media_type: str = "application/json",
) -> dict[str, Any]:
    """Return the part of ``responses=`` that shows an example.

    Args:
        example: An answer.
        words: When it comes.
        model: What it is, one of ``openapi.MODELS``; None where the route's own is meant.
        media_type: How it is sent.
    """
    content: dict[str, Any] = {"example": example}
    if model is not None:
        content["schema"] = {"$ref": f"#/components/schemas/{model.__name__}"}
    return {"description": words, "content": {media_type: content}}
