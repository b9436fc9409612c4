"""What is chosen on val once training ends: epoch, temperature, operating point."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from classify.card.write import start_card
from classify.checkpoint import (
    WEIGHTS_FILE,
    ModelDescription,
    save_description,
)
from classify.config import TrainConfig
from classify.data import as_pixels
from classify.encoder_probe import ENCODER, EncoderProbe
from classify.evaluation.chance import chance_levels
from classify.evaluation.figures import save_training_curves
from classify.evaluation.metrics import measure
from classify.inference import compute_features
from classify.results import Skipped, TrainResult
from classify.training.learner import TrainingData, initial_weights
from classify.training.members import VAL_BATCH, Trained, clear_members
from classify.training.phases import most_epochs
from classify.training.state import STATE_FILE
from classify.trust.calibration import Calibration, fit_calibration
from classify.trust.ood import OOD_FILE, OutOfDistribution, choose_rows, fit_ood, save_ood
from classify.trust.operating_points import (
    OperatingPoint,
    apply_operating_point,
)
from classify.trust.operating_rules import STANDARD_RULES
from classify.trust.thresholds import choose_threshold
from classify.trust.val_logits import VAL_LOGITS_FILE, ValLogits, save_val_logits
from medx.core.bootstrap import Bootstrap
from medx.core.console import note, warn
from medx.core.device import resolve_precision
from medx.core.files import sha256_file, write_json
from medx.datasets.manifest import Dataset, Record

HALF = 0.5


def finish_training(
    config: TrainConfig,
    run_dir: Path,
    dataset: Dataset,
    data: TrainingData,
    trained: Trained,
) -> TrainResult:
    """Calibrate what was trained, choose its operating point, write the run."""
    description = describe_model(config, run_dir, dataset, data, trained)
    save_description(run_dir, description)
    save_training_curves(trained.history, run_dir / "figures" / "training_curves.png")
    result = _summarise(config, run_dir, dataset, data, trained, description)
    write_json(run_dir / "metrics.json", result.model_dump())
    start_card(run_dir, dataset)
    # Only an unfinished run needs the optimiser's state, four times the size of the model.
    (run_dir / STATE_FILE).unlink(missing_ok=True)
    clear_members(run_dir)
    return result


def describe_model(
    config: TrainConfig, run_dir: Path, dataset: Dataset, data: TrainingData, trained: Trained
) -> ModelDescription:
    """Return the description of the weights in ``run_dir``, with what val decides.

    What later choices need is written beside the weights: val's logits and the
    out-of-distribution score.
    """
    val = ValLogits(
        logits=trained.logits,
        target=trained.judged.target.numpy(),
        groups=groups_of(trained.judged.records),
        shifted=trained.shifted,
    )
    calibration = fit_calibration(val.logits, val.target, config.calibration)
    points = choose_points(config, val, calibration)
    chosen = points.get(config.operating_point)
    fingerprint = None
    if isinstance(trained.network, EncoderProbe):
        fingerprint = dict(trained.network.embedder.fingerprint)
    return ModelDescription(
        architecture=ENCODER if config.encoder else config.model,
        encoder=fingerprint,
        encoder_weights=config.weights if config.encoder else None,
        members=config.members,
        classes=list(data.classes),
        size=data.size,
        colour=data.colour,
        mean=trained.mean.tolist(),
        std=trained.std.tolist(),
        normalise=config.normalise,
        tta=config.tta,
        calibration_method=config.calibration,
        temperature=calibration.temperature,
        scale=list(calibration.scale),
        bias=list(calibration.bias),
        operating_point=None if chosen is None else chosen.threshold,
        operating_point_rule=None if chosen is None else chosen.rule,
        operating_points={rule: point.threshold for rule, point in points.items()},
        operating_point_ranges={rule: (p.low, p.high) for rule, p in points.items()},
        dataset=dataset.name,
        initial_weights=initial_weights(config),
        parameters=sum(p.numel() for p in trained.network.parameters()),
        weights_sha256=sha256_file(run_dir / WEIGHTS_FILE),
        val_logits_sha256=save_val_logits(run_dir / VAL_LOGITS_FILE, val),
        ood_sha256=save_ood(run_dir / OOD_FILE, fit_ood_of(config, data, trained)),
    )


def choose_points(
    config: TrainConfig, val: ValLogits, calibration: Calibration
) -> dict[str, OperatingPoint]:
    """Return the thresholds of all standard rules and of the configured one; none for many classes.

    Args:
        config: The recipe.
        val: What thresholds are chosen on.
        calibration: How its logits become probabilities.
    """
    if val.logits.shape[1] != 2:
        if config.operating_point != TrainConfig.operating_point:
            warn(
                f"{config.operating_point} is a rule for two classes; of "
                f"{val.logits.shape[1]} the most probable one is taken"
            )
        return {}
    return {
        rule: choose_threshold(val, calibration, rule, seed=config.seed)
        for rule in dict.fromkeys([*STANDARD_RULES, config.operating_point])
    }


def fit_ood_of(config: TrainConfig, data: TrainingData, trained: Trained) -> OutOfDistribution:
    """Fit the out-of-distribution score on train; scale it by val, which it must not have seen."""
    note("fitting the out-of-distribution score")
    rows = choose_rows(len(data.train), seed=config.seed)

    def features(pixels: Tensor) -> npt.NDArray[np.float32]:
        return compute_features(
            trained.network, pixels, mean=trained.mean, std=trained.std, batch_size=VAL_BATCH
        )

    pixels = data.train.pixels[torch.from_numpy(rows)]
    return fit_ood(
        features=features(pixels),
        pixels=as_pixels(pixels),
        target=data.train.target.numpy()[rows],
        val_features=features(data.val.pixels),
        val_pixels=as_pixels(data.val.pixels),
    )


def describe_selection(config: TrainConfig, trained: Trained) -> str:
    """Say what was chosen on which images."""
    best = config.keep == "best"
    copies = ""
    if trained.shifted is not None:
        copies = f"; threshold on {len(trained.shifted)} shifted copies of them as well"
    if config.train_on == "folds":
        epochs = "; each member's epoch on its own fold" if best else ""
        return (
            "calibration and threshold selected on out-of-fold predictions of train+val, each by "
            f"the one member that did not learn from the image{epochs}{copies}; test untouched"
        )
    chosen = f"{'epoch, ' if best else ''}calibration and threshold"
    return f"{chosen} selected on val{copies.replace('them', 'it')}; test untouched"


def groups_of(records: tuple[Record, ...]) -> list[str] | None:
    """Return the patient of each record, or None when not every record names one."""
    groups = [record.group for record in records if record.group]
    return groups if len(groups) == len(records) else None


def _summarise(
    config: TrainConfig,
    run_dir: Path,
    dataset: Dataset,
    data: TrainingData,
    trained: Trained,
    description: ModelDescription,
) -> TrainResult:
    probs = description.calibration.probabilities(trained.logits)
    judged = trained.judged
    target, how = judged.target.numpy(), Bootstrap(groups=groups_of(judged.records))
    point = description.operating_point
    at_point = measure(target, probs, apply_operating_point(probs, point), how)
    at_half = None
    if point is not None:
        at_half = measure(target, probs, apply_operating_point(probs, HALF), how)
    seconds = sum(epoch.seconds for epoch in trained.history)
    seen = sum(member.n_train * member.epochs_run for member in trained.members)
    return TrainResult(
        run_dir=str(run_dir),
        recipe=config.recipe,
        recipe_reason=config.recipe_reason,
        dataset=dataset.name,
        synthetic=dataset.synthetic,
        model=f"probe of {config.encoder}" if config.encoder else config.model,
        parameters=description.parameters,
        initial_weights=description.initial_weights,
        classes=description.classes,
        size=data.size,
        device=trained.device.type,
        precision=resolve_precision(config.precision, trained.device.type),
        seed=config.seed,
        augmentation=data.augmentation,
        augmentation_reason=data.augmentation_reason,
        tta=config.tta,
        train_on=config.train_on,
        selection=describe_selection(config, trained),
        n_train=len(judged if config.train_on == "folds" else data.train),
        n_val=len(judged),
        members=list(trained.members),
        probe=list(trained.probe),
        epochs_run=len(trained.history),
        best_epoch=trained.members[0].best_epoch,
        stopped_early=not config.probe
        and len(trained.history) < most_epochs(config) * config.members,
        calibration=description.calibration_method,
        temperature=description.temperature,
        operating_point=point,
        operating_point_rule=description.operating_point_rule,
        operating_point_range=description.operating_point_ranges.get(config.operating_point),
        operating_points=description.operating_points,
        val=at_point,
        val_at_half=at_half,
        chance=chance_levels(target, len(description.classes)),
        history=list(trained.history),
        seconds=seconds,
        images_per_second=seen / seconds,
        skipped=[Skipped(id=i, reason=r) for s in (data.train, data.val) for i, r in s.skipped],
        figures=["figures/training_curves.png"],
    )
