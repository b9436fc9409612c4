"""Settings of training, evaluation and prediction, with their defaults; light to import."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

LOSSES = ("focal", "cross-entropy")
PRECISIONS = ("fp32", "bf16", "fp16")
OPERATING_POINTS = ("balanced_accuracy", "f1")
COMPACT_CNN = "compact-cnn"


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Everything that decides what training makes of a dataset.

    Args:
        dataset: Name or folder; None takes ``medx.datasets.catalog.default_dataset``.
        limit: Use only the first N records of train and of val.
        model: ``compact-cnn`` or any timm name.
        pretrained: Start a timm model from its published weights; ``compact-cnn`` has none.
        weights: A ``.safetensors`` file to start a timm model from instead.
        size: Side of the square input in pixels; None takes the native size up to 64 for
            ``compact-cnn`` and the model's own for timm.
        epochs: Passes over train.
        batch_size: Images a step; None takes 128, or fewer where an epoch of a small dataset
            would have too few steps to learn from.
        learning_rate: Peak of the one-cycle schedule.
        weight_decay: AdamW's, on weights that are not biases or norms.
        loss: ``focal`` (Lin et al. 2017) or ``cross-entropy``.
        focal_gamma: Focusing exponent; 0 is cross-entropy.
        focal_alpha: ``balanced`` weighs classes by inverse frequency in train; None weighs all
            alike; else one weight a class.
        balanced_sampling: Draw every class equally often in training, however rare it is.
        label_smoothing: Share of the target spread over all classes, 0 to 1.
        mixup_alpha: Both parameters of the Beta distribution of mixup; 0 is off.
        augment: Small affine changes, gamma, contrast and noise.
        horizontal_flip: Mirror at random in training, and average over both at prediction; for
            images whose side does not matter.
        ema_decay: Decay a step of the weight average that is validated and kept; 0 is off.
        patience: Stop after so many epochs without a better val AUC; None never stops.
        precision: ``fp32``, ``bf16`` or ``fp16``.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        seed: Of initial weights, order, augmentation and mixup.
        operating_point: What the threshold chosen on val maximises (two classes).
    """

    dataset: str | None = None
    limit: int | None = None
    model: str = COMPACT_CNN
    pretrained: bool = True
    weights: str | None = None
    size: int | None = None
    epochs: int = 20
    batch_size: int | None = None
    learning_rate: float = 3e-3
    weight_decay: float = 0.05
    loss: str = "focal"
    focal_gamma: float = 1.0
    focal_alpha: str | tuple[float, ...] | None = None
    balanced_sampling: bool = True
    label_smoothing: float = 0.0
    mixup_alpha: float = 0.0
    augment: bool = True
    horizontal_flip: bool = False
    ema_decay: float = 0.99
    patience: int | None = 10
    precision: str = "fp32"
    device: str = "auto"
    seed: int = 0
    operating_point: str = "balanced_accuracy"

    def __post_init__(self) -> None:
        _check_integer(self, "epochs", low=1)
        for name in ("size", "limit", "patience", "batch_size"):
            _check_integer(self, name, low=16 if name == "size" else 1, optional=True)
        _check_integer(self, "seed", low=0)
        _check_number(self, "learning_rate", above=0.0)
        for name in ("weight_decay", "focal_gamma", "mixup_alpha"):
            _check_number(self, name, low=0.0)
        for name in ("label_smoothing", "ema_decay"):
            _check_number(self, name, low=0.0, below=1.0)
        _check_choice(self, "loss", LOSSES)
        _check_choice(self, "precision", PRECISIONS)
        _check_choice(self, "operating_point", OPERATING_POINTS)
        object.__setattr__(self, "focal_alpha", _parse_alpha(self.focal_alpha))


@dataclass(frozen=True, kw_only=True)
class EvaluateConfig:
    """What to evaluate and how sure to be of it.

    Args:
        run: Folder of a train run; None takes the latest of the dataset.
        dataset: Name or folder; None takes the one the run was trained on.
        split: ``train``, ``val``, ``test`` or ``all``.
        limit: Use only the first N records.
        batch_size: Images at a time.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        seed: Of the bootstrap.
        resamples: Bootstrap samples of the 95 % intervals.
    """

    run: str | None = None
    dataset: str | None = None
    split: str = "test"
    limit: int | None = None
    batch_size: int = 256
    device: str = "auto"
    seed: int = 0
    resamples: int = 1000

    def __post_init__(self) -> None:
        for name in ("batch_size", "resamples"):
            _check_integer(self, name, low=1)
        _check_integer(self, "limit", low=1, optional=True)
        _check_integer(self, "seed", low=0)


@dataclass(frozen=True, kw_only=True)
class PredictConfig:
    """What to predict.

    Args:
        run: Folder of a train run; None takes the latest of the dataset.
        dataset: Name or folder; None takes the one the run was trained on.
        input: An image file or a folder of images instead of a dataset.
        split: ``train``, ``val``, ``test`` or ``all``.
        limit: Use only the first N images.
        batch_size: Images at a time.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
    """

    run: str | None = None
    dataset: str | None = None
    input: str | None = None
    split: str = "test"
    limit: int | None = None
    batch_size: int = 256
    device: str = "auto"

    def __post_init__(self) -> None:
        _check_integer(self, "batch_size", low=1)
        _check_integer(self, "limit", low=1, optional=True)


def as_mapping(config: Any) -> dict[str, Any]:
    """Return a config as plain values that YAML and JSON can hold."""
    values = {field.name: getattr(config, field.name) for field in fields(config)}
    return {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}


def _check_integer(config: object, name: str, *, low: int, optional: bool = False) -> None:
    value = getattr(config, name)
    if value is None and optional:
        return
    if isinstance(value, bool) or not isinstance(value, int) or value < low:
        raise ValueError(f"{name} must be an integer >= {low}, got {value!r}")


def _check_number(
    config: object,
    name: str,
    *,
    low: float | None = None,
    above: float | None = None,
    below: float | None = None,
) -> None:
    value = getattr(config, name)
    try:
        number = float(value)  # YAML reads 1e-3 as text
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be a number, got {value!r}") from None
    bounds = [
        (low is None or number >= low, f">= {low:g}" if low is not None else ""),
        (above is None or number > above, f"> {above:g}" if above is not None else ""),
        (below is None or number < below, f"< {below:g}" if below is not None else ""),
    ]
    if not all(holds for holds, _ in bounds) or number == float("inf"):
        legal = " and ".join(text for _, text in bounds if text)
        raise ValueError(f"{name} must be {legal}, got {value!r}")
    object.__setattr__(config, name, number)


def _check_choice(config: object, name: str, known: Sequence[str]) -> None:
    value = getattr(config, name)
    if value not in known:
        raise ValueError(f"{name} must be one of {', '.join(known)}, got {value!r}")


def _parse_alpha(value: Any) -> str | tuple[float, ...] | None:
    if value is None or value == "none":
        return None
    if value == "balanced":
        return "balanced"
    parts = value.split(",") if isinstance(value, str) else value
    try:
        weights = tuple(float(part) for part in parts)
    except (TypeError, ValueError):
        weights = ()
    if not weights or min(weights) < 0 or max(weights) == 0:
        raise ValueError(
            f"focal_alpha must be 'balanced', 'none' or one weight >= 0 a class, got {value!r}"
        )
    return weights
