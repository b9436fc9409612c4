"""Settings of retrieval commands; imports no framework."""

from __future__ import annotations

from dataclasses import dataclass


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
    steps: int = 1600
    batch_size: int = 192
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    temperature: float = 0.2
    image_weight: float = 1.0
    ema_decay: float = 0.995
    device: str = "auto"
    seed: int = 0
