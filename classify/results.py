"""What training, evaluation and prediction return, print and store."""

from __future__ import annotations

from pydantic import Field

from classify.evaluation.measured import Benefit, Measured, MeasuredPoint, ReliabilityBin, Subgroup
from classify.trust.label_shift import LabelShift
from classify.trust.results import TrustReport
from medx.core.settings import DISCLAIMER
from medx.core.values import Prediction, Value


class Skipped(Value):
    """An image that could not be read, and why."""

    id: str
    reason: str


class Epoch(Value):
    """One pass over train, judged on val."""

    member: int = Field(default=0, description="Which network of the ensemble, from 0.")
    phase: str = Field(default="network", description="head, network or probe: what learned.")
    epoch: int
    train_loss: float
    val_loss: float
    val_auroc: float
    learning_rate: float
    seconds: float


class ProbeFit(Value):
    """A linear probe of one penalty, judged on val."""

    strength: float = Field(description="Inverse of the penalty: C of scikit-learn.")
    val_auroc: float
    val_loss: float


class Member(Value):
    """One network of a training run."""

    seed: int
    n_train: int = Field(description="Images it learned from.")
    n_val: int = Field(description="Images that judged it; it did not learn from them.")
    epochs_run: int
    best_epoch: int = Field(description="The epoch kept.")
    val_auroc: float


class TrainResult(Value):
    """A finished training run; ``metrics.json`` of its folder."""

    schema_version: int = 2
    run_dir: str
    recipe: str
    recipe_reason: str | None = Field(description="Why this one, where nobody named one.")
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
    augmentation: str
    augmentation_reason: str
    tta: str
    train_on: str
    selection: str = Field(description="What epoch, calibration and threshold were chosen on.")
    n_train: int = Field(description="Images learned from.")
    n_val: int = Field(description="Images that the choices were made on.")
    members: list[Member]
    probe: list[ProbeFit] = Field(description="Penalties tried; empty but for a linear probe.")
    epochs_run: int = Field(description="Of all members together.")
    best_epoch: int = Field(description="The epoch kept, of the first member.")
    stopped_early: bool
    calibration: str
    temperature: float
    operating_point: float | None
    operating_point_rule: str | None
    operating_point_range: tuple[float, float] | None = Field(
        description="Where 95 % of the thresholds of resamples of val lie."
    )
    operating_points: dict[str, float] = Field(description="rule → threshold chosen on val.")
    val: Measured = Field(description="At the operating point, which val itself chose: optimistic.")
    val_at_half: Measured | None = Field(description="At 0.5; None when multi-class.")
    chance: dict[str, float] = Field(
        default_factory=dict, description="What one answer for every image of val reaches."
    )
    history: list[Epoch]
    seconds: float
    images_per_second: float
    skipped: list[Skipped]
    figures: list[str]
    disclaimer: str = DISCLAIMER


class EvaluationResult(Value):
    """A classifier measured on one split; ``metrics.json`` of its folder."""

    schema_version: int = 3
    run_dir: str
    page: str = Field(description="The same with pictures, as HTML.")
    classifier: str
    trained_on: str
    dataset: str
    synthetic: bool
    split: str
    n: int
    classes: list[str] = Field(description="Of the classifier.")
    absent: list[str] = Field(description="Classes of the classifier that the dataset lacks.")
    left_out: dict[str, int] = Field(description="Classes unknown to the classifier → images.")
    notes: list[str] = Field(description="What changes how the figures should be read.")
    positive: str | None = Field(description="The class that counts as yes; None: multi-class.")
    support: dict[str, int] = Field(description="class → images")
    prevalence: dict[str, float]
    chance: dict[str, float] = Field(description="What one answer for every image reaches.")
    operating_point: float | None
    operating_point_rule: str | None
    metrics: Measured = Field(description="At the operating point.")
    metrics_at_half: Measured | None = Field(description="At 0.5; None when multi-class.")
    operating_points: list[MeasuredPoint] = Field(description="Every named threshold.")
    by_class: dict[str, Measured] = Field(description="One against the rest.")
    subgroups: list[Subgroup] = Field(description="By source and by the columns asked for.")
    confusion_matrix: list[list[int]] = Field(description="Rows: truth; columns: predicted.")
    confusion_shares: list[list[float | None]] = Field(description="Of each row; None: empty row.")
    reliability: list[ReliabilityBin]
    decision_curves: dict[str, list[Benefit]] = Field(description="class → net benefit")
    temperature: float
    calibration_binning: str
    bootstrap_resamples: int
    bootstrap_seed: int
    bootstrap_unit: str = Field(description="image, or patient when the dataset names them.")
    test_evaluations: int = Field(description="How often this model has met this test split.")
    selection: str
    trust: TrustReport
    skipped: list[Skipped]
    figures: list[str]
    disclaimer: str = DISCLAIMER


class PredictionSet(Value):
    """What a classifier says of many images."""

    schema_version: int = 2
    run_dir: str | None = None
    classifier: str
    source: str
    operating_point: float | None
    operating_point_rule: str | None = Field(description="What it was chosen for on val; or given.")
    conformal_level: float
    label_shift: LabelShift | None = Field(
        default=None, description="Asked for; it changes the shifted columns alone."
    )
    counts: dict[str, int] = Field(description="label → images")
    abstained: int = Field(description="Images that a person should decide.")
    out_of_distribution: int = Field(description="Images unlike the training images.")
    notes: list[str] = Field(default_factory=list)
    predictions: list[Prediction]
    skipped: list[Skipped]
    disclaimer: str = DISCLAIMER
