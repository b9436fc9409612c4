"""Training: one loop, exact resume, everything chosen on val; test is never touched."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import ValidationError
from rich.progress import Progress as Bar
from scipy.special import softmax
from torch import Tensor

from classify.calibration import negative_log_likelihood
from classify.checkpoint import WEIGHTS_FILE
from classify.config import TrainConfig, as_mapping
from classify.data import ImageSet, as_unit, normalise
from classify.inference import compute_logits
from classify.learner import (
    Learner,
    TrainingData,
    build_learner,
    load_training_data,
)
from classify.metrics import macro_auroc
from classify.mixup import mixup
from classify.results import Epoch, TrainResult
from classify.selection import VAL_BATCH, finish_training
from classify.training_state import STATE_FILE, Progress, load_state, save_state
from medx.core.console import note, progress_bar, told_on_interrupt
from medx.core.device import seed_everything
from medx.core.errors import CheckpointError, InputError
from medx.core.runs import load_config, load_json, logging_to, save_config
from medx.core.training import one_cycle, save_tensors, update_average
from medx.datasets.augment import augment, seed_step
from medx.datasets.manifest import Dataset

SMALLEST_BATCH, LARGEST_BATCH, STEPS_WANTED = 16, 128, 32
GRADIENT_NORM = 5.0


def train(
    config: TrainConfig, run_dir: Path, dataset: Dataset, *, resume: bool = False
) -> TrainResult:
    """Train a classifier on ``dataset``, keep the epoch best on val, and calibrate it there.

    Args:
        config: The recipe.
        run_dir: Gets the checkpoint, the model, ``metrics.json`` and figures.
        dataset: Needs train and val; its test split is not read.
        resume: Go on from the last finished epoch in ``run_dir``; the result is exactly that of
            a run that was never interrupted.

    Raises:
        InputError: When the dataset or a setting cannot be used, or the loss diverges.
        CheckpointError: When the run to resume is damaged or of another version.
    """
    config = replace(config, dataset=config.dataset or dataset.name)
    resume = resume and (run_dir / "config.yaml").is_file()
    if resume:
        _check_same_settings(config, run_dir)
        if (run_dir / "metrics.json").is_file():
            note(f"{run_dir} is already finished")
            return _load_result(run_dir / "metrics.json")
    seed_everything(config.seed)
    data = load_training_data(config, dataset)
    learner = build_learner(config, data)
    if not resume:
        save_config(run_dir, as_mapping(config))
    kept = (
        f"interrupted; finished epochs are kept in {run_dir}. Go on with: "
        f"medx classify train --resume --output {run_dir}"
    )
    with logging_to(run_dir), told_on_interrupt(kept):
        progress = Progress()
        if resume and (run_dir / STATE_FILE).is_file():
            progress = load_state(run_dir, learner)
            note(f"resuming after epoch {progress.epochs_done} of {config.epochs}")
        with progress_bar("training", config.epochs * steps_per_epoch(config, data.train)) as bar:
            bar.advance(bar.task_ids[0], progress.epochs_done * steps_per_epoch(config, data.train))
            while not is_finished(config, progress):
                started = time.perf_counter()
                loss = train_one_epoch(config, learner, data, progress.epochs_done, bar)
                epoch = validate(config, learner, data.val, progress.epochs_done + 1, loss, started)
                if progress.add(epoch):
                    save_tensors(run_dir / WEIGHTS_FILE, learner.average.state_dict())
                save_state(run_dir, progress, learner)
                note(
                    f"epoch {epoch.epoch}/{config.epochs}: loss {epoch.train_loss:.4f}, "
                    f"val loss {epoch.val_loss:.4f}, val AUC {epoch.val_auroc:.4f}, "
                    f"{len(data.train) / epoch.seconds:.0f} images/s"
                    f"{' (best)' if progress.best_epoch == epoch.epoch else ''}"
                )
        return finish_training(config, run_dir, dataset, data, learner, progress)


def train_one_epoch(
    config: TrainConfig, learner: Learner, data: TrainingData, epoch: int, bar: Bar
) -> float:
    """Take every step of one epoch (counted from 0); return the mean loss."""
    batch, steps = batch_size(config, data.train), steps_per_epoch(config, data.train)
    device = learner.accelerator.device
    pixels = data.train.pixels.to(device)
    target = F.one_hot(data.train.target, len(data.classes)).float().to(device)
    seed_step(config.seed, epoch, steps)  # one past the last step: the order of this epoch
    order = draw_order(data.train.target, balanced=config.balanced_sampling).to(device)
    learner.network.train()
    losses: list[torch.Tensor] = []
    started = time.perf_counter()
    for step, rows in enumerate(torch.split(order, batch)[:steps]):
        seed_step(config.seed, epoch, step)
        done = epoch * steps + step
        for group in learner.optimizer.param_groups:
            group["lr"] = one_cycle(done, config.epochs * steps, config.learning_rate)
        inputs = as_unit(pixels[rows])
        if config.augment:
            inputs = augment(inputs, horizontal_flip=config.horizontal_flip)
        inputs = normalise(inputs, learner.mean, learner.std)
        inputs, soft = mixup(inputs, target[rows], config.mixup_alpha)
        loss = learner.criterion(learner.network(inputs).float(), soft)
        learner.optimizer.zero_grad()
        learner.accelerator.backward(loss)
        learner.accelerator.clip_grad_norm_(learner.network.parameters(), GRADIENT_NORM)
        learner.optimizer.step()
        update_average(learner.average, learner.network, config.ema_decay, done)
        losses.append(loss.detach())
        rate = (step + 1) * batch / (time.perf_counter() - started)
        status = f"epoch {epoch + 1} loss {losses[-1].item():.3f} {rate:.0f} images/s"
        bar.update(bar.task_ids[0], advance=1, status=status)
    mean_loss = float(torch.stack(losses).double().mean())
    if not np.isfinite(mean_loss):
        raise InputError(
            f"the loss diverged in epoch {epoch + 1}", hint="use a lower --learning-rate"
        )
    return mean_loss


def draw_order(target: Tensor, *, balanced: bool) -> Tensor:
    """Return the rows of one epoch ``(N,)``: each once, or each class equally often."""
    if not balanced:
        return torch.randperm(len(target))
    weights = 1.0 / torch.bincount(target).float()[target]
    return torch.multinomial(weights, len(target), replacement=True)


def validate(
    config: TrainConfig,
    learner: Learner,
    images: ImageSet,
    epoch: int,
    train_loss: float,
    started: float,
) -> Epoch:
    """Judge the averaged weights on val."""
    logits = compute_logits(
        learner.average,
        images.pixels,
        mean=learner.mean,
        std=learner.std,
        horizontal_flip=config.horizontal_flip,
        batch_size=VAL_BATCH,
    )
    target = images.target.numpy()
    return Epoch(
        epoch=epoch,
        train_loss=train_loss,
        val_loss=negative_log_likelihood(logits, target),
        val_auroc=macro_auroc(target, softmax(logits, axis=1)),
        learning_rate=float(learner.optimizer.param_groups[0]["lr"]),
        seconds=time.perf_counter() - started,
    )


def is_finished(config: TrainConfig, progress: Progress) -> bool:
    """Return True after the last epoch, or when val has not improved for ``patience`` epochs."""
    waited = progress.epochs_done - progress.best_epoch
    patient = config.patience is None or waited < config.patience
    return progress.epochs_done >= config.epochs or not patient


def steps_per_epoch(config: TrainConfig, images: ImageSet) -> int:
    """Return how many full batches there are (one smaller batch when there is none)."""
    return max(1, len(images) // batch_size(config, images))


def batch_size(config: TrainConfig, images: ImageSet) -> int:
    """Return images a step: as set, else a power of two that leaves an epoch enough steps."""
    if config.batch_size is not None:
        return config.batch_size
    most = max(1, len(images) // STEPS_WANTED)
    return max(SMALLEST_BATCH, min(LARGEST_BATCH, 1 << (most.bit_length() - 1)))


def _load_result(path: Path) -> TrainResult:
    try:
        return TrainResult.model_validate(load_json(path))
    except ValidationError as error:
        raise CheckpointError(
            f"{path} is damaged or of another medx version",
            hint="train again under another name",
        ) from error


def _check_same_settings(config: TrainConfig, run_dir: Path) -> None:
    stored = load_config(run_dir)
    for name, value in as_mapping(config).items():
        if name != "device" and stored.get(name) != value:
            raise InputError(
                f"cannot resume with another {name}: {stored.get(name)!r} became {value!r}",
                hint="leave the setting out, or start a new run without --resume",
            )
