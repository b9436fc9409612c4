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
from classify.members import VAL_BATCH, gather, member_dir, member_seed, split_members
from classify.mixup import blend
from classify.ranking import macro_auroc
from classify.results import Epoch, TrainResult
from classify.selection import finish_training
from classify.training_state import (
    STATE_FILE,
    Progress,
    load_progress,
    load_state,
    save_state,
)
from medx.core.console import note, progress_bar, told_on_interrupt
from medx.core.device import seed_everything
from medx.core.errors import CheckpointError, InputError
from medx.core.runs import load_config, load_json, logging_to, save_config
from medx.core.training import one_cycle, save_tensors, update_average, warm_cosine
from medx.datasets.augment import apply_augmentation, seed_step
from medx.datasets.manifest import Dataset

SMALLEST_BATCH, LARGEST_BATCH, STEPS_WANTED = 16, 128, 32
GRADIENT_NORM = 5.0
SECONDS_A_STATUS = 0.2


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
    data = load_training_data(config, dataset)
    parts = split_members(config, data)
    if not resume:
        save_config(run_dir, as_mapping(config))
    kept = (
        f"interrupted; finished epochs are kept in {run_dir}. Go on with: "
        f"medx classify train --resume --output {run_dir}"
    )
    total = sum(config.epochs * steps_per_epoch(config, part.train) for part in parts)
    with logging_to(run_dir), told_on_interrupt(kept):
        note(f"augmentation: {data.augmentation} ({data.augmentation_reason})")
        with progress_bar("training", total) as bar:
            progress = [
                train_member(config, run_dir, member, part, bar)
                for member, part in enumerate(parts)
            ]
        trained = gather(config, run_dir, data, parts, progress)
        return finish_training(config, run_dir, dataset, data, trained)


def train_member(
    config: TrainConfig, run_dir: Path, member: int, data: TrainingData, bar: Bar
) -> Progress:
    """Train one network, or go on with it, and leave its kept weights in its folder."""
    folder = member_dir(run_dir, config, member)
    folder.mkdir(parents=True, exist_ok=True)
    of_many = f" of network {member + 1} of {config.members}" if config.members > 1 else ""
    config = replace(config, seed=member_seed(config.seed, member))
    steps = steps_per_epoch(config, data.train)
    progress = Progress()
    if (folder / STATE_FILE).is_file():
        progress = load_progress(folder)
        note(f"resuming after epoch {progress.epochs_done} of {config.epochs}{of_many}")
        bar.advance(bar.task_ids[0], progress.epochs_done * steps)
    if is_finished(config, progress):
        return progress
    seed_everything(config.seed)
    learner = build_learner(config, data)
    if progress.epochs_done:
        load_state(folder, learner)
    while not is_finished(config, progress):
        started = time.perf_counter()
        loss = train_one_epoch(config, learner, data, progress.epochs_done, bar)
        epoch = validate(config, learner, data.val, progress.epochs_done + 1, loss, started)
        epoch = epoch.model_copy(update={"member": member})
        if progress.add(epoch, keep=config.keep):
            save_tensors(folder / WEIGHTS_FILE, learner.average.state_dict())
        save_state(folder, progress, learner)
        note(
            f"epoch {epoch.epoch}/{config.epochs}{of_many}: loss {epoch.train_loss:.4f}, "
            f"val loss {epoch.val_loss:.4f}, val AUC {epoch.val_auroc:.4f}, "
            f"{len(data.train) / epoch.seconds:.0f} images/s"
            f"{' (best)' if config.keep == 'best' and progress.best_epoch == epoch.epoch else ''}"
        )
    return progress


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
    started = shown = time.perf_counter()
    for step, rows in enumerate(torch.split(order, batch)[:steps]):
        seed_step(config.seed, epoch, step)
        done = epoch * steps + step
        for group in learner.optimizer.param_groups:
            group["lr"] = learning_rate(config, done, steps)
        inputs = apply_augmentation(
            data.augmentation, as_unit(pixels[rows]), horizontal_flip=config.horizontal_flip
        )
        inputs = normalise(inputs, learner.mean, learner.std)
        inputs, soft = blend(
            inputs,
            target[rows],
            mixup_alpha=config.mixup_alpha,
            cutmix_alpha=config.cutmix_alpha,
        )
        losses.append(take_step(learner, inputs, soft, parts=config.accumulate))
        update_average(learner.average, learner.network, config.ema_decay, done)
        bar.advance(bar.task_ids[0])
        if time.perf_counter() - shown > SECONDS_A_STATUS:  # reading a loss waits for the GPU
            shown = time.perf_counter()
            rate = (step + 1) * batch / (shown - started)
            status = f"epoch {epoch + 1} loss {losses[-1].item():.3f} {rate:.0f} images/s"
            bar.update(bar.task_ids[0], status=status)
    mean_loss = float(torch.stack(losses).double().mean())
    if not np.isfinite(mean_loss):
        raise InputError(
            f"the loss diverged in epoch {epoch + 1}", hint="use a lower --learning-rate"
        )
    return mean_loss


def take_step(learner: Learner, inputs: Tensor, target: Tensor, *, parts: int) -> Tensor:
    """Move the weights against the gradient of one batch; return its loss.

    Args:
        learner: What learns.
        inputs: ``(B, channels, S, S)``.
        target: Class probabilities ``(B, C)``.
        parts: In how many pieces the batch passes the network; the gradient is of all of it.
    """
    learner.optimizer.zero_grad()
    losses = []
    for images, wanted in zip(inputs.chunk(parts), target.chunk(parts), strict=True):
        loss = learner.criterion(learner.network(images).float(), wanted)
        loss = loss * (len(images) / len(inputs))
        learner.accelerator.backward(loss)
        losses.append(loss.detach())
    learner.accelerator.clip_grad_norm_(learner.network.parameters(), GRADIENT_NORM)
    learner.optimizer.step()
    return torch.stack(losses).sum()


def learning_rate(config: TrainConfig, step: int, steps: int) -> float:
    """Return the rate of one step of a training of ``steps`` steps an epoch."""
    total = config.epochs * steps
    if config.schedule == "cosine":
        return warm_cosine(step, total, config.learning_rate, config.warmup_epochs * steps)
    return one_cycle(step, total, config.learning_rate)


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
        tta=config.tta,
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
