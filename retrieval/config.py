"""Settings of the retrieval commands."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

AUTO = "auto"


@dataclass(frozen=True, kw_only=True)
class GalleryConfig:
    """Which index to open, by name or by what it should hold.

    Args:
        index: Name or folder of an index; None takes that of ``dataset`` and ``encoder``.
        dataset: Name or folder; None takes the default dataset.
        data_dir: Where ``.npz`` datasets are searched first.
        encoder: ``auto`` or a registered name.
        weights: Folder with the encoder's weights.
        device: A ``--device`` value.
        batch_size: Images embedded at a time.
    """

    index: str | None = None
    dataset: str | None = None
    data_dir: Path | None = None
    encoder: str = AUTO
    weights: Path | None = None
    device: str = AUTO
    batch_size: int = 64


@dataclass(frozen=True, kw_only=True)
class BuildConfig:
    """What ``build_index`` records in ``index.json`` as its settings.

    Args:
        split: The split that is indexed, or ``all``.
        limit: Only the first so many records.
        batch_size: Images embedded at a time.
    """

    split: str = "all"
    limit: int | None = None
    batch_size: int = 64


@dataclass(frozen=True, kw_only=True)
class SearchConfig:
    """How much a search returns.

    Args:
        top_k: How many hits.
        split: Only images of this split, or ``all``.
    """

    top_k: int = 10
    split: str = "all"


@dataclass(frozen=True, kw_only=True)
class EvaluateConfig:
    """What ``evaluate_index`` measures.

    Args:
        split: Where the queries come from (and the gallery of leave-one-out and of text search).
        top_ks: The k of each Precision@k.
        seed: Seed of the bootstrap.
    """

    split: str = "test"
    top_ks: tuple[int, ...] = (1, 5, 10)
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class TrainEncoderConfig:
    """How the `compact` encoder is trained.

    Args:
        dataset: Labelled radiographs; their train split gives images and label texts.
        phantoms: Synthetic radiographs rendered for training.
        phantom_seed: Their seed; not the built-in dataset's.
        steps: Optimiser steps.
        batch_size: Images a step, half labelled radiographs and half phantoms.
        temperature: Of the contrast between images.
        image_weight: Weight of that contrast beside the image–text one.
    """

    dataset: str = "pneumoniamnist"
    phantoms: int = 8000
    phantom_seed: int = 1000
    steps: int = 1000
    batch_size: int = 192
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    temperature: float = 0.2
    image_weight: float = 1.0
    ema_decay: float = 0.995
    device: str = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        lowest = {"steps": 1, "batch_size": 4, "phantoms": 1, "seed": 0}
        for name, low in lowest.items():
            if getattr(self, name) < low:
                raise ValueError(f"{name} must be >= {low}, got {getattr(self, name)}")
        for name in ("temperature", "learning_rate"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be > 0, got {getattr(self, name)}")
        if not 0 <= self.ema_decay < 1:
            raise ValueError(f"ema_decay must be >= 0 and < 1, got {self.ema_decay}")
