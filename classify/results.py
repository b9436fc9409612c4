"""What training, evaluation and prediction return, print and store."""

from __future__ import annotations

from pydantic import Field

from medx.core.settings import DISCLAIMER
from medx.core.values import Interval, Prediction, Value

Measured = dict[str, Interval | None]


class Skipped(Value):
    """An image that could not be read, and why."""

    id: str
    reason: str


class Epoch(Value):
    """One pass over train, judged on val."""

    epoch: int
    train_loss: float
    val_loss: float
    val_auroc: float
    learning_rate: float
    seconds: float


class TrainResult(Value):
    """A finished training run; ``metrics.json`` of its folder."""

    schema_version: int = 1
    run_dir: str
    dataset: str
    synthetic: bool
    model: str
    parameters: int
    initial_weights: str = Field(description="scratch, or where they came from.")
    classes: list[str]
    size: int
    device: str
    precision: str
    seed: int
    n_train: int
    n_val: int
    epochs_run: int
    best_epoch: int
    stopped_early: bool
    temperature: float
    operating_point: float | None
    operating_point_rule: str | None
    val: Measured = Field(description="At the operating point, which val itself chose: optimistic.")
    val_at_half: Measured | None = Field(description="At 0.5; None when multi-class.")
    history: list[Epoch]
    seconds: float
    images_per_second: float
    skipped: list[Skipped]
    figures: list[str]
    disclaimer: str = DISCLAIMER


class EvaluationResult(Value):
    """A classifier measured on one split; ``metrics.json`` of its folder."""

    schema_version: int = 1
    run_dir: str
    classifier: str
    trained_on: str
    dataset: str
    synthetic: bool
    split: str
    n: int
    classes: list[str]
    positive: str | None = Field(description="The class that counts as yes; None: multi-class.")
    prevalence: dict[str, float]
    chance: dict[str, float] = Field(description="What guessing reaches on this split.")
    operating_point: float | None
    operating_point_rule: str | None
    metrics: Measured = Field(description="At the operating point chosen on val.")
    metrics_at_half: Measured | None = Field(description="At 0.5; None when multi-class.")
    by_class: dict[str, Measured] | None = Field(description="One against the rest.")
    confusion_matrix: list[list[int]] = Field(description="Rows: truth; columns: predicted.")
    temperature: float
    bootstrap_resamples: int
    bootstrap_seed: int
    bootstrap_unit: str = Field(description="image, or patient when the dataset names them.")
    test_evaluations: int = Field(description="How often this model has met this test split.")
    selection: str
    skipped: list[Skipped]
    figures: list[str]
    disclaimer: str = DISCLAIMER


class PredictionSet(Value):
    """What a classifier says of many images."""

    schema_version: int = 1
    run_dir: str | None = None
    classifier: str
    source: str
    operating_point: float | None
    counts: dict[str, int] = Field(description="label → images")
    predictions: list[Prediction]
    skipped: list[Skipped]
    disclaimer: str = DISCLAIMER
