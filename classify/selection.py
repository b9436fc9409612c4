"""What is chosen on val once training ends: epoch, temperature, operating point."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from classify.calibration import fit_calibration
from classify.checkpoint import (
    WEIGHTS_FILE,
    ModelDescription,
    save_description,
)
from classify.config import TrainConfig
from classify.figures import save_training_curves
from classify.inference import compute_logits
from classify.learner import Learner, TrainingData, initial_weights
from classify.metrics import Bootstrap, measure
from classify.operating_points import apply_operating_point, choose_operating_point
from classify.results import Skipped, TrainResult
from classify.training_state import STATE_FILE, Progress
from medx.core.files import sha256_file, write_json
from medx.core.training import load_tensors
from medx.datasets.manifest import Dataset, Record

HALF = 0.5
VAL_BATCH = 512


def finish_training(
    config: TrainConfig,
    run_dir: Path,
    dataset: Dataset,
    data: TrainingData,
    learner: Learner,
    progress: Progress,
) -> TrainResult:
    """Calibrate the best epoch on val, choose the operating point there, write the run."""
    learner.average.load_state_dict(load_tensors(run_dir / WEIGHTS_FILE))
    logits = compute_logits(
        learner.average,
        data.val.pixels,
        mean=learner.mean,
        std=learner.std,
        horizontal_flip=config.horizontal_flip,
        batch_size=VAL_BATCH,
    )
    target = data.val.target.numpy()
    description = describe_model(config, run_dir, dataset, data, learner, logits, target)
    save_description(run_dir, description)
    save_training_curves(progress.history, run_dir / "figures" / "training_curves.png")
    result = _summarise(config, run_dir, dataset, data, learner, progress, description, logits)
    write_json(run_dir / "metrics.json", result.model_dump())
    # Only an unfinished run needs the optimiser's state, four times the size of the model.
    (run_dir / STATE_FILE).unlink(missing_ok=True)
    return result


def describe_model(
    config: TrainConfig,
    run_dir: Path,
    dataset: Dataset,
    data: TrainingData,
    learner: Learner,
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
        classes=list(data.classes),
        size=data.size,
        colour=data.colour,
        mean=learner.mean.tolist(),
        std=learner.std.tolist(),
        horizontal_flip=config.horizontal_flip,
        temperature=calibration.temperature,
        bias=list(calibration.bias),
        operating_point=operating_point,
        operating_point_rule=None if operating_point is None else config.operating_point,
        dataset=dataset.name,
        initial_weights=initial_weights(config),
        parameters=sum(p.numel() for p in learner.average.parameters()),
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
    learner: Learner,
    progress: Progress,
    description: ModelDescription,
    logits: npt.NDArray[np.float32],
) -> TrainResult:
    probs = description.calibration.probabilities(logits)
    target, how = data.val.target.numpy(), Bootstrap(groups=groups_of(data.val.records))
    point = description.operating_point
    at_point = measure(target, probs, apply_operating_point(probs, point), how)
    at_half = None
    if point is not None:
        at_half = measure(target, probs, apply_operating_point(probs, HALF), how)
    seconds = sum(epoch.seconds for epoch in progress.history)
    return TrainResult(
        run_dir=str(run_dir),
        dataset=dataset.name,
        synthetic=dataset.synthetic,
        model=config.model,
        parameters=description.parameters,
        initial_weights=description.initial_weights,
        classes=description.classes,
        size=data.size,
        device=learner.accelerator.device.type,
        precision=config.precision,
        seed=config.seed,
        n_train=len(data.train),
        n_val=len(data.val),
        epochs_run=progress.epochs_done,
        best_epoch=progress.best_epoch,
        stopped_early=progress.epochs_done < config.epochs,
        temperature=description.temperature,
        operating_point=point,
        operating_point_rule=description.operating_point_rule,
        val=at_point,
        val_at_half=at_half,
        history=progress.history,
        seconds=seconds,
        images_per_second=len(data.train) * progress.epochs_done / seconds,
        skipped=[Skipped(id=i, reason=r) for s in (data.train, data.val) for i, r in s.skipped],
        figures=["figures/training_curves.png"],
    )
