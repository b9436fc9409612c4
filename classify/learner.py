"""What learns: network, its running average, optimiser and loss, placed on a device."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch import Tensor, nn

from classify.config import COMPACT_CNN, TrainConfig
from classify.data import (
    ImageSet,
    channel_statistics,
    load_images,
    native_size,
    training_splits,
)
from classify.losses import FocalLoss, balanced_alpha
from classify.model import Network, build_model, check_model_name, default_size
from medx.core.device import resolve_device
from medx.core.errors import InputError
from medx.datasets.manifest import Dataset

PRECISION_NAMES = {"fp32": "no", "bf16": "bf16", "fp16": "fp16"}


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainingData:
    """Train and val in memory."""

    train: ImageSet
    val: ImageSet
    classes: tuple[str, ...]
    size: int
    colour: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class Learner:
    """Everything a training step touches.

    Args:
        network: The weights that take steps.
        average: Their running average, which is judged and kept.
        optimizer: AdamW.
        criterion: The loss.
        accelerator: Device and precision.
        mean: By channel, of train.
        std: By channel, of train.
    """

    network: Network
    average: Network
    optimizer: torch.optim.Optimizer
    criterion: nn.Module
    accelerator: Accelerator
    mean: Tensor
    std: Tensor


def load_training_data(config: TrainConfig, dataset: Dataset) -> TrainingData:
    """Decode train and val of a dataset at the size the model works at."""
    check_model_name(config.model)
    train, val = training_splits(dataset, limit=config.limit)
    size = config.size or default_size(config.model, native_size(train))
    return TrainingData(
        train=load_images(train, size, description="reading train"),
        val=load_images(val, size, description="reading val"),
        classes=dataset.classes,
        size=size,
        colour=dataset.colour,
    )


def build_learner(config: TrainConfig, data: TrainingData) -> Learner:
    """Build what learns; torch's generator decides the initial weights."""
    accelerator = _start_accelerator(config)
    network = build_model(
        config.model,
        len(data.classes),
        3 if data.colour else 1,
        size=data.size,
        pretrained=config.pretrained,
        weights=Path(config.weights) if config.weights else None,
    ).to(accelerator.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = copy.deepcopy(network).requires_grad_(False)
    optimizer = torch.optim.AdamW(_parameter_groups(network, config.weight_decay))
    network, optimizer = accelerator.prepare(network, optimizer)
    mean, std = channel_statistics(data.train.pixels)
    return Learner(
        network=network,
        average=average,
        optimizer=optimizer,
        criterion=build_criterion(config, data).to(accelerator.device),
        accelerator=accelerator,
        mean=torch.tensor(mean, dtype=torch.float32, device=accelerator.device),
        std=torch.tensor(std, dtype=torch.float32, device=accelerator.device),
    )


def build_criterion(config: TrainConfig, data: TrainingData) -> FocalLoss:
    """Build the loss; cross-entropy is focal loss that focuses on nothing."""
    num_classes = len(data.classes)
    alpha = None
    if config.focal_alpha == "balanced":
        alpha = balanced_alpha(data.train.target, num_classes)
    elif config.focal_alpha is not None:
        if len(config.focal_alpha) != num_classes:
            raise InputError(
                f"focal_alpha has {len(config.focal_alpha)} weights for {num_classes} classes",
                hint=f"give one for each of {', '.join(data.classes)}, or 'balanced'",
            )
        alpha = torch.tensor(config.focal_alpha)
    gamma = config.focal_gamma if config.loss == "focal" else 0.0
    return FocalLoss(gamma=gamma, alpha=alpha, label_smoothing=config.label_smoothing)


def initial_weights(config: TrainConfig) -> str:
    """Return where the network starts from, in words."""
    if config.weights:
        return f"file {Path(config.weights).name}"
    if config.model == COMPACT_CNN or not config.pretrained:
        return "scratch"
    return f"pretrained {config.model} of timm"


def _start_accelerator(config: TrainConfig) -> Accelerator:
    device = resolve_device(config.device)
    if config.precision == "fp16" and device == "cpu":
        raise InputError("fp16 needs a GPU", hint="use --precision fp32 or bf16")
    # accelerate holds device and precision for the whole process; a second training in it (the
    # demo, a benchmark over seeds) may want others.
    AcceleratorState._reset_state(reset_partial_state=True)
    accelerator = Accelerator(
        cpu=device == "cpu", mixed_precision=PRECISION_NAMES[config.precision]
    )
    if accelerator.num_processes > 1:
        raise InputError(
            f"training takes one process, got {accelerator.num_processes}",
            hint="start it without accelerate launch or torchrun",
        )
    return accelerator


def _parameter_groups(network: nn.Module, weight_decay: float) -> list[dict[str, object]]:
    # Decay pulls scales and shifts (one-dimensional) towards 0, which regularises nothing.
    matrices = [p for p in network.parameters() if p.ndim > 1]
    vectors = [p for p in network.parameters() if p.ndim <= 1]
    return [
        {"params": matrices, "weight_decay": weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
