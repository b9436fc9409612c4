"""How the training of an open_clip model went."""

from __future__ import annotations

from typing import Any

from medx.core.settings import DISCLAIMER
from medx.core.values import Value


class ClipEpoch(Value):
    """One pass; epoch 0 is the model as it was. ``val_map``: val texts looking for val images."""

    epoch: int
    loss: float | None
    val_loss: float
    val_map: float


class TrainClipResult(Value):
    """``training.json`` beside the weights."""

    schema_version: int = 1
    folder: str
    weights: str
    dataset: str
    synthetic: bool
    learned_from: str
    train_images: int
    val_images: int
    settings: dict[str, Any]
    epochs: tuple[ClipEpoch, ...]
    best_epoch: int
    skipped: dict[str, str]
    finished: bool
    disclaimer: str = DISCLAIMER
