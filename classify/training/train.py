"""Training: one loop, exact resume, everything chosen on val; test is never touched."""

from __future__ import annotations

import time
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import ValidationError
from rich.progress import Progress as Bar
from scipy.special import softmax
from torch import Tensor

from classify.checkpoint import WEIGHTS_FILE
from classify.config import TrainConfig, as_mapping
from classify.data import ImageSet, as_unit, normalise
from classify.evaluation.ranking import macro_auroc
from classify.inference import compute_logits
from classify.results import Epoch, TrainResult
from classify.training.freezing import SCALE, train_unfrozen
from classify.training.learner import (
    Learner,
    TrainingData,
    build_learner,
    load_training_data,
)
from classify.training.linear_probe import train_probe
from classify.training.members import VAL_BATCH, gather, member_dir, member_seed, split_members
from classify.training.mixup import blend
from classify.training.phases import Stand, enter_phase, most_epochs, phase_rate, stand_after
from classify.training.processes import (
    average_statistics,
    join_rows,
    my_rows,
    sum_gradients,
    total,
)
from classify.training.selection import finish_training
from classify.training.state import (
    STATE_FILE,
    Progress,
    load_progress,
    load_state,
    save_state,
)
from classify.trust.calibration import negative_log_likelihood
from medx.core.console import note, progress_bar, told_on_interrupt
from medx.core.device import seed_everything
from medx.core.errors import CheckpointError, InputError
from medx.core.processes import from_main, is_main, wait_for_all, world_size
from medx.core.runs import load_config, load_json, logging_to, save_config
from medx.core.training import save_tensors, update_average
from medx.datasets.augment import apply_augmentation, seed_step
from medx.datasets.manifest import Dataset

SMALLEST_BATCH, LARGEST_BATCH, STEPS_WANTED = 16, 128, 32
GRADIENT_NORM = 5.0
SECONDS_A_STATUS = 0.2

#: Settings that leave the result as it is.
RESUMED_WITH_OTHERS = ("device", "recipe_reason")


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
    resume, result = from_main(lambda: _look_back(config, run_dir, resume=resume))
    if result is not None:
        return result
    data = load_training_data(config, dataset)
    parts = split_members(config, data)
    check_shares(config, parts)
    if is_main() and not resume:
        save_config(run_dir, as_mapping(config))
    if config.probe:
        with logging_to(run_dir) if is_main() else nullcontext():
            return from_main(lambda: fit_head(config, run_dir, dataset, data))
    steps = sum(most_epochs(config) * steps_per_epoch(config, part.train) for part in parts)
    kept = partial(_kept, run_dir)
    with logging_to(run_dir) if is_main() else nullcontext(), told_on_interrupt(kept):
        note(f"augmentation: {data.augmentation} ({data.augmentation_reason})")
        if world_size() > 1:
            note(f"{world_size()} processes share each batch")
        with progress_bar("training", steps) as bar:
            progress = [
                train_member(config, run_dir, member, part, bar)
                for member, part in enumerate(parts)
            ]

        def finish() -> TrainResult:
            trained = gather(config, run_dir, data, parts, progress)
            return finish_training(config, run_dir, dataset, data, trained)

        return from_main(finish)


def fit_head(
    config: TrainConfig, run_dir: Path, dataset: Dataset, data: TrainingData
) -> TrainResult:
    """Fit a linear probe instead of training, and finish the run."""
    progress, fits = train_probe(config, run_dir, data)
    trained = gather(config, run_dir, data, [data], [progress])
    return finish_training(config, run_dir, dataset, data, replace(trained, probe=fits))


def train_member(
    config: TrainConfig, run_dir: Path, member: int, data: TrainingData, bar: Bar
) -> Progress:
    """Train one network, or go on with it, and leave its kept weights in its folder."""
    folder = member_dir(run_dir, config, member)
    folder.mkdir(parents=True, exist_ok=True)
    of_many = f" of network {member + 1} of {config.members}" if config.members > 1 else ""
    config = replace(config, seed=member_seed(config.seed, member))
    steps = steps_per_epoch(config, data.train)
    progress = Progress(images=data.fingerprint)
    if (folder / STATE_FILE).is_file():
        began, progress = progress.images, load_progress(folder)
        if progress.images != began:
            raise InputError(
                f"the images of {config.dataset} are not those that {run_dir} began with",
                hint="start a new run without --resume",
            )
        note(f"resuming after epoch {progress.epochs_done} of {most_epochs(config)}{of_many}")
        bar.advance(bar.task_ids[0], progress.epochs_done * steps)
    stand = stand_after(config, progress.history)
    if stand is None:
        return progress
    seed_everything(config.seed)
    learner = build_learner(config, data)
    if progress.epochs_done:
        load_state(folder, learner)
    enter_phase(learner, stand.phase, None)
    while stand is not None:
        started, phase = time.perf_counter(), stand.phase
        loss = train_one_epoch(config, learner, data, stand, progress.epochs_done, bar)
        epoch = validate(config, learner, data.val, progress.epochs_done + 1, loss, started)
        epoch = epoch.model_copy(update={"member": member, "phase": phase.name})
        if progress.add(epoch, keep=config.keep) and is_main():
            save_tensors(folder / WEIGHTS_FILE, learner.average.state_dict())
        stand = stand_after(config, progress.history)
        if stand is not None and stand.phase != phase:
            wait_for_all()
            enter_phase(learner, stand.phase, folder / WEIGHTS_FILE)
        if is_main():
            save_state(folder, progress, learner)
        learned = f" ({phase.name})" if config.head_epochs else ""
        note(
            f"epoch {epoch.epoch}/{most_epochs(config)}{learned}{of_many}: "
            f"loss {epoch.train_loss:.4f}, "
            f"val loss {epoch.val_loss:.4f}, val AUC {epoch.val_auroc:.4f}, "
            f"{len(data.train) / epoch.seconds:.0f} images/s"
            f"{' (best)' if config.keep == 'best' and progress.best_epoch == epoch.epoch else ''}"
        )
    return progress


def train_one_epoch(
    config: TrainConfig,
    learner: Learner,
    data: TrainingData,
    stand: Stand,
    epoch: int,
    bar: Bar,
) -> float:
    """Take every step of one epoch; return the mean loss.

    Args:
        config: The recipe.
        learner: What learns.
        data: What from.
        stand: The phase, and its epochs that are behind.
        epoch: All epochs that are behind.
        bar: Advances with each step.
    """
    batch, steps = batch_size(config, data.train), steps_per_epoch(config, data.train)
    device = learner.accelerator.device
    pixels = data.train.pixels.to(device)
    target = F.one_hot(data.train.target, len(data.classes)).float().to(device)
    seed_step(config.seed, epoch, steps)  # one past the last step: the order of this epoch
    order = draw_order(data.train.target, balanced=config.balanced_sampling).to(device)
    train_unfrozen(learner.network)
    losses: list[torch.Tensor] = []
    started = shown = time.perf_counter()
    for step, rows in enumerate(torch.split(order, batch)[:steps]):
        seed_step(config.seed, epoch, step)
        done = stand.done * steps + step
        set_rate(learner, phase_rate(config, stand.phase, done, steps))
        inputs, soft = make_batch(config, learner, data, pixels[rows], target[rows])
        losses.append(take_step(learner, inputs, soft, parts=config.accumulate))
        update_average(learner.average, learner.network, config.ema_decay, done)
        bar.advance(bar.task_ids[0])
        if time.perf_counter() - shown > SECONDS_A_STATUS:  # reading a loss waits for the GPU
            shown = time.perf_counter()
            rate = (step + 1) * batch / (shown - started)
            status = f"epoch {epoch + 1} loss {losses[-1].item():.3f} {rate:.0f} images/s"
            bar.update(bar.task_ids[0], status=status)
    mean_loss = total(float(torch.stack(losses).double().mean()))
    if not np.isfinite(mean_loss):
        raise InputError(
            f"the loss diverged in epoch {epoch + 1}", hint="use a lower --learning-rate"
        )
    return mean_loss


def make_batch(
    config: TrainConfig, learner: Learner, data: TrainingData, pixels: Tensor, target: Tensor
) -> tuple[Tensor, Tensor]:
    """Return what the network sees of ``uint8`` pixels, and what it is to answer."""
    inputs = apply_augmentation(
        data.augmentation, as_unit(pixels), horizontal_flip=config.horizontal_flip
    )
    return blend(
        normalise(inputs, learner.mean, learner.std),
        target,
        mixup_alpha=config.mixup_alpha,
        cutmix_alpha=config.cutmix_alpha,
    )


def set_rate(learner: Learner, rate: float) -> None:
    """Set the learning rate of the head; blocks below it have their share of it."""
    for group in learner.optimizer.param_groups:
        group["lr"] = rate * group[SCALE]


def take_step(learner: Learner, inputs: Tensor, target: Tensor, *, parts: int) -> Tensor:
    """Move the weights against the gradient of one batch; return this process's part of its loss.

    Args:
        learner: What learns.
        inputs: ``(B, channels, S, S)``.
        target: Class probabilities ``(B, C)``.
        parts: In how many pieces the batch passes the network; the gradient is of all of it.
    """
    learner.optimizer.zero_grad()
    losses, mine = [], my_rows(len(inputs))
    for images, wanted in zip(inputs[mine].chunk(parts), target[mine].chunk(parts), strict=True):
        loss = learner.criterion(learner.network(images).float(), wanted)
        loss = loss * (len(images) / len(inputs))
        learner.accelerator.backward(loss)
        losses.append(loss.detach())
    sum_gradients(learner.network)
    learner.accelerator.clip_grad_norm_(learner.network.parameters(), GRADIENT_NORM)
    learner.optimizer.step()
    average_statistics(learner.network)
    return torch.stack(losses).sum()


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
    part = compute_logits(
        learner.average,
        images.pixels[my_rows(len(images))],
        mean=learner.mean,
        std=learner.std,
        tta="none",  # an epoch is judged by one view: seven cost more than it took to learn
        batch_size=VAL_BATCH,
    )
    logits = join_rows(part)
    target = images.target.numpy()
    return Epoch(
        epoch=epoch,
        train_loss=train_loss,
        val_loss=negative_log_likelihood(logits, target),
        val_auroc=macro_auroc(target, softmax(logits, axis=1)),
        learning_rate=float(learner.optimizer.param_groups[0]["lr"]),
        seconds=time.perf_counter() - started,
    )


def check_shares(config: TrainConfig, parts: list[TrainingData]) -> None:
    """Raise ``InputError`` unless every process gets an image of each batch."""
    for part in parts:
        fewest = min(batch_size(config, part.train), len(part.train), len(part.val))
        if fewest < world_size() * config.accumulate:
            raise InputError(
                f"{fewest} images cannot be shared by {world_size()} processes "
                f"in {config.accumulate} parts",
                hint="start fewer processes, or raise --batch-size",
            )


def steps_per_epoch(config: TrainConfig, images: ImageSet) -> int:
    """Return how many full batches there are (one smaller batch when there is none)."""
    return max(1, len(images) // batch_size(config, images))


def batch_size(config: TrainConfig, images: ImageSet) -> int:
    """Return images a step: as set, else a power of two that leaves an epoch enough steps."""
    if config.batch_size is not None:
        return config.batch_size
    most = max(1, len(images) // STEPS_WANTED)
    return max(SMALLEST_BATCH, min(LARGEST_BATCH, 1 << (most.bit_length() - 1)))


def _kept(run_dir: Path) -> str:
    if any(run_dir.rglob(STATE_FILE)):
        told = f"finished epochs are kept in {run_dir}. Go on with"
    else:
        told = "no epoch was finished yet. Start again with"
    return f"interrupted; {told}: medx classify train --resume --output {run_dir}"


def _look_back(
    config: TrainConfig, run_dir: Path, *, resume: bool
) -> tuple[bool, TrainResult | None]:
    """Return whether there is something to resume, and its result when it is finished."""
    resume = resume and (run_dir / "config.yaml").is_file()
    if resume:
        _check_same_settings(config, run_dir)
        if (run_dir / "metrics.json").is_file():
            note(f"{run_dir} is already finished")
            return True, _load_result(run_dir / "metrics.json")
    return resume, None


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
        if name not in RESUMED_WITH_OTHERS and stored.get(name) != value:
            raise InputError(
                f"cannot resume with another {name}: {stored.get(name)!r} became {value!r}",
                hint="leave the setting out, or start a new run without --resume",
            )
