"""What is chosen on val once training ends: epoch, temperature, operating point."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from classify.bootstrap import Bootstrap
from classify.calibration import fit_calibration
from classify.checkpoint import (
    WEIGHTS_FILE,
    ModelDescription,
    save_description,
)
from classify.config import TrainConfig
from classify.figures import save_training_curves
from classify.learner import TrainingData, initial_weights
from classify.members import Trained, clear_members
from classify.metrics import measure
from classify.operating_points import apply_operating_point, choose_operating_point
from classify.results import Skipped, TrainResult
from classify.training_state import STATE_FILE
from medx.core.files import sha256_file, write_json
from medx.datasets.manifest import Dataset, Record

HALF = 0.5
SELECTIONS = {
    "train": "epoch, calibration and threshold chosen on val; test untouched",
    "folds": "calibration and threshold chosen on out-of-fold predictions of train+val, each by "
    "the one member that did not learn from the image; test untouched",
}


def finish_training(
    config: TrainConfig,
    run_dir: Path,
    dataset: Dataset,
    data: TrainingData,
    trained: Trained,
) -> TrainResult:
    """Calibrate what was trained, choose its operating point, write the run."""
    logits, target = trained.logits, trained.judged.target.numpy()
    description = describe_model(config, run_dir, dataset, data, trained, logits, target)
    save_description(run_dir, description)
    save_training_curves(trained.history, run_dir / "figures" / "training_curves.png")
    result = _summarise(config, run_dir, dataset, data, trained, description)
    write_json(run_dir / "metrics.json", result.model_dump())
    # Only an unfinished run needs the optimiser's state, four times the size of the model.
    (run_dir / STATE_FILE).unlink(missing_ok=True)
    clear_members(run_dir)
    return result


def describe_model(
    config: TrainConfig,
    run_dir: Path,
    dataset: Dataset,
    data: TrainingData,
    trained: Trained,
    logits: npt.NDArray[np.float32],
    target: npt.NDArray[np.int64],
) -> ModelDescription:
    """Return the description of the weights in ``run_dir``, with what val decides."""
    calibration = fit_calibration(logits, target)
    operating_point = None
    if len(data.classes) == 2:
        positive = calibration.probabilities(logits)[:, 1]
        operating_point = choose_operating_point(target == 1, positive, config.operating_point)
    return ModelDescription(
        architecture=config.model,
        members=config.members,
        classes=list(data.classes),
        size=data.size,
        colour=data.colour,
        mean=trained.mean.tolist(),
        std=trained.std.tolist(),
        normalise=config.normalise,
        tta=config.tta,
        temperature=calibration.temperature,
        bias=list(calibration.bias),
        operating_point=operating_point,
        operating_point_rule=None if operating_point is None else config.operating_point,
        dataset=dataset.name,
        initial_weights=initial_weights(config),
        parameters=sum(p.numel() for p in trained.network.parameters()),
        weights_sha256=sha256_file(run_dir / WEIGHTS_FILE),
    )


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
        model=config.model,
        parameters=description.parameters,
        initial_weights=description.initial_weights,
        classes=description.classes,
        size=data.size,
        device=trained.device.type,
        precision=config.precision,
        seed=config.seed,
        augmentation=data.augmentation,
        augmentation_reason=data.augmentation_reason,
        tta=config.tta,
        train_on=config.train_on,
        selection=SELECTIONS[config.train_on],
        n_train=len(judged if config.train_on == "folds" else data.train),
        n_val=len(judged),
        members=list(trained.members),
        epochs_run=len(trained.history),
        best_epoch=trained.members[0].best_epoch,
        stopped_early=len(trained.history) < config.epochs * config.members,
        temperature=description.temperature,
        operating_point=point,
        operating_point_rule=description.operating_point_rule,
        val=at_point,
        val_at_half=at_half,
        history=list(trained.history),
        seconds=seconds,
        images_per_second=seen / seconds,
        skipped=[Skipped(id=i, reason=r) for s in (data.train, data.val) for i, r in s.skipped],
        figures=["figures/training_curves.png"],
    )
