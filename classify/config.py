"""Settings of training, evaluation and prediction, with their defaults; light to import."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from classify.backbone_names import timm_name
from classify.setting_checks import check_choice, check_integer, check_number
from classify.trust.operating_rules import parse_decision, parse_rule

LOSSES = ("focal", "cross-entropy")
PRECISIONS = ("fp32", "bf16", "fp16", "auto")
CALIBRATIONS = ("temperature", "vector", "none")
LABEL_SHIFTS = ("em", "bbse")
FRAMES = ("first", "all")
SCHEDULES = ("one-cycle", "cosine")
AUGMENTATIONS = ("radiograph", "radiograph-wide", "wide", "microscopy", "none")
NORMALISATIONS = ("dataset", "image", "backbone")
TEST_TIME_VIEWS = ("none", "mirror", "shifts")
TRAINED_ON = ("train", "folds")
KEPT_EPOCHS = ("best", "last")
THRESHOLD_IMAGES = ("val", "shifted-val")
CLASS_WEIGHTS = ("inverse-frequency", "class-balanced")
COMPACT_CNN = "compact-cnn"
DEFAULT_RECIPE = "small-scratch"


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Everything that decides what training makes of a dataset; the recipe ``small-scratch``.

    Args:
        recipe: Name of the recipe that the settings started from.
        recipe_reason: Why it was taken when nobody named one.
        dataset: Name or folder; None takes ``medx.datasets.catalog.default_dataset``.
        limit: Use only the first N records of train and of val.
        model: ``compact-cnn`` or any timm name; names of torchvision become those of timm.
        pretrained: Start a timm model from its published weights; ``compact-cnn`` has none.
        weights: A ``.safetensors`` file to start a timm model from instead.
        size: Side of the square input in pixels; None takes the native size up to 64 for
            ``compact-cnn`` and the model's own for timm.
        encoder: With ``probe``: read the embeddings of this retrieval encoder instead of a
            network's features; ``weights`` is then the encoder's folder.
        normalise: ``dataset`` subtracts mean and divides by spread of train, by channel; ``image``
            standardises each image by its own, as ``compact-cnn`` always does; ``backbone`` takes
            mean and spread that a timm network's published weights were made with.
        members: Networks of the ensemble; each starts from a seed of its own.
        train_on: ``train``; or ``folds``: each member learns from all but one fold of train and
            val, and what val decides is decided on the predictions for the folds left out.
        probe: Fit nothing but a linear head, by logistic regression on frozen features.
        head_epochs: Passes over train before those, in which only the head learns; 0 is none.
        head_learning_rate: Peak of the schedule in them.
        head_patience: The same as ``patience``, in them.
        epochs: Passes over train.
        unfreeze: Last blocks of a network that learn beside the head; None is the whole network,
            0 none.
        layer_decay: Share of each block in the learning rate of the block above it; 1 is one rate
            for all.
        batch_size: Images a step; None takes 128, or fewer where an epoch of a small dataset
            would have too few steps to learn from.
        accumulate: Parts that a step's batch is computed in, one after another, to need less
            memory; only batch norm sees a difference.
        learning_rate: Peak of the schedule.
        schedule: ``one-cycle`` (Smith 2018), or ``cosine`` after a linear warm-up.
        warmup_epochs: Length of that warm-up; of ``cosine`` alone.
        weight_decay: AdamW's, on weights that are not biases or norms.
        loss: ``focal`` (Lin et al. 2017) or ``cross-entropy``.
        focal_gamma: Focusing exponent; 0 is cross-entropy.
        class_weights: ``inverse-frequency`` of the class in train, ``class-balanced`` (effective
            number of images, Cui et al. 2019), one weight a class, or None for all alike.
        class_balanced_beta: Overlap of images that ``class-balanced`` assumes, 0 (none) to 1.
        logit_adjustment: Exponent of the class prior that the loss allows for (Menon et al. 2021);
            0 is off. It replaces balanced sampling.
        balanced_sampling: Draw every class equally often in training, however rare it is.
        label_smoothing: Share of the target spread over all classes, 0 to 1.
        mixup_alpha: Both parameters of the Beta distribution of mixup; 0 is off.
        cutmix_alpha: The same of cutmix; where both are on, each step draws one of them.
        augmentation: ``radiograph``, ``radiograph-wide`` (further than the images of train
            differ), ``microscopy`` or ``none``; None goes by the dataset's modality, else by its
            colour; ``wide`` too, but takes ``radiograph-wide`` for radiographs.
        horizontal_flip: Mirror radiographs at random; for images whose side does not matter.
        tta: Views of an image whose logits a prediction averages: ``none`` is the image alone,
            ``mirror`` adds its mirror image, ``shifts`` small shifts and zooms.
        ema_decay: Decay a step of the weight average that is validated and kept; 0 is off.
        keep: The ``best`` epoch by val AUC, or the ``last``, whatever val says.
        patience: Stop after so many epochs without a better val AUC; None never stops, nor does
            keeping the last epoch.
        precision: ``fp32``, ``bf16``, ``fp16``, or ``auto``: bf16 where the device is faster in it.
        compile: Compile the network; pays in long trainings on a GPU.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        seed: Of initial weights, order, augmentation, mixup and folds.
        calibration: Of probabilities, on val: ``temperature`` and a bias a class, ``vector`` (a
            temperature a class too) or ``none``.
        operating_point: What the threshold is chosen for on val (two classes):
            ``balanced_accuracy`` (or ``youden``, the same), ``f1``, ``accuracy``,
            ``sensitivity>=0.95``, ``specificity>=0.9``, ``cost=5`` (a miss costs five false
            alarms), or other numbers in these.
        threshold_on: ``shifted-val``: val and copies of it as other scanners might take them, for
            rules that look for the best threshold; a demand is met on val itself. ``val``: val.
    """

    recipe: str = DEFAULT_RECIPE
    recipe_reason: str | None = None
    dataset: str | None = None
    limit: int | None = None
    model: str = COMPACT_CNN
    pretrained: bool = True
    weights: str | None = None
    encoder: str | None = None
    size: int | None = None
    normalise: str = "dataset"
    members: int = 1
    train_on: str = "train"
    probe: bool = False
    head_epochs: int = 0
    head_learning_rate: float = 3e-3
    head_patience: int | None = None
    epochs: int = 30
    unfreeze: int | None = None
    layer_decay: float = 1.0
    batch_size: int | None = None
    accumulate: int = 1
    learning_rate: float = 3e-3
    schedule: str = "one-cycle"
    warmup_epochs: float = 1.0
    weight_decay: float = 0.05
    loss: str = "focal"
    focal_gamma: float = 1.0
    class_weights: str | tuple[float, ...] | None = None
    class_balanced_beta: float = 0.999
    logit_adjustment: float = 0.0
    balanced_sampling: bool = True
    label_smoothing: float = 0.0
    mixup_alpha: float = 0.0
    cutmix_alpha: float = 0.0
    augmentation: str | None = "wide"
    horizontal_flip: bool = False
    tta: str = "shifts"
    ema_decay: float = 0.99
    keep: str = "best"
    patience: int | None = 10
    precision: str = "auto"
    compile: bool = False
    device: str = "auto"
    seed: int = 0
    calibration: str = "temperature"
    operating_point: str = "balanced_accuracy"
    threshold_on: str = "shifted-val"

    def __post_init__(self) -> None:
        for name in ("epochs", "members", "accumulate"):
            check_integer(self, name, low=1)
        for name in ("size", "limit", "patience", "batch_size"):
            check_integer(self, name, low=16 if name == "size" else 1, optional=True)
        check_integer(self, "seed", low=0)
        check_number(self, "learning_rate", above=0.0)
        for name in (
            "weight_decay",
            "focal_gamma",
            "mixup_alpha",
            "cutmix_alpha",
            "logit_adjustment",
            "warmup_epochs",
        ):
            check_number(self, name, low=0.0)
        for name in ("label_smoothing", "ema_decay", "class_balanced_beta"):
            check_number(self, name, low=0.0, below=1.0)
        for name, known in _CHOICES.items():
            check_choice(self, name, known)
        object.__setattr__(self, "operating_point", str(parse_rule(self.operating_point)))
        object.__setattr__(self, "model", timm_name(str(self.model)))
        for name in ("pretrained", "balanced_sampling", "horizontal_flip", "compile"):
            _check_flag(self, name)
        if self.augmentation is not None:
            check_choice(self, "augmentation", AUGMENTATIONS)
        object.__setattr__(self, "class_weights", _parse_weights(self.class_weights))
        if self.train_on == "folds" and self.members < 2:
            raise ValueError("train_on folds needs members >= 2: each leaves out one fold")
        _check_balance(self)
        _check_transfer(self)


_CHOICES = {
    "loss": LOSSES,
    "precision": PRECISIONS,
    "calibration": CALIBRATIONS,
    "schedule": SCHEDULES,
    "normalise": NORMALISATIONS,
    "tta": TEST_TIME_VIEWS,
    "train_on": TRAINED_ON,
    "keep": KEPT_EPOCHS,
    "threshold_on": THRESHOLD_IMAGES,
}


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
        seed: Of the bootstrap, the random samples of images shown and the map.
        resamples: Bootstrap samples of the 95 % intervals.
        by: Columns of the manifest to measure subgroups by, besides ``source``.
        label_map: A file, or ``old=new,old=``, that turns its classes into the classifier's.
        operating_point: A rule or a threshold to decide by instead of the stored one.
        label_shift: ``em`` or ``bbse``: also correct for another mix of classes, in figures of
            their own; None does not.
        level: Share of images whose conformal set is to hold the truth.
    """

    run: str | None = None
    dataset: str | None = None
    split: str = "test"
    limit: int | None = None
    batch_size: int = 256
    device: str = "auto"
    seed: int = 0
    resamples: int = 1000
    by: tuple[str, ...] = ()
    label_map: str | None = None
    operating_point: str | None = None
    label_shift: str | None = None
    level: float = 0.95

    def __post_init__(self) -> None:
        for name in ("batch_size", "resamples"):
            check_integer(self, name, low=1)
        check_integer(self, "limit", low=1, optional=True)
        check_integer(self, "seed", low=0)
        _keep_names(self, "by")
        _check_decision(self)


@dataclass(frozen=True, kw_only=True)
class CompareConfig:
    """What to compare, and on what.

    Args:
        runs: Folders or names of train runs.
        datasets: Names or folders; empty takes the one the first run was trained on.
        split: ``train``, ``val``, ``test`` or ``all``.
        limit: Use only the first N records of each.
        batch_size: Images at a time.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        seed: Of the bootstrap.
        resamples: Bootstrap samples.
        label_map: A file, or ``old=new,old=``, for the datasets whose classes it names.
    """

    runs: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    split: str = "test"
    limit: int | None = None
    batch_size: int = 256
    device: str = "auto"
    seed: int = 0
    resamples: int = 1000
    label_map: str | None = None

    def __post_init__(self) -> None:
        for name in ("batch_size", "resamples"):
            check_integer(self, name, low=1)
        check_integer(self, "limit", low=1, optional=True)
        check_integer(self, "seed", low=0)
        for name in ("runs", "datasets"):
            _keep_names(self, name)


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
        operating_point: A rule or a threshold to decide by instead of the stored one.
        label_shift: ``em`` or ``bbse``: also correct for another mix of classes, in columns of
            their own; None does not.
        level: Share of images whose conformal set is to hold the truth.
        frames: Of files with several: the ``first`` or ``all``.
        top_k: Classes to show of each image.
        explain: Draw a heat-map overlay of each image.
    """

    run: str | None = None
    dataset: str | None = None
    input: str | None = None
    split: str = "test"
    limit: int | None = None
    batch_size: int = 256
    device: str = "auto"
    operating_point: str | None = None
    label_shift: str | None = None
    level: float = 0.95
    frames: str = "first"
    top_k: int = 1
    explain: bool = False

    def __post_init__(self) -> None:
        for name in ("batch_size", "top_k"):
            check_integer(self, name, low=1)
        check_integer(self, "limit", low=1, optional=True)
        check_choice(self, "frames", FRAMES)
        _check_decision(self)


def as_mapping(config: Any) -> dict[str, Any]:
    """Return a config as plain values that YAML and JSON can hold."""
    values = {field.name: getattr(config, field.name) for field in fields(config)}
    return {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}


def _keep_names(config: object, name: str) -> None:
    value = getattr(config, name)
    names = value.split(",") if isinstance(value, str) else value or ()
    object.__setattr__(config, name, tuple(str(part).strip() for part in names))


def _check_balance(config: TrainConfig) -> None:
    """Refuse two settings that both make up for rare classes."""
    if not config.balanced_sampling:
        return
    if config.logit_adjustment:
        raise ValueError(
            "logit_adjustment and balanced_sampling both allow for rare classes: set "
            "balanced_sampling=false, or leave logit_adjustment at 0"
        )
    if isinstance(config.class_weights, str):
        raise ValueError(
            "class_weights and balanced_sampling both allow for rare classes: set "
            "balanced_sampling=false, or give one weight a class"
        )


def _check_transfer(config: TrainConfig) -> None:
    check_integer(config, "head_epochs", low=0)
    check_integer(config, "head_patience", low=1, optional=True)
    check_integer(config, "unfreeze", low=0, optional=True)
    check_number(config, "head_learning_rate", above=0.0)
    check_number(config, "layer_decay", above=0.0, most=1.0)
    if config.probe and config.members > 1:
        raise ValueError("probe fits one head; members must be 1")
    if config.probe and config.class_weights is not None:
        raise ValueError("probe weighs classes by balanced_sampling, true or false, alone")
    if config.encoder is not None and not config.probe:
        raise ValueError("encoder is for probe: set probe=true, or take --recipe linear-probe")


def _check_decision(config: EvaluateConfig | PredictConfig) -> None:
    if config.operating_point is not None:
        decision = parse_decision(str(config.operating_point))
        object.__setattr__(config, "operating_point", str(decision))
    if config.label_shift is not None:
        check_choice(config, "label_shift", LABEL_SHIFTS)
    check_number(config, "level", above=0.0, below=1.0)


def _check_flag(config: object, name: str) -> None:
    value = getattr(config, name)
    if not isinstance(value, bool):
        raise ValueError(f"{name} must be true or false, got {value!r}")


def _parse_weights(value: Any) -> str | tuple[float, ...] | None:
    if value is None or value == "none":
        return None
    if value in CLASS_WEIGHTS:
        return str(value)
    parts = value.split(",") if isinstance(value, str) else value
    try:
        weights = tuple(float(part) for part in parts)
    except (TypeError, ValueError):
        weights = ()
    if not weights or min(weights) < 0 or max(weights) == 0:
        names = ", ".join(repr(name) for name in (*CLASS_WEIGHTS, "none"))
        raise ValueError(f"class_weights must be {names} or one weight >= 0 a class, got {value!r}")
    return weights
